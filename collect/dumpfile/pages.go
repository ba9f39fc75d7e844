package dumpfile

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"slices"
)

// PageSet is what pages a dump stores and where: the pages of its runs follow
// one another from First on, without gaps.
type PageSet struct {
	First int64  // file offset of the first page
	Count uint64 // pages in the set

	runs   []Run
	sorted []placedRun // the runs by frame number
	bitmap *bitmap
}

// placedRun is a run and the number of pages stored before it.
type placedRun struct {
	Run
	before uint64
}

// newRunPages makes the set of the pages in runs, stored in that order from
// the file offset first on.
func newRunPages(first int64, runs []Run) *PageSet {
	p := &PageSet{First: first, runs: runs}
	for _, r := range runs {
		p.sorted = append(p.sorted, placedRun{r, p.Count})
		p.Count += r.Count
	}
	slices.SortFunc(p.sorted, func(a, b placedRun) int { return cmp.Compare(a.Base, b.Base) })
	return p
}

// EndFrame is the first frame number behind every page of the set.
func (p *PageSet) EndFrame() uint64 {
	if p.bitmap != nil {
		return p.bitmap.bits
	}
	if len(p.sorted) == 0 {
		return 0
	}
	return p.sorted[len(p.sorted)-1].End()
}

// End is the file offset behind the last page.
func (p *PageSet) End() int64 { return p.First + int64(p.Count)*PageSize }

// Runs yields the runs of pages in the order they are stored. A bitmap is
// read as the loop proceeds, so that memory stays small for any machine.
func (p *PageSet) Runs() iter.Seq2[Run, error] {
	if p.bitmap != nil {
		return p.bitmap.runs()
	}
	return func(yield func(Run, error) bool) {
		for _, r := range p.runs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Offset is where the page with the given frame number is stored; ok is false
// where the dump does not hold that page.
func (p *PageSet) Offset(pfn uint64) (off int64, ok bool, err error) {
	before, ok, err := p.rank(pfn)
	if !ok || err != nil {
		return 0, false, err
	}
	return p.First + int64(before)*PageSize, true, nil
}

// rank is the number of pages stored before the given one.
func (p *PageSet) rank(pfn uint64) (before uint64, ok bool, err error) {
	if p.bitmap != nil {
		return p.bitmap.rank(pfn)
	}
	i, found := slices.BinarySearchFunc(p.sorted, pfn, func(r placedRun, pfn uint64) int { return cmp.Compare(r.Base, pfn) })
	if !found {
		i-- // the run that begins below
	}
	if i < 0 || pfn >= p.sorted[i].End() {
		return 0, false, nil
	}
	return p.sorted[i].before + pfn - p.sorted[i].Base, true, nil
}

// maxRangesListed bounds the list of missing ranges: a kernel dump of a busy
// machine has a hundred thousand of them, which no one reads.
const maxRangesListed = 64

// MissingPages are pages that a dump announces and does not hold.
type MissingPages struct {
	Pages  uint64
	Ranges []Run  // the first of them
	More   uint64 // how many further ranges there are
}

// MissingFrom lists the pages that are not wholly stored before the file
// offset end.
func (p *PageSet) MissingFrom(end int64) (MissingPages, error) {
	var m MissingPages
	have := uint64(0)
	if end > p.First {
		have = uint64(end-p.First) / PageSize
	}
	var before uint64
	for run, err := range p.Runs() {
		if err != nil {
			return m, err
		}
		stored := min(run.Count, have-min(have, before))
		before += run.Count
		if stored == run.Count {
			continue
		}
		m.Pages += run.Count - stored
		if len(m.Ranges) == maxRangesListed {
			m.More++
			continue
		}
		m.Ranges = append(m.Ranges, Run{run.Base + stored, run.Count - stored})
	}
	return m, nil
}

// bitmap is the page bitmap of a dump: bit n set says that the page with
// frame number n is stored, counted from the lowest bit of the first byte.
type bitmap struct {
	r     io.ReaderAt
	off   int64 // of the first byte
	bits  uint64
	ranks []uint64 // pages before each stretch of rankPages
}

// rankPages is how many pages lie between two counts that are kept: finding a
// page then reads no more than 4 KiB of the bitmap.
const (
	rankBytes = 4096
	rankPages = 8 * rankBytes
)

// rank counts the set bits before the given one; ok tells whether that is set.
func (m *bitmap) rank(pfn uint64) (before uint64, ok bool, err error) {
	stretch := pfn / rankPages
	if pfn >= m.bits || stretch >= uint64(len(m.ranks)) {
		return 0, false, nil
	}
	var buf [rankBytes]byte
	at := m.off + int64(stretch*rankBytes)
	b := buf[:pfn%rankPages/8+1]
	if n, err := m.r.ReadAt(b, at); n < len(b) {
		return 0, false, fmt.Errorf("page bitmap at %#x: %w", at, err)
	}
	last := len(b) - 1
	if b[last]>>(pfn%8)&1 == 0 {
		return 0, false, nil
	}
	b[last] &= 1<<(pfn%8) - 1
	before = m.ranks[stretch]
	for i := 0; i < len(b); i += 8 { // what follows b in buf is zero
		before += uint64(bits.OnesCount64(le.Uint64(buf[i:])))
	}
	return before, true, nil
}

// bitmapChunk is how much of a bitmap is in memory at a time.
const bitmapChunk = 64 << 10

func bitmapBytes(bits uint64) uint64 { return (bits + 7) / 8 }

// words yields the bitmap as 64-bit words, bits behind its end cleared.
func (m *bitmap) words() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		total := bitmapBytes(m.bits)
		buf := make([]byte, min(total+7, bitmapChunk))
		for at := uint64(0); at < total; at += bitmapChunk {
			n := min(total-at, bitmapChunk)
			if got, err := m.r.ReadAt(buf[:n], m.off+int64(at)); uint64(got) < n {
				yield(0, fmt.Errorf("page bitmap at %#x: %w", m.off+int64(at), err))
				return
			}
			whole := (n + 7) &^ 7
			clear(buf[n:whole])
			for i := uint64(0); i < whole; i += 8 {
				w := le.Uint64(buf[i:])
				if left := m.bits - (at+i)*8; left < 64 {
					w &= 1<<left - 1
				}
				if !yield(w, nil) {
					return
				}
			}
		}
	}
}

// runs yields the runs of set bits.
func (m *bitmap) runs() iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		var run Run
		var base uint64
		for w, err := range m.words() {
			if err != nil {
				yield(Run{}, err)
				return
			}
			if !splitWord(w, base, &run, yield) {
				return
			}
			base += 64
		}
		if run.Count > 0 {
			yield(run, nil)
		}
	}
}

// splitWord adds the set bits of w, whose lowest stands for the page base, to
// run, and yields each run that ends within the word.
func splitWord(w, base uint64, run *Run, yield func(Run, error) bool) bool {
	for at := uint64(0); at < 64; {
		rest := w >> at
		if ones := min(uint64(bits.TrailingZeros64(^rest)), 64-at); ones > 0 {
			if run.Count == 0 {
				run.Base = base + at
			}
			run.Count += ones
			at += ones
			continue
		}
		if run.Count > 0 {
			if !yield(*run, nil) {
				return false
			}
			*run = Run{}
		}
		at += min(uint64(bits.TrailingZeros64(rest)), 64-at)
	}
	return true
}

// countWithin is the number of set bits of a bitmap that must end before size.
// On the way it keeps the counts that rank begins with.
func (m *bitmap) countWithin(size int64) (uint64, error) {
	if end := m.off + int64(bitmapBytes(m.bits)); end > size {
		return 0, fmt.Errorf("page bitmap up to %#x: %w", end, ErrTruncated)
	}
	m.ranks = nil
	var n, at uint64
	for w, err := range m.words() {
		if err != nil {
			return 0, err
		}
		if at%rankPages == 0 {
			m.ranks = append(m.ranks, n)
		}
		n += uint64(bits.OnesCount64(w))
		at += 64
	}
	return n, nil
}
