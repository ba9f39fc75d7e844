package bitlocker

import (
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"hangkit/image"
)

// A volume with encrypt-on-write, made up: two regions, the second with a shorter last chunk.
const (
	eowVolume = 64 << 20
	eowInfoAt = 40 << 20
	eowMapAt  = 41 << 20 // of the first region, the second's a MiB behind
	eowLogAt  = 43 << 20
	eowChunk  = 8 << 20
)

var eowBoot = bootSector{sector: 512, onWrite: true, eow: [eowCopies]int64{eowInfoAt, eowInfoAt + 4096}}

// putCRC writes the CRC of b, which holds zeros there, at an offset in it.
func putCRC(b []byte, at int) []byte {
	le.PutUint32(b[at:], crc32.ChecksumIEEE(b))
	return b
}

func eowInfoBytes(chunk uint32, bitmaps ...uint64) []byte {
	b := make([]byte, eowHeaderSize+8*len(bitmaps))
	copy(b, eowSignature)
	le.PutUint16(b[8:], eowHeaderSize)
	le.PutUint16(b[eowSizeOff:], uint16(len(b)))
	le.PutUint32(b[eowChunkOff:], chunk)
	le.PutUint32(b[eowLogSizeOff:], 0x80c00)
	le.PutUint32(b[eowRegionsOff:], uint32(len(bitmaps)))
	for i, off := range bitmaps {
		le.PutUint64(b[eowHeaderSize+8*i:], off)
	}
	return putCRC(b, eowCRCOff)
}

func recordBytes(sequence uint64, bits uint32, bitmap ...byte) []byte {
	b := make([]byte, 512)
	copy(b, recordSignature)
	le.PutUint32(b[recordSizeOff:], 512)
	le.PutUint32(b[recordBitsOff:], bits)
	le.PutUint64(b[recordSeqOff:], sequence)
	copy(b[recordHeaderSize:], bitmap)
	return putCRC(b, recordCRCOff)
}

func bitmapBytes(region image.Range, log uint64, first, second []byte) []byte {
	b := make([]byte, 512)
	copy(b, bitmapSignature)
	le.PutUint32(b[bitmapSizeOff:], 1536)
	le.PutUint64(b[bitmapRegionOff:], uint64(region.Off))
	le.PutUint64(b[bitmapRegionOff+8:], uint64(region.Len))
	le.PutUint64(b[bitmapLogOff:], log)
	le.PutUint32(b[bitmapRecordsOff:], 512)
	le.PutUint32(b[bitmapRecordsOff+4:], 1024)
	return slices.Concat(putCRC(b, bitmapCRCOff), first, second)
}

type patch struct {
	off int64
	b   []byte
}

func eowDisk(tb testing.TB, more ...patch) image.Disk {
	tb.Helper()
	d := image.NewMemory(eowVolume, 512)
	for _, p := range append([]patch{
		{eowInfoAt, eowInfoBytes(eowChunk, eowMapAt, eowMapAt+1<<20)},
		{eowInfoAt + 4096, eowInfoBytes(eowChunk, eowMapAt, eowMapAt+1<<20)},
		{eowMapAt, bitmapBytes(image.Range{Off: 8192, Len: 16 << 20}, eowLogAt, recordBytes(6, 2, 3), recordBytes(7, 2, 1))},
		{eowMapAt + 1<<20, bitmapBytes(image.Range{Off: 8192 + 16<<20, Len: 12 << 20}, eowLogAt+1<<20, recordBytes(2, 2, 2), recordBytes(1, 2, 0))},
	}, more...) {
		if _, err := d.WriteAt(p.b, p.off); err != nil {
			tb.Fatal(err)
		}
	}
	return d
}

func TestOnWrite(t *testing.T) {
	t.Parallel()
	w, err := readOnWrite(eowDisk(t), eowBoot)
	if err != nil {
		t.Fatal(err)
	}
	want := []stateRun{
		{image.Range{Off: 8192, Len: 8 << 20}, true}, {image.Range{Off: 8192 + 8<<20, Len: 8 << 20}, false},
		{image.Range{Off: 8192 + 16<<20, Len: 8 << 20}, false}, {image.Range{Off: 8192 + 24<<20, Len: 4 << 20}, true},
	}
	if !slices.Equal(w.runs, want) {
		t.Errorf("runs %v", w.runs)
	}
	if len(w.reserved) != 6 || w.reserved[1] != (image.Range{Off: eowLogAt, Len: 0x80c00}) || w.reserved[5] != (image.Range{Off: eowInfoAt + 4096, Len: 512}) {
		t.Errorf("reserved %v", w.reserved)
	}
}

func TestOnWriteDamaged(t *testing.T) {
	t.Parallel()
	zeros := make([]byte, 16)
	second := int64(eowMapAt + 1<<20)
	region := image.Range{Off: 8192, Len: 16 << 20}
	for name, c := range map[string]struct {
		patches []patch
		good    bool
	}{
		"first information":     {[]patch{{eowInfoAt, zeros}}, true},
		"both":                  {[]patch{{eowInfoAt, zeros}, {eowInfoAt + 4096, zeros}}, false},
		"CRC of both":           {[]patch{{eowInfoAt + 20, []byte{1}}, {eowInfoAt + 4096 + 20, []byte{1}}}, false},
		"newer record":          {[]patch{{eowMapAt + 1024, zeros}}, true},
		"both records":          {[]patch{{eowMapAt + 512, zeros}, {eowMapAt + 1024, zeros}}, false},
		"CRC of a bitmap":       {[]patch{{eowMapAt + 30, []byte{1}}}, false},
		"bitmap":                {[]patch{{second, zeros}}, false},
		"the same region twice": {[]patch{{second, bitmapBytes(region, eowLogAt, recordBytes(1, 2, 0), recordBytes(2, 2, 0))}}, false},
		"too few bits":          {[]patch{{eowMapAt, bitmapBytes(region, eowLogAt, recordBytes(1, 1, 0), recordBytes(2, 1, 0))}}, false},
		"too many bits":         {[]patch{{eowMapAt, bitmapBytes(region, eowLogAt, recordBytes(1, 1<<20, 0), recordBytes(2, 1<<20, 0))}}, false},
		"an endless region": {[]patch{{second, bitmapBytes(image.Range{Off: 32 << 20, Len: 1 << 62}, eowLogAt,
			recordBytes(1, 1, 0), recordBytes(2, 1, 0))}}, false},
		"a small chunk": {[]patch{{eowInfoAt, eowInfoBytes(512, eowMapAt)}, {eowInfoAt + 4096, eowInfoBytes(512, eowMapAt)}}, false},
		"outside":       {[]patch{{eowInfoAt, eowInfoBytes(eowChunk, 1<<60)}, {eowInfoAt + 4096, zeros}}, false},
	} {
		_, err := readOnWrite(eowDisk(t, c.patches...), eowBoot)
		if c.good != (err == nil) || err != nil && !errors.Is(err, image.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExtents maps a volume with everything in the way.
func TestExtents(t *testing.T) {
	t.Parallel()
	g := geometry{
		size: 1000 * 512, sector: 512,
		relocated: image.Range{Off: 200 * 512, Len: 16 * 512},
		reserved:  []image.Range{{Off: 100 * 512, Len: 10 * 512}, {Off: 990 * 512, Len: 100 * 512}},
		runs:      []stateRun{{image.Range{Off: 8 * 512, Len: 200 * 512}, true}, {image.Range{Off: 208 * 512, Len: 500 * 512}, false}},
	}
	const s = 512
	want := []extent{
		{image.Range{Off: 0, Len: 8 * s}, encrypted, 200 * s},
		{image.Range{Off: 8 * s, Len: 8 * s}, plain, 208 * s},
		{image.Range{Off: 16 * s, Len: 84 * s}, encrypted, 16 * s},
		{image.Range{Off: 100 * s, Len: 10 * s}, reserved, 100 * s},
		{image.Range{Off: 110 * s, Len: 90 * s}, encrypted, 110 * s},
		{image.Range{Off: 200 * s, Len: 16 * s}, reserved, 200 * s},
		{image.Range{Off: 216 * s, Len: 492 * s}, plain, 216 * s},
		{image.Range{Off: 708 * s, Len: 282 * s}, unknown, 708 * s},
		{image.Range{Off: 990 * s, Len: 10 * s}, reserved, 990 * s},
	}
	if got := g.extents(); !slices.Equal(got, want) {
		t.Errorf("extents %v", got)
	}
}

// TestOverlapSamePlace: metadata that lies exactly where the relocated sectors do is found, too.
func TestOverlapSamePlace(t *testing.T) {
	t.Parallel()
	const metadataAt = 1 << 20
	m := metadata{off: metadataAt, block: make([]byte, minBlock)}
	le.PutUint16(m.block[currentStateOff:], uint16(Encrypted))
	le.PutUint64(m.block[copiesOff:], metadataAt)
	le.PutUint32(m.block[bootSectorsOff:], areaSize/512)
	for at, want := range map[uint64]error{metadataAt: ErrReserved, 2 * metadataAt: nil} {
		le.PutUint64(m.block[relocatedOff:], at)
		g, err := newGeometry(image.NewMemory(eowVolume, 512), bootSector{sector: 512}, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.overlap(); !errors.Is(err, want) {
			t.Errorf("relocated to 0x%x: %v, want %v", at, err, want)
		}
	}
}

// TestDecryptedSaysMetadata: the bitmaps say that everything is encrypted, and the metadata that
// nothing is any more. Without a key nothing is read then.
func TestDecryptedSaysMetadata(t *testing.T) {
	t.Parallel()
	const metadataAt = 1 << 20
	boot, block := make([]byte, bootSectorSize), make([]byte, 256)
	copy(boot[oemOff:], oemBitLocker)
	copy(boot[160:], eowGUID[:])
	for i, off := range []uint64{metadataAt, metadataAt, metadataAt, eowInfoAt, eowInfoAt + 4096} {
		le.PutUint64(boot[160+guidSize+8*i:], off)
	}
	copy(block, signature)
	le.PutUint16(block[blockSizeOff:], uint16(len(block)>>blockSizeUnit))
	le.PutUint16(block[versionOff:], versionSeven)
	le.PutUint16(block[currentStateOff:], uint16(Decrypted))
	le.PutUint64(block[copiesOff:], metadataAt)
	le.PutUint64(block[relocatedOff:], 2<<20)
	le.PutUint32(block[bootSectorsOff:], 16)
	validation := le.AppendUint32(make([]byte, validationCRC), crc32.ChecksumIEEE(block))
	d := eowDisk(t, patch{0, boot}, patch{metadataAt, slices.Concat(block, validation)})
	l, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := l.Unlock(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("unlocked: %v, %v", v, err)
	}
}
