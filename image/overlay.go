package image

import (
	"slices"
	"sync"

	"hangkit/image/container"
)

// Overlay is copy-on-write in memory: it reads through to the disk below
// until something is written, and the disk below is never written. A dry run
// is the real code on an Overlay.
//
// It takes memory for what was written, in pages of 4 KiB, and is safe for
// concurrent use.
type Overlay struct {
	disk Disk

	mu    sync.RWMutex
	dirty ranges
	pages pages // holds the dirty bytes only
}

// NewOverlay lays an empty overlay over d.
func NewOverlay(d Disk) *Overlay { return &Overlay{disk: d, pages: pages{}} }

// Size is that of the disk below.
func (o *Overlay) Size() int64 { return o.disk.Size() }

// SectorSize is that of the disk below.
func (o *Overlay) SectorSize() int { return o.disk.SectorSize() }

// Sync has nothing to do: an overlay is as durable as memory is.
func (o *Overlay) Sync() error { return nil }

// Dirty lists the bytes that were written, sorted and merged, to the byte.
// Written bytes equal to those below count too.
func (o *Overlay) Dirty() []Range {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return slices.Clone(o.dirty)
}

// ReadAt gives the written bytes, and those of the disk below elsewhere. The
// disk below is not asked for bytes that were written.
func (o *Overlay) ReadAt(p []byte, off int64) (int, error) {
	p, end := container.Clip(p, off, o.Size())
	o.mu.RLock()
	defer o.mu.RUnlock()
	for piece, dirty := range o.dirty.split(off, int64(len(p))) {
		at := piece.Off - off
		buf := p[at : at+piece.Len]
		if dirty {
			o.pages.readAt(buf, piece.Off)
			continue
		}
		if n, err := o.disk.ReadAt(buf, piece.Off); n < len(buf) {
			return int(at) + n, err
		}
	}
	return len(p), end
}

// WillNeed hands the hint to the disk below.
func (o *Overlay) WillNeed(off, length int64) { willNeedBelow(o.disk, off, length) }

// WriteAt keeps p in memory.
func (o *Overlay) WriteAt(p []byte, off int64) (int, error) {
	if err := container.CheckWrite(len(p), off, o.Size()); err != nil {
		return 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages.writeAt(p, off)
	o.dirty.add(off, int64(len(p)))
	return len(p), nil
}
