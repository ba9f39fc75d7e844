package vhd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"unicode/utf16"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/vhd"
)

// parent is a disk with a name of its own.
type parent struct {
	*bytes.Reader
	id string
}

func (p parent) ID() string { return p.id }

// parentID is that of the disks made here.
var parentID = [16]byte{0xaa, 0xbb}

// child is a differencing disk whose first block has every other run of
// eight sectors.
func child(tb testing.TB) *containertest.Medium {
	tb.Helper()
	m := empty(tb, 4*mib)
	d, err := open(m)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := d.WriteAt(bytes.Repeat([]byte{'c'}, 2*mib), 0); err != nil || d.Close() != nil {
		tb.Fatal(err)
	}
	b := m.Bytes()
	for i := range 512 {
		b[blockAt+i] = 0xff * byte(i%2)
	}
	for _, at := range []int{0, len(b) - 512} {
		b[at+63] = 4
	}
	header := b[512:]
	copy(header[40:], parentID[:])
	name := utf16.Encode([]rune(`.\parents\base.vhd`))
	copy(header[576:], "W2ru")
	binary.BigEndian.PutUint32(header[576+8:], uint32(2*len(name)))
	binary.BigEndian.PutUint64(header[576+16:], uint64(len(b)-512))
	for i, u := range utf16.Encode([]rune("base name.vhd")) {
		binary.BigEndian.PutUint16(header[64+2*i:], u)
	}
	footer := bytes.Clone(b[len(b)-512:])
	b = b[:len(b)-512]
	for _, u := range name {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	b = append(b, make([]byte, -len(b)&511)...)
	b = append(b, footer...)
	seal(b)
	copy(b[len(b)-512:], b[:512])
	return containertest.Load(b)
}

// TestDifferencing reads the child's sectors and, between them and where it
// has no block, the parent's, which is shorter.
func TestDifferencing(t *testing.T) {
	t.Parallel()
	var asked []string
	below := parent{bytes.NewReader(bytes.Repeat([]byte{'p'}, 3*mib)), "aabb0000000000000000000000000000"}
	d, err := vhd.Open(child(t), func(r container.Reference) (container.Source, error) {
		asked = r.Names
		return below, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 4 || asked[0] != "./parents/base.vhd" || asked[1] != "base name.vhd" || asked[2] != "base.vhd" {
		t.Errorf("asked for %q", asked)
	}
	got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte{'p'}, 4*mib)
	clear(want[3*mib:])
	for i := 4096; i < 2*mib; i += 8192 {
		copy(want[i:], bytes.Repeat([]byte{'c'}, 4096))
	}
	if !bytes.Equal(got, want) {
		t.Error("the disk reads otherwise")
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("write: %v", err)
	}
}

// TestWrongParent: another disk of the same name is not taken.
func TestWrongParent(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "aabb0000000000000000000000000001"} {
		_, err := vhd.Open(child(t), func(container.Reference) (container.Source, error) {
			return parent{bytes.NewReader(nil), id}, nil
		})
		if !errors.Is(err, container.ErrFormat) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
