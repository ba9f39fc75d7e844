package container_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
)

// TestTablesWait: a change that waits is read, but not in the file before the
// flush; of two for one place the later counts.
func TestTablesWait(t *testing.T) {
	t.Parallel()
	m := containertest.Load(make([]byte, 10000))
	tables := container.NewTables(m)
	b := make([]byte, 6)
	if err := tables.ReadAt(b, 4094); err != nil {
		t.Fatal(err)
	}
	tables.Defer([]byte("ab"), 4095)
	tables.Defer([]byte("cd"), 4097)
	tables.Defer([]byte("C"), 4097)
	if err := tables.ReadAt(b, 4094); err != nil || string(b) != "\x00abCd\x00" {
		t.Errorf("read %q, %v", b, err)
	}
	if !bytes.Equal(m.Bytes(), make([]byte, 10000)) {
		t.Error("written before the flush")
	}
	if err := tables.Flush(); err != nil || len(tables.Waiting()) != 0 {
		t.Errorf("%v, %v", err, tables.Waiting())
	}
	if got := m.Bytes()[4095:4099]; string(got) != "abCd" {
		t.Errorf("written %q", got)
	}
}

// TestTablesOverlap: changes that overlap leave what was said last, whichever
// begins first.
func TestTablesOverlap(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]container.Change{
		"later begins first": {{Off: 12, Data: []byte("old")}, {Off: 10, Data: []byte("NEWER")}},
		"later inside":       {{Off: 10, Data: []byte("older")}, {Off: 12, Data: []byte("N")}},
		"chain":              {{Off: 14, Data: []byte("cc")}, {Off: 12, Data: []byte("bbb")}, {Off: 10, Data: []byte("AAA")}, {Off: 13, Data: []byte("d")}},
		"apart":              {{Off: 20, Data: []byte("x")}, {Off: 10, Data: []byte("y")}, {Off: 15, Data: []byte("z")}},
	} {
		m := containertest.Load(make([]byte, 40))
		tables, want := container.NewTables(m), make([]byte, 40)
		for _, c := range changes {
			tables.Defer(c.Data, c.Off)
			copy(want[c.Off:], c.Data)
		}
		if err := tables.Flush(); err != nil || !bytes.Equal(m.Bytes(), want) {
			t.Errorf("%s: %q, %v; want %q", name, m.Bytes(), err, want)
		}
	}
}

// TestTablesEnd: what lies behind the end of the file is an error, also when
// a part does not; a file that grew is read on.
func TestTablesEnd(t *testing.T) {
	t.Parallel()
	m := containertest.Load(make([]byte, 5000))
	tables := container.NewTables(m)
	for _, off := range []int64{4998, 5000, 1 << 40} {
		if err := tables.ReadAt(make([]byte, 4), off); !errors.Is(err, container.ErrTruncated) {
			t.Errorf("0x%x: %v", off, err)
		}
	}
	if err := tables.Put([]byte("more"), 5000); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if err := tables.ReadAt(b, 5000); err != nil || string(b) != "more" {
		t.Errorf("read %q, %v", b, err)
	}
}

// wrong is a layout that answers nonsense.
type wrong struct{ answer container.Extent }

func (w wrong) Extent(int64, int64) (container.Extent, error) { return w.answer, nil }

// TestWrongLayout: a format that says that nothing, or more than was asked
// for, lies somewhere does not make the disk hang or write out of bounds.
func TestWrongLayout(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, -5, 1 << 20} {
		d := container.NewDisk(container.Config{Storage: containertest.NewMedium(), Layout: wrong{container.Extent{Len: n}}, Size: 4096})
		if _, err := d.ReadAt(make([]byte, 100), 0); !errors.Is(err, container.ErrFormat) {
			t.Errorf("%d: %v", n, err)
		}
	}
	packed := wrong{container.Extent{Kind: container.Packed, Len: 10}}
	d := container.NewDisk(container.Config{Storage: containertest.NewMedium(), Layout: packed, Size: 4096})
	if n, err := d.ReadAt(make([]byte, 100), 0); n != 0 || !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("packed: %d, %v", n, err)
	}
}

// letters is a layout of compressed blocks of ten times the same letter, of
// which the eighth is damaged.
type letters struct{}

func (letters) Extent(off, limit int64) (container.Extent, error) {
	return container.Extent{Kind: container.Packed, Block: off / 10, Start: off % 10, Len: min(limit, 10-off%10)}, nil
}

func (letters) Unpack(block int64) ([]byte, error) {
	if block == 7 {
		return nil, container.ErrFormat
	}
	return bytes.Repeat([]byte{'a' + byte(block)}, 10), nil
}

// TestUnpack reads from many goroutines; an error comes at its place.
func TestUnpack(t *testing.T) {
	t.Parallel()
	d := container.NewDisk(container.Config{Storage: containertest.NewMedium(), Layout: letters{}, Size: 200})
	var group sync.WaitGroup
	for off := range int64(40) {
		group.Go(func() {
			b := make([]byte, 25)
			if n, err := d.ReadAt(b, off); n != 25 || err != nil || b[0] != 'a'+byte(off/10) || b[24] != 'a'+byte((off+24)/10) {
				t.Errorf("at %d: %q, %v", off, b[:n], err)
			}
		})
	}
	group.Wait()
	if n, err := d.ReadAt(make([]byte, 100), 45); n != 25 || !errors.Is(err, container.ErrFormat) {
		t.Errorf("over the damaged block: %d, %v", n, err)
	}
}

func TestWindowsPaths(t *testing.T) {
	t.Parallel()
	got := container.WindowsPaths([]string{`.\base.vhd`, "", `C:\VMs\base.vhd` + "\x00"})
	if want := []string{"./base.vhd", "C:/VMs/base.vhd", "base.vhd", "base.vhd"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRefusedWords(t *testing.T) {
	t.Parallel()
	err := &container.RefusedError{Path: "my disk", What: "odd images", Remedy: "convert %s"}
	if err.Error() != "my disk: odd images are not supported" || err.Hint() != "convert 'my disk'" {
		t.Errorf("%v, %s", err, err.Hint())
	}
	if hint := (&container.RefusedError{Remedy: "wait"}).Hint(); hint != "wait" {
		t.Errorf("%s", hint)
	}
}
