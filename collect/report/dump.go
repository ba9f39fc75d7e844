package report

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
)

// Taken is a dump that was wanted, as the collection left it.
type Taken struct {
	Candidate *collect.Candidate
	Result    *collect.Result  // nil where it could not be copied
	Verified  *dumpfile.Report // nil where it was not verified
	Failed    error

	VolumeSize int64 // bytes; 0 where it is not known
}

// NewDump tells one dump. It reads its list of pages, and a few hundred pages more,
// from the disk again.
func NewDump(t Taken) *Dump {
	c := t.Candidate
	d := &Dump{Name: c.Name(), Source: c.Source.String(), State: c.State.String(), Told: sentence(capital(c.Story())), Stale: c.Stale}
	for _, p := range c.Problems {
		d.Problems = append(d.Problems, p.Error())
	}
	if c.Rebuilt != nil {
		for _, o := range c.Rebuilt.Origins {
			d.Origins = append(d.Origins, Origin(o))
		}
	}
	d.judge(&t)
	if t.Result != nil {
		d.Copy = newCopy(t.Result)
		d.Open = d.steps(t.Result)
	}
	if c.Header != nil {
		hang := c.Hang(t.memory())
		d.Crash = newCrash(c.Header, hang)
		d.Hang = newHang(hang)
		d.remember(&t)
		d.look(&t)
	}
	return d
}

// memory is what the verification found in the dump's memory, nil where there was
// none or it found nothing.
func (t *Taken) memory() *dumpfile.Memory {
	if t.Verified == nil {
		return nil
	}
	return t.Verified.Memory
}

// judge draws the verdict in one sentence.
func (d *Dump) judge(t *Taken) {
	v := t.Verified
	switch {
	case t.Result == nil:
		d.Grade, d.Verdict = GradeNotTaken, "It could not be copied"
		if t.Failed != nil {
			d.Verdict += ": " + t.Failed.Error()
		}
	case t.Candidate.State == collect.StateEncrypted:
		d.Verdict = capital(t.Candidate.Why)
	case v == nil:
		d.Verdict = "It was copied, and nobody looked whether a debugger can use it"
		if t.Failed != nil {
			d.Verdict += ": " + t.Failed.Error()
		}
	default:
		d.verified(v, t)
	}
	d.Verdict = sentence(d.Verdict)
}

func (d *Dump) verified(v *dumpfile.Report, t *Taken) {
	d.Reasons = v.Reasons
	for _, c := range v.Checks {
		d.Checks = append(d.Checks, Check{c.Name, c.Status.String(), c.Detail})
	}
	switch v.Verdict {
	case dumpfile.Usable:
		d.Grade, d.Verdict = GradeUsable, "A debugger opens it, and everything it announces is there"
	case dumpfile.Gaps:
		d.Grade, d.Verdict = GradeGaps, "A debugger opens it, but "+reason(v.Reasons, t)
	case dumpfile.Unverified:
		d.Verdict = "Its contents cannot be looked at; as far as can be seen it is whole"
	default:
		d.Grade, d.Verdict = GradeUnusable, "No debugger gets anything out of it: "+reason(v.Reasons, t)
	}
	if n := t.Result.BadBytes; n > 0 {
		d.Verdict = strings.TrimSuffix(d.Verdict, ".") + fmt.Sprintf("; %s could not be read from the disk and are zeros", size(n))
	}
}

// reason is why a verdict is not better: what is missing, else the first thing that
// was found.
func reason(reasons []string, t *Taken) string {
	c := t.Candidate
	switch {
	case c.Missing.Bytes > 0 && c.Missing.Pages > 0:
		return fmt.Sprintf("%s of %s are missing at its end: %s", size(c.Missing.Bytes), size(c.Length), count(c.Missing.Pages, "page", "pages"))
	case len(reasons) == 0:
		return "something is missing"
	case len(reasons) == 1:
		return reasons[0]
	}
	return fmt.Sprintf("%s; and %s", reasons[0], count(uint64(len(reasons)-1), "further finding", "further findings"))
}

// sentence ends a sentence.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// look reads the dump from the disk for what is told of it.
func (d *Dump) look(t *Taken) {
	c := t.Candidate
	if c.Have <= 0 {
		return
	}
	f, err := c.Open()
	if err != nil {
		d.Problems = append(d.Problems, "looking at it again: "+err.Error())
		return
	}
	defer f.Close()
	if told, err := dumpfile.Describe(f, c.Have); err == nil {
		d.tell(told)
	}
	l := c.Header.Layout(f, c.FileSize)
	if l.Pages != nil {
		d.Memory = newMemory(machineRuns(c.Header, t.memory()), l.Pages, c.Have, badRanges(t.Result))
	}
	if drawsPieces(c.Source) {
		d.Pieces = pieces(c, t.VolumeSize, badRanges(t.Result))
	}
}

func badRanges(r *collect.Result) []collect.Range {
	if r == nil {
		return nil
	}
	return r.BadRanges
}

// drawsPieces tells whether a dump is one of those that were written beneath the
// file system, or renamed from such a file: their pieces are where it may go wrong.
func drawsPieces(s collect.Source) bool {
	switch s {
	case collect.SourcePageFile, collect.SourceDedicated, collect.SourceTemp, collect.SourceDumpFile:
		return true
	default:
		return false
	}
}

// pieces draws where the file lay, nil where the volume does not tell.
func pieces(c *collect.Candidate, volume int64, bad []collect.Range) *Pieces {
	v, ok := c.Place.Volume.(collect.Located)
	if !ok {
		return nil
	}
	var extents []Piece
	err := v.EachExtent(c.Path, func(file, volume, length int64) {
		if volume >= 0 && length > 0 {
			extents = append(extents, Piece{file, volume, length})
		}
	})
	if err != nil || len(extents) == 0 {
		return nil
	}
	return NewPieces(extents, volume, c.Have, placeRanges(extents, bad))
}

// placeRanges finds where on the volume ranges of the file lie. Both are in order.
func placeRanges(extents []Piece, ranges []collect.Range) []Piece {
	var out []Piece
	for _, r := range ranges {
		for len(extents) > 0 && extents[0].File+extents[0].Len <= r.Off {
			extents = extents[1:]
		}
		for _, e := range extents {
			if e.File >= r.Off+r.Len {
				break
			}
			out = append(out, e.from(r.Off).upTo(r.Off+r.Len))
		}
	}
	return out
}

// tell takes over what describes the dump: its story, and what is known of the
// kernel and of the stop code's parameters.
func (d *Dump) tell(told *dumpfile.Description) {
	d.Story = told.Story
	for _, s := range told.Sections {
		switch s.Title {
		case "Kernel":
			d.Kernel = kernelFacts(s.Lines)
		case "Processors":
			d.Doing = rows(s.Lines)
		case "Unloaded modules":
			d.Unloaded = rows(s.Lines)
		}
		if d.Crash != nil {
			d.Crash.explain(s.Lines)
		}
	}
}

// maxRows is how much of such a list is told: as many processors as anybody looks
// through.
const maxRows = 64

func rows(lines []dumpfile.Line) []Row {
	var out []Row
	for _, l := range lines[:min(len(lines), maxRows)] {
		out = append(out, Row{l.Label, l.Value, l.Words})
	}
	return out
}

func kernelFacts(lines []dumpfile.Line) []Fact {
	var facts []Fact
	for _, l := range lines {
		if !strings.HasPrefix(l.Label, "KiProcessorBlock") {
			facts = append(facts, Fact{l.Label, strings.TrimSpace(l.Value + "  " + l.Words)})
		}
	}
	return facts
}

// explain adds what the header's lines say about the parameters of the stop code.
func (c *Crash) explain(lines []dumpfile.Line) {
	for _, l := range lines {
		var i int
		if n, _ := fmt.Sscanf(l.Label, "BugCheckParameter%d", &i); n == 1 && i >= 1 && i <= len(c.Parameters) {
			c.Parameters[i-1].Words = l.Words
		}
	}
}

func newCopy(r *collect.Result) *Copy {
	return &Copy{
		Name: path.Join(collect.DumpsFolder, r.Name), Size: r.Size, SHA256: r.SHA256,
		FileSize: r.FileSize, FileSHA256: r.FileSHA256, Parts: r.Parts,
		BadBytes: r.BadBytes, Map: r.Map, Unpack: unpack(r),
	}
}

// The ends of names that say what was done to a dump.
const (
	suffixParts     = ".parts"
	suffixEncrypted = ".age"
	suffixPacked    = ".zst"
)

// unpack lists what undoes cutting, encrypting and packing, in that order.
func unpack(r *collect.Result) []Step {
	name := path.Join(collect.DumpsFolder, r.Name)
	var steps []Step
	if r.Parts > 0 {
		whole := strings.TrimSuffix(name, suffixParts)
		steps = append(steps, Step{"hangkit dump join " + quote(name), fmt.Sprintf("puts the %d parts together and proves them; join.cmd or join.sh in the folder does the same without hangkit", r.Parts)})
		name = whole
	}
	if len(r.Recipients) > 0 {
		plain := strings.TrimSuffix(name, suffixEncrypted)
		steps = append(steps, Step{"age -d -i KEYFILE -o " + quote(plain) + " " + quote(name), "decrypts it with the private key of one of the recipients: " + strings.Join(r.Recipients, ", ")})
		name = plain
	}
	if r.Compressed {
		steps = append(steps, Step{"zstd -d " + quote(name), "unpacks it; hangkit dump reads the packed file as it is"})
	}
	return steps
}

// plainName is the dump's name when everything is undone.
func plainName(r *collect.Result) string {
	name := path.Join(collect.DumpsFolder, r.Name)
	for _, s := range []string{suffixParts, suffixEncrypted, suffixPacked} {
		name = strings.TrimSuffix(name, s)
	}
	return name
}

// quote puts a file name into quotes if a shell would take it for more than one word.
func quote(name string) string {
	if strings.ContainsAny(name, " &;()$`'!^%") {
		return `"` + name + `"`
	}
	return name
}

// steps open the copy in WinDbg.
func (d *Dump) steps(r *collect.Result) []Step {
	steps := []Step{
		{"windbg -z " + quote(strings.ReplaceAll(plainName(r), "/", `\`)), "opens the dump, from the folder of this collection"},
		{`.sympath srv*C:\Symbols*https://msdl.microsoft.com/download/symbols`, "where the symbols of Windows come from; add your own drivers' after a semicolon"},
		{".reload", "loads the symbols"},
	}
	if d.Grade == GradeGaps || d.Grade == GradeUnusable || r.Partial {
		steps = append(steps, Step{".ignore_missing_pages 1", "keeps commands going where pages are missing"})
	}
	return steps
}

func newHang(h collect.Hang) Hang {
	title, how := h.Words()
	out := Hang{Title: title, How: how}
	for _, c := range h.Commands() {
		out.Commands = append(out.Commands, Step(c))
	}
	for _, c := range h.FurtherCommands() {
		out.Further = append(out.Further, Step(c))
	}
	return out
}

// newCrash tells the stop code.
func newCrash(h *dumpfile.Header, hang collect.Hang) *Crash {
	b := &h.BugCheck
	if !b.Code.Known {
		return nil
	}
	c := &Crash{Code: fmt.Sprintf("0x%X", b.Code.Value), Name: dumpfile.BugCheckName(b.Code.Value)}
	for _, p := range b.Parameters {
		value := "not written"
		if p.Known {
			value = fmt.Sprintf("0x%0*X", h.Bits/4, p.Value)
		}
		c.Parameters = append(c.Parameters, Parameter{Value: value})
	}
	c.Purpose, c.Advice = purpose(hang)
	c.Live = hang.Cause == collect.CauseLive
	info, ok := dumpfile.LookupBugCheck(b.Code.Value)
	c.Meaning = sentence(cmp.Or(capital(info.Note), "No watchdog and no request made this crash: what failed is the cause"))
	if !ok {
		c.Meaning = "This stop code is not in the table of hangs."
	}
	return c
}

// purpose says that a crash was made on purpose, as far as that is sure, and what
// to make of it.
func purpose(hang collect.Hang) (purpose, advice string) {
	switch {
	case hang.Cause != collect.CauseRequested:
		return "", ""
	case hang.MaybeHardware():
		return "If somebody sent the NMI, this crash was made on purpose.",
			"Then ignore the cause that !analyze prints: it names the NMI, not what hung. If nobody sent it, the hardware failed, and that is the cause."
	}
	return "This crash was made on purpose.",
		"Ignore the cause that !analyze prints: it names what made the dump (the keyboard driver, the power button or a tool), not what hung."
}

// Plain tells that the parameters say nothing.
func (c *Crash) Plain() bool {
	for _, p := range c.Parameters {
		if strings.Trim(p.Value, "0x") != "" || p.Words != "" {
			return false
		}
	}
	return true
}

// capital begins a sentence, if a letter of ASCII stands there.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
