package eventlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The types of values that are understood here.
const (
	typeString    = 0x01
	typeANSI      = 0x02
	typeInt8      = 0x03
	typeUint8     = 0x04
	typeInt16     = 0x05
	typeUint16    = 0x06
	typeInt32     = 0x07
	typeUint32    = 0x08
	typeInt64     = 0x09
	typeUint64    = 0x0A
	typeBool      = 0x0D
	typeSize      = 0x10
	typeFileTime  = 0x11
	typeHex32     = 0x14
	typeHex64     = 0x15
	typeBinaryXML = 0x21
	typeStrings   = 0x81 // each with a terminator
)

// value is one value of an event, as it lies in the chunk.
type value struct {
	kind byte
	pos  int // in the chunk, where it is an event's own
	b    []byte
}

// number returns a whole number, also one that is written out.
func (v value) number() (uint64, bool) {
	switch v.kind {
	case typeInt8, typeUint8, typeInt16, typeUint16, typeInt32, typeUint32, typeInt64, typeUint64,
		typeBool, typeSize, typeFileTime, typeHex32, typeHex64:
		var b [8]byte
		copy(b[:], v.b)
		return le.Uint64(b[:]), len(v.b) > 0 && len(v.b) <= len(b)
	case typeString, typeANSI:
		n, err := strconv.ParseUint(strings.TrimSpace(v.text()), 0, 64)
		return n, err == nil
	}
	return 0, false
}

// text returns a string, or a number as text.
func (v value) text() string {
	switch v.kind {
	case typeString, typeStrings:
		return utf16Text(v.b)
	case typeANSI:
		return printable(string(v.b[:min(len(v.b), (maxText+1)*utf8.UTFMax)]))
	case typeFileTime:
		return v.time().Format(time.RFC3339)
	case typeHex32, typeHex64:
		n, _ := v.number()
		return fmt.Sprintf("%#x", n)
	}
	if n, ok := v.number(); ok {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// split parts an array of strings, into so many at most.
func (v value) split(most int) []value {
	if v.kind != typeStrings {
		return []value{v}[:min(most, 1)]
	}
	var parts []value
	for len(v.b) >= 2 && len(parts) < most {
		n := 0
		for n+2 <= len(v.b) && (v.b[n] != 0 || v.b[n+1] != 0) {
			n += 2
		}
		parts = append(parts, value{kind: typeString, b: v.b[:n]})
		v.b = v.b[min(n+2, len(v.b)):]
	}
	return parts
}

func (v value) time() time.Time {
	n, _ := v.number()
	return fileTime(n)
}

const (
	fileTimeUnix  = 116444736000000000 // FILETIME of 1970: 100 ns since 1601
	fileTimesSec  = 10_000_000
	lastUnixTime  = 253402300799 // the end of year 9999
	maxText       = 300          // characters of a text that is shown
	textIsShorted = "…"
)

// fileTime is the zero time for what no calendar shows.
func fileTime(n uint64) time.Time {
	if n < fileTimeUnix || (n-fileTimeUnix)/fileTimesSec > lastUnixTime {
		return time.Time{}
	}
	n -= fileTimeUnix
	return time.Unix(int64(n/fileTimesSec), int64(n%fileTimesSec)*100).UTC()
}

func utf16Text(b []byte) string {
	if s, ok := plainText(b); ok {
		return s
	}
	units := make([]uint16, 0, min(len(b)/2, maxText+1))
	for ; len(b) >= 2 && len(units) <= maxText; b = b[2:] {
		units = append(units, le.Uint16(b))
	}
	return printable(string(utf16.Decode(units)))
}

// plainText is the short way for what nearly all names are: ASCII without spaces.
func plainText(b []byte) (string, bool) {
	if len(b)/2 > maxText {
		return "", false
	}
	text := make([]byte, 0, maxText)
	for ; len(b) >= 2; b = b[2:] {
		if b[0] <= ' ' || b[0] >= 0x7F || b[1] != 0 {
			return "", false
		}
		text = append(text, b[0])
	}
	return string(text), true
}

// printable leaves out what does something to a terminal or to the order of the
// letters, and what is too long to be read.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText]) + textIsShorted
	}
	return strings.TrimSpace(s)
}
