package wof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"hangkit/ntfs/internal/alloctest"
	"hangkit/ntfs/internal/woftest"
)

var update = flag.Bool("update", false, "have wimlib make the samples of woftest anew")

var le = binary.LittleEndian

func open(tb testing.TB, f woftest.Format, stream []byte, size int64) io.ReaderAt {
	tb.Helper()
	r, err := NewReader(bytes.NewReader(stream), int64(len(stream)), size, Algorithm(f.Algorithm))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestReader(t *testing.T) {
	t.Parallel()
	want := woftest.Contents(woftest.SampleSize)
	for _, f := range woftest.Formats {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if got := Algorithm(f.Algorithm).String(); got != f.Name {
				t.Errorf("named %s", got)
			}
			r := open(t, f, f.Sample(t), woftest.SampleSize)
			if err := iotest.TestReader(io.NewSectionReader(r, 0, woftest.SampleSize), want); err != nil {
				t.Error(err)
			}
			piece := make([]byte, 3*f.ChunkSize)
			for _, off := range []int64{0, 1, int64(f.ChunkSize) - 1, int64(f.ChunkSize), 40_001} {
				n, err := r.ReadAt(piece, off)
				if !bytes.Equal(piece[:n], want[off:off+int64(n)]) || err != nil && !errors.Is(err, io.EOF) {
					t.Errorf("at %d: %d bytes differ (%v)", off, n, err)
				}
			}
		})
	}
}

// TestOracleChunks: contents of many sizes, as wimlib compresses them.
func TestOracleChunks(t *testing.T) {
	t.Parallel()
	for _, f := range woftest.Formats {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if *update {
				sample := f.Encode(t, woftest.Contents(woftest.SampleSize))
				if err := os.WriteFile("../woftest/testdata/"+f.Name, sample, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, size := range []int{3000, f.ChunkSize - 1, f.ChunkSize, f.ChunkSize + 2000, 3*f.ChunkSize + 1501, 3 << 20} {
				want := woftest.Contents(size)
				r := open(t, f, f.Encode(t, want), int64(size))
				got := make([]byte, size)
				if n, err := r.ReadAt(got, 0); n != size || err != nil {
					t.Fatalf("%d bytes: %d, %v", size, n, err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes differ", size)
				}
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	if _, err := NewReader(bytes.NewReader(nil), 0, 100, 4); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("unknown algorithm: %v", err)
	}
	if _, err := NewReader(bytes.NewReader(nil), 0, 1<<62, XPRESS4K); !errors.Is(err, ErrCorrupt) {
		t.Errorf("no room for the table: %v", err)
	}
	f := woftest.Formats[0]
	for name, patch := range map[string]func(b []byte) []byte{
		"a chunk ends before it begins": func(b []byte) []byte { le.PutUint32(b[4:], 1); return b },
		"a chunk beyond the stream":     func(b []byte) []byte { le.PutUint32(b, 1<<31); return b },
		"a chunk larger than plain":     func(b []byte) []byte { le.PutUint32(b, 4097); return b },
		"the stream is cut":             func(b []byte) []byte { return b[:len(b)-300] },
		"the table is cut":              func(b []byte) []byte { return b[:70] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := patch(f.Sample(t))
			r, err := NewReader(bytes.NewReader(b), int64(len(f.Sample(t))), woftest.SampleSize, XPRESS4K)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, io.NewSectionReader(r, 0, woftest.SampleSize)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

// FuzzReader: any stream, any size it claims for its contents, read at both ends
// and in between.
func FuzzReader(f *testing.F) {
	for _, format := range woftest.Formats {
		f.Add(format.Sample(f), int64(woftest.SampleSize), format.Algorithm)
	}
	f.Add(make([]byte, 100), int64(4<<30), uint32(LZX))
	f.Fuzz(func(t *testing.T, stream []byte, size int64, algorithm uint32) {
		const read = 40 << 10 // more than a chunk of each format
		size = max(0, size)
		alloctest.Bound(t, 1<<20, func() {
			r, err := NewReader(bytes.NewReader(stream), int64(len(stream)), size, Algorithm(algorithm%5))
			if err != nil {
				typed(t, err)
				return
			}
			p := make([]byte, read)
			for _, off := range []int64{0, size / 2, max(0, size-read)} {
				n, err := r.ReadAt(p, off)
				if err == nil && n != read {
					t.Fatalf("%d bytes at %d, and no error", n, off)
				}
				typed(t, err)
			}
		})
	})
}

// typed proves that an error is one a caller can tell from others.
func typed(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrAlgorithm) {
		t.Fatalf("untyped error %v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	const size = 4 << 20
	for _, f := range woftest.Formats {
		b.Run(f.Name, func(b *testing.B) {
			r := open(b, f, f.Encode(b, woftest.Contents(size)), size)
			p := make([]byte, size)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadAt(p, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
