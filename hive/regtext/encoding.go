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

// decode turns a text into WTF-8 and says whether its strings in hex are bytes of the code page:
// those of REGEDIT4 are, unless the text is UTF-16.
func decode(text []byte) (s string, ansi bool, err error) {
	if rest, ok := bytes.CutPrefix(text, markUTF16LE); ok {
		s, err = decodeUTF16(rest, binary.LittleEndian)
		return s, false, err
	}
	if rest, ok := bytes.CutPrefix(text, markUTF16BE); ok {
		s, err = decodeUTF16(rest, binary.BigEndian)
		return s, false, err
	}
	rest, marked := bytes.CutPrefix(text, markUTF8)
	ansi = bytes.HasPrefix(bytes.TrimLeft(rest, blanks), []byte(headerANSI))
	if ansi && !marked {
		return decodeANSI(text), true, nil
	}
	s, err = decodeUTF8(rest)
	return s, ansi, err
}

func decodeUTF16(text []byte, order binary.ByteOrder) (string, error) {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	s := hive.DecodeUTF16(units)
	if len(text)%2 != 0 {
		return "", &SyntaxError{1 + strings.Count(s, "\n"), "want UTF-16, got an odd number of bytes"}
	}
	return s, nil
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

// appendUTF16 appends WTF-8 as UTF-16LE.
func appendUTF16(p, s []byte) []byte {
	for i, c := range s {
		if c >= utf8.RuneSelf {
			return appendUnits(p, hive.EncodeUTF16(string(s[i:])))
		}
		p = append(p, c, 0)
	}
	return p
}

func appendUnits(p []byte, units []uint16) []byte {
	for _, u := range units {
		p = binary.LittleEndian.AppendUint16(p, u)
	}
	return p
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

// widen turns the data of a string in a REGEDIT4 text into what a hive holds. Like regedit it ends
// those that lack their NUL.
func widen(t hive.Type, data []byte) []byte {
	if !slices.Contains(ansiStrings, t) || len(data) == 0 {
		return data
	}
	if data[len(data)-1] != 0 {
		data = append(data, 0)
	}
	return appendUnits(nil, hive.EncodeUTF16(decodeANSI(data)))
}
