package image

import (
	"bytes"
	"slices"
	"sync"
)

// Op is one call that reached a recorded disk: a write of Data at Off, or a
// sync.
type Op struct {
	Off  int64
	Data []byte
	Sync bool
}

// Recorder passes everything through to a disk and remembers writes and
// syncs in their order: what a power cut could have left behind.
type Recorder struct {
	disk Disk

	mu  sync.Mutex
	ops []Op
}

// NewRecorder records what happens to d from now on.
func NewRecorder(d Disk) *Recorder { return &Recorder{disk: d} }

// Ops lists the calls so far. Of a write that failed, the bytes that the
// disk below took are listed.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}

// Size is that of the disk below.
func (r *Recorder) Size() int64 { return r.disk.Size() }

// SectorSize is that of the disk below.
func (r *Recorder) SectorSize() int { return r.disk.SectorSize() }

// ReadAt reads the disk below.
func (r *Recorder) ReadAt(p []byte, off int64) (int, error) { return r.disk.ReadAt(p, off) }

// WriteAt writes to the disk below and records it.
func (r *Recorder) WriteAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.disk.WriteAt(p, off)
	if n > 0 {
		r.ops = append(r.ops, Op{Off: off, Data: bytes.Clone(p[:n])})
	}
	return n, err
}

// Sync syncs the disk below and records it if it succeeded.
func (r *Recorder) Sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.disk.Sync(); err != nil {
		return err
	}
	r.ops = append(r.ops, Op{Sync: true})
	return nil
}
