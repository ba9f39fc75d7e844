package collect_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"hangkit/collect"
)

func TestSafeName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 300)
	for in, want := range map[string]string{
		"MEMORY.DMP":             "MEMORY.DMP",
		"":                       "dump",
		".":                      "dump",
		"..":                     "dump",
		"...":                    "dump",
		"a/b":                    "a_b",
		`..\..\a`:                "_.._a",
		"a:b":                    "a_b",
		"a\x00b\nc\x7f":          "a_b_c_",
		"trailing. . ":           "trailing",
		".hidden":                "hidden",
		"CON":                    "_CON",
		"con.dmp":                "_con.dmp",
		"NUL .txt":               "_NUL .txt",
		"COM1.dmp":               "_COM1.dmp",
		"lpt¹":                   "_lpt¹",
		"COM10.dmp":              "COM10.dmp",
		"COMx.dmp":               "COMx.dmp",
		"console.dmp":            "console.dmp",
		"AUX.tar.gz":             "_AUX.tar.gz",
		"a\u202Epmd.exe":         "a_pmd.exe",
		"bad\xff\xfeutf8":        "bad_utf8",
		"Speicher ä.dmp":         "Speicher ä.dmp",
		`<>:"/\|?*`:              "_________",
		long + ".dmp":            strings.Repeat("ü", 98) + ".dmp",
		strings.Repeat("x", 500): strings.Repeat("x", 200),
	} {
		if got := collect.SafeName(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"MEMORY.DMP", "../x", "con", "a\u202eb", "..", "COM¹.x", "\xff", strings.Repeat("é", 150)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := collect.SafeName(s)
		switch {
		case got == "" || got == "." || got == "..", !utf8.ValidString(got), len(got) > 210,
			strings.ContainsAny(got, "/\\:\x00"), strings.HasSuffix(got, "."), strings.HasSuffix(got, " "),
			strings.HasPrefix(got, "."), !filepath.IsLocal(got), filepath.Base(got) != got:
			t.Fatalf("%q became %q", s, got)
		case collect.SafeName(got) != got:
			t.Fatalf("%q became %q, then %q", s, got, collect.SafeName(got))
		}
	})
}
