package hive

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Hints of an "lf" list have one byte for each of a name's first four characters; one that does not
// fit makes the hint say nothing.
func TestFastLeafHints(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{Minor: 3})
	want := map[string]string{
		"ab": "ab\x00\x00", "Long name": "Long", "àéîõ": "\xE0\xE9\xEE\xF5",
		"wide\u0161": "wide", "w\u0161de": "\x00\x00\x00\x00", "\u0160aaa": "\x00\x00\x00\x00", "abc\u0161": "\x00bc\x00",
	}
	for name := range want {
		if _, err := h.CreateKey(name); err != nil {
			t.Fatal(err)
		}
	}
	leaves, err := h.bins.leaves(mustKey(t, h, "").node)
	if err != nil || len(leaves) != 1 || leaves[0].list.kind() != fastLeaf {
		t.Fatal(leaves, err)
	}
	for i := range leaves[0].list.count() {
		k, err := h.keyAt(leaves[0].list.offset(i))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(leaves[0].list.entry(i)[4:]); got != want[k.Name()] {
			t.Errorf("%q has hint %q, want %q", k.Name(), got, want[k.Name()])
		}
	}
	noFindings(t, h)
	clear(leaves[0].list.entry(leaves[0].list.count() - 1)[4:]) // of a wide name: says nothing
	noFindings(t, h)
	leaves[0].list.entry(0)[4]++
	if len(h.Findings()) != 1 {
		t.Errorf("findings %v", h.Findings())
	}
}

// The longest names and data only grow, until nothing is left that they could be of.
func TestMaxFields(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	setValue(t, h, `Key\Longer name`, Value{"A long value name", Binary, pattern(20)})
	setValue(t, h, "Key", Value{"v", Binary, pattern(20000)})
	setValue(t, h, "Key", Value{"another", DWORD, EncodeDWORD(1)})
	if _, err := h.CreateKey(`Key\k`); err != nil {
		t.Fatal(err)
	}
	if err := h.SetClass(`Key\k`, "class"); err != nil {
		t.Fatal(err)
	}
	check := func(step string, name uint16, class, valueName, data uint32) {
		t.Helper()
		n := mustKey(t, h, "Key").node
		if n.maxName() != name || n.maxClass() != class || n.maxValueName() != valueName || n.maxValueData() != data {
			t.Errorf("%s: %d, %d, %d, %d", step, n.maxName(), n.maxClass(), n.maxValueName(), n.maxValueData())
		}
	}
	check("all", 2*11, 2*5, 2*7, 20000)
	for _, remove := range []func() error{
		func() error { return h.DeleteKey(`Key\Longer name`) },
		func() error { return h.DeleteValue("Key", "v") },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	check("some left", 2*11, 2*5, 2*7, 20000)
	for _, remove := range []func() error{
		func() error { return h.DeleteKey(`Key\k`) },
		func() error { return h.DeleteValue("Key", "another") },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
	}
	check("nothing left", 0, 0, 0, 0)
	noFindings(t, h)
}

// Keys are added in an order that makes leaves split, then removed in one that empties them one by
// one, for lists of every kind.
func TestListKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{indexLeaf, fastLeaf, hashLeaf} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			minor := uint32(3)
			if kind == hashLeaf {
				minor = 5
			}
			h := New(NewOptions{Minor: minor})
			if _, err := h.CreateKey(`Many\key`); err != nil {
				t.Fatal(err)
			}
			setListKind(t, h, "Many", kind)
			const keys = 2500
			for i := range keys {
				if _, err := h.CreateKey(fmt.Sprintf(`Many\key%04d`, i*7919%keys)); err != nil {
					t.Fatal(err)
				}
			}
			noFindings(t, h)
			leaves, err := h.bins.leaves(mustKey(t, h, "Many").node)
			if err != nil || len(leaves) < 3 {
				t.Fatalf("%d leaves, %v", len(leaves), err)
			}
			for _, l := range leaves {
				if l.list.kind() != kind {
					t.Errorf("a leaf is %s", l.list.kind())
				}
			}
			for i := range keys {
				if err := h.DeleteKey(fmt.Sprintf(`Many\KEY%04d`, i)); err != nil {
					t.Fatal(err)
				}
				if i%500 == 0 {
					noFindings(t, h)
				}
			}
			if err := h.DeleteKey(`Many\key`); err != nil {
				t.Fatal(err)
			}
			if n := mustKey(t, h, "Many").node; n.subkeyCount() != 0 || n.subkeyList() != nilOffset {
				t.Errorf("%d subkeys at %#x", n.subkeyCount(), n.subkeyList())
			}
			noFindings(t, h)
		})
	}
}

// setListKind gives a key with one subkey a list of another kind.
func setListKind(tb testing.TB, h *Hive, path, kind string) {
	tb.Helper()
	k := mustKey(tb, h, path)
	child, err := k.Subkey("key")
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.edit("list kind", func() error {
		off, err := h.newList(kind, leafEntry(kind, child.off, child.node))
		if err != nil {
			return err
		}
		if err := h.free(k.node.subkeyList()); err != nil {
			return err
		}
		n, err := h.bins.editKeyNode(k.off)
		n.setSubkeyList(off)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
}

// Whatever a descriptor says about its keys, it is not freed before the last of them.
func TestDeleteCountsKeysOfSecurity(t *testing.T) {
	t.Parallel()
	for _, refs := range []uint32{0, 1, 2, 3, 4} {
		r := newRulesHive(t)
		r.linkSecurity(`A\Empty`)
		for _, path := range []string{`A\Empty\1`, `A\Empty\2`} {
			_, err := r.CreateKey(path)
			r.must(err)
		}
		own := r.key(`A\Empty`).security()
		s, err := r.bins.editKeySecurity(own)
		r.must(err)
		s.setRefs(refs)
		r.must(r.DeleteKey(`A\Empty\2`))
		if err := r.DeleteKey(`A\Empty\2`); !errors.Is(err, ErrNotExist) {
			t.Errorf("deleted twice: %v", err)
		}
		if got, want := s.refs(), max(2, max(refs, 1)-1); got != want {
			t.Errorf("%d references became %d, want %d", refs, got, want)
		}
		r.must(r.Validate())
		r.must(r.DeleteKey(`A\Empty`))
		if refs <= 3 {
			noFindings(t, r.Hive) // the descriptor is gone from the ring, too
		}
		r.must(r.Validate())
	}
}

// A tree of every kind of cell is deleted and leaves the hive as it was, but for its free cells.
func TestDeleteTree(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	setValue(t, h, "Stays", Value{"v", DWORD, EncodeDWORD(1)})
	refs := func() uint32 {
		s, err := h.bins.keySecurity(mustKey(t, h, "").node.security())
		if err != nil {
			t.Fatal(err)
		}
		return s.refs()
	}
	before := refs()
	deep := "Tree"
	for range 500 {
		deep += `\d`
	}
	if _, err := h.CreateKey(deep); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		path := fmt.Sprintf(`Tree\%d\%d`, i%3, i)
		setValue(t, h, path, Value{"big", Binary, pattern(i * 11)})
		if err := h.SetClass(path, "class"); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.DeleteKey("tree"); err != nil {
		t.Fatal(err)
	}
	noFindings(t, h)
	if got := refs(); got != before {
		t.Errorf("%d references to the security descriptor, want %d", got, before)
	}
	var used uint32
	for off, s := range h.allCells(t) {
		if s.allocated() && off != 0 {
			used += s.total()
		}
	}
	if used > 1000 {
		t.Errorf("%d bytes are still in use", used)
	}
}

func (h *Hive) allCells(tb testing.TB) map[uint32]cellSize {
	tb.Helper()
	starts, err := h.bins.binStarts()
	if err != nil {
		tb.Fatal(err)
	}
	cells := map[uint32]cellSize{}
	for i, end := range starts[1:] {
		if err := h.bins.walkBin(starts[i], end, func(off uint32, s cellSize) { cells[off] = s }); err != nil {
			tb.Fatal(err)
		}
	}
	return cells
}

// An edit that fails on the way takes back all it did: new keys, bins, lists that moved.
func TestEveryFailureRollsBack(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	setValue(t, h, `A\B`, Value{"v", Binary, pattern(3000)})
	before, touched := mustBytes(t, h), len(h.touched.keys)
	h.AllowGrowth(int64(len(before)))
	long := strings.Repeat("n", maxKeyName+1)
	for name, fail := range map[string]func() error{
		"no room for data":   func() error { return h.SetValue(`A\New\Key`, Value{"v", Binary, pattern(100000)}) },
		"no room for a name": func() error { return h.SetValue(`A\New`, Value{strings.Repeat("ž", 16000), None, nil}) },
		"name too long":      func() error { _, err := h.CreateKey(`A\C\D\` + long); return err },
		"no such value":      func() error { return h.DeleteValue(`A\B`, "w") },
		"class too long":     func() error { return h.SetClass("A", strings.Repeat("c", maxClassName+1)) },
		"too deep":           func() error { _, err := h.CreateKey(strings.Repeat(`x\`, MaxDepth+1)); return err },
	} {
		if err := fail(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if after := mustBytes(t, h); !bytes.Equal(after, before) || len(h.touched.keys) != touched {
			t.Errorf("%s: the hive is not as it was", name)
		}
	}
	setValue(t, h, `A\B`, Value{"w", DWORD, EncodeDWORD(1)})
	noFindings(t, h)
}

func TestRefusedKinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag  uint16
		edits []func(h *Hive) error
	}{
		"symbolic link": {keySymlink, []func(h *Hive) error{
			func(h *Hive) error { return h.SetValue("K", Value{"v", None, nil}) },
			func(h *Hive) error { _, err := h.CreateKey(`K\new`); return err },
			func(h *Hive) error { return h.DeleteKey("K") },
			func(h *Hive) error { return h.SetClass("K", "c") },
		}},
		"predefined": {keyPredefined, []func(h *Hive) error{
			func(h *Hive) error { return h.SetValue("K", Value{"v", None, nil}) },
			func(h *Hive) error { return h.DeleteValue("K", "v") },
		}},
		"no delete": {keyNoDelete, []func(h *Hive) error{func(h *Hive) error { return h.DeleteKey("K") }}},
	} {
		h := New(NewOptions{})
		if _, err := h.CreateKey("K"); err != nil {
			t.Fatal(err)
		}
		k := mustKey(t, h, "K")
		k.node.setFlags(k.node.flags() | c.flag)
		before := mustBytes(t, h)
		for i, edit := range c.edits {
			if err := edit(h); !errors.Is(err, ErrUnsupported) || !bytes.Equal(mustBytes(t, h), before) {
				t.Errorf("%s, edit %d: %v", name, i, err)
			}
		}
	}
}
