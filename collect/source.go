package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"hangkit/collect/dumpfile"
)

// source is an open file of a volume and how many bytes it holds.
type source struct {
	io.ReaderAt
	io.Closer
	size int64
}

// noClose stands for a reader that belongs to its volume.
type noClose struct{}

func (noClose) Close() error { return nil }

func openRaw(v Volume, name string) (*source, error) {
	r, err := v.OpenRaw(name)
	if err != nil {
		return nil, fmt.Errorf("raw clusters of %s: %w", name, err)
	}
	return &source{r, noClose{}, r.Size()}, nil
}

func openFile(v Volume, name string) (*source, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: the volume's files cannot be read at an offset", name), f.Close())
	}
	return &source{r, f, info.Size()}, nil
}

// compareSpots is at how many places a file is compared with its clusters.
const compareSpots = 16

// preferRaw reports whether a file's clusters hold data where the file itself
// reads as zeros: the kernel wrote it beneath the file system, which takes
// everything past its own idea of the written part for zeros. Clusters that
// differ in any other way (a compressed file) are not preferred.
func preferRaw(file, raw *source) bool {
	if raw.size < file.size || file.size == 0 {
		return false
	}
	a, b := make([]byte, dumpfile.PageSize), make([]byte, dumpfile.PageSize)
	better := false
	for i := range int64(compareSpots) {
		off := file.size / (compareSpots - 1) * i
		off = max(0, min(off, file.size-dumpfile.PageSize)) &^ (dumpfile.PageSize - 1)
		n := min(int64(len(a)), file.size-off)
		if !readSpot(file, a[:n], off) || !readSpot(raw, b[:n], off) || bytes.Equal(a[:n], b[:n]) {
			continue
		}
		if !isZero(a[:n]) {
			return false
		}
		better = true
	}
	return better
}

func readSpot(r io.ReaderAt, b []byte, off int64) bool {
	n, _ := r.ReadAt(b, off)
	return n == len(b)
}

var zeros [64 << 10]byte

func isZero(b []byte) bool {
	for len(b) > len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}
