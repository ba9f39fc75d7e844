package vhdx

import (
	"fmt"
	"io"
	"sync"

	"hangkit/image/container"
)

// replayed is a file as it is once the changes in its log are made. Until
// they are, they are made of what is read.
type replayed struct {
	container.Storage

	mu      sync.RWMutex
	patches []patch
	size    int64
}

// Size is that of the file, or what the log makes of it.
func (r *replayed) Size() (int64, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	size, err := r.Storage.Size()
	return max(size, r.size), err
}

// ReadAt reads the file and makes the changes.
func (r *replayed) ReadAt(p []byte, off int64) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.patches) == 0 && r.size == 0 {
		return r.Storage.ReadAt(p, off)
	}
	size, err := r.Storage.Size()
	if err != nil {
		return 0, err
	}
	p, end := container.Clip(p, off, max(size, r.size))
	if have := min(int64(len(p)), max(0, size-off)); have > 0 {
		if err := container.ReadFull(r.Storage, p[:have], off); err != nil {
			return 0, err
		}
		clear(p[have:])
	} else {
		clear(p)
	}
	for _, c := range r.patches {
		c.lay(p, off)
	}
	return len(p), end
}

// lay makes the change of the bytes p that lie at off.
func (c patch) lay(p []byte, off int64) {
	start, end := max(off, c.off), min(off+int64(len(p)), c.off+c.len)
	switch {
	case start >= end:
	case c.data == nil:
		clear(p[start-off : end-off])
	default:
		copy(p[start-off:end-off], c.data[start-c.off:])
	}
}

// replay makes the changes in the file, for good.
func (r *replayed) replay() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := container.Extend(r.Storage, r.size); err != nil {
		return err
	}
	size, err := r.Storage.Size()
	if err != nil {
		return err
	}
	for _, c := range r.patches {
		if err := c.write(r.Storage, size); err != nil {
			return fmt.Errorf("replay of the vhdx log at 0x%x: %w", c.off, err)
		}
	}
	if err := r.Sync(); err != nil {
		return err
	}
	r.patches, r.size = nil, 0
	return nil
}

// write makes the change, as far as the file of size bytes goes.
func (c patch) write(w io.WriterAt, size int64) error {
	if c.data != nil {
		_, err := w.WriteAt(c.data, c.off)
		return err
	}
	zeros := make([]byte, mib)
	for off, end := c.off, min(c.off+c.len, size); off < end; off += int64(len(zeros)) {
		if _, err := w.WriteAt(zeros[:min(int64(len(zeros)), end-off)], off); err != nil {
			return err
		}
	}
	return nil
}
