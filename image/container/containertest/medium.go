// Package containertest helps to test the formats of disk images: a file in
// memory that remembers its writes, and the tests that every format passes.
package containertest

import (
	"io"
	"sync"

	"hangkit/image"
	"hangkit/image/container"
)

// room is the size of the disk in memory that a [Medium] grows in.
const room = 1 << 40

// Medium is a file in memory that grows.
type Medium struct {
	Disk image.Disk // what the bytes lie in

	mu   sync.Mutex
	size int64
}

// NewMedium is an empty file.
func NewMedium() *Medium { return &Medium{Disk: image.NewMemory(room, 512)} }

// On is a file of size bytes whose content lies in d.
func On(d image.Disk, size int64) *Medium { return &Medium{Disk: d, size: size} }

// Load is a file with the content.
func Load(content []byte) *Medium {
	m := NewMedium()
	_, _ = m.WriteAt(content, 0) // memory takes it
	return m
}

// Bytes is the content.
func (m *Medium) Bytes() []byte {
	b := make([]byte, m.size)
	_, _ = m.ReadAt(b, 0) // memory gives it
	return b
}

// Size implements [container.Storage].
func (m *Medium) Size() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size, nil
}

// ReadAt reads up to the end of the file.
func (m *Medium) ReadAt(p []byte, off int64) (int, error) {
	size, _ := m.Size()
	p, end := container.Clip(p, off, size)
	if len(p) == 0 {
		return 0, end
	}
	n, err := m.Disk.ReadAt(p, off)
	if n == len(p) {
		err = end
	}
	return n, err
}

// WriteAt writes, and makes the file longer if need be.
func (m *Medium) WriteAt(p []byte, off int64) (int, error) {
	n, err := m.Disk.WriteAt(p, off)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = max(m.size, off+int64(n))
	return n, err
}

// Sync syncs what the bytes lie in.
func (m *Medium) Sync() error { return m.Disk.Sync() }

// Truncate cuts the file.
func (m *Medium) Truncate(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = min(m.size, size)
}

var _ io.WriterAt = (*Medium)(nil)
