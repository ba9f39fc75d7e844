package hive

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// fuzzEdits edits a valid hive in ways that meet its lists and shared cells. One that began without
// findings ends without; any other may at worst be refused when it is committed.
func fuzzEdits(t *testing.T, f files) {
	t.Helper()
	h := mustOpen(t, f)
	h.AllowGrowth(int64(len(f[Primary])) + 1<<20)
	clean := len(h.Findings()) == 0
	var first string
	for sub, err := range mustKey(t, h, "").Subkeys() {
		if err != nil {
			t.Fatalf("subkeys of a valid hive: %v", err)
		}
		first = `\` + sub.Name()
		break
	}
	for _, err := range []error{
		h.SetValue(first, Value{"fuzz", Binary, pattern(20_000)}),
		h.SetValue(first+`\fuzz\below`, Value{"", SZ, EncodeSZ("x")}),
		h.SetClass(first, "fuzz"),
		h.DeleteValue(first, "fuzz"),
		h.DeleteKey(first),
	} {
		if clean && err != nil && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrNotExist) && !errors.Is(err, ErrNoRoom) {
			t.Fatalf("edit of a hive without findings: %v", err)
		}
	}
	if clean {
		noFindings(t, h)
	}
}

// binsHive puts a base block in front of bins.
func binsHive(minor uint32, bins []byte) []byte {
	b := newBaseBlock(NewOptions{Minor: minor})
	b.setBinsSize(uint32(len(bins)))
	b.seal()
	return append(b, bins...)
}

// FuzzCells fills bins with whatever the fuzzer makes up; the base block fits.
func FuzzCells(f *testing.F) {
	for _, s := range fuzzSeeds(f)[:2] {
		f.Add(byte(5), s[Primary][baseBlockSize:])
		f.Add(byte(3), s[Primary][baseBlockSize:])
	}
	rich := New(NewOptions{Minor: 5, Now: testTime})
	for i := range 6 {
		setValue(f, rich, fmt.Sprintf(`Key%d\Sub`, i), Value{"inline", DWORD, EncodeDWORD(1)})
		setValue(f, rich, fmt.Sprintf(`Key%d`, i), Value{"plain", Binary, pattern(5 + i)})
	}
	if err := rich.SetClass("Key1", "class"); err != nil {
		f.Fatal(err)
	}
	if err := rich.DeleteKey("Key3"); err != nil {
		f.Fatal(err)
	}
	f.Add(byte(5), mustBytes(f, rich)[baseBlockSize:])
	f.Fuzz(func(t *testing.T, minor byte, bins []byte) {
		const most = 16 * pageSize
		bins = bytes.Clone(bins[:min(len(bins), most)])
		bins = append(bins, make([]byte, roundUp(int64(len(bins)), pageSize)-int64(len(bins)))...)
		if len(bins) == 0 {
			return
		}
		set := files{append(binsHive(uint32(minor)%8, bins), make([]byte, pageSize)...)}
		fuzzOpen(t, set)
		if h, err := Open(set.source()); err == nil && h.Validate() == nil {
			fuzzEdits(t, set)
		}
	})
}

// The lists of a FuzzSubkeyLists hive: how many there are, and the bytes of the cell of each.
const (
	fuzzLists    = 3
	fuzzListRoom = 260
	fuzzListKeys = 30
)

// listHive has 30 keys below its root, in the order of their names, and cells for three lists.
type listHive struct {
	h     *Hive
	keys  []uint32
	lists []uint32
}

func newListHive(tb testing.TB) *listHive {
	tb.Helper()
	l := &listHive{h: New(NewOptions{Minor: 5, Now: testTime})}
	for i := range fuzzListKeys {
		if _, err := l.h.CreateKey(fmt.Sprintf("key%02d", i)); err != nil {
			tb.Fatal(err)
		}
	}
	for sub, err := range mustKey(tb, l.h, "").Subkeys() {
		if err != nil {
			tb.Fatal(err)
		}
		l.keys = append(l.keys, sub.off)
	}
	for range fuzzLists {
		off, err := l.h.store(nil, fuzzListRoom)
		if err != nil {
			tb.Fatal(err)
		}
		l.lists = append(l.lists, off)
	}
	return l
}

// listSpec is a list as the fuzzer describes it: the first byte is its kind; of every other the low
// bits choose what an entry leads to, the high ones make the entry wrong.
type listSpec []byte

const (
	specTarget    = 0x3F
	specWrongHint = 0x40
	specWrongOff  = 0x80
)

var listKinds = []string{indexLeaf, fastLeaf, hashLeaf, indexRoot, "xx"}

func (s listSpec) kind() string {
	if len(s) == 0 {
		return indexLeaf
	}
	return listKinds[int(s[0])%len(listKinds)]
}

// entries are cut to what the cell of the list holds.
func (s listSpec) entries() []byte {
	if len(s) == 0 {
		return nil
	}
	return s[1:][:min(len(s)-1, (fuzzListRoom-listHeaderSize)/entrySize(s.kind()[1]))]
}

// encode lays a list out.
func (l *listHive) encode(s listSpec) []byte {
	p := le.AppendUint16([]byte(s.kind()), uint16(len(s.entries())))
	for _, e := range s.entries() {
		off := l.keys[int(e&specTarget)%len(l.keys)]
		if s.kind() == indexRoot {
			off = l.lists[int(e&specTarget)%len(l.lists)]
		}
		n, err := l.h.bins.keyNode(l.keys[int(e&specTarget)%len(l.keys)])
		if err != nil {
			return nil
		}
		entry := leafEntry(s.kind(), off, n)
		if e&specWrongHint != 0 && len(entry) > 4 {
			entry[4] ^= 1
		}
		if e&specWrongOff != 0 {
			entry[0] ^= 4
		}
		p = append(p, entry...)
	}
	return p
}

// listJudge tells without the code under test whether lists are valid.
type listJudge struct {
	specs    []listSpec
	total    int
	previous int
	used     map[int]bool
}

func (j *listJudge) leaf(i int) bool {
	s := j.specs[i]
	if j.used[i] || s.kind() == indexRoot || s.kind() == "xx" {
		return false
	}
	j.used[i] = true
	for _, e := range s.entries() {
		key := int(e&specTarget) % fuzzListKeys
		if e&specWrongOff != 0 || e&specWrongHint != 0 && s.kind() != indexLeaf || key <= j.previous {
			return false
		}
		j.previous = key
		j.total++
	}
	return true
}

func (j *listJudge) valid(count int) bool {
	if count == 0 {
		return true
	}
	j.previous, j.used = -1, map[int]bool{}
	if j.specs[0].kind() != indexRoot {
		return j.leaf(0) && j.total == count
	}
	j.used[0] = true
	for _, e := range j.specs[0].entries() {
		if e&specWrongOff != 0 || len(j.specs[int(e&specTarget)%fuzzLists].entries()) == 0 || !j.leaf(int(e&specTarget)%fuzzLists) {
			return false
		}
	}
	return j.total == count
}

// FuzzSubkeyLists gives a key any lists of subkeys: those that break no rule, and no others, pass the
// check; in them every key is found, and they can be edited.
func FuzzSubkeyLists(f *testing.F) {
	for kind := range byte(3) {
		f.Add(uint16(3), []byte{kind, 1, 2, 3}, []byte{}, []byte{})
		f.Add(uint16(3), []byte{kind, 1, 3, 2}, []byte{}, []byte{})
		f.Add(uint16(4), []byte{3, 1, 2}, []byte{kind, 1, 2}, []byte{kind, 7, 9})
		f.Add(uint16(4), []byte{3, 2, 1}, []byte{kind, 1, 2}, []byte{(kind + 1) % 3, 7, 9})
		f.Add(uint16(2), []byte{kind, 1 | specWrongHint, 2}, []byte{}, []byte{})
	}
	f.Add(uint16(2), []byte{3, 1}, []byte{3, 2}, []byte{0, 1, 2})
	f.Add(uint16(0), []byte{4}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, count uint16, top, second, third []byte) {
		fuzzSubkeyLists(t, int(count), []listSpec{top, second, third})
	})
}

func fuzzSubkeyLists(t *testing.T, count int, specs []listSpec) {
	t.Helper()
	l := newListHive(t)
	for i, s := range specs {
		p, err := l.h.bins.editCell(l.lists[i])
		if err != nil {
			t.Fatal(err)
		}
		copy(p, l.encode(s))
	}
	root, err := l.h.bins.editKeyNode(newRootCell)
	if err != nil {
		t.Fatal(err)
	}
	root.setSubkeyList(l.lists[0])
	root.setSubkeyCount(uint32(count))
	set := files{mustBytes(t, l.h)}
	judge := listJudge{specs: specs}
	h := mustOpen(t, set)
	if err, want := h.Validate(), judge.valid(count); (err == nil) != want {
		t.Fatalf("valid %v, want %v: count %d, lists %v", err, want, count, specs)
	}
	fuzzOpen(t, set)
	if h.Validate() != nil || count == 0 {
		return
	}
	findAll(t, h)
	fuzzEdits(t, set)
}

// findAll looks every subkey of the root up by its name.
func findAll(t *testing.T, h *Hive) {
	t.Helper()
	root := mustKey(t, h, "")
	for sub, err := range root.Subkeys() {
		if err != nil {
			t.Fatal(err)
		}
		if found, err := root.Subkey(sub.Name()); err != nil || found.off != sub.off {
			t.Fatalf("look-up of %q: %v", sub.Name(), err)
		}
	}
}

// A list's count may claim more entries than its cell holds.
func TestSubkeyListCount(t *testing.T) {
	t.Parallel()
	for _, kind := range listKinds[:4] {
		p := make([]byte, fuzzListRoom)
		copy(p, kind)
		room := (fuzzListRoom - listHeaderSize) / entrySize(kind[1])
		for _, n := range []int{room, room + 1} {
			le.PutUint16(p[2:], uint16(n))
			if _, err := checkSubkeyList(p, 0); (err == nil) != (n == room) {
				t.Errorf("%s of %d entries where %d fit: %v", kind, n, room, err)
			}
		}
	}
}
