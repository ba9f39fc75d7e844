package dumpfile

import (
	"errors"
	"fmt"
	"io"
)

// Status is the outcome of one check.
type Status int

// The outcomes.
const (
	StatusOK      Status = iota
	StatusBad            // the dump contradicts its format or itself
	StatusUnknown        // cannot be told from this dump
)

func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusBad:
		return "bad"
	case StatusUnknown:
		return "unknown"
	}
	return fmt.Sprintf("status %d", int(s))
}

// Verdict is what a dump is good for.
type Verdict int

// The verdicts, the best first.
const (
	Usable   Verdict = iota
	Gaps             // a debugger opens it; something is missing
	Unusable         // no debugger gets anything out of it

	// Unverified is a dump whose contents are encrypted: as far as can be seen
	// it is whole.
	Unverified
)

func (v Verdict) String() string {
	switch v {
	case Usable:
		return "usable"
	case Gaps:
		return "usable with gaps"
	case Unusable:
		return "not usable"
	case Unverified:
		return "cannot be verified"
	}
	return fmt.Sprintf("verdict %d", int(v))
}

// Check is one thing that was looked at.
type Check struct {
	Name   string
	Status Status
	Detail string
	Fatal  bool // being bad makes the dump unusable
}

// Report is the result of Verify.
type Report struct {
	Kind   Kind
	Header *Header // nil where there is none
	Layout *Layout // nil without a header
	Memory *Memory // nil where no memory could be followed

	Verdict Verdict
	Reasons []string // why the verdict is not better
	Checks  []Check

	firmware *firmwareParts // nil for other dumps
}

// Verify checks the dump in r, which holds size bytes, as a debugger would
// read it: magic numbers, fields, lengths, and then the kernel's own memory
// through its page tables. It reads the page bitmap and a few hundred pages,
// never the whole dump; that is VerifyFull.
func Verify(r io.ReaderAt, size int64) *Report {
	v := &verifier{r: r, size: size, report: &Report{}}
	v.verify()
	v.report.conclude()
	return v.report
}

func (v *verifier) verify() {
	if v.signature() {
		v.header()
		if v.h.Encrypted() {
			v.add(contentsCheck, StatusUnknown, "encrypted: only the header can be checked. %s", needsKey)
			v.length()
		} else {
			v.body()
		}
	}
}

const contentsCheck = "contents"

// needsKey is what reading an encrypted dump takes (Microsoft, "About dump
// encryption").
const needsKey = "Reading them takes the private key of the certificate that CrashControl\\EncryptionCertificates names, and KernelDumpDecrypt.exe of the Debugging Tools for Windows."

// conclude draws the verdict from the checks.
func (p *Report) conclude() {
	for _, c := range p.Checks {
		if c.Status != StatusBad {
			continue
		}
		p.Reasons = append(p.Reasons, c.Name+": "+c.Detail)
		if c.Fatal {
			p.Verdict = Unusable
		}
		p.Verdict = max(p.Verdict, Gaps)
	}
	if p.Header != nil && p.Header.Encrypted() && p.Verdict == Usable {
		p.Verdict = Unverified
		p.Reasons = append(p.Reasons, "the contents are encrypted. "+needsKey)
	}
}

type verifier struct {
	r      io.ReaderAt
	size   int64
	h      *Header
	l      *Layout
	report *Report
}

func (v *verifier) add(name string, s Status, format string, args ...any) {
	v.report.Checks = append(v.report.Checks, Check{Name: name, Status: s, Detail: fmt.Sprintf(format, args...)})
}

func (v *verifier) fatal(name, format string, args ...any) {
	v.add(name, StatusBad, format, args...)
	v.report.Checks[len(v.report.Checks)-1].Fatal = true
}

// expect adds a check that is bad unless good.
func (v *verifier) expect(name string, good bool, format string, args ...any) {
	s := StatusOK
	if !good {
		s = StatusBad
	}
	v.add(name, s, format, args...)
}

// signature says what the file is and reads the header; false ends the checks.
func (v *verifier) signature() bool {
	kind, err := Identify(v.r, v.size)
	v.report.Kind = kind
	if err == nil {
		v.h, err = ParseHeader(v.r, v.size)
	}
	if err != nil {
		v.fatal("signature", "%v", err)
		if errors.Is(err, ErrFirmwareDump) {
			v.firmware()
		}
		return false
	}
	v.report.Header = v.h
	v.add("signature", StatusOK, "%s", kind)
	return true
}

func (v *verifier) header() {
	h := v.h
	_, named := typeNames[h.Type]
	if named && h.Type != TypeAutomatic {
		v.add("dump type", StatusOK, "%d, %s", uint32(h.Type), h.Type)
	} else {
		v.fatal("dump type", "%s", h.Type)
	}
	v.machine()
	v.requiredFields()
	v.crashTime()
	v.kernelsWord()
}

func (v *verifier) machine() {
	m := v.h.Machine
	bits := 64
	if m.Value == MachineX86 {
		bits = 32
	}
	good := m.Known && bits == v.h.Bits && (bits == 32 || m.Value == MachineX64 || m.Value == MachineARM64)
	v.expect("machine", good, "%s in a %d-bit header", m.Value, v.h.Bits)
}

// requiredFields are those without which a debugger does not find the kernel.
func (v *verifier) requiredFields() {
	h := v.h
	for _, f := range []struct {
		name  string
		field Field[uint64]
	}{
		{"DirectoryTableBase", h.DirectoryTable},
		{"PsLoadedModuleList", h.LoadedModules},
		{"KdDebuggerDataBlock", h.DebuggerData},
	} {
		if !f.field.Known || f.field.Value == 0 {
			v.add("header fields", StatusBad, "%s was never written", f.name)
			return
		}
	}
	v.expect("header fields", h.BugCheck.Code.Known, "bugcheck %#x, kernel pointers present", h.BugCheck.Code.Value)
}

func (v *verifier) crashTime() {
	t := v.h.SystemTime
	if !t.Known {
		v.add("crash time", StatusUnknown, "never written")
		return
	}
	v.add("crash time", StatusOK, "%s", t.Value.Format(timeFormat))
}

// kernelsWord is what the writer itself noted about the dump.
func (v *verifier) kernelsWord() {
	a, w := v.h.Attributes, v.h.WriterStatus
	switch {
	case a.Known && a.Value&AttrInsufficientFile != 0:
		v.add("writer's note", StatusBad, "the kernel noted that the dump file was too small")
	case w.Known && w.Value != 0:
		v.add("writer's note", StatusBad, "WriterStatus %d: the module list was missing or corrupt", w.Value)
	default:
		v.add("writer's note", StatusOK, "no complaint by the kernel")
	}
}

func (v *verifier) body() {
	v.length()
	switch v.h.Type {
	case TypeFull, TypeSummary, TypeBitmapFull, TypeBitmapKernel, TypeDebugKernel, TypeDebugKernelA, TypeDebugFull:
		if v.pageList() {
			v.lastPage()
			v.tail()
			if v.directoryTable() {
				v.memory()
			}
		}
	case TypeTriage:
		v.triage()
	default:
	}
	v.secondary()
}

func (v *verifier) length() {
	l := v.h.Layout(v.r, v.size)
	v.l, v.report.Layout = l, l
	m, err := l.Missing(v.size)
	switch {
	case err != nil:
		v.add("length", StatusUnknown, "%v", err)
	case l.Need == 0:
		v.add("length", StatusUnknown, "%s", l.Reason)
	case m.Bytes == 0:
		v.add("length", StatusOK, "%d bytes needed (%s), %d there", l.Need, l.Reason, v.size)
	default:
		v.add("length", StatusBad, "%d of %d bytes %s missing at the end: %s", m.Bytes, l.Need, isAre(m.Bytes), m.Words())
	}
	v.requiredSpace()
}

func (v *verifier) requiredSpace() {
	f, r := v.l.Format, v.l.Required
	switch {
	case !r.Known:
		v.add("RequiredDumpSpace", StatusUnknown, "%s", r.Reason)
	case f.Known && r.Bytes < f.Bytes:
		v.add("RequiredDumpSpace", StatusBad, "%s, less than the %d the dump takes", count(r.Bytes, "byte"), f.Bytes)
	case f.Known && r.Bytes > f.Bytes+maxSecondary:
		v.add("RequiredDumpSpace", StatusUnknown, "%d bytes, absurd for a dump of %d", r.Bytes, f.Bytes)
	default:
		v.add("RequiredDumpSpace", StatusOK, "%d bytes", r.Bytes)
	}
}

// pageList checks runs or bitmap; false means that no page can be found.
func (v *verifier) pageList() bool {
	p := v.l.Pages
	if p == nil {
		v.fatal("page list", "%v", errors.Join(v.l.Problems...))
		return false
	}
	if b := v.l.Bitmap; b != nil && b.Pages != p.Count {
		v.add("page list", StatusBad, "Pages is %d, but the bitmap has %d set", b.Pages, p.Count)
		return true
	}
	v.expect("page list", p.Count > 0, "%s", v.l.Primary.Reason)
	return p.Count > 0
}

func (v *verifier) lastPage() {
	off := v.l.Pages.End() - PageSize
	if _, err := readFull(v.r, v.size, off, PageSize, "last page"); err != nil {
		v.add("last page", StatusBad, "%v", err)
		return
	}
	v.add("last page", StatusOK, "readable at %#x", off)
}

const (
	tailShare    = 100  // look at one page in so many, the last ones
	maxTailPages = 1024 // and at no more than these
	minTailPages = 16   // fewer say nothing
)

// tail looks for a dump that was never written to its end: nothing but zeros.
// The last pages of a machine's memory may well be free and zero, so in a
// complete dump this is no proof.
func (v *verifier) tail() {
	p := v.l.Pages
	end := min(p.End(), v.size)
	have := uint64(max(end-p.First, 0)) / PageSize
	n := min(max(p.Count/tailShare, minTailPages), maxTailPages, have)
	b, err := readFull(v.r, v.size, p.First+int64(have-n)*PageSize, int(n)*PageSize, "last pages")
	if err != nil {
		v.add("tail", StatusBad, "%v", err)
		return
	}
	zero := 0
	for i := range int(n) {
		if allZero(b[i*PageSize : (i+1)*PageSize]) {
			zero++
		}
	}
	status := StatusOK
	if uint64(zero) == n {
		status = StatusBad
		if n < minTailPages || v.h.Type == TypeFull || v.h.Type == TypeBitmapFull {
			status = StatusUnknown
		}
	}
	v.add("tail", status, "only zeros: %d of the last %s", zero, count(n, "page"))
}

// directoryTable checks that the top-level page table is in the dump: every
// address is read through it. false means that nothing further can be read.
func (v *verifier) directoryTable() bool {
	const name = "directory table"
	if !v.h.DirectoryTable.Known {
		v.fatal(name, "the header does not say where it is")
		return false
	}
	pfn := v.h.DirectoryTablePFN()
	off, ok, err := v.l.Pages.Offset(pfn)
	switch {
	case err != nil:
		v.add(name, StatusUnknown, "%v", err)
		return false
	case !ok:
		v.fatal(name, "page %#x is not among the dump's pages", pfn)
		return false
	}
	b, err := readFull(v.r, v.size, off, PageSize, "top-level page table")
	switch {
	case err != nil:
		v.fatal(name, "page %#x: %v", pfn, err)
	case allZero(b):
		v.fatal(name, "page %#x is all zeros", pfn)
	default:
		v.add(name, StatusOK, "page %#x is at %#x", pfn, off)
		return true
	}
	return false
}

func (v *verifier) triage() {
	t := v.l.Triage
	if t == nil || !v.l.Primary.Known {
		v.fatal("triage header", "%v", errors.Join(v.l.Problems...))
		return
	}
	if err := t.checkEndMark(v.r, v.size); err != nil {
		v.add("end mark", StatusBad, "%v", err)
	} else {
		v.add("end mark", StatusOK, "'TRGD' at %#x", t.ValidOffset)
	}
	err := t.checkParts(v.h.Bits)
	v.expect("parts", err == nil, "%s; %s", count(t.DriverCount, "driver"), orText(err, "every part lies within the dump"))
	v.triageMemory(t)
}

func orText(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return text
}

func (v *verifier) secondary() {
	b := v.l.Blobs
	switch {
	case b == nil:
	case !b.Whole:
		v.add("secondary data", StatusBad, "blob %d ends at %#x, behind the end of the file", len(b.List), b.End)
	case len(b.List) == 0: // the kernel writes its header only to put something behind it
		v.add("secondary data", StatusBad, "it begins at %#x, and not one blob follows", b.Off)
	case b.End == v.size:
		v.add("secondary data", StatusOK, "%s, ending exactly at the end of the file", count(len(b.List), "blob"))
	default:
		v.add("secondary data", StatusOK, "%s up to %#x, followed by %s", count(len(b.List), "blob"), b.End, count(v.size-b.End, "byte"))
	}
}

// Words says what is missing, for people.
func (m *Missing) Words() string {
	switch {
	case m.Bytes == 0:
		return "nothing"
	case m.SecondaryOnly:
		return "every page is there, what follows the pages is not"
	case m.PagesUnknown:
		return "which pages is not known"
	case len(m.Ranges) == 0:
		return "no pages"
	}
	if m.Pages == 1 {
		return fmt.Sprintf("1 page, %#x", m.Ranges[0].Base)
	}
	last := m.Ranges[len(m.Ranges)-1]
	words := fmt.Sprintf("%s in %s, from page %#x", count(m.Pages, "page"), count(uint64(len(m.Ranges))+m.More, "range"), m.Ranges[0].Base)
	if m.More == 0 {
		words += fmt.Sprintf(" to %#x", last.End()-1)
	}
	return words
}
