package hive

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// storedName is a name as a cell holds it. Names are ordered, hashed and found in upper case.
type storedName struct {
	raw      []byte
	eightBit bool // one byte per character, all below U+0100; else UTF-16
}

// storeName stores a name one byte per character where every character is below U+0100.
func storeName(name string) storedName {
	if isASCII(name) {
		return storedName{[]byte(name), true}
	}
	units := EncodeUTF16(name)
	raw := make([]byte, len(units))
	for i, u := range units {
		if u > 0xFF {
			return storedName{bytesOf(units), false}
		}
		raw[i] = byte(u)
	}
	return storedName{raw, true}
}

// len is the length in UTF-16 units.
func (n storedName) len() int {
	if n.eightBit {
		return len(n.raw)
	}
	return len(n.raw) / 2
}

func (n storedName) unit(i int) uint16 {
	if n.eightBit {
		return uint16(n.raw[i])
	}
	return le.Uint16(n.raw[2*i:])
}

func (n storedName) String() string {
	if n.eightBit && isASCII(n.raw) {
		return string(n.raw)
	}
	units := make([]uint16, n.len())
	for i := range units {
		units[i] = n.unit(i)
	}
	return DecodeUTF16(units)
}

func isASCII[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// upper is the name in upper case.
func (n storedName) upper() string {
	units := make([]uint16, n.len())
	for i := range units {
		units[i] = upcase(n.unit(i))
	}
	return DecodeUTF16(units)
}

// FoldName is a name in upper case as the registry has it: names of one key or value fold alike.
func FoldName(name string) string { return storeName(name).upper() }

// EqualNames says whether the registry takes two names for the same.
func EqualNames(a, b string) bool { return storeName(a).equal(storeName(b)) }

// compare gives the order of two names: that of their upper-case units.
func (n storedName) compare(m storedName) int {
	for i := range min(n.len(), m.len()) {
		a, b := n.unit(i), m.unit(i)
		if a == b {
			continue
		}
		if a, b = upcase(a), upcase(b); a != b {
			return cmp.Compare(a, b)
		}
	}
	return cmp.Compare(n.len(), m.len())
}

func (n storedName) equal(m storedName) bool { return n.len() == m.len() && n.compare(m) == 0 }

// hash is the name's hash in "lh" lists.
func (n storedName) hash() uint32 {
	var h uint32
	if n.eightBit {
		for _, c := range n.raw {
			h = h*37 + uint32(upcaseByte[c])
		}
		return h
	}
	for i := range n.len() {
		h = h*37 + uint32(upcase(n.unit(i)))
	}
	return h
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

// laterCapitals are capitals that Unicode gained after 5.1, the version Windows' upper-case table
// stems from: their small letters stay as they are.
var laterCapitals = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x037F, Hi: 0x037F, Stride: 1}, {Lo: 0x0524, Hi: 0x052F, Stride: 1}, {Lo: 0x10C7, Hi: 0x10CD, Stride: 1},
	{Lo: 0x13A0, Hi: 0x13F5, Stride: 1}, {Lo: 0x1C90, Hi: 0x1CBF, Stride: 1}, {Lo: 0x2C2F, Hi: 0x2C2F, Stride: 1},
	{Lo: 0x2C70, Hi: 0x2C70, Stride: 1}, {Lo: 0x2C7E, Hi: 0x2C7F, Stride: 1}, {Lo: 0x2CEB, Hi: 0x2CF2, Stride: 1},
	{Lo: 0xA660, Hi: 0xA660, Stride: 1}, {Lo: 0xA698, Hi: 0xA69A, Stride: 1}, {Lo: 0xA78D, Hi: 0xA7FF, Stride: 1},
}}

// upcaseByte is upcase of the characters that 8-bit names consist of.
var upcaseByte = func() (table [256]uint16) {
	for c := range table {
		table[c] = upcase(uint16(c))
	}
	return table
}()

// upcase is Windows' upper case of one UTF-16 unit. It only pairs letters that lead back to each
// other, so U+00B5 or U+017F stay as they are.
func upcase(u uint16) uint16 {
	if u >= utf8.RuneSelf {
		return upcaseBeyondASCII(u)
	}
	if 'a' <= u && u <= 'z' {
		u -= 'a' - 'A'
	}
	return u
}

func upcaseBeyondASCII(u uint16) uint16 {
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
