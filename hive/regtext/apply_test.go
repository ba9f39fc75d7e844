package regtext

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
)

// dump is all a hive holds: one line per key and per value, values sorted, for comparison.
func dump(tb testing.TB, h *hive.Hive) string {
	tb.Helper()
	var s strings.Builder
	err := walk(mustKey(tb, h, ""), "", func(k *hive.Key, path string) (bool, error) {
		fmt.Fprintf(&s, "[%s]\n", path)
		var values []string
		for v, err := range k.Values() {
			if err != nil {
				return false, err
			}
			values = append(values, fmt.Sprintf("%q %d %x\n", v.Name, uint32(v.Type), v.Data))
		}
		slices.Sort(values)
		s.WriteString(strings.Join(values, ""))
		return true, nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s.String()
}

// newHive is a hive made of a text whose keys stand below HKLM\SYSTEM.
func newHive(tb testing.TB, text string) *hive.Hive {
	tb.Helper()
	h := hive.New(hive.NewOptions{})
	mustApply(tb, h, mustParse(tb, text))
	return h
}

const base = headerUnicode + `
[HKLM\SYSTEM\a]
@="default"
"Number"=dword:1
"Text"="x"
[HKLM\SYSTEM\a\b\c]
"v"=hex:1,2
[HKLM\SYSTEM\a\b2]
[HKLM\SYSTEM\text/plain]
"v"="slash"
`

func TestApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       Summary
	}{
		{"nothing", "", Summary{}},
		{"the same", "[hklm\\System\\A]\n\"NUMBER\"=dword:1\n@=\"default\"\n[HKEY_LOCAL_MACHINE\\SYSTEM\\text/plain]\n\"v\"=\"slash\"", Summary{Unchanged: 3}},
		{"keys above are created", "[HKLM\\SYSTEM\\x\\y\\z]\n\"v\"=-", Summary{Keys: 3, Unchanged: 1}},
		{"values", "[HKLM\\SYSTEM\\a]\n\"number\"=dword:2\n\"new\"=\"y\"\n\"Text\"=hex:0", Summary{Values: 3}},
		{"deletions", "[HKLM\\SYSTEM\\a]\n\"Number\"=-\n\"none\"=-\n[-HKLM\\SYSTEM\\a\\B]\n[-HKLM\\SYSTEM\\none]", Summary{DeletedValues: 1, DeletedKeys: 2, Unchanged: 2}},
		{"in order", "[-HKLM\\SYSTEM\\a]\n[HKLM\\SYSTEM\\a]\n\"v\"=\"1\"\n\"v\"=\"2\"\n\"v\"=-", Summary{DeletedKeys: 4, Keys: 1, Values: 2, DeletedValues: 1}},
		{"the root", "[HKLM\\SYSTEM]\n\"v\"=\"1\"", Summary{Values: 1}},
		{"backslashes at the end", "[HKLM\\SYSTEM\\a\\\\]\n\"Number\"=-", Summary{DeletedValues: 1}},
		{"slashes are part of names", "[HKLM\\SYSTEM\\a/b]\n[HKLM\\SYSTEM\\a/b\\c/d]", Summary{Keys: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHive(t, base)
			if got := mustApply(t, h, mustParse(t, headerUnicode+"\n"+c.text)); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if err := h.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestApplyResult(t *testing.T) {
	t.Parallel()
	h := newHive(t, base)
	mustApply(t, h, mustParse(t, headerUnicode+`
[-HKLM\SYSTEM\a\b]
[HKLM\SYSTEM\a\b\d]
"w"=hex(b):1,0,0,0,0,0,0,0
[HKLM\SYSTEM\a]
@=-
"text"="y"
`))
	const want = `[]
[\a]
"Number" 4 01000000
"Text" 1 79000000
[\a\b]
[\a\b\d]
"w" 11 0100000000000000
[\a\b2]
[\text/plain]
"v" 1 73006c006100730068000000
`
	if got := dump(t, h); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What is as wanted is not written, so that a link's own text can be applied to it too.
func TestApplyErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want error
		line string
	}{
		{"\n[HKLM\\SOFTWARE\\x]", ErrForeignKey, "line 3: "},
		{"\n[HKLM\\SYSTEM2]", ErrForeignKey, "line 3: "},
		{"[ HKLM\\SYSTEM]", ErrForeignKey, "line 2: "},
		{"[HKLM]", ErrForeignKey, "line 2: "},
		{"[-HKLM\\SYSTEM]", hive.ErrUnsupported, "line 2: "},
		{"[HKLM\\SYSTEM\\a]\n\"v\"=\"1\"\n\"" + strings.Repeat("n", 20000) + "\"=\"1\"", hive.ErrUnsupported, "line 4: "},
	} {
		f := mustParse(t, headerUnicode+"\n"+c.text)
		_, err := f.Apply(t.Context(), newHive(t, base), Below(system))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.line) {
			t.Errorf("%.60q: %v, want %s%v", c.text, err, c.line, c.want)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ place, path, want string }{
		{system, `HKEY_LOCAL_MACHINE\SYSTEM`, ``},
		{system, `hklm\system\Select`, `\Select`},
		{`HKLM\SYSTEM`, `HKEY_LOCAL_MACHINE\System\a/b`, `\a/b`},
		{`HKU\S-1-5-18`, `HKEY_USERS\s-1-5-18\x`, `\x`},
		{`HKCU`, `HKEY_CURRENT_USER\x`, `\x`},
	} {
		if got, err := Below(c.place)(c.path); got != c.want || err != nil {
			t.Errorf("%s below %s: %q, %v; want %q", c.path, c.place, got, err, c.want)
		}
	}
}

func TestInverse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"nothing to do", "[HKLM\\SYSTEM\\a]\n\"number\"=dword:1\n\"none\"=-\n[-HKLM\\SYSTEM\\none]", ""},
		{"values", "[HKLM\\SYSTEM\\A]\n\"number\"=dword:2\n\"NUMBER\"=-\n\"new\"=\"1\"\n\"NEW\"=\"2\"\n@=-",
			"HKLM\\SYSTEM\\A\n\"Number\" 4 01000000\n\"new\" -\n\"NEW\" -\n\"\" 1 640065006600610075006c0074000000\n"},
		{"new keys", "[HKLM\\SYSTEM\\a\\x\\y]\n\"v\"=\"1\"\n[HKLM\\SYSTEM\\a\\x]\n[HKLM\\SYSTEM\\n/]", "-HKLM\\SYSTEM\\a\\x\n-HKLM\\SYSTEM\\n/\n"},
		{"new keys deleted again", "[HKLM\\SYSTEM\\x]\n[-HKLM\\SYSTEM\\x]", "-HKLM\\SYSTEM\\x\n"},
		{"deleted keys", "[HKLM\\SYSTEM\\a\\b\\c]\n\"v\"=\"1\"\n[-HKLM\\SYSTEM\\a\\b\\c]\n[-HKLM\\SYSTEM\\a\\b]\n[HKLM\\SYSTEM\\a\\b\\d]\n[-HKLM\\SYSTEM\\A\\B]",
			"-HKLM\\SYSTEM\\a\\b\nHKLM\\SYSTEM\\a\\b\nHKLM\\SYSTEM\\a\\b\\c\n\"v\" 3 0102\n"},
		{"slashes", "[-HKLM\\SYSTEM\\text/plain]", "-HKLM\\SYSTEM\\text/plain\nHKLM\\SYSTEM\\text/plain\n\"v\" 1 73006c006100730068000000\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHive(t, base)
			before := dump(t, h)
			f := mustParse(t, headerUnicode+"\n"+c.text)
			undo, lost, err := f.Inverse(t.Context(), h, Below(system))
			if err != nil || len(lost) > 0 {
				t.Fatal(lost, err)
			}
			if dump(t, h) != before {
				t.Error("Inverse changed the hive")
			}
			if got := show(undo); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			mustApply(t, h, f)
			mustApply(t, h, undo)
			if got := dump(t, h); got != before {
				t.Errorf("after undo\n%s\nwant\n%s", got, before)
			}
		})
	}
}

// Random texts over a small hive: many of them meet the same keys and values again, in other cases
// and orders. The inverse goes through its own text on the way.
func TestInverseRandom(t *testing.T) {
	t.Parallel()
	rounds := uint64(300)
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHive(t, mustWrite(t, randomText(r, false), UTF8))
		before := dump(t, h)
		f := randomText(r, true)
		undo, lost, err := f.Inverse(t.Context(), h, Below(system))
		if err != nil || len(lost) > 0 {
			t.Fatalf("seed %d: %q, %v", seed, lost, err)
		}
		sum := mustApply(t, h, f)
		if err := h.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		mustApply(t, h, mustParse(t, mustWrite(t, undo, Encoding(seed%2))))
		if got := dump(t, h); got != before {
			t.Fatalf("seed %d, %+v:\n%s\nundo\n%s\ngives\n%s\nwant\n%s", seed, sum, show(f), show(undo), got, before)
		}
	}
}

// randomText is a text of a few keys out of few names.
func randomText(r *rand.Rand, deletions bool) *File {
	part := []string{"a", "b", "A", "c/d", "ж", "Ж", "\xed\xa0\x80", `x"]`}
	value := []string{"", "a", "A", "b\r\nc", "ö", "Ö", `\"`, "😀"}
	f := &File{}
	for range 1 + r.IntN(12) {
		k := Key{Path: system, Delete: deletions && r.IntN(4) == 0}
		for range 1 + r.IntN(4) {
			k.Path += `\` + part[r.IntN(len(part))]
		}
		for range r.IntN(5) {
			if k.Delete {
				break
			}
			v := Value{Name: value[r.IntN(len(value))], Delete: deletions && r.IntN(3) == 0, Type: hive.Type(r.IntN(13)), Data: count(r.IntN(12))}
			if r.IntN(3) == 0 {
				v.Type, v.Data = hive.SZ, hive.EncodeSZ(value[r.IntN(len(value))])
			}
			if v.Delete {
				v.Type, v.Data = 0, nil
			}
			k.Values = append(k.Values, v)
		}
		f.Keys = append(f.Keys, k)
	}
	return f
}

// What no text can put back is named.
func TestInverseLost(t *testing.T) {
	t.Parallel()
	h := newHive(t, base)
	if err := h.SetClass(`a\b`, "class"); err != nil {
		t.Fatal(err)
	}
	_, lost, err := mustParse(t, headerUnicode+"\n[-HKLM\\SYSTEM\\a]").Inverse(t.Context(), h, Below(system))
	if want := []string{`key "HKLM\\SYSTEM\\a\\b": its class name "class"`}; err != nil || !slices.Equal(lost, want) {
		t.Errorf("%q, %v; want %q", lost, err, want)
	}
}

// A Resolve that does not keep keys below keys cannot be turned back.
func TestInverseOddResolve(t *testing.T) {
	t.Parallel()
	odd := func(path string) (string, error) { return fmt.Sprintf(`x\%d`, len(path)), nil }
	_, _, err := mustParse(t, headerUnicode+"\n[HKLM\\SYSTEM\\a\\b]").Inverse(t.Context(), newHive(t, base), odd)
	if !errors.Is(err, ErrForeignKey) {
		t.Error(err)
	}
}

func TestLongRoot(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		`HKLM\SYSTEM\Select`: `HKEY_LOCAL_MACHINE\SYSTEM\Select`, `hkcu`: `HKEY_CURRENT_USER`, `HKU\`: `HKEY_USERS\`,
		`HKLMX\a`: `HKLMX\a`, `a\HKLM`: `a\HKLM`, ``: ``,
	} {
		if got := LongRoot(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// An interrupt ends a long text between two of its values.
func TestApplyInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, f := newHive(t, base), mustParse(t, headerUnicode+"\n[HKLM\\SYSTEM]\n\"interrupted\"=dword:5")
	if _, _, err := f.Inverse(ctx, h, Below(system)); !errors.Is(err, context.Canceled) {
		t.Errorf("inverse: %v", err)
	}
	if _, err := f.Apply(ctx, h, Below(system)); !errors.Is(err, context.Canceled) {
		t.Errorf("apply: %v", err)
	}
	if _, err := mustKey(t, h, "").Value("interrupted"); !errors.Is(err, hive.ErrNotExist) {
		t.Errorf("the value was set: %v", err)
	}
}
