package ntfs

import (
	"errors"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

// sampleAttributeList names $STANDARD_INFORMATION in the base record and two
// pieces of a stream with a name in two others.
func sampleAttributeList() []byte {
	const named = minListEntry + 4 + 2 // a name of two units, aligned
	entry := func(kind uint32, name string, vcn VCN, record uint64) []byte {
		b := make([]byte, named)
		le.PutUint32(b, kind)
		le.PutUint16(b[listLength:], named)
		b[listNameLength], b[listNameOffset] = byte(len(name)/2), minListEntry
		le.PutUint64(b[listLowestVCN:], uint64(vcn))
		le.PutUint64(b[listRef:], record|1<<recordNumberBits)
		copy(b[minListEntry:], name)
		return b
	}
	list := entry(typeStandardInformation, "", 0, 64)
	list = append(list, entry(typeData, "a\x00b\x00", 0, 65)...)
	return append(list, entry(typeData, "a\x00b\x00", 700, 66)...)
}

func TestParseAttributeList(t *testing.T) {
	t.Parallel()
	list, err := parseAttributeList(sampleAttributeList(), 0)
	if err != nil || len(list) != 3 {
		t.Fatalf("%d entries (%v)", len(list), err)
	}
	if e := list[2]; e.kind() != typeData || !e.named(asciiName("ab")) || e.lowestVCN() != 700 || e.ref() != (RecordRef{66, 1}) {
		t.Errorf("%x", e)
	}
	n := &node{list: list}
	if found := n.entries(typeData, asciiName("ab")); len(found) != 2 || found[0].lowestVCN() != 0 {
		t.Errorf("entries of the stream: %x", found)
	}
}

// FuzzAttributeList: entries lie one behind the other inside the list, in as
// much memory as it has entries.
func FuzzAttributeList(f *testing.F) {
	f.Add(sampleAttributeList())
	f.Fuzz(func(t *testing.T, b []byte) {
		var list []listEntry
		var err error
		alloctest.Bound(t, 8*len(b), func() { list, err = parseAttributeList(b, 0) })
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		total, n := 0, &node{list: list}
		for _, e := range list {
			total += len(e)
			if got := len(e.name()); got != 2*int(e[listNameLength]) {
				t.Fatalf("name of %d bytes, want %d units", got, e[listNameLength])
			}
			if len(n.entries(e.kind(), e.name())) == 0 {
				t.Fatal("an entry is not found by its own type and name")
			}
			_, _ = e.ref(), e.instance()
		}
		if total != len(b) {
			t.Fatalf("%d bytes of entries, want %d", total, len(b))
		}
	})
}
