package kernel

// Roots gives the values of DirectoryTableBase for which the frame pfn, whose
// contents are page, looks like a top table. Windows maps its page tables
// through one of their own entries, so that a top table leads to itself; the
// short one of PAE is known by its four entries. Looking like one is no proof.
func (p *Paging) Roots(page *[PageSize]byte, pfn, end uint64) []uint64 {
	if p == PAE {
		return paeRoots(page, pfn, end)
	}
	n := PageSize / p.entry
	for i := n / 2; i < n; i++ {
		e := uint64(le.Uint32(page[i*p.entry:]))
		if p.entry == 8 {
			e = le.Uint64(page[i*p.entry:])
		}
		if p.classify(e, 0) == entryTable && e&p.frame == pfn<<pageShift {
			return []uint64{pfn << pageShift}
		}
	}
	return nil
}

// paeRoots finds tables of four entries. Theirs have the present bit and no
// other flag.
func paeRoots(page *[PageSize]byte, pfn, end uint64) []uint64 {
	const tableSize, entries = 32, 4
	var list []uint64
	for at := uint64(0); at < PageSize; at += tableSize {
		good := le.Uint64(page[at+8*(entries-1):]) != 0
		for i := range uint64(entries) {
			e := le.Uint64(page[at+8*i:])
			good = good && (e == 0 || e%PageSize == bitPresent && e>>pageShift < end)
		}
		if good {
			list = append(list, pfn<<pageShift|at)
		}
	}
	return list
}

// Plausible tells whether what was read for the shared page can be one: a
// Windows that is installed on a drive.
func (s *SharedData) Plausible() bool {
	root := s.SystemRoot
	return s.Major >= 5 && s.Major <= 10 && len(root) > 3 && root[1] == ':' && root[2] == '\\' && s.SystemTime != 0
}

// Tagged is something with the tag of a KDDEBUGGER_DATA64: where it stands in
// its page, and the address it gives for the kernel.
type Tagged struct {
	Offset   int
	KernBase uint64
}

// TaggedDebuggerData lists what in page has the tag and a possible size of a
// KDDEBUGGER_DATA64. Its rest may lie in the next page, of which only page
// tables tell where it is.
func (k *Kernel) TaggedDebuggerData(page []byte) []Tagged {
	var list []Tagged
	for off := 0; off+kdbgKernBase+8 <= len(page); off += 8 {
		b := page[off:]
		size := le.Uint32(b[kdbgSize:])
		if le.Uint32(b[kdbgTag:]) == magicKDBG && size >= kdbgLeast && size <= kdbgMost {
			list = append(list, Tagged{off, k.truncate(le.Uint64(b[kdbgKernBase:]))})
		}
	}
	return list
}

// maxKernelSize bounds the kernel's image.
const maxKernelSize = 64 << 20

// AddressOf finds the virtual address, within the image at base, that leads to
// the given physical one.
func (s *Space) AddressOf(physical, base uint64) (va uint64, ok bool) {
	for at := base; at < base+maxKernelSize; at += PageSize {
		t, err := s.Translate(at)
		if err == nil && t.Physical>>pageShift == physical>>pageShift {
			return at | physical%PageSize, true
		}
	}
	return 0, false
}
