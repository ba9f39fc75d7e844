package ntfs_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

const pageSize = 4 << 10

var errFault = errors.New("injected read error")

// memory is a sparse volume in memory that counts what is read and can fail.
type memory struct {
	mu     sync.Mutex
	size   int64
	pages  map[int64][]byte
	reads  int
	bytes  int64
	writes []write
	fault  func(off, length int64) bool // which reads fail
}

type write struct{ off, length int64 }

func newMemory(size int64) *memory { return &memory{size: size, pages: map[int64][]byte{}} }

func (m *memory) Size() int64 { return m.size }

func (m *memory) Sync() error { return nil }

func (m *memory) each(off int64, p []byte, do func(page, part []byte)) {
	for len(p) > 0 {
		at := off % pageSize
		part := p[:min(int64(len(p)), pageSize-at)]
		page := m.pages[off/pageSize]
		if page == nil {
			page = make([]byte, pageSize)
			m.pages[off/pageSize] = page
		}
		do(page[at:], part)
		off, p = off+int64(len(part)), p[len(part):]
	}
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	m.bytes += int64(len(p))
	if m.fault != nil && m.fault(off, int64(len(p))) {
		return 0, errFault
	}
	if off >= m.size {
		return 0, io.EOF
	}
	var eof error
	if rest := m.size - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	m.each(off, p, func(page, part []byte) { copy(part, page) })
	return len(p), eof
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, fmt.Errorf("write of %d bytes at %#x is outside the device", len(p), off)
	}
	m.writes = append(m.writes, write{off, int64(len(p))})
	m.each(off, p, func(page, part []byte) { copy(page, part) })
	return len(p), nil
}

// clone copies the device, without its counters.
func (m *memory) clone() *memory {
	c := newMemory(m.size)
	for i, p := range m.pages {
		c.pages[i] = slices.Clone(p)
	}
	return c
}

// patch overwrites bytes, and bytes reads them, past all counting.
func (m *memory) patch(off int64, b ...byte) {
	m.each(off, b, func(page, part []byte) { copy(page, part) })
}

func (m *memory) peek(off, n int64) []byte {
	b := make([]byte, n)
	m.each(off, b, func(page, part []byte) { copy(part, page) })
	return b
}

// build formats a volume of the given size in memory.
func build(tb testing.TB, size int64, o format.Options) (*memory, *format.Layout) {
	tb.Helper()
	m := newMemory(size)
	layout, err := format.Build(m, o)
	if err != nil {
		tb.Fatal(err)
	}
	m.writes = nil
	return m, layout
}

func open(tb testing.TB, dev ntfs.Device) *ntfs.Volume {
	tb.Helper()
	v, err := ntfs.Open(dev)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// pattern is contents that differ everywhere: each 8 bytes hold their offset.
type pattern struct{ size int64 }

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		at := off + int64(i)
		b[i] = byte((at/8*0x9e3779b1 + 1) >> (at % 8 * 4))
	}
	return len(b), nil
}

func patterned(n int64) []byte {
	b := make([]byte, n)
	_, _ = pattern{n}.ReadAt(b, 0)
	return b
}
