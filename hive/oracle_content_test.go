package hive

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reader is a program that is not ours and lists a hive. Both sides become the same lines, in the
// order of the hive: what it says, and what it would have to say of the contents we read. What it
// cannot show, or is known to show wrongly, is a rule in its says functions.
type reader struct {
	name  string
	lists func(tb testing.TB, path string) []string
	key   func(k *Key, path string) string
	value func(v storedValue, path string) string
}

// storedValue is a value and how it is stored.
type storedValue struct {
	Value
	cell     keyValue
	shuffled bool // big data whose segments do not ascend
}

// anything stands in our lines for what a reader gets wrong.
const anything = "\x00anything\x00"

func agrees(their, our string) bool {
	parts := strings.Split(our, anything)
	last := len(parts) - 1
	if last == 0 {
		return their == our
	}
	for _, part := range parts[:last] {
		_, rest, found := strings.Cut(their, part)
		if !found {
			return false
		}
		their = rest
	}
	return strings.HasSuffix(their, parts[last])
}

func readers() []reader { return []reader{hivexml, reglookup, regfexport} }

// contentHive is a hive to be read by all.
type contentHive struct {
	name  string
	large bool // takes seconds for each reader: left out of the quick suite
	bytes func(tb testing.TB) []byte
}

func contentHives() []contentHive {
	var list []contentHive
	for _, minor := range []uint32{3, 5} {
		for name, fill := range map[string]func(tb testing.TB, h *Hive){
			"types and sizes": fillTypes, "names": fillNames, "big data": fillBig, "many keys": fillMany, "deep tree": fillDeep,
		} {
			list = append(list, contentHive{fmt.Sprintf("new 1.%d, %s", minor, name), false, func(tb testing.TB) []byte {
				tb.Helper()
				h := New(NewOptions{Minor: minor, Now: testTime})
				fill(tb, h)
				return mustBytes(tb, h)
			}})
		}
	}
	list = append(list, contentHive{"edited, lists of kind li", false, editedIndexLeaves})
	for _, c := range append(oracleHives(), moreEdited()...) {
		large := slices.Contains([]string{"SYSTEM_B dirty", "Windows 7 clean", "Windows 2003 clean", "XP SYSTEM"}, c.name)
		list = append(list, contentHive{"edited, " + c.name, large, func(tb testing.TB) []byte {
			tb.Helper()
			path, _, _, _ := commitToFile(tb, c)
			p, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			return p
		}})
	}
	return list
}

// editedIndexLeaves has keys inserted into full lists of kind li below an index root, and others
// taken out.
func editedIndexLeaves(tb testing.TB) []byte {
	tb.Helper()
	h := mustOpen(tb, files{sample(tb, "yarp/ManySubkeysHive")})
	h.AllowGrowth(1 << 20)
	const many = "key_with_many_subkeys"
	was := mustKey(tb, h, many).NumSubkeys()
	for i := range 1200 {
		setValue(tb, h, fmt.Sprintf(`%s\%d again`, many, 1000+i), Value{"i", DWORD, EncodeDWORD(uint32(i))})
	}
	for i := range 500 {
		if err := h.DeleteKey(fmt.Sprintf(`%s\%d`, many, 3000+i)); err != nil {
			tb.Fatal(err)
		}
	}
	leaves, err := h.bins.leaves(mustKey(tb, h, many).node)
	if err != nil || leaves[0].list.kind() != indexLeaf || mustKey(tb, h, many).NumSubkeys() != was+700 {
		tb.Fatalf("%d subkeys, were %d, %v", mustKey(tb, h, many).NumSubkeys(), was, err)
	}
	noFindings(tb, h)
	return mustBytes(tb, h)
}

// moreEdited are edited hives that [oracleHives] leaves out: recovered ones, and lists of kind li.
func moreEdited() []commitCase {
	set := func(s goldenSample) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			f := s.files(tb)
			for _, id := range []FileID{Log1, Log2} {
				if f[id] == nil {
					f[id] = make([]byte, 256<<10)
				}
			}
			return f
		}
	}
	hvle, dirt := CommitOptions{GenerationHvLE, testTime, 1 << 20}, CommitOptions{GenerationDIRT, testTime, 1 << 20}
	return []commitCase{
		{"NewDirtyHive1", set(withBothLogs("yarp/NewDirtyHive1/NewDirtyHive", "")), hvle, ProtocolHvLE, 1500},
		{"NewDirtyHive2", set(withBothLogs("yarp/NewDirtyHive2/NewDirtyHive", "")), hvle, ProtocolHvLE, 1500},
		{"OldDirtyHive", set(withBothLogs("yarp/OldDirtyHive/OldDirtyHive", "")), dirt, ProtocolDIRT, 1500},
		{"BadLogHive2", set(withBothLogs("yarp/BadLogHive2/BadLogHive", "")), dirt, ProtocolDIRT, 1500},
		{"NTUSER.DAT", set(withBothLogs("real/ntuser_logs/NTUSER.DAT", "")), hvle, ProtocolHvLE, 1500},
		{"ManySubkeysHive", set(alone("yarp/ManySubkeysHive")), hvle, ProtocolHvLE, 1500},
		{"BigDataHive", set(alone("yarp/BigDataHive")), hvle, ProtocolHvLE, 20000},
		{"UnicodeHive", set(alone("yarp/UnicodeHive")), hvle, ProtocolHvLE, 1500},
		{"UpcaseHive", set(alone("yarp/UpcaseHive")), hvle, ProtocolHvLE, 1500},
		{"TwoOwnersHive", set(alone("yarp/TwoOwnersHive")), hvle, ProtocolHvLE, 1500},
		{"offline library's", set(alone("misc/nt-hive_testhive")), hvle, ProtocolHvLE, 1500},
		{"BCD", set(alone("real/BCD")), dirt, ProtocolDIRT, 1500},
	}
}

func TestOracleContent(t *testing.T) {
	t.Parallel()
	for _, c := range contentHives() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.large && !requireOracles() {
				t.Skip("large: only where every oracle is required")
			}
			p := c.bytes(t)
			path := filepath.Join(t.TempDir(), "hive")
			if err := os.WriteFile(path, p, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, r := range readers() {
				t.Run(r.name, func(t *testing.T) {
					compareLines(t, r.lists(t, path), r.expected(t, mustOpen(t, files{p})))
				})
			}
		})
	}
}

// compareLines reports a few differences only: a slip makes all lines behind it differ.
func compareLines(t *testing.T, theirs, ours []string) {
	t.Helper()
	if len(ours) == 0 || len(theirs) != len(ours) {
		t.Errorf("they say %d lines, we say %d", len(theirs), len(ours))
	}
	differ := 0
	for i := range min(len(theirs), len(ours)) {
		if agrees(theirs[i], ours[i]) {
			continue
		}
		t.Errorf("line %d:\nthey say %.600q\nwe say   %.600q", i, theirs[i], ours[i])
		if differ++; differ == 5 {
			return
		}
	}
}

// expected is what a reader has to say of a hive.
func (r reader) expected(tb testing.TB, h *Hive) []string {
	tb.Helper()
	var lines []string
	var walk func(k *Key, path string)
	walk = func(k *Key, path string) {
		lines = append(lines, r.key(k, path))
		for _, v := range storedValues(tb, k) {
			lines = append(lines, r.value(v, path))
		}
		for sub, err := range k.Subkeys() {
			if err != nil {
				tb.Fatal(err)
			}
			walk(sub, path+`\`+sub.Name())
		}
	}
	root := mustKey(tb, h, "")
	walk(root, root.Name())
	return lines
}

func storedValues(tb testing.TB, k *Key) []storedValue {
	tb.Helper()
	offs, err := k.h.bins.valueList(k.node)
	if err != nil {
		tb.Fatal(err)
	}
	var list []storedValue
	for v, err := range k.Values() {
		if err != nil {
			tb.Fatal(err)
		}
		cell, err := k.h.bins.keyValue(offs.offset(len(list)))
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, storedValue{v, slices.Clone(cell), isShuffled(tb, k.h, cell)})
	}
	return list
}

func isShuffled(tb testing.TB, h *Hive, v keyValue) bool {
	tb.Helper()
	if v.inline() || !big(v.dataSize(), h.Minor()) {
		return false
	}
	_, segments, err := h.bins.segments(v.dataOffset(), v.dataSize())
	if err != nil {
		tb.Fatal(err)
	}
	return !slices.IsSorted(segments)
}

func fillTypes(tb testing.TB, h *Hive) {
	tb.Helper()
	for kind := None; kind <= QWORD+1; kind++ {
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 100} {
			setValue(tb, h, `Types\`+kind.String(), Value{fmt.Sprint(n), kind, pattern(n + 3)[3:]})
		}
	}
	for _, v := range []Value{
		{"", SZ, EncodeSZ("default, \"quoted\" <tag> & \\ back\ttab")},
		{"text", SZ, EncodeSZ("äöü ключ 日本 😀")},
		{"expand", ExpandSZ, EncodeSZ("%SystemRoot%\\x")},
		{"multi", MultiSZ, EncodeMultiSZ([]string{"a,b", "c|d", "e\\f"})},
		{"multi beyond ASCII", MultiSZ, EncodeMultiSZ([]string{"ключ", "日本"})},
		{"no strings", MultiSZ, EncodeMultiSZ(nil)},
		{"without NUL", SZ, []byte("a\x00b\x00")},
		{"two in one", SZ, EncodeSZ("a\x00b")},
		{"high", DWORD, EncodeDWORD(0xFFFFFFFE)},
		{"higher", QWORD, EncodeQWORD(0xFFFFFFFE12345678)},
		{"other order", DWORDBigEndian, []byte{1, 2, 3, 4}},
	} {
		setValue(tb, h, "Text", v)
	}
}

func fillNames(tb testing.TB, h *Hive) {
	tb.Helper()
	for _, name := range []string{"Größe", "ключ", "日本😀", `a,b "c" <d>&`, "text/html", "%41", "a b", "_", "ÿ", strings.Repeat("long ", 50), strings.Repeat("длин ", 50)} {
		setValue(tb, h, `Names\`+name+`\`+name, Value{name, SZ, EncodeSZ(name)})
	}
	for path, class := range map[string]string{`Names\Größe`: "class", `Names\ключ`: "класс"} {
		if err := h.SetClass(path, class); err != nil {
			tb.Fatal(err)
		}
	}
}

func fillBig(tb testing.TB, h *Hive) {
	tb.Helper()
	for _, n := range []int{16343, 16344, 16345, 2 * 16344, 2*16344 + 1, 100_000} {
		setValue(tb, h, "Big", Value{fmt.Sprint(n), Binary, pattern(n)})
	}
	setValue(tb, h, "Big", Value{"text", SZ, EncodeSZ(strings.Repeat("0123456789", 2000))})
}

// fillMany makes leaves split, shrink and go.
func fillMany(tb testing.TB, h *Hive) {
	tb.Helper()
	for i := range 3000 {
		setValue(tb, h, fmt.Sprintf(`Many\key %d`, i*7919%3000), Value{"i", DWORD, EncodeDWORD(uint32(i))})
	}
	for i := range 700 {
		if err := h.DeleteKey(fmt.Sprintf(`Many\KEY %d`, i*3)); err != nil {
			tb.Fatal(err)
		}
	}
}

func fillDeep(tb testing.TB, h *Hive) {
	tb.Helper()
	path := "Deep"
	for i := range 60 {
		path += fmt.Sprintf(`\level %d`, i)
		setValue(tb, h, path, Value{"i", DWORD, EncodeDWORD(uint32(i))})
	}
}
