package ntfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
)

func TestInPlaceWritesOwnBytesOnly(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"victim", "pieces"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			before := p.memory.clone()
			f, err := open(t, p).OpenInPlace(name)
			if err != nil {
				t.Fatal(err)
			}
			size := f.Size()
			data := bytes.Repeat([]byte{0xa5}, int(size))
			for _, w := range []struct{ off, n int64 }{{0, 1}, {4095, 2}, {4096, 8192}, {511, 20_000}, {size - 1, 1}, {size, 0}, {0, size}} {
				if n, err := f.WriteAt(data[:w.n], w.off); err != nil || int64(n) != w.n {
					t.Fatalf("write %d at %d: %d, %v", w.n, w.off, n, err)
				}
			}
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
			if got, err := fs.ReadFile(open(t, p), name); err != nil || !bytes.Equal(got, data) {
				t.Errorf("contents differ (%v)", err)
			}
			checkOutside(t, before, p, name, size)
		})
	}
}

// checkOutside proves that nothing but the first size bytes of a file changed.
func checkOutside(t *testing.T, before *memory, p *patient, name string, size int64) {
	t.Helper()
	for _, e := range p.layout.Files[name].Extents {
		n := min(e.Length, size-e.FileOffset)
		p.patch(e.DeviceOffset, before.peek(e.DeviceOffset, n)...)
	}
	for i := range before.size / pageSize {
		if !bytes.Equal(before.peek(i*pageSize, pageSize), p.peek(i*pageSize, pageSize)) {
			t.Errorf("page 0x%x changed", i*pageSize)
		}
	}
}

func TestInPlaceBounds(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	v := open(t, p)
	f, err := v.OpenInPlace("victim")
	if err != nil {
		t.Fatal(err)
	}
	const size = 40_000
	if f.Size() != size {
		t.Fatalf("size %d", f.Size())
	}
	p.writes = nil
	for _, w := range []struct {
		name   string
		off, n int64
	}{
		{"past the end", size, 1}, {"across the end", size - 1, 2}, {"into the last cluster's tail", size, 960},
		{"far past the end", 1 << 40, 1}, {"end of the number range", 1<<63 - 1, 1}, {"negative", -1, 1}, {"most negative", -1 << 63, 10},
		{"nothing past the end", size + 1, 0}, {"longer than the file", 0, size + 1},
	} {
		if n, err := f.WriteAt(make([]byte, w.n), w.off); !errors.Is(err, ntfs.ErrBounds) || n != 0 {
			t.Errorf("%s: %d, %v", w.name, n, err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.WriteAt([]byte{1}, 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write when closed: %v", err)
	}
	if len(p.writes) != 0 {
		t.Errorf("refused writes wrote %v", p.writes)
	}
}

func TestInPlaceReads(t *testing.T) {
	t.Parallel()
	half := int64(5000)
	m, _ := build(t, 16<<20, format.Options{Root: []format.Entry{{Name: "half", Data: patterned(20_000), Fragments: 2, InitializedSize: &half}}})
	f, err := open(t, m).OpenInPlace("half")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	if err != nil || !bytes.Equal(got, patterned(5000)) || f.Size() != 5000 {
		t.Errorf("%d bytes of %d (%v)", len(got), f.Size(), err)
	}
}

func TestNotInPlace(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	const siAttributes, valueAt = 0x20, 0x18
	data := func(change func(a []byte)) func(p *patient) {
		return func(p *patient) { p.attribute("victim", 0x80, change) }
	}
	si := func(bits uint32) func(p *patient) {
		return func(p *patient) {
			p.attribute("victim", 0x10, func(a []byte) { le.PutUint32(a[valueAt+siAttributes:], bits) })
		}
	}
	for _, c := range []struct {
		name, file, reason string
		damage             func(p *patient)
	}{
		{"resident", "small", "inside the MFT record", nil},
		{"directory", "many", "directory", nil},
		{"metafile", "$Bitmap", "belongs to NTFS", nil},
		{"metafile of $Extend", "$extend/$ObjId", "belongs to NTFS", nil},
		{"compressed", "victim", "compressed", data(func(a []byte) { a[0x0c] = 1 })},
		{"encrypted", "victim", "encrypted", data(func(a []byte) { a[0x0d] = 0x40 })},
		{"sparse", "victim", "sparse", data(func(a []byte) { a[0x0d] = 0x80 })},
		{"unknown flag", "victim", "unknown flags", data(func(a []byte) { a[0x0c] = 8 })},
		{"nothing initialized", "victim", "initialized", data(func(a []byte) { le.PutUint64(a[0x38:], 0) })},
		{"hole without the flag", "victim", "holes", data(func(a []byte) { copy(a[le.Uint16(a[0x20:]):], []byte{0x01, 10, 0}) })},
		{"attributes say compressed", "victim", "attributes", si(0x800)},
		{"attributes say encrypted", "victim", "attributes", si(0x4000)},
		{"attributes say reparse point", "victim", "reparse", si(0x400)},
		{"in $Bitmap and free", "victim", "marked free", func(p *patient) {
			for _, e := range p.layout.Files["$Bitmap"].Extents {
				lcn := p.layout.Files["victim"].Extents[1].DeviceOffset / 4096
				p.patch(e.DeviceOffset+lcn/8, p.peek(e.DeviceOffset+lcn/8, 1)[0]&^(1<<(lcn%8)))
			}
		}},
		{"shares clusters with the MFT", "victim", "two files", sharesWith("$MFT")},
		{"shares clusters with the mirror", "victim", "two files", sharesWith("$MFTMirr")},
		{"shares clusters with the journal", "victim", "two files", sharesWith("$LogFile")},
		{"shares clusters with $Bitmap", "victim", "two files", sharesWith("$Bitmap")},
		{"shares the boot sector", "victim", "two files", sharesWith("$Boot")},
		{"shares clusters with itself", "victim", "two files", func(p *patient) {
			p.runs("victim", func(r []byte) { copy(r, []byte{0x31, 5, 0, 2, 0, 0x11, 5, 1, 0}) })
			bits(p, 0x200, 16)
		}},
		{"mirror differs", "victim", "mirror", func(p *patient) {
			p.sealed(p.layout.Files["$MFTMirr"].Extents[0].DeviceOffset+3*1024, 1024, func(b []byte) { b[0x40]++ })
		}},
		{"unknown version", "victim", "version", func(p *patient) {
			p.attribute("$Volume", 0x70, func(a []byte) { a[0x18+8] = 4 })
		}},
		{"name of another file", "victim", "", func(p *patient) {
			p.attribute("victim", 0x30, func(a []byte) { a[0x18+0x42] ^= 3 })
		}},
		{"record of another file", "victim", "", func(p *patient) { p.patch(p.recordAt("victim")+0x10, 9) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			if c.damage != nil {
				c.damage(p)
			}
			_, err := open(t, p).OpenInPlace(c.file)
			t.Log(err)
			if c.reason == "" && !errors.Is(err, ntfs.ErrFormat) || c.reason != "" && !errors.Is(err, ntfs.ErrNotInPlace) {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%v does not speak of %q", err, c.reason)
			}
			if len(p.writes) != 0 {
				t.Errorf("wrote %v", p.writes)
			}
		})
	}
	if _, err := open(t, readOnly{healthy}).OpenInPlace("victim"); !errors.Is(err, ntfs.ErrReadOnly) {
		t.Errorf("read-only device: %v", err)
	}
	if _, err := open(t, healthy).OpenInPlace("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// readOnly hides WriteAt.
type readOnly struct{ ntfs.Device }

// sharesWith lets the victim's ten clusters begin where another file's do.
func sharesWith(other string) func(p *patient) {
	return func(p *patient) {
		lcn := p.layout.Files[other].Extents[0].DeviceOffset / 4096
		p.runs("victim", func(r []byte) { copy(r, []byte{0x31, 10, byte(lcn), byte(lcn >> 8), byte(lcn >> 16), 0}) })
		bits(p, lcn, 10)
	}
}

// bits marks clusters as used.
func bits(p *patient, lcn, n int64) {
	at := p.layout.Files["$Bitmap"].Extents[0].DeviceOffset
	for ; n > 0; n, lcn = n-1, lcn+1 {
		p.patch(at+lcn/8, p.peek(at+lcn/8, 1)[0]|1<<(lcn%8))
	}
}

// TestInPlaceWriteFault: an error of the device is the caller's, with the bytes written so far.
func TestInPlaceWriteFault(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	dev := &failing{memory: p.memory, after: 2}
	f, err := open(t, dev).OpenInPlace("victim")
	if err != nil {
		t.Fatal(err)
	}
	extents := p.layout.Files["victim"].Extents
	n, err := f.WriteAt(patterned(40_000), 0)
	if want := extents[0].Length + extents[1].Length; !errors.Is(err, errFault) || int64(n) != want {
		t.Errorf("%d bytes, want %d (%v)", n, want, err)
	}
}

// failing refuses writes after some.
type failing struct {
	*memory
	after int
}

func (f *failing) WriteAt(p []byte, off int64) (int, error) {
	if f.after == 0 {
		return 0, errFault
	}
	f.after--
	return f.memory.WriteAt(p, off)
}

func TestOracleInPlace(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "icat", "cmp")
	g := geometry{512, 4096, 64 << 20}
	img := mkntfs(t, g)
	ntfstest.Mounted(t, img, "rw", func(dir string) { fill(t, dir, g) })
	before := filepath.Join(t.TempDir(), "before.img")
	data, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(before, data, 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "Windows/System32/config/SYSTEM"
	dev := openImage(t, img)
	v := open(t, dev)
	for _, target := range []string{name, "pieces"} {
		f, err := v.OpenInPlace(target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(bytes.Repeat([]byte{0x5a}, int(f.Size())-1000), 500); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	checkAgainstTools(t, v, img, "pieces")
	if got := run(t, "ntfscat", "-f", img, name); !bytes.Equal(got[500:len(got)-500], bytes.Repeat([]byte{0x5a}, len(got)-1000)) {
		t.Error("ntfscat does not see the new bytes")
	}
	own := slices.Concat(mustExtents(t, v, name), mustExtents(t, v, "pieces"))
	for _, off := range changedBytes(t, before, img) {
		inside := func(e ntfs.Extent) bool { return off >= e.DeviceOffset && off < e.DeviceOffset+e.Length }
		if !slices.ContainsFunc(own, inside) {
			t.Fatalf("byte 0x%x changed and belongs to neither file", off)
		}
	}
	ntfstest.Approve(t, img)
}

func mustExtents(t *testing.T, v *ntfs.Volume, name string) []ntfs.Extent {
	t.Helper()
	extents, err := v.Extents(name)
	if err != nil {
		t.Fatal(err)
	}
	return extents
}
