package dumptest

import "hangkit/collect/dumpfile"

// What each processor was doing: the first ran a thread of winlogon.exe and
// stopped the machine, the third a thread of System in the fourth driver, the
// others nothing. The last one's registers were not saved. A machine of 32
// bits has the first two.

// Where the KPRCBs and KTHREADs stand in FrameData.
const (
	prcbStride64 = 0x040
	prcbStride32 = 0x100 // holds the registers
	atThreads64  = 0x440
	atThreads32  = 0x540
	threadStride = 0x0C0
)

// The layout of the structures; that of 64 bits is named by
// KDDEBUGGER_DATA64, that of 32 bits in part, as older kernels do.
const (
	prcbThread    = 0x08 // then the next and the idle thread
	prcbContext64 = 0x20
	prcbState32   = 0x20
	threadProcess = 0x80
)

// Where the registers stand, behind the headers and the version of
// ntoskrnl.exe.
var contextFrames = []struct{ frame, off uint64 }{
	{FrameImage, 0x400}, {FrameImage, 0xA00}, {FrameResources, 0x200},
}

// stackPointer is where the stack of the first processor ends.
const stackPointer = 0x5A11C28

// structures writes the offsets into KDDEBUGGER_DATA64.
func (y *system) structures(b []byte) {
	le.PutUint16(b[0x2A0:], threadProcess)
	le.PutUint16(b[0x2A8:], processStride)
	le.PutUint16(b[0x2B4:], prcbThread)
	if y.word == 4 {
		le.PutUint16(b[0x2BC:], prcbState32)
		return
	}
	le.PutUint16(b[0x338:], prcbContext64)
	le.PutUint16(b[0x350:], prcbThread+16)
}

// running are the processes that the processors ran, -1 for none.
var running = []int{5, -1, 0, -1}

func (y *system) processors() {
	p, page := y.p, y.frames[FrameData]
	base := p.debugger &^ (pageSize - 1)
	stride, threads := uint64(prcbStride64), uint64(atThreads64)
	if y.word == 4 {
		stride, threads = prcbStride32, atThreads32
	}
	for i := range uint64(p.cpus) {
		block, thread := atPrcbs+i*stride, threads+i*threadStride
		y.put(page[atProcessors+i*uint64(y.word):], base+block)
		at, idle, process := page[block:], thread, p.small+0x1F0000
		if n := running[i]; n >= 0 {
			idle, process = thread+0x800, y.processVA(n)
		}
		y.put(at[prcbThread:], base+thread)
		y.put(at[prcbThread+2*y.word:], base+idle)
		y.put(page[thread+threadProcess:], process)
		switch {
		case y.word == 4:
			y.context(at[prcbState32:], int(i))
		case i < uint64(len(contextFrames)):
			c := contextFrames[i]
			y.put(at[prcbContext64:], y.p.large+c.frame*pageSize+c.off)
			y.context(y.frames[c.frame][c.off:], int(i))
		}
	}
}

// programCounter is where the i-th processor was.
func (y *system) programCounter(i int) uint64 {
	kernel := y.p.large + FrameImage*pageSize
	if i == 2 {
		return kernel + kernelSize + 4*0x100000 + 0x1234 // the fourth driver
	}
	return kernel + 0x3FE210 + uint64(i)*0x100
}

// context writes a CONTEXT record.
func (y *system) context(b []byte, i int) {
	pc, sp := y.programCounter(i), 0xFFFFF80000000000+stackPointer+uint64(i)*0x10000
	switch y.spec.Machine {
	case dumpfile.MachineX64:
		le.PutUint32(b[0x30:], 0x10001F)
		le.PutUint16(b[0x38:], 0x10)
		le.PutUint16(b[0x42:], 0x18)
		le.PutUint32(b[0x44:], 0x246)
		le.PutUint64(b[0x78:], 0xE2)
		if i == 0 { // it called KeBugCheckEx
			le.PutUint64(b[0x80:], uint64(y.spec.BugCheck))
			le.PutUint64(b[0x88:], y.spec.Parameters[0])
		}
		le.PutUint64(b[0x98:], sp)
		le.PutUint64(b[0xF8:], pc)
	case dumpfile.MachineARM64:
		le.PutUint32(b, 0x400007)
		le.PutUint32(b[4:], 0x60000344)
		le.PutUint64(b[0x08:], 0xE2)
		le.PutUint64(b[0x100:], sp)
		le.PutUint64(b[0x108:], pc)
	default:
		le.PutUint32(b, 0x1001F)
		le.PutUint32(b[0xB0:], 0xE2)
		le.PutUint32(b[0xB8:], uint32(pc))
		le.PutUint32(b[0xBC:], 8)
		le.PutUint32(b[0xC0:], 0x246)
		le.PutUint32(b[0xC4:], 0x80000000+stackPointer+uint32(i)*0x10000)
		le.PutUint32(b[0xC8:], 0x10)
	}
}

// What lies where in FrameShared behind KUSER_SHARED_DATA.
const (
	atUnloaded      = 0x400
	atUnloadedNames = 0xC00
	atMemoryBlock   = 0xE00
)

// unloadedDrivers are those that the dump's machine had loaded once.
var unloadedDrivers = []string{"dump_storahci.sys", "WdFilter.sys"}

// unloaded writes MmUnloadedDrivers.
func (y *system) unloaded() {
	page := y.frames[FrameShared]
	y.put(y.frames[FrameData][atUnloadedVariable:], y.p.shared+atUnloaded)
	for i, name := range unloadedDrivers {
		b := page[atUnloaded+i*(4*y.word+8):]
		y.unicode(b, page, atUnloadedNames+i*nameStride, y.p.shared, name)
		start := y.unloadedStart(i)
		y.put(b[2*y.word:], start)
		y.put(b[3*y.word:], start+0x1A000)
		le.PutUint64(b[4*y.word:], filetime(y.spec.Time)-uint64(i+1)*600_000_000)
	}
}

func (y *system) unloadedStart(i int) uint64 {
	return y.p.large + FrameImage*pageSize + 0x8000000 + uint64(i)*0x100000
}

// physical writes MmPhysicalMemoryBlock: memory with the hole below 1 MiB, up
// to the end of the runs.
func (y *system) physical() {
	end := y.spec.Runs[len(y.spec.Runs)-1].End()
	b := y.frames[FrameShared][atMemoryBlock:]
	y.put(y.frames[FrameData][atPhysicalVariable:], y.p.shared+atMemoryBlock)
	for i, v := range []uint64{2, 0x9E + end - 0x100, 1, 0x9E, 0x100, end - 0x100} {
		y.put(b[i*y.word:], v)
	}
}
