// Package imagetest helps to test code that writes to disks: a disk that
// fails on demand, the states a power cut can leave behind, and the suite
// that every disk must pass.
package imagetest

import (
	"errors"
	"sync"

	"hangkit/image"
)

// ErrInjected is what a [Faulty] disk fails with.
var ErrInjected = errors.New("injected fault")

// Call is a set of kinds of calls.
type Call int

// The calls that can fail.
const (
	Read Call = 1 << iota
	Write
	Sync
	Any = Read | Write | Sync
)

// Faulty is a disk whose n-th call fails, and every call after it too: the
// cable is out.
type Faulty struct {
	image.Disk
	calls Call

	mu    sync.Mutex
	left  int // calls that still succeed
	fails bool
}

// NewFaulty lets n of the given calls on d succeed.
func NewFaulty(d image.Disk, n int, calls Call) *Faulty {
	return &Faulty{Disk: d, calls: calls, left: n}
}

// Failed says whether the fault was reached: a loop over n may stop once it
// was not.
func (f *Faulty) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fails
}

// count lets a call pass or fail.
func (f *Faulty) count(c Call) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.calls&c == 0:
		return nil
	case f.left > 0:
		f.left--
		return nil
	}
	f.fails = true
	return ErrInjected
}

// ReadAt reads the disk below unless it is time to fail.
func (f *Faulty) ReadAt(p []byte, off int64) (int, error) {
	if err := f.count(Read); err != nil {
		return 0, err
	}
	return f.Disk.ReadAt(p, off)
}

// WriteAt writes to the disk below unless it is time to fail; then the first
// half of p is written, in whole sectors, as a disk may leave it.
func (f *Faulty) WriteAt(p []byte, off int64) (int, error) {
	if err := f.count(Write); err != nil {
		half := len(p) / 2 / f.SectorSize() * f.SectorSize()
		n, _ := f.Disk.WriteAt(p[:half], off)
		return n, err
	}
	return f.Disk.WriteAt(p, off)
}

// Sync syncs the disk below unless it is time to fail.
func (f *Faulty) Sync() error {
	if err := f.count(Sync); err != nil {
		return err
	}
	return f.Disk.Sync()
}
