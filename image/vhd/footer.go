package vhd

import (
	"encoding/binary"
	"fmt"
	"io"

	"hangkit/image/container"
)

var be = binary.BigEndian

// Cookie begins the footer and its copy at the start of the file.
const Cookie = "conectix"

// FooterSize is the size of the footer, which ends the file.
const FooterSize = 512

// The fields of the footer (specification, "Hard Disk Footer Format").
const (
	footerFeatures    = 8  // u32
	footerVersion     = 12 // u32
	footerDataOffset  = 16 // u64, of the dynamic header
	footerTime        = 24 // u32, seconds since 2000
	footerCreator     = 28 // 4 letters
	footerCreatorVer  = 32 // u32
	footerCreatorHost = 36 // 4 letters
	footerOriginal    = 40 // u64
	footerSize        = 48 // u64, current size of the disk
	footerGeometry    = 56 // u16 cylinders, u8 heads, u8 sectors
	footerType        = 60 // u32
	footerChecksum    = 64 // u32
	footerID          = 68 // 16 bytes
	footerSavedState  = 84 // u8
)

// The types of disk.
const (
	typeFixed        = 2
	typeDynamic      = 3
	typeDifferencing = 4
)

// footer is the 512 bytes that describe the disk.
type footer []byte

func (f footer) cookie() string    { return string(f[:len(Cookie)]) }
func (f footer) headerOff() uint64 { return be.Uint64(f[footerDataOffset:]) }
func (f footer) size() int64       { return int64(be.Uint64(f[footerSize:])) }
func (f footer) diskType() uint32  { return be.Uint32(f[footerType:]) }
func (f footer) checksum() uint32  { return be.Uint32(f[footerChecksum:]) }
func (f footer) id() []byte        { return f[footerID : footerID+16] }
func (f footer) savedState() bool  { return f[footerSavedState] != 0 }

// sum computes the checksum of a footer or header in which it lies at
// field: the one's complement of the sum of all other bytes.
func sum(b []byte, field int) uint32 {
	var sum uint32
	for i, v := range b {
		if i < field || i >= field+4 {
			sum += uint32(v)
		}
	}
	return ^sum
}

// readFooter reads and checks the footer at off.
func readFooter(r io.ReaderAt, off int64) (footer, error) {
	if off < 0 {
		return nil, &container.FormatError{What: "vhd footer", Got: "a file too short for one"}
	}
	f := make(footer, FooterSize)
	if err := container.ReadFull(r, f, off); err != nil {
		return nil, fmt.Errorf("vhd footer: %w", err)
	}
	if got := f.cookie(); got != Cookie {
		return nil, &container.FormatError{Off: off, What: "vhd footer: cookie", Want: fmt.Sprintf("%q", Cookie), Got: fmt.Sprintf("%q", got)}
	}
	return f, nil
}

// validate checks the checksum of a footer that lies at off.
func (f footer) validate(off int64) error {
	if want, got := sum(f, footerChecksum), f.checksum(); want != got {
		return &container.FormatError{Off: off + footerChecksum, What: "vhd footer: checksum", Want: want, Got: got}
	}
	return nil
}

// Sniff says whether a file of size bytes ends in the footer of a VHD, and
// whether that VHD is a fixed one.
func Sniff(r io.ReaderAt, size int64) (found, fixed bool) {
	f, err := readFooter(r, size-FooterSize)
	if err != nil {
		return false, false
	}
	return true, f.diskType() == typeFixed
}

// Fixed is what a fixed VHD says about its disk, which begins at offset 0.
type Fixed struct {
	Size int64
	ID   string // by which a differencing disk knows its parent
}

// OpenFixed reads the footer of a fixed VHD in a file of size bytes.
func OpenFixed(r io.ReaderAt, size int64) (*Fixed, error) {
	off := size - FooterSize
	f, err := readFooter(r, off)
	if err != nil {
		return nil, err
	}
	if err := f.validate(off); err != nil {
		return nil, err
	}
	if got := f.size(); got <= 0 || container.RoundUp(got, sectorSize) != container.RoundUp(off, sectorSize) {
		return nil, &container.FormatError{Off: off + footerSize, What: "vhd footer: disk size", Want: off, Got: got}
	}
	return &Fixed{Size: f.size(), ID: identity(f.id())}, nil
}

// identity is the form in which ids are compared and shown.
func identity(id []byte) string { return fmt.Sprintf("%x", id) }
