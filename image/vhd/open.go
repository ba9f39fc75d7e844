package vhd

import (
	"fmt"

	"hangkit/image/container"
)

// unallocated is the BAT entry of a block that the file does not have.
const unallocated = 0xffffffff

// layout is where the blocks of a dynamic or differencing disk lie.
type layout struct {
	storage container.Storage
	tables  *container.Tables
	footer  footer
	head    int64 // offset of the header
	tail    int64 // of the footer, 0 if the file has none
	table   int64 // offset of the BAT
	blocks  int64
	block   int64 // bytes of a block
	bitmap  int64 // bytes of the bitmap in front of it
	absent  container.Kind
}

// Open opens a dynamic or differencing disk. The parent of the latter is
// asked for with parent.
func Open(s container.Storage, parent container.Opener) (*container.Disk, error) {
	f, err := findFooter(s)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(s, f)
	if err != nil {
		return nil, err
	}
	l, err := newLayout(s, f, h)
	if err != nil {
		return nil, err
	}
	c := container.Config{Storage: s, Layout: l, Size: f.size(), ID: identity(f.id()), Refusal: refusal(f)}
	if f.diskType() == typeDifferencing {
		l.absent = container.Below
		if c.Below, err = openParent(s, h, parent); err != nil {
			return nil, err
		}
	}
	return container.NewDisk(c), nil
}

// findFooter takes the copy at the start, or the footer where that is
// damaged.
func findFooter(s container.Storage) (footer, error) {
	f, err := readFooter(s, 0)
	if err == nil {
		err = f.validate(0)
	}
	if err != nil {
		if f, err = footerAtEnd(s); err != nil {
			return nil, err
		}
	}
	if t := f.diskType(); t != typeDynamic && t != typeDifferencing {
		return nil, &container.FormatError{Off: footerType, What: "vhd footer: disk type", Want: "3 or 4", Got: t}
	}
	return f, nil
}

func footerAtEnd(s container.Storage) (footer, error) {
	size, err := s.Size()
	if err != nil {
		return nil, err
	}
	off := size - FooterSize
	f, err := readFooter(s, off)
	if err != nil {
		return nil, err
	}
	return f, f.validate(off)
}

// refusal says why a disk must not be written.
func refusal(f footer) error {
	switch {
	case f.diskType() == typeDifferencing:
		return &container.RefusedError{What: "writes to differencing VHD images", Remedy: "merge it into its parent first, in Hyper-V Manager or with Merge-VHD"}
	case f.savedState():
		return &container.RefusedError{What: "writes to the VHD image of a machine in a saved state", Remedy: "start the machine and shut it down first, or delete its saved state"}
	}
	return nil
}

func newLayout(s container.Storage, f footer, h header) (*layout, error) {
	tail, err := lastFooter(s)
	if err != nil {
		return nil, err
	}
	block := h.blockSize()
	return &layout{
		storage: s, tables: container.NewTables(s), footer: f,
		head: int64(f.headerOff()), tail: tail,
		table: int64(h.table()), blocks: h.entries(), block: block,
		bitmap: container.RoundUp(block/sectorSize/8, sectorSize),
		absent: container.Zero,
	}, nil
}

// lastFooter is where the footer begins that ends the file, 0 if it has none.
func lastFooter(s container.Storage) (int64, error) {
	size, err := s.Size()
	if err != nil {
		return 0, err
	}
	off := container.RoundUp(size, sectorSize) - FooterSize
	if f, err := readFooter(s, off); err == nil && f.validate(off) == nil {
		return off, nil
	}
	return 0, nil
}

// openParent opens the disk below and checks that it is the right one.
func openParent(s container.Storage, h header, open container.Opener) (container.Source, error) {
	below, err := open.Open(container.Reference{Names: container.WindowsPaths(h.parentNames(s)), Format: "vhd"})
	if err != nil {
		return nil, fmt.Errorf("vhd parent: %w", err)
	}
	if err := container.CheckIdentity(below, "vhd parent", h.parentID()); err != nil {
		return nil, err
	}
	return below, nil
}

// entry is the offset of a block's bitmap, or false if it has none.
func (l *layout) entry(block int64) (int64, bool, error) {
	at := l.table + 4*block
	b := make([]byte, 4)
	if err := l.tables.ReadAt(b, at); err != nil {
		return 0, false, fmt.Errorf("vhd block table: %w", err)
	}
	e := be.Uint32(b)
	if e == unallocated {
		return 0, false, nil
	}
	off := int64(e) * sectorSize
	if l.overTables(off) {
		return 0, false, &container.FormatError{Off: at, What: "vhd block table: block", Want: "a sector where no table lies", Got: e}
	}
	return off, true, nil
}

// overTables says whether a block at off lies over what describes the disk:
// the footer and its copy, the header, the table.
func (l *layout) overTables(off int64) bool {
	end := off + l.bitmap + l.block
	over := func(start, n int64) bool { return off < start+n && start < end }
	return over(0, FooterSize) || over(l.head, headerSize) || over(l.table, 4*l.blocks) || l.tail > 0 && over(l.tail, FooterSize)
}

// Extent implements [container.Layout].
func (l *layout) Extent(off, limit int64) (container.Extent, error) {
	block, at := off/l.block, off%l.block
	limit = min(limit, l.block-at)
	base, ok, err := l.entry(block)
	if err != nil || !ok {
		return container.Extent{Kind: l.absent, Len: limit}, err
	}
	present, n, err := l.sectors(base, at/sectorSize, (at+limit-1)/sectorSize)
	if err != nil {
		return container.Extent{}, err
	}
	e := container.Extent{Kind: l.absent, Len: min(limit, n*sectorSize-at%sectorSize)}
	if present {
		e.Kind, e.Off = container.Data, base+l.bitmap+at
	}
	return e, nil
}

// sectors says whether a sector is in the block whose bitmap lies at base,
// and for how many up to last that is the same.
func (l *layout) sectors(base, first, last int64) (present bool, n int64, err error) {
	bits := make([]byte, last/8-first/8+1)
	if err := l.tables.ReadAt(bits, base+first/8); err != nil {
		return false, 0, fmt.Errorf("vhd sector bitmap: %w", err)
	}
	bit := func(sector int64) bool { return bits[sector/8-first/8]&(0x80>>(sector%8)) != 0 }
	present = bit(first)
	n = 1
	for first+n <= last && bit(first+n) == present {
		n++
	}
	return present, n, nil
}
