package offline

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hangkit/offline/internal/ui"
)

func TestWrapped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 90)
	for _, tt := range []struct {
		before, text string
		want         []string
	}{
		{"", "", nil},
		{"  ", "", nil},
		{"a ", "b\nc\td", []string{"a b c d"}},
		{"a ", "b\x1b[2Jc", []string{"a b\ufffd[2Jc"}},
		{"a  ", strings.Repeat("y", 77), []string{"a  " + strings.Repeat("y", 77)}},
		{"a ", "b " + strings.Repeat("y", 76), []string{"a b " + strings.Repeat("y", 76)}},
		{"a ", "b " + strings.Repeat("y", 77), []string{"a b", "  " + strings.Repeat("y", 77)}},
		{"a ", long + " b", []string{"a " + long, "  b"}},
		{"", strings.Repeat("ä ", 41), []string{strings.TrimSpace(strings.Repeat("ä ", 40)), "ä"}},
	} {
		if got := wrapped(tt.before, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("wrapped(%q, %q) = %q, want %q", tt.before, tt.text, got, tt.want)
		}
	}
}

// Whatever the text, no word is lost and no line is too wide, but for one word that is.
func FuzzWrapped(f *testing.F) {
	f.Add("", "one two")
	f.Add("  RISK    P04  ", strings.Repeat("long words ", 40))
	f.Fuzz(func(t *testing.T, before, text string) {
		before = strings.Repeat(" ", len(before)%30)
		var words []string
		for _, line := range wrapped(before, text) {
			fields := strings.Fields(line)
			words = append(words, fields...)
			if utf8.RuneCountInString(line) > screenWidth && len(fields) != 1 {
				t.Errorf("%q", line)
			}
		}
		if want := strings.Fields(ui.Harmless(text)); !slices.Equal(words, want) {
			t.Errorf("%q, want %q", words, want)
		}
	})
}
