package chunk

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

var contents = bytes.Repeat([]byte("0123456789abcdef"), 9)

// counted decodes chunks of ten bytes and counts how often.
func counted(calls *int) *Reader {
	return &Reader{Size: int64(len(contents)), ChunkSize: 10, Decode: func(dst []byte, chunk int64) error {
		*calls++
		if n := copy(dst, contents[chunk*10:]); n != len(dst) {
			return io.ErrUnexpectedEOF
		}
		return nil
	}}
}

func TestReader(t *testing.T) {
	t.Parallel()
	var calls int
	r := counted(&calls)
	if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size), contents); err != nil {
		t.Error(err)
	}
	if _, err := r.ReadAt(make([]byte, 1), r.Size); !errors.Is(err, io.EOF) {
		t.Errorf("past the end: %v", err)
	}
}

// TestOnce: small reads in order decode each chunk once, a large one too.
func TestOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 3, 10, len(contents)} {
		var calls int
		r := counted(&calls)
		p := make([]byte, size)
		for off := int64(0); off < r.Size; off += int64(size) {
			if _, err := r.ReadAt(p, off); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
		}
		if want := (len(contents) + 9) / 10; calls != want {
			t.Errorf("in pieces of %d: %d chunks decoded, want %d", size, calls, want)
		}
	}
}

// TestFault: a chunk that failed is not taken from the cache.
func TestFault(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	r := &Reader{Size: 15, ChunkSize: 10, Decode: func([]byte, int64) error { return fault }}
	for range 2 {
		if n, err := r.ReadAt(make([]byte, 3), 5); n != 0 || !errors.Is(err, fault) {
			t.Errorf("%d, %v", n, err)
		}
	}
}
