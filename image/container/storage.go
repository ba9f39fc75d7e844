package container

import (
	"errors"
	"fmt"
	"io"
)

// Storage is what an image lies in: a file that grows when it is written
// past its end.
type Storage interface {
	io.ReaderAt
	io.WriterAt
	// Size is the size now.
	Size() (int64, error)
	// Sync returns once everything written before it is durable.
	Sync() error
}

// Source is a disk that can be read: what lies below a differencing image.
type Source interface {
	io.ReaderAt
	Size() int64
}

// ReadFull fills p with the bytes at off. That there are too few is a
// [TruncatedError].
func ReadFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return &TruncatedError{Off: off, Len: int64(len(p)), Have: off + int64(n)}
	}
	return fmt.Errorf("read of %d bytes at 0x%x: %w", len(p), off, err)
}

// Extend makes the storage size bytes long, the new ones zeros that take no
// room where the file system can leave holes.
func Extend(s Storage, size int64) error {
	have, err := s.Size()
	if err != nil || have >= size {
		return err
	}
	tail := min(size-have, pageSize)
	_, err = s.WriteAt(make([]byte, tail), size-tail)
	return err
}

// Clip cuts a read of p at off down to a disk of size bytes. The error is
// what the reader owes its caller when the cut part was read: io.EOF if
// bytes are missing at the end.
func Clip(p []byte, off, size int64) ([]byte, error) {
	switch {
	case off < 0:
		return nil, &BoundsError{Op: "read", Off: off, Len: int64(len(p)), Size: size}
	case len(p) == 0:
		return p, nil
	case off >= size:
		return nil, io.EOF
	case int64(len(p)) > size-off:
		return p[:size-off], io.EOF
	}
	return p, nil
}

// CheckWrite says whether a write of n bytes at off stays inside a disk of
// size bytes.
func CheckWrite(n int, off, size int64) error {
	if off < 0 || off > size || int64(n) > size-off {
		return &BoundsError{Op: "write", Off: off, Len: int64(n), Size: size}
	}
	return nil
}

// RoundUp is the next multiple of unit.
func RoundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// RoundDown is the multiple of unit at or before n.
func RoundDown(n, unit int64) int64 { return n / unit * unit }

// isEOF says that a short read is short because the storage ends.
func isEOF(err error) bool { return errors.Is(err, io.EOF) }
