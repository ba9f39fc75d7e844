package image

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"hangkit/image/container"
)

// device is what a raw disk can do: whole sectors at whole sectors.
type device interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// aligned makes a [Disk] of a device that takes nothing but whole sectors, from memory
// that is aligned as they are. Part of a sector is written by writing all of it with
// what it held: that is what a kernel does whose devices take any bytes.
type aligned struct {
	device device
	size   int64
	sector int64
	memory sync.Pool  // of *[]byte, aligned, of bounceSize
	write  sync.Mutex // two writes may share a sector
}

// bounceSize is the most that is read or written at once.
const bounceSize = 1 << 20

// newAligned makes the disk of a device whose sectors are a power of two.
func newAligned(d device, size, sector int64) *aligned {
	a := &aligned{device: d, size: container.RoundDown(size, sector), sector: sector}
	a.memory.New = func() any {
		b := alignedBytes(bounceSize, int(sector))
		return &b
	}
	return a
}

// alignedBytes gives n bytes at an address that is a multiple of align.
func alignedBytes(n, align int) []byte {
	b := make([]byte, n+align)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (align - 1)
	return b[skip : skip+n : skip+n]
}

// Size implements [Disk].
func (a *aligned) Size() int64 { return a.size }

// SectorSize implements [Disk].
func (a *aligned) SectorSize() int { return int(a.sector) }

// ID implements scattered: a device has none.
func (*aligned) ID() string { return "" }

// Writable implements scattered; whether it is was asked when it was opened.
func (*aligned) Writable() error { return nil }

// WillNeed implements scattered: a device is read past every cache.
func (*aligned) WillNeed(int64, int64) {}

// Sync implements [Disk].
func (a *aligned) Sync() error { return a.device.Sync() }

// Close implements scattered.
func (a *aligned) Close() error { return a.device.Close() }

// window is a run of whole sectors in a buffer.
type window struct {
	bytes []byte
	start int64 // on the device
}

// window puts the sectors around p at off into the buffer, as many as it holds, and
// gives the part of them that is p's.
func (a *aligned) window(buffer []byte, off int64, n int) (window, []byte) {
	start := container.RoundDown(off, a.sector)
	end := min(container.RoundUp(off+int64(n), a.sector), start+int64(len(buffer)))
	w := window{buffer[:end-start], start}
	return w, w.bytes[off-start : min(off+int64(n), end)-start]
}

// ReadAt implements [io.ReaderAt].
func (a *aligned) ReadAt(p []byte, off int64) (int, error) {
	p, end := container.Clip(p, off, a.size)
	buffer := a.memory.Get().(*[]byte)
	defer a.memory.Put(buffer)
	for done := 0; done < len(p); {
		w, part := a.window(*buffer, off+int64(done), len(p)-done)
		if err := a.fill(w); err != nil {
			return done, err
		}
		done += copy(p[done:], part)
	}
	return len(p), end
}

// fill reads all sectors of a window.
func (a *aligned) fill(w window) error {
	n, err := a.device.ReadAt(w.bytes, w.start)
	if n == len(w.bytes) {
		return nil
	}
	return fmt.Errorf("read of %d bytes at 0x%x: %w", len(w.bytes), w.start, orUnexpectedEOF(err))
}

// orUnexpectedEOF is for reads that end before the device does.
func orUnexpectedEOF(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// WriteAt implements [io.WriterAt].
func (a *aligned) WriteAt(p []byte, off int64) (int, error) {
	if err := container.CheckWrite(len(p), off, a.size); err != nil {
		return 0, err
	}
	a.write.Lock()
	defer a.write.Unlock()
	buffer := a.memory.Get().(*[]byte)
	defer a.memory.Put(buffer)
	for done := 0; done < len(p); {
		w, part := a.window(*buffer, off+int64(done), len(p)-done)
		if err := a.keepEdges(w, len(part), off+int64(done)); err != nil {
			return done, err
		}
		n := copy(part, p[done:])
		if _, err := a.device.WriteAt(w.bytes, w.start); err != nil {
			return done, fmt.Errorf("write of %d bytes at 0x%x: %w", len(w.bytes), w.start, err)
		}
		done += n
	}
	return len(p), nil
}

// keepEdges reads the first and the last sector of a window of which only a part, n
// bytes at off, is written.
func (a *aligned) keepEdges(w window, n int, off int64) error {
	end := w.start + int64(len(w.bytes))
	first := window{w.bytes[:a.sector], w.start}
	last := window{w.bytes[int64(len(w.bytes))-a.sector:], end - a.sector}
	cutLast := off+int64(n) < end
	if off > w.start || cutLast && last.start == w.start {
		if err := a.fill(first); err != nil {
			return err
		}
	}
	if cutLast && last.start > w.start {
		return a.fill(last)
	}
	return nil
}

// maxProbe bounds the size of a device that does not tell it.
const maxProbe = 1 << 60

// probeSize finds the end of a device that does not tell its size, by reading a sector
// here and there.
func probeSize(r io.ReaderAt, sector int64) int64 {
	b := alignedBytes(int(sector), int(sector))
	readable := func(number int64) bool {
		n, err := r.ReadAt(b, number*sector)
		return n == len(b) && err == nil
	}
	has, over := int64(0), int64(1) // sectors that are there, and that are not
	for ; over*sector < maxProbe && readable(over-1); over *= 2 {
		has = over
	}
	for over-has > 1 {
		if middle := has + (over-has)/2; readable(middle - 1) {
			has = middle
		} else {
			over = middle
		}
	}
	return has * sector
}
