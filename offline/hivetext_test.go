package offline

import (
	"testing"

	"hangkit/collect"
)

// TestOneEscape: a name of the disk looks the same alone and in what package collect
// tells of it.
func TestOneEscape(t *testing.T) {
	t.Parallel()
	for _, r := range "\x00\n\x1b\x7f\u0085\u00a0\u202e\ufeff\U000e0001" {
		if got, want := collect.Escaped(r), printable(string(r)); got != want {
			t.Errorf("%q: %s and %s", r, got, want)
		}
	}
}
