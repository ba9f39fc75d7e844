package offline

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows"
)

// CheckCmd judges whether the next hang will leave a dump.
type CheckCmd struct {
	TargetFlags
	MemoryFlag
	VerifyFlag
}

// Help is the command's long help.
func (*CheckCmd) Help() string {
	return `Reads the crash settings of the installation and says whether a crash would leave
a usable dump, and why not. Changes nothing. Exits with 7 when it would not, or when
--verify-volume finds more than notes in the structure of the Windows volume.

    hangkit check server.img --ram 64G
    hangkit check server.img --ram 64G --verify-volume`
}

type checkDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Ready    bool          `json:"ready"`
	Windows  windowsJSON   `json:"windows"`
	RAM      int64         `json:"ram,omitempty"`
	Platform string        `json:"platform,omitempty"`
	Findings []findingJSON `json:"findings"`

	Volume    *conditionJSON `json:"volume,omitempty"`
	Structure *structureJSON `json:"structure,omitempty"`
}

type findingJSON struct {
	ID      string              `json:"id"`
	Group   string              `json:"group"`
	Verdict crashconfig.Verdict `json:"verdict"`
	Title   string              `json:"title"`
	Detail  string              `json:"detail,omitempty"`
	Fix     string              `json:"fix,omitempty"`
}

// Run checks the installation.
func (c *CheckCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.open(ctx, c.RAM)
	if err != nil {
		return err
	}
	defer o.Close()
	report := crashconfig.Check(o.facts)
	doc := describeCheck(o, report)
	if c.Verify {
		if doc.Structure, err = verifyVolume(ctx, talk, o.Volume); err != nil {
			return err
		}
	}
	if talk.JSON {
		err = talk.Document(doc)
	} else {
		printCheck(talk, o, doc)
	}
	if err == nil {
		err = doc.verdict()
	}
	return err
}

// verdict is an error where something stands between a hang and its dump, or the
// volume is not sound, or could not be checked as was asked.
func (d *checkDocument) verdict() error {
	switch s := d.Structure; {
	case !d.Ready, s != nil && !s.Clean && s.Unchecked == "":
		return ui.ErrVerdict
	case s != nil && s.Unchecked != "":
		return ui.Fail(ui.NotFound, errNothingVerified)
	}
	return nil
}

func describeCheck(o *opened, report *crashconfig.Report) *checkDocument {
	doc := &checkDocument{
		Schema: "hangkit/check/1", Target: o.Volume.Target.Name, Ready: report.Ready,
		Windows: describeFacts(o.found, o.facts), RAM: o.facts.RAM.Value, Platform: o.facts.Platform.ID,
		Findings: []findingJSON{}, Volume: describeCondition(o.Volume),
	}
	for _, f := range report.Findings {
		doc.Findings = append(doc.Findings, findingJSON{f.ID, f.Group.ID(), f.Verdict, f.Title, f.Detail, o.complete(f.Fix)})
	}
	return doc
}

func describeFacts(f *found, facts *windows.Facts) windowsJSON {
	return windowsJSON{
		Install: f.N, Root: f.Root, Old: f.Old,
		Product: facts.Version.String(), Architecture: facts.Arch.Value,
		Machine: facts.Name.Value, ControlSet: facts.ControlSet.Name,
	}
}

// marks stand before the title of a finding; the word, not a colour, carries the
// meaning.
var marks = map[crashconfig.Verdict]string{
	crashconfig.OK:      "ok",
	crashconfig.Note:    "note",
	crashconfig.Unknown: "unknown",
	crashconfig.Risk:    "RISK",
	crashconfig.Loss:    "LOSS",
	crashconfig.Block:   "BLOCK",
}

func printCheck(talk *ui.UI, o *opened, doc *checkDocument) {
	talk.Printf("%s\n", o.heading())
	talk.Printf("%s\n", verdictLine(doc))
	for _, group := range crashconfig.Groups() {
		printGroup(talk, group, doc.Findings)
	}
	if doc.Structure != nil {
		talk.Printf("\nvolume\n")
		printStructure(talk, doc.Structure, "  ")
	}
	if !doc.Ready {
		talk.Printf("\nTo fix what hangkit can fix: hangkit arm %s\n", armTarget(o))
	}
}

// heading names the installation in one line.
func (o *opened) heading() string {
	parts := []string{o.facts.Version.String()}
	if o.facts.Arch.Known {
		parts = append(parts, o.facts.Arch.Value)
	}
	if o.facts.Name.Known {
		parts = append(parts, "machine "+printable(o.facts.Name.Value))
	}
	return strings.Join(parts, ", ") + ", " + o.where()
}

func verdictLine(doc *checkDocument) string {
	blocks := 0
	for _, f := range doc.Findings {
		if f.Verdict >= crashconfig.Loss {
			blocks++
		}
	}
	if doc.Ready {
		return "READY: a crash after the page file is open would leave a dump."
	}
	if blocks == 1 {
		return "NOT READY: one thing stands between a hang and its dump."
	}
	return fmt.Sprintf("NOT READY: %d things stand between a hang and its dump.", blocks)
}

func printGroup(talk *ui.UI, group crashconfig.Group, findings []findingJSON) {
	first := true
	for _, f := range byWeight(findings, group) {
		if f.Verdict == crashconfig.OK && !talk.Verbose {
			continue
		}
		if first {
			talk.Printf("\n%s\n", group)
			first = false
		}
		talk.Printf("  %-7s %s  %s\n", marks[f.Verdict], f.ID, f.Title)
		if f.Detail != "" {
			printWrapped(talk, f.Detail)
		}
		if f.Fix != "" && f.Verdict >= crashconfig.Risk {
			printWrapped(talk, "fix: "+f.Fix)
		}
	}
}

// byWeight puts the gravest findings of a group first and keeps the order of equals.
func byWeight(findings []findingJSON, group crashconfig.Group) []findingJSON {
	var sorted []findingJSON
	for v := crashconfig.Block; v >= crashconfig.OK; v-- {
		for _, f := range findings {
			if f.Group == group.ID() && f.Verdict == v {
				sorted = append(sorted, f)
			}
		}
	}
	return sorted
}

// textWidth is how wide explanations are set, in characters.
const textWidth = 88

// printWrapped sets a text below its finding's title.
func printWrapped(talk *ui.UI, text string) {
	const indent = "          "
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+len(word) >= len(indent)+textWidth && line != indent {
			talk.Printf("%s\n", strings.TrimRight(line, " "))
			line = indent
		}
		line += word + " "
	}
	if line != indent {
		talk.Printf("%s\n", strings.TrimRight(line, " "))
	}
}

// commandTarget is how the next command names the same installation.
func commandTarget(o *opened) string {
	text := quoteArg(o.Volume.Target.Name)
	if o.alone() {
		return text
	}
	return text + fmt.Sprintf(" --install %d", o.local)
}

// alone tells whether naming the target is enough to name the installation.
func (f *found) alone() bool { return f.siblings == 0 }

// armTarget is commandTarget with the memory size that arm would have to be told again.
func armTarget(o *opened) string {
	text := commandTarget(o)
	if o.ram != unknownMemory {
		text += " --ram " + sizeText(o.ram)
	}
	return text
}

// sizeText writes a size so that it can be read again.
func sizeText(n sizeFlag) string {
	for _, u := range []struct {
		unit sizeFlag
		name string
	}{{1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}} {
		if n%u.unit == 0 {
			return fmt.Sprintf("%d%s", n/u.unit, u.name)
		}
	}
	return fmt.Sprint(int64(n))
}

var ownCommand = regexp.MustCompile(`hangkit (arm|check|undo|collect|trigger)\b`)

// complete puts the target behind our own commands in a text that knows none: pasted
// as they stand, they would look at every disk of the machine they are pasted on.
func (o *opened) complete(text string) string {
	return ownCommand.ReplaceAllStringFunc(text, func(command string) string {
		if command == "hangkit arm" || command == "hangkit check" {
			return command + " " + armTarget(o)
		}
		return command + " " + commandTarget(o)
	})
}

// quoteArg quotes a word for a shell where it needs it.
func quoteArg(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./\\:=+,@", r)
	}) < 0
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
