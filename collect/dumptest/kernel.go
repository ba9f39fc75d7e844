package dumptest

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf16"

	"hangkit/collect/dumpfile"
)

// The page frames that hold the kernel. Page tables take the rest of the
// range, the top one first.
const (
	SystemFirst    = 0x1AD // the top-level page table
	FrameShared    = 0x1B1 // KUSER_SHARED_DATA
	FrameImage     = 0x1B6 // headers of ntoskrnl.exe, in a large page
	FrameData      = 0x1B7 // KDDEBUGGER_DATA64, the list heads, KiBugCheckData
	FrameResources = 0x1B8 // version and symbol file of ntoskrnl.exe
	FrameModules   = 0x1B9 // and the next: KLDR_DATA_TABLE_ENTRYs
	FrameNames     = 0x1BB // their names, in transition
	FrameProcesses = 0x1BC // and the two next: EPROCESSes
	FramePaths     = 0x1BF // their paths, behind a prototype entry
	SystemLast     = 0x1BF
)

// What lies where in FrameData.
const (
	atPrototype  = 0x040
	atBugCheck   = 0x100
	atPhysical   = 0x140
	atBuildLab   = 0x180
	atProcessors = 0x300

	atUnloadedVariable = 0x330
	atPhysicalVariable = 0x338
	atPrcbs            = 0x340
)

const (
	moduleStride  = 0x100
	processStride = 0x800
	nameStride    = 0x80
	pathStride    = 0x80
	maxModules    = 2*pageSize/moduleStride - 1
	kernelTime    = 0x5E3C1B2A
	kernelSize    = 0x1046000
)

// The indexes, in the table of small pages, at which the frames stand that
// the header does not name.
const (
	slotModules   = 0x40
	slotNames     = 0x42
	slotPaths     = 0x43
	slotProcesses = 0x50
)

// places are the addresses of a kernel of one width.
type places struct {
	shared         uint64
	small          uint64 // where the table of small pages begins to map
	large          uint64 // where a large page maps frame 0
	huge           uint64 // where a page of 1 GiB maps frame 0; 0 for none
	debugger       uint64
	modules        uint64
	processes      uint64
	pfnDatabase    uint64
	cpus           int
	eprocessLinks  int
	eprocessName   int
	eprocessTable  int
	kldrBase       int
	kldrSize       int
	kldrFullName   int
	kldrBaseName   int
	kldrCheckSum   int
	kldrTime       int
	imageDirectory int
	imageMagic     uint16
}

var places64 = places{
	shared: 0xFFFFF78000000000,
	small:  0xFFFFF80004200000, large: 0xFFFFF80004400000, huge: 0xFFFFF80040000000,
	debugger: 0xFFFFF80004200B20, modules: 0xFFFFF8000422A2B0, processes: 0xFFFFF80004216080,
	pfnDatabase: 0xFFFFF80003C4B000, cpus: 4,
	eprocessLinks: 0x448, eprocessName: 0x5A8, eprocessTable: 0x28,
	kldrBase: 0x30, kldrSize: 0x40, kldrFullName: 0x48, kldrBaseName: 0x58, kldrCheckSum: 0x78, kldrTime: 0x9C,
	imageDirectory: 112, imageMagic: 0x20B,
}

var places32 = places{
	shared: 0xFFDF0000,
	small:  0x82A00000, large: 0x82C00000,
	debugger: 0x82B3EBE8, modules: 0x82B5D850, processes: 0x82B56018,
	pfnDatabase: 0x82B4B000, cpus: 2,
	eprocessLinks: 0xB8, eprocessName: 0x16C, eprocessTable: 0x18,
	kldrBase: 0x18, kldrSize: 0x20, kldrFullName: 0x24, kldrBaseName: 0x2C, kldrCheckSum: 0x40, kldrTime: 0x58,
	imageDirectory: 96, imageMagic: 0x10B,
}

// system is the kernel in the making: its frames and how they are mapped.
type system struct {
	spec   *Spec
	p      *places
	word   int
	frames map[uint64][]byte
	tables tables
}

// newSystem lays a whole kernel out in the system frames.
func newSystem(s *Spec) *system {
	y := &system{spec: s, p: &places64, word: 8, frames: map[uint64][]byte{}}
	if s.Bits == 32 {
		y.p, y.word = &places32, 4
	}
	for pfn := uint64(SystemFirst); pfn <= SystemLast; pfn++ {
		y.frames[pfn] = make([]byte, pageSize)
	}
	y.tables = newTables(s, y.frames)
	y.mapFrames()
	y.sharedData(y.frames[FrameShared])
	y.image()
	y.resources()
	y.modules()
	y.processes()
	y.data()
	return y
}

func (y *system) mapFrames() {
	p, t := y.p, &y.tables
	t.mapSmall(p.shared, FrameShared)
	for _, va := range []uint64{p.debugger, p.modules, p.processes} {
		t.mapSmall(va, FrameData)
	}
	t.mapLarge(p.large, 1)
	for i := range uint64(2) {
		t.mapSmall(p.small+(slotModules+i)*pageSize, FrameModules+i)
	}
	t.mapTransition(p.small+slotNames*pageSize, FrameNames)
	t.mapPrototype(p.small+slotPaths*pageSize, FramePaths, p.debugger&^(pageSize-1)+atPrototype, y.frames[FrameData][atPrototype:])
	if p.huge != 0 {
		t.mapLarge(p.huge, 2)
		return
	}
	for i := range uint64(3) {
		t.mapSmall(p.small+(slotProcesses+i)*pageSize, FrameProcesses+i)
	}
}

// put writes a pointer.
func (y *system) put(b []byte, v uint64) {
	if y.word == 4 {
		le.PutUint32(b, uint32(v))
		return
	}
	le.PutUint64(b, v)
}

// link writes the LIST_ENTRYs of a list, whose places in memory are given by
// address; the head comes first.
func (y *system) link(vas []uint64, at func(va uint64) []byte) {
	for i, va := range vas {
		b := at(va)
		y.put(b, vas[(i+1)%len(vas)])
		y.put(b[y.word:], vas[(i+len(vas)-1)%len(vas)])
	}
}

// KernelBase is where a dump of s has ntoskrnl.exe.
func KernelBase(s Spec) uint64 {
	p := &places64
	if s.fillIn(); s.Bits == 32 {
		p = &places32
	}
	return p.large + FrameImage*pageSize
}

// image writes the headers of ntoskrnl.exe.
func (y *system) image() {
	b := y.frames[FrameImage]
	copy(b, "MZ")
	le.PutUint32(b[0x3C:], 0x80)
	nt := b[0x80:]
	copy(nt, "PE\x00\x00")
	le.PutUint16(nt[4:], uint16(y.spec.Machine))
	le.PutUint32(nt[8:], kernelTime)
	le.PutUint16(nt[0x14:], uint16(y.p.imageDirectory+16*8)) // size of the optional header
	o := nt[0x18:]
	le.PutUint16(o, y.p.imageMagic)
	le.PutUint32(o[56:], kernelSize)
	le.PutUint32(o[64:], 0x9A1234)
	dir := o[y.p.imageDirectory:]
	le.PutUint32(o[y.p.imageDirectory-4:], 16)
	const resources = (FrameResources - FrameImage) * pageSize
	le.PutUint32(dir[2*8:], resources)
	le.PutUint32(dir[2*8+4:], 0x400)
	le.PutUint32(dir[6*8:], resources+0x800)
	le.PutUint32(dir[6*8+4:], 28)
}

// resources writes the version resource, and what names the symbol file.
func (y *system) resources() {
	const rva = (FrameResources - FrameImage) * pageSize
	b := y.frames[FrameResources]
	for i, id := range []uint32{16, 1, 0x409} { // type, name, language
		dir := b[i*0x18:]
		le.PutUint16(dir[14:], 1)
		le.PutUint32(dir[16:], id)
		le.PutUint32(dir[20:], uint32((i+1)*0x18)|1<<31)
	}
	le.PutUint32(b[2*0x18+20:], 0x48) // the last leads to data
	le.PutUint32(b[0x48:], rva+0x58)
	le.PutUint32(b[0x4C:], 0x100)
	v := b[0x58:]
	le.PutUint16(v, 0x100)
	le.PutUint16(v[2:], 0x34)
	putText(v[6:], "VS_VERSION_INFO")
	fixed := v[0x28:]
	le.PutUint32(fixed, 0xFEEF04BD)
	le.PutUint32(fixed[4:], 1<<16)
	le.PutUint32(fixed[8:], 10<<16)
	le.PutUint32(fixed[12:], y.spec.kernelBuild()<<16|5247)

	le.PutUint32(b[0x80C:], 2) // CodeView
	le.PutUint32(b[0x810:], 0x25)
	le.PutUint32(b[0x814:], rva+0x900)
	le.PutUint32(b[0x818:], rva+0x900) // in the file as in memory
	copy(b[0x900:], "RSDS")
	copy(b[0x904:], seeded(16, 77))
	le.PutUint32(b[0x914:], 1)
	copy(b[0x918:], "ntkrnlmp.pdb\x00")
}

func putText(b []byte, s string) int {
	u := utf16.Encode([]rune(s))
	for i, c := range u {
		le.PutUint16(b[2*i:], c)
	}
	return 2 * len(u)
}

// modules writes the loaded modules: ntoskrnl.exe and those of the Spec.
func (y *system) modules() {
	start := y.p.small + slotModules*pageSize
	at := func(va uint64) []byte {
		if va == y.p.modules {
			return y.frames[FrameData][va%pageSize:]
		}
		return y.frames[FrameModules+(va-start)/pageSize][va%pageSize:]
	}
	vas := []uint64{y.p.modules}
	for i, name := range append([]string{"ntoskrnl.exe"}, y.spec.Modules...) {
		va := start + uint64(i)*moduleStride
		vas = append(vas, va)
		y.module(at(va), i, name)
	}
	y.link(vas, at)
}

func (y *system) module(b []byte, i int, name string) {
	p := y.p
	base, size := p.large+FrameImage*pageSize, uint32(kernelSize)
	if i > 0 {
		base, size = base+kernelSize+uint64(i)*0x100000, uint32(0x1000*(i+7))
	}
	y.put(b[p.kldrBase:], base)
	y.put(b[p.kldrBase+y.word:], base+0x1000)
	le.PutUint32(b[p.kldrSize:], size)
	le.PutUint32(b[p.kldrCheckSum:], uint32(0x9A1234+i))
	le.PutUint32(b[p.kldrTime:], uint32(kernelTime+i))
	y.unicode(b[p.kldrBaseName:], y.frames[FrameNames], i*nameStride, y.p.small+slotNames*pageSize, name)
	y.unicode(b[p.kldrFullName:], y.frames[FramePaths], i*pathStride, y.p.small+slotPaths*pageSize, path(name))
}

// path is where a module lies on disk, as far as there is room for it.
func path(name string) string {
	const most = pathStride/2 - 1
	full := `\SystemRoot\system32\drivers\` + name
	if strings.HasSuffix(name, ".exe") || strings.HasSuffix(name, ".dll") {
		full = `\SystemRoot\system32\` + name
	}
	return full[:min(len(full), most)]
}

// unicode writes a UNICODE_STRING to b, and its text to the page whose address
// is va.
func (y *system) unicode(b, page []byte, off int, va uint64, text string) {
	off %= pageSize
	n := putText(page[off:], text)
	le.PutUint16(b, uint16(n))
	le.PutUint16(b[2:], uint16(n+2))
	y.put(b[y.word:], va+uint64(off))
}

// processVA is where the i-th EPROCESS lies.
func (y *system) processVA(i int) uint64 {
	if y.p.huge != 0 {
		return y.p.huge + FrameProcesses*pageSize + uint64(i)*processStride
	}
	return y.p.small + slotProcesses*pageSize + uint64(i)*processStride
}

var processNames = []string{"System", "Registry", "smss.exe", "csrss.exe", "wininit.exe", "winlogon.exe"}

func (y *system) processes() {
	p := y.p
	at := func(va uint64) []byte {
		if va == p.processes {
			return y.frames[FrameData][va%pageSize:]
		}
		return y.frames[FrameProcesses+(va-y.processVA(0))/pageSize][va%pageSize:]
	}
	vas := []uint64{p.processes}
	for i, name := range processNames {
		va := y.processVA(i)
		vas = append(vas, va+uint64(p.eprocessLinks))
		b := at(va)
		b[0] = 3 // a process object
		y.put(b[p.eprocessTable:], y.tables.root())
		pid := uint64(4)
		if i > 0 {
			pid = uint64(60 + 44*i)
		}
		y.put(b[p.eprocessLinks-y.word:], pid)
		copy(b[p.eprocessName:p.eprocessName+15], name)
	}
	y.link(vas, at)
}

// data writes KDDEBUGGER_DATA64 and what it points at.
func (y *system) data() {
	s, p := y.spec, y.p
	page := y.frames[FrameData]
	base := p.debugger &^ (pageSize - 1)
	y.put(page[atBugCheck:], uint64(s.BugCheck))
	for i, v := range s.Parameters {
		y.put(page[atBugCheck+(i+1)*y.word:], v)
	}
	if s.Attributes&uint32(dumpfile.AttrLiveDump) != 0 {
		clear(page[atBugCheck : atBugCheck+5*y.word])
	}
	copy(page[atBuildLab:], fmt.Sprintf("%d.1.%s.%s\x00", y.spec.kernelBuild(), map[dumpfile.Machine]string{
		dumpfile.MachineX64: "amd64fre", dumpfile.MachineX86: "x86fre", dumpfile.MachineARM64: "arm64fre",
	}[s.Machine], s.Release))
	y.processors()
	y.unloaded()
	y.physical()
	b := page[p.debugger%pageSize:][:0x380]
	put := func(off int, v uint64) {
		if s.Bits == 32 {
			v = uint64(int64(int32(v)))
		}
		le.PutUint64(b[off:], v)
	}
	copy(b[0x10:], "KDBG")
	le.PutUint32(b[0x14:], 0x380)
	put(0x18, KernelBase(*s))
	put(0x48, p.modules)
	put(0x50, p.processes)
	put(0x88, base+atBugCheck)
	put(0xC0, p.pfnDatabase)
	put(0xF8, base+atPhysical)
	put(0x208, base+atBuildLab)
	put(0x218, base+atProcessors)
	put(0x220, base+atUnloadedVariable)
	put(0x270, base+atPhysicalVariable)
	y.structures(b)
	if s.EncodeDebugger {
		encode(b, p.debugger)
	}
}

// encode hides a KDDEBUGGER_DATA64 as a running kernel does, with secrets of
// its own (QEMU's elf2dmp has the way back).
func encode(b []byte, address uint64) {
	const never, always = 0x9C03A5B1E6D7F20B, 0x3E57C01D9A84B6F5
	for off := 0; off < len(b); off += 8 {
		v := bits.ReverseBytes64(le.Uint64(b[off:])^always) ^ address
		v = bits.RotateLeft64(v, -int(never&0x3F)) ^ never
		le.PutUint64(b[off:], v)
	}
}

// withoutFrames takes frames out of runs.
func withoutFrames(runs []dumpfile.Run, lost []uint64) []dumpfile.Run {
	runs = slices.Clone(runs)
	for _, pfn := range lost {
		i := slices.IndexFunc(runs, func(r dumpfile.Run) bool { return pfn >= r.Base && pfn < r.End() })
		if i < 0 {
			continue
		}
		r := runs[i]
		parts := []dumpfile.Run{{Base: r.Base, Count: pfn - r.Base}, {Base: pfn + 1, Count: r.End() - pfn - 1}}
		parts = slices.DeleteFunc(parts, func(r dumpfile.Run) bool { return r.Count == 0 })
		runs = slices.Replace(runs, i, i+1, parts...)
	}
	return runs
}
