package kernel

import (
	"fmt"
	"math/bits"
)

// The fields of KDDEBUGGER_DATA64 (wdbgexts.h). It holds pointers of 64 bits
// on every architecture; those of x86 are sign-extended.
const (
	kdbgTag             = 0x010
	kdbgSize            = 0x014
	kdbgKernBase        = 0x018
	kdbgLoadedModules   = 0x048
	kdbgActiveProcesses = 0x050
	kdbgBugCheckData    = 0x088
	kdbgPfnDatabase     = 0x0C0
	kdbgPhysicalPages   = 0x0F8
	kdbgBuildLab        = 0x208
	kdbgProcessorBlock  = 0x218
	kdbgUnloadedDrivers = 0x220
	kdbgPhysicalMemory  = 0x270 // MmPhysicalMemoryBlock

	// Offsets within other structures, of 16 bits each. Older kernels end the
	// block before the last of them.
	kdbgThreadProcess = 0x2A0 // OffsetKThreadApcProcess
	kdbgSizeProcess   = 0x2A8 // SizeEProcess
	kdbgPrcbThread    = 0x2B4 // OffsetPrcbCurrentThread
	kdbgPrcbState     = 0x2BC // OffsetPrcbProcStateContext
	kdbgPrcbContext   = 0x338 // OffsetPrcbContext
	kdbgPrcbIdle      = 0x350 // OffsetPrcbIdleThread

	kdbgRead    = 0x380 // the size on Windows 10; none of the fields lies further
	kdbgLeast   = 0x228
	kdbgMost    = 0x1000
	magicKDBG   = 0x4742444B // 'KDBG'
	maxBuildLab = 256
)

// DebuggerData is what is used of KDDEBUGGER_DATA64. The addresses that name
// numbers in the kernel are those of the numbers.
type DebuggerData struct {
	Encoded         bool // as it stands in memory, the kernel keeps it encoded
	Size            uint32
	KernBase        uint64
	LoadedModules   uint64
	ActiveProcesses uint64
	BugCheckData    uint64
	PfnDatabase     uint64
	PhysicalPages   uint64
	BuildLab        uint64
	ProcessorBlock  uint64
	UnloadedDrivers uint64
	PhysicalMemory  uint64 // 0 where the block ends before it

	layout structures
}

// structures are the offsets and sizes within the kernel's own structures that
// the block names; 0 where it does not.
type structures struct {
	threadProcess, sizeProcess, prcbThread, prcbState, prcbContext, prcbIdle uint64
}

// DebuggerData reads the block at va. A running kernel keeps it encoded, and a
// dump made from outside, from a hypervisor's snapshot, holds it so; modules
// and processes, the two list heads as the header gives them, then decode it.
func (k *Kernel) DebuggerData(va, modules, processes uint64) (*DebuggerData, error) {
	b, err := k.read(va, kdbgRead)
	if err != nil {
		return nil, fmt.Errorf("KDDEBUGGER_DATA64: %w", err)
	}
	return k.ParseDebuggerData(b, modules, processes)
}

// ParseDebuggerData reads the block out of b.
func (k *Kernel) ParseDebuggerData(b []byte, modules, processes uint64) (*DebuggerData, error) {
	if len(b) < kdbgLeast {
		return nil, fmt.Errorf("KDDEBUGGER_DATA64 of %#x bytes: %w", len(b), ErrNotThere)
	}
	b = b[:len(b)&^7]
	encoded := le.Uint32(b[kdbgTag:]) != magicKDBG
	if encoded && !decode(b, k.extend(modules), k.extend(processes)) {
		return nil, fmt.Errorf("KDDEBUGGER_DATA64 has %q where 'KDBG' should stand: %w", b[kdbgTag:kdbgTag+4], ErrNotThere)
	}
	d := k.debuggerData(b)
	d.Encoded = encoded
	if d.Size < kdbgLeast || d.Size > kdbgMost {
		return nil, fmt.Errorf("KDDEBUGGER_DATA64 claims %#x bytes: %w", d.Size, ErrNotThere)
	}
	return d, nil
}

func (k *Kernel) debuggerData(b []byte) *DebuggerData {
	p := func(off int) uint64 { return k.truncate(le.Uint64(b[off:])) }
	d := &DebuggerData{
		Size:            le.Uint32(b[kdbgSize:]),
		KernBase:        p(kdbgKernBase),
		LoadedModules:   p(kdbgLoadedModules),
		ActiveProcesses: p(kdbgActiveProcesses),
		BugCheckData:    p(kdbgBugCheckData),
		PfnDatabase:     p(kdbgPfnDatabase),
		PhysicalPages:   p(kdbgPhysicalPages),
		BuildLab:        p(kdbgBuildLab),
		ProcessorBlock:  p(kdbgProcessorBlock),
		UnloadedDrivers: p(kdbgUnloadedDrivers),
	}
	offset := func(at int) uint64 {
		if at+2 > min(len(b), int(min(d.Size, kdbgMost))) {
			return 0
		}
		return uint64(le.Uint16(b[at:]))
	}
	if end := kdbgPhysicalMemory + 8; end <= len(b) && uint32(end) <= d.Size {
		d.PhysicalMemory = p(kdbgPhysicalMemory)
	}
	d.layout = structures{
		threadProcess: offset(kdbgThreadProcess), sizeProcess: offset(kdbgSizeProcess),
		prcbThread: offset(kdbgPrcbThread), prcbState: offset(kdbgPrcbState),
		prcbContext: offset(kdbgPrcbContext), prcbIdle: offset(kdbgPrcbIdle),
	}
	return d
}

// truncate and extend turn the pointers of KDDEBUGGER_DATA64 into the
// kernel's and back.
func (k *Kernel) truncate(p uint64) uint64 {
	if k.o.word == 4 {
		return p & (1<<32 - 1)
	}
	return p
}

func (k *Kernel) extend(p uint64) uint64 {
	if k.o.word == 4 {
		return uint64(int64(int32(p)))
	}
	return p
}

// decode undoes, in place, how a running kernel hides the block, and tells
// whether it could. Each 64-bit word is xored with a secret, rotated by the
// secret's low bits, xored with an address, turned round bytewise and xored
// with a second secret. The secrets need not be known: the difference of two
// words goes through no more than the rotation and the turn, so that one
// known word, the head of the module list, gives all others. The second
// known word and the tag prove which of the 64 rotations it is.
func decode(b []byte, modules, processes uint64) bool {
	known := le.Uint64(b[kdbgLoadedModules:])
	word := func(off, rotation int) uint64 {
		difference := bits.RotateLeft64(le.Uint64(b[off:])^known, rotation)
		return bits.ReverseBytes64(difference) ^ modules
	}
	for r := range 64 {
		if uint32(word(kdbgTag, r)) != magicKDBG || word(kdbgActiveProcesses, r) != processes {
			continue
		}
		plain := make([]byte, 0, len(b))
		for off := 0; off < len(b); off += 8 {
			plain = le.AppendUint64(plain, word(off, r))
		}
		copy(b, plain)
		return true
	}
	return false
}

// BuildLab is the text that names the build: "19041.1.amd64fre.vb_release...".
func (k *Kernel) BuildLab(d *DebuggerData) string { return k.cString(d.BuildLab, maxBuildLab) }

// FindDebuggerData gives the offset in page at which a KDDEBUGGER_DATA64
// stands in clear whose list heads are the given ones, -1 where there is none.
func (k *Kernel) FindDebuggerData(page []byte, modules, processes uint64) int {
	for off := 0; off+kdbgBugCheckData <= len(page); off += 8 {
		b := page[off:]
		if le.Uint32(b[kdbgTag:]) == magicKDBG &&
			le.Uint64(b[kdbgLoadedModules:]) == k.extend(modules) &&
			le.Uint64(b[kdbgActiveProcesses:]) == k.extend(processes) {
			return off
		}
	}
	return -1
}
