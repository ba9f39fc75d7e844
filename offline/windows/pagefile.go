package windows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// AnyDrive stands for the drive letter in a page-file entry that leaves the choice to Windows.
const AnyDrive = '?'

// maxEntryMB keeps sizes far from overflow; Windows itself allows 16 TB.
const maxEntryMB = 1 << 30

// ErrPageFileEntry is wrapped by every error of [ParsePageFile].
var ErrPageFileEntry = errors.New("malformed page file entry")

// PageFile is one entry of the REG_MULTI_SZ PagingFiles:
//
//	drive ":" path [SP initial [SP maximum]]
//
// The drive is a letter or "?". The path may hold blanks. Sizes are in MB; none, or zeros, mean that Windows manages
// the size.
type PageFile struct {
	Drive   byte   // upper case, or AnyDrive
	Path    string // `\pagefile.sys`
	Initial int64  // MB; 0 when managed
	Maximum int64  // MB; 0 when managed
}

// Managed reports whether Windows chooses the size.
func (p PageFile) Managed() bool { return p.Initial == 0 && p.Maximum == 0 }

// String writes the entry in the form Windows writes it itself.
func (p PageFile) String() string {
	name := string(rune(p.Drive)) + ":" + p.Path
	if p.Managed() {
		if _, sizes := splitSizes(name); p.Drive == AnyDrive && len(sizes) == 0 {
			return name
		}
		return name + " 0 0"
	}
	return fmt.Sprintf("%s %d %d", name, p.Initial, p.Maximum)
}

// ParsePageFile reads one entry of PagingFiles.
func ParsePageFile(s string) (PageFile, error) {
	name, sizes := splitSizes(strings.TrimSpace(s))
	var p PageFile
	if len(name) < 4 || name[1] != ':' || name[2] != '\\' {
		return p, fmt.Errorf("%w %q: want drive, colon, backslash, name", ErrPageFileEntry, s)
	}
	p.Drive, p.Path = upper(name[0]), name[2:]
	if p.Drive != AnyDrive && (p.Drive < 'A' || p.Drive > 'Z') {
		return p, fmt.Errorf("%w %q: %q is no drive letter", ErrPageFileEntry, s, name[:1])
	}
	if strings.HasSuffix(p.Path, `\`) || strings.ContainsAny(p.Path, "\x00/:*?\"<>|") {
		return p, fmt.Errorf("%w %q: %q is no file name", ErrPageFileEntry, s, p.Path)
	}
	return p, p.setSizes(s, sizes)
}

func (p *PageFile) setSizes(s string, sizes []int64) error {
	switch len(sizes) {
	case 1:
		p.Initial, p.Maximum = sizes[0], sizes[0]
	case 2:
		p.Initial, p.Maximum = sizes[0], sizes[1]
	}
	switch {
	case p.Initial > maxEntryMB || p.Maximum > maxEntryMB:
		return fmt.Errorf("%w %q: size out of range", ErrPageFileEntry, s)
	case p.Maximum < p.Initial:
		return fmt.Errorf("%w %q: the maximum is smaller than the initial size", ErrPageFileEntry, s)
	case p.Initial == 0 && p.Maximum != 0:
		return fmt.Errorf("%w %q: a maximum without an initial size", ErrPageFileEntry, s)
	}
	return nil
}

// splitSizes cuts at most two trailing decimal numbers off, from the right: the name itself may hold blanks.
func splitSizes(s string) (name string, sizes []int64) {
	for range 2 {
		at := strings.LastIndexAny(s, " \t")
		if at < 0 {
			break
		}
		n, err := strconv.ParseInt(s[at+1:], 10, 64)
		if err != nil || n < 0 || s[at+1] == '+' {
			break
		}
		sizes = append([]int64{n}, sizes...)
		s = strings.TrimRight(s[:at], " \t")
	}
	return s, sizes
}

func upper(b byte) byte {
	if 'a' <= b && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

// PageFileEntry is an entry of PagingFiles as found: parsed, or the reason why not.
type PageFileEntry struct {
	Raw string
	PageFile
	Err error // wraps ErrPageFileEntry
}

// ParsePageFiles reads the strings of PagingFiles, malformed ones too.
func ParsePageFiles(raw []string) []PageFileEntry {
	var out []PageFileEntry
	for _, s := range raw {
		p, err := ParsePageFile(s)
		out = append(out, PageFileEntry{Raw: s, PageFile: p, Err: err})
	}
	return out
}
