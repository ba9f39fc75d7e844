package ntfs

import (
	"errors"
	"testing"
)

// sampleNode is the node of an index: one name with a child, and the end.
func sampleNode() []byte {
	const entry, name = 0x60, 3
	b := make([]byte, headerSize+entry+0x18)
	le.PutUint32(b[headerEntries:], headerSize)
	le.PutUint32(b[headerLength:], uint32(len(b)))
	e := b[headerSize:]
	le.PutUint64(e, 64|1<<recordNumberBits)
	le.PutUint16(e[entryLength:], entry)
	le.PutUint16(e[entryKeyLength:], fileNameName+2*name)
	e[entryFlags] = entryHasChild
	e[entryKey+fileNameLength] = name
	copy(e[entryKey+fileNameName:], "a\x00b\x00c\x00")
	le.PutUint64(e[entry-childSize:], 2)
	e = e[entry:]
	le.PutUint16(e[entryLength:], 0x18)
	e[entryFlags] = entryHasChild | entryLast
	le.PutUint64(e[0x10:], 3)
	return b
}

func TestParseIndexEntries(t *testing.T) {
	t.Parallel()
	entries, err := parseIndexEntries(sampleNode(), 0)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d entries (%v)", len(entries), err)
	}
	if e := entries[0]; e.ref() != (RecordRef{64, 1}) || e.child() != 2 || escapeName(e.key().name()) != "abc" {
		t.Errorf("%x", e)
	}
	if e := entries[1]; !e.last() || e.child() != 3 {
		t.Errorf("%x", e)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(sampleNode())
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parseIndexEntries(b, 0)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		total := 0
		for i, e := range entries {
			total += len(e)
			if e.last() != (i == len(entries)-1) {
				t.Fatal("the last entry is not at the end")
			}
			if e.hasChild() {
				e.child()
			}
			if !e.last() {
				escapeName(e.key().name())
			}
		}
		if total > len(b) {
			t.Fatalf("%d bytes of entries in %d", total, len(b))
		}
	})
}

func TestCollation(t *testing.T) {
	t.Parallel()
	fold := make(upCase, upCaseSize/2)
	for i := range fold {
		fold[i] = uint16(i)
		if i >= 'a' && i <= 'z' {
			fold[i] -= 'a' - 'A'
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"abc", "ABC", 0}, {"abc", "abd", -1}, {"abc", "AB", 1}, {"a", "_", -1}, {"", "a", -1}, {"Z", "a", 1},
	} {
		if got := fold.compare(toUnits(c.a), toUnits(c.b)); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func toUnits(s string) []uint16 {
	name, _ := unescapeName(s)
	return name
}
