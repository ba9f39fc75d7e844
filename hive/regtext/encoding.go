package regtext

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"hangkit/hive"
)

// The byte order marks a text may begin with.
var (
	markUTF8    = []byte{0xEF, 0xBB, 0xBF}
	markUTF16LE = []byte{0xFF, 0xFE}
	markUTF16BE = []byte{0xFE, 0xFF}
)

// decode turns a text into WTF-8 and says whether its strings in hex are of the ANSI code page.
func decode(text []byte) (s string, ansi bool, err error) {
	switch {
	case bytes.HasPrefix(text, markUTF16LE):
		s, err = decodeUTF16(text[len(markUTF16LE):], binary.LittleEndian)
	case bytes.HasPrefix(text, markUTF16BE):
		s, err = decodeUTF16(text[len(markUTF16BE):], binary.BigEndian)
	case bytes.HasPrefix(text, markUTF8):
		s, err = decodeUTF8(text[len(markUTF8):])
	case bytes.HasPrefix(bytes.TrimLeft(text, " \t"), []byte(headerANSI)):
		s = decodeANSI(text)
	default:
		s, err = decodeUTF8(text)
	}
	return s, strings.HasPrefix(strings.TrimLeft(s, " \t"), headerANSI), err
}

func decodeUTF16(text []byte, order binary.ByteOrder) (string, error) {
	units := make([]uint16, len(text)/2)
	line := 1
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
		if units[i] == '\n' {
			line++
		}
	}
	if len(text)%2 != 0 {
		return "", &SyntaxError{line, "want UTF-16, got an odd number of bytes"}
	}
	return hive.DecodeUTF16(units), nil
}

// decodeUTF8 checks that the text is UTF-8, or the WTF-8 that names with unpaired surrogates need.
func decodeUTF8(text []byte) (string, error) {
	s := string(text)
	if utf8.ValidString(s) || hive.DecodeUTF16(hive.EncodeUTF16(s)) == s {
		return s, nil
	}
	line := 1
	for l := range strings.Lines(s) {
		if hive.DecodeUTF16(hive.EncodeUTF16(l)) != l {
			break
		}
		line++
	}
	return "", &SyntaxError{line, "want UTF-8, or a text that begins with " + headerANSI}
}

// windows1252 are the characters of the bytes 0x80 to 0x9F; the others are their own.
var windows1252 = [...]rune{
	0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
	0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
}

func decodeANSI(text []byte) string {
	s := make([]byte, 0, len(text))
	for _, c := range text {
		r := rune(c)
		if i := int(c) - 0x80; i >= 0 && i < len(windows1252) {
			r = windows1252[i]
		}
		s = utf8.AppendRune(s, r)
	}
	return string(s)
}

// ansiStrings are the types whose data REGEDIT4 texts hold in the code page.
var ansiStrings = []hive.Type{hive.SZ, hive.ExpandSZ, hive.MultiSZ}

// widen turns the data of a string in a REGEDIT4 text into what a hive holds.
func widen(t hive.Type, data []byte) []byte {
	if !slices.Contains(ansiStrings, t) {
		return data
	}
	wide := []byte{}
	for _, u := range hive.EncodeUTF16(decodeANSI(data)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	return wide
}
