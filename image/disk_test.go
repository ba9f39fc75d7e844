package image_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/image"
	"hangkit/image/imagetest"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// tempImage makes an image file and opens it for writing.
func tempImage(t *testing.T, content []byte) *image.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return openFile(t, path, true)
}

func openFile(t *testing.T, path string, writable bool) *image.File {
	t.Helper()
	return openWith(t, path, image.Options{Writable: writable})
}

func openWith(t *testing.T, path string, o image.Options) *image.File {
	t.Helper()
	f, err := image.OpenWith(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// fixedVHD is a disk of size zero bytes with the footer of a fixed VHD.
func fixedVHD(size int) []byte {
	footer := make([]byte, 512)
	copy(footer, "conectix")
	binary.BigEndian.PutUint64(footer[48:], uint64(size))
	binary.BigEndian.PutUint32(footer[60:], 2)
	var sum uint32
	for _, b := range footer {
		sum += uint32(b)
	}
	binary.BigEndian.PutUint32(footer[64:], ^sum)
	return append(make([]byte, size), footer...)
}

func section(t *testing.T, d image.Disk, off, size int64) *image.SectionDisk {
	t.Helper()
	s, err := image.Section(d, off, size)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onFile gives the suite an image file of its own each time.
func onFile(content []byte) func(*testing.T) image.Disk {
	return func(t *testing.T) image.Disk {
		t.Helper()
		return tempImage(t, content)
	}
}

// window gives the suite a part of a disk.
func window(open func(*testing.T) image.Disk, off, size int64) func(*testing.T) image.Disk {
	return func(t *testing.T) image.Disk {
		t.Helper()
		return section(t, open(t), off, size)
	}
}

// memory gives the suite a disk in memory, wrapped.
func memory(size int64, sector int, wrap func(image.Disk) image.Disk) func(*testing.T) image.Disk {
	return func(*testing.T) image.Disk { return wrap(image.NewMemory(size, sector)) }
}

func TestDevices(t *testing.T) {
	t.Parallel()
	bare := func(d image.Disk) image.Disk { return d }
	overlay := func(d image.Disk) image.Disk { return image.NewOverlay(d) }
	recorder := func(d image.Disk) image.Disk { return image.NewRecorder(d) }
	healthy := func(d image.Disk) image.Disk { return imagetest.NewFaulty(d, 1<<30, imagetest.Any) }
	for name, open := range map[string]func(*testing.T) image.Disk{
		"memory":                       memory(100*kib+512, 512, bare),
		"overlay":                      memory(100*kib+9, 512, overlay),
		"overlay on overlay":           memory(100*kib, 512, func(d image.Disk) image.Disk { return overlay(overlay(d)) }),
		"recorder":                     memory(100*kib, 4096, recorder),
		"faulty, later":                memory(100*kib, 512, healthy),
		"file":                         onFile(make([]byte, 100*kib+512)),
		"file of odd size":             onFile(make([]byte, 100*kib+77)),
		"fixed vhd":                    onFile(fixedVHD(100 * kib)),
		"section":                      window(memory(mib, 4096, bare), 12345, 100*kib),
		"section at the end of a file": window(onFile(make([]byte, 200*kib)), 100*kib, 100*kib),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imagetest.TestDevice(t, open)
		})
	}
}

func TestSectionBounds(t *testing.T) {
	t.Parallel()
	d := image.NewMemory(1000, 512)
	for _, c := range []struct {
		off, size int64
		ok        bool
	}{
		{0, 1000, true}, {1000, 0, true}, {10, 990, true},
		{0, 1001, false}, {10, 991, false}, {1001, 0, false}, {-1, 10, false}, {10, -1, false},
		{1, 1<<63 - 1, false}, {1<<63 - 1, 1, false},
	} {
		_, err := image.Section(d, c.off, c.size)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, image.ErrOutOfBounds) {
			t.Errorf("section %d+%d: %v", c.off, c.size, err)
		}
	}
}

// A write into a partition must not reach its neighbours.
func TestSectionNeighbours(t *testing.T) {
	t.Parallel()
	d := image.NewMemory(3000, 512)
	fill := bytes.Repeat([]byte{0xee}, 3000)
	if _, err := d.WriteAt(fill, 0); err != nil {
		t.Fatal(err)
	}
	s := section(t, d, 1000, 1000)
	if _, err := s.WriteAt(make([]byte, 1000), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteAt(make([]byte, 2), 999); !errors.Is(err, image.ErrOutOfBounds) {
		t.Errorf("write over the end: %v", err)
	}
	got := make([]byte, 3000)
	if _, err := d.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(fill[:1000], make([]byte, 1000), fill[:1000])
	if !bytes.Equal(got, want) {
		t.Error("bytes outside the section changed")
	}
}

func TestOverlayDirty(t *testing.T) {
	t.Parallel()
	base := image.NewMemory(mib, 512)
	o := image.NewOverlay(base)
	for _, w := range []image.Range{{100, 50}, {200, 50}, {5000, 1}, {150, 50}, {4999, 1}, {90, 20}, {mib - 1, 1}, {7, 0}} {
		if _, err := o.WriteAt(bytes.Repeat([]byte{1}, int(w.Len)), w.Off); err != nil {
			t.Fatal(err)
		}
	}
	want := []image.Range{{90, 160}, {4999, 2}, {mib - 1, 1}}
	if got := o.Dirty(); !slices.Equal(got, want) {
		t.Errorf("dirty %v, want %v", got, want)
	}
	b := make([]byte, mib)
	if _, err := base.ReadAt(b, 0); err != nil || !bytes.Equal(b, make([]byte, mib)) {
		t.Errorf("the disk below was written (%v)", err)
	}
}

// Dirty ranges against the simplest model there is: one flag per byte.
func TestOverlayDirtyModel(t *testing.T) {
	t.Parallel()
	const size = 300
	o := image.NewOverlay(image.NewMemory(size, 512))
	var written [size]bool
	for i := range 120 {
		off := (i * 7919) % size
		n := (i*31)%5 + 1
		if off+n > size {
			continue
		}
		if _, err := o.WriteAt(make([]byte, n), int64(off)); err != nil {
			t.Fatal(err)
		}
		for j := off; j < off+n; j++ {
			written[j] = true
		}
		var got [size]bool
		for k, r := range o.Dirty() {
			for j := r.Off; j < r.End(); j++ {
				got[j] = true
			}
			if k > 0 && o.Dirty()[k-1].End() >= r.Off {
				t.Fatalf("write %d: ranges touch: %v", i, o.Dirty())
			}
		}
		if got != written {
			t.Fatalf("write %d at %d+%d: dirty %v", i, off, n, o.Dirty())
		}
	}
}

// Bytes that were written do not need the disk below.
func TestOverlayOnBrokenDisk(t *testing.T) {
	t.Parallel()
	o := image.NewOverlay(imagetest.NewFaulty(image.NewMemory(64*kib, 512), 0, imagetest.Any))
	if _, err := o.WriteAt([]byte("hello"), 1000); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := o.ReadAt(b, 1000); err != nil || string(b) != "hello" {
		t.Errorf("written bytes: %q, %v", b, err)
	}
	if n, err := o.ReadAt(b, 1003); n != 2 || !errors.Is(err, imagetest.ErrInjected) {
		t.Errorf("two written bytes and three lost: %d, %v", n, err)
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	r := image.NewRecorder(imagetest.NewFaulty(image.NewMemory(64*kib, 512), 3, imagetest.Write|imagetest.Sync))
	p := []byte("abc")
	mustWriteAt(t, r, p, 5)
	p[0] = 'X' // the caller's buffer is the caller's
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	mustWriteAt(t, r, []byte("d"), 9)
	if n, err := r.WriteAt(make([]byte, 2048), 0); n != 1024 || !errors.Is(err, imagetest.ErrInjected) {
		t.Errorf("failing write: %d, %v", n, err)
	}
	if err := r.Sync(); !errors.Is(err, imagetest.ErrInjected) {
		t.Errorf("failing sync: %v", err)
	}
	ops := r.Ops()
	if len(ops) != 4 || string(ops[0].Data) != "abc" || !ops[1].Sync || ops[2].Off != 9 || len(ops[3].Data) != 1024 {
		t.Errorf("recorded %+v", ops)
	}
}

func mustWriteAt(t *testing.T, w io.WriterAt, p []byte, off int64) {
	t.Helper()
	if _, err := w.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	base := image.NewMemory(64*kib, 512)
	ops := []image.Op{{Off: 500, Data: bytes.Repeat([]byte{1}, 600)}, {Sync: true}, {Off: 0, Data: []byte{2}}}
	type place struct {
		op, bytes int
		total     int64
	}
	var cuts []place
	for cut, d := range imagetest.Cuts(base, ops, 512) {
		var n int64
		for _, r := range d.Dirty() {
			n += r.Len
		}
		if n != 0 {
			t.Errorf("%v: the yielded overlay is dirty itself", cut)
		}
		b := make([]byte, 1100)
		if _, err := d.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		written := int64(bytes.Count(b, []byte{1}) + bytes.Count(b, []byte{2}))
		if written != cut.Total {
			t.Errorf("%v: %d bytes are there", cut, written)
		}
		mustWriteAt(t, d, make([]byte, 1100), 0) // must not leak into the next state
		cuts = append(cuts, place{cut.Op, cut.Bytes, cut.Total})
	}
	want := []place{{0, 0, 0}, {0, 12, 12}, {0, 524, 524}, {2, 0, 600}, {3, 0, 601}}
	if !slices.Equal(cuts, want) {
		t.Errorf("cuts %v, want %v", cuts, want)
	}
}

func TestReorders(t *testing.T) {
	t.Parallel()
	base := image.NewMemory(64*kib, 512)
	write := func(off int64) image.Op { return image.Op{Off: off, Data: []byte{'w'}} }
	ops := []image.Op{write(0), write(1), write(2), {Sync: true}, write(3)}
	var states []string
	for _, d := range imagetest.Reorders(base, ops) {
		b := make([]byte, 4)
		if _, err := d.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		states = append(states, string(bytes.ReplaceAll(b, []byte{0}, []byte{'.'})))
	}
	want := []string{"w...", ".ww.", ".w..", "w.w.", "..w.", "ww..", "wwww", "www."}
	if !slices.Equal(states, want) {
		t.Errorf("states %q, want %q", states, want)
	}
}

func BenchmarkOverlayRead(b *testing.B) {
	o := image.NewOverlay(image.NewMemory(64*mib, 512))
	for off := int64(0); off < 64*mib; off += mib {
		if _, err := o.WriteAt([]byte("dirty"), off); err != nil {
			b.Fatal(err)
		}
	}
	buf := make([]byte, 4*mib)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.ReadAt(buf, 0); err != nil {
			b.Fatal(err)
		}
	}
}
