package dumpfile

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"hangkit/collect/dumpfile/kernel"
)

// sessionSection is what a debugger says when it opens a dump.
func (h *Header) sessionSection(m *Memory) Section {
	s := Section{Title: "Session"}
	os := "Windows"
	if h.MinorVersion.Known {
		os = fmt.Sprintf("%s, build %d", windowsName(h.MinorVersion.Value, h.ProductType), h.MinorVersion.Value)
	}
	if h.Processors.Known {
		os += ", " + count(h.Processors.Value, "processor")
	}
	if words := buildKind(h.MajorVersion); words != "" {
		os += ", " + words
	}
	if h.Machine.Known {
		os += ", " + h.Machine.Value.String()
	}
	s.text("System", os, "")
	s.text("Product", strings.TrimSpace(productText(h.ProductType)), suiteText(h.SuiteMask))
	if m != nil {
		s.text("Built by", m.BuildLab, "")
		if base := m.kernelBase(); base != 0 {
			s.text("Kernel base", hexWord(base, h.Bits), "PsLoadedModuleList "+hexWord(h.LoadedModules.Value, h.Bits))
		}
	}
	if h.SystemTime.Known {
		s.text("Session time", h.SystemTime.Value.Format("Mon Jan _2 15:04:05.000 2006 (UTC)"), "")
	}
	if boot := h.BootTime(); boot.Known {
		s.text("System uptime", daysText(h.SystemUpTime.Value), "started "+boot.Value.Format("2006-01-02 15:04:05 UTC"))
	}
	return s
}

// releases are the builds from which on Windows was called so, the newest
// first, as a client and as a server.
var releases = []struct {
	build          uint32
	client, server string
}{
	{26100, "Windows 11", "Windows Server 2025"},
	{22000, "Windows 11", "Windows Server"},
	{20348, "Windows 10", "Windows Server 2022"},
	{17763, "Windows 10", "Windows Server 2019"},
	{14393, "Windows 10", "Windows Server 2016"},
	{10240, "Windows 10", "Windows Server"},
	{9600, "Windows 8.1", "Windows Server 2012 R2"},
	{9200, "Windows 8", "Windows Server 2012"},
	{7600, "Windows 7", "Windows Server 2008 R2"},
	{6000, "Windows Vista", "Windows Server 2008"},
	{3790, "Windows XP x64", "Windows Server 2003"},
	{2600, "Windows XP", "Windows Server"},
}

// windowsName is what people call a build.
func windowsName(build uint32, product Field[uint32]) string {
	const workstation = 1
	for _, r := range releases {
		if build < r.build {
			continue
		}
		if product.Or(workstation) == workstation {
			return r.client
		}
		return r.server
	}
	return "Windows"
}

// daysText writes a time the way debuggers do: days, and hours to thousandths.
func daysText(d time.Duration) string {
	const day = 24 * time.Hour
	rest := d % day
	return fmt.Sprintf("%d days %d:%02d:%06.3f", d/day, rest/time.Hour, rest%time.Hour/time.Minute, (rest % time.Minute).Seconds())
}

// contextSection lists the registers of the processor that crashed.
func (h *Header) contextSection(m *Memory) Section {
	s := Section{Title: "CONTEXT"}
	c := h.Context
	if c == nil {
		return s
	}
	s.Lines = append(s.Lines, Line{"ContextFlags", fmt.Sprintf("%08x", c.Flags), ""})
	for _, r := range c.Registers {
		line := Line{Label: r.Name, Value: fmt.Sprintf("%0*x", 2*r.Size, r.Value)}
		if r.Size == 8 {
			line.Value = hexWord(r.Value, 64)
		}
		if isCounter[r.Name] {
			line.Words = m.place(r.Value)
		}
		s.Lines = append(s.Lines, line)
	}
	return s
}

// isCounter are the registers that point into code.
var isCounter = map[string]bool{"rip": true, "eip": true, "pc": true, "lr": true}

// place says where an address lies, as far as the modules are known.
func (m *Memory) place(va uint64) string {
	if m == nil || len(m.Modules.Value) == 0 || va == 0 {
		return ""
	}
	if isUser(va) {
		return "in a program"
	}
	return cmp.Or(m.Locate(va), "in no loaded module")
}

// isUser tells addresses of programs from those of the kernel, which on either
// width has the upper half.
func isUser(va uint64) bool {
	const half32, end32, half64 = 1 << 31, 1 << 32, 1 << 63
	return va < half32 || va >= end32 && va < half64
}

func (h *Header) exceptionSection(m *Memory) Section {
	s := Section{Title: "EXCEPTION_RECORD"}
	e := &h.Exception
	if !e.Code.Known && !e.Address.Known {
		return s
	}
	s.u32("ExceptionCode", e.Code, exceptionText(e.Code))
	s.u32("ExceptionFlags", e.Flags, "")
	s.word("ExceptionRecord", e.Record, h.Bits)
	s.word("ExceptionAddress", e.Address, h.Bits)
	if e.Address.Known {
		s.Lines[len(s.Lines)-1].Words = m.place(e.Address.Value)
	}
	for i, p := range e.Parameters {
		s.word(fmt.Sprintf("ExceptionInformation[%d]", i), p, h.Bits)
	}
	return s
}

// exceptionText names the codes (ntstatus.h) that stop a kernel.
func exceptionText(f Field[uint32]) string {
	switch f.Value {
	case 0x80000003:
		return "breakpoint: what a crash without an exception leaves"
	case 0xC0000005:
		return "access violation"
	case 0xC000001D:
		return "illegal instruction"
	case 0xC0000094:
		return "integer division by zero"
	case 0xC0000006:
		return "a page could not be read back"
	}
	return ""
}

// storyProcessors says who was at work, which is the first question about a
// machine that hangs. A running machine does not save its registers for a dump:
// those in it may be older.
func (m *Memory) storyProcessors(running bool) string {
	if m == nil || len(m.Processors) == 0 {
		return ""
	}
	var busy []string
	idle, unknown := 0, 0
	for i, p := range m.Processors {
		switch {
		case p.Thread == 0:
			unknown++
		case p.Idle:
			idle++
		default:
			busy = append(busy, fmt.Sprintf("processor %d ran %s%s", i, owner(&p), m.at(&p)))
		}
	}
	var clauses []string
	if len(busy) > 0 {
		clauses = append(clauses, busyWords(busy))
	}
	if idle > 0 {
		clauses = append(clauses, idleWords(idle, len(busy), unknown))
	}
	if unknown > 0 {
		clauses = append(clauses, unknownWords(unknown, len(busy)+idle))
	}
	if running {
		clauses = append(clauses, "the registers may be older than the dump")
	}
	s := strings.Join(clauses, "; ")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// busyWords lists the first of the processors that were at work.
func busyWords(busy []string) string {
	const most = 4
	if n := len(busy) - most; n > 0 {
		busy = append(busy[:most:most], fmt.Sprintf("%d more %s busy", n, wasWere(n)))
	}
	return strings.Join(busy, ", ")
}

// idleWords counts idle processors, beside those that were busy and those of
// which nothing is known.
func idleWords(idle, busy, unknown int) string {
	switch {
	case busy+unknown == 0 && idle == 1:
		return "the processor was idle"
	case busy+unknown == 0 && idle == 2:
		return "both processors were idle"
	case busy+unknown == 0:
		return fmt.Sprintf("all %d processors were idle", idle)
	case unknown == 0 && idle == 1:
		return "the other was idle"
	case unknown == 0:
		return fmt.Sprintf("the other %d were idle", idle)
	}
	return fmt.Sprintf("%s %s idle", count(idle, "processor"), wasWere(idle))
}

// unknownWords counts the processors of which it is not known what they did,
// beside the others.
func unknownWords(unknown, others int) string {
	switch {
	case others == 0 && unknown == 1:
		return "what the processor ran is not known"
	case others == 0:
		return fmt.Sprintf("what the %d processors ran is not known", unknown)
	case unknown == 1:
		return "what the other ran is not known"
	}
	return fmt.Sprintf("what the other %d ran is not known", unknown)
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// owner is whose thread a processor ran.
func owner(p *kernel.Processor) string {
	switch {
	case p.Idle:
		return "idle"
	case p.ProcessName != "" && p.PID != 0:
		return fmt.Sprintf("%s (%d)", p.ProcessName, p.PID)
	case p.ProcessName != "":
		return p.ProcessName
	case p.Thread == 0:
		return "not known"
	}
	return "an unnamed process"
}

func (m *Memory) at(p *kernel.Processor) string {
	if p.Context == nil {
		return ""
	}
	if place := m.place(p.Context.PC); place != "" {
		return " at " + place
	}
	return ""
}

// processorsSection lists what every processor was doing.
func (m *Memory) processorsSection(h *Header) Section {
	s := Section{Title: "Processors"}
	for i := range m.Processors {
		p := &m.Processors[i]
		var words []string
		if p.Thread != 0 {
			words = append(words, "thread "+hexWord(p.Thread, h.Bits))
		}
		if c := p.Context; c != nil {
			words = append(words, strings.TrimSpace(fmt.Sprintf("at %s %s", hexWord(c.PC, h.Bits), m.place(c.PC))))
			if !h.fromRunningMachine() && h.Context != nil && h.Context.SP != 0 && c.SP == h.Context.SP {
				words = append(words, "it stopped the machine")
			}
		}
		if p.Problem != "" {
			words = append(words, p.Problem)
		}
		s.Lines = append(s.Lines, Line{fmt.Sprintf("%d", i), owner(p), strings.Join(words, ", ")})
	}
	return s
}

// smallSection is what a small dump keeps of the thread that ran.
func (m *Memory) smallSection(t *TriageHeader, bits int) Section {
	s := Section{Title: "Parts of the small dump"}
	if m.Small == nil || t == nil {
		return s
	}
	if m.Small.Thread != 0 {
		s.text("Thread", hexWord(m.Small.Thread, bits), "")
	}
	if m.Small.Process != 0 {
		s.text("Process", hexWord(m.Small.Process, bits), m.Small.ProcessName)
	}
	if t.CallStackSize > 0 {
		s.text("Call stack", hexWord(t.TopOfStack, bits), "to "+hexWord(truncate(t.TopOfStack+uint64(t.CallStackSize), bits), bits))
	}
	s.text("Data blocks", fmt.Sprint(m.Small.Blocks), count(m.Small.Bytes, "byte"))
	return s
}

func (m *Memory) unloadedSection(bits int) Section {
	s := Section{Title: "Unloaded modules"}
	for _, u := range m.Unloaded.Value {
		words := hexWord(u.End, bits)
		if at := fileTime(Field[uint64]{u.Time, u.Time != 0}); at.Known {
			words += "  unloaded " + at.Value.Format("2006-01-02 15:04:05 UTC")
		}
		s.Lines = append(s.Lines, Line{cmp.Or(u.Name, "?"), hexWord(u.Start, bits), words})
	}
	return s
}

// section is how dumpchk ends: whether a debugger can use the dump.
func (p *Report) section() Section {
	s := Section{Title: "Finished", Lines: []Line{{"Verdict", p.Verdict.String(), ""}}}
	for _, reason := range p.Reasons {
		s.text("Because", reason, "")
	}
	return s
}
