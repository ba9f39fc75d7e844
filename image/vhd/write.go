package vhd

import (
	"bytes"
	"fmt"

	"hangkit/image/container"
)

// Begin implements [container.Writer]. A file that was cut short is refused:
// what is put at its end would lie where other blocks are expected. So is one of
// which two blocks share a place. A file without a footer at its end gets one, so that
// Windows attaches it even if no block is added.
func (l *layout) Begin() error {
	size, err := l.storage.Size()
	if err != nil {
		return err
	}
	var blocks []container.Span
	for block := range (l.footer.size() + l.block - 1) / l.block {
		base, ok, err := l.entry(block)
		if err != nil {
			return err
		}
		if n := l.bitmap + l.block; ok && base+n > size {
			return &container.TruncatedError{Off: base, Len: n, Have: size}
		} else if ok {
			blocks = append(blocks, container.Span{Off: base, Len: n})
		}
	}
	if err := container.Apart("vhd block table: block", blocks); err != nil || l.tail != 0 {
		return err
	}
	end, err := l.end()
	if err != nil {
		return err
	}
	return l.putFooter(end)
}

// putFooter makes a footer durable that ends the file at off.
func (l *layout) putFooter(off int64) error {
	if _, err := l.storage.WriteAt(l.footer, off); err != nil {
		return err
	}
	if err := l.storage.Sync(); err != nil {
		return err
	}
	l.tail = off
	return nil
}

// Flush implements [container.Writer].
func (l *layout) Flush() error { return l.tables.Flush() }

// Allocate implements [container.Writer].
func (l *layout) Allocate(p []byte, off int64) (int, error) {
	e, err := l.Extent(off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	p = p[:e.Len]
	base, ok, err := l.entry(off / l.block)
	switch {
	case err != nil:
		return 0, err
	case ok:
		return len(p), l.writeSectors(p, base, off%l.block)
	}
	return len(p), l.addBlock(p, off)
}

// addBlock puts a block that has p at off where the footer was. The new
// footer is durable before the old one is overwritten: Windows does not attach
// a file that has only the copy at the start.
func (l *layout) addBlock(p []byte, off int64) error {
	base, err := l.end()
	if err != nil {
		return err
	}
	data := base + l.bitmap
	if last := (data + l.block) / sectorSize; last >= unallocated {
		return fmt.Errorf("vhd block table: a block at sector %d: %w", last, container.ErrOutOfBounds)
	}
	if err := l.putFooter(data + l.block); err != nil {
		return err
	}
	if err := l.tables.Put(bytes.Repeat([]byte{0xff}, int(l.bitmap)), base); err != nil {
		return err
	}
	if _, err := l.storage.WriteAt(p, data+off%l.block); err != nil {
		return err
	}
	l.tables.Defer(be.AppendUint32(nil, uint32(base/sectorSize)), l.table+4*(off/l.block))
	return l.flushIfFull()
}

// end is where the next block goes: over the footer, if the file has one.
func (l *layout) end() (int64, error) {
	end := l.tail
	if end == 0 {
		size, err := l.storage.Size()
		if err != nil {
			return 0, err
		}
		end = container.RoundUp(size, sectorSize)
	}
	return max(end, container.RoundUp(l.table+4*l.blocks, sectorSize)), nil
}

// writeSectors writes p at a place of an existing block whose sectors were
// never written, whole sectors, and says afterwards that they are there.
func (l *layout) writeSectors(p []byte, base, at int64) error {
	first, end := at/sectorSize, (at+int64(len(p))+sectorSize-1)/sectorSize
	whole := make([]byte, (end-first)*sectorSize)
	copy(whole[at-first*sectorSize:], p)
	if _, err := l.storage.WriteAt(whole, base+l.bitmap+first*sectorSize); err != nil {
		return err
	}
	bits := make([]byte, (end-1)/8-first/8+1)
	if err := l.tables.ReadAt(bits, base+first/8); err != nil {
		return err
	}
	for s := first; s < end; s++ {
		bits[s/8-first/8] |= 0x80 >> (s % 8)
	}
	l.tables.Defer(bits, base+first/8)
	return l.flushIfFull()
}

func (l *layout) flushIfFull() error {
	if l.tables.Full() {
		return l.tables.Flush()
	}
	return nil
}
