package bitlocker

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"hangkit/image"
)

// Encrypt-on-write, since Windows 8: while a conversion runs, the volume is cut into regions,
// and a bitmap for each says which of its chunks are encrypted. The names are those of
// dissect.fve, which took them from the driver.
const (
	eowSignature   = "FVE-EOW\x00"
	eowHeaderSize  = 56
	eowSizeOff     = 10 // u16, with the offsets of the bitmaps
	eowChunkOff    = 20 // u32
	eowLogSizeOff  = 24 // u32
	eowRegionsOff  = 32 // u32
	eowCRCOff      = 36 // u32, of eowSize bytes with zeros in its own place
	eowMaxSize     = 1<<16 - 1
	minChunk       = 1 << 20
	maxChunk       = 1 << 30
	maxConvertLog  = 1 << 26
	maxVolume      = 1 << 50
	maxChunks      = 1 << 20 // of a volume: 8 TiB of the chunks that Windows uses
	bitmapOffBytes = 8
)

const (
	bitmapSignature  = "FVE-EOWBM\x00"
	bitmapHeaderSize = 60
	bitmapSizeOff    = 12 // u32
	bitmapRegionOff  = 20 // u64 offset, u64 size
	bitmapLogOff     = 36 // u64
	bitmapRecordsOff = 44 // 2 × u32
	bitmapRecords    = 2
	bitmapCRCOff     = 56 // u32, of the bytes before the first record
	bitmapMaxSize    = 1 << 20
)

const (
	recordSignature  = "FVE-EOWBR\x00"
	recordHeaderSize = 36
	recordSizeOff    = 12 // u32
	recordBitsOff    = 16 // u32
	recordSeqOff     = 20 // u64
	recordCRCOff     = 32 // u32, of the record
)

// stateRun is a stretch of the volume that is encrypted or is not.
type stateRun struct {
	image.Range
	encrypted bool
}

// onWrite is what encrypt-on-write says of a volume.
type onWrite struct {
	reserved []image.Range // its own areas
	runs     []stateRun    // in the order of the volume
}

// eowInfo is a view of the information that both copies hold.
type eowInfo []byte

func (i eowInfo) chunk() int64         { return int64(le.Uint32(i[eowChunkOff:])) }
func (i eowInfo) logSize() int64       { return int64(le.Uint32(i[eowLogSizeOff:])) }
func (i eowInfo) regions() int         { return int(le.Uint32(i[eowRegionsOff:])) }
func (i eowInfo) bitmap(n int) int64   { return int64(le.Uint64(i[eowHeaderSize+bitmapOffBytes*n:])) }
func (i eowInfo) has(regions int) bool { return len(i) >= eowHeaderSize+bitmapOffBytes*regions }

// readOnWrite reads the first good copy and its bitmaps.
func readOnWrite(d image.Disk, boot bootSector) (onWrite, error) {
	var errs []error
	for _, off := range boot.eow {
		info, err := readEOWInfo(d, off)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		w, err := readRegions(d, info, boot.sector)
		if err != nil {
			return onWrite{}, err
		}
		for _, off := range boot.eow {
			w.reserved = append(w.reserved, image.Range{Off: off, Len: roundUp(int64(len(info)), boot.sector)})
		}
		return w, nil
	}
	return onWrite{}, oneLine(errs)
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// readAt reads up to n bytes, which the end of the volume may cut.
func readAt(d image.Disk, off int64, n int) ([]byte, error) {
	if off < 0 || off >= d.Size() {
		return nil, damaged(off, "encrypt-on-write: offset", "inside the volume", fmt.Sprintf("0x%x", off))
	}
	b := make([]byte, min(int64(n), d.Size()-off))
	if got, err := d.ReadAt(b, off); got < len(b) && err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("BitLocker encrypt-on-write at 0x%x: %w", off, err)
	}
	return b, nil
}

func readEOWInfo(d image.Disk, off int64) (eowInfo, error) {
	b, err := readAt(d, off, eowMaxSize)
	if err != nil {
		return nil, err
	}
	return parseEOWInfo(b, off)
}

func parseEOWInfo(b []byte, off int64) (eowInfo, error) {
	if err := checkSignature(b, off, eowSignature, eowHeaderSize); err != nil {
		return nil, err
	}
	size := int(le.Uint16(b[eowSizeOff:]))
	if size < eowHeaderSize || size > len(b) {
		return nil, damaged(off+eowSizeOff, "encrypt-on-write: size", fmt.Sprintf("at most %d", len(b)), size)
	}
	info := eowInfo(b[:size])
	if err := checkCRC(b[:size], eowCRCOff, off); err != nil {
		return nil, err
	}
	chunk := info.chunk()
	switch {
	case chunk < minChunk || chunk > maxChunk || chunk&(chunk-1) != 0:
		return nil, damaged(off+eowChunkOff, "encrypt-on-write: chunk size", "a power of two from 1 MiB to 1 GiB", chunk)
	case info.logSize() > maxConvertLog:
		return nil, damaged(off+eowLogSizeOff, "encrypt-on-write: log size", fmt.Sprintf("at most %d", maxConvertLog), info.logSize())
	case info.regions() > eowMaxSize || !info.has(info.regions()):
		return nil, damaged(off+eowRegionsOff, "encrypt-on-write: regions", "no more than offsets for them", info.regions())
	}
	return info, nil
}

func checkSignature(b []byte, off int64, want string, size int) error {
	if len(b) < size || string(b[:len(want)]) != want {
		return damaged(off, "encrypt-on-write: signature", fmt.Sprintf("%q", want), fmt.Sprintf("%q", b[:min(len(b), len(want))]))
	}
	return nil
}

// checkCRC checks the CRC-32 of b, which stands in it at an offset.
func checkCRC(b []byte, at int, off int64) error {
	sum := crc32.NewIEEE()
	for _, part := range [][]byte{b[:at], make([]byte, 4), b[at+4:]} {
		_, _ = sum.Write(part) // a hash takes everything
	}
	if got := le.Uint32(b[at:]); got != sum.Sum32() {
		return damaged(off+int64(at), "encrypt-on-write: CRC", fmt.Sprintf("0x%08x", sum.Sum32()), fmt.Sprintf("0x%08x", got))
	}
	return nil
}

func readRegions(d image.Disk, info eowInfo, sector int64) (onWrite, error) {
	var w onWrite
	end, chunks := int64(0), int64(0) // of the regions so far: a hostile volume must not name one twice
	for i := range info.regions() {
		off := info.bitmap(i)
		b, err := readAt(d, off, bitmapMaxSize)
		if err != nil {
			return w, err
		}
		bitmap, err := parseBitmap(b, off)
		if err != nil {
			return w, err
		}
		region := bitmap.region()
		if region.Off < end || region.Len <= 0 || region.Len > maxVolume || region.Off > maxVolume || region.Off%sector != 0 || region.Len%sector != 0 {
			return w, damaged(off+bitmapRegionOff, "encrypt-on-write: region", "whole sectors behind the region before", region)
		}
		if chunks += region.Len / info.chunk(); chunks > maxChunks {
			return w, damaged(off+bitmapRegionOff, "encrypt-on-write: chunks", fmt.Sprintf("at most %d", maxChunks), chunks)
		}
		end = region.End()
		runs, err := bitmap.runs(info.chunk(), off)
		if err != nil {
			return w, err
		}
		w.runs = append(w.runs, runs...)
		w.reserved = append(w.reserved,
			image.Range{Off: off, Len: roundUp(int64(len(bitmap)), sector)},
			image.Range{Off: bitmap.log(), Len: roundUp(info.logSize(), sector)})
	}
	return w, nil
}

// bitmap is a view of a region's bitmap with both its records.
type bitmap []byte

func (b bitmap) region() image.Range {
	return image.Range{Off: int64(le.Uint64(b[bitmapRegionOff:])), Len: int64(le.Uint64(b[bitmapRegionOff+8:]))}
}
func (b bitmap) log() int64       { return int64(le.Uint64(b[bitmapLogOff:])) }
func (b bitmap) record(i int) int { return int(le.Uint32(b[bitmapRecordsOff+4*i:])) }

func parseBitmap(b []byte, off int64) (bitmap, error) {
	if err := checkSignature(b, off, bitmapSignature, bitmapHeaderSize); err != nil {
		return nil, err
	}
	size := int(le.Uint32(b[bitmapSizeOff:]))
	if size < bitmapHeaderSize || size > len(b) {
		return nil, damaged(off+bitmapSizeOff, "encrypt-on-write: bitmap size", fmt.Sprintf("at most %d", len(b)), size)
	}
	m := bitmap(b[:size])
	first := m.record(0)
	if first < bitmapHeaderSize || first > size {
		return nil, damaged(off+bitmapRecordsOff, "encrypt-on-write: record offset", fmt.Sprintf("at most %d", size), first)
	}
	return m, checkCRC(m[:first], bitmapCRCOff, off)
}

// active is the good record with the higher sequence number.
func (b bitmap) active(off int64) (record, error) {
	var best record
	var errs []error
	for i := range bitmapRecords {
		at := b.record(i)
		if at > len(b) {
			errs = append(errs, damaged(off+bitmapRecordsOff, "encrypt-on-write: record offset", fmt.Sprintf("at most %d", len(b)), at))
			continue
		}
		r, err := parseRecord(b[at:], off+int64(at))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if best == nil || r.sequence() > best.sequence() {
			best = r
		}
	}
	if best == nil {
		return nil, oneLine(errs)
	}
	return best, nil
}

// runs turns the bits into stretches of the volume, neighbours of one kind merged.
func (b bitmap) runs(chunk, off int64) ([]stateRun, error) {
	r, err := b.active(off)
	if err != nil {
		return nil, err
	}
	region := b.region()
	chunks := (region.Len + chunk - 1) / chunk
	if int64(r.bits()) < chunks {
		return nil, damaged(off, "encrypt-on-write: bits", chunks, r.bits())
	}
	var runs []stateRun
	for i := range int(chunks) {
		at := region.Off + int64(i)*chunk
		run := stateRun{Range: image.Range{Off: at, Len: min(chunk, region.End()-at)}, encrypted: r.bit(i)}
		if n := len(runs); n > 0 && runs[n-1].encrypted == run.encrypted {
			runs[n-1].Len += run.Len
			continue
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// record is a view of one state of a bitmap.
type record []byte

func (r record) bits() uint32     { return le.Uint32(r[recordBitsOff:]) }
func (r record) sequence() uint64 { return le.Uint64(r[recordSeqOff:]) }
func (r record) bit(i int) bool   { return r[recordHeaderSize+i/8]>>(i%8)&1 != 0 }

func parseRecord(b []byte, off int64) (record, error) {
	if err := checkSignature(b, off, recordSignature, recordHeaderSize); err != nil {
		return nil, err
	}
	size := int64(le.Uint32(b[recordSizeOff:]))
	if size < recordHeaderSize || size > int64(len(b)) {
		return nil, damaged(off+recordSizeOff, "encrypt-on-write: record size", fmt.Sprintf("at most %d", len(b)), size)
	}
	r := record(b[:size])
	if bits := int64(r.bits()); bits > 8*(size-recordHeaderSize) {
		return nil, damaged(off+recordBitsOff, "encrypt-on-write: bits", fmt.Sprintf("at most %d", 8*(size-recordHeaderSize)), bits)
	}
	return r, checkCRC(r, recordCRCOff, off)
}
