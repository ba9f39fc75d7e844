package dumptest

import "hangkit/collect/dumpfile"

// tables are page tables in the making.
type tables struct {
	shifts []uint // of the levels, the top one first
	entry  int    // bytes of an entry
	bits   uint   // of an index, below the top
	pae    bool   // the top table is short and lies within its page
	arm    bool
	frames map[uint64][]byte
	free   []uint64 // frames for further tables
	plain  bool
}

const paeRoot = 0x20 // where PAE's top table begins in its page

func newTables(s *Spec, frames map[uint64][]byte) tables {
	t := tables{shifts: []uint{39, 30, 21, 12}, entry: 8, bits: 9, frames: frames, plain: s.Plain}
	switch {
	case s.Machine == dumpfile.MachineARM64:
		t.arm = true
	case s.Levels == 5:
		t.shifts = []uint{48, 39, 30, 21, 12}
	case s.Bits == 32 && s.NoPAE:
		t.shifts, t.entry, t.bits = []uint{22, 12}, 4, 10
	case s.Bits == 32:
		t.shifts, t.pae = []uint{30, 21, 12}, true
	}
	for pfn := uint64(SystemFirst + 1); pfn < FrameImage; pfn++ {
		if pfn != FrameShared {
			t.free = append(t.free, pfn)
		}
	}
	switch {
	case t.entry == 4:
		t.set(SystemFirst, selfMapX86, t.table(SystemFirst))
	case !t.pae:
		t.set(SystemFirst, selfMapIndex, t.table(SystemFirst))
	}
	return t
}

// Where the top table leads to itself.
const (
	selfMapIndex = 0x1ED
	selfMapX86   = 0x300
)

// root is what the processor's register holds.
func (t *tables) root() uint64 {
	if t.pae {
		return SystemFirst*pageSize + paeRoot
	}
	return SystemFirst * pageSize
}

func (t *tables) at(pfn, index uint64) []byte {
	off := index * uint64(t.entry)
	if t.pae && pfn == SystemFirst {
		off += paeRoot
	}
	return t.frames[pfn][off:]
}

func (t *tables) set(pfn, index, v uint64) {
	if t.entry == 4 {
		le.PutUint32(t.at(pfn, index), uint32(v))
		return
	}
	le.PutUint64(t.at(pfn, index), v)
}

func (t *tables) get(pfn, index uint64) uint64 {
	if t.entry == 4 {
		return uint64(le.Uint32(t.at(pfn, index)))
	}
	return le.Uint64(t.at(pfn, index))
}

// The entries as processor and Windows write them.
func (t *tables) table(pfn uint64) uint64 {
	if t.arm {
		return pfn*pageSize | 0xF03 // valid, a table or page, accessed, shareable
	}
	return pfn*pageSize | 0x63 // present, writable, accessed, dirty
}

func (t *tables) largePage(pfn uint64) uint64 {
	if t.arm {
		return pfn*pageSize | 0xF01
	}
	return pfn*pageSize | 0xE3
}

// mapEntry writes the entry for va that stands so many levels above the last,
// and makes the tables on the way.
func (t *tables) mapEntry(va uint64, above int, v uint64) {
	pfn := uint64(SystemFirst)
	for i, shift := range t.shifts {
		index := va >> shift & (1<<t.bits - 1)
		if t.pae && i == 0 {
			index &= 3
		}
		if i == len(t.shifts)-1-above {
			t.set(pfn, index, v)
			return
		}
		if t.get(pfn, index) == 0 {
			next := t.table(t.free[0])
			if t.pae && i == 0 {
				next = t.free[0]*pageSize | 1 // this table's entries know no more flags
			}
			t.set(pfn, index, next)
			t.free = t.free[1:]
		}
		pfn = t.get(pfn, index) & 0xFFFFFFFFF000 / pageSize
	}
}

func (t *tables) mapSmall(va, pfn uint64) { t.mapEntry(va, 0, t.table(pfn)) }

// mapLarge maps the memory from frame 0 on by one entry above the last level.
func (t *tables) mapLarge(va uint64, above int) { t.mapEntry(va, above, t.largePage(0)) }

// mapTransition maps a page that is on its way out: its frame is still there.
// A high bit is set as Windows does since 2018.
func (t *tables) mapTransition(va, pfn uint64) {
	if t.plain {
		t.mapSmall(va, pfn)
		return
	}
	const transition, protection, high = 1 << 11, 4 << 5, 1 << 45
	v := pfn*pageSize | transition | protection
	if t.entry == 8 && !t.pae {
		v |= high
	}
	t.mapEntry(va, 0, v)
}

// mapPrototype maps a shared page: va's entry names the address of the entry
// that its sharers have in common, which is written to shared.
func (t *tables) mapPrototype(va, pfn, sharedVA uint64, shared []byte) {
	const prototype = 1 << 10
	switch {
	case t.entry == 4, t.plain:
		t.mapSmall(va, pfn)
		return
	case t.pae:
		t.mapEntry(va, 0, sharedVA<<32|prototype)
	default:
		t.mapEntry(va, 0, sharedVA<<16|prototype)
	}
	le.PutUint64(shared, t.table(pfn))
}
