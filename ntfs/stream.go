package ntfs

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
)

// Extent is a piece of a file that lies in one piece on the device. All in bytes.
type Extent struct {
	FileOffset   int64
	DeviceOffset int64 // from the start of the volume, -1 for a hole
	Length       int64
}

// extentMap joins the run lists of one stream, proving that they follow each
// other without gap and stay on the volume.
type extentMap struct {
	clusterSize int64
	clusters    int64 // of the volume
	next        VCN
	extents     []Extent
}

// add appends the clusters of the next attribute record.
func (m *extentMap) add(a attribute) error {
	runs, err := a.runs()
	if err != nil {
		return err
	}
	if a.lowestVCN() != m.next {
		return damaged(a.off, "non-resident attribute: first VCN", int64(m.next), int64(a.lowestVCN()))
	}
	for _, run := range runs {
		if err := m.addRun(run, a.off); err != nil {
			return err
		}
	}
	if a.highestVCN() != m.next-1 {
		return damaged(a.off, "non-resident attribute: last VCN", int64(m.next-1), int64(a.highestVCN()))
	}
	return nil
}

func (m *extentMap) addRun(run Run, off int64) error {
	if run.Length > math.MaxInt64/m.clusterSize-int64(m.next) {
		return damaged(off, "run list: run length", "a file below 8 EiB", hex(run.Length))
	}
	if run.LCN != hole && (int64(run.LCN) > m.clusters || run.Length > m.clusters-int64(run.LCN)) {
		return damaged(off, "run list: run", fmt.Sprintf("inside the volume's %d clusters", m.clusters),
			fmt.Sprintf("%d clusters at %d", run.Length, run.LCN))
	}
	m.append(run)
	m.next += VCN(run.Length)
	return nil
}

// append adds a run, joined to the one before if they touch on the device.
func (m *extentMap) append(run Run) {
	e := Extent{FileOffset: int64(m.next) * m.clusterSize, DeviceOffset: hole, Length: run.Length * m.clusterSize}
	if run.LCN != hole {
		e.DeviceOffset = int64(run.LCN) * m.clusterSize
	}
	if n := len(m.extents); n > 0 {
		last := &m.extents[n-1]
		bothHoles := last.DeviceOffset == hole && e.DeviceOffset == hole
		touching := last.DeviceOffset != hole && last.DeviceOffset+last.Length == e.DeviceOffset
		if bothHoles || touching {
			last.Length += e.Length
			return
		}
	}
	m.extents = append(m.extents, e)
}

// stream is one attribute's data, wherever it lies.
type stream struct {
	dev         io.ReaderAt
	flags       uint16
	resident    []byte // the data itself, nil if it has clusters
	extents     []Extent
	off         int64 // where its first attribute record lies
	unit        int64 // bytes compressed together, 0 if they are not
	allocated   int64
	size        int64
	initialized int64
	ahead       readAhead
}

// newStream joins the attribute records of one stream, which are in VCN order.
func (v *Volume) newStream(attrs []attribute) (*stream, error) {
	first := attrs[0]
	s := &stream{dev: v.dev, flags: first.flags(), off: first.off}
	var err error
	if s.allocated, s.size, s.initialized, err = first.sizes(); err != nil {
		return nil, err
	}
	if first.resident() {
		s.resident = first.value()
		if len(attrs) > 1 {
			return nil, damaged(first.off, "resident attribute: records of it", 1, len(attrs))
		}
		return s, nil
	}
	s.unit = v.compressionUnit(first)
	m := v.newExtentMap()
	for _, a := range attrs {
		if a.resident() {
			return nil, damaged(a.off, "attribute record of a non-resident stream", "non-resident", "resident")
		}
		if err := m.add(a); err != nil {
			return nil, err
		}
	}
	return s, s.cover(m)
}

func (v *Volume) newExtentMap() *extentMap {
	return &extentMap{clusterSize: v.boot.clusterSize, clusters: v.boot.clusters}
}

// cover takes the extents after proving that they are as long as the header says.
func (s *stream) cover(m *extentMap) error {
	if got := int64(m.next) * m.clusterSize; got != s.allocated {
		return damaged(s.off, "non-resident attribute: allocated size", hex(s.allocated), hex(got).String()+" in its run list")
	}
	s.extents = m.extents
	return nil
}

// decodable says why the data cannot be read as it lies, if so.
func (s *stream) decodable() error {
	switch {
	case s.flags&flagEncrypted != 0:
		return fmt.Errorf("%w: the data is encrypted (EFS)", ErrUnsupported)
	case s.flags&flagCompressed != 0 && s.resident == nil: // a record's own bytes are never compressed
		return fmt.Errorf("%w: the data is compressed (LZNT1)", ErrUnsupported)
	}
	return nil
}

// ReadAt reads data as the file system shows it: zeros in holes and beyond the
// initialized size, nothing beyond the data size.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("ntfs: negative offset")
	}
	if off >= s.size {
		return 0, io.EOF
	}
	var eof error
	if int64(len(p)) > s.size-off {
		p, eof = p[:s.size-off], io.EOF
	}
	if s.resident != nil {
		return copy(p, s.resident[off:]), eof
	}
	stored := min(max(s.initialized-off, 0), int64(len(p)))
	n, err := s.readClusters(p[:stored], off)
	if err != nil {
		return n, err
	}
	clear(p[stored:])
	return len(p), eof
}

// readClusters fills p from the clusters of the stream, and lets the device know
// what a reader from front to end wants next.
func (s *stream) readClusters(p []byte, off int64) (int, error) {
	s.ahead.follow(s.dev, s.extents, off, off+int64(len(p)))
	return readExtents(s.dev, s.extents, p, off)
}

// readAll returns the whole value, refusing one longer than limit.
func (s *stream) readAll(limit int64) ([]byte, error) {
	if err := s.decodable(); err != nil {
		return nil, err
	}
	if s.size > limit {
		return nil, damaged(s.off, "attribute: data size", fmt.Sprintf("at most %d", limit), s.size)
	}
	b := make([]byte, s.size)
	if _, err := s.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// readExtents fills p from offset off of the mapped file: one device read per
// extent, straight into p.
func readExtents(dev io.ReaderAt, extents []Extent, p []byte, off int64) (int, error) {
	done := 0
	for i := extentAt(extents, off); i < len(extents) && done < len(p); i++ {
		e, skip := extents[i], off+int64(done)-extents[i].FileOffset
		piece := p[done:]
		if rest := e.Length - skip; int64(len(piece)) > rest {
			piece = piece[:rest]
		}
		n, err := readExtent(dev, e, piece, skip)
		done += n
		if err != nil {
			return done, err
		}
	}
	if done < len(p) {
		return done, damaged(0, "extents: end of the mapped data", "at least "+hex(off+int64(len(p))).String(), hex(off+int64(done)))
	}
	return done, nil
}

func readExtent(dev io.ReaderAt, e Extent, p []byte, skip int64) (int, error) {
	if e.DeviceOffset == hole {
		clear(p)
		return len(p), nil
	}
	return readFull(dev, p, e.DeviceOffset+skip)
}

// readFull reads exactly p; a device that ends before is ErrTruncated.
func readFull(dev io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := dev.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		err = ErrTruncated
	}
	return n, fmt.Errorf("read %d bytes at 0x%x: %w", len(p), off, err)
}

// extentAt finds the extent that holds offset off of the file.
func extentAt(extents []Extent, off int64) int {
	return sort.Search(len(extents), func(i int) bool {
		return extents[i].FileOffset+extents[i].Length > off
	})
}

// deviceOffset says where offset off of the mapped file lies on the volume, -1 if nowhere.
func deviceOffset(extents []Extent, off int64) int64 {
	i := extentAt(extents, off)
	if i == len(extents) || extents[i].DeviceOffset == hole {
		return hole
	}
	return extents[i].DeviceOffset + off - extents[i].FileOffset
}
