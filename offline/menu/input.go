package menu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// lineReader reads lines without taking anything of the next one: the commands that are
// started read from the same terminal. A line that was being waited for when Ctrl-C led away
// is the answer to the next question.
type lineReader struct {
	in   io.Reader
	next chan answer // nil where nobody reads
}

type answer struct {
	text string
	err  error
}

// maxLine is far more than anybody types.
const maxLine = 4096

func (l *lineReader) wait() <-chan answer {
	if l.next == nil {
		l.next = make(chan answer, 1)
		go func(to chan<- answer) { to <- l.read() }(l.next)
	}
	return l.next
}

func (l *lineReader) read() answer {
	if l.in == nil {
		return answer{err: io.EOF}
	}
	var text []byte
	for b := make([]byte, 1); len(text) < maxLine; {
		n, err := l.in.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return answer{text: strings.TrimRight(string(text), "\r")}
		case n == 1:
			text = append(text, b[0])
		case errors.Is(err, io.EOF) && len(text) > 0:
			return answer{text: string(text)}
		case err != nil:
			return answer{err: err}
		}
	}
	return answer{text: string(text)}
}

// ask asks for a line. Ctrl-C is errBack, the end of the input io.EOF.
func (m *Menu) ask(question string) (string, error) {
	m.forgetInterrupts()
	m.Out.Again()
	defer m.Out.Again()
	fmt.Fprint(m.Out, plain(question))
	select {
	case a := <-m.lines.wait():
		m.lines.next = nil
		if a.err != nil && m.interrupted() {
			break
		}
		return strings.TrimSpace(a.text), gone(a.err)
	case <-m.Interrupts:
	case <-m.ctx.Done():
		m.line("")
		return "", m.ctx.Err()
	}
	m.line("")
	return "", errBack
}

// askFresh asks what leads to a change, or for a key: nothing that was typed ahead answers it.
func (m *Menu) askFresh(question string) (string, error) {
	if err := m.DropTyped(); err != nil {
		return "", gone(err)
	}
	return m.ask(question)
}

// gone takes a terminal that went away for the end of the input.
func gone(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return io.EOF
}

// interruptDelay is how long Windows takes to tell of a Ctrl-C after it has ended the
// reading of a line.
const interruptDelay = 200 * time.Millisecond

// interrupted tells whether Ctrl-C ended the reading of a line.
func (m *Menu) interrupted() bool {
	select {
	case <-m.Interrupts:
		return true
	case <-time.After(interruptDelay):
		return false
	}
}

// forgetInterrupts forgets the Ctrl-C that a command was ended by.
func (m *Menu) forgetInterrupts() {
	for {
		select {
		case <-m.Interrupts:
		default:
			return
		}
	}
}

// pause lets a person read before the menu pushes the text away.
func (m *Menu) pause() error {
	_, err := m.ask("-- Enter: the menu -- ")
	return err
}

// number asks for a number from 1 on; Enter is the first.
func (m *Menu) number(question string, among int) (int, error) {
	for {
		answer, err := m.askFresh(fmt.Sprintf("%s (1 to %d, Enter: 1, q: back) ", question, among))
		switch n, bad := strconv.Atoi(answer); {
		case err != nil:
			return 0, err
		case answer == "":
			return 1, nil
		case isBack(answer):
			return 0, errBack
		case bad == nil && n >= 1 && n <= among:
			return n, nil
		}
		m.line("There is no such number: " + answer)
	}
}

// isBack tells whether an answer leads back to the menu.
func isBack(answer string) bool { return fold(answer) == "q" || fold(answer) == "back" }
