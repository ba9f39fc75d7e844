package kernel

import "fmt"

// Paging is one way in which a processor lays out its page tables.
type Paging struct {
	Name string

	levels []level
	entry  int                 // bytes of an entry
	root   uint64              // the bits of DirectoryTableBase that are an address
	frame  uint64              // the bits of an entry that are an address
	width  uint                // bits of an address; those above repeat the highest
	block  func(e uint64) bool // maps memory, where its level allows that
	pse36  bool                // large pages have address bits lower down
	proto  uint                // how far down the address in a prototype entry starts; 0: not decoded
}

// level is one step of the walk: which bits of the address index the table,
// and whether an entry may map memory instead of a further table.
type level struct {
	shift, bits uint
	large       bool
}

func (l level) index(va uint64) uint64 { return va >> l.shift & (1<<l.bits - 1) }

// The ways in which Windows lays out page tables.
var (
	// X64 is the long mode with four levels.
	X64 = &Paging{
		Name: "x64, 4 levels", entry: 8, root: frame52, frame: frame52, width: 48,
		levels: []level{{39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, false}},
		block:  intelBlock, proto: 16,
	}
	// X64Level5 is the long mode with five levels.
	X64Level5 = &Paging{
		Name: "x64, 5 levels", entry: 8, root: frame52, frame: frame52, width: 57,
		levels: []level{{48, 9, false}, {39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, false}},
		block:  intelBlock, proto: 16,
	}
	// PAE is the 32-bit layout with entries of 64 bits. Its top table has four
	// entries and is aligned to 32 bytes only.
	PAE = &Paging{
		Name: "x86 with PAE", entry: 8, root: 0xFFFFFFE0, frame: frame52, width: 32,
		levels: []level{{30, 2, false}, {21, 9, true}, {12, 9, false}},
		block:  intelBlock, proto: 32,
	}
	// X86 is the 32-bit layout without PAE.
	X86 = &Paging{
		Name: "x86 without PAE", entry: 4, root: 0xFFFFF000, frame: 0xFFFFF000, width: 32,
		levels: []level{{22, 10, true}, {12, 10, false}},
		block:  intelBlock, pse36: true,
	}
	// ARM64 has granules of 4 KiB. Windows keeps both halves of the addresses
	// in one top table (TTBR1 points to its second half), so that the walk is
	// that of four levels.
	ARM64 = &Paging{
		Name: "ARM64, 4 levels", entry: 8, root: frame48, frame: frame48, width: 48,
		levels: []level{{39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, false}},
		block:  armBlock, proto: 16,
	}
)

const (
	frame48 = 0x0000FFFFFFFFF000
	frame52 = 0x000FFFFFFFFFF000
)

// The bits of an entry. Those of one that is not present are Windows' own.
const (
	bitPresent    = 1 << 0
	bitTable      = 1 << 1 // ARM64: a table, or on the last level a page
	bitLarge      = 1 << 7 // x86 and x64: maps memory on a level above the last
	bitPrototype  = 1 << 10
	bitTransition = 1 << 11
)

func intelBlock(e uint64) bool { return e&bitLarge != 0 }

func armBlock(e uint64) bool { return e&bitTable == 0 }

// page is where the page begins that an entry on level l maps: the low bits of
// a large page's entry hold attributes.
func (p *Paging) page(e uint64, l level) uint64 {
	a := e & p.frame &^ (1<<l.shift - 1)
	if p.pse36 && l.large {
		a |= e >> 13 & 0xFF << 32
	}
	return a
}

// canonical tells whether the bits above the width repeat the highest.
func (p *Paging) canonical(va uint64) bool {
	if p.width == 32 {
		return va>>32 == 0
	}
	high := int64(va) >> (p.width - 1)
	return high == 0 || high == -1
}

// entryKind is what an entry of a page table leads to.
type entryKind int

const (
	entryEmpty entryKind = iota
	entryTable
	entryPage
	entryTransition // not present, and its frame is still in memory
	entryPrototype
	entryPagedOut
)

// classify reads an entry of the table on the i-th level from the top.
func (p *Paging) classify(e uint64, i int) entryKind {
	last := i == len(p.levels)-1
	switch {
	case e == 0:
		return entryEmpty
	case e&bitPresent != 0:
		return p.classifyPresent(e, i, last)
	case e&(bitTransition|bitPrototype) == bitTransition:
		return entryTransition
	case last && e&bitPrototype != 0:
		return entryPrototype
	}
	return entryPagedOut
}

func (p *Paging) classifyPresent(e uint64, i int, last bool) entryKind {
	block := p.block(e)
	switch {
	case last && p == ARM64 && block:
		return entryEmpty // the architecture reserves it, and faults
	case last, block && p.levels[i].large:
		return entryPage
	case p == ARM64 && block:
		return entryEmpty
	}
	return entryTable
}

// Reason is why an address leads nowhere.
type Reason int

// The reasons.
const (
	NotMapped    Reason = iota // nothing is mapped there
	PagedOut                   // the page is in a page file
	Prototype                  // the page is shared and not in memory
	TableMissing               // a page table on the way is not in the dump
	PageMissing                // the page itself is not in the dump
)

// FaultError says why an address cannot be read.
type FaultError struct {
	VA     uint64
	Reason Reason
	Level  int    // of the table that ends the walk, 1 is the last
	PFN    uint64 // the page that is not in the dump
}

func (f *FaultError) Error() string {
	switch f.Reason {
	case PagedOut:
		return fmt.Sprintf("%#x was paged out", f.VA)
	case Prototype:
		return fmt.Sprintf("%#x is a shared page that was not in memory", f.VA)
	case TableMissing:
		return fmt.Sprintf("%#x: its page table (level %d, page %#x) is not in the dump", f.VA, f.Level, f.PFN)
	case PageMissing:
		return fmt.Sprintf("%#x: its page %#x is not in the dump", f.VA, f.PFN)
	default:
		return fmt.Sprintf("%#x is not mapped (level %d)", f.VA, f.Level)
	}
}

// Unwrap makes the faults for which the dump is to blame an ErrNotStored.
func (f *FaultError) Unwrap() error {
	if f.Reason == TableMissing || f.Reason == PageMissing {
		return ErrNotStored
	}
	return nil
}
