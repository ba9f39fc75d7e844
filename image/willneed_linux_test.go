package image_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hangkit/image"
)

// TestWillNeed: bytes that are asked for, through a partition and an overlay, come
// into the page cache without being read.
func TestWillNeed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 32*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	disk := openFile(t, path, false)
	below, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	forget(t, below)
	if inCache(t, below, 20*mib) {
		t.Skip("the file system keeps files in memory")
	}
	part := section(t, image.NewOverlay(disk), 16*mib, 8*mib)
	part.WillNeed(4*mib, 2*mib)
	for range 500 {
		if inCache(t, below, 22*mib-1) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !inCache(t, below, 20*mib) || !inCache(t, below, 22*mib-1) {
		t.Error("the bytes were not fetched")
	}
}

// TestWillNeedOutside: a hint past an end asks for nothing there, and is no error.
func TestWillNeedOutside(t *testing.T) {
	t.Parallel()
	asked := &asked{Disk: image.NewMemory(8*mib, 512)}
	part := section(t, asked, 4*mib, 2*mib)
	for _, r := range []image.Range{{Off: 1 * mib, Len: 9 * mib}, {Off: 2 * mib, Len: 1}, {Off: -1, Len: 5}, {Off: 0, Len: -1}} {
		part.WillNeed(r.Off, r.Len)
	}
	if want := (image.Range{Off: 5 * mib, Len: 1 * mib}); len(asked.ranges) != 1 || asked.ranges[0] != want {
		t.Errorf("asked for %v, want %v", asked.ranges, want)
	}
	file := tempImage(t, make([]byte, mib))
	file.WillNeed(-1, 5)
	file.WillNeed(2*mib, 5)
	file.WillNeed(0, 5*mib)
	image.NewOverlay(image.NewMemory(mib, 512)).WillNeed(0, mib) // below it nobody listens
}

// asked is a disk that remembers what it was told will be needed.
type asked struct {
	image.Disk
	ranges []image.Range
}

func (a *asked) WillNeed(off, length int64) {
	a.ranges = append(a.ranges, image.Range{Off: off, Len: length})
}

func forget(t *testing.T, f *os.File) {
	t.Helper()
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
}

// inCache reads a byte if that needs no waiting.
func inCache(t *testing.T, f *os.File, off int64) bool {
	t.Helper()
	n, err := unix.Preadv2(int(f.Fd()), [][]byte{make([]byte, 1)}, off, unix.RWF_NOWAIT)
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("the file system cannot tell what is in memory")
	}
	return n == 1
}
