package hive

import (
	"unicode/utf16"
	"unicode/utf8"
)

// DecodeUTF16 turns UTF-16 into a Go string. Windows lets names and strings hold any 16-bit units:
// a surrogate without its partner becomes the three bytes UTF-8 would give it (WTF-8), so that
// [EncodeUTF16] gives back the same units.
func DecodeUTF16(units []uint16) string {
	s := make([]byte, 0, len(units))
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if !utf16.IsSurrogate(r) {
			s = utf8.AppendRune(s, r)
			continue
		}
		if i+1 < len(units) {
			if pair := utf16.DecodeRune(r, rune(units[i+1])); pair != utf8.RuneError {
				s = utf8.AppendRune(s, pair)
				i++
				continue
			}
		}
		s = appendSurrogate(s, units[i])
	}
	return string(s)
}

// EncodeUTF16 turns a Go string, in UTF-8 or WTF-8, into UTF-16. Bytes that are neither become
// U+FFFD.
func EncodeUTF16(s string) []uint16 {
	units := make([]uint16, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if u, ok := surrogateAt(s[i:]); ok && n == 1 {
			units, i = append(units, u), i+SurrogateLen
			continue
		}
		units, i = utf16.AppendRune(units, r), i+n
	}
	return units
}

// SurrogateLen is the number of bytes that a surrogate without its partner takes: [DecodeUTF16].
const SurrogateLen = 3

// surrogateLead is the first of them; the other two have six bits each.
const surrogateLead = 0xED

func appendSurrogate(s []byte, u uint16) []byte {
	return append(s, surrogateLead, 0x80|byte(u>>6&0x3F), 0x80|byte(u&0x3F))
}

// surrogateAt gives the surrogate that s begins with.
func surrogateAt(s string) (uint16, bool) {
	if len(s) < SurrogateLen || s[0] != surrogateLead || s[1]&0xE0 != 0xA0 || s[2]&0xC0 != 0x80 {
		return 0, false
	}
	return 0xD000 | uint16(s[1]&0x3F)<<6 | uint16(s[2]&0x3F), true
}
