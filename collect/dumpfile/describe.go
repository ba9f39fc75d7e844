package dumpfile

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Description is a dump told to a person: the story in sentences, and the
// fields in the order and under the names that dumpchk gives them.
type Description struct {
	Story    []string
	Sections []Section
}

// Section is one structure of a dump.
type Section struct {
	Title string
	Lines []Line
}

// Line is one field: its value as dumpchk prints it, hexadecimal, and what
// that means where there is more to say. Value is empty where the kernel never
// wrote the field.
type Line struct {
	Label, Value, Words string
}

// Describe tells the dump in r, which holds size bytes, as Verify finds it.
// What is neither a kernel dump nor a firmware dump gives the error of
// ParseHeader.
func Describe(r io.ReaderAt, size int64) (*Description, error) {
	report := Verify(r, size)
	if f := report.firmware; f != nil {
		return f.describe(report, size), nil
	}
	h, l, m := report.Header, report.Layout, report.Memory
	if h == nil {
		_, err := ParseHeader(r, size)
		return nil, err
	}
	d := &Description{Story: h.story(l, m, size)}
	d.add(h.sessionSection(m))
	d.add(h.headerSection())
	d.add(h.contextSection(m))
	d.add(h.exceptionSection(m))
	d.add(h.memorySection(m))
	d.add(l.bitmapSection())
	d.add(l.triageSection(h.Bits))
	d.add(l.debugSection())
	d.add(l.secondarySection())
	if m != nil {
		d.add(m.kernelSection(h))
		d.add(m.processorsSection(h))
		d.add(m.smallSection(l.Triage, h.Bits))
		d.add(m.modulesSection(h))
		d.add(m.unloadedSection(h.Bits))
		d.add(m.processesSection())
	}
	d.add(l.lengthSection(size))
	d.add(report.section())
	return d, nil
}

func (d *Description) add(s Section) {
	if len(s.Lines) > 0 {
		d.Sections = append(d.Sections, s)
	}
}

// story is what one says about a dump on the telephone.
func (h *Header) story(l *Layout, m *Memory, size int64) []string {
	out := []string{h.storyWhat()}
	if s := h.BugCheck.words(); s != "" {
		out = append(out, s)
	}
	if s := h.BugCheck.MadeOnPurpose(m); s != "" {
		out = append(out, s)
	}
	if s := h.storyWhen(); s != "" {
		out = append(out, s)
	}
	if h.Encrypted() {
		out = append(out, "The contents are encrypted: "+needsKey)
	}
	if s := m.story(); s != "" {
		out = append(out, s)
	}
	if s := m.storyProcessors(h.fromRunningMachine()); s != "" {
		out = append(out, s)
	}
	return append(out, l.storyLength(size))
}

func (h *Header) storyWhat() string {
	s := fmt.Sprintf("A %d-bit %s", h.Bits, h.Type)
	if h.MinorVersion.Known {
		s += fmt.Sprintf(" of Windows build %d", h.MinorVersion.Value)
	}
	if h.Machine.Known {
		s += fmt.Sprintf(" on %s", h.Machine.Value)
	}
	if h.Processors.Known {
		s += fmt.Sprintf(" with %s", count(h.Processors.Value, "processor"))
	}
	return s + "."
}

// count is a number of things. The plural is the regular one.
func count[T int | int64 | uint32 | uint64](n T, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (b *BugCheck) words() string {
	if !b.Code.Known {
		return ""
	}
	info, ok := LookupBugCheck(b.Code.Value)
	s := fmt.Sprintf("Stop code 0x%X", b.Code.Value)
	if ok {
		s += " " + info.Name
	}
	if info.Note != "" {
		s += ": " + info.Note
	}
	return s + "."
}

func (h *Header) storyWhen() string {
	if !h.SystemTime.Known {
		return ""
	}
	what := "It crashed on "
	if h.fromRunningMachine() {
		what = "It was taken from the running system on "
	}
	s := what + h.SystemTime.Value.Format("2006-01-02 at 15:04:05 UTC")
	if h.SystemUpTime.Known {
		s += fmt.Sprintf(", %s after it was started", h.SystemUpTime.Value.Round(time.Second))
	}
	if h.BootID.Known {
		s += fmt.Sprintf(" (boot %d)", h.BootID.Value)
	}
	return s + "."
}

func (l *Layout) storyLength(size int64) string {
	if l.Need == 0 {
		return fmt.Sprintf("How long it should be cannot be told (%s); the file has %s.", l.Reason, count(size, "byte"))
	}
	m, err := l.Missing(size)
	switch {
	case err != nil:
		return fmt.Sprintf("It takes %d bytes; what is missing cannot be told: %v.", l.Need, err)
	case m.Bytes == 0:
		return fmt.Sprintf("It takes %d bytes, all of which are there.", l.Need)
	}
	return fmt.Sprintf("It takes %d bytes, of which the last %d %s missing: %s.", l.Need, m.Bytes, isAre(m.Bytes), m.Words())
}

func (h *Header) headerSection() Section {
	s := Section{Title: fmt.Sprintf("DUMP_HEADER%d", h.Bits)}
	s.u32("MajorVersion", h.MajorVersion, buildKind(h.MajorVersion))
	s.u32("MinorVersion", h.MinorVersion, decimal(h.MinorVersion, "build %d"))
	if h.KDSecondary.Known {
		s.Lines = append(s.Lines, Line{"KdSecondaryVersion", fmt.Sprintf("%08x", h.KDSecondary.Value), ""})
	}
	s.word("DirectoryTableBase", h.DirectoryTable, h.Bits)
	s.word("PfnDataBase", h.PfnDatabase, h.Bits)
	s.word("PsLoadedModuleList", h.LoadedModules, h.Bits)
	s.word("PsActiveProcessHead", h.ActiveProcesses, h.Bits)
	s.u32("MachineImageType", raw32(h.Machine), text(h.Machine))
	s.u32("NumberProcessors", h.Processors, "")
	s.u32("BugCheckCode", h.BugCheck.Code, bugCheckText(h.BugCheck.Code))
	for i, p := range h.BugCheck.Parameters {
		s.word(fmt.Sprintf("BugCheckParameter%d", i+1), p, h.Bits)
		s.Lines[len(s.Lines)-1].Words = h.BugCheck.parameterWords(i)
	}
	if h.PAE.Known {
		s.Lines = append(s.Lines, Line{"PaeEnabled", fmt.Sprint(h.PAE.Value), ""})
	}
	s.text("VersionUser", h.VersionUser, "")
	s.word("KdDebuggerDataBlock", h.DebuggerData, h.Bits)
	s.u32("DumpType", known(uint32(h.Type)), h.Type.String())
	s.word("RequiredDumpSpace", h.RequiredSpace, 64)
	s.Lines = append(s.Lines, timeLine("SystemTime", h.SystemTime), Line{"SystemUpTime", upText(h.SystemUpTime), ""})
	if h.Comment != "" {
		s.Lines = append(s.Lines, Line{"Comment", h.Comment, ""})
	}
	s.u32("MiniDumpFields", h.MiniDumpFields, miniDumpText(h.MiniDumpFields))
	s.u32("SecondaryDataState", h.SecondaryState, "")
	s.u32("ProductType", h.ProductType, productText(h.ProductType))
	s.u32("SuiteMask", h.SuiteMask, suiteText(h.SuiteMask))
	s.u32("WriterStatus", h.WriterStatus, writerText(h.WriterStatus))
	if h.PagingLevels.Known {
		s.text("(levels of page tables)", fmt.Sprintf("%08x", h.PagingLevels.Value), "")
	}
	s.u32("Attributes", raw32(h.Attributes), text(h.Attributes))
	s.u32("BootId", h.BootID, "")
	return s
}

func (s *Section) u32(label string, f Field[uint32], words string) {
	if !f.Known {
		s.Lines = append(s.Lines, Line{label, "", "never written"})
		return
	}
	s.Lines = append(s.Lines, Line{label, fmt.Sprintf("%08x", f.Value), words})
}

func (s *Section) word(label string, f Field[uint64], bits int) {
	if !f.Known {
		s.Lines = append(s.Lines, Line{label, "", "never written"})
		return
	}
	s.Lines = append(s.Lines, Line{label, hexWord(f.Value, bits), ""})
}

// hexWord writes an address the way the debuggers do.
func hexWord(v uint64, bits int) string {
	if bits == 32 {
		return fmt.Sprintf("%08x", v)
	}
	return fmt.Sprintf("%08x`%08x", v>>32, uint32(v))
}

func raw32[T ~uint32](f Field[T]) Field[uint32] {
	return Field[uint32]{uint32(f.Value), f.Known}
}

func text[T fmt.Stringer](f Field[T]) string {
	if !f.Known {
		return ""
	}
	return f.Value.String()
}

func decimal(f Field[uint32], format string) string {
	if !f.Known {
		return ""
	}
	return fmt.Sprintf(format, f.Value)
}

func buildKind(f Field[uint32]) string {
	switch f.Value {
	case 0xF:
		return "free build"
	case 0xC:
		return "checked build"
	}
	return ""
}

func bugCheckText(f Field[uint32]) string {
	if !f.Known {
		return ""
	}
	return BugCheckName(f.Value)
}

func productText(f Field[uint32]) string {
	switch f.Value {
	case 1:
		return "workstation"
	case 2:
		return "domain controller"
	case 3:
		return "server"
	}
	return ""
}

// suiteNames are the bits of SuiteMask (winnt.h, VER_SUITE_...).
var suiteNames = []string{
	"SmallBusiness", "Enterprise", "BackOffice", "Communications", "TerminalServer", "SmallBusinessRestricted",
	"EmbeddedNT", "DataCenter", "SingleUserTS", "Personal", "Blade", "EmbeddedRestricted", "SecurityAppliance",
	"StorageServer", "ComputeServer", "WHServer",
}

func suiteText(f Field[uint32]) string {
	return bitNames(f.Value, suiteNames, " ")
}

// partNames are the bits of MiniDumpFields.
var partNames = []string{
	"context", "exception", "PRCB", "process", "thread", "stack", "driver list", "broken driver",
	"MM", "data page", "debugger data", "data blocks",
}

func miniDumpText(f Field[uint32]) string {
	return bitNames(f.Value, partNames, ", ")
}

// bitNames lists the names of the set bits.
func bitNames(v uint32, names []string, separator string) string {
	var list []string
	for i, name := range names {
		if v>>i&1 != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, separator)
}

func writerText(f Field[uint32]) string {
	switch f.Value {
	case 1:
		return "no module list"
	case 2:
		return "corrupt module list"
	}
	return ""
}

func timeLine(label string, f Field[time.Time]) Line {
	if !f.Known {
		return Line{label, "", "never written"}
	}
	return Line{label, f.Value.Format("2006-01-02 15:04:05.000 UTC"), ""}
}

func upText(f Field[time.Duration]) string {
	if !f.Known {
		return ""
	}
	return f.Value.Round(time.Millisecond).String()
}

// parameterWords explains the parameters that tell how a hang was noticed
// (bug check reference of the Windows driver documentation).
func (b *BugCheck) parameterWords(i int) string {
	p := b.Parameters[i]
	if !b.Code.Known || !p.Known {
		return ""
	}
	type key struct {
		code uint32
		i    int
	}
	switch (key{b.Code.Value, i}) {
	case key{0x1C8, 0}:
		return fmt.Sprintf("the button was held for %d ms", p.Value)
	case key{0x101, 3}:
		return fmt.Sprintf("processor %d hangs", p.Value)
	case key{0x133, 0}:
		return choose(p.Value, "a single deferred call ran too long", "too long at DISPATCH_LEVEL or above, altogether")
	case key{0x1D5, 0}:
		return fmt.Sprintf("the service begins with %q", letters(p.Value))
	case key{0x1D5, 3}:
		return fmt.Sprintf("after %d ms", p.Value)
	case key{0x9F, 0}:
		return map[uint64]string{3: "a device object holds an IRP for too long", 4: "the transition waits for the plug and play lock"}[p.Value]
	}
	return ""
}

func choose(i uint64, words ...string) string {
	if i < uint64(len(words)) {
		return words[i]
	}
	return ""
}

// letters reads a number as the text its bytes spell.
func letters(v uint64) string {
	b := le.AppendUint64(nil, v)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}

// memorySection lists the runs with the file offset of each, which holds for
// full dumps only.
func (h *Header) memorySection(inMemory *Memory) Section {
	s := Section{Title: "Physical memory description"}
	m := &h.Memory
	if !m.NumberOfRuns.Known || m.NumberOfRuns.Value == 0 {
		return inMemory.physicalSection()
	}
	s.Lines = append(s.Lines,
		Line{"Number of runs", fmt.Sprint(m.NumberOfRuns.Value), ""},
		Line{"Number of pages", fmt.Sprint(m.NumberOfPages.Value), mebibytes(m.NumberOfPages.Value)})
	off := uint64(h.Size)
	for _, r := range m.Runs {
		line := Line{"Run", hexWord(r.Base*PageSize, 64), count(r.Count, "page")}
		if h.Type == TypeFull {
			line.Words += fmt.Sprintf(", at %#x in the file", off)
		}
		s.Lines = append(s.Lines, line)
		off += r.Count * PageSize
	}
	return s
}

// mebibytes is how much memory pages are, "" for less than one or more than
// machines have.
func mebibytes(pages uint64) string {
	if pages < 1<<20/PageSize || pages > maxDumpSize/PageSize {
		return ""
	}
	return fmt.Sprintf("%d MiB", pages*PageSize>>20)
}

// physicalSection lists the machine's memory as its kernel kept it, for the
// dumps whose headers leave it out.
func (m *Memory) physicalSection() Section {
	s := Section{Title: "Physical memory description"}
	if m == nil || len(m.Physical.Value) == 0 {
		return s
	}
	var pages uint64
	for _, r := range m.Physical.Value {
		pages += r.Count
	}
	s.text("Number of runs", fmt.Sprint(len(m.Physical.Value)), "of the machine (MmPhysicalMemoryBlock), not of the dump")
	s.text("Number of pages", fmt.Sprint(pages), mebibytes(pages))
	for _, r := range m.Physical.Value {
		s.text("Run", hexWord(r.Base*PageSize, 64), count(r.Count, "page"))
	}
	return s
}

func (l *Layout) bitmapSection() Section {
	b := l.Bitmap
	if b == nil {
		return Section{}
	}
	s := Section{Title: "BITMAP_DUMP"}
	if b.Summary {
		s.Title = "SUMMARY_DUMP"
	}
	s.u32("DumpOptions", b.Options, optionsText(b.Options))
	s.Lines = append(s.Lines,
		Line{"HeaderSize", hexWord(b.HeaderSize, 64), "where the pages begin"},
		Line{"BitmapSize", hexWord(b.Bits, 64), count(b.Bits, "bit")},
		Line{"Pages", hexWord(b.Pages, 64), count(b.Pages, "page")})
	if l.Pages != nil {
		s.text("Ranges", l.Pages.rangesText(), "")
	}
	return s
}

// rangesText sums up which memory the pages of a bitmap are, "" where it cannot
// be read: a busy machine has a hundred thousand ranges, which no one reads.
func (p *PageSet) rangesText() string {
	var n int
	var first, last uint64
	for run, err := range p.Runs() {
		if err != nil {
			return ""
		}
		if n == 0 {
			first = run.Base
		}
		n, last = n+1, run.End()
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d, within %s to %s", n, hexWord(first*PageSize, 64), hexWord(last*PageSize-1, 64))
}

func optionsText(f Field[uint32]) string {
	var w []string
	if f.Value&1 != 0 {
		w = append(w, "kernel addresses are there")
	}
	if f.Value&2 != 0 {
		w = append(w, "user addresses of the current process are there")
	}
	return strings.Join(w, ", ")
}

func (l *Layout) triageSection(bits int) Section {
	t := l.Triage
	if t == nil {
		return Section{}
	}
	s := Section{Title: fmt.Sprintf("TRIAGE_DUMP%d", bits)}
	for _, f := range []struct {
		label string
		v     uint32
	}{
		{"SizeOfDump", t.SizeOfDump}, {"ValidOffset", t.ValidOffset},
		{"ContextOffset", t.ContextOffset}, {"ExceptionOffset", t.ExceptionOffset},
		{"MmOffset", t.MmOffset}, {"UnloadedDriversOffset", t.UnloadedOffset}, {"PrcbOffset", t.PrcbOffset},
		{"ProcessOffset", t.ProcessOffset}, {"ThreadOffset", t.ThreadOffset},
		{"CallStackOffset", t.CallStackOffset}, {"SizeOfCallStack", t.CallStackSize},
		{"DriverListOffset", t.DriverListOffset}, {"DriverCount", t.DriverCount},
		{"StringPoolOffset", t.StringPoolOffset}, {"StringPoolSize", t.StringPoolSize},
		{"BrokenDriverOffset", t.BrokenDriver}, {"TriageOptions", t.Options},
		{"DebuggerDataOffset", t.DebuggerOffset}, {"DebuggerDataSize", t.DebuggerSize},
		{"DataBlocksOffset", t.BlocksOffset}, {"DataBlocksCount", t.BlocksCount},
	} {
		s.Lines = append(s.Lines, Line{f.label, fmt.Sprintf("%08x", f.v), ""})
	}
	return s
}

func (l *Layout) debugSection() Section {
	d := l.Debug
	if d == nil {
		return Section{}
	}
	s := Section{Title: "RDMP", Lines: []Line{
		{"FirstPageOffset", hexWord(d.FirstPage, 64), ""},
		{"NumberOfRanges", fmt.Sprint(d.Ranges), ""},
	}}
	if l.Pages != nil {
		s.Lines = append(s.Lines, Line{"TotalNumberOfPages", hexWord(l.Pages.Count, 64), count(l.Pages.Count, "page")})
	}
	return s
}

func (l *Layout) secondarySection() Section {
	s := Section{Title: "Secondary data"}
	if l.Blobs == nil {
		return s
	}
	for _, b := range l.Blobs.List {
		s.Lines = append(s.Lines, Line{b.Tag.String(), fmt.Sprintf("%08x", b.Off), count(b.Size, "byte")})
	}
	return s
}

func (l *Layout) lengthSection(size int64) Section {
	return Section{"Length", []Line{
		{"Of the dump", fmt.Sprint(l.Need), l.Reason},
		{"Of the file", fmt.Sprint(size), ""},
	}}
}
