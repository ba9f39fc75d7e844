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
	made := &stream{name: s.Name, size: size, initialized: size, fragments: s.Fragments}
	if s.InitializedSize != nil {
		made.initialized = *s.InitializedSize
		if size > 0 {
			made.fragments = max(1, made.fragments) // a resident value has no initialized size
		}
	}
	made.chooseSource(s)
	return made, made.check(s)
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
	return s.runs.clusters() * g.clusterSize
}

func (s *stream) attribute(g geometry) attribute {
	if s.resident() {
		return attribute{typ: typeData, name: s.name, value: s.value}
	}
	a := g.newNonResident(typeData, s.name, s.runs, s.size)
	a.initialized = s.initialized
	return a
}

// place finds room for the stream: in the record if it is small and room, the
// bytes left there, suffices; else in clusters.
func (s *stream) place(g geometry, alloc *allocator, room int) error {
	resident := attribute{typ: typeData, name: s.name}
	if s.fragments == 0 && s.size <= int64(room-resident.size()) {
		return s.makeResident()
	}
	clusters := g.clustersFor(s.size)
	if int64(s.fragments) > clusters {
		return fmt.Errorf("%w: %d fragments of %d clusters", ErrOptions, s.fragments, clusters)
	}
	var err error
	if s.fragments > 1 {
		s.runs, err = alloc.scatter(clusters, s.fragments)
	} else {
		s.runs, err = alloc.take(clusters)
	}
	return err
}

func (s *stream) makeResident() error {
	s.value = make([]byte, s.size)
	for _, r := range s.written {
		if err := readFull(s.source, s.value[r.Off:][:r.Len], r.Off); err != nil {
			return err
		}
	}
	return nil
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
