package ui

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// turned shows lines on a terminal of 4 rows and 10 columns whose keys are pressed in turn.
func turned(t *testing.T, keys string, write func(io.Writer)) (screen string, interrupted bool) {
	t.Helper()
	var out strings.Builder
	p := &pager{out: &out, rows: 4, columns: 10, interrupt: func() { interrupted = true }}
	p.key = func() (byte, error) {
		if keys == "" {
			return 0, io.EOF
		}
		k := keys[0]
		keys = keys[1:]
		return k, nil
	}
	write(p)
	erase := "\r" + strings.Repeat(" ", len(pagePrompt)) + "\r"
	return strings.ReplaceAll(out.String(), pagePrompt+erase, "[more]"), interrupted
}

func lines(n int) func(io.Writer) {
	return func(w io.Writer) {
		for i := range n {
			fmt.Fprintf(w, "%d\n", i+1)
		}
	}
}

func TestPager(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys        string
		write       func(io.Writer)
		want        string
		interrupted bool
	}{
		"a page":         {"", lines(3), "1\n2\n3\n", false},
		"a page more":    {" ", lines(5), "1\n2\n3\n[more]4\n5\n", false},
		"two pages more": {"  ", lines(7), "1\n2\n3\n[more]4\n5\n6\n[more]7\n", false},
		"a line more":    {"\r ", lines(5), "1\n2\n3\n[more]4\n[more]5\n", false},
		"no more":        {"q", lines(9), "1\n2\n3\n[more]-- the rest is not shown --\n", false},
		"interrupted":    {"\x03", lines(9), "1\n2\n3\n[more]", true},
		"no keys":        {"", lines(4), "1\n2\n3\n[more]4\n", false},
		"a long line": {" ", func(w io.Writer) { fmt.Fprint(w, "1\n12345678901234567890\n4\n") },
			"1\n12345678901234567890\n[more]4\n", false},
		"a line that does not fit": {" ", func(w io.Writer) { fmt.Fprint(w, "1\n2\n123456789012345\n") },
			"1\n2\n[more]123456789012345\n", false},
		"words": {"  ", func(w io.Writer) { fmt.Fprint(w, " one two three four\nfive\n") },
			" one two\n three\n four\n[more]five\n", false},
		"no more of a long line": {"q", func(w io.Writer) { fmt.Fprint(w, "1\n2\n one two three four\n5\n") },
			"1\n2\n one two\n[more]-- the rest is not shown --\n", false},
		"a line in pieces": {" ", func(w io.Writer) { fmt.Fprint(w, "1\n2"); fmt.Fprint(w, "2\n3\n4\n") },
			"1\n22\n3\n[more]4\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, interrupted := turned(t, c.keys, c.write)
			if diff := cmp.Diff(c.want, got); diff != "" || interrupted != c.interrupted {
				t.Errorf("interrupted %v (-want +got):\n%s", interrupted, diff)
			}
		})
	}
}

// TestPagerAgain: after a question that was answered the rest is shown, on a new page.
func TestPagerAgain(t *testing.T) {
	t.Parallel()
	got, _ := turned(t, "q", func(w io.Writer) {
		lines(5)(w)
		p, _ := w.(*pager)
		p.again()
		lines(3)(w)
	})
	if want := "1\n2\n3\n[more]-- the rest is not shown --\n1\n2\n3\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var none *pager
	none.again()
}

// TestPagerNote: a note is shown to whoever wanted no more, and not to whoever stopped it all.
func TestPagerNote(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"q":    "1\n2\n3\n[more]-- the rest is not shown --\nnote: 1\n",
		"\x03": "1\n2\n3\n[more]",
		"  ":   "1\n2\n3\n[more]4\nnote: 1\n1\n[more]2\n3\n4\n",
	} {
		got, _ := turned(t, keys, func(w io.Writer) {
			lines(4)(w)
			p, _ := w.(*pager)
			(&UI{out: &errWriter{w: p}, pages: p}).Notef("%d", 1)
			lines(4)(w)
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", keys, diff)
		}
	}
}

// TestScreen: a page is turned where what is to come would push it away, and only there.
func TestScreen(t *testing.T) {
	t.Parallel()
	for more, want := range map[int]string{1: "1\n2\n1\n2\n3\n", 2: "1\n2\n[more]1\n2\n3\n"} {
		got, _ := turned(t, " ", func(w io.Writer) {
			p, _ := w.(*pager)
			s := &Screen{out: p, pages: p}
			lines(2)(s)
			s.Reserve(more)
			lines(3)(s)
		})
		if got != want {
			t.Errorf("%d more: %q, want %q", more, got, want)
		}
	}
	New(nil, io.Discard, io.Discard).Screen().Reserve(99)
}

// TestPagerBroken: a terminal that is gone is an error of the output, not a wait for keys.
func TestPagerBroken(t *testing.T) {
	t.Parallel()
	p := &pager{out: brokenWriter{}, rows: 4, columns: 10}
	if _, err := p.Write([]byte("1\n")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
