package vhd

import (
	"fmt"
	"io"
	"unicode/utf16"

	"hangkit/image/container"
)

const (
	headerCookie = "cxsparse"
	headerSize   = 1024
)

// The fields of the header of dynamic and differencing disks (specification,
// "Dynamic Disk Header Format").
const (
	headerDataOffset = 8   // u64, unused
	headerTable      = 16  // u64, offset of the BAT
	headerVersion    = 24  // u32
	headerEntries    = 28  // u32, blocks of the disk
	headerBlockSize  = 32  // u32
	headerChecksum   = 36  // u32
	headerParentID   = 40  // 16 bytes
	headerParentName = 64  // 512 bytes of UTF-16
	headerLocators   = 576 // 8 of 24 bytes
)

// A parent locator: u32 platform, u32 room, u32 length, u32 reserved, u64
// offset of the path.
const (
	locatorCount  = 8
	locatorSize   = 24
	locatorLength = 8
	locatorOffset = 16
	// maxLocator bounds a path: Windows takes no longer ones.
	maxLocator = 64 << 10
)

// Block sizes: 2 MiB, and what others have been seen to make.
const (
	sectorSize   = 512
	minBlockSize = 64 << 10
	maxBlockSize = 256 << 20
)

// maxSize is that of Windows: the numbers of sectors reach no further.
const maxSize = 2040 << 30

// header is the 1024 bytes that describe how a disk is cut into blocks.
type header []byte

func (h header) cookie() string   { return string(h[:len(headerCookie)]) }
func (h header) table() uint64    { return be.Uint64(h[headerTable:]) }
func (h header) entries() int64   { return int64(be.Uint32(h[headerEntries:])) }
func (h header) blockSize() int64 { return int64(be.Uint32(h[headerBlockSize:])) }
func (h header) checksum() uint32 { return be.Uint32(h[headerChecksum:]) }
func (h header) parentID() string { return identity(h[headerParentID : headerParentID+16]) }

// readHeader reads and checks the header that the footer points to.
func readHeader(r io.ReaderAt, f footer) (header, error) {
	off := int64(f.headerOff())
	if off < 0 || off%sectorSize != 0 {
		return nil, &container.FormatError{Off: footerDataOffset, What: "vhd footer: offset of the header", Got: off}
	}
	h := make(header, headerSize)
	if err := container.ReadFull(r, h, off); err != nil {
		return nil, fmt.Errorf("vhd header: %w", err)
	}
	return h, h.validate(off, f.size())
}

// validate checks the header at off of a disk of size bytes.
func (h header) validate(off, size int64) error {
	fault := func(field int64, what string, want, got any) error {
		return &container.FormatError{Off: off + field, What: "vhd header: " + what, Want: want, Got: got}
	}
	block := h.blockSize()
	switch {
	case h.cookie() != headerCookie:
		return fault(0, "cookie", headerCookie, fmt.Sprintf("%q", h.cookie()))
	case h.checksum() != sum(h, headerChecksum):
		return fault(headerChecksum, "checksum", sum(h, headerChecksum), h.checksum())
	case block < minBlockSize || block > maxBlockSize || block&(block-1) != 0:
		return fault(headerBlockSize, "block size", "a power of two", block)
	case size <= 0 || size > maxSize || size > h.entries()*block:
		return fault(headerEntries, "blocks", fmt.Sprintf("enough for %d bytes", size), h.entries())
	case h.table()%sectorSize != 0 || h.table() > 1<<62:
		return fault(headerTable, "offset of the table", "a sector's", h.table())
	}
	return nil
}

// parentNames lists where the parent may lie: the paths of the locators, and
// last the name in the header.
func (h header) parentNames(r io.ReaderAt) []string {
	var relative, absolute []string
	for i := range locatorCount {
		l := h[headerLocators+i*locatorSize:][:locatorSize]
		switch string(l[:4]) {
		case "W2ru":
			relative = append(relative, readLocator(r, l)...)
		case "W2ku":
			absolute = append(absolute, readLocator(r, l)...)
		}
	}
	units := make([]uint16, 0, 256)
	for b := h[headerParentName:headerLocators]; len(b) > 0 && be.Uint16(b) != 0; b = b[2:] {
		units = append(units, be.Uint16(b))
	}
	return append(append(relative, absolute...), string(utf16.Decode(units)))
}

// readLocator gives the path of a locator, none if it cannot be read.
func readLocator(r io.ReaderAt, l []byte) []string {
	n := be.Uint32(l[locatorLength:])
	if n == 0 || n > maxLocator {
		return nil
	}
	b := make([]byte, n/2*2)
	if container.ReadFull(r, b, int64(be.Uint64(l[locatorOffset:])&(1<<63-1))) != nil {
		return nil
	}
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) > 0; b = b[2:] {
		units = append(units, uint16(b[0])|uint16(b[1])<<8) // unlike the rest, little endian
	}
	return []string{string(utf16.Decode(units))}
}
