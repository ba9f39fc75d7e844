package dumpfile

import (
	"fmt"
	"io"
)

const magicTRGD uint32 = 0x44475254 // 'TRGD', the end mark of a triage dump

// TriageHeader is TRIAGE_DUMP64 or TRIAGE_DUMP32: where the parts of a small
// memory dump lie. Offsets are file offsets, as written.
type TriageHeader struct {
	Off              int64 // where it stands
	SizeOfDump       uint32
	ValidOffset      uint32 // of 'TRGD'
	ContextOffset    uint32
	ExceptionOffset  uint32
	MmOffset         uint32
	UnloadedOffset   uint32
	PrcbOffset       uint32
	ProcessOffset    uint32
	ThreadOffset     uint32
	CallStackOffset  uint32
	CallStackSize    uint32
	DriverListOffset uint32
	DriverCount      uint32
	StringPoolOffset uint32
	StringPoolSize   uint32
	BrokenDriver     uint32
	Options          uint32
	TopOfStack       uint64 // the address the call stack was read from
	DebuggerOffset   uint32 // of a copy of KDDEBUGGER_DATA64
	DebuggerSize     uint32
	BlocksOffset     uint32
	BlocksCount      uint32
}

const (
	triageHeaderLen = 0x80

	triageSizeOfDump  = 0x04
	triageValid       = 0x08
	triageContext     = 0x0C
	triageException   = 0x10
	triageMm          = 0x14
	triageUnloaded    = 0x18
	triagePrcb        = 0x1C
	triageProcess     = 0x20
	triageThread      = 0x24
	triageCallStack   = 0x28
	triageStackSize   = 0x2C
	triageDrivers     = 0x30
	triageDriverCount = 0x34
	triageStrings     = 0x38
	triageStringsSize = 0x3C
	triageBroken      = 0x40
	triageOptions     = 0x44
	triageTopOfStack  = 0x48
	triageDebugger64  = 0x70 // offset and size, then data blocks: offset and count
	triageDebugger32  = 0x58
)

func parseTriageHeader(r io.ReaderAt, size, off int64, bits int) (*TriageHeader, error) {
	b, err := readFull(r, size, off, triageHeaderLen, "triage header")
	if err != nil {
		return nil, err
	}
	u32 := func(at int) uint32 { return le.Uint32(b[at:]) }
	debugger, top := triageDebugger64, le.Uint64(b[triageTopOfStack:])
	if bits == 32 {
		debugger, top = triageDebugger32, uint64(u32(triageTopOfStack))
	}
	return &TriageHeader{
		Off:              off,
		SizeOfDump:       u32(triageSizeOfDump),
		ValidOffset:      u32(triageValid),
		ContextOffset:    u32(triageContext),
		ExceptionOffset:  u32(triageException),
		MmOffset:         u32(triageMm),
		UnloadedOffset:   u32(triageUnloaded),
		PrcbOffset:       u32(triagePrcb),
		ProcessOffset:    u32(triageProcess),
		ThreadOffset:     u32(triageThread),
		CallStackOffset:  u32(triageCallStack),
		CallStackSize:    u32(triageStackSize),
		DriverListOffset: u32(triageDrivers),
		DriverCount:      u32(triageDriverCount),
		StringPoolOffset: u32(triageStrings),
		StringPoolSize:   u32(triageStringsSize),
		BrokenDriver:     u32(triageBroken),
		Options:          u32(triageOptions),
		TopOfStack:       top,
		DebuggerOffset:   u32(debugger),
		DebuggerSize:     u32(debugger + 4),
		BlocksOffset:     u32(debugger + 8),
		BlocksCount:      u32(debugger + 12),
	}, nil
}

// maxTriageSize bounds SizeOfDump: the largest real ones hold a few MiB.
const maxTriageSize = 256 << 20

// checkLengths says what is wrong with the header's numbers.
func (t *TriageHeader) checkLengths() error {
	switch {
	case int64(t.SizeOfDump) < t.Off+triageHeaderLen || t.SizeOfDump > maxTriageSize:
		return &FormatError{t.Off + triageSizeOfDump, "SizeOfDump", fmt.Sprintf("%#x to %#x", t.Off+triageHeaderLen, maxTriageSize), fmt.Sprintf("%#x", t.SizeOfDump)}
	case int64(t.ValidOffset) < t.Off+triageHeaderLen || uint64(t.ValidOffset)+4 > uint64(t.SizeOfDump):
		return &FormatError{t.Off + triageValid, "ValidOffset", "an offset inside the dump", fmt.Sprintf("%#x", t.ValidOffset)}
	}
	return nil
}

// checkEndMark reads the 'TRGD' that the kernel writes last.
func (t *TriageHeader) checkEndMark(r io.ReaderAt, size int64) error {
	b, err := readFull(r, size, int64(t.ValidOffset), 4, "end mark 'TRGD'")
	if err != nil {
		return err
	}
	if le.Uint32(b) != magicTRGD {
		return &FormatError{int64(t.ValidOffset), "end mark", "'TRGD'", fmt.Sprintf("%q", b)}
	}
	return nil
}

// part is one piece of a triage dump.
type part struct {
	name      string
	off, size uint64
}

// The sizes of one entry in the lists of a triage dump. A driver's is the
// offset of its name and a copy of its KLDR_DATA_TABLE_ENTRY that ends with
// the time stamp; that of 32 bits is not known.
const (
	driverEntry64 = 144
	dataBlock     = 16
)

// parts are the pieces whose place and size the header gives.
func (t *TriageHeader) parts(bits int) []part {
	list := []part{
		{"call stack", uint64(t.CallStackOffset), uint64(t.CallStackSize)},
		{"string pool", uint64(t.StringPoolOffset), uint64(t.StringPoolSize)},
		{"debugger data", uint64(t.DebuggerOffset), uint64(t.DebuggerSize)},
		{"data blocks", uint64(t.BlocksOffset), uint64(t.BlocksCount) * dataBlock},
	}
	if bits == 64 {
		list = append(list, part{"driver list", uint64(t.DriverListOffset), uint64(t.DriverCount) * driverEntry64})
	}
	return list
}

// checkParts says which piece reaches beyond the dump.
func (t *TriageHeader) checkParts(bits int) error {
	for _, p := range t.parts(bits) {
		if p.size > 0 && p.off+p.size > uint64(t.SizeOfDump) {
			return &FormatError{int64(p.off), p.name, fmt.Sprintf("to end before %#x", t.SizeOfDump), fmt.Sprintf("%#x", p.off+p.size)}
		}
	}
	return nil
}
