package bitlocker

import (
	"hash/crc32"
	"io"
	"testing"

	"hangkit/image"
)

// fuzzVolume is a volume small enough to be read whole for each input.
const fuzzVolume = 1 << 20

// FuzzOpen gives a volume any boot sector and any metadata, whose CRC is put right.
func FuzzOpen(f *testing.F) {
	boot := make([]byte, bootSectorSize)
	copy(boot[oemOff:], oemBitLocker)
	copy(boot[160:], normalGUID[:])
	le.PutUint64(boot[176:], 4096)
	block := make([]byte, 256)
	copy(block, signature)
	le.PutUint16(block[blockSizeOff:], uint16(len(block)>>blockSizeUnit))
	le.PutUint16(block[versionOff:], versionSeven)
	le.PutUint16(block[currentStateOff:], uint16(Decrypted))
	le.PutUint64(block[copiesOff:], 4096)
	f.Add(boot, block)
	le.PutUint16(block[currentStateOff:], uint16(Encrypted))
	le.PutUint16(block[datasetOff+datasetMethod:], uint16(XTS128))
	f.Add(boot, block)
	f.Fuzz(func(t *testing.T, boot, block []byte) {
		d := image.NewMemory(fuzzVolume, 512)
		write := func(b []byte, off int64) {
			if _, err := d.WriteAt(b[:min(len(b), areaSize)], off); err != nil {
				t.Skip()
			}
		}
		write(boot, 0)
		s, err := parseBootSector(append(boot, make([]byte, bootSectorSize)...)[:bootSectorSize])
		if err == nil && s.metadata[0] > bootSectorSize && s.metadata[0] < fuzzVolume-areaSize {
			write(block, s.metadata[0])
			sum := le.AppendUint32(nil, crc32.ChecksumIEEE(block))
			write(sum, s.metadata[0]+int64(len(block))+validationCRC)
		}
		exercise(t, d)
	})
}

// exercise does what can be done without a key.
func exercise(t *testing.T, d image.Disk) {
	t.Helper()
	_ = Probe(d)
	l, err := Open(d)
	if err != nil {
		return
	}
	_, _, _, _ = l.Protectors(), l.Description(), l.Suspended(), l.ID()
	v, err := l.Unlock(t.Context(), &Secret{kind: KeyFile, external: externalKey{key: make([]byte, externalSize)}})
	if err != nil {
		return
	}
	if n, err := io.Copy(io.Discard, io.NewSectionReader(v, 0, v.Size())); err == nil && n != v.Size() {
		t.Errorf("read %d of %d", n, v.Size())
	}
}

// FuzzDatums parses what is inside metadata, and what a key would unseal.
func FuzzDatums(f *testing.F) {
	f.Add([]byte{32, 0, 2, 0, 8, 0, 1, 0})
	f.Add([]byte{12, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		for d := range datums(b) {
			if len(d.data) < minData[d.typ] || len(d.data) > len(b) {
				t.Errorf("datum of type %d with %d bytes", d.typ, len(d.data))
			}
			if d.typ == typeVMK {
				k := parseMasterKey(d)
				_, _ = k.open(make([]byte, externalSize))
			}
		}
	})
}

// FuzzOnWrite parses the structures of encrypt-on-write with their CRCs put right.
func FuzzOnWrite(f *testing.F) {
	f.Add(eowInfoBytes(eowChunk, eowMapAt), bitmapBytes(image.Range{Off: 8192, Len: 16 << 20}, eowLogAt, recordBytes(6, 2, 3), recordBytes(7, 2, 1)))
	f.Fuzz(func(t *testing.T, info, m []byte) {
		rightCRC(info, len(info), eowCRCOff)
		if len(m) >= bitmapHeaderSize {
			rightCRC(m, bitmap(m).record(0), bitmapCRCOff)
			for i := range bitmapRecords {
				if at := bitmap(m).record(i); at <= len(m)-recordHeaderSize {
					rightCRC(m[at:], int(le.Uint32(m[at+recordSizeOff:])), recordCRCOff)
				}
			}
		}
		d := eowDisk(t, patch{eowInfoAt, cut(info)}, patch{eowInfoAt + 4096, cut(info)}, patch{eowMapAt, cut(m)})
		w, err := readOnWrite(d, eowBoot)
		if err != nil {
			return
		}
		g := geometry{size: eowVolume, sector: 512, relocated: image.Range{Off: 1 << 20, Len: 8192}, reserved: w.reserved, runs: w.runs}
		if g.check(metadata{}) != nil {
			return
		}
		at := int64(0)
		for _, e := range g.extents() {
			if e.Off != at || e.Len <= 0 {
				t.Fatalf("extent %v at 0x%x", e, at)
			}
			at = e.End()
		}
		if at != eowVolume {
			t.Errorf("extents end at 0x%x", at)
		}
	})
}

func cut(b []byte) []byte { return b[:min(len(b), areaSize)] }

// rightCRC puts the CRC of the first n bytes right, if there are so many.
func rightCRC(b []byte, n, at int) {
	if n > len(b) || at+4 > n {
		return
	}
	clear(b[at : at+4])
	putCRC(b[:n], at)
}

// FuzzKeyFile parses key files and what is typed.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte(goodRecovery))
	f.Add([]byte(saved))
	f.Add(bekHeader())
	f.Add(bekBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		secrets, err := ParseKeyFile(b)
		if (err == nil) != (len(secrets) > 0 && secrets[0] != nil) {
			t.Errorf("%d secrets and %v", len(secrets), err)
		}
	})
}

// FuzzRecovery: what parses is what its key stands for.
func FuzzRecovery(f *testing.F) {
	f.Add(goodRecovery)
	f.Add("000000-000011-000022-000033-000044-000055-000066-720885")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := RecoveryKey(text)
		if err != nil {
			return
		}
		digits := ""
		for i := range recoveryGroups {
			n := int(le.Uint16(key[2*i:])) * groupFactor
			for place := 100000; place > 0; place /= 10 {
				digits += string(rune('0' + n/place%10))
			}
		}
		if again, err := RecoveryKey(digits); err != nil || again != key {
			t.Errorf("%q gives %x, its digits %x (%v)", text, key, again, err)
		}
	})
}
