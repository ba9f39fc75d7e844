package logs

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

const (
	maxLinesRead = 1 << 20
	maxLines     = 40
	maxLine      = 200
	minLine      = 8 // shorter runs of letters happen by accident
)

// Lines returns the readable lines of a file whose format is not public, such as
// DumpStack.log: runs of printable ASCII, one byte or two to a character. The first
// megabyte is read, and of many lines the last are returned.
func Lines(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLinesRead))
	if err != nil {
		return nil, fmt.Errorf("read the lines: %w", err)
	}
	var lines []string
	for len(b) > 0 {
		line, n := readLine(b)
		b = b[n:]
		if line = strings.TrimSpace(line); isText(line) {
			lines = append(lines, line)
		}
	}
	return lines[max(len(lines)-maxLines, 0):], nil
}

// readLine returns the run at the beginning, and how many bytes it takes, at least one.
func readLine(b []byte) (string, int) {
	step := 1
	if len(b) > 1 && b[1] == 0 {
		step = 2
	}
	n := 0
	var line []byte
	for n+step <= len(b) && b[n] >= ' ' && b[n] <= '~' && (step == 1 || b[n+1] == 0) {
		if len(line) < maxLine {
			line = append(line, b[n])
		}
		n += step
	}
	return string(line), max(n, 1)
}

// isText tells a line from bytes that happen to be printable: most of it is letters,
// digits and spaces.
func isText(line string) bool {
	if len(line) < minLine {
		return false
	}
	words := 0
	for _, r := range line {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' {
			words++
		}
	}
	return words*4 >= len(line)*3
}
