package image

import (
	"sync"

	"hangkit/image/container"
)

// Memory is a disk in memory that starts as zeros and takes room only for
// what is written.
type Memory struct {
	size   int64
	sector int

	mu    sync.RWMutex
	pages pages
}

// NewMemory makes a disk of size bytes with sectors of sector bytes.
func NewMemory(size int64, sector int) *Memory {
	return &Memory{size: size, sector: sector, pages: pages{}}
}

// Size is the number of bytes.
func (m *Memory) Size() int64 { return m.size }

// SectorSize is what NewMemory was given.
func (m *Memory) SectorSize() int { return m.sector }

// Sync has nothing to do.
func (m *Memory) Sync() error { return nil }

// ReadAt implements [io.ReaderAt].
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	p, end := container.Clip(p, off, m.size)
	m.mu.RLock()
	defer m.mu.RUnlock()
	m.pages.readAt(p, off)
	return len(p), end
}

// WriteAt implements [io.WriterAt].
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	if err := container.CheckWrite(len(p), off, m.size); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pages.writeAt(p, off)
	return len(p), nil
}
