package image

import (
	"iter"
	"slices"
)

// ranges is a set of bytes: sorted, disjoint, with no two that touch.
type ranges []Range

// add puts the n bytes at off into the set.
func (s *ranges) add(off, n int64) {
	if n == 0 {
		return
	}
	merged := Range{off, n}
	first := s.search(off)
	last := first
	for last < len(*s) && (*s)[last].Off <= merged.End() {
		r := (*s)[last]
		start := min(merged.Off, r.Off)
		merged = Range{start, max(merged.End(), r.End()) - start}
		last++
	}
	*s = slices.Replace(*s, first, last, merged)
}

// search finds the first range that ends at off or behind it.
func (s ranges) search(off int64) int {
	i, _ := slices.BinarySearchFunc(s, off, func(r Range, off int64) int {
		if r.End() < off {
			return -1
		}
		return 1
	})
	return i
}

// split cuts the n bytes at off into pieces that lie wholly inside or
// wholly outside the set, in order.
func (s ranges) split(off, n int64) iter.Seq2[Range, bool] {
	return func(yield func(Range, bool) bool) {
		end := off + n
		for _, r := range s[s.search(off):] {
			if r.Off >= end {
				break
			}
			if r.End() <= off {
				continue
			}
			if off < r.Off {
				if !yield(Range{off, r.Off - off}, false) {
					return
				}
				off = r.Off
			}
			stop := min(r.End(), end)
			if !yield(Range{off, stop - off}, true) {
				return
			}
			off = stop
		}
		if off < end {
			yield(Range{off, end - off}, false)
		}
	}
}
