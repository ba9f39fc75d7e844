package collect

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// maxName is the longest name made here, in bytes: room for a number below
// the 255 of every file system.
const maxName = 200

// DefaultName is a file name that tells one crash from another: source file,
// time of the crash in UTC, bugcheck.
func (c *Candidate) DefaultName() string {
	base := path.Base(c.Path)
	parts := []string{strings.TrimSuffix(base, path.Ext(base))}
	if c.Header != nil {
		if t := c.Header.SystemTime; t.Known {
			parts = append(parts, t.Value.Format("20060102T150405Z"))
		}
		if b := c.Header.BugCheck.Code; b.Known {
			parts = append(parts, fmt.Sprintf("0x%X", b.Value))
		}
	}
	return strings.Join(parts, "-") + ".dmp"
}

// outputName is the name of the copy. What is not whole says so in its name:
// the file travels further than the manifest.
func (c *Candidate) outputName(wish string, partial bool) string {
	if wish == "" {
		wish = c.DefaultName()
	}
	name := SafeName(wish)
	switch {
	case c.Rebuilt != nil:
		return markName(name, ".rebuilt")
	case c.State == StateHeaderWiped:
		return markName(name, ".wiped")
	case partial:
		return markName(name, ".partial")
	}
	return name
}

func markName(name, mark string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if strings.HasSuffix(stem, mark) {
		return name
	}
	return stem + mark + ext
}

// numberedName is name for 0, and name-2, name-3 … after it.
func numberedName(name string, i int) string {
	if i == 0 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), i+1, ext)
}

// SafeName turns any text into a plain file name that Windows and Unix both
// take: no separators, control characters, reserved device names, leading
// dots, or trailing dots and spaces.
func SafeName(s string) string {
	s = strings.Map(safeRune, strings.ToValidUTF8(s, "_"))
	s = strings.TrimLeft(shorten(s, maxName), ". ")
	s = strings.TrimRight(s, ". ")
	if s == "" {
		s = "dump"
	}
	if isReserved(s) {
		s = "_" + s
	}
	return s
}

func safeRune(r rune) rune {
	if r < ' ' || r >= 0x7F && r < 0xA0 || strings.ContainsRune(`<>:"/\|?*`, r) || isBidi(r) {
		return '_'
	}
	return r
}

// isBidi reports the characters that make a name look like another one.
func isBidi(r rune) bool {
	return r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0xFEFF
}

// shorten cuts the middle of the name and keeps its extension.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	ext := path.Ext(s)
	if len(ext) > 16 {
		ext = ""
	}
	stem := s[:limit-len(ext)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + ext
}

// isReserved reports the device names of Windows, with any extension.
func isReserved(s string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(s), ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(stem, "COM"), "LPT")
	if len(port) == len(stem) {
		return false
	}
	digit, n := utf8.DecodeRuneInString(port)
	return n == len(port) && strings.ContainsRune("0123456789¹²³", digit)
}
