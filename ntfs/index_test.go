package ntfs

import (
	"bytes"
	"errors"
	"testing"

	"hangkit/ntfs/internal/alloctest"
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

// sampleBlock is an INDX block with a name and no children.
func sampleBlock(vcn VCN, name string) []byte {
	b := make([]byte, sampleBlockSize)
	copy(b, indexMagic)
	le.PutUint16(b[fixupOffset:], 0x28)
	le.PutUint16(b[fixupCount:], sampleBlockSize/fixupStride+1)
	le.PutUint64(b[blockVCN:], uint64(vcn))
	const firstEntry, entry, end = 0x28, 0x58, 0x10
	header := b[blockHeader:]
	le.PutUint32(header[headerEntries:], firstEntry)
	le.PutUint32(header[headerLength:], firstEntry+entry+end)
	e := header[firstEntry:]
	le.PutUint16(e[entryLength:], entry)
	le.PutUint16(e[entryKeyLength:], uint16(fileNameName+2*len(name)))
	e[entryKey+fileNameLength] = byte(len(name))
	for i := range len(name) {
		e[entryKey+fileNameName+2*i] = name[i]
	}
	le.PutUint16(e[entry+entryLength:], end)
	e[entry+entryFlags] = entryLast
	return b
}

const sampleBlockSize = 4096

// sameCase folds nothing.
var sameCase = func() upCase {
	fold := make(upCase, upCaseSize/2)
	for i := range fold {
		fold[i] = uint16(i)
	}
	return fold
}()

// sampleTree is the index whose blocks lie one behind the other in b and hang
// from the first.
func sampleTree(b []byte) *index {
	b = b[:len(b)/sampleBlockSize*sampleBlockSize]
	root := make(indexEntry, entryKey+childSize)
	root[entryFlags] = entryHasChild | entryLast
	size := int64(len(b))
	return &index{
		v: &Volume{upcase: sameCase}, root: []indexEntry{root}, blockSize: sampleBlockSize, vcnUnit: sampleBlockSize,
		blocks: &stream{dev: sealedVolume(b), extents: []Extent{{0, 0, size}}, allocated: size, size: size},
		live:   bytes.Repeat([]byte{0xff}, len(b)/sampleBlockSize/8+1),
	}
}

func TestIndexBlock(t *testing.T) {
	t.Parallel()
	x := sampleTree(sampleBlock(0, "abc"))
	entries, err := x.entries()
	if err != nil || len(entries) != 1 || escapeName(entries[0].key().name()) != "abc" {
		t.Errorf("%x (%v)", entries, err)
	}
	if _, err := x.lookup(toUnits("abc")); err != nil {
		t.Error(err)
	}
}

// FuzzIndexBlock: a walk through any blocks ends, and takes memory by their number.
func FuzzIndexBlock(f *testing.F) {
	f.Add(sampleBlock(0, "abc"))
	f.Add(append(sampleBlock(0, "abc"), sampleBlock(1, "xyz")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := sampleTree(b)
		const perByte = 64 // an entry of 16 bytes, walked and listed, in slices that grow
		alloctest.Bound(t, perByte*len(b), func() {
			_, err := x.entries()
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Fatalf("untyped error %v", err)
			}
			_, _ = x.lookup(toUnits("abc"))
		})
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
