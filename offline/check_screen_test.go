package offline

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hangkit/offline/internal/ui"
	"hangkit/offline/windows/sample"
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

// A fix stays on the screen, and a command in it in one line.
func TestFixLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 20)
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"hangkit arm x", []string{"  fix: hangkit arm x"}},
		{"hangkit arm " + long, []string{"  fix: hangkit arm " + long}},
		{"free space, or hangkit arm " + long, []string{"  fix: free space, or", "       hangkit arm " + long}},
		{long, []string{"  fix: " + strings.TrimSpace(strings.Repeat("long ", 14)), "       " + strings.TrimSpace(strings.Repeat("long ", 6))}},
	} {
		if got := fixLines("  fix: ", tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// A name that looks like a flag is no flag in the command that is offered, and steers no terminal.
func TestCheckOddNames(t *testing.T) {
	file := systemFile(t, sample.Windows7(), nil)
	t.Chdir(filepath.Dir(file))
	const odd = "-x\x1b[2J.img"
	if err := os.Rename(file, odd); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	Main([]string{"check", "--", odd}, nil, &out, &errOut)
	if text := out.String(); !strings.Contains(text, "hangkit arm './-x\ufffd[2J.img'") || strings.Contains(text, "\x1b") {
		t.Errorf("prints %q, says %q", text, &errOut)
	}
}
