package vdi

import (
	"crypto/rand"
	"fmt"
	"io"

	"hangkit/image/container"
)

// The entries of the map that are no block's number.
const (
	entrySize   = 4
	unallocated = 0xffffffff
	discarded   = 0xfffffffe // and zero
)

// layout is where the blocks of a disk lie.
type layout struct {
	storage   container.Storage
	tables    *container.Tables
	random    io.Reader
	h         header
	allocated int64 // the number of the next new block
}

// Open opens a dynamic or fixed image.
func Open(s container.Storage) (*container.Disk, error) {
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	l := &layout{storage: s, tables: container.NewTables(s), random: rand.Reader, h: h}
	return container.NewDisk(container.Config{Storage: s, Layout: l, Size: h.size(), ID: h.id(headerID)}), nil
}

func (l *layout) entryAt(block int64) int64 { return l.h.table() + entrySize*block }

// number is that of a block of the disk in the file, -1 if it has none.
func (l *layout) number(block int64) (int64, error) {
	b := make([]byte, entrySize)
	if err := l.tables.ReadAt(b, l.entryAt(block)); err != nil {
		return 0, fmt.Errorf("vdi block map: %w", err)
	}
	switch n := le.Uint32(b); {
	case n >= discarded:
		return -1, nil
	case int64(n) >= l.h.blocks():
		return 0, &container.FormatError{Off: l.entryAt(block), What: "vdi block map: block", Want: fmt.Sprintf("below %d", l.h.blocks()), Got: n}
	default:
		return int64(n), nil
	}
}

// place is where the block with the number lies in the file.
func (l *layout) place(number int64) int64 {
	extra := l.h.u32(headerExtra)
	return l.h.u32(headerData) + number*(extra+l.h.block()) + extra
}

// Extent implements [container.Layout].
func (l *layout) Extent(off, limit int64) (container.Extent, error) {
	at := off % l.h.block()
	e := container.Extent{Kind: container.Zero, Len: min(limit, l.h.block()-at)}
	number, err := l.number(off / l.h.block())
	if err == nil && number >= 0 {
		e.Kind, e.Off = container.Data, l.place(number)+at
	}
	return e, err
}

// Begin implements [container.Writer]: it looks which number is free, that no
// block lies behind the end of the file, and none where another does.
func (l *layout) Begin() error {
	size, err := l.storage.Size()
	if err != nil {
		return err
	}
	var blocks []container.Span
	first := int64(0) // number behind all that the map has
	for block := range l.h.blocks() {
		n, err := l.number(block)
		switch {
		case err != nil:
			return err
		case n < 0:
			continue
		case l.place(n)+l.h.block() > size:
			return &container.TruncatedError{Off: l.place(n), Len: l.h.block(), Have: size}
		}
		blocks = append(blocks, container.Span{Off: l.place(n), Len: l.h.block()})
		first = max(first, n+1)
	}
	if err := container.Apart("vdi block map: block", blocks); err != nil {
		return err
	}
	if err := l.recount(first, int64(len(blocks))); err != nil {
		return err
	}
	return l.renew()
}

// recount makes the count of blocks right where a cut left one counted that the
// map does not have: it goes up first, as VirtualBox does it, for by a count that
// is too low another program would put a block over one that is there. Numbers
// that the map leaves out further down stay counted.
func (l *layout) recount(first, blocks int64) error {
	count := l.h.u32(headerAllocated)
	l.allocated = max(count, first)
	if blocks == first && l.h.u32(headerType) != typeFixed {
		l.allocated = first
	}
	if l.allocated == count {
		return nil
	}
	return l.tables.Put(le.AppendUint32(nil, uint32(l.allocated)), headerAllocated)
}

// renew gives the image a new id of its content: by the old one a
// differencing image above it sees that it was changed.
func (l *layout) renew() error {
	id := make([]byte, uuidLen)
	if _, err := io.ReadFull(l.random, id); err != nil {
		return fmt.Errorf("new id: %w", err)
	}
	id[7], id[8] = id[7]&0x0f|0x40, id[8]&0x3f|0x80 // version 4: random; the first numbers are little endian
	if err := l.tables.Put(id, headerChange); err != nil {
		return err
	}
	return l.storage.Sync()
}

// Allocate implements [container.Writer]. The count of blocks goes up first:
// at worst it counts one that the map does not have.
func (l *layout) Allocate(p []byte, off int64) (int, error) {
	block, at := off/l.h.block(), off%l.h.block()
	p = p[:min(int64(len(p)), l.h.block()-at)]
	if l.allocated >= l.h.blocks() {
		return 0, &container.FormatError{Off: headerAllocated, What: "vdi header: blocks in the file", Want: fmt.Sprintf("fewer than %d", l.h.blocks()), Got: l.allocated}
	}
	place := l.place(l.allocated)
	if err := container.Extend(l.storage, place+l.h.block()); err != nil {
		return 0, err
	}
	if err := l.clear(place, p, at); err != nil {
		return 0, err
	}
	if err := l.tables.Put(le.AppendUint32(nil, uint32(l.allocated+1)), headerAllocated); err != nil {
		return 0, err
	}
	l.tables.Defer(le.AppendUint32(nil, uint32(l.allocated)), l.entryAt(block))
	l.allocated++
	if l.tables.Full() {
		return len(p), l.Flush()
	}
	return len(p), nil
}

// clear writes a whole new block: what lies at its place may be left from
// one that a cut kept out of the map.
func (l *layout) clear(place int64, p []byte, at int64) error {
	data := make([]byte, l.h.block())
	copy(data[at:], p)
	_, err := l.storage.WriteAt(data, place)
	return err
}

// Flush implements [container.Writer].
func (l *layout) Flush() error { return l.tables.Flush() }
