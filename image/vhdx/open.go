package vhdx

import (
	"crypto/rand"
	"fmt"
	"io"

	"hangkit/image/container"
)

// A BAT entry (2.5.1): the state, and the place in MiB.
const (
	stateMask  = 7
	offsetMask = ^uint64(mib - 1)
	entrySize  = 8

	blockNotPresent       = 0
	blockUndefined        = 1
	blockZero             = 2
	blockUnmapped         = 3
	blockPresent          = 6
	blockPartiallyPresent = 7
)

// bitmapBlock is the size of a block of sector bitmaps: a bit for each
// sector of a chunk.
const bitmapBlock = mib

// layout is where the blocks of a disk lie.
type layout struct {
	storage *replayed
	tables  *container.Tables
	random  io.Reader
	header  header
	used    []region // where no block can lie
	bat     region
	blocks  int64
	chunk   int64 // blocks between two entries for bitmaps
	meta    metadata
}

// Open opens a fixed, dynamic or differencing disk. The parent of the latter
// is asked for with parent.
func Open(s container.Storage, parent container.Opener) (*container.Disk, error) {
	l, err := open(s)
	if err != nil {
		return nil, err
	}
	return l.disk(parent)
}

// disk makes the disk that the layout describes.
func (l *layout) disk(parent container.Opener) (*container.Disk, error) {
	c := container.Config{Storage: l.storage, Layout: l, Size: l.meta.size, Sector: int(l.meta.sector), ID: guid(l.header.dataWrite())}
	if l.header.logLen() < mib {
		c.Refusal = &container.RefusedError{What: "writes to VHDX images without a log", Remedy: "make it anew: qemu-img convert -O vhdx %s new.vhdx"}
	}
	if l.meta.parent {
		c.Refusal = &container.RefusedError{What: "writes to differencing VHDX images", Remedy: "merge it into its parent first, in Hyper-V Manager or with Merge-VHD"}
		below, err := openParent(l.meta, parent)
		if err != nil {
			return nil, err
		}
		c.Below = below
	}
	return container.NewDisk(c), nil
}

// open parses the file and checks what it says.
func open(s container.Storage) (*layout, error) {
	magic := make([]byte, len(identifier))
	if err := container.ReadFull(s, magic, 0); err != nil {
		return nil, fmt.Errorf("vhdx file identifier: %w", err)
	}
	if string(magic) != identifier {
		return nil, &container.FormatError{What: "vhdx file identifier", Want: identifier, Got: fmt.Sprintf("%q", magic)}
	}
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	l := &layout{storage: &replayed{Storage: s}, random: rand.Reader, header: h}
	if l.storage.patches, l.storage.size, err = readLog(s, h); err != nil {
		return nil, err
	}
	l.tables = container.NewTables(l.storage)
	var where region
	if l.bat, where, err = readRegions(l.storage); err != nil {
		return nil, err
	}
	if l.meta, err = readMetadata(l.storage, where); err != nil {
		return nil, err
	}
	l.used = []region{{0, mib}, {h.logOff(), h.logLen()}, l.bat, where}
	if err := apart(l.used); err != nil {
		return nil, err
	}
	return l, l.measure()
}

// measure computes the sizes of the BAT and compares them with its region.
func (l *layout) measure() error {
	l.blocks = (l.meta.size + l.meta.blockSize - 1) / l.meta.blockSize
	l.chunk = bitmapBlock * 8 * l.meta.sector / l.meta.blockSize
	if need := entrySize * (l.index(l.blocks-1) + 1); need > l.bat.len {
		return &container.FormatError{Off: l.bat.off, What: "vhdx BAT: length", Want: need, Got: l.bat.len}
	}
	return nil
}

// openParent opens the disk below and checks that it is the right one.
func openParent(m metadata, open container.Opener) (container.Source, error) {
	keys := m.parents()
	names := container.WindowsPaths([]string{keys["relative_path"], keys["volume_path"], keys["absolute_win32_path"]})
	below, err := open.Open(container.Reference{Names: names, Format: "vhdx"})
	if err != nil {
		return nil, fmt.Errorf("vhdx parent: %w", err)
	}
	linkages := []string{plainGUID(keys["parent_linkage"])}
	if second := keys["parent_linkage2"]; second != "" {
		linkages = append(linkages, plainGUID(second))
	}
	if err := container.CheckIdentity(below, "vhdx parent", linkages...); err != nil {
		return nil, err
	}
	return below, nil
}

// index is the place of a block in the BAT: behind each chunk there is an
// entry for its bitmaps.
func (l *layout) index(block int64) int64 { return block + block/l.chunk }

// entry reads an entry of the BAT, and checks that n bytes can lie there.
func (l *layout) entry(index, n int64) (state int, off int64, err error) {
	at := l.bat.off + entrySize*index
	b := make([]byte, entrySize)
	if err := l.tables.ReadAt(b, at); err != nil {
		return 0, 0, fmt.Errorf("vhdx BAT: %w", err)
	}
	e := le.Uint64(b)
	state, off = int(e&stateMask), int64(e&offsetMask)
	if state != blockPresent && state != blockPartiallyPresent {
		return state, off, nil
	}
	wrong := off < 0 || off > maxOffset
	for _, r := range l.used {
		wrong = wrong || r.overlaps(off, n)
	}
	if wrong {
		return 0, 0, &container.FormatError{Off: at, What: "vhdx BAT: block", Want: "outside the tables", Got: fmt.Sprintf("0x%x", e)}
	}
	return state, off, nil
}

// Extent implements [container.Layout].
func (l *layout) Extent(off, limit int64) (container.Extent, error) {
	block, at := off/l.meta.blockSize, off%l.meta.blockSize
	limit = min(limit, l.meta.blockSize-at)
	state, base, err := l.entry(l.index(block), l.meta.blockSize)
	if err != nil {
		return container.Extent{}, err
	}
	e := container.Extent{Kind: container.Zero, Len: limit}
	switch state {
	case blockPresent:
		e.Kind, e.Off = container.Data, base+at
	case blockPartiallyPresent:
		return l.partial(block, base+at, off, limit)
	case blockNotPresent:
		if l.meta.parent {
			e.Kind = container.Below
		}
	case blockUndefined, blockZero, blockUnmapped:
	default:
		return e, &container.FormatError{Off: l.bat.off + entrySize*l.index(block), What: "vhdx BAT: state", Got: state}
	}
	return e, nil
}

// partial maps a block of which the sector bitmap says what is the parent's.
func (l *layout) partial(block, data, off, limit int64) (container.Extent, error) {
	chunk := block / l.chunk
	state, bitmap, err := l.entry(chunk*(l.chunk+1)+l.chunk, bitmapBlock)
	if err != nil {
		return container.Extent{}, err
	}
	if state != blockPresent || !l.meta.parent {
		return container.Extent{}, &container.FormatError{Off: l.bat.off, What: "vhdx BAT: bitmap of a block that is partly present", Want: blockPresent, Got: state}
	}
	sector := l.meta.sector
	inChunk := off - chunk*l.chunk*l.meta.blockSize
	first, last := inChunk/sector, (inChunk+limit-1)/sector
	bits := make([]byte, last/8-first/8+1)
	if err := l.tables.ReadAt(bits, bitmap+first/8); err != nil {
		return container.Extent{}, fmt.Errorf("vhdx sector bitmap: %w", err)
	}
	bit := func(s int64) bool { return bits[s/8-first/8]&(1<<(s%8)) != 0 }
	n := int64(1)
	for first+n <= last && bit(first+n) == bit(first) {
		n++
	}
	e := container.Extent{Kind: container.Below, Len: min(limit, n*sector-off%sector)}
	if bit(first) {
		e.Kind, e.Off = container.Data, data
	}
	return e, nil
}
