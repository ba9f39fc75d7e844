package dumpfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hangkit/collect/dumpfile/kernel"
)

const (
	headerSize32 = 0x1000
	headerSize64 = 0x2000
	reserved64   = 0x1058 // fill from here to the end of DUMP_HEADER64
)

// headerMap holds the offset of each field in one of the two headers; 0 means
// that this header has no such field (offset 0 is the signature in both).
type headerMap struct {
	bits, size int

	major, minor, directoryTableBase, pfnDatabase, loadedModules, activeProcesses,
	machine, processors, bugCheckCode, bugCheckParameters, paeEnabled,
	versionUser, debuggerData, memory, context, exception, dumpType, requiredDumpSpace, systemTime,
	comment, systemUpTime, miniDumpFields, secondaryDataState, productType,
	suiteMask, writerStatus, kdSecondaryVersion, pagingLevels, attributes, bootID int
}

const (
	commentSize     = 128
	versionUserSize = 32
)

var header64 = headerMap{
	bits: 64, size: headerSize64,
	major: 0x08, minor: 0x0C, directoryTableBase: 0x10, pfnDatabase: 0x18,
	loadedModules: 0x20, activeProcesses: 0x28, machine: 0x30, processors: 0x34,
	bugCheckCode: 0x38, bugCheckParameters: 0x40, debuggerData: 0x80,
	versionUser: 0x60, memory: 0x88, context: 0x348, exception: 0xF00, dumpType: 0xF98, requiredDumpSpace: 0xFA0,
	systemTime: 0xFA8, comment: 0xFB0, systemUpTime: 0x1030,
	miniDumpFields: 0x1038, secondaryDataState: 0x103C, productType: 0x1040,
	suiteMask: 0x1044, writerStatus: 0x1048, kdSecondaryVersion: 0x104D,
	pagingLevels: 0x104E, attributes: 0x1050, bootID: 0x1054,
}

var header32 = headerMap{
	bits: 32, size: headerSize32,
	major: 0x08, minor: 0x0C, directoryTableBase: 0x10, pfnDatabase: 0x14,
	loadedModules: 0x18, activeProcesses: 0x1C, machine: 0x20, processors: 0x24,
	bugCheckCode: 0x28, bugCheckParameters: 0x2C, paeEnabled: 0x5C,
	versionUser: 0x3C, kdSecondaryVersion: 0x5D, debuggerData: 0x60, memory: 0x64,
	context: 0x320, exception: 0x7D0, comment: 0x820, attributes: 0x8A0, bootID: 0x8A4,
	dumpType: 0xF88, miniDumpFields: 0xF8C, secondaryDataState: 0xF90,
	productType: 0xF94, suiteMask: 0xF98, writerStatus: 0xF9C,
	requiredDumpSpace: 0xFA0, systemUpTime: 0xFB8, systemTime: 0xFC0,
}

// Header is a DUMP_HEADER64 or DUMP_HEADER32. Every field the kernel may leave
// unwritten says whether it was.
type Header struct {
	Bits int   // 64 or 32
	Size int64 // bytes of the header, which is where the rest begins

	Type            Type
	MajorVersion    Field[uint32] // 0xF free build, 0xC checked
	MinorVersion    Field[uint32] // the build number
	Machine         Field[Machine]
	Processors      Field[uint32]
	BugCheck        BugCheck
	SystemTime      Field[time.Time] // of the crash, UTC
	SystemUpTime    Field[time.Duration]
	BootID          Field[uint32] // counts the boots of this installation
	Attributes      Field[Attributes]
	MiniDumpFields  Field[uint32]
	ProductType     Field[uint32] // 1 workstation, 2 domain controller, 3 server
	SuiteMask       Field[uint32]
	WriterStatus    Field[uint32]
	SecondaryState  Field[uint32] // NTSTATUS of writing the secondary data
	PAE             Field[bool]   // 32-bit only
	PagingLevels    Field[uint8]  // 4 or 5, recent 64-bit kernels only
	KDSecondary     Field[uint8]
	Comment         string
	RequiredSpace   Field[uint64] // RequiredDumpSpace, in bytes, as written
	VersionUser     string
	Exception       Exception
	Context         *kernel.Context // registers of the processor that crashed; nil where there are none
	DirectoryTable  Field[uint64]   // DirectoryTableBase as written, low bits included
	PfnDatabase     Field[uint64]
	LoadedModules   Field[uint64] // PsLoadedModuleList
	ActiveProcesses Field[uint64] // PsActiveProcessHead
	DebuggerData    Field[uint64] // KdDebuggerDataBlock
	Memory          MemoryDescriptor
}

// Exception is the EXCEPTION_RECORD of the header: what the crash looks like
// to a debugger.
type Exception struct {
	Code, Flags     Field[uint32]
	Record, Address Field[uint64]
	Parameters      []Field[uint64]
}

const maxExceptionParameters = 15

// BugCheck is the stop code of the crash and its four parameters.
type BugCheck struct {
	Code       Field[uint32]
	Parameters [4]Field[uint64]
}

// DirectoryTablePFN is the page of the top-level page table: real headers
// carry flags in the low bits of DirectoryTableBase.
func (h *Header) DirectoryTablePFN() uint64 { return h.DirectoryTable.Value >> pageShift }

// BootTime is when the crashed system was started.
func (h *Header) BootTime() Field[time.Time] {
	if !h.SystemTime.Known || !h.SystemUpTime.Known {
		return Field[time.Time]{}
	}
	return known(h.SystemTime.Value.Add(-h.SystemUpTime.Value))
}

// Encrypted reports whether the dump's contents are encrypted. An Attributes
// field that was never written would read as encrypted: it is not believed.
func (h *Header) Encrypted() bool {
	a := h.Attributes
	return a.Known && a.Value&AttrEncrypted != 0 && a.Value&AttrDecrypted == 0
}

// ParseHeader reads the header of the kernel dump in r, which holds size
// bytes. What is no kernel dump gives ErrNotDump, ErrUserDump,
// ErrFirmwareDump or ErrHeaderWiped; a header cut short gives ErrTruncated.
func ParseHeader(r io.ReaderAt, size int64) (*Header, error) {
	kind, err := Identify(r, size)
	if err != nil {
		return nil, err
	}
	if err := kind.Err(); err != nil {
		return nil, err
	}
	m := &header64
	if kind == KindKernel32 {
		m = &header32
	}
	b, err := readFull(r, size, 0, m.size, "dump header")
	if err != nil {
		return nil, err
	}
	return headerView{b, m}.decode(), nil
}

// IsNotKernelDump reports whether err means that a file is no kernel dump at
// all, as opposed to one that is damaged or cannot be read.
func IsNotKernelDump(err error) bool {
	return errors.Is(err, ErrNotDump) || errors.Is(err, ErrUserDump) || errors.Is(err, ErrFirmwareDump)
}

// headerView reads fields of a header out of its bytes, whose length
// ParseHeader has checked.
type headerView struct {
	b []byte
	m *headerMap
}

func (v headerView) u32(off int) Field[uint32] {
	if off == 0 {
		return Field[uint32]{}
	}
	if x := le.Uint32(v.b[off:]); x != fill32 {
		return known(x)
	}
	return Field[uint32]{}
}

func (v headerView) u64(off int) Field[uint64] {
	if x := le.Uint64(v.b[off:]); x != fill64 {
		return known(x)
	}
	return Field[uint64]{}
}

// word reads a field as wide as the header's pointers.
func (v headerView) word(off int) Field[uint64] {
	if v.m.bits == 64 {
		return v.u64(off)
	}
	f := v.u32(off)
	return Field[uint64]{uint64(f.Value), f.Known}
}

// u8 reads a byte, which the fill leaves as the letter of 'PAGE' that falls
// on its offset.
func (v headerView) u8(off int) Field[uint8] {
	if off == 0 || v.b[off] == "PAGE"[off%4] {
		return Field[uint8]{}
	}
	return known(v.b[off])
}

func (v headerView) decode() *Header {
	m := v.m
	return &Header{
		Bits: m.bits, Size: int64(m.size),
		Type:            Type(v.u32(m.dumpType).Value),
		MajorVersion:    v.u32(m.major),
		MinorVersion:    v.u32(m.minor),
		Machine:         convert(v.u32(m.machine), func(x uint32) Machine { return Machine(x) }),
		Processors:      v.u32(m.processors),
		BugCheck:        v.bugCheck(),
		SystemTime:      fileTime(v.u64(m.systemTime)),
		SystemUpTime:    ticks(v.u64(m.systemUpTime)),
		BootID:          v.u32(m.bootID),
		Attributes:      convert(v.u32(m.attributes), func(x uint32) Attributes { return Attributes(x) }),
		MiniDumpFields:  v.u32(m.miniDumpFields),
		ProductType:     v.u32(m.productType),
		SuiteMask:       v.u32(m.suiteMask),
		WriterStatus:    v.u32(m.writerStatus),
		SecondaryState:  v.u32(m.secondaryDataState),
		PAE:             convert(v.u8(m.paeEnabled), func(x uint8) bool { return x != 0 }),
		PagingLevels:    v.pagingLevels(),
		KDSecondary:     v.u8(m.kdSecondaryVersion),
		Comment:         v.text(m.comment, commentSize),
		RequiredSpace:   v.u64(m.requiredDumpSpace),
		VersionUser:     v.text(m.versionUser, versionUserSize),
		Exception:       v.exception(),
		Context:         v.context(),
		DirectoryTable:  v.word(m.directoryTableBase),
		PfnDatabase:     v.word(m.pfnDatabase),
		LoadedModules:   v.word(m.loadedModules),
		ActiveProcesses: v.word(m.activeProcesses),
		DebuggerData:    v.word(m.debuggerData),
		Memory:          v.memoryDescriptor(),
	}
}

func (v headerView) bugCheck() BugCheck {
	b := BugCheck{Code: v.u32(v.m.bugCheckCode)}
	for i := range b.Parameters {
		b.Parameters[i] = v.word(v.m.bugCheckParameters + i*v.m.bits/8)
	}
	return b
}

// exception reads the EXCEPTION_RECORD, whose pointers are as wide as the
// header's.
func (v headerView) exception() Exception {
	word := v.m.bits / 8
	at := v.m.exception
	e := Exception{Code: v.u32(at), Flags: v.u32(at + 4), Record: v.word(at + 8), Address: v.word(at + 8 + word)}
	count := v.u32(at + 8 + 2*word)
	first := at + 8 + 3*word
	for i := range min(count.Value, maxExceptionParameters) {
		e.Parameters = append(e.Parameters, v.word(first+int(i)*word))
	}
	return e
}

// context reads the registers. Those that the kernel never wrote are left out,
// whatever ContextFlags says.
func (v headerView) context() *kernel.Context {
	l := Machine(v.u32(v.m.machine).Value).contextLayout()
	if l == nil {
		return nil
	}
	c := l.Parse(v.b[v.m.context:v.m.exception])
	if c == nil {
		return nil
	}
	c.Registers = slices.DeleteFunc(c.Registers, func(r kernel.Register) bool { return isFill(r.Value, r.Size) })
	for _, p := range []*uint64{&c.PC, &c.SP} {
		if isFill(*p, v.m.bits/8) {
			*p = 0
		}
	}
	return c
}

// isFill tells whether a number of size bytes is the fill. Of two bytes it can
// be either half.
func isFill(v uint64, size int) bool {
	switch size {
	case 2:
		return v == fill64&0xFFFF || v == fill64>>16&0xFFFF
	case 4:
		return v == uint64(fill32)
	default:
		return v == fill64
	}
}

// pagingLevels is a reserved byte that only recent kernels write: 4 or 5.
func (v headerView) pagingLevels() Field[uint8] {
	f := v.u8(v.m.pagingLevels)
	if f.Value != 4 && f.Value != 5 {
		return Field[uint8]{}
	}
	return f
}

// text is what stands up to the first NUL; a fill or unprintable bytes are none.
func (v headerView) text(off, size int) string {
	raw := v.b[off : off+size]
	if le.Uint32(raw) == fill32 {
		return ""
	}
	text, _, _ := strings.Cut(string(raw), "\x00")
	if strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
		return ""
	}
	return text
}

func convert[A, B any](f Field[A], to func(A) B) Field[B] {
	if !f.Known {
		return Field[B]{}
	}
	return known(to(f.Value))
}

// filetimeUnix is the FILETIME of 1970-01-01, in 100 ns since 1601.
const filetimeUnix = 116444736000000000

// fileTime decodes a FILETIME; what no clock shows (before 1970 or beyond
// year 9999) counts as unwritten.
func fileTime(f Field[uint64]) Field[time.Time] {
	const last = filetimeUnix + 253402300799*10_000_000
	if !f.Known || f.Value < filetimeUnix || f.Value > last {
		return Field[time.Time]{}
	}
	rel := f.Value - filetimeUnix
	return known(time.Unix(int64(rel/10_000_000), int64(rel%10_000_000)*100).UTC())
}

// ticks decodes a count of 100 ns; more than a Duration holds (292 years)
// counts as unwritten.
func ticks(f Field[uint64]) Field[time.Duration] {
	if !f.Known || f.Value > (1<<63-1)/100 {
		return Field[time.Duration]{}
	}
	return known(time.Duration(f.Value) * 100)
}

// Machine is MachineImageType: the processor architecture.
type Machine uint32

// The architectures a kernel dump can come from.
const (
	MachineX86   Machine = 0x14C
	MachineX64   Machine = 0x8664
	MachineARM64 Machine = 0xAA64
)

func (m Machine) String() string {
	switch m {
	case MachineX86:
		return "x86"
	case MachineX64:
		return "x64"
	case MachineARM64:
		return "ARM64"
	}
	return fmt.Sprintf("machine %#x", uint32(m))
}

// contextLayout is how the machine keeps its registers, nil where that is not
// known.
func (m Machine) contextLayout() *kernel.ContextLayout {
	switch m {
	case MachineX86:
		return kernel.ContextX86
	case MachineX64:
		return kernel.ContextX64
	case MachineARM64:
		return kernel.ContextARM64
	}
	return nil
}

// Attributes are the flags of DUMP_HEADER's Attributes field.
type Attributes uint32

// The attribute bits that mindumpdef.h names.
const (
	AttrHiberCrash       Attributes = 1 << 0
	AttrDevicePowerOff   Attributes = 1 << 1
	AttrInsufficientFile Attributes = 1 << 2 // the target was too small for the dump
	AttrKernelTriage     Attributes = 1 << 3
	AttrLiveDump         Attributes = 1 << 4
	AttrOffline          Attributes = 1 << 5
	AttrFiltered         Attributes = 1 << 6 // active memory dump
	AttrEarlyBoot        Attributes = 1 << 7
	AttrEncrypted        Attributes = 1 << 8
	AttrDecrypted        Attributes = 1 << 9
)

var attributeNames = []string{
	"HiberCrash", "DumpDevicePowerOff", "InsufficientDumpfileSize",
	"KernelGeneratedTriageDump", "LiveDumpGeneratedDump", "DumpIsGeneratedOffline",
	"FilterDumpFile", "EarlyBootCrash", "EncryptedDumpData", "DecryptedDump",
}

// String lists the names of the set bits, and what is left as a number.
func (a Attributes) String() string {
	var names []string
	for i, name := range attributeNames {
		if bit := Attributes(1) << i; a&bit != 0 {
			names = append(names, name)
			a &^= bit
		}
	}
	if a != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(a)))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, "|")
}

// Type is DumpType: how the body of a dump is laid out.
type Type uint32

// The dump types.
const (
	TypeUnknown      Type = 0
	TypeFull         Type = 1 // every page, by runs
	TypeSummary      Type = 2 // kernel pages, by bitmap (XP to 7)
	TypeHeader       Type = 3
	TypeTriage       Type = 4  // minidump of the kernel
	TypeBitmapFull   Type = 5  // complete or active dump (8 and later)
	TypeBitmapKernel Type = 6  // kernel or automatic dump (8 and later)
	TypeAutomatic    Type = 7  // a setting; not seen on disk
	TypeDebugKernel  Type = 8  // .dump /k
	TypeDebugKernelA Type = 9  // .dump /ka
	TypeDebugFull    Type = 10 // .dump /f
)

var typeNames = map[Type]string{
	TypeFull:         "complete memory dump",
	TypeSummary:      "kernel memory dump (summary)",
	TypeHeader:       "header-only dump",
	TypeTriage:       "small memory dump (triage)",
	TypeBitmapFull:   "complete or active memory dump (bitmap)",
	TypeBitmapKernel: "kernel memory dump (bitmap)",
	TypeAutomatic:    "automatic memory dump",
	TypeDebugKernel:  "kernel dump written by a debugger",
	TypeDebugKernelA: "kernel dump written by a debugger",
	TypeDebugFull:    "full dump written by a debugger",
}

func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("dump of unknown type %d", uint32(t))
}
