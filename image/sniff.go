package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Format is how a disk is packed into a file.
type Format int

// The formats Sniff knows. Everything else is Raw.
const (
	Raw      Format = iota
	FixedVHD        // raw with a footer
	VHD             // dynamic or differencing
	VHDX            // Hyper-V since Windows 8
	QCOW2           // QEMU
	QED             // QEMU, before qcow2 version 3
	VMDK            // VMware, sparse or stream-optimised
	VMDKText        // VMware, the text that names the extents
	VDI             // VirtualBox
	WIM             // Windows installation image, ESD and split ones too
	EWF             // EnCase, E01 and L01
	EWF2            // EnCase 7, Ex01
	Gzip            //
	Bzip2           //
	XZ              //
	Zstd            //
	SevenZip        //
	Zip             //
)

// formatInfo is what a user needs to hear about a format.
type formatInfo struct {
	name string
	hint string // how to get a raw image out of it
}

const qemuImg = "convert it first: qemu-img convert -O raw %s disk.img"

// formats is indexed by Format.
var formats = [...]formatInfo{
	Raw:      {name: "raw"},
	FixedVHD: {name: "VHD (fixed)"},
	VHD:      {"VHD (dynamic or differencing)", qemuImg},
	VHDX:     {"VHDX", qemuImg},
	QCOW2:    {"qcow2", qemuImg},
	QED:      {"QED", qemuImg},
	VMDK:     {"VMDK", qemuImg},
	VMDKText: {"VMDK descriptor", qemuImg},
	VDI:      {"VDI", qemuImg},
	WIM:      {"WIM", "take the files out of it first: wimlib-imagex extract %s 1 --dest-dir=DIR"},
	EWF:      {"E01", "export it first: ewfexport -f raw -t disk %s"},
	EWF2:     {"Ex01", "export it first: ewfexport -f raw -t disk %s"},
	Gzip:     {"gzip", "unpack it first: gzip -dc %s > disk.img"},
	Bzip2:    {"bzip2", "unpack it first: bzip2 -dc %s > disk.img"},
	XZ:       {"xz", "unpack it first: xz -dc %s > disk.img"},
	Zstd:     {"zstd", "unpack it first: zstd -dc %s > disk.img"},
	SevenZip: {"7z", "unpack it first: 7z x %s"},
	Zip:      {"zip", "unpack it first: unzip %s"},
}

// String is the format's usual name.
func (f Format) String() string {
	if f < 0 || int(f) >= len(formats) {
		return fmt.Sprintf("format %d", int(f))
	}
	return formats[f].name
}

// UnsupportedContainerError is a file that holds a disk in a format which
// is not read here.
type UnsupportedContainerError struct {
	Path   string
	Format Format
}

func (e *UnsupportedContainerError) Error() string {
	return fmt.Sprintf("%s: %s images are %v", e.Path, e.Format, ErrUnsupported)
}

// Hint is a sentence with the command that makes the file readable.
func (e *UnsupportedContainerError) Hint() string {
	return fmt.Sprintf(formats[e.Format].hint, quote(e.Path))
}

// Unwrap makes it an [ErrUnsupported].
func (e *UnsupportedContainerError) Unwrap() error { return ErrUnsupported }

// magic is the bytes a format begins with.
type magic struct {
	format Format
	off    int
	bytes  string
}

// The signatures, each from its format's specification. The VHD cookie at
// the start is the copy of the footer that only dynamic and differencing
// disks have.
var magics = []magic{
	{VHD, 0, vhdCookie},
	{VHDX, 0, "vhdxfile"},
	{QCOW2, 0, "QFI\xfb"},
	{QED, 0, "QED\x00"},
	{VMDK, 0, "KDMV"},
	{VMDK, 0, "COWD"},
	{VMDKText, 0, "# Disk DescriptorFile"},
	{VDI, 64, "\x7f\x10\xda\xbe"},
	{WIM, 0, "MSWIM\x00\x00\x00"},
	{WIM, 0, "WLPWM\x00\x00\x00"},
	{EWF, 0, "EVF\x09\x0d\x0a\xff\x00"},
	{EWF, 0, "LVF\x09\x0d\x0a\xff\x00"},
	{EWF2, 0, "EVF2\x0d\x0a\x81\x00"},
	{Gzip, 0, "\x1f\x8b\x08"},
	{Bzip2, 0, "BZh"},
	{XZ, 0, "\xfd7zXZ\x00"},
	{Zstd, 0, "\x28\xb5\x2f\xfd"},
	{SevenZip, 0, "7z\xbc\xaf\x27\x1c"},
	{Zip, 0, "PK\x03\x04"},
}

// sniffLen covers every signature at the start.
const sniffLen = 512

// Sniff tells the format of a file of size bytes by its signatures. What has
// none, or cannot be read, is Raw.
func Sniff(r io.ReaderAt, size int64) Format {
	head := make([]byte, min(sniffLen, max(size, 0)))
	n, _ := r.ReadAt(head, 0)
	head = head[:n]
	for _, m := range magics {
		if len(head) > m.off && bytes.HasPrefix(head[m.off:], []byte(m.bytes)) {
			return m.format
		}
	}
	return sniffFooter(r, size)
}

// sniffFooter looks for the footer of a VHD, which alone marks a fixed one.
func sniffFooter(r io.ReaderAt, size int64) Format {
	footer, err := readVHDFooter(r, size)
	switch {
	case err != nil:
		return Raw
	case footer.diskType() == vhdFixed:
		return FixedVHD
	}
	return VHD
}

// The footer of a VHD (Microsoft, Virtual Hard Disk Image Format
// Specification 1.0), big endian, in the last 512 bytes of the file.
const (
	vhdCookie      = "conectix"
	vhdFooterSize  = 512
	vhdSizeOff     = 48 // u64, current size of the disk
	vhdTypeOff     = 60 // u32
	vhdChecksumOff = 64 // u32, one's complement of the sum of the other bytes
	vhdFixed       = 2
)

type vhdFooter []byte

func (f vhdFooter) diskSize() int64  { return int64(binary.BigEndian.Uint64(f[vhdSizeOff:])) }
func (f vhdFooter) diskType() uint32 { return binary.BigEndian.Uint32(f[vhdTypeOff:]) }
func (f vhdFooter) checksum() uint32 { return binary.BigEndian.Uint32(f[vhdChecksumOff:]) }

// sum computes what checksum should be.
func (f vhdFooter) sum() uint32 {
	var sum uint32
	for i, b := range f {
		if i < vhdChecksumOff || i >= vhdChecksumOff+4 {
			sum += uint32(b)
		}
	}
	return ^sum
}

// readVHDFooter reads the footer of a file that has one.
func readVHDFooter(r io.ReaderAt, size int64) (vhdFooter, error) {
	off := size - vhdFooterSize
	if off < 0 {
		return nil, &FormatError{Off: 0, What: "vhd footer", Got: "a file too short for one"}
	}
	footer := make(vhdFooter, vhdFooterSize)
	if n, err := r.ReadAt(footer, off); n < len(footer) {
		return nil, fmt.Errorf("vhd footer at 0x%x: %w", off, err)
	}
	if got := string(footer[:len(vhdCookie)]); got != vhdCookie {
		return nil, &FormatError{Off: off, What: "vhd footer: cookie", Want: vhdCookie, Got: fmt.Sprintf("%q", got)}
	}
	return footer, nil
}

// fixedVHDSize is the size of the disk in a fixed VHD of fileSize bytes.
func fixedVHDSize(r io.ReaderAt, fileSize int64) (int64, error) {
	footer, err := readVHDFooter(r, fileSize)
	if err != nil {
		return 0, err
	}
	off := fileSize - vhdFooterSize
	if want, got := footer.sum(), footer.checksum(); want != got {
		return 0, &FormatError{Off: off + vhdChecksumOff, What: "vhd footer: checksum", Want: want, Got: got}
	}
	if size := footer.diskSize(); size <= 0 || size > off {
		return 0, &FormatError{Off: off + vhdSizeOff, What: "vhd footer: disk size", Want: off, Got: size}
	}
	return footer.diskSize(), nil
}
