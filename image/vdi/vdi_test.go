package vdi_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/vdi"
)

var le = binary.LittleEndian

const (
	kib   = 1 << 10
	block = 64 * kib
	table = 512
	data  = 4096
)

func open(s container.Storage) (containertest.Disk, error) { return vdi.Open(s) }

// create makes an image of which the second block is there.
func create(tb testing.TB) *containertest.Medium {
	tb.Helper()
	const blocks = 12
	b := make([]byte, data+block)
	for off, v := range map[int]uint32{
		64: 0xbeda107f, 68: 0x00010001, 72: 400, 76: 1, 340: table, 344: data, 360: 512,
		368: blocks*block - 512, 376: block, 384: blocks, 388: 1,
	} {
		le.PutUint32(b[off:], v)
	}
	for i := range blocks {
		le.PutUint32(b[table+4*i:], 0xffffffff-uint32(i%2))
	}
	le.PutUint32(b[table+4:], 0)
	copy(b[data:], bytes.Repeat([]byte("old"), 10*kib))
	return containertest.Load(b)
}

func TestSuite(t *testing.T) {
	t.Parallel()
	containertest.Run(t, containertest.Format{Make: create, Open: open, Piece: 90 * kib})
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good := create(t).Bytes()
	for name, c := range map[string]struct {
		off   int
		value uint32
		want  error
	}{
		"signature":      {64, 1, container.ErrFormat},
		"version":        {68, 2, container.ErrFormat},
		"differencing":   {76, 4, container.ErrUnsupported},
		"sector size":    {360, 4096, container.ErrFormat},
		"block size":     {376, 100, container.ErrFormat},
		"huge blocks":    {376, 1 << 31, container.ErrFormat},
		"disk size":      {372, 1, container.ErrFormat},
		"map over data":  {344, table + 4, container.ErrFormat},
		"map over head":  {340, 100, container.ErrFormat},
		"number too big": {table, 4711, container.ErrFormat},
		"behind the end": {table, 5, container.ErrTruncated},
	} {
		b := bytes.Clone(good)
		le.PutUint32(b[c.off:], c.value)
		d, err := open(containertest.Load(b))
		if err == nil {
			_, err = d.ReadAt(make([]byte, 512), 0)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestNewID: the first write makes the disk another one.
func TestNewID(t *testing.T) {
	t.Parallel()
	m := create(t)
	before := m.Bytes()[:table]
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("x"), block); err != nil {
		t.Fatal(err)
	}
	const at = 408
	after := m.Bytes()[:table]
	if bytes.Equal(after[at:at+16], before[at:at+16]) || !bytes.Equal(after[:at], before[:at]) || !bytes.Equal(after[at+16:], before[at+16:]) {
		t.Errorf("header %x", after[at-16:at+32])
	}
}

// TestCount: a cut leaves a block counted that the map does not have; the next
// write makes the count right. Numbers left out further down stay counted.
func TestCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ count, last, want uint32 }{
		"right":              {1, 0, 1},
		"a cut":              {2, 0, 1},
		"too low":            {0, 0, 1},
		"a number left out":  {3, 2, 3},
		"and one more, free": {4, 2, 4},
	} {
		m := create(t)
		for at, v := range map[int64]uint32{388: c.count, table + 4: c.last} {
			if _, err := m.WriteAt(le.AppendUint32(nil, v), at); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.WriteAt(make([]byte, block), data+3*block); err != nil {
			t.Fatal(err)
		}
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt([]byte("x"), block); err != nil || d.Sync() != nil {
			t.Fatal(err)
		}
		if got := le.Uint32(m.Bytes()[388:]); got != c.want {
			t.Errorf("%s: count %d, want %d", name, got, c.want)
		}
		if _, err := d.WriteAt([]byte("x"), 0); err != nil || d.Close() != nil {
			t.Fatal(err)
		}
		if got := le.Uint32(m.Bytes()[388:]); got != c.want+1 {
			t.Errorf("%s: count of one more %d, want %d", name, got, c.want+1)
		}
	}
}

// TestWrongMap: a map that leads nowhere is not written through either.
func TestWrongMap(t *testing.T) {
	t.Parallel()
	for number, want := range map[uint32]error{4711: container.ErrFormat, 5: container.ErrTruncated, 0: container.ErrFormat} {
		m := create(t)
		if _, err := m.WriteAt(le.AppendUint32(nil, number), table); err != nil {
			t.Fatal(err)
		}
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt(make([]byte, 512), 0); !errors.Is(err, want) {
			t.Errorf("block %d: %v, want %v", number, err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	containertest.Fuzz(f, [][]byte{create(f).Bytes()}, nil, open)
}
