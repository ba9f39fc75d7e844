package vhdx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/vhdx"
)

const mib = 1 << 20

func open(s container.Storage) (containertest.Disk, error) { return vhdx.Open(s, nil) }

// seeded gives the same ids each time.
func seeded() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1, 2, 3}) }

// create makes a disk with one block.
func create(tb testing.TB, sector int, size int64) *containertest.Medium {
	tb.Helper()
	m := containertest.NewMedium()
	d, err := vhdx.Create(m, vhdx.Options{Size: size, Sector: sector, Block: mib, Random: seeded()})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := d.WriteAt(bytes.Repeat([]byte("old"), 1000), 0); err != nil {
		tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestDynamic(t *testing.T) {
	t.Parallel()
	for name, sector := range map[string]int{"512": 512, "4Kn": 4096} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judge := containertest.QEMU("vhdx", "-r", "all") // a log may be left to replay
			if sector > 512 {
				judge = nil // QEMU does not read it
			}
			containertest.Run(t, containertest.Format{
				Make:  func(tb testing.TB) *containertest.Medium { tb.Helper(); return create(tb, sector, mib+64<<10) },
				Open:  open,
				Piece: 300 << 10, Oracle: judge, Variant: sector > 512,
			})
		})
	}
}

func TestSectorSize(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		d, err := open(create(t, sector, 4*mib))
		if err != nil {
			t.Fatal(err)
		}
		if d.SectorSize() != sector {
			t.Errorf("sector of %d, want %d", d.SectorSize(), sector)
		}
	}
}

// dirty is an image whose last change is only in its log: the writes stop
// when the table itself is to be written.
func dirty(tb testing.TB) (*containertest.Medium, []byte) {
	tb.Helper()
	start := create(tb, 512, 4*mib)
	size, _ := start.Size()
	recorder := image.NewRecorder(start.Disk)
	d, err := open(containertest.On(recorder, size))
	if err != nil {
		tb.Fatal(err)
	}
	text := bytes.Repeat([]byte("new"), 1000)
	if _, err := d.WriteAt(text, 2*mib); err != nil {
		tb.Fatal(err)
	}
	if err := d.Sync(); err != nil {
		tb.Fatal(err)
	}
	m := create(tb, 512, 4*mib)
	for _, op := range recorder.Ops() {
		if !op.Sync && op.Off == batOff {
			return m, text
		}
		if _, err := m.WriteAt(op.Data, op.Off); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Fatal("the table was not written")
	return nil, nil
}

// Where images made here have what the tests change.
const (
	headerOff = 64 << 10
	logOff    = 1 * mib
	batOff    = 3 * mib
)

// TestDirtyLog reads an image through its log, and replays the log when, and
// only when, the image is written.
func TestDirtyLog(t *testing.T) {
	t.Parallel()
	m, text := dirty(t)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	before := m.Bytes()
	expect(t, d, text, 2*mib)
	if !bytes.Equal(m.Bytes(), before) {
		t.Fatal("reading changed the file")
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(m.Bytes()[batOff:][:4096], before[batOff:][:4096]) {
		t.Error("the table is as it was")
	}
	again, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, again, text, 2*mib)
	expect(t, again, []byte("x"), 0)
}

func expect(tb testing.TB, d containertest.Disk, want []byte, off int64) {
	tb.Helper()
	got := make([]byte, len(want))
	if _, err := d.ReadAt(got, off); err != nil || !bytes.Equal(got, want) {
		tb.Errorf("at 0x%x: %.20q, %v; want %.20q", off, got, err, want)
	}
}

// TestDirtyLogDamaged refuses an image that needs a log which is not whole:
// without it the tables may be anything.
func TestDirtyLogDamaged(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int64{"checksum": logOff + 4, "descriptor": logOff + 64, "data": logOff + 4096 + 100, "last number": logOff + 8191} {
		m, _ := dirty(t)
		b := []byte{m.Bytes()[at] ^ 0x5a}
		if _, err := m.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := open(m); !errors.Is(err, container.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDirtySuite runs the whole suite on an image whose log is to be replayed.
func TestDirtySuite(t *testing.T) {
	t.Parallel()
	m, _ := dirty(t)
	content := m.Bytes()
	d, err := open(containertest.Load(content))
	if err != nil {
		t.Fatal(err)
	}
	if d.Writable() != nil {
		t.Fatal(d.Writable())
	}
	containertest.RunCuts(t, containertest.Format{
		Make:  func(tb testing.TB) *containertest.Medium { tb.Helper(); return containertest.Load(content) },
		Open:  open,
		Piece: 300 << 10,
	})
}

// TestIDs: the first write of a session, and only that, gives the file new ids.
func TestIDs(t *testing.T) {
	t.Parallel()
	m := create(t, 512, 4*mib)
	d, err := vhdx.Open(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := d.ID()
	for range 2 {
		if _, err := d.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
	}
	again, err := vhdx.Open(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() == first {
		t.Error("the id of the disk's content is the old one")
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good := create(t, 512, 4*mib).Bytes()
	for name, edit := range map[string]func(b []byte){
		"identifier":      func(b []byte) { b[0] = 'x' },
		"both headers":    func(b []byte) { b[headerOff+8]++; b[2*headerOff+8]++ },
		"both regions":    func(b []byte) { b[3*headerOff+8]++; b[4*headerOff+8]++ },
		"metadata":        func(b []byte) { b[2*mib]++ },
		"block size":      func(b []byte) { b[2*mib+(64<<10)]++ },
		"block over BAT":  func(b []byte) { copy(b[batOff:], []byte{6, 0, 0x30, 0, 0, 0, 0, 0}) },
		"block at zero":   func(b []byte) { copy(b[batOff:], []byte{6, 0, 0, 0, 0, 0, 0, 0}) },
		"state 5":         func(b []byte) { b[batOff] = 5 },
		"partly present":  func(b []byte) { b[batOff] = 7 },
		"offset past end": func(b []byte) { copy(b[batOff:], []byte{6, 0, 0, 0, 0, 0, 0, 0xff}) },
	} {
		b := bytes.Clone(good)
		edit(b)
		d, err := open(containertest.Load(b))
		if err == nil {
			_, err = d.ReadAt(make([]byte, 512), 0)
		}
		if !errors.Is(err, container.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRegions: a log that lies over a table is refused, and one that is not
// there keeps the image from being written: both would destroy it.
func TestRegions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		field int
		value uint32
		write bool // only writes are refused
		want  error
	}{
		"log over the BAT":      {72, batOff, false, container.ErrFormat},
		"log over the metadata": {72, 2 * mib, false, container.ErrFormat},
		"no log":                {68, 0, true, container.ErrUnsupported},
	} {
		b := create(t, 512, 4*mib).Bytes()
		for _, h := range []int{headerOff, 2 * headerOff} {
			binary.LittleEndian.PutUint32(b[h+c.field:], c.value)
		}
		seal(b)
		d, err := open(containertest.Load(b))
		if err == nil && c.write {
			_, err = d.WriteAt([]byte("x"), 3*mib)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestSharedPlace: two blocks in one place are not written.
func TestSharedPlace(t *testing.T) {
	t.Parallel()
	m := create(t, 512, 4*mib)
	if _, err := m.WriteAt(m.Bytes()[batOff:][:8], batOff+8); err != nil {
		t.Fatal(err)
	}
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrFormat) {
		t.Errorf("written: %v", err)
	}
}

// TestRegionBehindEnd: a new block goes behind the tables also where the file
// ends in one of them.
func TestRegionBehindEnd(t *testing.T) {
	t.Parallel()
	m := containertest.NewMedium()
	if _, err := vhdx.Create(m, vhdx.Options{Size: 4 * mib, Sector: 512, Block: mib, Random: seeded()}); err != nil {
		t.Fatal(err)
	}
	b := m.Bytes()
	for _, table := range []int{3 * headerOff, 4 * headerOff} {
		binary.LittleEndian.PutUint32(b[table+16+24:], 5*mib) // the length of the BAT's region
	}
	seal(b)
	m = containertest.Load(b)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); err != nil || d.Close() != nil {
		t.Fatal(err)
	}
	if place := int64(binary.LittleEndian.Uint64(m.Bytes()[batOff:])) &^ (mib - 1); place < batOff+5*mib {
		t.Errorf("block at 0x%x", place)
	}
}

// TestLogBeyond: a log cannot make the file larger than any, nor write behind
// what it says is its end.
func TestLogBeyond(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at    int
		value uint64
	}{"size": {logOff + 56, 1 << 59}, "sector": {logOff + 64 + 16, 1 << 50}} {
		m, _ := dirty(t)
		b := m.Bytes()
		binary.LittleEndian.PutUint64(b[c.at:], c.value)
		seal(b)
		if _, err := open(containertest.Load(b)); !errors.Is(err, container.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHostileLog: entries that claim the same bytes do not cost their length
// each.
func TestHostileLog(t *testing.T) {
	t.Parallel()
	b := create(t, 512, 4*mib).Bytes()
	id := bytes.Repeat([]byte{7}, 16)
	for _, h := range []int{headerOff, 2 * headerOff} {
		copy(b[h+48:], id)
	}
	for at := 0; at < mib; at += 4096 {
		e := b[logOff+at:]
		copy(e, "loge")
		binary.LittleEndian.PutUint32(e[8:], mib)
		binary.LittleEndian.PutUint64(e[16:], uint64(at+1))
		copy(e[32:], id)
	}
	seal(b)
	_, err := open(containertest.Load(b))
	if !errors.Is(err, container.ErrFormat) || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("opened: %v", err)
	}
}

// TestCutShort reads what is left of a file that was cut, and does not write it.
func TestCutShort(t *testing.T) {
	t.Parallel()
	m := create(t, 512, 4*mib)
	size, _ := m.Size()
	m.Truncate(size - mib/2)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, d, []byte("oldold"), 0)
	if _, err := d.ReadAt(make([]byte, 512), mib-512); !errors.Is(err, container.ErrTruncated) {
		t.Errorf("read behind the end: %v", err)
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrTruncated) {
		t.Errorf("write: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	m, _ := dirty(f)
	images := [][]byte{m.Bytes()[:batOff+4096], create(f, 4096, mib).Bytes()[:batOff+4096]}
	containertest.Fuzz(f, images, seal, open)
}

// seal makes the checksums of headers, region tables and the log right.
func seal(b []byte) {
	for _, part := range []struct{ off, n int }{{headerOff, 4096}, {2 * headerOff, 4096}, {3 * headerOff, headerOff}, {4 * headerOff, headerOff}, {logOff, 8192}} {
		p := b[part.off:][:part.n]
		clear(p[4:8])
		binary.LittleEndian.PutUint32(p[4:], crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)))
	}
}
