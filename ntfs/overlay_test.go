package ntfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/woftest"
)

// overlayReparse is the reparse point of a file compressed by CompactOS.
func overlayReparse(algorithm uint32) *format.Reparse {
	b := le.AppendUint32(nil, 1) // WOF_CURRENT_VERSION
	b = le.AppendUint32(b, 2)    // WOF_PROVIDER_FILE
	b = le.AppendUint32(b, 1)    // FILE_PROVIDER_CURRENT_VERSION
	return &format.Reparse{Tag: tagWOF, Data: le.AppendUint32(b, algorithm)}
}

// overlayEntry is a file as compact /exe leaves it.
func overlayEntry(name string, algorithm uint32, size int64, packed []byte) format.Entry {
	return format.Entry{
		Name: name, Size: size, Holes: []format.Range{{Len: size}}, Reparse: overlayReparse(algorithm),
		Streams: []format.Stream{{Name: "WofCompressedData", Data: packed}},
	}
}

// overlayTree has a file of each compression.
func overlayTree(tb testing.TB) []format.Entry {
	tb.Helper()
	var entries []format.Entry
	for _, f := range woftest.Formats {
		entries = append(entries, overlayEntry(f.Name+".exe", f.Algorithm, woftest.SampleSize, f.Sample(tb)))
	}
	return entries
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	want := woftest.Contents(woftest.SampleSize)
	m, _ := build(t, 32<<20, format.Options{Root: overlayTree(t)})
	v := open(t, m)
	for _, f := range woftest.Formats {
		name := f.Name + ".EXE"
		if got, err := fs.ReadFile(v, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: contents differ (%v)", name, err)
		}
		readInPieces(t, v, name, want)
		if info, err := v.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() != woftest.SampleSize {
			t.Errorf("%s: %v (%v)", name, info, err)
		}
		if _, err := v.OpenRaw(name); !errors.Is(err, ntfs.ErrUnsupported) {
			t.Errorf("open raw: %v", err)
		}
	}
}

func TestOverlayDamage(t *testing.T) {
	t.Parallel()
	sample := woftest.Formats[0].Sample(t)
	cut := bytes.Clone(sample)
	clear(cut[100:5000])
	good := overlayEntry("file", 0, woftest.SampleSize, sample)
	for _, c := range []struct {
		name   string
		damage func(e *format.Entry)
		want   error
	}{
		{"no stream", func(e *format.Entry) { e.Streams = nil }, ntfs.ErrFormat},
		{"a stream that ends in its table", func(e *format.Entry) { e.Streams[0].Data = sample[:50] }, ntfs.ErrFormat},
		{"damaged chunks", func(e *format.Entry) { e.Streams[0].Data = cut }, ntfs.ErrFormat},
		{"no algorithm", func(e *format.Entry) { e.Reparse.Data = e.Reparse.Data[:12] }, ntfs.ErrFormat},
		{"another algorithm", func(e *format.Entry) { e.Reparse = overlayReparse(4) }, ntfs.ErrUnsupported},
		{"contents in a WIM archive", func(e *format.Entry) { e.Reparse.Data[4] = 1 }, ntfs.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := good
			e.Streams, e.Reparse = []format.Stream{{Name: "WofCompressedData", Data: sample}}, overlayReparse(0)
			c.damage(&e)
			m, _ := build(t, 16<<20, format.Options{Root: []format.Entry{e}})
			refused(t, open(t, m), "file", c.want)
		})
	}
}
