package wim_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"runtime/metrics"
	"testing"

	"hangkit/image"
	"hangkit/image/wim"
)

// bounded fails the test if do allocates more than limit bytes, freed ones included.
func bounded(tb testing.TB, limit uint64, do func()) {
	tb.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	do()
	metrics.Read(sample)
	if grown := sample[0].Value.Uint64() - before; grown > limit {
		tb.Fatalf("%d bytes allocated, want at most %d", grown, limit)
	}
}

// typed proves that an error is one a caller can tell from others.
func typed(tb testing.TB, err error) {
	tb.Helper()
	for _, want := range []error{nil, io.EOF, image.ErrFormat, image.ErrTruncated, image.ErrUnsupported, fs.ErrNotExist} {
		if errors.Is(err, want) || err == want { //nolint:errorlint // nil
			return
		}
	}
	tb.Fatalf("untyped error %v", err)
}

// visit walks an image, as far as a small one goes: what is damaged may show much again.
func visit(tb testing.TB, m *wim.Image) {
	tb.Helper()
	left := 200
	_ = fs.WalkDir(m, ".", func(name string, d fs.DirEntry, err error) error {
		typed(tb, err)
		if left--; left == 0 {
			return fs.SkipAll
		}
		if err == nil && d.Type().IsRegular() {
			f, err := m.Open(name)
			typed(tb, err)
			if err == nil {
				_, err = io.Copy(io.Discard, io.LimitReader(f, 64<<10))
				typed(tb, err)
			}
		}
		return nil
	})
}

// FuzzOpen: header, blob table, XML, resources, and what of the metadata survives
// without its SHA-1.
func FuzzOpen(f *testing.F) {
	small, err := wim.Create([]wim.NewImage{{Name: "x", Entries: []wim.Entry{{Path: "a/b", Data: []byte("c")}}}}, wim.CreateOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded(t, 64<<20+uint64(200*len(b)), func() {
			a, err := wim.Open(bytes.NewReader(b), int64(len(b)))
			typed(t, err)
			if err != nil {
				return
			}
			for n := 1; n <= min(a.Images(), 3); n++ {
				m, err := a.Image(n)
				typed(t, err)
				if err == nil {
					visit(t, m)
				}
			}
		})
	})
}

// FuzzMetadata: directory entries with the right SHA-1.
func FuzzMetadata(f *testing.F) {
	f.Add(wim.MetadataOf(f, sample(f), 1))
	f.Add(wim.MetadataOf(f, sample(f), 2))
	f.Fuzz(func(t *testing.T, metadata []byte) {
		m, err := wim.FromMetadata(metadata)
		typed(t, err)
		if err == nil {
			bounded(t, 64<<20+uint64(2000*len(metadata)), func() { visit(t, m) })
		}
	})
}
