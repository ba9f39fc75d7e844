package collect_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

const benchSize = 1 << 30

// benchFile is a 1 GiB dump in a file, holes and all.
func benchFile(b *testing.B) *os.File {
	b.Helper()
	d, err := dumptest.NewReader(dumptest.Spec{Pages: benchSize / 4096})
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(b.TempDir(), "MEMORY.DMP"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err := d.WriteTo(f); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	return f
}

// BenchmarkExtract copies 1 GiB with and without hashing, and the way io.Copy
// does (flushed, too), for the ratio.
func BenchmarkExtract(b *testing.B) {
	f := benchFile(b)
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	size := info.Size()
	for name, noHash := range map[string]bool{"hash": false, "nohash": true} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				res, err := collect.Extract(b.Context(), collect.NewFileCandidate(f, size), collect.Options{Dir: dir, NoHash: noHash})
				if err != nil {
					b.Fatal(err)
				}
				os.Remove(res.Path)
			}
		})
	}
	b.Run("io.Copy", func(b *testing.B) {
		name := filepath.Join(b.TempDir(), "copy")
		b.SetBytes(size)
		for b.Loop() {
			out, err := os.Create(name)
			if err != nil {
				b.Fatal(err)
			}
			// Plain reads and writes: no copying inside the kernel.
			if _, err := io.CopyBuffer(struct{ io.Writer }{out}, io.NewSectionReader(f, 0, size), make([]byte, 2<<20)); err != nil {
				b.Fatal(err)
			}
			if err := out.Sync(); err != nil {
				b.Fatal(err)
			}
			out.Close()
			os.Remove(name)
		}
	})
}
