package hive

import "fmt"

const (
	cellHeaderSize = 4
	cellAlign      = 8
)

// cellSize is the signed size at the start of a cell: negative while the cell is in use.
type cellSize int32

func (s cellSize) allocated() bool { return s < 0 }

// total is the whole cell's size, header included.
func (s cellSize) total() uint32 {
	if s < 0 {
		return uint32(-int64(s))
	}
	return uint32(s)
}

// sizeAt reads a cell's header.
func (b *binData) sizeAt(off uint32) (cellSize, error) {
	if off%cellAlign != 0 {
		return 0, &FormatError{fileOffset(off), "cell offset", "a multiple of 8", off}
	}
	p, err := b.view(off, cellHeaderSize)
	if err != nil {
		return 0, err
	}
	s := cellSize(le.Uint32(p))
	if t := s.total(); t < cellAlign || t%cellAlign != 0 {
		return 0, &FormatError{fileOffset(off), "cell size", "a multiple of 8", int32(s)}
	}
	return s, nil
}

// allocated reads the header of a cell that something points to and gives its payload's extent.
func (b *binData) allocated(off uint32) (start, n uint32, err error) {
	s, err := b.sizeAt(off)
	if err != nil {
		return 0, 0, err
	}
	if !s.allocated() {
		return 0, 0, &FormatError{fileOffset(off), "cell", "in use", "free"}
	}
	return off + cellHeaderSize, s.total() - cellHeaderSize, nil
}

// cell gives the contents of a cell in use, for reading.
func (b *binData) cell(off uint32) ([]byte, error) {
	if p := b.loadedCell(off); p != nil {
		return p, nil
	}
	start, n, err := b.allocated(off)
	if err != nil {
		return nil, err
	}
	return b.view(start, n)
}

// loadedCell is cell for most of the millions of calls that a walk makes: of a hive that is all in
// memory and a cell that has nothing wrong with it. Otherwise it gives nil.
func (b *binData) loadedCell(off uint32) []byte {
	if b.src != nil || off%cellAlign != 0 || uint64(off)+cellAlign > uint64(len(b.data)) {
		return nil
	}
	s := cellSize(le.Uint32(b.data[off:]))
	end := uint64(off) + uint64(s.total())
	if !s.allocated() || s%cellAlign != 0 || end > uint64(len(b.data)) {
		return nil
	}
	return b.data[off+cellHeaderSize : end : end]
}

// editCell gives the contents of a cell in use, for changing.
func (b *binData) editCell(off uint32) ([]byte, error) {
	start, n, err := b.allocated(off)
	if err != nil {
		return nil, err
	}
	return b.edit(start, n)
}

// checkTagged tests a cell's signature and that its fixed part is there.
func checkTagged(p []byte, off uint32, tag string, fixed int) error {
	if tagged(p, tag, fixed) {
		return nil
	}
	if len(p) < fixed {
		return &FormatError{fileOffset(off), tag + " cell size", fmt.Sprintf("at least %d", fixed+cellHeaderSize), len(p) + cellHeaderSize}
	}
	return &FormatError{fileOffset(off), "cell signature", tag, p[:2]}
}

func tagged(p []byte, tag string, fixed int) bool {
	return len(p) >= fixed && p[0] == tag[0] && p[1] == tag[1]
}
