package dumpfile

import (
	"fmt"
	"io"
	"iter"
	"math/bits"
)

// PageSet is what pages a dump stores and where: the pages of its runs follow
// one another from First on, without gaps.
type PageSet struct {
	First int64  // file offset of the first page
	Count uint64 // pages in the set

	runs   []Run
	bitmap *bitmap
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
	var before uint64
	for run, err := range p.Runs() {
		if err != nil {
			return 0, false, err
		}
		if pfn >= run.Base && pfn < run.End() {
			return p.First + int64(before+pfn-run.Base)*PageSize, true, nil
		}
		before += run.Count
	}
	return 0, false, nil
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
	r    io.ReaderAt
	off  int64 // of the first byte
	bits uint64
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
func (m *bitmap) countWithin(size int64) (uint64, error) {
	if end := m.off + int64(bitmapBytes(m.bits)); end > size {
		return 0, fmt.Errorf("page bitmap up to %#x: %w", end, ErrTruncated)
	}
	var n uint64
	for w, err := range m.words() {
		if err != nil {
			return 0, err
		}
		n += uint64(bits.OnesCount64(w))
	}
	return n, nil
}
