package vhdx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"unicode/utf16"

	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/vhdx"
)

// parent is a disk with the id of its content.
type parent struct {
	*bytes.Reader
	id string
}

func (p parent) ID() string { return p.id }

const linkage = "11223344-5566-7788-99aa-bbccddeeff00"

var le = binary.LittleEndian

// Where images made here have their metadata.
const (
	tableOff = 2 * mib
	itemsOff = tableOff + 64<<10
)

// child makes a differencing disk of four blocks of 1 MiB: its own, partly
// its own, zeros, and the parent's. Of the second it has every other run of
// sixteen sectors.
func child(tb testing.TB) *containertest.Medium {
	tb.Helper()
	b := create(tb, 512, 4*mib).Bytes()
	first := int64(len(b)) - mib
	copy(b[first:], bytes.Repeat([]byte{'c'}, mib))
	second := int64(len(b))
	b = append(b, bytes.Repeat([]byte{'d'}, mib)...)
	bitmap := int64(len(b))
	b = append(b, make([]byte, mib)...)
	for i := range int64(mib / 512 / 8) { // behind the bits of the first block
		b[bitmap+mib/512/8+i] = 0xff * byte(i/2%2)
	}
	for i, e := range []int64{first | 6, second | 7, 2, 0} {
		le.PutUint64(b[batOff+8*i:], uint64(e))
	}
	const chunk = 4096 // blocks of 1 MiB with sectors of 512
	le.PutUint64(b[batOff+8*chunk:], uint64(bitmap|6))
	b[itemsOff+4] |= 2
	locate(b)
	return containertest.Load(b)
}

// locate adds a parent locator to the metadata.
func locate(b []byte) {
	item := make([]byte, 20)
	var data []byte
	pairs := []string{"relative_path", `..\base.vhdx`, "parent_linkage", "{" + linkage + "}", "absolute_win32_path", `C:\VMs\base.vhdx`}
	head := 20 + 12*len(pairs)/2
	for i := 0; i < len(pairs); i += 2 {
		entry := make([]byte, 12)
		for j, s := range pairs[i : i+2] {
			le.PutUint32(entry[4*j:], uint32(head+len(data)))
			units := utf16.Encode([]rune(s))
			le.PutUint16(entry[8+2*j:], uint16(2*len(units)))
			for _, u := range units {
				data = le.AppendUint16(data, u)
			}
		}
		item = append(item, entry...)
	}
	le.PutUint16(item[18:], uint16(len(pairs)/2))
	item = append(item, data...)
	const at = 4096 // behind the other items
	copy(b[itemsOff+at:], item)
	n := le.Uint16(b[tableOff+10:])
	le.PutUint16(b[tableOff+10:], n+1)
	e := b[tableOff+32+32*int(n):]
	copy(e, []byte{0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c})
	le.PutUint32(e[16:], 64<<10+at)
	le.PutUint32(e[20:], uint32(len(item)))
	le.PutUint32(e[24:], 4)
}

// TestDifferencing reads what is the child's and what is the parent's, which
// is shorter.
func TestDifferencing(t *testing.T) {
	t.Parallel()
	var asked []string
	d, err := vhdx.Open(child(t), func(r container.Reference) (container.Source, error) {
		asked = r.Names
		return parent{bytes.NewReader(bytes.Repeat([]byte{'p'}, 3*mib+mib/2)), linkage}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 4 || asked[0] != "../base.vhdx" || asked[2] != "base.vhdx" {
		t.Errorf("asked for %q", asked)
	}
	got, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size()))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte{'p'}, 4*mib)
	copy(want, bytes.Repeat([]byte{'c'}, mib))
	for i := mib + 16*512; i < 2*mib; i += 32 * 512 {
		copy(want[i:], bytes.Repeat([]byte{'d'}, 16*512))
	}
	clear(want[2*mib : 3*mib])
	clear(want[3*mib+mib/2:])
	if !bytes.Equal(got, want) {
		t.Error("the disk reads otherwise")
	}
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("write: %v", err)
	}
}

// TestWrongParent: a parent that was changed since is not taken.
func TestWrongParent(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "11223344-5566-7788-99aa-bbccddeeff01"} {
		_, err := vhdx.Open(child(t), func(container.Reference) (container.Source, error) {
			return parent{bytes.NewReader(nil), id}, nil
		})
		if !errors.Is(err, container.ErrFormat) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
