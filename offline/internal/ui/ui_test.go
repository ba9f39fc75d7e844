package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"unicode"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	tests := map[string]error{
		"y\n": nil, "YES\n": nil, "\tyes\n": nil, "y": nil,
		"n\n": ErrDeclined, "\n": ErrDeclined, "": ErrDeclined, "yessir\n": ErrDeclined,
	}
	for answer, want := range tests {
		u := New(strings.NewReader(answer), io.Discard, io.Discard)
		if err := u.ask(t.Context(), "sure?"); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%q: %v, want %v", answer, err, want)
		}
	}
}

// TestAskInterrupted: an interrupt ends the question, though nobody answers.
func TestAskInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	silent, _ := io.Pipe()
	if err := New(silent, io.Discard, io.Discard).ask(ctx, "sure?"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

func TestConfirmNeedsATerminal(t *testing.T) {
	t.Parallel()
	u := New(strings.NewReader("y\n"), io.Discard, io.Discard)
	if err := u.Confirm(t.Context(), "sure?"); !errors.Is(err, ErrNotAsked) {
		t.Errorf("%v, want %v", err, ErrNotAsked)
	}
}

// TestExplain: the outermost word wins, and what no rule knows is a failure.
func TestExplain(t *testing.T) {
	t.Parallel()
	special := errors.New("special")
	rules := []Rule{{Is: special, Status: Refused, Hints: []string{"way out"}}}
	tests := map[string]struct {
		err    error
		status Status
		hints  int
		effect Effect
	}{
		"unknown":        {errors.New("x"), Failed, 0, NoEffect},
		"rule":           {fmt.Errorf("doing it: %w", special), Refused, 1, NoEffect},
		"effect on rule": {WithEffect(special, Unchanged), Refused, 1, Unchanged},
		"given status":   {Fail(Damaged, special, "a", "b"), Damaged, 2, NoEffect},
		"nested":         {WithEffect(fmt.Errorf("outer: %w", Fail(NotFound, special)), Unchanged), NotFound, 1, Unchanged},
		"common rule":    {fmt.Errorf("x: %w", fs.ErrNotExist), NotFound, 0, NoEffect},
		"cancelled":      {context.Canceled, Interrupted, 0, NoEffect},
		"its own hint":   {fmt.Errorf("opening: %w", helpful{}), Failed, 1, NoEffect},
		"inner effect":   {WithEffect(WithEffect(special, MayChanged), Unchanged), Refused, 1, MayChanged},
	}
	for name, tt := range tests {
		got := Explain(tt.err, rules)
		if got.Status != tt.status || len(got.Hints) != tt.hints || got.Effect != tt.effect {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// helpful is an error that knows the way out.
type helpful struct{}

func (helpful) Error() string { return "in use" }
func (helpful) Hint() string  { return "unmount it" }

func TestReport(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	u := New(nil, io.Discard, &errOut)
	status := u.Report(WithEffect(Fail(Refused, errors.New("mounted"), "unmount it"), Unchanged), nil)
	want := "hangkit: error: mounted\n  hint: unmount it\n  nothing was changed\n"
	if status != Refused || errOut.String() != want {
		t.Errorf("status %d, said %q, want %q", status, &errOut, want)
	}
}

// TestReportHarmless: a name from a disk does not steer the terminal.
func TestReportHarmless(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	New(nil, io.Discard, &errOut).Report(Fail(Failed, errors.New("copy a\x1b[2J\u202egpj.log:\n\tgrün \xff"), "try \x07 again"), nil)
	want := "hangkit: error: copy a\ufffd[2J\ufffdgpj.log:\n\tgrün \ufffd\n  hint: try \ufffd again\n"
	if errOut.String() != want {
		t.Errorf("said %q, want %q", &errOut, want)
	}
}

// TestHarmlessJSON: names from a disk do not steer the terminal in JSON either, and stay
// what they are.
func TestHarmlessJSON(t *testing.T) {
	t.Parallel()
	const hostile = "a<b>\x1b[2J\x7f\u0085\u009b2J\u202egpj.log grün 日本"
	var out, errOut bytes.Buffer
	u := New(nil, &out, &errOut)
	u.JSON = true
	u.Report(Fail(Failed, errors.New(hostile), hostile), nil)
	if err := u.Document(map[string]string{"error": hostile}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"document": out.Bytes(), "error": errOut.Bytes()} {
		if i := bytes.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: %q", name, text)
		}
		var back struct{ Error string }
		if err := json.Unmarshal(text, &back); err != nil || back.Error != hostile {
			t.Errorf("%s: %q (%v)", name, back.Error, err)
		}
		if !bytes.Contains(text, []byte("a<b>")) || !bytes.Contains(text, []byte("grün 日本")) || text[len(text)-1] != '\n' {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// TestReportInterrupted: an interrupt needs no words about where, unless something was
// written by then.
func TestReportInterrupted(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("all is written; checking: %w", context.Canceled)
	tests := map[Effect]string{
		NoEffect:   "hangkit: error: interrupted\n",
		Unchanged:  "hangkit: error: interrupted\n  nothing was changed\n",
		MayChanged: "hangkit: error: interrupted: all is written; checking: context canceled\n  the change was begun and may be incomplete\n",
	}
	for effect, want := range tests {
		var errOut bytes.Buffer
		if status := New(nil, io.Discard, &errOut).Report(WithEffect(err, effect), nil); status != Interrupted || errOut.String() != want {
			t.Errorf("%q: status %d, said %q", effect, status, &errOut)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// TestFullOutput: a result that could not be written is an error.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	u := New(nil, full{}, io.Discard)
	u.Printf("result\n")
	if u.OutputError() == nil {
		t.Error("the failed write was forgotten")
	}
}

func TestFormatSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB", 5 << 50: "5120.0 TiB"} {
		if got := FormatSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
