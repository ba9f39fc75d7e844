package container

import (
	"fmt"
	"io"
	"sync"
)

// Kind says what the bytes of an extent are.
type Kind int

// The kinds of extent.
const (
	Zero   Kind = iota // nowhere: they read as zeros
	Below              // nowhere: they are those of the image below
	Data               // in the storage, and may be written there
	Shared             // in the storage, but a snapshot has them too
	Packed             // in a compressed block
)

// Extent is where a run of a disk's bytes lies.
type Extent struct {
	Kind Kind
	Len  int64
	Off  int64 // in the storage (Data, Shared)
	// Block is the number of the compressed block and Start the place of the
	// extent in it (Packed).
	Block, Start int64
}

// Layout is what a format knows.
type Layout interface {
	// Extent tells where the bytes at off lie, limit of them at most.
	Extent(off, limit int64) (Extent, error)
}

// Unpacker is the [Layout] of a format with compressed blocks.
type Unpacker interface {
	// Unpack gives the bytes of a compressed block. It is called from many
	// goroutines.
	Unpack(block int64) ([]byte, error)
}

// Writer is the [Layout] of a format that can be written.
type Writer interface {
	// Begin is called before the first write.
	Begin() error
	// Allocate writes p at off, where there is no Data, and returns how many
	// bytes it took: at least one, as many as lie in one block.
	Allocate(p []byte, off int64) (int, error)
	// Flush makes everything durable.
	Flush() error
}

// Disk is the disk in an image.
//
// It is safe for concurrent use. After a failed write of a table the disk
// takes no more writes: what it knows of the file may be wrong.
type Disk struct {
	storage Storage
	layout  Layout
	below   Source
	size    int64
	sector  int
	id      string
	loses   []string
	packed  blockCache

	mu     sync.RWMutex
	writer Writer
	begun  bool
	broken error
}

// Config is what a format makes a [Disk] of.
type Config struct {
	Storage Storage
	Layout  Layout
	Below   Source // may be nil
	Size    int64
	Sector  int    // logical sector, 0 if the format does not say
	ID      string // by which an image above knows this one
	// Loses is what the file holds that the first write makes wrong.
	Loses []string
	// Refusal is why the disk cannot be written, nil if it can; then the
	// Layout must be a Writer.
	Refusal error
}

// NewDisk makes the disk of a parsed image.
func NewDisk(c Config) *Disk {
	d := &Disk{storage: c.Storage, layout: c.Layout, below: c.Below, size: c.Size, sector: c.Sector, id: c.ID, loses: c.Loses, broken: c.Refusal}
	if c.Refusal == nil {
		d.writer, _ = c.Layout.(Writer)
	}
	return d
}

// Size is the number of bytes.
func (d *Disk) Size() int64 { return d.size }

// SectorSize is the logical sector, 0 if the format does not say.
func (d *Disk) SectorSize() int { return d.sector }

// ID is by what an image above knows this one; empty if by its name alone.
func (d *Disk) ID() string { return d.id }

// Loses is what the file holds that the first write makes wrong.
func (d *Disk) Loses() []string { return d.loses }

// Writable gives the reason why the disk cannot be written, nil if it can.
func (d *Disk) Writable() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.broken
}

// extent asks the layout and distrusts the answer.
func (d *Disk) extent(off, limit int64) (Extent, error) {
	e, err := d.layout.Extent(off, limit)
	if err == nil && (e.Len <= 0 || e.Len > limit) {
		err = fmt.Errorf("extent at 0x%x: %w", off, ErrFormat)
	}
	return e, err
}

// run is the extent at off, together with those behind it that continue it.
func (d *Disk) run(off, limit int64) (Extent, error) {
	e, err := d.extent(off, limit)
	for err == nil && e.Len < limit && e.Kind != Packed {
		next, err := d.extent(off+e.Len, limit-e.Len)
		if err != nil || !e.continues(next) {
			break // a broken extent is an error when it is its turn
		}
		e.Len += next.Len
	}
	return e, err
}

func (e Extent) continues(next Extent) bool {
	inStorage := e.Kind == Data || e.Kind == Shared
	return next.Kind == e.Kind && (!inStorage || next.Off == e.Off+e.Len)
}

// ReadAt implements [io.ReaderAt].
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	p, end := Clip(p, off, d.size)
	d.mu.RLock()
	defer d.mu.RUnlock()
	var jobs []job
	for done := 0; done < len(p); {
		e, err := d.run(off+int64(done), int64(len(p)-done))
		if err != nil {
			return d.finish(jobs, done, err)
		}
		piece := p[done : done+int(e.Len)]
		if e.Kind == Packed {
			jobs = append(jobs, job{p: piece, block: e.Block, start: e.Start, done: done})
		} else if err := d.read(piece, off+int64(done), e); err != nil {
			return d.finish(jobs, done, err)
		}
		done += len(piece)
	}
	return d.finish(jobs, len(p), end)
}

// read fills p with the bytes of one extent that is not packed.
func (d *Disk) read(p []byte, off int64, e Extent) error {
	switch e.Kind {
	case Data, Shared:
		return ReadFull(d.storage, p, e.Off)
	case Below:
		if d.below != nil {
			return readBelow(d.below, p, off)
		}
	case Zero, Packed:
	}
	clear(p)
	return nil
}

// readBelow reads an image below, which may be smaller: behind its end there
// are zeros.
func readBelow(below Source, p []byte, off int64) error {
	n := min(int64(len(p)), max(0, below.Size()-off))
	clear(p[n:])
	if n == 0 {
		return nil
	}
	if err := ReadFull(below, p[:n], off); err != nil {
		return fmt.Errorf("image below: %w", err)
	}
	return nil
}

// ReadBelow fills p from the image below; for a format that copies a block.
func ReadBelow(below Source, p []byte, off int64) error {
	if below == nil {
		clear(p)
		return nil
	}
	return readBelow(below, p, off)
}

// willNeeder fetches bytes before they are read.
type willNeeder interface {
	WillNeed(off, length int64)
}

// maxHints bounds what a hint may cost to map.
const maxHints = 1024

// WillNeed hands a hint to the storage, as far as that can use it.
func (d *Disk) WillNeed(off, length int64) {
	w, ok := d.storage.(willNeeder)
	length = min(length, d.size-off)
	if !ok || off < 0 {
		return
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for range maxHints {
		if length <= 0 {
			return
		}
		e, err := d.run(off, length)
		if err != nil {
			return
		}
		if e.Kind == Data || e.Kind == Shared {
			w.WillNeed(e.Off, e.Len)
		}
		off, length = off+e.Len, length-e.Len
	}
}

// WriteAt implements [io.WriterAt].
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	if err := CheckWrite(len(p), off, d.size); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(); err != nil {
		return 0, err
	}
	for done := 0; done < len(p); {
		n, err := d.write(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return len(p), nil
}

// prepare is begin, ahead of a write.
func (d *Disk) prepare() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begin()
}

// begin prepares the image for the first write.
func (d *Disk) begin() error {
	if d.broken != nil {
		return d.broken
	}
	if d.begun {
		return nil
	}
	if err := d.writer.Begin(); err != nil {
		return d.fail(err)
	}
	d.begun = true
	return nil
}

// fail makes the first failure of a table's write the last write.
func (d *Disk) fail(err error) error {
	d.broken = fmt.Errorf("image takes no more writes: %w", err)
	return err
}

// write writes the part of p that one extent takes.
func (d *Disk) write(p []byte, off int64) (int, error) {
	e, err := d.run(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	p = p[:e.Len]
	if e.Kind == Data {
		return d.overwrite(p, e.Off)
	}
	d.packed.forget()
	n, err := d.writer.Allocate(p, off)
	if err != nil {
		return n, d.fail(err)
	}
	if n <= 0 || n > len(p) {
		return 0, d.fail(io.ErrShortWrite)
	}
	return n, nil
}

// overwrite writes where bytes are already: a table that points behind the
// end of a file that was cut short must not make it long again.
func (d *Disk) overwrite(p []byte, off int64) (int, error) {
	size, err := d.storage.Size()
	if err != nil {
		return 0, err
	}
	if off+int64(len(p)) > size {
		return 0, &TruncatedError{Off: off, Len: int64(len(p)), Have: size}
	}
	return d.storage.WriteAt(p, off)
}

// Sync makes everything written durable.
func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.begun {
		return nil
	}
	if d.broken != nil {
		return d.broken
	}
	if err := d.writer.Flush(); err != nil {
		return d.fail(err)
	}
	return nil
}

// Close flushes what waits. Storage and image below stay open: they belong
// to the caller.
func (d *Disk) Close() error { return d.Sync() }
