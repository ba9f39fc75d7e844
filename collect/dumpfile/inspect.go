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

// Found is something that was looked for in a dump's memory, or why it could
// not be read. What was found in part comes with an error.
type Found[T any] struct {
	Value T
	Err   error
}

func found[T any](v T, err error) Found[T] { return Found[T]{v, err} }

// Memory is what a dump's memory says: the kernel as a debugger finds it.
// Names in it come from the crashed machine and may hold anything.
type Memory struct {
	Paging     string // which page tables; "" for a small dump, which has none
	Unexpected bool   // not those that the header names
	Tables     Found[kernel.TableCensus]

	Debugger   Found[*kernel.DebuggerData]
	Modules    Found[[]kernel.Module]
	Processes  Found[[]kernel.Process]
	Shared     Found[*kernel.SharedData]
	BugCheck   Found[[5]uint64]
	Image      Found[*kernel.Image] // of the kernel itself
	BuildLab   string
	Processors []kernel.Processor
	Unloaded   Found[[]kernel.UnloadedDriver]
	Physical   Found[[]kernel.FrameRange] // the memory of the machine, whatever of it the dump holds
	Small      *SmallMemory               // of a small dump; nil for others
}

// errNotNamed is why something was not looked for.
var errNotNamed = errors.New("nothing says where it is")

// frames are the pages of a dump as page tables number them.
type frames struct {
	r     io.ReaderAt
	size  int64
	pages *PageSet
}

func (f *frames) EndFrame() uint64 { return f.pages.EndFrame() }

func (f *frames) ReadFrame(pfn uint64, page *[kernel.PageSize]byte) error {
	off, ok, err := f.pages.Offset(pfn)
	switch {
	case err != nil:
		return err
	case !ok || off > f.size-PageSize:
		return kernel.ErrNotStored
	}
	if n, err := f.r.ReadAt(page[:], off); n < len(page) {
		return fmt.Errorf("reading %#x of the dump: %w", off, err)
	}
	return nil
}

// pagings are the page table layouts the dump can have, the one its header
// names first.
func (h *Header) pagings() []*kernel.Paging {
	switch h.Machine.Value {
	case MachineX64:
		if h.PagingLevels.Value == 5 {
			return []*kernel.Paging{kernel.X64Level5, kernel.X64}
		}
		return []*kernel.Paging{kernel.X64, kernel.X64Level5}
	case MachineARM64:
		return []*kernel.Paging{kernel.ARM64}
	case MachineX86:
		if h.PAE.Known && !h.PAE.Value {
			return []*kernel.Paging{kernel.X86, kernel.PAE}
		}
		return []*kernel.Paging{kernel.PAE, kernel.X86}
	}
	return nil
}

// space opens the kernel's address space through the first layout of page
// tables that leads to what the header points at.
func (h *Header) space(f kernel.Frames) (s *kernel.Space, err error) {
	for _, p := range h.pagings() {
		candidate := kernel.NewSpace(f, p, h.DirectoryTable.Value)
		for _, va := range []uint64{h.DebuggerData.Value, h.LoadedModules.Value} {
			var b [1]byte
			readErr := candidate.ReadVirtual(b[:], va)
			if readErr == nil {
				return candidate, nil
			}
			if err == nil {
				err = readErr
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: its page tables are not known", h.Machine.Value)
	}
	return nil, err
}

// maxTables bounds the page tables that are looked at: enough to see whether
// a dump lost some, few enough for a disk that seeks.
const maxTables = 256

// inspect follows the memory of a dump that stores pages. An error means that
// not even the first address leads anywhere.
func (h *Header) inspect(r io.ReaderAt, size int64, pages *PageSet) (*Memory, error) {
	s, err := h.space(&frames{r, size, pages})
	if err != nil {
		return nil, err
	}
	m := &Memory{Paging: s.Paging().Name, Unexpected: s.Paging() != h.pagings()[0]}
	m.Tables = found(s.Census(maxTables))
	k := kernel.New(s, h.Bits)
	m.Debugger = found(k.DebuggerData(h.DebuggerData.Value, h.LoadedModules.Value, h.ActiveProcesses.Value))
	m.Modules = found(k.Modules(h.LoadedModules.Value))
	m.Processes = Found[[]kernel.Process]{Err: errNotNamed}
	if h.ActiveProcesses.Value != 0 {
		m.Processes = found(k.Processes(h.ActiveProcesses.Value))
	}
	m.follow(k, h)
	m.Image = Found[*kernel.Image]{Err: errNotNamed}
	if base := m.kernelBase(); base != 0 {
		m.Image = found(k.Image(base))
	}
	m.Unloaded = Found[[]kernel.UnloadedDriver]{Err: errNotNamed}
	if d := m.Debugger.Value; d != nil {
		m.Unloaded = found(k.UnloadedDrivers(d))
	}
	return m, nil
}

// follow reads what is found in the same way in dumps of every kind.
func (m *Memory) follow(k *kernel.Kernel, h *Header) {
	m.Shared = found(k.SharedData())
	m.BugCheck = Found[[5]uint64]{Err: errNotNamed}
	m.Physical = Found[[]kernel.FrameRange]{Err: errNotNamed}
	d := m.Debugger.Value
	if d == nil {
		return
	}
	m.Physical = found(k.PhysicalMemory(d))
	m.BugCheck = found(k.BugCheckData(d.BugCheckData))
	m.BuildLab = k.BuildLab(d)
	m.Processors = k.Processors(d, int(min(h.Processors.Value, kernel.MaxProcessors)), h.Machine.Value.contextLayout(), m.Processes.Value)
}

// kernelBase is where the kernel's image is loaded, 0 where that is not known.
func (m *Memory) kernelBase() uint64 {
	if d := m.Debugger.Value; d != nil && d.KernBase != 0 {
		return d.KernBase
	}
	if len(m.Modules.Value) > 0 {
		return m.Modules.Value[0].Base
	}
	return 0
}

// KernelVersion is the version of the kernel: of its resources, else as far
// as the shared page tells it, else "".
func (m *Memory) KernelVersion() string {
	if i := m.Image.Value; i != nil && i.Version != "" {
		return i.Version
	}
	if s := m.Shared.Value; s != nil && s.Major != 0 && s.Build != 0 {
		return fmt.Sprintf("%d.%d.%d", s.Major, s.Minor, s.Build)
	}
	return ""
}

// Locate says in which module an address lies, and how far: "disk.sys+0x1234".
// A driver that is gone is marked; what lies in no module gives "".
func (m *Memory) Locate(va uint64) string {
	for _, mod := range m.Modules.Value {
		if va >= mod.Base && va-mod.Base < uint64(mod.Size) {
			return fmt.Sprintf("%s+%#x", cmp.Or(mod.Name, "?"), va-mod.Base)
		}
	}
	for _, u := range m.Unloaded.Value {
		if va >= u.Start && va < u.End {
			return fmt.Sprintf("%s+%#x, which was unloaded", cmp.Or(u.Name, "?"), va-u.Start)
		}
	}
	return ""
}

// HasModule tells whether a module of that name is loaded, in any case.
func (m *Memory) HasModule(name string) bool {
	return m != nil && slices.ContainsFunc(m.Modules.Value, func(mod kernel.Module) bool { return strings.EqualFold(mod.Name, name) })
}
