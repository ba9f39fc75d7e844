package format

import (
	"bytes"
	"fmt"
	"io"
)

// stream is a $DATA attribute: resident if it has a value, else in runs.
type stream struct {
	name        string
	size        int64
	initialized int64
	fragments   int
	flags       attrFlags
	holes       []Range
	source      io.ReaderAt // nil: nothing to write
	written     []Range     // of the source

	value []byte  // if resident
	runs  runList // if not
}

func newStream(s Stream) (*stream, error) {
	size := s.Size
	if size == 0 {
		size = int64(len(s.Data))
	}
	made := &stream{name: s.Name, size: size, initialized: size, fragments: s.Fragments, holes: s.Holes}
	if s.InitializedSize != nil {
		made.initialized = *s.InitializedSize
	}
	if len(s.Holes) > 0 {
		made.flags |= flagSparse
	}
	if s.Compressed {
		made.flags |= flagCompressed
	}
	made.chooseSource(s)
	return made, made.check(s)
}

// needsClusters tells whether the stream has what a resident value cannot.
func (s *stream) needsClusters() bool {
	return s.fragments > 0 || len(s.holes) > 0 || s.initialized < s.size || s.flags != 0 && s.size > 0
}

// fileAttributes are the DOS attributes that the stream gives its file.
func (s *stream) fileAttributes() (a FileAttributes) {
	if s.flags&flagSparse != 0 {
		a |= attrSparse
	}
	if s.flags&flagCompressed != 0 {
		a |= attrCompressed
	}
	return a
}

func (s *stream) chooseSource(from Stream) {
	switch {
	case from.Content != nil:
		s.source, s.written = from.Content, from.Written
		if s.written == nil {
			s.written = []Range{{0, s.size}}
		}
	case from.Data != nil:
		s.source, s.written = bytes.NewReader(from.Data), []Range{{0, int64(len(from.Data))}}
	}
}

func (s *stream) check(from Stream) error {
	switch {
	case from.Content != nil && from.Data != nil:
		return fmt.Errorf("%w: both Data and Content", ErrOptions)
	case from.Written != nil && from.Content == nil:
		return fmt.Errorf("%w: Written without Content", ErrOptions)
	case s.size < int64(len(from.Data)):
		return fmt.Errorf("%w: size %d is below the %d bytes of data", ErrOptions, s.size, len(from.Data))
	case s.initialized < 0 || s.initialized > s.size:
		return fmt.Errorf("%w: initialized size %d of %d", ErrOptions, s.initialized, s.size)
	case s.fragments < 0:
		return fmt.Errorf("%w: %d fragments", ErrOptions, s.fragments)
	}
	for _, r := range s.written {
		if r.Off < 0 || r.Len < 0 || r.Off > s.size || r.Len > s.size-r.Off {
			return fmt.Errorf("%w: range %d+%d outside the file's %d bytes", ErrOptions, r.Off, r.Len, s.size)
		}
	}
	return nil
}

func (s *stream) resident() bool { return s.runs == nil }

// allocated is the allocated size a $FILE_NAME shows.
func (s *stream) allocated(g geometry) int64 {
	if s.resident() {
		return align(s.size, attrAlign)
	}
	return s.runs.allocated() * g.clusterSize // of a sparse file, what it takes up
}

func (s *stream) attribute(g geometry) attribute {
	if s.resident() {
		return attribute{typ: typeData, name: s.name, flags: s.flags, value: s.value}
	}
	a := g.newNonResident(typeData, s.name, s.runs, s.size)
	a.initialized, a.flags, a.compressed = s.initialized, s.flags, s.allocated(g)
	return a
}

// place finds room for the stream: in the record if it is small and room, the
// bytes left there, suffices; else in clusters.
func (s *stream) place(g geometry, alloc *allocator, room int) error {
	resident := attribute{typ: typeData, name: s.name}
	if !s.needsClusters() && s.size <= int64(room-resident.size()) {
		return s.makeResident()
	}
	clusters, holes, err := s.holeClusters(g)
	if err == nil && s.flags&flagCompressed != 0 {
		holes, err = s.compress(g, clusters, holes)
	}
	if err != nil {
		return err
	}
	allocated := clusters - holes.clusters()
	if int64(s.fragments) > allocated {
		return fmt.Errorf("%w: %d fragments of %d clusters", ErrOptions, s.fragments, allocated)
	}
	var runs runList
	if s.fragments > 1 {
		runs, err = alloc.scatter(allocated, 1, s.fragments)
	} else {
		runs, err = alloc.take(allocated)
	}
	s.runs = punch(runs, holes)
	return err
}

// holeClusters returns how many clusters the stream spans, and its holes as
// runs whose LCN is the VCN they begin at.
func (s *stream) holeClusters(g geometry) (clusters int64, holes runList, err error) {
	clusters = g.clustersFor(s.size)
	if s.flags&flagCompressed != 0 {
		if g.clusterSize > maxCompressedCluster {
			return 0, nil, fmt.Errorf("%w: compression with clusters of %d bytes", ErrOptions, g.clusterSize)
		}
		clusters = align(clusters, 1<<compressionUnit)
	}
	unit := g.clusterSize << compressionUnit
	end := int64(0)
	for _, h := range s.holes {
		last := h.Off+h.Len == s.size
		if h.Off < end || h.Len <= 0 || h.Len > s.size-h.Off || h.Off%unit != 0 || h.Len%unit != 0 && !last {
			return 0, nil, fmt.Errorf("%w: hole %d+%d is not of %d-byte units in ascending order", ErrOptions, h.Off, h.Len, unit)
		}
		end = h.Off + h.Len
		stop := g.clustersFor(end)
		if last {
			stop = clusters
		}
		holes = append(holes, run{LCN(h.Off / g.clusterSize), stop - h.Off/g.clusterSize})
	}
	return clusters, holes, nil
}

// maxCompressedCluster is the largest cluster size NTFS compresses with.
const maxCompressedCluster = 4096

// punch puts holes, placed by VCN, between the runs.
func punch(runs, holes runList) runList {
	var punched, head runList
	vcn := int64(0)
	for _, h := range holes {
		head, runs = runs.cut(int64(h.lcn) - vcn)
		vcn = int64(h.lcn) + h.len
		if last := len(punched) - 1; len(head) == 0 && last >= 0 {
			punched[last].len += h.len // behind a hole
			continue
		}
		punched = append(append(punched, head...), run{hole, h.len})
	}
	return append(punched, runs...)
}

func (s *stream) makeResident() error {
	s.value = make([]byte, s.size)
	return s.load(s.value)
}

// readFull reads all of p; a source that ends early is an error.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read contents at %#x: %w", off+int64(n), err)
}
