package kernel

import (
	"errors"
	"fmt"
	"math/bits"
)

// Frames are the page frames a dump holds. ReadFrame gives ErrNotStored for
// those it does not.
type Frames interface {
	ReadFrame(pfn uint64, page *[PageSize]byte) error
	EndFrame() uint64 // the first number behind the highest frame
}

const pageShift = 12

// Space is one address space: frames seen through page tables. It implements
// Memory.
type Space struct {
	frames Frames
	paging *Paging
	root   uint64
	cache  map[uint64]*[PageSize]byte
	left   int // frames that may still be read
}

// NewSpace is the address space whose top table is at directoryTableBase, a
// value as a header or the processor holds it.
func NewSpace(f Frames, p *Paging, directoryTableBase uint64) *Space {
	return &Space{f, p, directoryTableBase & p.root, map[uint64]*[PageSize]byte{}, maxFrames}
}

// Paging is the layout of the space's page tables.
func (s *Space) Paging() *Paging { return s.paging }

// Translation is where a virtual address leads.
type Translation struct {
	Physical   uint64
	Size       uint64 // of the page
	Transition bool   // not present, but still in memory
	Prototype  bool   // reached through a prototype entry
}

// Translate finds the physical address behind va. What leads nowhere gives a
// FaultError; other errors come from reading the dump. Whether the page itself is
// stored is found out by reading it.
func (s *Space) Translate(va uint64) (Translation, error) {
	e, i, err := s.walk(va)
	if err != nil {
		return Translation{}, err
	}
	return s.leaf(va, e, i)
}

// walk goes down the page tables to the entry that decides about va, which
// stands on the i-th level from the top.
func (s *Space) walk(va uint64) (e uint64, i int, err error) {
	last := len(s.paging.levels) - 1
	if !s.paging.canonical(va) {
		return 0, 0, nil
	}
	table := s.root
	for i := range last + 1 {
		e, err := s.entry(va, table, i)
		if err != nil {
			return 0, i, err
		}
		switch kind := s.paging.classify(e, i); {
		case kind == entryTable:
			table = e & s.paging.frame
		case kind == entryTransition && i < last:
			table = s.transitionFrame(e)
		default:
			return e, i, nil
		}
	}
	return 0, last, nil
}

// leaf is the end of a walk: entry e on the i-th level from the top.
func (s *Space) leaf(va, e uint64, i int) (Translation, error) {
	l := s.paging.levels[i]
	offset := va & (1<<l.shift - 1)
	fault := &FaultError{VA: va, Level: len(s.paging.levels) - i}
	switch s.paging.classify(e, i) {
	case entryPage:
		return Translation{Physical: s.paging.page(e, l) | offset, Size: 1 << l.shift}, nil
	case entryTransition:
		return Translation{Physical: s.transitionFrame(e) | offset, Size: PageSize, Transition: true}, nil
	case entryPrototype:
		return s.prototype(va, e, i)
	case entryPagedOut:
		fault.Reason = PagedOut
	default:
	}
	return Translation{}, fault
}

// transitionFrame is the frame of an entry that is not present. Since 2018
// Windows sets a high bit there that no memory answers to, against
// speculative reads: what lies above the machine's memory is not believed.
func (s *Space) transitionFrame(e uint64) uint64 {
	a := e & s.paging.frame
	if end := s.frames.EndFrame(); a>>pageShift >= end {
		a &= 1<<(bits.Len64(end)+pageShift) - 1
	}
	return a
}

// prototype follows a prototype entry of the last level to the one that the
// sharers of the page have in common, in the kernel's paged memory.
func (s *Space) prototype(va, e uint64, last int) (Translation, error) {
	fault := &FaultError{VA: va, Level: 1, Reason: Prototype}
	if s.paging.proto == 0 {
		return Translation{}, fault
	}
	at := uint64(int64(e) >> s.paging.proto)
	if at|0xFFFF == ^uint64(0) {
		return Translation{}, fault // the end of the address space: only the process knows
	}
	if s.paging.width == 32 {
		at &= 1<<32 - 1
	}
	shared, err := s.sharedEntry(at)
	if err != nil {
		return Translation{}, err
	}
	switch s.paging.classify(shared, last) {
	case entryPage, entryTransition:
		t, err := s.leaf(va, shared, last)
		t.Prototype = true
		return t, err
	default:
		return Translation{}, fault
	}
}

// sharedEntry reads the prototype entry at the address at; 0 where none can
// be. It must be mapped plainly: a prototype behind a prototype could go round.
func (s *Space) sharedEntry(at uint64) (uint64, error) {
	e, i, err := s.walk(at)
	if err != nil || at%8 != 0 || s.paging.classify(e, i) != entryPage {
		return 0, err
	}
	t, err := s.leaf(at, e, i)
	if err != nil {
		return 0, err
	}
	page, err := s.frame(t.Physical >> pageShift)
	if errors.Is(err, ErrNotStored) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("prototype entry in page %#x: %w", t.Physical>>pageShift, err)
	}
	return le.Uint64(page[t.Physical%PageSize:]), nil
}

// entry reads va's entry of the table on the i-th level from the top.
func (s *Space) entry(va, table uint64, i int) (uint64, error) {
	page, err := s.frame(table >> pageShift)
	if errors.Is(err, ErrNotStored) {
		return 0, &FaultError{VA: va, Reason: TableMissing, Level: len(s.paging.levels) - i, PFN: table >> pageShift}
	}
	if err != nil {
		return 0, fmt.Errorf("page table %#x: %w", table>>pageShift, err)
	}
	// PAE's top table lies anywhere in its page.
	at := table%PageSize + s.paging.levels[i].index(va)*uint64(s.paging.entry)
	if s.paging.entry == 4 {
		return uint64(le.Uint32(page[at:])), nil
	}
	return le.Uint64(page[at:]), nil
}

const (
	maxCached = 1024 // bounds the frames kept: 4 MiB

	// maxFrames bounds the frames read through one space: some ten times what
	// the lists of a large terminal server take. Without a bound a dump made to
	// hurt scatters every entry over the disk, with page tables of its own.
	maxFrames = 1 << 15
)

// errTooFar ends what would take a disk hours.
var errTooFar = fmt.Errorf("more than %d pages would have to be read", maxFrames)

func (s *Space) frame(pfn uint64) (*[PageSize]byte, error) {
	if page := s.cache[pfn]; page != nil {
		return page, nil
	}
	if s.left--; s.left < 0 {
		return nil, errTooFar
	}
	page := new([PageSize]byte)
	if err := s.frames.ReadFrame(pfn, page); err != nil {
		return nil, err
	}
	if len(s.cache) >= maxCached {
		clear(s.cache)
	}
	s.cache[pfn] = page
	return page, nil
}

// ReadVirtual fills b from the virtual address va.
func (s *Space) ReadVirtual(b []byte, va uint64) error {
	for len(b) > 0 {
		t, err := s.Translate(va)
		if err != nil {
			return err
		}
		pfn := t.Physical >> pageShift
		page, err := s.frame(pfn)
		if errors.Is(err, ErrNotStored) {
			return &FaultError{VA: va, Reason: PageMissing, PFN: pfn}
		}
		if err != nil {
			return fmt.Errorf("page %#x: %w", pfn, err)
		}
		n := copy(b, page[t.Physical%PageSize:])
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

// TableCensus counts the page tables of the kernel's half that a walk from
// the top meets, and those of them that are not in the dump.
type TableCensus struct {
	Tables  int
	Missing []uint64 // the first of the frames that are not there
	Lost    int      // how many are not there
	Partly  bool     // there are more tables than were looked at
}

const maxMissingListed = 16

// Census looks at up to limit page tables, the upper levels first. The last
// level is looked at for being there only.
func (s *Space) Census(limit int) (TableCensus, error) {
	var c TableCensus
	seen := map[uint64]bool{s.root >> pageShift: true}
	level := []uint64{s.root}
	for i := range s.paging.levels {
		var next []uint64
		for _, table := range level {
			if c.Tables == limit {
				c.Partly = true
				return c, nil
			}
			c.Tables++
			page, err := s.frame(table >> pageShift)
			if errors.Is(err, ErrNotStored) {
				c.miss(table >> pageShift)
				continue
			}
			if err != nil {
				return c, fmt.Errorf("page table %#x: %w", table>>pageShift, err)
			}
			next = s.children(next, page, table, i, seen)
		}
		level = next
	}
	return c, nil
}

func (c *TableCensus) miss(pfn uint64) {
	c.Lost++
	if len(c.Missing) < maxMissingListed {
		c.Missing = append(c.Missing, pfn)
	}
}

// children adds the tables below one table that were not seen before. Of the
// top table only the kernel's half counts: user memory is left out of most
// dumps. The table that maps the tables is its own child and counts once.
func (s *Space) children(list []uint64, page *[PageSize]byte, table uint64, i int, seen map[uint64]bool) []uint64 {
	n := uint64(1) << s.paging.levels[i].bits
	from := uint64(0)
	if i == 0 {
		from = n / 2
	}
	size := uint64(s.paging.entry)
	for at := from; at < n; at++ {
		b := page[table%PageSize+at*size:]
		e := uint64(le.Uint32(b))
		if size == 8 {
			e = le.Uint64(b)
		}
		if s.paging.classify(e, i) != entryTable {
			continue
		}
		child := e & s.paging.frame
		if !seen[child>>pageShift] {
			seen[child>>pageShift] = true
			list = append(list, child)
		}
	}
	return list
}
