package bitlocker

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

var le = binary.LittleEndian

// GUID is one as it is stored: its first three fields are little endian.
type GUID [16]byte

// String writes a GUID as Windows and its key escrows show it.
func (g GUID) String() string {
	return fmt.Sprintf("%08X-%04X-%04X-%04X-%012X", le.Uint32(g[:]), le.Uint16(g[4:]), le.Uint16(g[6:]), g[8:10], g[10:])
}

// utf16String decodes a string up to its NUL.
func utf16String(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		unit := le.Uint16(b)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}

// utf16Bytes encodes a string without a NUL.
func utf16Bytes(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, unit)
	}
	return b
}
