package ntfs_test

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"hangkit/ntfs"
)

const (
	tagSymlink    = 0xa000000c
	tagMountPoint = 0xa0000003
	tagWOF        = 0x80000017
	tagAppLink    = 0x8000001b
	tagCloud      = 0x9000001a
	tagWSLLink    = 0xa000001d
)

// reparse gives a file a resident $REPARSE_POINT.
func (p *patient) reparse(name string, tag uint32) {
	p.record(name, func(b []byte) {
		const header, size = 0x18, 0x20
		end := int(le.Uint32(b[0x18:])) - 8
		a := b[end:]
		clear(a[:size])
		le.PutUint32(a, 0xc0)
		le.PutUint32(a[4:], size)
		le.PutUint16(a[0x0a:], header)
		le.PutUint16(a[0x0e:], 99)
		le.PutUint32(a[0x10:], 8)
		le.PutUint16(a[0x14:], header)
		le.PutUint32(a[header:], tag)
		le.PutUint32(a[size:], 0xffffffff)
		le.PutUint32(b[0x18:], uint32(end+size+8))
	})
}

func TestReparsePoints(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	for _, c := range []struct {
		name, file string
		tag        uint32
		want       fs.FileMode
	}{
		{"symbolic link to a file", "victim", tagSymlink, fs.ModeSymlink},
		{"symbolic link to a directory", "many", tagSymlink, fs.ModeSymlink},
		{"junction", "many", tagMountPoint, fs.ModeSymlink},
		{"Linux symbolic link", "victim", tagWSLLink, fs.ModeIrregular},
		{"CompactOS", "victim", tagWOF, 0},
		{"app alias", "victim", tagAppLink, 0},
		{"cloud directory", "many", tagCloud, fs.ModeDir},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			p.reparse(c.file, c.tag)
			v := open(t, p)
			info, err := v.Stat(c.file)
			if err != nil || info.Mode().Type() != c.want {
				t.Fatalf("mode %v, want %v (%v)", info, c.want, err)
			}
			if d, err := v.Detail(c.file); err != nil || d.ReparseTag != c.tag {
				t.Errorf("tag 0x%x (%v)", d.ReparseTag, err)
			}
			_, err = v.Stat("many/File number 00000.txt")
			if followed := c.file != "many" || c.want == fs.ModeDir; followed != (err == nil) || err != nil && !errors.Is(err, ntfs.ErrUnsupported) {
				t.Errorf("path through it: %v", err)
			}
			if _, err := v.ReadLink(c.file); !errors.Is(err, ntfs.ErrFormat) && !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("link without a target: %v", err)
			}
			if c.file == "victim" && c.tag != tagWOF { // which TestOverlayDamage refuses
				refused(t, v, c.file, ntfs.ErrUnsupported)
			}
		})
	}
}

// refused proves that a file opens and that its data is not shown.
func refused(t *testing.T, v *ntfs.Volume, name string, why error) {
	t.Helper()
	f, err := v.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Read(make([]byte, 10)); n != 0 || !errors.Is(err, why) {
		t.Errorf("read: %d, %v", n, err)
	}
	if n, err := f.(io.ReaderAt).ReadAt(make([]byte, 10), 0); n != 0 || !errors.Is(err, why) {
		t.Errorf("read at: %d, %v", n, err)
	}
	if _, err := v.OpenRaw(name); !errors.Is(err, ntfs.ErrUnsupported) {
		t.Errorf("open raw: %v", err)
	}
	if _, err := v.OpenInPlace(name); !errors.Is(err, ntfs.ErrNotInPlace) {
		t.Errorf("open in place: %v", err)
	}
}

func TestEncodedData(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	for name, flag := range map[string]uint16{"compressed": 1, "encrypted": 0x4000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			p.attribute("victim", 0x80, func(a []byte) { le.PutUint16(a[0x0c:], flag) })
			v := open(t, p)
			refused(t, v, "victim", map[uint16]error{1: ntfs.ErrFormat, 0x4000: ntfs.ErrUnsupported}[flag])
			if d, err := v.Detail("victim"); err != nil || d.Compressed != (flag == 1) || d.Encrypted != (flag == 0x4000) {
				t.Errorf("%+v (%v)", d, err)
			}
			if extents, err := v.Extents("victim"); err != nil || len(extents) != 3 {
				t.Errorf("%v (%v)", extents, err)
			}
		})
	}
}

// TestHoles: a hole reads as zeros, both ways.
func TestHoles(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.attribute("victim", 0x80, func(a []byte) {
		le.PutUint16(a[0x0c:], 0x8000)
		copy(a[le.Uint16(a[0x20:]):], []byte{0x01, 10, 0})
	})
	v := open(t, p)
	b, err := fs.ReadFile(v, "victim")
	if err != nil || len(b) != 40_000 {
		t.Fatal(len(b), err)
	}
	for i, c := range b {
		if c != 0 {
			t.Fatalf("byte %d is %d", i, c)
		}
	}
	if extents, err := v.Extents("victim"); err != nil || len(extents) != 1 || extents[0].DeviceOffset != -1 {
		t.Errorf("%v (%v)", extents, err)
	}
	if d, err := v.Detail("victim"); err != nil || !d.Sparse || d.Fragments != 0 {
		t.Errorf("%+v (%v)", d, err)
	}
}
