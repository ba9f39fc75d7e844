package ntfs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// namespace is the rule book a $FILE_NAME was made under.
type namespace byte

const namespaceDOS namespace = 2 // the 8.3 alias of a name in another namespace

// An escape is four digits between what no name made through Win32 has.
const (
	escapeStart  = '<'
	escapeEnd    = '>'
	escapeLength = 6
	// escaped is what a path cannot carry, or carries with another meaning.
	escaped = "/\\:<\x00"
)

// units decodes little-endian UTF-16 bytes.
func units(b []byte) []uint16 {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return u
}

// unescaped decodes text that is shown, never looked up.
func unescaped(b []byte) string { return string(utf16.Decode(units(b))) }

// escapeName writes an NTFS name as one element of a slash path; see the package comment.
func escapeName(name []uint16) string {
	dots := len(name) <= 2
	for _, u := range name {
		dots = dots && u == '.'
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		u := rune(name[i])
		if utf16.IsSurrogate(u) && i+1 < len(name) {
			if r := utf16.DecodeRune(u, rune(name[i+1])); r != utf8.RuneError {
				b.WriteRune(r)
				i++
				continue
			}
		}
		if utf16.IsSurrogate(u) || strings.ContainsRune(escaped, u) || dots {
			fmt.Fprintf(&b, "%c%04x%c", escapeStart, u, escapeEnd)
			continue
		}
		b.WriteRune(u)
	}
	return b.String()
}

// unescapeName is the way back; ok is false for what escapeName never writes.
func unescapeName(s string) (name []uint16, ok bool) {
	whole := s
	for len(s) > 0 {
		if s[0] == escapeStart {
			if len(s) < escapeLength {
				return nil, false
			}
			u, err := strconv.ParseUint(s[1:escapeLength-1], 16, 16)
			if err != nil {
				return nil, false
			}
			name, s = append(name, uint16(u)), s[escapeLength:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		name, s = utf16.AppendRune(name, r), s[n:]
	}
	return name, escapeName(name) == whole
}
