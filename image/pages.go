package image

import "bytes"

// pageSize is the unit in which written bytes are kept: the page of most
// file systems and a multiple of both sector sizes.
const pageSize = 4096

// pages is sparse memory: what was never written costs nothing and reads as
// zeros.
type pages map[int64]*[pageSize]byte

// readAt fills p with the bytes at off.
func (m pages) readAt(p []byte, off int64) {
	for len(p) > 0 {
		at := int(off % pageSize)
		n := min(len(p), pageSize-at)
		if page := m[off/pageSize]; page != nil {
			copy(p[:n], page[at:])
		} else {
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// writeAt puts p at off. Zeros written where nothing is stay nothing.
func (m pages) writeAt(p []byte, off int64) {
	for len(p) > 0 {
		at := int(off % pageSize)
		n := min(len(p), pageSize-at)
		page := m[off/pageSize]
		if page == nil && !allZero(p[:n]) {
			page = new([pageSize]byte)
			m[off/pageSize] = page
		}
		if page != nil {
			copy(page[at:], p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// allZero compares b with itself, a byte further on: comparing has the processor's vectors, a
// loop here has not.
func allZero(b []byte) bool { return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1]) }
