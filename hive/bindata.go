package hive

import (
	"fmt"
	"io"
	"slices"
	"sync/atomic"
)

// binData is the hive bins data in memory: H bytes, read from the primary in chunks when first
// touched, so that a look-up in a large hive reads little. It remembers what pages held before
// edits. Offsets are those of cells: they count from the first bin.
type binData struct {
	src    io.ReaderAt // the primary; nil once everything is loaded
	data   []byte
	stored uint32            // how many of these bytes the primary has
	loaded []bool            // by chunk
	saved  map[uint32][]byte // pages as they were when the hive was opened and recovered
	opened uint32            // size before edits
	undo   binUndo           // of the edit under way
	values *valueIndex       // of one key, or nil
	reads  atomic.Int64      // bytes read from src
}

// binUndo holds what the edit under way has replaced, in order.
type binUndo struct {
	active  bool
	size    uint32 // of the bins before the edit
	extents []extent
	bytes   []byte // of all extents, one behind the other
}

// extent is a range of the bins.
type extent struct{ off, end uint32 }

const chunkSize = 64 << 10

// spareRoom lets a few bins be added without moving all others.
const spareRoom = 64 << 10

func newBinData(src io.ReaderAt, size uint32) *binData {
	return &binData{
		src:    src,
		data:   make([]byte, size, int64(size)+spareRoom),
		stored: size,
		opened: size,
		loaded: make([]bool, (int64(size)+chunkSize-1)/chunkSize),
		saved:  map[uint32][]byte{},
	}
}

func (b *binData) size() uint32 { return uint32(len(b.data)) }

// view gives n bytes at off for reading. They are not to be changed.
func (b *binData) view(off, n uint32) ([]byte, error) {
	end := uint64(off) + uint64(n)
	if end > uint64(len(b.data)) {
		return nil, &FormatError{fileOffset(off), "reference", fmt.Sprintf("inside %#x bytes of bins", len(b.data)), end}
	}
	if b.src == nil || n == 0 {
		return b.data[off:end], nil
	}
	for c := int(off / chunkSize); c <= int((end-1)/chunkSize); c++ {
		if err := b.load(c); err != nil {
			return nil, err
		}
	}
	return b.data[off:end], nil
}

// load reads a chunk, unless that was done before.
func (b *binData) load(chunk int) error {
	if b.loaded[chunk] {
		return nil
	}
	start := chunk * chunkSize
	p := b.data[start:max(start, min(start+chunkSize, int(b.stored), len(b.data)))]
	n, err := readFull(b.src, p, baseBlockSize+int64(start))
	b.reads.Add(int64(n))
	if err != nil {
		return fmt.Errorf("read hive bins: %w", err)
	}
	b.loaded[chunk] = true
	return nil
}

// loadAll reads what is missing, at several places at once, and lets go of the primary.
func (b *binData) loadAll() error {
	if b.src == nil {
		return nil
	}
	if err := inParallel(len(b.loaded), func(_, chunk int) error { return b.load(chunk) }); err != nil {
		return err
	}
	b.src = nil
	return nil
}

// resize changes H; new bytes are zero.
func (b *binData) resize(size uint32) {
	old := b.size()
	b.data = slices.Grow(b.data, int(max(size, old)-old))[:size]
	if size > old {
		clear(b.data[old:])
	}
}

// edit gives n bytes at off for changing, after noting what their pages hold.
func (b *binData) edit(off, n uint32) ([]byte, error) {
	p, err := b.view(off, n)
	if err != nil || n == 0 {
		return p, err
	}
	b.note(off, n)
	return p, nil
}

// note keeps what an edit is about to change. Bytes behind the end that the edit or the opened hive
// had need no keeping.
func (b *binData) note(off, n uint32) {
	for page := off &^ (pageSize - 1); page < off+n && page < b.opened; page += pageSize {
		if _, known := b.saved[page]; !known {
			b.saved[page] = slices.Clone(b.data[page : page+pageSize])
		}
	}
	if b.undo.active && off < b.undo.size {
		b.undo.extents = append(b.undo.extents, extent{off, off + n})
		b.undo.bytes = append(b.undo.bytes, b.data[off:off+n]...)
	}
}

// begin starts an edit that rollback can take back.
func (b *binData) begin() {
	b.undo = binUndo{active: true, size: b.size(), extents: b.undo.extents[:0], bytes: b.undo.bytes[:0]}
}

func (b *binData) end() { b.undo.active = false }

func (b *binData) rollback() {
	old := b.undo.bytes
	for _, e := range slices.Backward(b.undo.extents) {
		at := len(old) - int(e.end-e.off)
		copy(b.data[e.off:], old[at:])
		old = old[:at]
	}
	b.data = b.data[:b.undo.size]
	b.values = nil
	b.end()
}

// fileOffset turns a cell offset into an offset in the primary.
func fileOffset(off uint32) int64 { return baseBlockSize + int64(off) }
