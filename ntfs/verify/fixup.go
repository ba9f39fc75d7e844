package verify

import "bytes"

// The update sequence array seals a multi-sector structure: the last two bytes
// of every 512-byte piece hold one number, the bytes they displaced are in the
// array. The stride is 512 bytes on 4096-byte sectors too.
const (
	fixupStride   = 512
	fixupOffset   = 0x04
	fixupCount    = 0x06
	fixupMinStart = 0x1e
)

// unseal checks magic and update sequence of b and puts the displaced bytes
// back, in b itself. kind is that of the fault, off where b lies.
func unseal(b []byte, magic string, kind Kind, off int64) error {
	if string(b[:4]) != magic {
		return bad(kind, off, magic+": magic", magic, printable(b[:4]))
	}
	start, count := int(le.Uint16(b[fixupOffset:])), int(le.Uint16(b[fixupCount:]))
	if pieces := len(b) / fixupStride; count != pieces+1 {
		return bad(kind, off+fixupCount, magic+": update sequence count", pieces+1, count)
	}
	if start < fixupMinStart || start%2 != 0 || start+2*count > fixupStride-2 {
		return bad(kind, off+fixupOffset, magic+": update sequence offset", "inside the first 510 bytes", hex(start))
	}
	usn, displaced := b[start:start+2], b[start+2:start+2*count]
	for i := range count - 1 {
		at := (i+1)*fixupStride - 2
		tail := b[at : at+2]
		if !bytes.Equal(tail, usn) {
			return bad(kind, off+int64(at), magic+": update sequence number", hex(le.Uint16(usn)), hex(le.Uint16(tail)))
		}
		copy(tail, displaced[2*i:])
	}
	return nil
}

// printable shows magic bytes.
func printable(b []byte) string {
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, b))
}
