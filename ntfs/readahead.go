package ntfs

import (
	"io"
	"sync"
)

// willNeeder is a [Device] that can fetch bytes before they are read.
type willNeeder interface {
	// WillNeed hints that the bytes will be read soon. It does not wait for them.
	WillNeed(off, length int64)
}

// aheadWindow is how far the device looks beyond a reader: enough pieces to keep
// a disk's queue full, and the disk's head to be sent over them in its own order.
const aheadWindow = 16 << 20

// readAhead tells a device what the reader of a stream in pieces wants next. The
// operating system sees that a file is read from front to end only while it is
// in one piece; from one piece to the next it waits.
type readAhead struct {
	mu   sync.Mutex
	next int64 // where a reader from front to end goes on
	told int64 // the device knows what it has to fetch up to here
}

// follow is called before the bytes from off to end of the mapped file are read.
func (a *readAhead) follow(dev io.ReaderAt, extents []Extent, off, end int64) {
	w, ok := dev.(willNeeder)
	if !ok || len(extents) < 2 {
		return
	}
	from, to := a.advance(off, end)
	for i := extentAt(extents, from); i < len(extents) && extents[i].FileOffset < to; i++ {
		e := extents[i]
		if e.DeviceOffset == hole || e.FileOffset <= off { // where the read itself begins
			continue
		}
		start, stop := max(e.FileOffset, from), min(e.FileOffset+e.Length, to)
		w.WillNeed(e.DeviceOffset+start-e.FileOffset, stop-start)
	}
}

// advance returns what the device does not know yet: the rest of this read, and
// once reads follow each other, what lies behind.
func (a *readAhead) advance(off, end int64) (from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, to = off, end
	if off > 0 && off == a.next {
		from, to = max(off, a.told), end+aheadWindow
	}
	a.next, a.told = end, to
	return from, to
}
