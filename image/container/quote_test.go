package container

import (
	"runtime"
	"testing"
)

// TestQuote: names are quoted for the shells of the system that they are pasted on.
func TestQuote(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ word, posix, windows string }{
		{"a/b-1.img", "a/b-1.img", "a/b-1.img"},
		{`C:\a`, `'C:\a'`, `C:\a`},
		{"a b", "'a b'", `"a b"`},
		{`a b\`, `'a b\'`, `"a b\\"`},
		{"a'b", `'a'\''b'`, `"a'b"`},
		{"a,b", "a,b", `"a,b"`},
		{"a&b", "'a&b'", `"a&b"`},
		{"$(a)", "'$(a)'", "TARGET"},
		{"", "''", `""`},
	} {
		if posix, windows := quotePOSIX(tt.word), quoteWindows(tt.word); posix != tt.posix || windows != tt.windows {
			t.Errorf("%q: %s and %s, want %s and %s", tt.word, posix, windows, tt.posix, tt.windows)
		}
	}
}

// TestQuoteHere: a way round is quoted for the system that it is read on.
func TestQuoteHere(t *testing.T) {
	t.Parallel()
	want := map[bool]string{false: `make 'C:\a b' anew`, true: `make "C:\a b" anew`}[runtime.GOOS == "windows"]
	e := RefusedError{Path: `C:\a b`, Remedy: "make %s anew"}
	if got := e.Hint(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
