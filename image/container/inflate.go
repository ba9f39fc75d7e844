package container

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"
)

// Decoders wait here for the next block: they are costly to make.
var deflates, zlibs sync.Pool

// resetter is a decoder that can begin anew.
type resetter interface {
	io.Reader
	Reset(r io.Reader, dictionary []byte) error
}

// Inflate fills data with what the deflate stream at the start of packed
// holds.
func Inflate(data, packed []byte) error {
	r, ok := deflates.Get().(resetter)
	if !ok {
		r, _ = flate.NewReader(nil).(resetter)
	}
	defer deflates.Put(r)
	if err := r.Reset(bytes.NewReader(packed), nil); err != nil {
		return err
	}
	_, err := io.ReadFull(r, data)
	return err
}

// Unzlib unpacks the zlib stream at the start of packed into data, which it
// must not overflow, and gives the length. Its checksum is compared.
func Unzlib(data, packed []byte) (int, error) {
	r, err := newZlib(packed)
	if err != nil {
		return 0, err
	}
	defer zlibs.Put(r)
	n, err := io.ReadFull(r, data)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	if _, err := io.CopyN(io.Discard, r, 1); !errors.Is(err, io.EOF) {
		return n, errors.Join(err, ErrFormat)
	}
	return n, nil
}

// newZlib gives a decoder for the stream.
func newZlib(packed []byte) (resetter, error) {
	if r, ok := zlibs.Get().(resetter); ok {
		return r, r.Reset(bytes.NewReader(packed), nil)
	}
	made, err := zlib.NewReader(bytes.NewReader(packed))
	r, _ := made.(resetter)
	return r, err
}
