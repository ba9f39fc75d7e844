package verify

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// stream is one attribute's data, wherever it lies.
type stream struct {
	sizes
	resident []byte // the data itself, nil if it has clusters
	runs     []run
	off      int64 // where its first attribute record lies
	record   int64
}

// newStream joins the attribute records of one stream, which are in VCN order.
// Its faults are those the check of the file reports, too.
func (c *checker) newStream(attrs []attribute) (*stream, error) {
	first := attrs[0]
	s := &stream{sizes: first.sizes(), off: first.off, record: first.record}
	if first.resident() {
		s.resident = first.value()
		return s, nil
	}
	if first.lowestVCN() != 0 {
		return nil, bad(RunList, first.off, first.what("first VCN"), 0, first.lowestVCN())
	}
	for _, a := range attrs {
		if err := s.extend(c, a); err != nil {
			return nil, err
		}
	}
	return s, s.checkCover(c)
}

// clusters is how many VCNs the runs cover.
func (s *stream) clusters() int64 {
	if len(s.runs) == 0 {
		return 0
	}
	last := s.runs[len(s.runs)-1]
	return last.vcn + last.length
}

// extend appends the runs of the next attribute record.
func (s *stream) extend(c *checker, a attribute) error {
	if a.resident() || a.lowestVCN() != s.clusters() {
		return bad(RunList, a.off, a.what("first VCN"), s.clusters(), "a gap")
	}
	runs := a.runs()
	runs.vcn = s.clusters()
	for {
		r, ok, err := runs.next()
		if err != nil || !ok {
			return err
		}
		if !c.inside(r) {
			return bad(OutsideRun, a.off, a.what("run"), "inside the volume", hex(r.lcn))
		}
		s.runs = append(s.runs, r)
	}
}

// checkCover refuses sizes that the runs do not cover.
func (s *stream) checkCover(c *checker) error {
	if covered := uint64(s.clusters()) * uint64(c.geometry.clusterSize); s.size > covered || s.clusters() > math.MaxInt64/c.geometry.clusterSize {
		return bad(Sizes, s.off, "data size", fmt.Sprintf("at most %d, which the run list covers", covered), s.size)
	}
	return nil
}

// holes says whether some of the stream is not stored. Where nothing may be
// left out, no more bytes can be claimed than the volume has.
func (s *stream) holes() bool {
	return slices.ContainsFunc(s.runs, func(r run) bool { return r.lcn == hole })
}

// readAt fills p with the stream's data from off, zeros in holes and behind
// the initialized size; what is behind the last run is a fault.
func (s *stream) readAt(c *checker, p []byte, off int64) error {
	if s.resident != nil {
		if off > int64(len(s.resident)) || len(s.resident)-int(off) < len(p) {
			return bad(Sizes, s.off, "resident value", fmt.Sprintf("%d bytes at %d", len(p), off), len(s.resident))
		}
		copy(p, s.resident[off:])
		return nil
	}
	if err := c.spend(int64(len(p))); err != nil {
		return err
	}
	if keep := max(int64(s.initialized)-off, 0); keep < int64(len(p)) && s.initialized <= s.size {
		clear(p[keep:])
		p = p[:keep]
	}
	for len(p) > 0 {
		n, err := s.readRun(c, p, off)
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// readRun reads as much of p as one run holds.
func (s *stream) readRun(c *checker, p []byte, off int64) (int, error) {
	cs := c.geometry.clusterSize
	r, ok := s.runAt(off / cs)
	if !ok {
		return 0, bad(RunList, s.off, "run list", fmt.Sprintf("to cover offset %d", off), "its end")
	}
	within := off - r.vcn*cs
	n := int(min(int64(len(p)), r.length*cs-within))
	if r.lcn == hole {
		clear(p[:n])
		return n, nil
	}
	return n, c.read(p[:n], r.lcn*cs+within)
}

// runAt finds the run that holds a VCN.
func (s *stream) runAt(vcn int64) (run, bool) {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].vcn+s.runs[i].length > vcn })
	if i == len(s.runs) {
		return run{}, false
	}
	return s.runs[i], true
}

// deviceOffset says where offset off of the stream lies on the volume, -1 if nowhere.
func (s *stream) deviceOffset(off, clusterSize int64) int64 {
	r, ok := s.runAt(off / clusterSize)
	if !ok || r.lcn == hole {
		return -1
	}
	return r.lcn*clusterSize + off - r.vcn*clusterSize
}

// readAll returns the data, refusing more than limit bytes.
func (s *stream) readAll(c *checker, limit int64) ([]byte, error) {
	if s.size > uint64(limit) {
		return nil, bad(Sizes, s.off, "data size", fmt.Sprintf("at most %d", limit), s.size)
	}
	b := make([]byte, s.size)
	return b, s.readAt(c, b, 0)
}
