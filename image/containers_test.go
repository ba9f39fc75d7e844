package image_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/qcow2"
	"hangkit/image/vhd"
	"hangkit/image/vhdx"
)

// creators make empty images of the formats, by qemu-img's names for them.
var creators = map[string]func(t *testing.T, path string, size int64){
	"vpc": func(t *testing.T, path string, size int64) {
		t.Helper()
		createIn(t, path, func(s container.Storage) error {
			return vhd.Create(s, vhd.Options{Size: size, ID: [16]byte{1}})
		})
	},
	"vhdx": func(t *testing.T, path string, size int64) {
		t.Helper()
		createIn(t, path, func(s container.Storage) error {
			_, err := vhdx.Create(s, vhdx.Options{Size: size, Sector: 512, Random: rand.NewChaCha8([32]byte{})})
			return err
		})
	},
	"qcow2": func(t *testing.T, path string, size int64) {
		t.Helper()
		createIn(t, path, func(s container.Storage) error {
			_, err := qcow2.Create(s, qcow2.Options{Size: size})
			return err
		})
	},
}

// createIn makes a file.
func createIn(t *testing.T, path string, create func(s container.Storage) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(create(storage{f}), f.Close()); err != nil {
		t.Fatal(err)
	}
}

type storage struct{ *os.File }

func (s storage) Size() (int64, error) {
	info, err := s.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// TestOpenContainers opens what was made for writing and for reading, by
// names that say nothing.
func TestOpenContainers(t *testing.T) {
	t.Parallel()
	formats := map[string]image.Format{"vpc": image.VHD, "vhdx": image.VHDX, "qcow2": image.QCOW2}
	for name, create := range creators {
		path := filepath.Join(t.TempDir(), "disk.bin")
		create(t, path, 3*mib)
		f := openFile(t, path, true)
		if f.Format() != formats[name] || f.Size() != 3*mib || f.SectorSize() != 512 || f.ReadOnly() {
			t.Errorf("%s: %v of %d bytes", name, f.Format(), f.Size())
		}
		if _, err := f.WriteAt([]byte("hello"), mib); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := openFile(t, path, false).ReadAt(b, mib); err != nil || string(b) != "hello" {
			t.Errorf("%s: read %q, %v", name, b, err)
		}
	}
}

// TestBackingLoop: an image below itself is refused, whichever way it got
// there, and a missing one is named.
func TestBackingLoop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	chain := func(name, below string) string {
		path := filepath.Join(dir, name)
		creators["qcow2"](t, path, mib)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, err = f.WriteAt([]byte{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, byte(len(below))}, 8)
		_, err2 := f.WriteAt([]byte(below), 512)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self := chain("self", "self")
	a := chain("a", "b")
	chain("b", filepath.Join(dir, "a"))
	for path, want := range map[string]error{self: image.ErrFormat, a: image.ErrFormat, chain("c", "gone"): os.ErrNotExist} {
		said := image.Options{Claims: slices.Repeat([]image.Claim{"qcow2"}, 100)}
		if f, err := image.OpenWith(path, said); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v", path, f, err, want)
		}
	}
}
