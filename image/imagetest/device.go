package imagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"hangkit/image"
)

// TestDevice is the suite for every [image.Disk]. Each call of open must
// give a writable disk of at least 64 KiB that no other test writes to.
func TestDevice(t *testing.T, open func(t *testing.T) image.Disk) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(t *testing.T, d image.Disk)
	}{
		{"size and sectors", testGeometry},
		{"reads stop at the end", testReadEnd},
		{"writes do not cross the end", testWriteEnd},
		{"offsets below zero", testNegative},
		{"empty calls", testEmpty},
		{"what is written is read", testRandomWrites},
		{"is an io.ReaderAt", testSectionReader},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func testGeometry(t *testing.T, d image.Disk) {
	t.Helper()
	if d.Size() < 64<<10 {
		t.Errorf("size %d", d.Size())
	}
	if s := d.SectorSize(); s != 512 && s != 4096 {
		t.Errorf("sector size %d", s)
	}
	if err := d.Sync(); err != nil {
		t.Errorf("sync: %v", err)
	}
}

func testReadEnd(t *testing.T, d image.Disk) {
	t.Helper()
	for _, c := range []struct {
		off, n int64
		want   int
		err    error
	}{
		{d.Size() - 10, 9, 9, nil},
		{d.Size() - 10, 11, 10, io.EOF},
		{d.Size() - 1, 4096, 1, io.EOF},
		{d.Size(), 1, 0, io.EOF},
		{d.Size() + 1<<40, 1, 0, io.EOF},
	} {
		n, err := d.ReadAt(make([]byte, c.n), c.off)
		if n != c.want || !errors.Is(err, c.err) {
			t.Errorf("read of %d at size%+d: %d, %v; want %d, %v", c.n, c.off-d.Size(), n, err, c.want, c.err)
		}
	}
	// Exactly up to the end: with or without io.EOF, as io.ReaderAt allows.
	if n, err := d.ReadAt(make([]byte, 10), d.Size()-10); n != 10 || err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("read of the last 10 bytes: %d, %v", n, err)
	}
}

func testWriteEnd(t *testing.T, d image.Disk) {
	t.Helper()
	before := tail(t, d)
	junk := bytes.Repeat([]byte{0xa5}, 1024)
	for _, off := range []int64{d.Size() - 1023, d.Size() - 1, d.Size(), d.Size() + 1<<40} {
		n, err := d.WriteAt(junk, off)
		if n != 0 || !errors.Is(err, image.ErrOutOfBounds) {
			t.Errorf("write of 1024 at size%+d: %d, %v; want 0, out of bounds", off-d.Size(), n, err)
		}
	}
	if !bytes.Equal(before, tail(t, d)) {
		t.Error("a refused write changed bytes")
	}
	if n, err := d.WriteAt(junk, d.Size()-1024); n != 1024 || err != nil {
		t.Errorf("write of the last 1024 bytes: %d, %v", n, err)
	}
	if !bytes.Equal(tail(t, d)[3072:], junk) {
		t.Error("the last bytes read otherwise than they were written")
	}
}

// tail reads the last 4 KiB.
func tail(t *testing.T, d image.Disk) []byte {
	t.Helper()
	b := make([]byte, 4096)
	if n, err := d.ReadAt(b, d.Size()-4096); n != len(b) {
		t.Fatalf("last 4 KiB: %d, %v", n, err)
	}
	return b
}

func testNegative(t *testing.T, d image.Disk) {
	t.Helper()
	if n, err := d.ReadAt(make([]byte, 8), -4); n != 0 || err == nil {
		t.Errorf("read: %d, %v", n, err)
	}
	if n, err := d.WriteAt(make([]byte, 8), -4); n != 0 || err == nil {
		t.Errorf("write: %d, %v", n, err)
	}
}

func testEmpty(t *testing.T, d image.Disk) {
	t.Helper()
	for _, off := range []int64{0, 1, d.Size()} {
		if n, err := d.WriteAt(nil, off); n != 0 || err != nil {
			t.Errorf("empty write at %d: %d, %v", off, n, err)
		}
	}
	if n, err := d.ReadAt(nil, 0); n != 0 || err != nil {
		t.Errorf("empty read: %d, %v", n, err)
	}
}

// testRandomWrites compares the disk with a slice of memory after writes of
// many sizes and alignments.
func testRandomWrites(t *testing.T, d image.Disk) {
	t.Helper()
	const window = 64 << 10
	want := make([]byte, window)
	if n, err := d.ReadAt(want, 0); n < window {
		t.Fatalf("read: %d, %v", n, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		off := random.IntN(window)
		p := make([]byte, 1+random.IntN(min(9000, window-off)))
		for j := range p {
			p[j] = byte(i) * byte(random.IntN(2)) // zeros among them
		}
		if n, err := d.WriteAt(p, int64(off)); n != len(p) || err != nil {
			t.Fatalf("write of %d at %d: %d, %v", len(p), off, n, err)
		}
		copy(want[off:], p)
		if err := compare(d, want, random); err != nil {
			t.Fatalf("after write %d: %v", i, err)
		}
	}
}

// compare reads a random piece of the window.
func compare(d image.Disk, want []byte, random *rand.Rand) error {
	off := random.IntN(len(want))
	got := make([]byte, 1+random.IntN(len(want)-off))
	if n, err := d.ReadAt(got, int64(off)); n < len(got) {
		return fmt.Errorf("read of %d at %d: %d, %w", len(got), off, n, err)
	}
	if !bytes.Equal(got, want[off:off+len(got)]) {
		return fmt.Errorf("bytes at %d+%d differ from those written", off, len(got))
	}
	return nil
}

// testSectionReader reads the whole disk as a stream.
func testSectionReader(t *testing.T, d image.Disk) {
	t.Helper()
	n, err := io.Copy(io.Discard, io.NewSectionReader(d, 0, d.Size()))
	if n != d.Size() || err != nil {
		t.Errorf("read %d of %d bytes, %v", n, d.Size(), err)
	}
}
