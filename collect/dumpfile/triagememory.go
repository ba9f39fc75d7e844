package dumpfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"hangkit/collect/dumpfile/kernel"
)

// block is a piece of memory in a small dump.
type block struct {
	va, size uint64
	off      int64
}

// blocks are the pieces of memory a small dump holds. They implement
// kernel.Memory without any page table.
type blocks struct {
	r    io.ReaderAt
	size int64
	list []block // ascending
}

// maxBlocks bounds the data blocks of a small dump: real ones have some hundred.
const maxBlocks = 1 << 16

// readBlocks reads the list of data blocks. Addresses of 32 bits are
// sign-extended there.
func (t *TriageHeader) readBlocks(r io.ReaderAt, size int64, bits int) (*blocks, error) {
	n := min(int64(t.BlocksCount), maxBlocks)
	b, err := readFull(r, size, int64(t.BlocksOffset), int(n)*dataBlock, "data blocks")
	if err != nil {
		return nil, err
	}
	m := &blocks{r: r, size: size}
	for ; len(b) > 0; b = b[dataBlock:] {
		m.list = append(m.list, block{va: truncate(le.Uint64(b), bits), off: int64(le.Uint32(b[8:])), size: uint64(le.Uint32(b[12:]))})
	}
	slices.SortStableFunc(m.list, func(a, b block) int { return cmp.Compare(a.va, b.va) })
	return m, nil
}

func truncate(va uint64, bits int) uint64 {
	if bits == 32 {
		return va & (1<<32 - 1)
	}
	return va
}

// insert puts a block to its place.
func (m *blocks) insert(b block) {
	at, _ := slices.BinarySearchFunc(m.list, b, func(a, b block) int { return cmp.Compare(a.va, b.va) })
	m.list = slices.Insert(m.list, at, b)
}

// ReadVirtual reads what lies within one block.
func (m *blocks) ReadVirtual(b []byte, va uint64) error {
	after, _ := slices.BinarySearchFunc(m.list, va, func(k block, va uint64) int {
		if k.va <= va {
			return -1
		}
		return 1
	})
	// Blocks overlap in real dumps: one that begins earlier may reach further.
	const lookBack = 16
	for i := after - 1; i >= max(after-lookBack, 0); i-- {
		k := m.list[i]
		if skip := va - k.va; skip < k.size && uint64(len(b)) <= k.size-skip {
			data, err := readFull(m.r, m.size, k.off+int64(skip), len(b), "data block")
			copy(b, data)
			return err
		}
	}
	return kernel.ErrNotStored
}

const (
	maxDrivers    = 4096
	maxNameLetter = 512
)

// errNotDescribed is why the drivers of 32-bit small dumps are not read: no
// public document or header has these entries, and a guess would name the
// wrong driver.
var errNotDescribed = errors.New("the drivers are not listed: the layout of these entries in 32-bit small dumps is not publicly described")

// drivers reads the driver list of a 64-bit dump.
func (t *TriageHeader) drivers(r io.ReaderAt, size int64, k *kernel.Kernel) ([]kernel.Module, error) {
	const copyAt, stamp = 8, driverEntry64 - 8
	n := min(int(t.DriverCount), maxDrivers)
	b, err := readFull(r, size, int64(t.DriverListOffset), n*driverEntry64, "driver list")
	if err != nil {
		return nil, err
	}
	var list []kernel.Module
	for ; len(b) > 0; b = b[driverEntry64:] {
		m := k.ParseModule(b[copyAt:])
		m.TimeDateStamp = le.Uint32(b[stamp:])
		if m.Path, err = dumpString(r, size, int64(le.Uint32(b))); err != nil {
			m.Problem = err.Error()
		}
		m.Name = m.Path[strings.LastIndexByte(m.Path, '\\')+1:]
		list = append(list, m)
	}
	return list, nil
}

// unloaded reads the list of unloaded drivers of a 64-bit dump: a count as
// wide as a pointer, and the entries.
func (t *TriageHeader) unloaded(r io.ReaderAt, size int64) ([]kernel.UnloadedDriver, error) {
	const countLen = 8
	if t.UnloadedOffset == 0 {
		return nil, errNotNamed
	}
	at := int64(t.UnloadedOffset)
	head, err := readFull(r, size, at, countLen, "unloaded drivers")
	if err != nil {
		return nil, err
	}
	n := le.Uint32(head)
	if n > kernel.MaxUnloaded {
		return nil, &FormatError{at, "unloaded drivers", fmt.Sprintf("at most %d", kernel.MaxUnloaded), n}
	}
	b, err := readFull(r, size, at+countLen, int(n)*kernel.SmallUnloadedSize, "unloaded drivers")
	if err != nil {
		return nil, err
	}
	return kernel.ParseUnloaded(b), nil
}

// dumpString reads a DUMP_STRING: a count of letters and the letters.
func dumpString(r io.ReaderAt, size, off int64) (string, error) {
	head, err := readFull(r, size, off, 4, "name")
	if err != nil {
		return "", err
	}
	n := le.Uint32(head)
	if n > maxNameLetter {
		return "", &FormatError{off, "name", fmt.Sprintf("at most %d letters", maxNameLetter), n}
	}
	b, err := readFull(r, size, off+4, int(n)*2, "name")
	if err != nil {
		return "", err
	}
	return kernel.DecodeUTF16(b), nil
}

// SmallMemory is what a small dump alone has: copies of the thread that ran
// and of its process, and pieces of memory.
type SmallMemory struct {
	Thread, Process uint64 // the addresses of the originals; 0 where not known
	ProcessName     string // by its looks: nothing says where it stands
	Blocks          int    // pieces of memory
	Bytes           uint64 // in all of them
}

// inspectTriage reads what a small dump keeps of the kernel: a copy of
// KDDEBUGGER_DATA64, the drivers, and pieces of memory.
func (h *Header) inspectTriage(r io.ReaderAt, size int64, t *TriageHeader) *Memory {
	m := &Memory{
		Processes: Found[[]kernel.Process]{Err: errNotNamed},
		Image:     Found[*kernel.Image]{Err: errNotNamed},
		Small:     &SmallMemory{},
	}
	mem := &blocks{r: r, size: size}
	if b, err := t.readBlocks(r, size, h.Bits); err == nil {
		mem = b
	}
	for _, b := range mem.list {
		m.Small.Blocks++
		m.Small.Bytes += b.size
	}
	k := kernel.New(mem, h.Bits)
	m.Debugger = found(h.triageDebugger(r, size, t, k))
	if d := m.Debugger.Value; d != nil {
		m.Small.read(t, mem, k, d)
	}
	m.Modules = Found[[]kernel.Module]{Err: errNotDescribed}
	m.Unloaded = Found[[]kernel.UnloadedDriver]{Err: errNotDescribed}
	if h.Bits == 64 {
		m.Modules = found(t.drivers(r, size, k))
		m.Unloaded = found(t.unloaded(r, size))
	}
	m.follow(k, h)
	m.nameSmall()
	if base := m.kernelBase(); base != 0 {
		m.Image = found(k.Image(base))
	}
	return m
}

// read finds the originals of the copies of KPRCB, KTHREAD and EPROCESS, one
// by the other, and makes the copies readable at their addresses.
func (s *SmallMemory) read(t *TriageHeader, mem *blocks, k *kernel.Kernel, d *kernel.DebuggerData) {
	prcb, thread, process := mem.part(t.PrcbOffset), mem.part(t.ThreadOffset), mem.part(t.ProcessOffset)
	s.Thread, s.Process = k.CurrentThread(prcb, d), k.ThreadProcess(thread, d)
	s.ProcessName = kernel.ProcessNameByLooks(process)
	for _, b := range []block{
		{va: s.Thread, off: int64(t.ThreadOffset), size: uint64(len(thread))},
		{va: s.Process, off: int64(t.ProcessOffset), size: uint64(len(process))},
	} {
		if b.va != 0 {
			mem.insert(b)
		}
	}
}

// smallPart is how much of a copied structure is looked at: the names and
// links that are wanted stand in its beginning.
const smallPart = 0x800

// part is the beginning of the copy at the file offset off, nil where there is
// none.
func (m *blocks) part(off uint32) []byte {
	if off == 0 {
		return nil
	}
	b, err := readUpTo(m.r, int64(off), min(smallPart, max(m.size-int64(off), 0)))
	if err != nil {
		return nil
	}
	return b
}

// nameSmall gives the processor that ran the copied process its name: a small
// dump has no list of processes.
func (m *Memory) nameSmall() {
	for i := range m.Processors {
		if p := &m.Processors[i]; p.Process != 0 && p.Process == m.Small.Process {
			p.ProcessName = m.Small.ProcessName
		}
	}
}

// maxDebuggerSize bounds the copy of KDDEBUGGER_DATA64.
const maxDebuggerSize = 0x1000

func (h *Header) triageDebugger(r io.ReaderAt, size int64, t *TriageHeader, k *kernel.Kernel) (*kernel.DebuggerData, error) {
	if t.DebuggerSize == 0 {
		return nil, errNotNamed
	}
	b, err := readFull(r, size, int64(t.DebuggerOffset), int(min(t.DebuggerSize, maxDebuggerSize)), "KDDEBUGGER_DATA64")
	if err != nil {
		return nil, err
	}
	return k.ParseDebuggerData(b, h.LoadedModules.Value, h.ActiveProcesses.Value)
}

// triageMemory checks what a small dump keeps of the kernel. It holds what the
// kernel thought worth keeping: what is not there is no fault.
func (v *verifier) triageMemory(t *TriageHeader) {
	m := v.h.inspectTriage(v.r, v.size, t)
	v.report.Memory = m
	if t.DebuggerSize > 0 {
		v.debuggerData(m)
	}
	switch {
	case errors.Is(m.Modules.Err, errNotDescribed):
		v.add("loaded modules", StatusUnknown, "%v", m.Modules.Err)
	case m.Modules.Err == nil && t.DriverCount > 0:
		v.modules(m)
	}
	if m.Image.Err == nil {
		v.kernelImage(m)
	}
	if m.BugCheck.Err == nil {
		v.bugCheckData(m)
	}
	if m.Shared.Err == nil {
		v.sharedData(m)
	}
}
