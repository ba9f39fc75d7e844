package live

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrScript marks commands that cannot be run as they are written.
var ErrScript = errors.New("unattended commands")

// maxScript bounds the file of commands: it is read before anything is known of it.
const maxScript = 64 << 10

// SplitRun splits the commands of an unattended run: words as a shell splits them, with
// quotes of both kinds, and ; or && between commands. A backslash is a backslash, for
// the paths are those of Windows. There is no shell: |, > and $ are ordinary characters.
func SplitRun(s string) ([][]string, error) {
	r := run{text: s}
	for r.pos < len(r.text) {
		if err := r.next(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrScript, err)
		}
	}
	r.endCommand()
	return r.commands, nil
}

// ParseScript splits a file of commands, one a line. A # begins a comment.
func ParseScript(b []byte) ([][]string, error) {
	if len(b) > maxScript {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrScript, maxScript)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")) // Notepad's mark of UTF-8
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil, fmt.Errorf("%w: not plain text: save the file as UTF-8", ErrScript)
	}
	var commands [][]string
	for i, line := range strings.Split(string(b), "\n") {
		more, err := SplitRun(withoutComment(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		commands = append(commands, more...)
	}
	return commands, nil
}

// withoutComment cuts off what follows a # that begins a word and is not quoted.
func withoutComment(line string) string {
	var quote byte
	for i := range len(line) {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || isBlank(line[i-1])):
			return line[:i]
		}
	}
	return line
}

// run is the state of splitting.
type run struct {
	text     string
	pos      int
	commands [][]string
	words    []string
	word     []byte
	inWord   bool // an empty word in quotes is a word too
}

func (r *run) next() error {
	c := r.text[r.pos]
	r.pos++
	switch {
	case isBlank(c):
		r.endWord()
	case c == ';':
		r.endCommand()
	case c == '&' && strings.HasPrefix(r.text[r.pos:], "&"):
		r.pos++
		r.endCommand()
	case c == '"' || c == '\'':
		return r.quoted(c)
	default:
		r.word, r.inWord = append(r.word, c), true
	}
	return nil
}

func (r *run) quoted(quote byte) error {
	n := strings.IndexByte(r.text[r.pos:], quote)
	if n < 0 {
		return fmt.Errorf("quote %c is not closed", quote)
	}
	r.word, r.inWord = append(r.word, r.text[r.pos:r.pos+n]...), true
	r.pos += n + 1
	return nil
}

func (r *run) endWord() {
	if r.inWord {
		r.words = append(r.words, string(r.word))
	}
	r.word, r.inWord = nil, false
}

// endCommand drops the program's own name, which is easily typed out of habit.
func (r *run) endCommand() {
	r.endWord()
	if len(r.words) > 0 && r.words[0] == "hangkit" {
		r.words = r.words[1:]
	}
	if len(r.words) > 0 {
		r.commands = append(r.commands, r.words)
	}
	r.words = nil
}

// needsStick tells whether a command writes to the data partition.
func needsStick(commands [][]string) bool {
	return slices.ContainsFunc(commands, func(words []string) bool {
		return slices.ContainsFunc(words, namesStick) || collectsAnywhere(words)
	})
}

func namesStick(word string) bool {
	if _, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(word, "-") {
		word = value
	}
	return strings.HasPrefix(strings.TrimPrefix(word, "-o"), "stick:")
}

// collectsAnywhere tells whether a command collects without a word on where to, which is the stick.
func collectsAnywhere(words []string) bool {
	return words[0] == "collect" && !slices.ContainsFunc(words, func(w string) bool {
		return strings.HasPrefix(w, "-o") || strings.HasPrefix(w, "--output") || w == "-n" || w == "--dry-run"
	})
}
