package ntfs_test

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/alloctest"
)

// patched shows a volume with single bytes changed.
type patched struct {
	*memory
	bytes map[int64]byte
}

func (p *patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.memory.ReadAt(b, off)
	for at, c := range p.bytes {
		if at >= off && at < off+int64(n) {
			b[at-off] = c
		}
	}
	return n, err
}

// FuzzOpen changes bytes of the boot sector, the MFT and the index blocks and
// then does everything a volume can do, with an end to the patience.
func FuzzOpen(f *testing.F) {
	p := newPatient(f)
	var targets []int64 // 512-byte pieces worth changing
	add := func(off, length int64) {
		for ; length > 0; off, length = off+512, length-512 {
			targets = append(targets, off)
		}
	}
	add(0, 512)
	for _, name := range []string{"$MFT", "$Volume", "$UpCase", "$Bitmap", "$LogFile", "victim", "small", "many", "pieces", "packed", "overlay"} {
		add(p.recordAt(name), 1024)
	}
	add(p.recordAt("$MFT")+5*1024, 1024)
	add(p.blockAt(), 8*4096)
	add(p.layout.Files["packed"].Extents[0].DeviceOffset, 4096)
	f.Add([]byte{0, 0x0d, 0, 3})
	f.Add([]byte{3, 0x40, 1, 0xff, 9, 0x90, 0, 0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		dev := &patched{p.memory, map[int64]byte{}}
		for ; len(b) >= 4 && len(dev.bytes) < 64; b = b[4:] {
			off := targets[int(b[0])%len(targets)] + int64(b[1]) + int64(b[2]%2)<<8
			dev.bytes[off] = b[3]
		}
		before := len(p.writes)
		alloctest.Bound(t, exhausting, func() { exhaust(t, dev) })
		if len(p.writes) != before {
			t.Fatal("something was written")
		}
	})
}

var errPatience = errors.New("enough seen")

// exhaust uses all of a volume's methods; errors are welcome, all but untyped ones.
func exhaust(t *testing.T, dev ntfs.Device) {
	t.Helper()
	v, err := ntfs.Open(dev)
	typed(t, err)
	if err != nil {
		return
	}
	_, err = v.State()
	typed(t, err)
	_, err = v.Free()
	typed(t, err)
	seen := map[string]int{} // by directory
	err = fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if seen[path.Dir(name)]++; len(seen) > 20 {
			return errPatience
		}
		if err != nil {
			typed(t, err)
			return nil
		}
		visit(t, v, name, d)
		if seen[path.Dir(name)] == 20 {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil && !errors.Is(err, errPatience) {
		typed(t, err)
	}
}

func visit(t *testing.T, v *ntfs.Volume, name string, d fs.DirEntry) {
	t.Helper()
	if !fs.ValidPath(name) {
		t.Fatalf("invalid path %q", name)
	}
	_, err := d.Info()
	typed(t, err)
	_, err = v.Detail(name)
	typed(t, err)
	_, err = v.Extents(name)
	typed(t, err)
	if raw, err := v.OpenRaw(name); err == nil {
		_, err = io.CopyN(io.Discard, raw, 64<<10)
		typed(t, err)
	}
	file, err := v.Open(name)
	typed(t, err)
	if err == nil && !d.IsDir() {
		_, err = io.CopyN(io.Discard, file, 64<<10)
		typed(t, err)
	}
	visitStreams(t, v, name)
	if place, err := v.OpenInPlace(name); err == nil {
		if size := place.Size(); size <= 0 || size > dev32 {
			t.Fatalf("in place: %d bytes", size)
		}
	}
}

func visitStreams(t *testing.T, v *ntfs.Volume, name string) {
	t.Helper()
	streams, err := v.Streams(name)
	typed(t, err)
	for _, s := range streams[:min(len(streams), 20)] {
		f, err := v.OpenStream(name, s.Name)
		typed(t, err)
		if err == nil {
			_, err = io.CopyN(io.Discard, f, 64<<10)
			typed(t, err)
		}
	}
}

const (
	dev32 = 32 << 20 // bytes on the patient's volume
	// exhausting is what some hundred names take, each of which goes down the
	// index trees anew, freed bytes included: damage makes the trees deeper.
	exhausting = 256 << 20
)

// typed proves that an error is one a caller can tell from others.
func typed(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{
		nil, io.EOF, ntfs.ErrFormat, ntfs.ErrNotNTFS, ntfs.ErrBitLocker, ntfs.ErrTruncated, ntfs.ErrUnsupported, fs.ErrNotExist, fs.ErrInvalid,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Fatalf("untyped error %v", err)
}

func BenchmarkLookup(b *testing.B) {
	m, _ := build(b, 64<<20, format.Options{Root: []format.Entry{{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: numbered(5000)}}}}})
	v := open(b, m)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Stat("windows/system32/file number 03333.TXT"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadDir(b *testing.B) {
	m, _ := build(b, 64<<20, format.Options{Root: []format.Entry{{Name: "many", Dir: numbered(20_000)}}})
	v := open(b, m)
	b.ReportAllocs()
	for b.Loop() {
		if list, err := v.ReadDir("many"); err != nil || len(list) != 20_000 {
			b.Fatal(err)
		}
	}
}
