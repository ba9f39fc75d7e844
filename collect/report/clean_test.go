package report

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain name.sys": "plain name.sys",
		"Übung 漢字 é":     "Übung 漢字 é",
		"a\nb\tc\x00":    `a\u000ab\u0009c\u0000`,
		"\x1b[31m":       `\u001b[31m`,
		"gpj\u202eexe":   `gpj\u202eexe`,
		"\ufeff\u200b":   `\ufeff\u200b`,
		"\xff\ufffd":     `\xff` + "\ufffd",
		"\u2028":         `\u2028`,
		"'":              "'",
		"\U000E0001":     `\udb40\udc01`,
		"\u3164":         `\u3164`,
	} {
		if got := visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestVisibleEnds(t *testing.T) {
	t.Parallel()
	got := visible(strings.Repeat("x", 64<<10))
	if want := strings.Repeat("x", maxText) + "… (65536 bytes in all)"; got != want {
		t.Errorf("%d bytes: %s", len(got), got[len(got)-40:])
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b\u202e\xff")
	f.Add(strings.Repeat("\u202e", 700))
	f.Fuzz(func(t *testing.T, s string) {
		got := visible(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != ' ' && hidden(r) }) {
			t.Errorf("%q: %q", s, got)
		}
		if len(got) > 12*maxText+100 {
			t.Errorf("%d bytes", len(got))
		}
		if strings.ContainsFunc(ascii(got), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: %q", s, ascii(got))
		}
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{-1: "0 bytes", 1: "1 byte", 1023: "1,023 bytes", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 1 << 62: "4.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for _, p := range []struct {
		part, whole uint64
		want        string
	}{{0, 0, "0 %"}, {1, 3, "33.3 %"}, {1, 100000, "under 0.1 %"}, {99999, 100000, "over 99.9 %"}, {5, 5, "100 %"}} {
		if got := percent(p.part, p.whole); got != p.want {
			t.Errorf("%d of %d: %s, want %s", p.part, p.whole, got, p.want)
		}
	}
}
