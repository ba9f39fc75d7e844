package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// MapSuffix is what the name of a copy's mapfile has more than the copy's own.
const MapSuffix = ".map"

// A mapfile is the text in which GNU ddrescue keeps what it could read (its
// manual, "Mapfile structure"): a line with the current position and status, then
// one line for each block, in order and without gaps. The positions here are those
// of the dump, not of the disk.
const (
	mapFinished = '+'
	mapBad      = '-'
	mapStatuses = "?*/-+" // what ddrescue knows: not tried, trimmed or scraped, bad, finished
)

// ErrMapfile means a text that is not a mapfile.
var ErrMapfile = errors.New("not a ddrescue mapfile")

// AppendMapfile appends the mapfile of a dump of size bytes of which the bad
// ranges, in order, could not be read.
func AppendMapfile(b []byte, size int64, bad []Range) []byte {
	b = append(b, "# Mapfile. Written by hangkit; positions are those of the dump, not of the disk.\n"...)
	b = append(b, "# current_pos  current_status  current_pass\n"...)
	b = fmt.Appendf(b, "0x%08X     %c               1\n", size, mapFinished)
	b = append(b, "#      pos        size  status\n"...)
	at := int64(0)
	block := func(end int64, status rune) {
		if end > at {
			b = fmt.Appendf(b, "0x%08X  0x%08X  %c\n", at, end-at, status)
			at = end
		}
	}
	for _, r := range bad {
		block(r.Off, mapFinished)
		block(r.Off+r.Len, mapBad)
	}
	block(size, mapFinished)
	return b
}

// maxMapfile is longer than any mapfile with ranges that are kept apart here.
const maxMapfile = 64 << 20

// readMap reads a mapfile and returns its text, nil where there is none, and
// the blocks that are not finished.
func readMap(name string) (text []byte, bad []Range, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	switch {
	case err != nil:
		return nil, nil, err
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s: %w: %w", name, ErrMapfile, errNotRegular)
	case info.Size() > maxMapfile:
		return nil, nil, fmt.Errorf("%s: %w: it has %d bytes", name, ErrMapfile, info.Size())
	}
	if text, err = os.ReadFile(name); err != nil {
		return nil, nil, err
	}
	if bad, err = ParseMapfile(bytes.NewReader(text)); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return text, bad, nil
}

// maxMapLine is longer than any line of a mapfile but its comments.
const maxMapLine = 64 << 10

// ParseMapfile reads a mapfile and returns the blocks that are not finished, in
// order, neighbours joined.
func ParseMapfile(r io.Reader) ([]Range, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxMapLine)
	p := mapParser{}
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := p.line(text); err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", number, ErrMapfile, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMapfile, err)
	}
	if !p.begun {
		return nil, fmt.Errorf("%w: it has no status line", ErrMapfile)
	}
	return p.bad.ranges, nil
}

type mapParser struct {
	begun bool // the status line was met
	next  int64
	bad   badRanges
}

func (p *mapParser) line(text string) error {
	if !p.begun {
		p.begun = true
		var at int64
		var status string
		if _, err := fmt.Sscanf(text, "%v %1s", &at, &status); err != nil {
			return fmt.Errorf("status line: %w", err)
		}
		return nil
	}
	var block Range
	var status, more string
	if n, err := fmt.Sscan(text, &block.Off, &block.Len, &status, &more); n != 3 {
		return fmt.Errorf("%q is not position, size, status: %w", text, err)
	}
	switch {
	case len(status) != 1 || !strings.Contains(mapStatuses, status):
		return fmt.Errorf("status %q", status)
	case block.Off < p.next || block.Len <= 0 || block.Off+block.Len < block.Off:
		return fmt.Errorf("block at %#x of %#x bytes behind %#x", block.Off, block.Len, p.next)
	}
	p.next = block.Off + block.Len
	if status[0] != mapFinished {
		p.bad.add(block)
	}
	return nil
}
