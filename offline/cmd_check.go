package offline

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"hangkit/image/container"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows"
)

// CheckCmd judges whether the next hang will leave a dump.
type CheckCmd struct {
	TargetFlags
	MemoryFlag
	VerifyFlag
	Explain []string `placeholder:"ID" help:"Tell the whole story of a rule (C01), of several, or of all. Needs no target; with one, with what was found there."`
}

// Help is the command's long help.
func (*CheckCmd) Help() string {
	return `Reads the crash settings of the installation and says whether a crash would leave
a usable dump, and why not. Changes nothing. Exits with 7 when it would not, or when
--verify-volume finds more than notes in the structure of the Windows volume.

BLOCK: there would be no dump. LOSS: it would be cut, tiny or deleted. RISK: it
depends on something that cannot be seen from here. Every line has the id of its rule.

    hangkit check server.img --ram 64G
    hangkit check server.img --ram 64G --verify-volume
    hangkit check --explain P04
    hangkit check server.img --ram 64G --explain all

--json carries every rule, also those that have nothing to say: "rules" has their
id, group, verdict (or "silent") and what each of them read, with its source.`
}

type checkDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Below    []string      `json:"below,omitempty"` // images that it lies on
	Ready    bool          `json:"ready"`
	Windows  windowsJSON   `json:"windows"`
	RAM      int64         `json:"ram,omitempty"`
	Platform string        `json:"platform,omitempty"`
	Findings []findingJSON `json:"findings"`
	Command  string        `json:"command,omitempty"` // that fixes what hangkit can fix
	Rules    []ruleJSON    `json:"rules"`

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
	ByArm   bool                `json:"fixed_by_command,omitempty"`
}

// ruleJSON is a rule with what it read, whether it had anything to say or not.
type ruleJSON struct {
	ID      string        `json:"id"`
	Group   string        `json:"group"`
	Verdict string        `json:"verdict"` // or silent
	Reads   []readingJSON `json:"reads"`
}

type readingJSON struct {
	What    string `json:"what"`
	Value   string `json:"value,omitempty"`
	Known   bool   `json:"known"`
	Guessed bool   `json:"guessed,omitempty"`
	Source  string `json:"source,omitempty"`
}

// silent is the verdict of a rule that has nothing to say.
const silent = "silent"

// Run checks the installation.
func (c *CheckCmd) Run(ctx context.Context, talk *ui.UI) error {
	switch {
	case c.Index.all:
		return c.eachImage(ctx, func() error { return c.Run(ctx, talk) })
	case len(c.Explain) > 0:
		return c.explain(ctx, talk)
	}
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
		Schema: "hangkit/check/1", Target: o.Volume.Target.Name, Below: o.Volume.Target.Below, Ready: report.Ready,
		Windows: describeFacts(o.found, o.facts), RAM: o.facts.RAM.Value, Platform: o.facts.Platform.ID,
		Findings: []findingJSON{}, Volume: describeCondition(o.Volume),
	}
	r := o.remedy(report)
	for _, f := range report.Findings {
		doc.Findings = append(doc.Findings, findingJSON{f.ID, f.Group.ID(), f.Verdict, f.Title, f.Detail, o.complete(f.Fix), r.settles[f.ID]})
	}
	doc.Command = r.command
	for _, id := range crashconfig.RuleIDs() {
		doc.Rules = append(doc.Rules, describeRule(id, o.facts, report))
	}
	return doc
}

func describeRule(id string, f *windows.Facts, report *crashconfig.Report) ruleJSON {
	r := ruleJSON{ID: id, Group: crashconfig.GroupOf(id).ID(), Verdict: silent, Reads: describeReadings(id, f)}
	if finding, ok := report.Find(id); ok {
		r.Verdict = finding.Verdict.String()
	}
	return r
}

func describeReadings(id string, f *windows.Facts) []readingJSON {
	out := []readingJSON{}
	for _, r := range crashconfig.Readings(id, f) {
		out = append(out, readingJSON(r))
	}
	return out
}

func describeFacts(f *found, facts *windows.Facts) windowsJSON {
	return windowsJSON{
		Install: f.N, Root: f.Root, Old: f.Old,
		Product: facts.Version.String(), Architecture: facts.Arch.Value,
		Machine: facts.Name.Value, ControlSet: facts.ControlSet.Name,
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

// alone tells whether naming the target is enough to name the installation.
func (f *found) alone() bool { return f.siblings == 0 }

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
		switch command {
		case "hangkit arm":
			return command + " " + armTarget(o)
		case "hangkit check":
			return command + " " + checkTarget(o)
		case "hangkit undo":
			return command + " " + writeTarget(o)
		}
		return command + " " + commandTarget(o)
	})
}

// quoteArg quotes a word for a shell where it needs it.
func quoteArg(s string) string { return container.Quote(s) }

// quotePath is quoteArg for the name of a file, which must not be taken for a flag.
func quotePath(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "." + string(filepath.Separator) + name
	}
	return quoteArg(name)
}
