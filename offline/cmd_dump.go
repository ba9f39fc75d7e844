package offline

import (
	"context"
	"fmt"
	"strings"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/offline/internal/ui"
)

// DumpCmd is about dump files that are already out.
type DumpCmd struct {
	Info   DumpInfoCmd   `cmd:"" help:"Describe a dump file."`
	Verify DumpVerifyCmd `cmd:"" help:"Check that a debugger can use a dump file."`
	Join   DumpJoinCmd   `cmd:"" help:"Join a dump that was cut into parts."`
}

// DumpInfoCmd prints what a dump's headers say.
type DumpInfoCmd struct {
	File string `arg:"" help:"Dump file."`
}

// Help is the command's long help.
func (*DumpInfoCmd) Help() string {
	return `Prints the header fields as dumpchk names them, what they mean, the registers, and
what the kernel's own memory tells: its version, what each processor was doing,
the loaded and the unloaded modules, the processes. Says whether the crash was made
on purpose, and ends with the verdict of "dump verify".

    hangkit dump info MEMORY.DMP`
}

type dumpInfoDocument struct {
	Schema   string        `json:"schema"`
	File     string        `json:"file"`
	Size     int64         `json:"size"`
	Story    []string      `json:"story"`
	Sections []sectionJSON `json:"sections"`
}

type sectionJSON struct {
	Title  string      `json:"title"`
	Fields []fieldJSON `json:"fields"`
}

type fieldJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Words string `json:"words,omitempty"`
}

// Run describes the file.
func (c *DumpInfoCmd) Run(talk *ui.UI) error {
	f, err := collect.OpenCopy(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := dumpfile.Describe(f, f.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	doc := dumpInfoDocument{Schema: "hangkit/dump-info/1", File: c.File, Size: f.Size(), Story: d.Story, Sections: []sectionJSON{}}
	for _, s := range d.Sections {
		doc.Sections = append(doc.Sections, describeSection(s))
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	printDumpInfo(talk, doc)
	return nil
}

func describeSection(s dumpfile.Section) sectionJSON {
	j := sectionJSON{Title: s.Title, Fields: []fieldJSON{}}
	for _, l := range s.Lines {
		j.Fields = append(j.Fields, fieldJSON{l.Label, l.Value, l.Words})
	}
	return j
}

func printDumpInfo(talk *ui.UI, doc dumpInfoDocument) {
	for _, sentence := range doc.Story {
		// Names of modules and processes come from the crashed machine.
		talk.Printf("%s\n", printable(sentence))
	}
	for _, s := range doc.Sections {
		talk.Printf("\n%s\n", s.Title)
		for _, f := range s.Fields {
			talk.Printf("  %-26s %s\n", printable(f.Name), printable(strings.TrimSpace(f.Value+"  "+f.Words)))
		}
	}
}

// DumpVerifyCmd judges whether a debugger could use a dump.
type DumpVerifyCmd struct {
	File string `arg:"" help:"Dump file."`
	Full bool   `help:"Read every byte, too: find what cannot be read."`
}

// Help is the command's long help.
func (*DumpVerifyCmd) Help() string {
	return `Reads a dump as a debugger would: fields, sizes and the page bitmap or runs, then
the kernel's memory through its page tables, the debugger data block, the loaded
modules, the processes, and whether stop code and time in memory are those of the
header. Only a few pages are read, so the size does not matter.

The verdict is usable, usable with gaps, or not usable, with the reasons; a dump
whose contents are encrypted cannot be verified. Exits with 7 when a debugger could
not use the dump.

    hangkit dump verify MEMORY.DMP
    hangkit dump verify --full MEMORY.DMP`
}

type dumpVerifyDocument struct {
	Schema  string      `json:"schema"`
	File    string      `json:"file"`
	Verdict string      `json:"verdict"`
	Usable  bool        `json:"usable"`
	Reasons []string    `json:"reasons,omitempty"`
	Checks  []checkJSON `json:"checks"`
	Kernel  *kernelJSON `json:"kernel,omitempty"`
}

type checkJSON struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail"`
}

// kernelJSON is the kernel as its memory shows it.
type kernelJSON struct {
	Version   string        `json:"version,omitempty"`
	Build     string        `json:"build,omitempty"`
	Base      string        `json:"base,omitempty"`
	PDB       string        `json:"pdb,omitempty"`
	PDBKey    string        `json:"pdb_key,omitempty"`
	Paging    string        `json:"page_tables,omitempty"`
	Modules   []moduleJSON  `json:"modules"`
	Processes []processJSON `json:"processes"`

	Processors []processorJSON `json:"processors"`
	Unloaded   []unloadedJSON  `json:"unloaded_modules"`
}

// processorJSON is what a processor was doing; empty where that is not known.
type processorJSON struct {
	Block   string `json:"kprcb"`
	Thread  string `json:"thread,omitempty"`
	Idle    bool   `json:"idle"`
	Process string `json:"process,omitempty"`
	PID     uint64 `json:"pid,omitempty"`
	PC      string `json:"pc,omitempty"`
	At      string `json:"at,omitempty"`
	Problem string `json:"problem,omitempty"`
}

type unloadedJSON struct {
	Name  string `json:"name"`
	Start string `json:"start"`
	End   string `json:"end"`
}

type moduleJSON struct {
	Name      string `json:"name"`
	Path      string `json:"path,omitempty"`
	Base      string `json:"base"`
	Size      uint32 `json:"size"`
	TimeStamp string `json:"time_date_stamp"`
}

type processJSON struct {
	PID  uint64 `json:"pid"`
	Name string `json:"name,omitempty"`
}

// Run verifies the file.
func (c *DumpVerifyCmd) Run(ctx context.Context, talk *ui.UI) error {
	report, err := c.verify(ctx, talk)
	if err != nil {
		return err
	}
	doc := dumpVerifyDocument{
		Schema: "hangkit/dump-verify/1", File: c.File,
		Verdict: report.Verdict.String(), Usable: report.Verdict <= dumpfile.Gaps, Reasons: report.Reasons, Checks: []checkJSON{},
		Kernel: describeKernel(report.Memory),
	}
	for _, check := range report.Checks {
		doc.Checks = append(doc.Checks, checkJSON{check.Name, check.Status.String(), check.Detail})
	}
	if err := showVerify(talk, doc); err != nil {
		return err
	}
	if report.Verdict == dumpfile.Unusable {
		return ui.ErrVerdict
	}
	return nil
}

func verifyFile(name string) (*dumpfile.Report, error) {
	f, err := collect.OpenCopy(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dumpfile.Verify(f, f.Size()), nil
}

func (c *DumpVerifyCmd) verify(ctx context.Context, talk *ui.UI) (*dumpfile.Report, error) {
	if !c.Full {
		return verifyFile(c.File)
	}
	f, err := collect.OpenCopy(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	update, finish := talk.Progress("reading")
	defer finish()
	return dumpfile.VerifyFull(ctx, f, f.Size(), update)
}

func describeKernel(m *dumpfile.Memory) *kernelJSON {
	if m == nil {
		return nil
	}
	k := &kernelJSON{Version: m.KernelVersion(), Build: m.BuildLab, Paging: m.Paging, Modules: []moduleJSON{}, Processes: []processJSON{}, Processors: []processorJSON{}, Unloaded: []unloadedJSON{}}
	if d := m.Debugger.Value; d != nil {
		k.Base = hexAddress(d.KernBase)
	}
	if i := m.Image.Value; i != nil {
		k.PDB, k.PDBKey = i.PDB, i.PDBKey
	}
	for _, mod := range m.Modules.Value {
		k.Modules = append(k.Modules, moduleJSON{mod.Name, mod.Path, hexAddress(mod.Base), mod.Size, fmt.Sprintf("%08x", mod.TimeDateStamp)})
	}
	for _, p := range m.Processes.Value {
		k.Processes = append(k.Processes, processJSON{p.PID, p.Name})
	}
	for i := range m.Processors {
		k.Processors = append(k.Processors, describeProcessor(m, i))
	}
	for _, u := range m.Unloaded.Value {
		k.Unloaded = append(k.Unloaded, unloadedJSON{u.Name, hexAddress(u.Start), hexAddress(u.End)})
	}
	return k
}

func describeProcessor(m *dumpfile.Memory, i int) processorJSON {
	p := &m.Processors[i]
	j := processorJSON{Block: hexAddress(p.Block), Idle: p.Idle, Process: p.ProcessName, PID: p.PID, Problem: p.Problem}
	if p.Thread != 0 {
		j.Thread = hexAddress(p.Thread)
	}
	if p.Context != nil {
		j.PC, j.At = hexAddress(p.Context.PC), m.Locate(p.Context.PC)
	}
	return j
}

func hexAddress(v uint64) string { return fmt.Sprintf("0x%x", v) }

func showVerify(talk *ui.UI, doc dumpVerifyDocument) error {
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, c := range doc.Checks {
		talk.Printf("%-8s %-28s %s\n", c.Result, c.Name, printable(c.Detail))
	}
	for _, r := range doc.Reasons {
		talk.Printf("%s\n", printable(r))
	}
	talk.Printf("%s: %s%s\n", doc.File, doc.Verdict, doc.Kernel.words())
	return nil
}

// words is what lets an engineer let go of the machine.
func (k *kernelJSON) words() string {
	if k == nil || len(k.Modules) == 0 {
		return ""
	}
	s := fmt.Sprintf(" (%d modules", len(k.Modules))
	if len(k.Processes) > 0 {
		s += fmt.Sprintf(", %d processes", len(k.Processes))
	}
	if k.Version != "" {
		s += ", kernel " + k.Version
	}
	return s + ")"
}
