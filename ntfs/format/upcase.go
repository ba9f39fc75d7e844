package format

import (
	"hash/crc64"
	"slices"
	"sync"
	"unicode"
	"unicode/utf16"
)

// upCaseUnits is the number of entries of $UpCase: one per UTF-16 code unit.
const upCaseUnits = 1 << 16

// upCase is the table Windows has shipped since Vista, made from Go's Unicode
// data: the upper-case letter of every letter of the basic plane whose
// lower-case letter leads back, except what newUnicode lists.
var upCase = sync.OnceValue(func() *[upCaseUnits]uint16 {
	var table [upCaseUnits]uint16
	for c := range rune(upCaseUnits) {
		table[c] = uint16(c)
		if u := unicode.ToUpper(c); u < upCaseUnits && !keepsCase(c, u) {
			table[c] = uint16(u)
		}
	}
	return &table
})

// keepsCase tells whether $UpCase leaves c alone though Unicode has u for it.
func keepsCase(c, u rune) bool {
	return utf16.IsSurrogate(c) || unicode.IsTitle(c) || unicode.ToLower(u) != c || isNewUnicode(c)
}

// newUnicode lists letters whose upper case came into Unicode after the table
// was made. Ranges are inclusive and sorted.
var newUnicode = [][2]rune{
	{0x023f, 0x0240}, {0x0252, 0x0252}, {0x025c, 0x025c}, {0x0261, 0x0261}, {0x0265, 0x0266},
	{0x026a, 0x026a}, {0x026c, 0x026c}, {0x0282, 0x0282}, {0x0287, 0x0287}, {0x029d, 0x029e},
	{0x03f3, 0x03f3}, {0x0525, 0x052f}, {0x10d0, 0x10fa}, {0x10fd, 0x10ff}, {0x13f8, 0x13fd},
	{0x1d8e, 0x1d8e}, {0x2c5f, 0x2c5f}, {0x2cec, 0x2cee}, {0x2cf3, 0x2cf3}, {0x2d27, 0x2d27},
	{0x2d2d, 0x2d2d}, {0xa661, 0xa661}, {0xa699, 0xa69b}, {0xa791, 0xa794}, {0xa797, 0xa7a9},
	{0xa7b5, 0xa7c3}, {0xa7c8, 0xa7ca}, {0xa7d1, 0xa7d1}, {0xa7d7, 0xa7d9}, {0xa7f6, 0xa7f6},
	{0xab53, 0xab53}, {0xab70, 0xabbf},
}

func isNewUnicode(c rune) bool {
	_, found := slices.BinarySearchFunc(newUnicode, c, func(r [2]rune, c rune) int {
		switch {
		case r[1] < c:
			return -1
		case r[0] > c:
			return 1
		}
		return 0
	})
	return found
}

// upCaseBytes is the contents of $UpCase.
func upCaseBytes() []byte {
	b := make([]byte, 0, 2*upCaseUnits)
	for _, u := range upCase() {
		b = le.AppendUint16(b, u)
	}
	return b
}

// Contents of $UpCase:$Info: its own length and a checksum of the table.
const (
	upCaseInfoLength = 0x00
	upCaseInfoCRC    = 0x08
	upCaseInfoSize   = 0x20

	upCasePolynomial = 0x9a6c9329ac4bc9b5 // of the CRC-64, reflected
)

func upCaseInfo(table []byte) []byte {
	b := make([]byte, upCaseInfoSize)
	le.PutUint32(b[upCaseInfoLength:], upCaseInfoSize)
	le.PutUint64(b[upCaseInfoCRC:], crc64.Checksum(table, crc64.MakeTable(upCasePolynomial)))
	return b
}

// collationKey orders and identifies names as NTFS does: comparing two keys as
// strings compares their upper-cased code units as numbers, shorter first.
func collationKey(name string) string {
	b := make([]byte, 0, 2*len(name))
	table := upCase()
	for _, u := range utf16.Encode([]rune(name)) {
		c := table[u]
		b = append(b, byte(c>>8), byte(c))
	}
	return string(b)
}

func utf16Bytes(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

func utf16Len(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
