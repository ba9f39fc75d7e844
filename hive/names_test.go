package hive

import "testing"

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
