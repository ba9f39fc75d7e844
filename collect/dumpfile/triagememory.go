package dumpfile

import (
	"cmp"
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

// readBlocks reads the list of data blocks. The entries are those of 64 bits.
func (t *TriageHeader) readBlocks(r io.ReaderAt, size int64) (*blocks, error) {
	n := min(int64(t.BlocksCount), maxBlocks)
	b, err := readFull(r, size, int64(t.BlocksOffset), int(n)*dataBlock64, "data blocks")
	if err != nil {
		return nil, err
	}
	m := &blocks{r: r, size: size}
	for ; len(b) > 0; b = b[dataBlock64:] {
		m.list = append(m.list, block{va: le.Uint64(b), off: int64(le.Uint32(b[8:])), size: uint64(le.Uint32(b[12:]))})
	}
	slices.SortStableFunc(m.list, func(a, b block) int { return cmp.Compare(a.va, b.va) })
	return m, nil
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

// The parts of an entry of the driver list.
const (
	driverName  = 0x00
	driverKLDR  = 0x08
	driverStamp = 0x88 // of the copy, whose unused links were left out

	maxDrivers    = 4096
	maxNameLetter = 512
)

// drivers reads the driver list of a 64-bit small dump.
func (t *TriageHeader) drivers(r io.ReaderAt, size int64, k *kernel.Kernel) ([]kernel.Module, error) {
	n := min(int64(t.DriverCount), maxDrivers)
	b, err := readFull(r, size, int64(t.DriverListOffset), int(n)*driverEntry64, "driver list")
	if err != nil {
		return nil, err
	}
	var list []kernel.Module
	for ; len(b) > 0; b = b[driverEntry64:] {
		m := k.ParseModule(b[driverKLDR:])
		m.TimeDateStamp = le.Uint32(b[driverStamp:])
		if m.Path, err = dumpString(r, size, int64(le.Uint32(b[driverName:]))); err != nil {
			m.Problem = err.Error()
		}
		m.Name = m.Path[strings.LastIndexByte(m.Path, '\\')+1:]
		list = append(list, m)
	}
	return list, nil
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

// inspectTriage reads what a small dump keeps of the kernel: a copy of
// KDDEBUGGER_DATA64, the drivers, and pieces of memory.
func (h *Header) inspectTriage(r io.ReaderAt, size int64, t *TriageHeader) *Memory {
	m := &Memory{
		Processes: Found[[]kernel.Process]{Err: errNotNamed},
		Modules:   Found[[]kernel.Module]{Err: errNotNamed},
		Image:     Found[*kernel.Image]{Err: errNotNamed},
	}
	mem := &blocks{}
	if h.Bits == 64 {
		if b, err := t.readBlocks(r, size); err == nil {
			mem = b
		}
	}
	k := kernel.New(mem, h.Bits)
	m.Debugger = found(h.triageDebugger(r, size, t, k))
	m.follow(k, h)
	if h.Bits == 64 {
		m.Modules = found(t.drivers(r, size, k))
	}
	if base := m.kernelBase(); base != 0 {
		m.Image = found(k.Image(base))
	}
	return m
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
	if m.Modules.Err == nil && t.DriverCount > 0 {
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
