package vhd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/vhd"
)

const mib = 1 << 20

func options(size int64) vhd.Options {
	return vhd.Options{Size: size, ID: [16]byte{1, 2, 3}, Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func empty(tb testing.TB, size int64) *containertest.Medium {
	tb.Helper()
	m := containertest.NewMedium()
	if err := vhd.Create(m, options(size)); err != nil {
		tb.Fatal(err)
	}
	return m
}

func open(s container.Storage) (containertest.Disk, error) { return vhd.Open(s, nil) }

func TestDynamic(t *testing.T) {
	t.Parallel()
	containertest.Run(t, containertest.Format{
		Make:  func(tb testing.TB) *containertest.Medium { tb.Helper(); return empty(tb, 2*mib+512) },
		Open:  open,
		Piece: 600 << 10,
	})
}

// TestSectorBitmap opens a block of which Windows wrote only some sectors:
// what the bitmap does not have is zeros, whatever lies there.
func TestSectorBitmap(t *testing.T) {
	t.Parallel()
	containertest.Run(t, containertest.Format{
		Make: func(tb testing.TB) *containertest.Medium {
			tb.Helper()
			m := empty(tb, 2*mib)
			d, err := open(m)
			if err != nil {
				tb.Fatal(err)
			}
			junk := make([]byte, 2*mib)
			for i := range junk {
				junk[i] = byte(i>>9) | 1
			}
			if _, err := d.WriteAt(junk, 0); err != nil || d.Close() != nil {
				tb.Fatal(err)
			}
			bitmap := make([]byte, 512)
			for i := range bitmap {
				bitmap[i] = 0xa5
			}
			if _, err := m.WriteAt(bitmap, blockAt); err != nil {
				tb.Fatal(err)
			}
			return m
		},
		Open:  open,
		Piece: 64 << 10, Variant: true,
	})
}

// TestSectorsTwice: writes that share bytes of a block's bitmap all count once
// the disk is opened again, whichever began first.
func TestSectorsTwice(t *testing.T) {
	t.Parallel()
	m := empty(t, 2*mib)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteAt(make([]byte, 512), blockAt); err != nil { // as Windows makes it: nothing is there yet
		t.Fatal(err)
	}
	if d, err = open(m); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 2*mib)
	for i, sectors := range [][2]int{{81, 111}, {64, 128}, {60, 70}, {3, 61}} {
		p := bytes.Repeat([]byte{byte(i + 1)}, 512*(sectors[1]-sectors[0]))
		if _, err := d.WriteAt(p, 512*int64(sectors[0])); err != nil {
			t.Fatal(err)
		}
		copy(want[512*sectors[0]:], p)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = open(m); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2*mib)
	if _, err := d.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read otherwise than written: %v", err)
	}
}

// TestFooterFirst: the old footer is overwritten only once the new one is
// durable.
func TestFooterFirst(t *testing.T) {
	t.Parallel()
	m := empty(t, 4*mib)
	size, _ := m.Size()
	recorder := image.NewRecorder(m.Disk)
	d, err := open(containertest.On(recorder, size))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	durable := false
	for _, op := range recorder.Ops() {
		durable = durable || op.Sync
		if !durable && op.Off < size && size-512 < op.Off+int64(len(op.Data)) {
			t.Errorf("0x%x: over the old footer", op.Off)
		}
	}
	if !durable {
		t.Error("nothing is made durable")
	}
}

// blockAt is where the first block of a small disk lies: behind the copy of
// the footer, the header and one sector of table.
const blockAt = 512 + 1024 + 512

func TestDamaged(t *testing.T) {
	t.Parallel()
	good := empty(t, 4*mib).Bytes()
	for name, edit := range map[string]func(b []byte){
		"header cookie":   func(b []byte) { b[512] = 'x' },
		"header checksum": func(b []byte) { b[512+33]++ },
		"both footers":    func(b []byte) { b[30]++; b[len(b)-500]++ },
		"disk type":       func(b []byte) { b[63], b[len(b)-512+63] = 9, 9 },
	} {
		b := append([]byte(nil), good...)
		edit(b)
		if _, err := open(containertest.Load(b)); !errors.Is(err, container.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFooterCopies opens a disk of which one of the two footers is damaged.
func TestFooterCopies(t *testing.T) {
	t.Parallel()
	good := empty(t, 4*mib).Bytes()
	for name, at := range map[string]int{"start": 40, "end": len(good) - 472} {
		b := append([]byte(nil), good...)
		b[at]++
		if d, err := open(containertest.Load(b)); err != nil || d.Size() != 4*mib {
			t.Errorf("%s damaged: %v", name, err)
		}
	}
}

// TestFooterAgain: a file without a footer at its end has one after any write,
// also one that adds no block.
func TestFooterAgain(t *testing.T) {
	t.Parallel()
	m := empty(t, 2*mib)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	size, _ := m.Size()
	footer := m.Bytes()[size-512:]
	for name, zeros := range map[string]int64{"lost": 0, "grown": 4096, "grown by half a sector": 256} {
		b := append(bytes.Clone(m.Bytes()[:size-512]), make([]byte, zeros)...)
		m := containertest.Load(b)
		if d, err = open(m); err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt([]byte("y"), 0); err != nil || d.Close() != nil {
			t.Fatal(err)
		}
		if after := m.Bytes(); !bytes.Equal(after[len(after)-512:], footer) || len(after)%512 != 0 {
			t.Errorf("%s: no footer at the end", name)
		}
	}
}

// TestBlockOverTables refuses a block that would lie over the header or the
// footer.
func TestBlockOverTables(t *testing.T) {
	t.Parallel()
	const footerAt = 4 // sectors: copy of the footer, header, table; an empty disk ends there
	for _, sector := range []byte{0, 1, 2, 3, footerAt} {
		m := empty(t, 4*mib)
		if _, err := m.WriteAt([]byte{0, 0, 0, sector}, 512+1024); err != nil {
			t.Fatal(err)
		}
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ReadAt(make([]byte, 512), 0); !errors.Is(err, container.ErrFormat) {
			t.Errorf("block at sector %d read: %v", sector, err)
		}
		if _, err := d.WriteAt(make([]byte, 512), 0); !errors.Is(err, container.ErrFormat) {
			t.Errorf("block at sector %d written: %v", sector, err)
		}
	}
}

// TestSharedPlace: two blocks in one place are not written.
func TestSharedPlace(t *testing.T) {
	t.Parallel()
	m := empty(t, 8*mib)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt(make([]byte, 5*mib), 0); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	const table = 512 + 1024
	if _, err := m.WriteAt(m.Bytes()[table:][:4], table+4); err != nil {
		t.Fatal(err)
	}
	if d, err = open(m); err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrFormat) {
		t.Errorf("written: %v", err)
	}
}

// TestCutShort reads what is left of a file that was cut, and does not write it.
func TestCutShort(t *testing.T) {
	t.Parallel()
	m := empty(t, 4*mib)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("text"), 100); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	m.Truncate(blockAt + mib)
	if d, err = open(m); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := d.ReadAt(b, 100); err != nil || string(b) != "text" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := d.ReadAt(b, mib); !errors.Is(err, container.ErrTruncated) {
		t.Errorf("read behind the end: %v", err)
	}
	if _, err := d.WriteAt(b, 3*mib); !errors.Is(err, container.ErrTruncated) {
		t.Errorf("write: %v", err)
	}
}

// TestFixedSize: a footer that speaks of another size than the file has is
// none of a fixed disk; only a sector is rounded.
func TestFixedSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]error{mib: nil, mib - 100: nil, mib - 512: container.ErrFormat, 2 * mib: container.ErrFormat, 0: container.ErrFormat} {
		start := make([]byte, 512+1024)
		copy(start, empty(t, 4*mib).Bytes())
		start[63] = 2
		binary.BigEndian.PutUint64(start[48:], uint64(size))
		seal(start)
		b := append(make([]byte, mib), start[:512]...)
		if _, err := vhd.OpenFixed(containertest.Load(b), int64(len(b))); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestSavedState: the memory of a machine that sleeps knows what is on its disk.
func TestSavedState(t *testing.T) {
	t.Parallel()
	b := empty(t, 4*mib).Bytes()
	for _, at := range []int{0, len(b) - 512} {
		b[at+84] = 1
		b[at+67]-- // the checksum, one's complement of the sum
	}
	d, err := open(containertest.Load(b))
	if err != nil {
		t.Fatal(err)
	}
	var refused *container.RefusedError
	if err := d.Writable(); !errors.As(err, &refused) || refused.Hint() == "" {
		t.Errorf("writable: %v", err)
	}
	if _, err := d.WriteAt([]byte{1}, 0); !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("written: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	m := empty(f, 4*mib)
	plain := m.Bytes()
	d, err := open(m)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil || d.Close() != nil {
		f.Fatal(err)
	}
	containertest.Fuzz(f, [][]byte{plain, m.Bytes()[:8192]}, seal, open)
}

// seal makes the checksums of footer and header right.
func seal(b []byte) {
	for _, part := range []struct{ off, n, field int }{{0, 512, 64}, {512, 1024, 36}} {
		p := b[part.off:][:part.n]
		clear(p[part.field : part.field+4])
		sum := uint32(0)
		for _, v := range p {
			sum += uint32(v)
		}
		binary.BigEndian.PutUint32(p[part.field:], ^sum)
	}
}
