package hive

import (
	"fmt"
	"io"
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
	undo   *binUndo          // of the edit under way
	reads  int64             // bytes read from src
}

// binUndo holds what one edit replaced.
type binUndo struct {
	size  int
	pages map[uint32][]byte
	fresh []uint32 // pages this edit was the first to change
}

const chunkSize = 64 << 10

func newBinData(src io.ReaderAt, size uint32) *binData {
	return &binData{
		src:    src,
		data:   make([]byte, size),
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

func (b *binData) load(chunk int) error {
	if b.loaded[chunk] {
		return nil
	}
	start := chunk * chunkSize
	p := b.data[start:max(start, min(start+chunkSize, int(b.stored), len(b.data)))]
	n, err := readFull(b.src, p, baseBlockSize+int64(start))
	b.reads += int64(n)
	if err != nil {
		return fmt.Errorf("read hive bins: %w", err)
	}
	b.loaded[chunk] = true
	return nil
}

// loadAll reads what is missing and lets go of the primary.
func (b *binData) loadAll() error {
	if b.src == nil {
		return nil
	}
	for c := range b.loaded {
		if err := b.load(c); err != nil {
			return err
		}
	}
	b.src = nil
	return nil
}

// resize changes H; new bytes are zero.
func (b *binData) resize(size uint32) {
	if int(size) <= len(b.data) {
		b.data = b.data[:size]
		return
	}
	b.data = append(b.data, make([]byte, int(size)-len(b.data))...)
}

// edit gives n bytes at off for changing, after noting what their pages hold.
func (b *binData) edit(off, n uint32) ([]byte, error) {
	p, err := b.view(off, n)
	if err != nil || n == 0 {
		return p, err
	}
	for page := off &^ (pageSize - 1); page < off+n; page += pageSize {
		b.note(page)
	}
	return p, nil
}

func (b *binData) note(page uint32) {
	_, known := b.saved[page]
	if known && (b.undo == nil || b.undo.pages[page] != nil) {
		return
	}
	old := append([]byte(nil), b.data[page:page+pageSize]...)
	if !known {
		b.saved[page] = old
		if b.undo != nil {
			b.undo.fresh = append(b.undo.fresh, page)
		}
	}
	if b.undo != nil && b.undo.pages[page] == nil {
		b.undo.pages[page] = old
	}
}

// begin starts an edit that rollback can take back.
func (b *binData) begin() {
	b.undo = &binUndo{size: len(b.data), pages: map[uint32][]byte{}}
}

func (b *binData) end() { b.undo = nil }

func (b *binData) rollback() {
	for page, old := range b.undo.pages {
		copy(b.data[page:], old)
	}
	b.data = b.data[:b.undo.size]
	for _, page := range b.undo.fresh {
		delete(b.saved, page)
	}
	b.undo = nil
}

// fileOffset turns a cell offset into an offset in the primary.
func fileOffset(off uint32) int64 { return baseBlockSize + int64(off) }
