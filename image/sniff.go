package image

import (
	"bytes"
	"fmt"
	"io"

	"hangkit/image/container"
	"hangkit/image/vhd"
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
	VHD:      {name: "VHD (dynamic or differencing)"},
	VHDX:     {name: "VHDX"},
	QCOW2:    {name: "qcow2"},
	QED:      {"QED", qemuImg},
	VMDK:     {name: "VMDK"},
	VMDKText: {name: "VMDK descriptor"},
	VDI:      {name: "VDI"},
	WIM:      {"WIM", "take the files out of it first: wimlib-imagex extract %s 1 --dest-dir=DIR"},
	EWF:      {name: "E01"},
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
	return fmt.Sprintf(formats[e.Format].hint, container.Quote(e.Path))
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
	{VHD, 0, vhd.Cookie},
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
			return m.unlessFixed(r, size)
		}
	}
	return sniffFooter(r, size)
}

// unlessFixed is the format of a signature. The machine on a fixed VHD can write
// that of a dynamic one, which may name a parent; it cannot write the footer.
func (m magic) unlessFixed(r io.ReaderAt, size int64) Format {
	if m.format == VHD && size > vhd.FooterSize && sniffFooter(r, size) == FixedVHD {
		return FixedVHD
	}
	return m.format
}

// sniffFooter looks for the footer of a VHD, which alone marks a fixed one.
func sniffFooter(r io.ReaderAt, size int64) Format {
	switch found, fixed := vhd.Sniff(r, size); {
	case !found:
		return Raw
	case fixed:
		return FixedVHD
	}
	return VHD
}
