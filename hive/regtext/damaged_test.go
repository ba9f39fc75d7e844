package regtext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
)

// patched is a hive made of base, with one byte of a key's node changed.
func patched(t *testing.T, path string, at int64, set func(byte) byte) *hive.Hive {
	t.Helper()
	h := newHive(t, base)
	p, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const cellHeader = 4
	p[mustKey(t, h, path).Offset()+cellHeader+at] = set(p[mustKey(t, h, path).Offset()+cellHeader+at])
	return mustOpen(t, p)
}

// Offsets in a key node.
const (
	nodeFlags = 2
	nodeName  = 76
)

// A link is exported as what it is. Its own text changes nothing; deleting it is refused.
func TestLinks(t *testing.T) {
	t.Parallel()
	const symbolic = 0x10
	h := patched(t, `a\b\c`, nodeFlags, func(b byte) byte { return b | symbolic })
	text := mustExport(t, h, UTF8)
	if !strings.Contains(string(text), "[HKEY_LOCAL_MACHINE\\SYSTEM\\a\\b\\c]\r\n\"v\"=hex:01,02\r\n") {
		t.Errorf("export\n%s", text)
	}
	if sum := mustApply(t, h, mustParse(t, string(text))); sum != (Summary{Unchanged: 5}) {
		t.Errorf("its own text: %+v", sum)
	}
	for _, edit := range []string{"[HKLM\\SYSTEM\\a\\b\\c]\n\"v\"=-", "[-HKLM\\SYSTEM\\a]"} {
		f := mustParse(t, headerUnicode+"\n"+edit)
		if _, err := f.Apply(t.Context(), h, Below(system)); !errors.Is(err, hive.ErrUnsupported) {
			t.Errorf("%s: %v", edit, err)
		}
	}
	checkLost(t, h, `key "HKLM\\SYSTEM\\a\\b\\c": it is a symbolic link`)
}

// checkLost checks what is lost when key a is deleted and comes back.
func checkLost(t *testing.T, h *hive.Hive, want ...string) {
	t.Helper()
	_, lost, err := mustParse(t, headerUnicode+"\n[-HKLM\\SYSTEM\\a]").Inverse(t.Context(), h, Below(system))
	if err != nil || !slices.Equal(lost, want) {
		t.Errorf("lost %q, %v; want %q", lost, err, want)
	}
}

// Names that no line, or no path, can hold.
func TestOddKeyNames(t *testing.T) {
	t.Parallel()
	for name, quoted := range map[byte]string{'\n': `\n`, '\r': `\r`, '\\': `\\`, 0: `\x00`} {
		h := patched(t, `a\b`, nodeName, func(byte) byte { return name })
		checkLost(t, h, `key "HKLM\\SYSTEM\\a\\`+quoted+`" and all below it: no text can name it`)
		if name != '\n' && name != '\r' {
			continue
		}
		var out bytes.Buffer
		sum, err := Export(&out, mustKey(t, h, ""), system, UTF16)
		e, ok := errors.AsType[*LeftOutError](err)
		if !ok || !slices.Equal(e.Paths, []string{system + `\a\` + string(name)}) || sum != (Summary{Keys: 4, Values: 4}) {
			t.Errorf("export: %+v, %v", sum, err)
		}
		if _, err := Parse(out.Bytes()); err != nil {
			t.Error(err)
		}
	}
}

// A key that is its own grandchild does not keep a walk going.
func TestCircle(t *testing.T) {
	t.Parallel()
	h := newHive(t, base)
	p, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const cellHeader, subkeyCount, subkeyList = 4, 20, 28
	outer, inner := mustKey(t, h, "a").Offset()+cellHeader, mustKey(t, h, `a\b`).Offset()+cellHeader
	for _, field := range []int64{subkeyCount, subkeyList} {
		copy(p[inner+field:][:4], p[outer+field:])
	}
	h = mustOpen(t, p)
	_, err = Export(io.Discard, mustKey(t, h, ""), system, UTF8)
	if e, ok := errors.AsType[*hive.FormatError](err); !ok || e.What != "key" {
		t.Errorf("export: %v", err)
	}
	f := mustParse(t, headerUnicode+"\n[-HKLM\\SYSTEM\\a]")
	if _, _, err := f.Inverse(t.Context(), h, Below(system)); !errors.Is(err, hive.ErrFormat) {
		t.Errorf("inverse: %v", err)
	}
	if _, err := f.Apply(t.Context(), h, Below(system)); !errors.Is(err, hive.ErrFormat) {
		t.Errorf("apply: %v", err)
	}
}

// Keys that all have the values of one come to no more than the hive could hold.
func TestSharedValues(t *testing.T) {
	t.Parallel()
	const keys, size = 100, 10_000
	h := hive.New(hive.NewOptions{})
	f := &File{}
	for i := range keys {
		f.Keys = append(f.Keys, Key{Path: fmt.Sprintf(`%s\all\%d`, system, i)})
	}
	f.Keys[0].Values = []Value{{Name: "v", Type: hive.Binary, Data: count(size)}}
	mustApply(t, h, f)
	p, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const cellHeader, valueCount, valueList = 4, 36, 40
	nodeOf := func(i int) []byte { return p[mustKey(t, h, fmt.Sprintf(`all\%d`, i)).Offset()+cellHeader:] }
	for i := range keys {
		for _, field := range []int{valueCount, valueList} {
			copy(nodeOf(i)[field:][:4], nodeOf(0)[field:])
		}
	}
	h = mustOpen(t, p)
	sum, err := Export(io.Discard, mustKey(t, h, ""), system, UTF8)
	if !errors.Is(err, hive.ErrFormat) || sum.Values == 0 || int64(sum.Values*size) > h.Size() {
		t.Errorf("export of a hive of %d bytes: %+v, %v", h.Size(), sum, err)
	}
	if _, _, err := mustParse(t, headerUnicode+"\n[-HKLM\\SYSTEM\\all]").Inverse(t.Context(), h, Below(system)); !errors.Is(err, hive.ErrFormat) {
		t.Errorf("inverse: %v", err)
	}
}

// Whole subtrees of a real hive go and come back; class names and security do not.
func TestInverseSample(t *testing.T) {
	t.Parallel()
	h := mustOpen(t, sample(t, "real/SYSTEM_winxp_regsave_v1.3"))
	h.AllowGrowth(1 << 30)
	before, kept := contentsOfHive(t, h), besideValues(t, h)
	f := mustParse(t, headerUnicode+`
[-HKLM\SYSTEM\controlset001\services]
[HKLM\SYSTEM\ControlSet001\Services\Tcpip]
"new"="value"
[-HKLM\SYSTEM\ControlSet001\Control\Lsa]
[HKLM\SYSTEM\Select]
"Default"=dword:2
"Current"=-
[HKLM\SYSTEM\New\Key]
@="x"
`)
	undo, lost, err := f.Inverse(t.Context(), h, Below(system))
	if err != nil {
		t.Fatal(err)
	}
	sum := mustApply(t, h, f)
	if sum.DeletedKeys < 1000 || sum.Keys != 4 || sum.Values != 3 || sum.DeletedValues != 1 {
		t.Errorf("%+v", sum)
	}
	mustApply(t, h, mustParse(t, mustWrite(t, undo, UTF16)))
	if err := h.Validate(); err != nil {
		t.Error(err)
	}
	report(t, differences(before, contentsOfHive(t, h)))
	checkNamed(t, lost, kept, besideValues(t, h))
}

// beside is what a key has beside its values.
type beside struct{ class, security, above string }

// besideValues gives that of all keys, by their path in capitals.
func besideValues(t *testing.T, h *hive.Hive) map[string]beside {
	t.Helper()
	keys := map[string]beside{}
	err := walk(mustKey(t, h, ""), `HKLM\SYSTEM`, func(k *hive.Key, path string) (bool, error) {
		class, err := k.Class()
		if err != nil {
			return false, err
		}
		security, err := k.Security()
		path = strings.ToUpper(path)
		keys[path] = beside{class, string(security), path[:strings.LastIndexByte(path, '\\')]}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// checkNamed checks that lost names what did not come back, all of it and nothing else: security at
// the topmost of the keys that share it.
func checkNamed(t *testing.T, lost []string, before, after map[string]beside) {
	t.Helper()
	want := map[string]bool{}
	for path, old := range before {
		if old.class != after[path].class {
			want[fmt.Sprintf("KEY %q: ITS CLASS", path)] = true
		}
		if old.security != after[path].security && old.security != before[old.above].security {
			want[fmt.Sprintf("KEY %q: ITS SECURITY", path)] = true
		}
	}
	if len(lost) != len(want) || len(want) < 50 {
		t.Errorf("lost names %d things, want %d", len(lost), len(want))
	}
	for _, line := range lost {
		words := strings.Fields(strings.ToUpper(line[strings.LastIndex(line, `": `):]))
		name := line[:strings.LastIndex(line, `": `)]
		if key := strings.ToUpper(name) + `": ITS ` + strings.Trim(words[2], ","); !want[key] {
			t.Errorf("lost names %s", line)
		}
	}
}
