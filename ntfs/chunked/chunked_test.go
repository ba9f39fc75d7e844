package chunked

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"hangkit/ntfs/internal/alloctest"
	"hangkit/ntfs/internal/woftest"
)

func TestCodecs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		codec Codec
		chunk int64
		known bool
	}{
		{XPRESS, 2 << 10, false}, {XPRESS, 4 << 10, true}, {XPRESS, 64 << 10, true}, {XPRESS, 128 << 10, false},
		{LZX, 16 << 10, false}, {LZX, 32 << 10, true}, {LZX, 2 << 20, true}, {LZX, 4 << 20, false},
		{LZX, 48 << 10, false}, {LZX, 0, false}, {LZX, -32 << 10, false}, {Codec(2), 32 << 10, false},
	} {
		if _, err := NewReader(bytes.NewReader(nil), 0, 0, c.codec, c.chunk); errors.Is(err, ErrCodec) == c.known {
			t.Errorf("%v in chunks of %d: %v", c.codec, c.chunk, err)
		}
	}
}

// TestOracleChunkSizes: contents as wimlib compresses them in chunks of every size.
func TestOracleChunkSizes(t *testing.T) {
	t.Parallel()
	length := 300 << 10
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		length = 5 << 20 // more than two of the largest chunks
	}
	want := woftest.Contents(length)
	for codec, sizes := range map[Codec][2]int{XPRESS: {4 << 10, 64 << 10}, LZX: {32 << 10, 2 << 20}} {
		for size := sizes[0]; size <= sizes[1]; size *= 2 {
			t.Run(fmt.Sprint(codec, size), func(t *testing.T) {
				t.Parallel()
				stream := woftest.Format{Codec: codec.String(), ChunkSize: size}.Encode(t, want)
				r, err := NewReader(bytes.NewReader(stream), int64(len(stream)), int64(len(want)), codec, int64(size))
				if err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(want))
				if n, err := r.ReadAt(got, 0); n != len(got) || err != nil {
					t.Fatalf("%d bytes, %v", n, err)
				}
				if !bytes.Equal(got, want) {
					t.Error("other contents")
				}
			})
		}
	}
}

// TestWideTable: contents of 4 GiB and more have a table of 8-byte entries.
func TestWideTable(t *testing.T) {
	t.Parallel()
	const size = wideTable + 5
	s := &wide{size: size, chunks: size / lzxChunk}
	r, err := NewReader(s, s.chunks*8+size, size, LZX, lzxChunk)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, lzxChunk + 3, size - 100_000, size - 10} {
		got := make([]byte, 10)
		if _, err := r.ReadAt(got, off); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		for i, b := range got {
			if b != byte(off+int64(i)) {
				t.Fatalf("byte %d is %d", off+int64(i), b)
			}
		}
	}
}

const lzxChunk = 32 << 10

// wide is a stream of chunks that did not shrink: bytes that count from zero.
type wide struct{ size, chunks int64 }

func (s *wide) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		at := off + int64(i)
		if p[i] = byte(at - s.chunks*8); at < s.chunks*8 {
			p[i] = byte((at/8 + 1) * lzxChunk >> (at % 8 * 8))
		}
	}
	return len(p), nil
}

// FuzzChunkSizes: the larger chunks, which WofCompressedData never has.
func FuzzChunkSizes(f *testing.F) {
	for _, format := range woftest.Formats {
		f.Add(format.Sample(f), uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, shift uint8) {
		const read = 40 << 10
		alloctest.Bound(t, 6<<20, func() {
			size := int64(32<<10) << (shift % 8)
			r, err := NewReader(bytes.NewReader(stream), int64(len(stream)), 3*size, LZX, size)
			if err != nil {
				return
			}
			p := make([]byte, read)
			for _, off := range []int64{0, size, 3*size - read} {
				if _, err := r.ReadAt(p, off); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("untyped error %v", err)
				}
			}
		})
	})
}
