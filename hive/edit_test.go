package hive

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noFindings fails on anything a full check finds, harmless or not.
func noFindings(tb testing.TB, h *Hive) {
	tb.Helper()
	for _, f := range h.Findings() {
		tb.Errorf("finding: %v", f)
	}
}

func setValue(tb testing.TB, h *Hive, path string, v Value) {
	tb.Helper()
	if err := h.SetValue(path, v); err != nil {
		tb.Fatal(err)
	}
}

// Every size class turns into every other, and nothing leaks on the way.
func TestSetValueSizes(t *testing.T) {
	t.Parallel()
	sizes := []int{0, 1, 3, 4, 5, 8, 12, 13, 2000, 16343, 16344, 16345, 32688, 32689, 100_000}
	for _, minor := range []uint32{3, 5} {
		h := New(NewOptions{Minor: minor})
		for _, from := range sizes {
			for _, to := range sizes {
				name := fmt.Sprintf("%d to %d", from, to)
				setValue(t, h, "Sizes", Value{name, Binary, pattern(from)})
				setValue(t, h, "Sizes", Value{name, SZ, pattern(to)})
				got, err := mustKey(t, h, "Sizes").Value(name)
				if err != nil || got.Type != SZ || !bytes.Equal(got.Data, pattern(to)) {
					t.Fatalf("1.%d, %s: %v, %d bytes", minor, name, err, len(got.Data))
				}
			}
		}
		noFindings(t, h)
		before := h.bins.size()
		for _, v := range slices.Collect(valuesOf(t, mustKey(t, h, "Sizes"))) {
			if err := h.DeleteValue("Sizes", v); err != nil {
				t.Fatal(err)
			}
		}
		noFindings(t, h)
		if k := mustKey(t, h, "Sizes"); k.NumValues() != 0 || k.node.valueList() != nilOffset {
			t.Errorf("%d values left", k.NumValues())
		}
		setValue(t, h, "Sizes", Value{"again", Binary, pattern(100_000)})
		if h.bins.size() != before {
			t.Errorf("the bins grew from %#x to %#x although all was free", before, h.bins.size())
		}
	}
}

func valuesOf(tb testing.TB, k *Key) func(func(string) bool) {
	tb.Helper()
	return func(yield func(string) bool) {
		for v, err := range k.Values() {
			if err != nil {
				tb.Fatal(err)
			}
			if !yield(v.Name) {
				return
			}
		}
	}
}

func TestSetSameChangesNothing(t *testing.T) {
	t.Parallel()
	h := mustOpen(t, smallHive(t, 5))
	before := mustBytes(t, h)
	setValue(t, h, `select`, Value{"default", DWORD, EncodeDWORD(1)})
	if _, err := h.CreateKey(`controlset001/SERVICES`); err != nil {
		t.Fatal(err)
	}
	if h.Changed() || !bytes.Equal(before, mustBytes(t, h)) {
		t.Error("setting what is there changed the hive")
	}
	setValue(t, h, `Select`, Value{"Default", DWORD, EncodeDWORD(2)})
	if !h.Changed() {
		t.Error("a change went unnoticed")
	}
}

// Thousands of keys below one: leaves split, an index root appears, and all go again.
func TestManySubkeys(t *testing.T) {
	t.Parallel()
	for _, minor := range []uint32{3, 5} {
		h := New(NewOptions{Minor: minor})
		order := rand.New(rand.NewPCG(1, 2)).Perm(3500)
		for _, i := range order {
			if _, err := h.CreateKey(fmt.Sprintf(`Many\Key %d`, i)); err != nil {
				t.Fatal(err)
			}
		}
		noFindings(t, h)
		k := mustKey(t, h, "Many")
		if top, err := h.bins.subkeyList(k.node.subkeyList()); err != nil || top.kind() != indexRoot || k.NumSubkeys() != len(order) {
			t.Fatalf("%d subkeys, top list %v", k.NumSubkeys(), err)
		}
		for _, i := range order[:3000] {
			if err := h.DeleteKey(fmt.Sprintf(`many\KEY %d`, i)); err != nil {
				t.Fatal(err)
			}
		}
		noFindings(t, h)
		for i, n := range order {
			if _, err := h.Key(fmt.Sprintf(`Many\Key %d`, n)); errors.Is(err, ErrNotExist) != (i < 3000) {
				t.Fatalf("key %d: %v", n, err)
			}
		}
		if err := h.DeleteKey("Many"); err != nil {
			t.Fatal(err)
		}
		noFindings(t, h)
		if n := mustKey(t, h, "").NumSubkeys(); n != 0 {
			t.Errorf("%d subkeys of the root are left", n)
		}
	}
}

func TestCreateKeyOrderAndNames(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	created, err := h.CreateKey(`A\B\C`)
	if err != nil || !slices.Equal(created, []string{"A", `A\B`, `A\B\C`}) {
		t.Fatalf("created %q, %v", created, err)
	}
	for _, name := range []string{"_", "a", "Z", "ä", "Ö", "ключ", "µ", "ß", "ÿ", "a b", "0", "text/html"} {
		if _, err := h.CreateKey(`A\B\` + name); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if _, err := h.Key(`a\b\` + strings.ToLower(name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	noFindings(t, h)
	for _, name := range []string{strings.Repeat("x", 256), "nul\x00"} {
		if _, err := h.CreateKey(`A\` + name); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%.10q: %v", name, err)
		}
	}
	if _, err := h.CreateKey(strings.Repeat(`d\`, MaxDepth+1)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("too deep: %v", err)
	}
}

// A failed edit leaves no trace, not even in the free cells.
func TestFailedEditRollsBack(t *testing.T) {
	t.Parallel()
	f := smallHive(t, 5)
	f[Primary] = f[Primary][:baseBlockSize+int(baseBlock(f[Primary]).binsSize())] // no tail
	h := mustOpen(t, f)
	setValue(t, h, "Select", Value{"Default", DWORD, EncodeDWORD(3)})
	before := slices.Clone(h.bins.data)
	err := h.SetValue(`New\Key\Path`, Value{"v", Binary, pattern(60_000)})
	var room *NoRoomError
	if !errors.As(err, &room) || !errors.Is(err, ErrNoRoom) || room.Need <= room.Size {
		t.Fatalf("error %v", err)
	}
	if !bytes.Equal(before, h.bins.data) {
		t.Error("the failed edit left traces")
	}
	noFindings(t, h)
	h.AllowGrowth(1 << 20)
	setValue(t, h, `New\Key\Path`, Value{"v", Binary, pattern(60_000)})
	noFindings(t, h)
	for _, g := range []Generation{GenerationHvLE, GenerationDIRT} {
		c, err := h.Commit(CommitOptions{Generation: g, Now: testTime})
		if err != nil || c.Protocol == Direct {
			t.Fatalf("%v %v", c, err)
		}
		checkCuts(t, f, c, contents(t, f), clearTime(h.bins.data))
	}
}

func clearTime(bins []byte) []byte {
	p := slices.Clone(bins)
	clear(p[20:28])
	return p
}

func TestEditRefusals(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	setValue(t, h, `Links\Link`, Value{"SymbolicLinkValue", Link, pattern(20)})
	setValue(t, h, "Predefined", Value{"x", DWORD, EncodeDWORD(1)})
	setFlags := func(path string, f uint16) {
		n, err := h.bins.editKeyNode(mustKey(t, h, path).off)
		if err != nil {
			t.Fatal(err)
		}
		n.setFlags(n.flags() | f)
	}
	setFlags(`Links\Link`, keySymlink)
	setFlags("Predefined", keyPredefined)
	for name, edit := range map[string]func() error{
		"value of a link":              func() error { return h.SetValue(`Links\Link`, Value{"v", SZ, nil}) },
		"key below a link":             func() error { return h.SetValue(`Links\Link\Below`, Value{"v", SZ, nil}) },
		"delete a tree with a link":    func() error { return h.DeleteKey("Links") },
		"value of a predefined handle": func() error { return h.SetValue("Predefined", Value{"v", SZ, nil}) },
		"delete the root":              func() error { return h.DeleteKey("") },
	} {
		before := mustBytes(t, h)
		if err := edit(); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, mustBytes(t, h)) {
			t.Errorf("%s: changed the hive", name)
		}
	}
	if err := h.DeleteValue("Links", "no such value"); !errors.Is(err, ErrNotExist) {
		t.Errorf("missing value: %v", err)
	}
	if err := h.DeleteKey(`Links\Missing`); !errors.Is(err, ErrNotExist) {
		t.Errorf("missing key: %v", err)
	}
}

func TestEditRefusesDifferencingHive(t *testing.T) {
	t.Parallel()
	delta := mustOpen(t, files{sample(t, "yarp/System_Delta")})
	if err := delta.SetValue("x", Value{"v", SZ, nil}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("differencing hive: %v", err)
	}
}

// What we add to real hives and take away again leaves them as they were, and always valid.
func TestEditRealHives(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"real/SYSTEM_win7sp1_x86", "real/SYSTEM_winxpsp3_x86_m57", "real/SYSTEM_win2003dc_x86",
		"real/SYSTEM_winxp_regsave_v1.3", "real/SYSTEM_win10_10240_small", "real/BCD", "yarp/ManySubkeysHive",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mustOpen(t, files{sample(t, name)})
			was := h.Findings()
			keys, values := countTree(t, mustKey(t, h, ""))
			size := len(h.freeCells(t))
			checks := arm(t, h, 300)
			sameFindings(t, h, was)
			if err := CheckReadBack(newMemFile(mustBytes(t, h)), checks); err != nil {
				t.Error(err)
			}
			for _, c := range checks {
				if err := h.DeleteValue(c.Path, c.Name); err != nil {
					t.Fatal(err)
				}
			}
			if err := h.DeleteKey("hangkit"); err != nil {
				t.Fatal(err)
			}
			sameFindings(t, h, was)
			k, v := countTree(t, mustKey(t, h, ""))
			if k < keys || k > keys+6 || v > values || v < values-3 {
				t.Errorf("%d keys, %d values, before %d and %d", k, v, keys, values)
			}
			if n := len(h.freeCells(t)); n > size+12 {
				t.Errorf("%d free cells, before %d", n, size)
			}
		})
	}
}

// sameFindings wants what was found before the edits, if anything, and only that: Windows XP leaves
// some fields too small.
func sameFindings(tb testing.TB, h *Hive, was []Finding) {
	tb.Helper()
	text := func(list []Finding) (s []string) {
		for _, f := range list {
			if !f.Harmless {
				tb.Errorf("fault: %v", f)
			}
			s = append(s, f.String())
		}
		return s
	}
	if diff := cmp.Diff(text(was), text(h.Findings())); diff != "" {
		tb.Errorf("findings (-before +after):\n%s", diff)
	}
}

// freeCells lists the free cells and proves that no two lie side by side.
func (h *Hive) freeCells(tb testing.TB) []freeCell {
	tb.Helper()
	starts, err := h.bins.binStarts()
	if err != nil {
		tb.Fatal(err)
	}
	var list []freeCell
	for i, end := range starts[1:] {
		err := h.bins.walkBin(starts[i], end, func(off uint32, s cellSize) {
			if s.allocated() {
				return
			}
			if n := len(list); n > 0 && list[n-1].off+list[n-1].size == off {
				tb.Errorf("free cells at %#x are not joined", off)
			}
			list = append(list, freeCell{off, s.total()})
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return list
}
