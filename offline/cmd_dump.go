package offline

import (
	"fmt"
	"strings"

	"hangkit/collect/dumpfile"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// DumpCmd is about dump files that are already out.
type DumpCmd struct {
	Info   DumpInfoCmd   `cmd:"" help:"Describe a dump file."`
	Verify DumpVerifyCmd `cmd:"" help:"Check that a dump file is whole and consistent."`
}

// DumpInfoCmd prints what a dump's headers say.
type DumpInfoCmd struct {
	File string `arg:"" help:"Dump file."`
}

// Help is the command's long help.
func (*DumpInfoCmd) Help() string {
	return `Prints the header fields as dumpchk names them, and what they mean.

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
	f, err := target.OpenFile(c.File)
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
		talk.Printf("%s\n", sentence)
	}
	for _, s := range doc.Sections {
		talk.Printf("\n%s\n", s.Title)
		for _, f := range s.Fields {
			talk.Printf("  %-26s %s\n", f.Name, strings.TrimSpace(f.Value+"  "+f.Words))
		}
	}
}

// DumpVerifyCmd judges whether a debugger could use a dump.
type DumpVerifyCmd struct {
	File string `arg:"" help:"Dump file."`
}

// Help is the command's long help.
func (*DumpVerifyCmd) Help() string {
	return `Checks the structure of a dump: its fields, sizes, page bitmap or runs and
trailing data. Exits with 7 when a debugger could not use it.

    hangkit dump verify MEMORY.DMP`
}

type dumpVerifyDocument struct {
	Schema  string      `json:"schema"`
	File    string      `json:"file"`
	Verdict string      `json:"verdict"`
	Usable  bool        `json:"usable"`
	Reasons []string    `json:"reasons,omitempty"`
	Checks  []checkJSON `json:"checks"`
}

type checkJSON struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail"`
}

// Run verifies the file.
func (c *DumpVerifyCmd) Run(talk *ui.UI) error {
	report, err := verifyFile(c.File)
	if err != nil {
		return err
	}
	doc := dumpVerifyDocument{
		Schema: "hangkit/dump-verify/1", File: c.File,
		Verdict: report.Verdict.String(), Usable: report.Verdict != dumpfile.Unusable, Reasons: report.Reasons, Checks: []checkJSON{},
	}
	for _, check := range report.Checks {
		doc.Checks = append(doc.Checks, checkJSON{check.Name, check.Status.String(), check.Detail})
	}
	if err := showVerify(talk, doc); err != nil {
		return err
	}
	if !doc.Usable {
		return ui.ErrVerdict
	}
	return nil
}

func verifyFile(name string) (*dumpfile.Report, error) {
	f, err := target.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dumpfile.Verify(f, f.Size()), nil
}

func showVerify(talk *ui.UI, doc dumpVerifyDocument) error {
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, c := range doc.Checks {
		talk.Printf("%-8s %-28s %s\n", c.Result, c.Name, c.Detail)
	}
	for _, r := range doc.Reasons {
		talk.Printf("%s\n", r)
	}
	talk.Printf("%s: %s\n", doc.File, doc.Verdict)
	return nil
}
