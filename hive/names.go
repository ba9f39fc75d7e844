package hive

import (
	"cmp"
	"strings"
	"unicode"
)

// decodeName turns a stored name (8-bit: the low halves of UTF-16 units) into a string.
func decodeName(raw []byte, eightBit bool) string {
	return DecodeUTF16(nameUnits(raw, eightBit))
}

func nameUnits(raw []byte, eightBit bool) []uint16 {
	if !eightBit {
		return unitsOf(raw)
	}
	units := make([]uint16, len(raw))
	for i, c := range raw {
		units[i] = uint16(c)
	}
	return units
}

// encodeName stores a name one byte per character where every character is below U+0100.
func encodeName(name string) (raw []byte, eightBit bool) {
	units := EncodeUTF16(name)
	for _, u := range units {
		if u > 0xFF {
			return bytesOf(units), false
		}
	}
	raw = make([]byte, len(units))
	for i, u := range units {
		raw[i] = byte(u)
	}
	return raw, true
}

func unitsOf(raw []byte) []uint16 {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = le.Uint16(raw[2*i:])
	}
	return units
}

func bytesOf(units []uint16) []byte {
	raw := make([]byte, 0, 2*len(units))
	for _, u := range units {
		raw = le.AppendUint16(raw, u)
	}
	return raw
}

// foldedName is a name in upper case, as keys are ordered, hashed and found.
type foldedName []uint16

func fold(name string) foldedName { return foldUnits(EncodeUTF16(name)) }

func foldUnits(units []uint16) foldedName {
	for i, u := range units {
		units[i] = upcase(u)
	}
	return units
}

func (f foldedName) compare(g foldedName) int {
	for i := range min(len(f), len(g)) {
		if f[i] != g[i] {
			return cmp.Compare(f[i], g[i])
		}
	}
	return cmp.Compare(len(f), len(g))
}

// hash is the name's hash in "lh" lists.
func (f foldedName) hash() uint32 {
	var h uint32
	for _, u := range f {
		h = h*37 + uint32(u)
	}
	return h
}

// laterCapitals are capitals that Unicode gained after 5.1, the version Windows' upper-case table
// stems from: their small letters stay as they are.
var laterCapitals = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x037F, Hi: 0x037F, Stride: 1}, {Lo: 0x0524, Hi: 0x052F, Stride: 1}, {Lo: 0x10C7, Hi: 0x10CD, Stride: 1},
	{Lo: 0x13A0, Hi: 0x13F5, Stride: 1}, {Lo: 0x1C90, Hi: 0x1CBF, Stride: 1}, {Lo: 0x2C2F, Hi: 0x2C2F, Stride: 1},
	{Lo: 0x2C70, Hi: 0x2C70, Stride: 1}, {Lo: 0x2C7E, Hi: 0x2C7F, Stride: 1}, {Lo: 0x2CEB, Hi: 0x2CF2, Stride: 1},
	{Lo: 0xA660, Hi: 0xA660, Stride: 1}, {Lo: 0xA698, Hi: 0xA69A, Stride: 1}, {Lo: 0xA78D, Hi: 0xA7FF, Stride: 1},
}}

// upcase is Windows' upper case of one UTF-16 unit. It only pairs letters that lead back to each
// other, so U+00B5 or U+017F stay as they are.
func upcase(u uint16) uint16 {
	switch {
	case u < 'a':
		return u
	case u <= 'z':
		return u - ('a' - 'A')
	case u < 0x80:
		return u
	}
	up := unicode.ToUpper(rune(u))
	if up > 0xFFFF || unicode.ToLower(up) != rune(u) || unicode.Is(laterCapitals, up) {
		return u
	}
	return uint16(up)
}

// splitPath cuts a key path at its backslashes or, where it has none, at its slashes: key names
// may hold slashes.
func splitPath(path string) []string {
	sep := '\\'
	if !strings.ContainsRune(path, sep) {
		sep = '/'
	}
	return strings.FieldsFunc(path, func(r rune) bool { return r == sep })
}

// joinPath is the path that splitPath cuts into names.
func joinPath(names []string) string {
	path := strings.Join(names, `\`)
	if len(names) == 1 && strings.Contains(path, "/") {
		return `\` + path
	}
	return path
}
