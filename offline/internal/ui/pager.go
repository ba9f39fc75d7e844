package ui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// PagerVariable is the environment variable that makes what is longer than the terminal
// stop at every page: the console of a rescue stick cannot be scrolled back.
const PagerVariable = "HANGKIT_PAGER"

// A terminal that does not tell its size, as a serial line, is taken for the smallest there is.
const (
	leastRows    = 24
	leastColumns = 80
)

// TerminalSize is the size of a terminal in characters.
func TerminalSize(f *os.File) (rows, columns int) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || rows < 2 || columns < 2 {
		return leastRows, leastColumns
	}
	return rows, columns
}

// pager passes text on, and stops where a page is full.
type pager struct {
	out           io.Writer
	key           func() (byte, error) // waits for the next key
	interrupt     func()
	rows, columns int

	row, column int
	skip        bool // no more is to be shown
	stopped     bool // by Ctrl-C
}

// Screen is the terminal of a dialogue. What is longer than its page stops there; a terminal
// that does not tell its size, as a serial line, is left to scroll.
type Screen struct {
	out   io.Writer
	pages *pager // nil where nothing stops
}

// Screen returns the terminal that a dialogue is held on.
func (u *UI) Screen() *Screen {
	keys, ok := u.in.(*os.File)
	screen, is := u.Terminal().(*os.File)
	if !ok || !is || !isTerminal(keys) {
		return &Screen{out: u.out}
	}
	columns, rows, err := term.GetSize(int(screen.Fd()))
	if err != nil || rows < leastRows || columns < leastColumns {
		return &Screen{out: screen}
	}
	p := &pager{out: screen, key: func() (byte, error) { return readKey(keys) }, interrupt: func() {}, rows: rows, columns: columns}
	return &Screen{out: p, pages: p}
}

func (s *Screen) Write(text []byte) (int, error) { return s.out.Write(text) }

// Again begins a new page: what stands on the last one was read.
func (s *Screen) Again() { s.pages.again() }

// Reserve makes room for so many lines: the page is turned where they would push away what was
// not read yet.
func (s *Screen) Reserve(lines int) {
	if s.pages != nil && s.pages.row+lines >= s.pages.rows {
		s.pages.turn()
	}
	s.Again()
}

// newPager is nil where nobody asked for pages, or nobody could turn them.
func newPager(in io.Reader, out io.Writer) *pager {
	keys, ok := in.(*os.File)
	if os.Getenv(PagerVariable) == "" || !ok || !isTerminal(in) || !isTerminal(out) {
		return nil
	}
	screen, _ := out.(*os.File)
	p := &pager{out: out, key: func() (byte, error) { return readKey(keys) }, interrupt: func() {}}
	p.rows, p.columns = TerminalSize(screen)
	return p
}

// readKey waits for a key, which is neither shown nor obeyed by the terminal.
func readKey(f *os.File) (byte, error) {
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return 0, err
	}
	defer func() { _ = term.Restore(int(f.Fd()), before) }() // a terminal that is gone needs nothing
	var key [1]byte
	_, err = io.ReadFull(f, key[:])
	return key[0], err
}

// Write shows the text page by page.
func (p *pager) Write(text []byte) (int, error) {
	for rest := text; len(rest) > 0 && !p.skip; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		for p.column == 0 && ended {
			first, more := p.wrap(line)
			if more == nil {
				break
			}
			if err := p.line(first, true); err != nil {
				return len(text) - len(rest), err
			}
			line = more
		}
		if err := p.line(line, ended); err != nil {
			return len(text) - len(rest), err
		}
		rest = after
	}
	return len(text), nil
}

// wrap ends a line that is too long behind a word, if it can be. What is left begins where the
// line does.
func (p *pager) wrap(line []byte) (first, rest []byte) {
	if utf8.RuneCount(line) <= p.columns {
		return line, nil
	}
	indent := len(line) - len(bytes.TrimLeft(line, " "))
	end := 0 // behind the last word that fits
	for i, column := indent, indent; column <= p.columns; column++ {
		if line[i] == ' ' {
			end = i
		}
		_, n := utf8.DecodeRune(line[i:])
		i += n
	}
	if end == 0 {
		return line, nil
	}
	return line[:end], append(bytes.Repeat([]byte(" "), indent), bytes.TrimLeft(line[end:], " ")...)
}

// line shows a line or the beginning of one. A page ends before what would push its first
// line away.
func (p *pager) line(line []byte, ended bool) error {
	if p.skip {
		return nil
	}
	wide := p.column + utf8.RuneCount(line)
	more := max(0, wide-1) / p.columns
	if p.row+more-max(0, p.column-1)/p.columns >= p.rows-1 {
		if p.turn(); p.skip {
			return nil
		}
	}
	if ended {
		line = append(bytes.Clone(line), '\n')
		p.row, p.column = p.row+more+1, 0
	} else {
		p.column = wide
	}
	_, err := p.out.Write(line)
	return err
}

const (
	pagePrompt = "-- more: Space: page, Enter: line, q: no more --"
	ctrlC      = 3
)

// turn asks how to go on. Without an answer all is shown.
func (p *pager) turn() {
	fmt.Fprint(p.out, pagePrompt)
	key, err := p.key()
	fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", len(pagePrompt)))
	switch {
	case err == nil && key == ctrlC:
		p.skip, p.stopped = true, true
		p.interrupt()
	case err == nil && (key == 'q' || key == 'Q'):
		p.skip = true
		fmt.Fprintln(p.out, "-- the rest is not shown --")
		p.row, p.column = 1, 0
	case err == nil && (key == '\r' || key == '\n'):
		p.row--
	default:
		p.row = 0
	}
}

// insist has what follows shown though no more is to be, until it is told that this is over.
func (p *pager) insist() (over func()) {
	if p == nil || !p.skip || p.stopped {
		return func() {}
	}
	p.skip = false
	return func() { p.skip = true }
}

// again begins a new page: somebody has read the last one to answer a question.
func (p *pager) again() {
	if p != nil {
		p.row, p.column, p.skip, p.stopped = 0, 0, false, false
	}
}
