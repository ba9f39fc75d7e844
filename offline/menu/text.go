package menu

import (
	"fmt"
	"strings"
)

// leastColumns is the width that a terminal has at least.
const leastColumns = 80

// plain makes any text fit for any terminal: much of it comes from disks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// line prints one line.
func (m *Menu) line(text string) { fmt.Fprintf(m.Out, "%s\n", plain(text)) }

// text prints a text as wide as the terminal is, behind what stands before its first line.
func (m *Menu) text(before, text string) {
	for _, line := range wrap(before, text, m.width()) {
		m.line(line)
	}
}

// width is one less than the terminal's: in its last column some terminals break a line twice.
func (m *Menu) width() int { return max(leastColumns, m.Columns) - 1 }

// wrap sets a text, the further lines below the beginning of the first.
func wrap(before, text string, width int) []string {
	indent := strings.Repeat(" ", len(before))
	var lines []string
	line := before
	for word := range strings.FieldsSeq(plain(text)) {
		switch {
		case line == before || line == indent:
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = indent
		default:
			line += " "
		}
		line += word
	}
	return append(lines, strings.TrimRight(line, " "))
}

// fold is an answer without its case and the room around it.
func fold(answer string) string { return strings.ToLower(strings.TrimSpace(answer)) }

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
