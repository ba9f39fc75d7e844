package ntfs

import (
	"errors"
	"io"
	"slices"
)

// Extents returns where the clusters of a file's unnamed data lie, in file
// order and complete, neighbours joined. It is the raw allocation: past the
// data size too, and what a compressed file keeps there is compressed. A file
// whose data is inside its MFT record has no extents.
func (v *Volume) Extents(name string) ([]Extent, error) {
	n, _, err := v.resolve(name)
	if err != nil {
		return nil, pathError("extents", name, err)
	}
	s, ok, err := n.stream(typeData, "")
	if err != nil || !ok {
		return nil, pathError("extents", name, err)
	}
	return slices.Clone(s.extents), nil
}

// OpenRaw reads all clusters a file owns, in file order: what the device holds
// there, past the initialized and the data size too, zeros in holes. Windows
// writes crash dumps under NTFS, so a page file's contents lie there whatever
// its sizes say. Data that is compressed, encrypted or behind a reparse point
// is ErrUnsupported. Each extent costs one read into the caller's buffer.
func (v *Volume) OpenRaw(name string) (*io.SectionReader, error) {
	n, _, err := v.resolve(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if n.base.directory() {
		return nil, pathError("open", name, errIsDirectory)
	}
	s, refused, err := n.data()
	if err = errors.Join(err, refused); err != nil {
		return nil, pathError("open", name, err)
	}
	return io.NewSectionReader((*rawStream)(s), 0, (*rawStream)(s).length()), nil
}

// rawStream is a stream read cluster by cluster, without regard to its sizes.
type rawStream stream

func (r *rawStream) length() int64 {
	if r.resident != nil {
		return int64(len(r.resident))
	}
	return r.allocated
}

func (r *rawStream) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.length() {
		return 0, io.EOF
	}
	var eof error
	if rest := r.length() - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	if r.resident != nil {
		return copy(p, r.resident[off:]), eof
	}
	n, err := (*stream)(r).readClusters(p, off)
	if err != nil {
		return n, err
	}
	return n, eof
}
