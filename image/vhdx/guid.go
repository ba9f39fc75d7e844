package vhdx

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// guid is the text of a GUID as it lies in the file: its first three numbers
// are little endian.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

// guidBytes is the opposite of guid, for the constants of this package.
func guidBytes(s string) []byte {
	b, _ := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
}

// plainGUID is the text of a GUID as this package writes it: no braces,
// small letters.
func plainGUID(s string) string { return strings.ToLower(strings.Trim(s, "{}")) }
