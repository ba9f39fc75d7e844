package ntfs_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

const benchSize = 1 << 30

// benchVolume holds the same gigabyte in one piece and in thousands, in a
// sparse file.
func benchVolume(b *testing.B) (*image, *ntfs.Volume) {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "volume.img"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	const size = 3 << 30
	if err := f.Truncate(size); err != nil {
		b.Fatal(err)
	}
	dev := &image{f, size}
	content := pattern{benchSize}
	written := []format.Range{{Off: 0, Len: 64 << 20}}
	if err := format.Write(dev, format.Options{Root: []format.Entry{
		{Name: "contiguous", Content: content, Size: benchSize, Written: written},
		{Name: "6000 pieces", Content: content, Size: benchSize, Written: written, Fragments: 6000},
	}}); err != nil {
		b.Fatal(err)
	}
	return dev, open(b, dev)
}

// BenchmarkOpenRaw reads a gigabyte through the extents; the plain reads of
// the same number of bytes are what it is measured against.
func BenchmarkOpenRaw(b *testing.B) {
	dev, v := benchVolume(b)
	extents, err := v.Extents("contiguous")
	if err != nil || len(extents) != 1 {
		b.Fatal(len(extents), err)
	}
	plain := io.NewSectionReader(dev, extents[0].DeviceOffset, benchSize)
	b.Run("plain ReadAt", func(b *testing.B) { readThrough(b, plain) })
	for _, name := range []string{"contiguous", "6000 pieces"} {
		b.Run(name, func(b *testing.B) {
			raw, err := v.OpenRaw(name)
			if err != nil {
				b.Fatal(err)
			}
			readThrough(b, raw)
		})
	}
	pieces, err := v.Extents("6000 pieces")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plain ReadAt of the pieces", func(b *testing.B) {
		b.SetBytes(benchSize)
		buf := make([]byte, 4<<20)
		for b.Loop() {
			at := int64(0) // as in any reader, the pieces fill one buffer after the other
			for _, e := range pieces {
				if at+e.Length > int64(len(buf)) {
					at = 0
				}
				if _, err := dev.ReadAt(buf[at:at+e.Length], e.DeviceOffset); err != nil {
					b.Fatal(err)
				}
				at += e.Length
			}
		}
	})
	b.Run("open 6000 pieces", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.OpenRaw("6000 pieces"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func readThrough(b *testing.B, r *io.SectionReader) {
	b.Helper()
	b.SetBytes(benchSize)
	b.ReportAllocs()
	buf := make([]byte, 4<<20)
	pass := func() {
		for off := int64(0); off < benchSize; off += int64(len(buf)) {
			if _, err := r.ReadAt(buf, off); err != nil {
				b.Fatal(err)
			}
		}
	}
	pass() // the first fills the page cache
	for b.Loop() {
		pass()
	}
}
