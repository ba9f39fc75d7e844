package ntfs

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// maxPieces is how many pieces an allocation may have: more do not fit the run
// list of any MFT record.
const maxPieces = 1024

// allocate chooses n free clusters, in as few pieces as there are: the smallest
// free run that holds all, else the largest ones, in the order of the device.
// It takes nothing: the caller marks them.
func (p *planner) allocate(n int64) (RunList, error) {
	s := &freeSearch{need: n}
	if err := p.freeRuns(s.found); err != nil {
		return nil, err
	}
	return s.choose()
}

// freeSearch gathers the free runs an allocation can be made of.
type freeSearch struct {
	need    int64
	free    int64   // clusters seen
	fitting Run     // the smallest that holds all; Length 0 if none
	largest runHeap // of those that do not
}

func (s *freeSearch) found(r Run) {
	s.free += r.Length
	switch {
	case r.Length >= s.need:
		if s.fitting.Length == 0 || r.Length < s.fitting.Length {
			s.fitting = r
		}
	case len(s.largest) < maxPieces:
		heap.Push(&s.largest, r)
	case r.Length > s.largest[0].Length:
		s.largest[0] = r
		heap.Fix(&s.largest, 0)
	}
}

func (s *freeSearch) choose() (RunList, error) {
	if s.free < s.need {
		return nil, fmt.Errorf("%w: %d clusters are needed, %d are free", ErrNoSpace, s.need, s.free)
	}
	if s.fitting.Length > 0 {
		return RunList{{LCN: s.fitting.LCN, Length: s.need}}, nil
	}
	runs := RunList(s.largest)
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Or(cmp.Compare(b.Length, a.Length), cmp.Compare(a.LCN, b.LCN)) })
	left := s.need
	for i := range runs {
		runs[i].Length = min(runs[i].Length, left)
		if left -= runs[i].Length; left == 0 {
			runs = runs[:i+1]
			slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.LCN, b.LCN) })
			return runs, nil
		}
	}
	return nil, fmt.Errorf("%w: the free clusters are in more than %d pieces", ErrNoSpace, maxPieces)
}

// runHeap has the shortest run on top.
type runHeap []Run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].Length < h[j].Length }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(Run)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// freeRuns finds all runs of free clusters as the steps so far leave $Bitmap.
func (p *planner) freeRuns(found func(Run)) error {
	bitmap, err := p.v.clusterBitmap()
	if err != nil {
		return err
	}
	length := (p.v.boot.clusters + 7) / 8
	if bitmap.initialized < length {
		return damaged(bitmap.off, "$Bitmap: initialized size", fmt.Sprintf("at least %d", length), bitmap.initialized)
	}
	w := runWalk{clusters: p.v.boot.clusters, found: found}
	buf := make([]byte, min(bitmapChunk, length))
	for off := int64(0); off < length; off += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), length-off)]
		if _, err := readExtents(&p.dev, bitmap.extents, b, off); err != nil {
			return fmt.Errorf("$Bitmap: %w", err)
		}
		for i, c := range b {
			w.eight((off+int64(i))*8, c)
		}
	}
	w.used(w.clusters)
	return nil
}

// runWalk joins the clear bits of a bitmap to runs.
type runWalk struct {
	clusters int64
	start    int64 // of the free run under way
	open     bool
	found    func(Run)
}

// eight takes the bits of the clusters from lcn on.
func (w *runWalk) eight(lcn int64, bits byte) {
	switch {
	case bits == 0xff && !w.open, bits == 0 && w.open:
		return
	}
	for i := range int64(8) {
		if bits>>i&1 != 0 {
			w.used(lcn + i)
		} else if !w.open && lcn+i < w.clusters {
			w.start, w.open = lcn+i, true
		}
	}
}

// used ends the free run under way before lcn.
func (w *runWalk) used(lcn int64) {
	if w.open {
		w.found(Run{LCN: LCN(w.start), Length: min(lcn, w.clusters) - w.start})
		w.open = false
	}
}

// clusterCount is how many clusters hold size bytes.
func (v *Volume) clusterCount(size int64) int64 {
	return (size + v.boot.clusterSize - 1) / v.boot.clusterSize
}

// extents maps runs that hold a whole stream.
func (v *Volume) extents(runs RunList) ([]Extent, error) {
	m := v.newExtentMap()
	for _, run := range runs {
		if err := m.addRun(run, 0); err != nil {
			return nil, err
		}
	}
	return m.extents, nil
}

// runsOf are the clusters of extents without holes.
func (v *Volume) runsOf(extents []Extent) RunList {
	runs := make(RunList, len(extents))
	for i, e := range extents {
		runs[i] = Run{LCN: LCN(e.DeviceOffset / v.boot.clusterSize), Length: e.Length / v.boot.clusterSize}
	}
	return runs
}

// appendRunList encodes mapping pairs, padded to a multiple of eight: the form
// parseRunList reads.
func appendRunList(b []byte, runs RunList) []byte {
	var lcn int64
	for _, run := range runs {
		length := appendSigned(nil, run.Length)
		var delta []byte
		if run.LCN != hole {
			delta = appendSigned(nil, int64(run.LCN)-lcn)
			lcn = int64(run.LCN)
		}
		b = append(b, byte(len(delta)<<4|len(length)))
		b = append(append(b, length...), delta...)
	}
	b = append(b, 0)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

// appendSigned encodes a number in as few bytes as keep its sign.
func appendSigned(b []byte, v int64) []byte {
	for {
		b = append(b, byte(v))
		rest := v >> 8
		if rest == 0 && int8(byte(v)) >= 0 || rest == -1 && int8(byte(v)) < 0 {
			return b
		}
		v = rest
	}
}
