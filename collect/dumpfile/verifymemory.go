package dumpfile

import (
	"errors"
	"fmt"
	"time"

	"hangkit/collect/dumpfile/kernel"
)

// memory checks what the kernel's own memory says against the header.
func (v *verifier) memory() {
	m, err := v.h.inspect(v.r, v.size, v.l.Pages)
	if err != nil {
		v.fatal("page tables", "nothing the header points at can be read: %v", err)
		return
	}
	v.report.Memory = m
	v.pageTables(m)
	v.debuggerData(m)
	v.modules(m)
	v.kernelImage(m)
	v.processes(m)
	v.bugCheckData(m)
	v.sharedData(m)
	if m.Debugger.Value == nil && len(m.Modules.Value) == 0 {
		v.fatal("kernel", "neither KDDEBUGGER_DATA64 nor a loaded module can be read")
	}
}

func (v *verifier) pageTables(m *Memory) {
	const name = "page tables"
	c := m.Tables.Value
	looked := count(c.Tables, "table")
	if c.Partly {
		looked = "the first " + looked
	}
	switch {
	case m.Unexpected:
		v.add(name, StatusBad, "%s, which is not what the header says", m.Paging)
	case m.Tables.Err != nil:
		v.add(name, StatusBad, "%s: %v", m.Paging, m.Tables.Err)
	case c.Lost > 0:
		v.add(name, StatusBad, "%s: %s, %d not in the dump, the first of those is page %#x", m.Paging, looked, c.Lost, c.Missing[0])
	default:
		v.add(name, StatusOK, "%s: %s, all there", m.Paging, looked)
	}
}

func (v *verifier) debuggerData(m *Memory) {
	const name = "KDBG"
	d, h := m.Debugger.Value, v.h
	switch {
	case m.Debugger.Err != nil:
		v.add(name, StatusBad, "%v", m.Debugger.Err)
	case d.Encoded:
		v.add(name, StatusBad, "encoded, as a running kernel keeps it: a debugger needs symbols to open this dump (it was decoded here)")
	case d.LoadedModules != h.LoadedModules.Value:
		v.add(name, StatusBad, "PsLoadedModuleList is %#x in memory, %#x in the header", d.LoadedModules, h.LoadedModules.Value)
	case h.ActiveProcesses.Known && d.ActiveProcesses != h.ActiveProcesses.Value:
		v.add(name, StatusBad, "PsActiveProcessHead is %#x in memory, %#x in the header", d.ActiveProcesses, h.ActiveProcesses.Value)
	default:
		v.add(name, StatusOK, "%#x bytes, kernel at %s, %s", d.Size, hexWord(d.KernBase, h.Bits), orWords(m.BuildLab, "build not named"))
	}
}

func orWords(s, other string) string {
	if s == "" {
		return other
	}
	return fmt.Sprintf("%q", s)
}

func (v *verifier) modules(m *Memory) {
	const name = "loaded modules"
	list := m.Modules.Value
	lost := 0
	for _, mod := range list {
		if mod.Problem != "" {
			lost++
		}
	}
	switch base := m.kernelBase(); {
	case m.Modules.Err != nil:
		v.add(name, StatusBad, "%d read: %v", len(list), m.Modules.Err)
	case len(list) == 0:
		v.add(name, StatusBad, "the list is empty")
	case lost > 0:
		v.add(name, StatusBad, "%d, of which %d cannot be read: %s", len(list), lost, firstProblem(list))
	case list[0].Base != base:
		v.add(name, StatusBad, "%d, but the first, %q, is not the kernel at %s", len(list), list[0].Name, hexWord(base, v.h.Bits))
	default:
		closes := "; the list closes"
		if m.Paging == "" {
			closes = "" // a small dump has an array of them
		}
		v.add(name, StatusOK, "%d, from %q to %q%s", len(list), list[0].Name, list[len(list)-1].Name, closes)
	}
}

func firstProblem(list []kernel.Module) string {
	for _, m := range list {
		if m.Problem != "" {
			return m.Problem
		}
	}
	return ""
}

// kernelImage checks that the kernel itself stands where the lists say.
func (v *verifier) kernelImage(m *Memory) {
	const name = "kernel image"
	i := m.Image.Value
	switch {
	case errors.Is(m.Image.Err, errNotNamed):
		v.add(name, StatusUnknown, "%v", m.Image.Err)
	case m.Image.Err != nil:
		v.add(name, StatusBad, "%v", m.Image.Err)
	case len(m.Modules.Value) > 0 && m.Modules.Value[0].Problem == "" && m.Modules.Value[0].TimeDateStamp != i.TimeDateStamp:
		v.add(name, StatusBad, "linked at %08x, in the module list at %08x", i.TimeDateStamp, m.Modules.Value[0].TimeDateStamp)
	default:
		v.add(name, StatusOK, "version %s, time stamp %08x", orUnknown(m.KernelVersion()), i.TimeDateStamp)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

func (v *verifier) processes(m *Memory) {
	const name = "processes"
	list := m.Processes.Value
	switch {
	case errors.Is(m.Processes.Err, errNotNamed):
		v.add(name, StatusUnknown, "the header does not say where the list is")
	case m.Processes.Err != nil:
		v.add(name, StatusBad, "%d read: %v", len(list), m.Processes.Err)
	case len(list) == 0:
		v.add(name, StatusBad, "the list is empty")
	default:
		v.add(name, StatusOK, "%d, %s; the list closes", len(list), processNames(list))
	}
}

func processNames(list []kernel.Process) string {
	named := 0
	for _, p := range list {
		if p.Name != "" {
			named++
		}
	}
	if named == len(list) {
		return "all with their names"
	}
	return fmt.Sprintf("%d with their names", named)
}

// bugCheckData checks that the memory is that of the crash the header tells
// of. A page file may hold the header of one crash and pages of another.
func (v *verifier) bugCheckData(m *Memory) {
	const name = "bugcheck in memory"
	data, h := m.BugCheck.Value, v.h
	code, want := uint32(data[0]), h.BugCheck.Code
	switch {
	case errors.Is(m.BugCheck.Err, errNotNamed):
		v.add(name, StatusUnknown, "without KDDEBUGGER_DATA64 %v", m.BugCheck.Err)
	case m.BugCheck.Err != nil:
		v.add(name, StatusBad, "%v", m.BugCheck.Err)
	case data == [5]uint64{} && h.fromRunningMachine():
		v.add(name, StatusOK, "none, as in any dump of a machine that went on")
	case !want.Known:
		v.add(name, StatusUnknown, "%#x; the header has none", code)
	case code&^bugCheckM != want.Value&^bugCheckM:
		v.add(name, StatusBad, "%#x in memory, %#x in the header", code, want.Value)
	case !h.sameParameters(data):
		v.add(name, StatusBad, "%#x with the parameters %#x in memory, others in the header", code, data[1:])
	default:
		v.add(name, StatusOK, "%#x and its parameters, as in the header", code)
	}
}

func (h *Header) sameParameters(data [5]uint64) bool {
	for i, p := range h.BugCheck.Parameters {
		if p.Known && p.Value != data[i+1] {
			return false
		}
	}
	return true
}

// fromRunningMachine tells whether the dump was taken without a crash.
func (h *Header) fromRunningMachine() bool {
	info, _ := LookupBugCheck(h.BugCheck.Code.Value)
	return info.Live || h.Attributes.Known && h.Attributes.Value&AttrLiveDump != 0
}

// sharedData checks the clock and the boot count in memory against the header.
func (v *verifier) sharedData(m *Memory) {
	const name = "time in memory"
	s := m.Shared.Value
	if m.Shared.Err != nil {
		v.add(name, StatusBad, "%v", m.Shared.Err)
		return
	}
	at := fileTime(Field[uint64]{s.SystemTime, true})
	boot := v.h.BootID
	switch apart := at.Value.Sub(v.h.SystemTime.Value).Abs(); {
	case !at.Known:
		v.add(name, StatusBad, "no time at all (%#x)", s.SystemTime)
	case boot.Known && s.BootID != 0 && s.BootID != boot.Value:
		v.add(name, StatusBad, "boot %d in memory, boot %d in the header", s.BootID, boot.Value)
	case !v.h.SystemTime.Known:
		v.add(name, StatusUnknown, "%s; the header has none", at.Value.Format(timeFormat))
	case apart > maxApart:
		v.add(name, StatusBad, "%s, which is %s away from the header's", at.Value.Format(timeFormat), apart.Round(time.Second))
	default:
		v.add(name, StatusOK, "%s%s, as in the header", at.Value.Format(timeFormat), bootWords(s.BootID))
	}
}

// maxApart is how far the clock of a machine moves while a dump is made of it
// without stopping it; a crash stops it.
const maxApart = 2 * time.Second

const timeFormat = "2006-01-02 15:04:05 UTC"

func bootWords(id uint32) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(", boot %d", id)
}
