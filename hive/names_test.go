package hive

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestUpcase pins the table, which is also that of NTFS: $UpCase of Windows 10 18348 and 20H1. A newer
// Go with newer Unicode data may need more ranges in laterCapitals.
func TestUpcase(t *testing.T) {
	t.Parallel()
	const want = "41c26bc7a12bdaeb26025c93118697c7e3ef81ee048b00fe5cce2a472e0e0742"
	units := make([]uint16, 1<<16)
	for u := range units {
		units[u] = upcase(uint16(u))
	}
	if sum := sha256.Sum256(bytesOf(units)); hex.EncodeToString(sum[:]) != want {
		t.Errorf("sha256 %x, want %s", sum, want)
	}
}

func TestEqualNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{"Start", "sTART", true},
		{"", "", true},
		{"a", "ab", false},
		{"ſtart", "Start", false}, // strings.EqualFold has them equal
		{"µ", "Μ", false},
		{"ÿ", "Ÿ", true},
		{"straße", "STRASSE", false},
		{"ａ", "Ａ", true},
		{"𐐨", "𐐀", false}, // beyond 16 bits there is no case
		{"x\xED\xA0\x80", "X\xED\xA0\x80", true},
		{"\xED\xA0\x80", "\xED\xA0\x81", false},
	} {
		if got := EqualNames(c.a, c.b); got != c.equal {
			t.Errorf("%q and %q: equal %v", c.a, c.b, got)
		}
		if x, y := FoldName(c.a), FoldName(c.b); (x == y) != c.equal {
			t.Errorf("%q and %q fold to %q and %q", c.a, c.b, x, y)
		}
	}
	if got, want := FoldName("sTart ſ ä\xED\xA0\x80"), "START ſ Ä\xED\xA0\x80"; got != want {
		t.Errorf("folded to %q, want %q", got, want)
	}
}
