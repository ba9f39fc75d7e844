package format_test

import (
	"crypto/sha256"
	"fmt"
)

// pageSize of the sparse memory device.
const pageSize = 64 << 10

// memory is a sparse device in memory.
type memory struct {
	size   int64
	pages  map[int64][]byte
	writes int
	failAt int // the write that fails, counted from 1; 0 = none
}

func newMemory(size int64) *memory { return &memory{size: size, pages: map[int64][]byte{}} }

func (m *memory) Size() int64 { return m.size }

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, fmt.Errorf("write of %d bytes at %#x is outside the device", len(p), off)
	}
	if m.writes++; m.writes == m.failAt {
		return 0, errInjected
	}
	m.each(p, off, true, func(page, part []byte) { copy(page, part) })
	return len(p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, fmt.Errorf("read of %d bytes at %#x is outside the device", len(p), off)
	}
	clear(p)
	m.each(p, off, false, func(page, part []byte) { copy(part, page) })
	return len(p), nil
}

// each visits the pages that p, at off, lies in.
func (m *memory) each(p []byte, off int64, make_ bool, visit func(page, part []byte)) {
	for len(p) > 0 {
		number, within := off/pageSize, off%pageSize
		n := min(int64(len(p)), pageSize-within)
		if m.pages[number] == nil && make_ {
			m.pages[number] = make([]byte, pageSize)
		}
		if page := m.pages[number]; page != nil {
			visit(page[within:within+n], p[:n])
		}
		p, off = p[n:], off+n
	}
}

// sum is a digest of everything on the device.
func (m *memory) sum() [sha256.Size]byte {
	h := sha256.New()
	zero := make([]byte, pageSize)
	for number := range (m.size + pageSize - 1) / pageSize {
		if page := m.pages[number]; page != nil {
			h.Write(page)
		} else {
			h.Write(zero)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
