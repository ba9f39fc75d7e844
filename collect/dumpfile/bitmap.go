package dumpfile

import (
	"fmt"
	"io"
)

const (
	magicSDMP uint32 = 0x504D4453 // 'SDMP': kernel or active dump
	magicFDMP uint32 = 0x504D4446 // 'FDMP': full dump
	magicRDMP uint32 = 0x504D4452 // 'RDMP': written by a debugger
)

// maxBitmapBits bounds what BitmapSize is believed: 2 GiB of bitmap, the
// pages of 64 TiB.
const maxBitmapBits = 1 << 34

// BitmapHeader is the header behind DUMP_HEADER of the types 5 and 6, or the
// SUMMARY_DUMP of type 2. The lengths are as written.
type BitmapHeader struct {
	Off        int64 // where it stands
	Summary    bool  // SUMMARY_DUMP of type 2
	Full       bool  // 'FDMP'
	Options    Field[uint32]
	HeaderSize uint64 // file offset of the first page
	Pages      uint64
	Bits       uint64 // BitmapSize
	BitsOff    int64  // file offset of the bitmap
}

// bitmapEnd is the file offset behind the bitmap. The caller has bounded Bits.
func (b *BitmapHeader) bitmapEnd() int64 { return b.BitsOff + int64(bitmapBytes(b.Bits)) }

const (
	bitmapHeaderLen  = 0x38 // types 5 and 6; the bitmap follows
	summaryBits32    = 0x20 // type 2: where the bitmap follows
	summaryBits64    = 0x28
	dumpOptions      = 0x08
	bitmapHeaderSize = 0x20
	bitmapPages      = 0x28
	bitmapSize       = 0x30

	summaryHeaderSize = 0x0C
	summaryBitmapSize = 0x10
	summaryPages      = 0x14
	summarySizeOfBits = 0x18
)

// parseBitmapHeader reads the bitmap header at off. Its marks are required,
// its numbers are not judged.
func parseBitmapHeader(r io.ReaderAt, size, off int64, kind Type, bits int) (*BitmapHeader, error) {
	b, err := readFull(r, size, off, bitmapHeaderLen, "bitmap header")
	if err != nil {
		return nil, err
	}
	sig, valid := le.Uint32(b), le.Uint32(b[4:])
	if (sig != magicSDMP && sig != magicFDMP) || valid != magicDump {
		return nil, &FormatError{off, "bitmap header", "'SDMP' or 'FDMP', 'DUMP'", fmt.Sprintf("%q", b[:8])}
	}
	h := &BitmapHeader{
		Off: off, Full: sig == magicFDMP,
		HeaderSize: le.Uint64(b[bitmapHeaderSize:]),
		Pages:      le.Uint64(b[bitmapPages:]),
		Bits:       le.Uint64(b[bitmapSize:]),
		BitsOff:    off + bitmapHeaderLen,
	}
	if o := le.Uint32(b[dumpOptions:]); o != fill32 {
		h.Options = known(o)
	}
	if kind == TypeSummary {
		h.readSummary(b, bits)
	}
	return h, nil
}

// readSummary reads the 32-bit lengths of a SUMMARY_DUMP. Its bitmap is an
// RTL_BITMAP (size and pointer) with the bits behind it, so its place depends
// on the width of a pointer.
func (b *BitmapHeader) readSummary(raw []byte, bits int) {
	b.Summary = true
	b.HeaderSize = uint64(le.Uint32(raw[summaryHeaderSize:]))
	b.Pages = uint64(le.Uint32(raw[summaryPages:]))
	b.Bits = uint64(le.Uint32(raw[summarySizeOfBits:]))
	if b.Bits == 0 || b.Bits == uint64(fill32) {
		b.Bits = uint64(le.Uint32(raw[summaryBitmapSize:]))
	}
	b.BitsOff = b.Off + summaryBits32
	if bits == 64 {
		b.BitsOff = b.Off + summaryBits64
	}
}

// checkLengths says what is wrong with the header's numbers, nil when they go
// together.
func (b *BitmapHeader) checkLengths() error {
	switch {
	case b.Bits == 0 || b.Bits > maxBitmapBits:
		return &FormatError{b.Off, "BitmapSize", fmt.Sprintf("1 to %d bits", int64(maxBitmapBits)), b.Bits}
	case b.Pages > b.Bits:
		return &FormatError{b.Off, "Pages", fmt.Sprintf("at most %s, as the bitmap has", count(b.Bits, "bit")), b.Pages}
	case b.HeaderSize < uint64(b.bitmapEnd()) || b.HeaderSize > uint64(b.bitmapEnd())+maxHeaderGap:
		return &FormatError{b.Off, "HeaderSize", fmt.Sprintf("the page behind the bitmap, which ends at %#x", b.bitmapEnd()), fmt.Sprintf("%#x", b.HeaderSize)}
	}
	return nil
}

// maxHeaderGap is the padding between bitmap and first page that is believed.
const maxHeaderGap = 64 << 20
