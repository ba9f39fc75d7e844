package collect_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

func TestSafeName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 300)
	for in, want := range map[string]string{
		"MEMORY.DMP":                "MEMORY.DMP",
		"":                          "dump",
		".":                         "dump",
		"..":                        "dump",
		"...":                       "dump",
		"a/b":                       "a_b",
		`..\..\a`:                   "_.._a",
		"a:b":                       "a_b",
		"a\x00b\nc\x7f":             "a_b_c_",
		"trailing. . ":              "trailing",
		".hidden":                   "hidden",
		"CON":                       "_CON",
		"con.dmp":                   "_con.dmp",
		"NUL .txt":                  "_NUL .txt",
		"COM1.dmp":                  "_COM1.dmp",
		"lpt¹":                      "_lpt¹",
		"COM10.dmp":                 "COM10.dmp",
		"COMx.dmp":                  "COMx.dmp",
		"console.dmp":               "console.dmp",
		"AUX.tar.gz":                "_AUX.tar.gz",
		"a\u202Epmd.exe":            "a_pmd.exe",
		"bad\xff\xfeutf8":           "bad_utf8",
		"Speicher ä.dmp":            "Speicher ä.dmp",
		`<>:"/\|?*`:                 "_________",
		"$(touch pwn)-`id`.dmp":     "_(touch pwn)-_id_.dmp",
		`%PATH%!x!;a&b'c^d`:         "_PATH__x__a_b_c_d",
		"a+b=c@d(e)[f]{g}#h~i,j":    "a+b=c@d(e)[f]{g}#h~i,j",
		"no\u00A0break\u2028\u00AD": "no_break__",
		"blank\u3164\uFE0F\u034F":   "blank___",
		"क्षमा.dmp":                 "क्षमा.dmp",
		"CON." + long:               "_CON." + strings.Repeat("ü", 97),
		long + ".dmp":               strings.Repeat("ü", 98) + ".dmp",
		strings.Repeat("x", 500):    strings.Repeat("x", 200),
	} {
		if got := collect.SafeName(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"MEMORY.DMP", "../x", "con", "a\u202eb", "..", "COM¹.x", "\xff", strings.Repeat("é", 150), "$(touch pwn)`id`%PATH%!x", "con." + strings.Repeat("x", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := collect.SafeName(s)
		switch {
		case got == "" || got == "." || got == "..", !utf8.ValidString(got), len(got) > 200,
			strings.ContainsAny(got, "$`%!;&'\"|<>^*?:/\\"), strings.ContainsFunc(got, notPlain), strings.HasSuffix(got, "."), strings.HasSuffix(got, " "),
			strings.HasPrefix(got, "."), !filepath.IsLocal(got), filepath.Base(got) != got:
			t.Fatalf("%q became %q", s, got)
		case collect.SafeName(got) != got:
			t.Fatalf("%q became %q, then %q", s, got, collect.SafeName(got))
		}
	})
}

// notPlain reports controls, formats such as those that turn text around, and spaces
// that are none.
func notPlain(r rune) bool {
	return r != ' ' && unicode.In(r, unicode.C, unicode.Z, unicode.Variation_Selector)
}

// TestLongNames: of a long name the time, the stop code and the form stay, in the
// journal too.
func TestLongNames(t *testing.T) {
	t.Parallel()
	for _, stem := range []string{strings.Repeat("x", 251), strings.Repeat("ü", 125), "a." + strings.Repeat("b", 249), "CON." + strings.Repeat("é0", 80)} {
		b := build(t, dumptest.Spec{})
		c := findOne(t, windows(files(map[string][]byte{"Windows/Minidump/" + stem + ".dmp": b[:len(b)-1]})))
		o := collect.Options{Dir: t.TempDir(), Recipients: recipient(t, identity(t)), PartSize: 1 << 20, Journal: true, Resume: true}
		first, err := collect.Extract(t.Context(), c, o)
		if err != nil {
			t.Fatal(err)
		}
		name, found := strings.CutSuffix(first.Name, "-20260304T050607Z-0xE2.partial.dmp.age.parts")
		if !found || len(name) < 150 || !utf8.ValidString(name) || len(first.Name+"-9999.map") > 255 {
			t.Errorf("%q became %q", stem, first.Name)
		}
		again, err := collect.Extract(t.Context(), c, o)
		if err != nil || again.Name != first.Name {
			t.Errorf("%q, and again %+v, %v", first.Name, again, err)
		}
		joined, err := collect.Join(t.Context(), first.Path, "", nil)
		if err != nil || joined.Path+".parts" != first.Path {
			t.Errorf("%q joined: %+v, %v", first.Name, joined, err)
		}
	}
}

// TestHostileComputer: the folder's name stands in commands too.
func TestHostileComputer(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 11, 21, 20, 14, 3, 0, time.UTC)
	b, err := collect.NewBundle(t.TempDir(), collect.BundleID{Computer: "$(id)`id`%PATH%!\"'", Begun: begun}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := filepath.Base(b.Dir); got != "hangkit-_(id)_id__PATH____-20261121T201403Z" {
		t.Error(got)
	}
}
