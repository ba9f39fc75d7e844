package ntfs

// The update sequence array seals a multi-sector structure: the last two bytes
// of every 512-byte piece hold one number, the bytes they displaced are in the
// array. The stride is 512 bytes on 4096-byte sectors too.
const (
	fixupStride   = 512
	fixupOffset   = 0x04
	fixupCount    = 0x06
	fixupMinStart = 0x1e // the shortest header of a sealed structure, that of a restart page
)

// unseal checks the magic and the update sequence of b and puts the displaced
// bytes back, in b itself. off is where b lies on the volume.
func unseal(b []byte, magic string, off int64) error {
	if len(b) < fixupStride || len(b)%fixupStride != 0 {
		return damaged(off, magic+" block: size", "a multiple of 512", len(b))
	}
	if string(b[:4]) != magic {
		return damaged(off, magic+" block: magic", magic, printable(b[:4]))
	}
	start, count := int(le.Uint16(b[fixupOffset:])), int(le.Uint16(b[fixupCount:]))
	if pieces := len(b) / fixupStride; count != pieces+1 {
		return damaged(off, magic+" block: update sequence count", pieces+1, count)
	}
	if start < fixupMinStart || start%2 != 0 || start+2*count > fixupStride-2 {
		return damaged(off, magic+" block: update sequence offset", "inside the first 510 bytes", hex(start))
	}
	usn, displaced := b[start:start+2], b[start+2:start+2*count]
	for i := range count - 1 {
		tail := b[(i+1)*fixupStride-2 : (i+1)*fixupStride]
		if tail[0] != usn[0] || tail[1] != usn[1] {
			return damaged(off, "torn "+magic+" block: update sequence number", hex(le.Uint16(usn)), hex(le.Uint16(tail)))
		}
		copy(tail, displaced[2*i:])
	}
	return nil
}

// printable shows four magic bytes in an error.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = '.'
		if c >= ' ' && c < 0x7f {
			out[i] = c
		}
	}
	return string(out)
}
