package dumptest

// The sizes of what a small dump copies.
const (
	smallStack    = 0x400
	smallDrivers  = 2
	driverEntry64 = 144
)

// smallDump is a TRIAGE_DUMP and its parts in the making.
type smallDump struct {
	y    *system
	base int // file offset
	b    []byte
	list []byte // of data blocks
}

// triage writes TRIAGE_DUMP and its parts for the file offset base. The
// structure of 32 bits differs in where the debugger data is described; its
// lists of drivers are left out, for nothing public says what is in them.
func (d *Reader) triage(base, debugger int) []byte {
	y := d.kernel
	t := &smallDump{y: y, base: base, b: make([]byte, 0x80)}
	page := y.frames[FrameData]
	t.put(0x0C, 0x348)
	t.put(0x10, 0xF00)
	if base == 0x1000 {
		t.put(0x0C, 0x320)
		t.put(0x10, 0x7D0)
	}
	t.put(0x44, 0)
	y.put(t.b[0x48:], y.stack())
	if y.word == 8 {
		t.add(0x18, t.unloaded())
	}
	t.add(0x1C, page[atPrcbs:][:0x40])
	t.add(0x20, y.frames[FrameProcesses+2][processStride:][:processStride]) // winlogon.exe
	t.add(0x24, page[y.threads():][:threadStride])
	t.sized(0x28, smallStack, seeded(smallStack, 1))
	if y.word == 8 {
		t.sized(0x30, smallDrivers, t.drivers())
		names := dumpStrings("ntoskrnl.exe", "hal.dll")
		t.nameDrivers(len(t.b) + base)
		t.sized(0x38, uint32(len(names)), names)
	}
	t.sized(debugger, 0x380, page[y.p.debugger%pageSize:][:0x380])
	t.blocks(debugger + 8)
	le.PutUint32(t.b[0x08:], uint32(base+len(t.b)))
	le.PutUint32(t.b[0x04:], uint32(base+len(t.b)+4))
	return append(t.b, "TRGD"...)
}

// stack is what the stack pointer of the first processor was.
func (y *system) stack() uint64 {
	if y.word == 4 {
		return 0x80000000 + stackPointer
	}
	return 0xFFFFF80000000000 + stackPointer
}

// threads is where the KTHREADs begin in FrameData.
func (y *system) threads() int {
	if y.word == 4 {
		return atThreads32
	}
	return atThreads64
}

func (t *smallDump) put(off int, v uint32) { le.PutUint32(t.b[off:], v) }

// add appends a part, whose place is noted at off.
func (t *smallDump) add(off int, part []byte) {
	t.put(off, uint32(t.base+len(t.b)))
	t.b = append(t.b, part...)
	t.b = append(t.b, make([]byte, -len(t.b)&7)...)
}

// sized appends a part whose size or count is noted behind its place.
func (t *smallDump) sized(off int, count uint32, part []byte) {
	t.put(off+4, count)
	t.add(off, part)
}

func (t *smallDump) unloaded() []byte {
	const entrySize, name, start, end = 0x38, 0x10, 0x28, 0x30
	b := le.AppendUint64(nil, uint64(len(unloadedDrivers)))
	for i, text := range unloadedDrivers {
		entry := make([]byte, entrySize)
		n := putText(entry[name:], text[:min(len(text), 12)])
		le.PutUint16(entry, uint16(n))
		le.PutUint16(entry[2:], uint16(n))
		le.PutUint64(entry[start:], t.y.unloadedStart(i))
		le.PutUint64(entry[end:], t.y.unloadedStart(i)+0x1A000)
		b = append(b, entry...)
	}
	return b
}

// drivers are copies of KLDR_DATA_TABLE_ENTRYs, behind a place for the offset
// of their names. The time stamp ends them.
func (t *smallDump) drivers() []byte {
	b := make([]byte, smallDrivers*driverEntry64)
	for i := range smallDrivers {
		entry := b[i*driverEntry64:][:driverEntry64]
		kldr := entry[8:]
		t.y.put(kldr[t.y.p.kldrBase:], t.y.p.large+FrameImage*pageSize+uint64(i)*0x2000000)
		le.PutUint32(kldr[t.y.p.kldrSize:], kernelSize)
		le.PutUint32(entry[driverEntry64-8:], kernelTime+uint32(i))
	}
	return b
}

// nameDrivers notes the names, which stand from the file offset at on.
func (t *smallDump) nameDrivers(at int) {
	first := int(le.Uint32(t.b[0x30:])) - t.base
	le.PutUint32(t.b[first:], uint32(at))
	le.PutUint32(t.b[first+driverEntry64:], uint32(at+4+2*len("ntoskrnl.exe")+2))
}

// dumpStrings are DUMP_STRINGs: a count of letters, the letters, a NUL.
func dumpStrings(names ...string) []byte {
	var b []byte
	for _, name := range names {
		text := make([]byte, 2*len(name)+2)
		putText(text, name)
		b = append(le.AppendUint32(b, uint32(len(name))), text...)
	}
	return b
}

// blocks appends pieces of memory and their list: part of the stack,
// KiBugCheckData and the name of the build, KiProcessorBlock with all it leads
// to, and the registers of the first processor.
func (t *smallDump) blocks(at int) {
	y := t.y
	page, base := y.frames[FrameData], y.p.debugger&^(pageSize-1)
	t.block(y.stack(), seeded(0x100, 1))
	t.block(base+atBugCheck, page[atBugCheck:][:0x140])
	t.block(base+atProcessors, page[atProcessors:][:0x440])
	if y.word == 8 {
		c := contextFrames[0]
		t.block(y.p.large+c.frame*pageSize+c.off, y.frames[c.frame][c.off:][:0x110])
	}
	t.sized(at, uint32(len(t.list)/16), t.list)
}

func (t *smallDump) block(va uint64, b []byte) {
	if t.y.word == 4 {
		va = uint64(int64(int32(va)))
	}
	t.list = le.AppendUint64(t.list, va)
	t.list = le.AppendUint32(t.list, uint32(t.base+len(t.b)))
	t.list = le.AppendUint32(t.list, uint32(len(b)))
	t.b = append(t.b, b...)
}
