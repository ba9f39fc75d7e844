package hive

import "slices"

// space knows a hive's free cells. It looks for them bin by bin, no further than edits need: in most
// hives the first bins have room enough.
type space struct {
	bins   *binData
	starts []uint32 // of the bins, and the end of the last
	looked []bool   // into which bins
	next   int      // the first bin that may not have been looked into

	size  map[uint32]uint32 // of the free cell at an offset
	end   map[uint32]uint32 // offset of the free cell that ends at an offset
	lists [largeCell/cellAlign + 1][]uint32
}

// Free cells up to largeCell bytes have a list for each size, all larger ones share the last. A cell
// that is no longer free, or has grown, stays in its list until it is met there.
const largeCell = pageSize

func (s *space) list(size uint32) *[]uint32 { return &s.lists[min(size, largeCell)/cellAlign] }

type freeCell struct{ off, size uint32 }

func newSpace(b *binData) (*space, error) {
	starts, err := b.binStarts()
	if err != nil {
		return nil, err
	}
	return &space{
		bins: b, starts: starts, looked: make([]bool, len(starts)-1),
		size: map[uint32]uint32{}, end: map[uint32]uint32{},
	}, nil
}

// look finds the free cells of a bin.
func (s *space) look(bin int) error {
	if s.looked[bin] {
		return nil
	}
	s.looked[bin] = true
	return s.bins.walkBin(s.starts[bin], s.starts[bin+1], func(off uint32, size cellSize) {
		if !size.allocated() {
			s.add(freeCell{off, size.total()})
		}
	})
}

// lookAt looks into the bin that holds off.
func (s *space) lookAt(off uint32) error {
	bin, found := slices.BinarySearch(s.starts, off)
	if !found {
		bin--
	}
	return s.look(bin)
}

// lookFurther looks into the next bin and says whether there was one.
func (s *space) lookFurther() (bool, error) {
	if s.next == len(s.looked) {
		return false, nil
	}
	err := s.look(s.next)
	s.next++
	return true, err
}

func (s *space) add(c freeCell) {
	s.size[c.off], s.end[c.off+c.size] = c.size, c.off
	l := s.list(c.size)
	*l = append(*l, c.off)
}

func (s *space) remove(c freeCell) {
	delete(s.size, c.off)
	delete(s.end, c.off+c.size)
}

// take gives a free cell of at least size bytes: of those known the smallest, or the first that is
// found by looking further.
func (s *space) take(size uint32) (freeCell, bool, error) {
	for {
		if c, ok := s.takeKnown(size); ok {
			return c, true, nil
		}
		if more, err := s.lookFurther(); err != nil || !more {
			return freeCell{}, false, err
		}
	}
}

func (s *space) takeKnown(size uint32) (freeCell, bool) {
	for n := size; n < largeCell; n += cellAlign {
		if c, ok := s.takeLast(n); ok {
			return c, true
		}
	}
	return s.takeLarge(size)
}

// takeLast takes the cell of that size which was freed last.
func (s *space) takeLast(size uint32) (freeCell, bool) {
	l := s.list(size)
	for len(*l) > 0 {
		c := freeCell{(*l)[len(*l)-1], size}
		*l = (*l)[:len(*l)-1]
		if s.size[c.off] == size {
			s.remove(c)
			return c, true
		}
	}
	return freeCell{}, false
}

// takeLarge takes the smallest of the large cells that will do.
func (s *space) takeLarge(size uint32) (freeCell, bool) {
	var best freeCell
	l := s.list(largeCell)
	for _, off := range *l {
		if n := s.size[off]; n >= size && (best.size == 0 || n < best.size) {
			best = freeCell{off, n}
		}
	}
	if best.size == 0 {
		return best, false
	}
	s.remove(best)
	*l = slices.DeleteFunc(*l, func(off uint32) bool { return s.size[off] < largeCell })
	return best, true
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
	if err := s.lookAt(c.off); err != nil {
		return err
	}
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

// addBin makes room known that was appended as a bin.
func (s *space) addBin(start, end uint32) error {
	s.starts, s.looked = append(s.starts, end), append(s.looked, true)
	return s.put(freeCell{start + binHeaderSize, end - start - binHeaderSize})
}

// alloc gives a zeroed cell with room for n bytes, from a free cell or from a new bin.
func (h *Hive) alloc(n uint32) (uint32, error) {
	need := uint32(roundUp(int64(n)+cellHeaderSize, cellAlign))
	c, ok, err := h.space.take(need)
	if err == nil && !ok {
		if err = h.addBin(need); err == nil {
			c, _, err = h.space.take(need)
		}
	}
	if err != nil {
		return nilOffset, err
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
	b := binHeader(p)
	copy(b, binTag)
	b.setOffset(off)
	b.setSize(uint32(size))
	return h.space.addBin(off, uint32(end))
}
