// Package safejson keeps what steers a terminal out of JSON that people look at there.
package safejson

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf16"
)

// Escape is a JSON text, as encoding/json writes it, with \u in the place of what
// nobody sees: encoding/json leaves DEL and the C1 controls as they are, which terminals
// obey, and the marks that turn the direction of writing. The value stays the same.
func Escape(text []byte) []byte {
	if bytes.IndexFunc(text, isHidden) < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if !isHidden(r) {
			out = append(out, string(r)...)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

// isHidden tells characters that show as nothing and stand in strings alone: the rest
// of a JSON text is ASCII.
func isHidden(r rune) bool { return r > '~' && !unicode.IsPrint(r) }
