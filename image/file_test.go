package image_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hangkit/image"
)

func TestOpenFile(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcdef"), 256)
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, path, false)
	if f.Kind() != image.Regular || f.Path() != path || !f.ReadOnly() || f.Size() != 4096 || f.SectorSize() != 512 || f.Format() != image.Raw {
		t.Errorf("%v %s, read-only %v, %d bytes, sectors of %d, %v", f.Kind(), f.Path(), f.ReadOnly(), f.Size(), f.SectorSize(), f.Format())
	}
	b := make([]byte, 16)
	if _, err := f.ReadAt(b, 4080); err != nil || string(b) != "0123456789abcdef" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := f.WriteAt(b, 0); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("write: %v", err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
}

// Opening for writing, in vain or not, changes nothing: not even the time.
func TestOpenChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := openFile(t, path, true).Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
		t.Errorf("before %v %d, after %v %d", before.ModTime(), before.Size(), after.ModTime(), after.Size())
	}
}

// An image that shrinks while it is open must not read as zeros.
func TestFileShrinks(t *testing.T) {
	t.Parallel()
	f := tempImage(t, make([]byte, 8192))
	if err := os.Truncate(f.Path(), 5000); err != nil {
		t.Fatal(err)
	}
	if n, err := f.ReadAt(make([]byte, 4096), 4096); n != 904 || !errors.Is(err, image.ErrTruncated) {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestOpenRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "none.img"), fs.ErrNotExist},
		{"directory", dir, image.ErrUnsupported},
		{"character device", os.DevNull, image.ErrUnsupported},
	} {
		for _, writable := range []bool{false, true} {
			if f, err := image.Open(c.path, writable); !errors.Is(err, c.want) {
				t.Errorf("%s, writable %v: %v, %v", c.name, writable, f, err)
			}
		}
	}
}

func TestOpenEmptyFile(t *testing.T) {
	t.Parallel()
	f := tempImage(t, nil)
	if _, err := image.ReadTable(f); !errors.Is(err, image.ErrTruncated) {
		t.Errorf("table of an empty file: %v", err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.img")
	f, err := image.Create(path, 3*mib)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != 3*mib || f.ReadOnly() {
		t.Errorf("size %d, read-only %v", f.Size(), f.ReadOnly())
	}
	if _, err := image.Create(path, mib); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.img")
	if _, err := image.Create(other, -1); err == nil {
		t.Error("a size below zero was taken")
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is left of it: %v", err)
	}
}

func BenchmarkPartitionRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "disk.img")
	f, err := image.Create(path, 64*mib)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	s, err := image.Section(f, mib, 62*mib)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, mib)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.ReadAt(buf, 30*mib); err != nil {
			b.Fatal(err)
		}
	}
}
