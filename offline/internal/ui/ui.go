// Package ui is the one place where hangkit talks to people.
//
// Standard output carries the result and nothing else; everything said along
// the way goes to standard error. With --json the result is one document with a
// schema name, and an error is a document too.
package ui

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"hangkit/collect/safejson"
)

// Mode is how the user wants to be talked to.
type Mode struct {
	Quiet   bool // no talk, only the result
	Verbose bool
	JSON    bool // the result is one JSON document
}

// UI is the program's conversation: a result, some talk, a question.
type UI struct {
	Mode

	in    io.Reader
	out   *errWriter
	err   io.Writer
	pages *pager // nil where the result is not shown page by page
}

// errWriter remembers the first failed write: a full disk behind a redirected
// standard output must not end in status 0.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.w.Write(p)
	e.err = err
	return n, err
}

// New returns a conversation over the three standard streams.
func New(in io.Reader, out, errOut io.Writer) *UI {
	u := &UI{in: in, out: &errWriter{w: out}, err: errOut, pages: newPager(in, out)}
	if u.pages != nil {
		u.out.w = u.pages
	}
	return u
}

// OnInterrupt says what Ctrl-C does while the terminal waits for a page to be turned.
func (u *UI) OnInterrupt(stop func()) {
	if u.pages != nil {
		u.pages.interrupt = stop
	}
}

// Out is where the result goes.
func (u *UI) Out() io.Writer { return u.out }

// Terminal is where the result goes, for a command that turns its own pages.
func (u *UI) Terminal() io.Writer {
	if u.pages != nil {
		return u.pages.out
	}
	return u.out.w
}

// Err is where the talk goes.
func (u *UI) Err() io.Writer { return u.err }

// In is what the user feeds the program.
func (u *UI) In() io.Reader { return u.in }

// OutIsTerminal tells whether a person's terminal would get the result.
func (u *UI) OutIsTerminal() bool { return u.pages != nil || isTerminal(u.out.w) }

// OutputError is the first error met while writing the result.
func (u *UI) OutputError() error {
	if u.out.err == nil {
		return nil
	}
	return fmt.Errorf("writing the result: %w", u.out.err)
}

// Printf writes a part of the result.
func (u *UI) Printf(format string, args ...any) { fmt.Fprintf(u.out, format, args...) }

// Notef writes a note of the result. Whoever wanted to see no more of a long plan sees it all
// the same: the question that follows is about it too.
func (u *UI) Notef(format string, args ...any) {
	defer u.pages.insist()()
	u.Printf("note: "+format+"\n", args...)
}

// Talkf says something beside the result, unless asked to be quiet.
func (u *UI) Talkf(format string, args ...any) {
	if !u.Quiet && !u.JSON {
		fmt.Fprintf(u.err, format, args...)
	}
}

// Verbosef says something only the curious want to know.
func (u *UI) Verbosef(format string, args ...any) {
	if u.Verbose {
		u.Talkf(format, args...)
	}
}

// Warnf says something the user must not miss, even when quiet.
func (u *UI) Warnf(format string, args ...any) {
	if !u.JSON {
		fmt.Fprintf(u.err, "warning: "+format, args...)
	}
}

// Document writes v as the one JSON document of the command.
func (u *UI) Document(v any) error {
	if err := encode(u.out, v, "  "); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// encode writes v as JSON that a terminal can show, too: names in it come from disks.
func encode(w io.Writer, v any, indent string) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", indent)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(safejson.Escape(text.Bytes()))
	return err
}

// ErrNotAsked means that a question had nobody to answer it.
var ErrNotAsked = errors.New("no terminal to ask on")

// ErrDeclined means that the user answered no.
var ErrDeclined = errors.New("not confirmed")

// Confirm asks a yes-or-no question on the terminal; no is the default. Without
// a terminal on both ends it is ErrNotAsked: nothing is interactive in a script.
func (u *UI) Confirm(ctx context.Context, question string) error {
	if !isTerminal(u.in) || !isTerminal(u.err) || u.JSON {
		return ErrNotAsked
	}
	if err := u.DropTyped(); err != nil {
		return err
	}
	return u.ask(ctx, question)
}

// DropTyped forgets what was typed before anybody was asked: an answer that came early, or with
// pasted text, would agree to what nobody has read yet. Only a terminal holds such a thing.
func (u *UI) DropTyped() error {
	f, ok := u.in.(*os.File)
	if !ok || !isTerminal(f) {
		return nil
	}
	if err := dropTyped(int(f.Fd())); err != nil {
		return fmt.Errorf("forgetting what was typed before the question: %w", err)
	}
	return nil
}

// ask waits for the answer or for the user to interrupt, whichever comes first.
func (u *UI) ask(ctx context.Context, question string) error {
	defer u.pages.again()
	fmt.Fprintf(u.err, "%s [y/N] ", question)
	answer := make(chan error, 1)
	go func() { answer <- u.readAnswer() }()
	select {
	case err := <-answer:
		if errors.Is(err, errEnd) {
			return cmp.Or(interrupted(ctx), ErrDeclined)
		}
		return err
	case <-ctx.Done():
		fmt.Fprintln(u.err)
		return ctx.Err()
	}
}

// errEnd means that the input ended where an answer was to come.
var errEnd = errors.New("end of input")

// interruptDelay is what the news of Ctrl-C may need.
const interruptDelay = 200 * time.Millisecond

// interrupted tells why the input ended: on Windows Ctrl-C ends what a console is read for,
// and is itself heard of a moment later, in a thread of its own.
func interrupted(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(interruptDelay):
		return nil
	}
}

func (u *UI) readAnswer() error {
	line, err := bufio.NewReader(u.in).ReadString('\n')
	if line == "" && errors.Is(err, io.EOF) {
		return errEnd
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return ErrDeclined
}

// terminal is what the user types on, if there is one on both ends.
func (u *UI) terminal() (fd int, ok bool) {
	in, ok := u.in.(*os.File)
	if !ok || !isTerminal(in) || !isTerminal(u.err) || u.JSON {
		return 0, false
	}
	return int(in.Fd()), true
}

// Secrets asks for lines that are not shown while they are typed.
type Secrets struct {
	ui   *UI
	show func()
}

// Secrets hides what is typed, before the first question and between two of them too, until
// it is closed or the user interrupts. Without a terminal on both ends it is ErrNotAsked.
func (u *UI) Secrets(ctx context.Context) (*Secrets, error) {
	fd, ok := u.terminal()
	if !ok {
		return nil, ErrNotAsked
	}
	before, err := term.GetState(fd)
	if err == nil {
		err = echoOff(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("hiding what is typed: %w", err)
	}
	restore := sync.OnceFunc(func() { _ = term.Restore(fd, before) }) // a terminal that is gone shows nothing
	stop := context.AfterFunc(ctx, restore)
	return &Secrets{u, func() { stop(); restore() }}, nil
}

// Close shows again what is typed.
func (s *Secrets) Close() { s.show() }

// Ask asks for a line, which is empty at the end of the input.
func (s *Secrets) Ask(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(s.ui.err, prompt)
	defer fmt.Fprintln(s.ui.err)
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := readLine(s.ui.in)
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		defer clear(l.text)
		if len(l.text) == 0 && l.err == nil { // Enter alone, or the end of the input
			return "", interrupted(ctx)
		}
		return string(l.text), l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// maxLine is far more than anybody types.
const maxLine = 4096

// readLine reads to the end of the line, and nothing of the next one.
func readLine(r io.Reader) ([]byte, error) {
	text := make([]byte, 0, maxLine) // grown, it would leave copies behind
	for len(text) < maxLine {
		n, err := r.Read(text[len(text) : len(text)+1])
		text = text[:len(text)+n]
		if bytes.HasSuffix(text, []byte("\n")) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
	}
	return bytes.TrimRight(text, "\r\n"), nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
