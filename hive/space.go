package hive

import (
	"cmp"
	"slices"
)

// space knows a hive's free cells.
type space struct {
	bins  *binData
	size  map[uint32]uint32 // of the free cell at an offset
	end   map[uint32]uint32 // offset of the free cell that ends at an offset
	order []freeCell        // by size, then by offset
}

type freeCell struct{ off, size uint32 }

func (c freeCell) compare(d freeCell) int {
	return cmp.Or(cmp.Compare(c.size, d.size), cmp.Compare(c.off, d.off))
}

// newSpace finds all free cells.
func newSpace(b *binData) (*space, error) {
	s := &space{bins: b, size: map[uint32]uint32{}, end: map[uint32]uint32{}}
	err := b.walkCells(func(_, off uint32, size cellSize) error {
		if !size.allocated() {
			s.order = append(s.order, freeCell{off, size.total()})
			s.size[off], s.end[off+size.total()] = size.total(), off
		}
		return nil
	})
	slices.SortFunc(s.order, freeCell.compare)
	return s, err
}

func (s *space) add(c freeCell) {
	i, _ := slices.BinarySearchFunc(s.order, c, freeCell.compare)
	s.order = slices.Insert(s.order, i, c)
	s.size[c.off], s.end[c.off+c.size] = c.size, c.off
}

func (s *space) remove(c freeCell) {
	if i, ok := slices.BinarySearchFunc(s.order, c, freeCell.compare); ok {
		s.order = slices.Delete(s.order, i, i+1)
	}
	delete(s.size, c.off)
	delete(s.end, c.off+c.size)
}

// take gives the smallest free cell of at least size bytes.
func (s *space) take(size uint32) (freeCell, bool) {
	i, _ := slices.BinarySearchFunc(s.order, freeCell{0, size}, freeCell.compare)
	if i == len(s.order) {
		return freeCell{}, false
	}
	c := s.order[i]
	s.remove(c)
	return c, true
}

// setHeader writes a cell's size: negative for one in use.
func (s *space) setHeader(off uint32, size int32) error {
	p, err := s.bins.edit(off, cellHeaderSize)
	if err != nil {
		return err
	}
	le.PutUint32(p, uint32(size))
	return nil
}

// put makes a free cell out of c and the free cells on both sides. Cells never touch across bins,
// for a bin begins with its header.
func (s *space) put(c freeCell) error {
	if n, ok := s.size[c.off+c.size]; ok {
		s.remove(freeCell{c.off + c.size, n})
		c.size += n
	}
	if off, ok := s.end[c.off]; ok {
		s.remove(freeCell{off, s.size[off]})
		c = freeCell{off, c.size + c.off - off}
	}
	s.add(c)
	return s.setHeader(c.off, int32(c.size))
}

// alloc gives a zeroed cell with room for n bytes, from the smallest free cell that will do or from
// a new bin.
func (h *Hive) alloc(n uint32) (uint32, error) {
	need := uint32(roundUp(int64(n)+cellHeaderSize, cellAlign))
	c, ok := h.space.take(need)
	if !ok {
		if err := h.addBin(need); err != nil {
			return nilOffset, err
		}
		c, _ = h.space.take(need)
	}
	p, err := h.bins.edit(c.off, need)
	if err != nil {
		return nilOffset, err
	}
	clear(p)
	le.PutUint32(p, -need)
	if rest := c.size - need; rest > 0 {
		err = h.space.put(freeCell{c.off + need, rest})
	}
	return c.off, err
}

// free gives a cell back.
func (h *Hive) free(off uint32) error {
	_, n, err := h.bins.allocated(off)
	if err != nil {
		return err
	}
	return h.space.put(freeCell{off, n + cellHeaderSize})
}

// addBin appends a bin with one free cell of at least need bytes. In the file it takes the place of
// the stale bytes behind the last bin, so all of it is written.
func (h *Hive) addBin(need uint32) error {
	off := h.bins.size()
	size := roundUp(int64(need)+binHeaderSize, pageSize)
	end := int64(off) + size
	if baseBlockSize+end > h.limit || end >= maxBinsSize {
		return &NoRoomError{Primary, h.limit, baseBlockSize + end}
	}
	h.bins.resize(uint32(end))
	p, err := h.bins.edit(off, uint32(size))
	if err != nil {
		return err
	}
	clear(p)
	b := binHeader(p)
	copy(b, binTag)
	b.setOffset(off)
	b.setSize(uint32(size))
	return h.space.put(freeCell{off + binHeaderSize, uint32(size) - binHeaderSize})
}
