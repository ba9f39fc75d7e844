package vmdk

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"hangkit/image/container"
)

// shared is what the extents of a disk have in common: its content id, which
// is new when the disk is changed.
type shared struct {
	storage container.Storage
	off     int64 // of its digits, -1 for none
	digits  string
	random  io.Reader
	changed bool
}

// change writes a new content id, once.
func (s *shared) change() error {
	if s.changed || s.off < 0 {
		return nil
	}
	id := make([]byte, 4)
	if _, err := io.ReadFull(s.random, id); err != nil {
		return fmt.Errorf("new content id: %w", err)
	}
	id[0] &= 0x7f // ffffffff means none
	if _, err := s.storage.WriteAt(s.next(id), s.off); err != nil {
		return fmt.Errorf("vmdk descriptor: %w", err)
	}
	s.changed = true
	return s.storage.Sync()
}

// next makes other digits of a random id, as many as there were: what follows
// them must stay.
func (s *shared) next(id []byte) []byte {
	digits := []byte(hex.EncodeToString(id))[:len(s.digits)]
	if last := len(digits) - 1; string(digits) == strings.ToLower(s.digits) {
		digits[last] = '0' + (digits[last]+1)%10
	}
	return digits
}

// Begin implements [container.Writer].
func (s *sparse) Begin() error {
	if err := s.survey(); err != nil {
		return err
	}
	return s.shared.change()
}

// Allocate implements [container.Writer]: it puts a whole grain behind the
// end of the extent.
func (s *sparse) Allocate(p []byte, off int64) (int, error) {
	size := s.h.grain()
	grain, at := off/size, off%size
	p = p[:min(int64(len(p)), size-at)]
	at0, at1, err := s.entries(grain)
	if err != nil {
		return 0, err
	}
	data := make([]byte, size)
	if int64(len(p)) < size {
		if err := s.current(data, grain); err != nil {
			return 0, err
		}
	}
	copy(data[at:], p)
	end, err := s.storage.Size()
	if err != nil {
		return 0, err
	}
	place := container.RoundUp(max(end, s.end), size)
	if place/sectorSize > 1<<32-1 {
		return 0, fmt.Errorf("vmdk grain at 0x%x: %w", place, container.ErrOutOfBounds)
	}
	if _, err := s.storage.WriteAt(data, place); err != nil {
		return 0, err
	}
	entry := le.AppendUint32(nil, uint32(place/sectorSize))
	s.tables.Defer(entry, at0)
	if at1 != 0 {
		s.copies = append(s.copies, container.Change{Off: at1, Data: entry})
	}
	if s.tables.Full() {
		err = s.Flush()
	}
	return len(p), err
}

// entries are the places of a grain's entry, in the directory and in its copy;
// that is 0 where there is none.
func (s *sparse) entries(grain int64) (main, redundant int64, err error) {
	missing := &container.RefusedError{What: "writes to VMDK extents that lack grain tables", Remedy: "make it anew: qemu-img convert -O vmdk %s new.vmdk"}
	if main, err = s.entryAt(s.h.u64(headerDirectory), grain); err != nil {
		return 0, 0, err
	}
	if main == 0 {
		return 0, 0, missing
	}
	if !s.hasCopy() {
		return main, 0, nil
	}
	if redundant, err = s.entryAt(s.h.u64(headerCopy), grain); err == nil && redundant == 0 {
		err = missing
	}
	return main, redundant, err
}

// current fills data with a grain that the extent does not have, or has as
// zeros.
func (s *sparse) current(data []byte, grain int64) error {
	e, err := s.Extent(grain*s.h.grain(), s.h.grain())
	if err != nil || e.Kind != container.Below {
		return err
	}
	return container.ReadBelow(s.below, data, grain*s.h.grain())
}

// Flush implements [container.Writer]. The tables that are read come first: a
// cut leaves at worst a copy that lacks a grain, which the next write makes good.
func (s *sparse) Flush() error {
	if err := s.tables.Flush(); err != nil || len(s.copies) == 0 {
		return err
	}
	for _, c := range s.copies {
		if err := s.tables.Put(c.Data, c.Off); err != nil {
			return err
		}
	}
	s.copies = nil
	return s.storage.Sync()
}

// flat is an extent whose bytes lie as they are from off on.
type flat struct {
	storage container.Storage
	off     int64
	size    int64
	zero    bool // or that has none
	shared  *shared
}

// Extent implements [container.Layout].
func (f *flat) Extent(off, limit int64) (container.Extent, error) {
	if f.zero {
		return container.Extent{Kind: container.Zero, Len: limit}, nil
	}
	return container.Extent{Kind: container.Data, Off: f.off + off, Len: limit}, nil
}

// Begin implements [container.Writer]. A file that was cut short is refused: a
// write would end in the middle, where the file does.
func (f *flat) Begin() error {
	have, err := f.storage.Size()
	if err != nil {
		return err
	}
	if f.off+f.size > have {
		return &container.TruncatedError{Off: f.off, Len: f.size, Have: have}
	}
	return f.shared.change()
}

// Allocate has nowhere to put what is written into an extent of zeros.
func (f *flat) Allocate([]byte, int64) (int, error) {
	return 0, fmt.Errorf("write into a vmdk extent of zeros: %w", container.ErrUnsupported)
}

// Flush implements [container.Writer].
func (f *flat) Flush() error { return f.storage.Sync() }
