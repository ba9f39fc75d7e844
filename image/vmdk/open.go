package vmdk

import (
	"crypto/rand"
	"fmt"
	"io"

	"hangkit/image/container"
)

// Files opens the other files of a disk, by the names in its descriptor.
type Files func(name string) (container.Storage, error)

const convert = "convert it first: qemu-img convert -O raw %s disk.img"

// Open opens the disk that s describes: with a descriptor alone, or with a
// sparse extent that holds it. Other extents are asked for with files, the
// parent with parent.
func Open(s container.Storage, files Files, parent container.Opener) (*container.Joined, error) {
	d, own, err := describe(s)
	if err != nil {
		return nil, err
	}
	o := opener{d: d, own: own, self: s, files: files, shared: &shared{storage: s, off: d.cidOff, digits: d.cidDigits, random: rand.Reader}}
	if ref := d.parent(); d.parentCID != noParent {
		o.refusal = &container.RefusedError{What: "writes to VMDK images with a parent", Remedy: convert}
		if o.below, err = parent.Open(ref); err != nil {
			return nil, fmt.Errorf("vmdk parent: %w", err)
		}
		if err := container.CheckIdentity(o.below, "vmdk parent", d.parentCID); err != nil {
			return nil, err
		}
	}
	if len(d.extents) > maxExtents || own && len(d.extents) > 1 {
		return nil, &container.FormatError{Off: d.cidOff, What: "vmdk descriptor: extents", Got: len(d.extents)}
	}
	var pieces []*container.Disk
	for _, e := range d.extents {
		piece, err := o.open(e)
		if err != nil {
			return nil, fmt.Errorf("extent %q: %w", e.name, err)
		}
		pieces = append(pieces, piece)
		o.start += piece.Size()
	}
	return container.Join(pieces, d.cid), nil
}

// parent names the image below, nothing if there is none.
func (d *descriptor) parent() container.Reference {
	if d.parentCID == noParent {
		return container.Reference{}
	}
	return container.Reference{Names: container.WindowsPaths([]string{d.parentHint}), Format: "vmdk"}
}

// Names are what a disk calls its parent, and the files of its extents beside
// the one in s.
func Names(s container.Storage) (parent container.Reference, extents []string, err error) {
	d, own, err := describe(s)
	if err != nil {
		return parent, nil, err
	}
	for _, e := range d.extents {
		if !own && e.name != "" {
			extents = append(extents, e.name)
		}
	}
	return d.parent(), extents, nil
}

// maxExtents bounds the files that are open at once; a disk of 4 TiB in
// extents of 2 GiB has so many.
const maxExtents = 2048

// describe finds the descriptor; own says that s is the only extent too.
func describe(s container.Storage) (d *descriptor, own bool, err error) {
	magic := make([]byte, len(headerMagic))
	if err := container.ReadFull(s, magic, 0); err != nil {
		return nil, false, fmt.Errorf("vmdk: %w", err)
	}
	switch string(magic) {
	case headerMagic:
		d, err = embedded(s)
		return d, true, err
	case TextMagic[:len(magic)]:
		size, err := s.Size()
		if err != nil {
			return nil, false, err
		}
		d, err = readDescriptor(s, 0, size)
		return d, false, err
	}
	return nil, false, &container.RefusedError{What: "VMDK images of ESX (COWD)", Remedy: convert}
}

// embedded is the descriptor in a sparse extent.
func embedded(s container.Storage) (*descriptor, error) {
	h, err := headerAt(s, 0)
	if err != nil {
		return nil, err
	}
	off, n := h.u64(headerText), h.u64(headerTextLen)
	if off == 0 || n == 0 {
		return nil, &container.RefusedError{What: "single extents of a split VMDK image", Remedy: "name the file beside it that describes the whole disk"}
	}
	if off > maxSector || n > maxSector {
		return nil, &container.FormatError{Off: headerText, What: "vmdk header: descriptor", Got: fmt.Sprintf("%d sectors at %d", n, off)}
	}
	return readDescriptor(s, int64(off)*sectorSize, int64(n)*sectorSize)
}

func readDescriptor(s container.Storage, off, n int64) (*descriptor, error) {
	if n > maxDescriptor {
		return nil, &container.FormatError{Off: off, What: "vmdk descriptor: length", Want: fmt.Sprintf("at most %d", maxDescriptor), Got: n}
	}
	text := make([]byte, n)
	if err := container.ReadFull(s, text, off); err != nil {
		return nil, fmt.Errorf("vmdk descriptor: %w", err)
	}
	return parseDescriptor(text, off)
}

// opener opens the extents of a disk, one after the other.
type opener struct {
	d       *descriptor
	own     bool
	self    container.Storage
	files   Files
	shared  *shared
	below   container.Source
	refusal error
	start   int64 // of the next extent on the disk
}

// open opens an extent.
func (o *opener) open(e extentLine) (*container.Disk, error) {
	if e.access == "NOACCESS" || e.kind == "ZERO" {
		return o.flat(e, nil)
	}
	switch e.kind {
	case "SPARSE", "FLAT", "VMFS":
	default:
		return nil, &container.RefusedError{What: fmt.Sprintf("VMDK extents of the type %q", e.kind), Remedy: convert}
	}
	s, err := o.storage(e)
	if err != nil {
		return nil, err
	}
	if e.kind != "SPARSE" {
		return o.flat(e, s)
	}
	return o.sparse(e, s)
}

// storage is the file of an extent.
func (o *opener) storage(e extentLine) (container.Storage, error) {
	if o.own {
		return o.self, nil
	}
	return o.files(e.name)
}

func (o *opener) sparse(e extentLine, s container.Storage) (*container.Disk, error) {
	h, err := readSparseHeader(s)
	if err != nil {
		return nil, err
	}
	size := e.sectors * sectorSize
	if size > h.size() {
		return nil, &container.FormatError{Off: headerCapacity, What: "vmdk header: capacity", Want: e.sectors, Got: h.u64(headerCapacity)}
	}
	refusal := o.refuse(e)
	if h.flag(flagCompressed) {
		refusal = &container.RefusedError{What: "writes to stream-optimised VMDK images", Remedy: "convert it first: qemu-img convert -O vmdk %s disk.vmdk"}
	}
	l := &sparse{storage: s, tables: container.NewTables(s), h: h, shared: o.shared, below: o.belowFrom(o.start, size)}
	return container.NewDisk(container.Config{Storage: s, Layout: l, Below: l.below, Size: size, Refusal: refusal}), nil
}

// belowFrom is the part of the parent that an extent lies on.
func (o *opener) belowFrom(start, size int64) container.Source {
	if o.below == nil {
		return nil
	}
	return io.NewSectionReader(o.below, start, min(size, max(0, o.below.Size()-start)))
}

// flat opens an extent of plain bytes, or of zeros if it has no file.
func (o *opener) flat(e extentLine, s container.Storage) (*container.Disk, error) {
	l := &flat{storage: s, off: e.offset * sectorSize, size: e.sectors * sectorSize, zero: s == nil, shared: o.shared}
	return container.NewDisk(container.Config{Storage: s, Layout: l, Size: l.size, Refusal: o.refuse(e)}), nil
}

// refuse says why an extent must not be written, nil if it may.
func (o *opener) refuse(e extentLine) error {
	switch {
	case o.refusal != nil:
		return o.refusal
	case e.access != "RW":
		return &container.RefusedError{What: fmt.Sprintf("writes to VMDK images with an extent that is %s", e.access), Remedy: convert}
	case e.kind == "ZERO":
		return &container.RefusedError{What: "writes to VMDK images with an extent of zeros", Remedy: convert}
	}
	return nil
}
