package dumpfile

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// story names the kernel and counts what it had running.
func (m *Memory) story() string {
	if m == nil || m.Debugger.Value == nil && len(m.Modules.Value) == 0 {
		return ""
	}
	s := "The kernel"
	if v := m.KernelVersion(); v != "" {
		s += " " + v
	}
	if m.BuildLab != "" {
		s += fmt.Sprintf(" (%s)", m.BuildLab)
	}
	if errors.Is(m.Modules.Err, errNotDescribed) {
		return s + " was found; " + m.Modules.Err.Error() + "."
	}
	s += fmt.Sprintf(" had %s loaded", count(len(m.Modules.Value), "module"))
	if n := len(m.Processes.Value); n > 0 {
		s += fmt.Sprintf(" and ran %s", countOf(n, "process", "processes"))
	}
	return s + "."
}

// isAre is the verb that follows a number.
func isAre[T int | int64 | uint64](n T) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func countOf(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func (m *Memory) kernelSection(h *Header) Section {
	bits := h.Bits
	s := Section{Title: "Kernel"}
	if d := m.Debugger.Value; d != nil {
		words := ""
		if d.Encoded {
			words = "KDDEBUGGER_DATA64 is encoded"
		}
		s.Lines = append(s.Lines, Line{"KernBase", hexWord(d.KernBase, bits), words})
	}
	s.text("Version", m.KernelVersion(), "")
	s.text("NtBuildLab", m.BuildLab, "")
	if i := m.Image.Value; i != nil {
		s.text("TimeDateStamp", fmt.Sprintf("%08x", i.TimeDateStamp), stampText(i.TimeDateStamp, h.SystemTime))
		s.text("Symbols", i.PDB, i.PDBKey)
	}
	s.text("Page tables", m.Paging, "")
	if p := m.Shared.Value; p != nil {
		s.text("NtSystemRoot", p.SystemRoot, "")
	}
	for i, p := range m.Processors {
		s.text(fmt.Sprintf("KiProcessorBlock[%d]", i), hexWord(p.Block, bits), "")
	}
	return s
}

// text adds a line unless its value is empty.
func (s *Section) text(label, value, words string) {
	if value != "" {
		s.Lines = append(s.Lines, Line{label, value, words})
	}
}

// stampText reads a link time. Reproducible builds have a hash in its place:
// what lies before Windows NT or after the crash is no time.
func stampText(stamp uint32, crash Field[time.Time]) string {
	const first = 725846400 // 1993
	t := time.Unix(int64(stamp), 0).UTC()
	latest := crash.Or(time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC))
	if stamp < first || t.After(latest) {
		return "a hash, no time"
	}
	return t.Format("2006-01-02 15:04:05")
}

func (m *Memory) modulesSection(h *Header) Section {
	s := Section{Title: "Loaded modules"}
	for _, mod := range m.Modules.Value {
		words := fmt.Sprintf("%s  %08x  %-19s  %s", hexWord(mod.End(), h.Bits), mod.TimeDateStamp, stampText(mod.TimeDateStamp, h.SystemTime), mod.Path)
		s.Lines = append(s.Lines, Line{cmp.Or(mod.Name, "?"), hexWord(mod.Base, h.Bits), words})
	}
	switch {
	case errors.Is(m.Modules.Err, errNotDescribed):
		s.text("(unknown)", m.Modules.Err.Error(), "")
	case m.Modules.Err != nil && m.Paging != "":
		s.text("(broken)", m.Modules.Err.Error(), "")
	}
	return s
}

func (m *Memory) processesSection() Section {
	s := Section{Title: "Processes"}
	for _, p := range m.Processes.Value {
		name := p.Name
		if name == "" {
			name = "?"
		}
		s.Lines = append(s.Lines, Line{name, fmt.Sprint(p.PID), ""})
	}
	if m.Processes.Err != nil && m.Paging != "" {
		s.text("(broken)", m.Processes.Err.Error(), "")
	}
	return s
}
