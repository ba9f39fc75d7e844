package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows"
)

// TriggerCmd tells how to crash the machine on purpose.
type TriggerCmd struct {
	TargetFlags
	MemoryFlag
	Platform string `placeholder:"NAME" help:"Kind of machine (${platforms}) or way to crash it (${ways}), or another name of one: list shows them all. Default: as the registry shows."`
	All      bool   `help:"Tell of all other ways and kinds of machine, too."`
	Copy     bool   `help:"Print the command lines only, one per line: paste one of them, with the names it asks for."`
}

// Help is the command's long help.
func (*TriggerCmd) Help() string {
	return `Prints how to make Windows crash and write its dump once it hangs: what to switch
off before, the NMI command of the platform, the armed keys and how to send just
them to a virtual machine, what will be seen, how long to wait, and what to do then.

The platform is what Windows noted of its machine; --platform names another. Without
a target, --platform gives general advice and looks at no disk. What no document
confirms is marked [check your manual].

    hangkit trigger server.img
    hangkit trigger server.img --platform vmware
    hangkit trigger --platform idrac --copy
    hangkit trigger --platform keyboard
    hangkit trigger --platform list`
}

type triggerDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Windows  *windowsJSON  `json:"windows,omitempty"` // none without a target
	Platform string        `json:"platform"`
	Name     string        `json:"platform_name"`
	Source   string        `json:"platform_source,omitempty"`
	Guessed  bool          `json:"platform_guessed"`
	Maker    string        `json:"manufacturer,omitempty"` // as the firmware says
	Model    string        `json:"product,omitempty"`
	Also     []string      `json:"also_seen,omitempty"` // other platforms whose devices were seen
	Sections []triggerJSON `json:"sections"`
	Others   []triggerJSON `json:"other_platforms"`
	Commands []string      `json:"commands"` // those that crash the machine

	others  []string // commands of the other platforms
	unarmed bool     // an NMI would stop the machine without a dump
}

type triggerJSON struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Extra bool       `json:"extra,omitempty"` // another way than the platform's
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Text    string `json:"text,omitempty"`
	Command string `json:"command,omitempty"`
	Where   string `json:"where,omitempty"`
	Manual  bool   `json:"check_manual,omitempty"`
}

type platformsDocument struct {
	Schema    string         `json:"schema"`
	Platforms []platformJSON `json:"platforms"`
	Ways      []platformJSON `json:"ways"`
}

type platformJSON struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Also []string `json:"also"`
}

// listPlatforms is what --platform takes to show what it takes.
const listPlatforms = "list"

// Run prints the guide.
func (c *TriggerCmd) Run(ctx context.Context, talk *ui.UI) error {
	switch {
	case c.Platform == listPlatforms:
		return showPlatforms(talk)
	case c.Platform != "" && c.Target == "":
		return c.show(talk, nil)
	}
	o, err := c.open(ctx, c.RAM)
	if err != nil {
		return err
	}
	defer o.Close()
	return c.show(talk, o)
}

// show writes the guide for an installation, or general advice without one.
func (c *TriggerCmd) show(talk *ui.UI, o *opened) error {
	var facts *windows.Facts
	if o != nil {
		facts = o.facts
	}
	guide, err := crashconfig.Guide(facts, c.Platform)
	if err != nil {
		return err
	}
	doc := describeGuide(o, guide)
	switch {
	case talk.JSON:
		return talk.Document(doc)
	case c.Copy:
		return c.copyCommands(talk, doc)
	}
	c.print(talk, o, doc)
	return nil
}

func describeGuide(o *opened, g *crashconfig.TriggerGuide) triggerDocument {
	complete := func(text string) string { return text }
	doc := triggerDocument{
		Schema: "hangkit/trigger/1", Platform: g.Platform, Name: g.Name, Source: g.Source, Guessed: g.Guessed,
		Sections: []triggerJSON{}, Others: []triggerJSON{}, Commands: []string{},
		others: g.OtherCommands(), unarmed: g.Unarmed,
	}
	if o != nil {
		found := describeFacts(o.found, o.facts)
		doc.Target, doc.Windows, doc.Also, complete = o.Volume.Target.Name, &found, o.facts.Platform.Also, o.complete
		doc.Maker, doc.Model = o.facts.Machine.Manufacturer, o.facts.Machine.Product
	}
	for _, s := range g.Sections {
		doc.Sections = append(doc.Sections, describeSteps(s, complete))
	}
	for _, s := range g.Others {
		doc.Others = append(doc.Others, describeSteps(s, complete))
	}
	for _, command := range g.Commands() {
		doc.Commands = append(doc.Commands, complete(command))
	}
	return doc
}

func describeSteps(s crashconfig.Section, complete func(string) string) triggerJSON {
	j := triggerJSON{ID: s.ID, Title: s.Title, Extra: s.Extra, Steps: []stepJSON{}}
	for _, step := range s.Steps {
		j.Steps = append(j.Steps, stepJSON{Text: complete(step.Text), Command: complete(step.Command), Where: step.Where, Manual: step.Manual})
	}
	return j
}

// copyCommands prints the commands bare, so that nothing but them ends on a clipboard.
func (c *TriggerCmd) copyCommands(talk *ui.UI, doc triggerDocument) error {
	commands := doc.Commands
	if c.All {
		commands = slices.Concat(commands, doc.others)
	}
	switch {
	case len(commands) > 0:
	case doc.unarmed:
		return ui.Fail(ui.NotFound, errors.New("nothing to send yet: an NMI now stops this Windows without a dump, and no keyboard is armed for a console"),
			"arm it first, then restart; without --copy it is told how")
	default:
		return ui.Fail(ui.NotFound, fmt.Errorf("no command that crashes it is known for: %s", doc.Name), "without --copy it is told what can be done")
	}
	for _, command := range commands {
		talk.Printf("%s\n", printable(command))
	}
	return nil
}

func (c *TriggerCmd) print(talk *ui.UI, o *opened, doc triggerDocument) {
	if o != nil {
		talk.Printf("%s\n", o.heading())
	}
	gap := ""
	if o != nil || doc.Platform != windows.UnknownPlace {
		printLines(talk, "", "", doc.platformLine())
		gap = "\n"
	}
	for _, s := range doc.Sections {
		if !s.Extra || c.All {
			talk.Printf("%s", gap)
			printSection(talk, s)
			gap = "\n"
		}
	}
	if !c.All {
		talk.Printf("\n")
		printLines(talk, "", "", "Other ways and other machines: hangkit trigger "+c.again(o)+"--all")
		return
	}
	talk.Printf("\nOther machines\n")
	for _, s := range doc.Others {
		s.Title += " (--platform " + s.ID + ")"
		talk.Printf("\n")
		printSection(talk, s)
	}
}

// again is what of the command line is to be said again.
func (c *TriggerCmd) again(o *opened) string {
	text := ""
	if o != nil {
		text = commandTarget(o) + " "
	}
	if c.Platform != "" {
		text += "--platform " + quoteArg(c.Platform) + " "
	}
	return text
}

// platformLine says what the machine is, and what says so. Its names come from the
// disk.
func (d *triggerDocument) platformLine() string {
	text := "platform: " + d.Name
	if d.Platform != "" {
		text += " (" + d.Platform + ")"
	}
	if d.Source != "" {
		text += ", from " + d.Source
	}
	if model := strings.TrimSpace(d.Maker + " " + d.Model); model != "" && d.Source != platformFlag {
		text += ": " + model
	}
	if d.Guessed {
		text += " (a guess)"
	}
	return text
}

// platformFlag is the source of a platform that the user named.
const platformFlag = "--platform"

func printSection(talk *ui.UI, s triggerJSON) {
	talk.Printf("%s\n", s.Title)
	where := ""
	for _, step := range s.Steps {
		text := step.Text
		if text != "" && step.Where != "" && step.Where != where {
			text += " (" + step.Where + ")"
		}
		if step.Manual && text != "" {
			text += " [check your manual]"
		}
		where = step.Where
		printLines(talk, "  - ", "    ", text)
		for _, line := range commandLines(printable(step.Command), step.Where) {
			talk.Printf("%s%s\n", commandIndent, line)
		}
	}
}

func showPlatforms(talk *ui.UI) error {
	doc := platformsDocument{Schema: "hangkit/platforms/1", Platforms: describePlatforms(crashconfig.Platforms()), Ways: describePlatforms(crashconfig.Ways())}
	if talk.JSON {
		return talk.Document(doc)
	}
	for i, list := range [][]platformJSON{doc.Platforms, doc.Ways} {
		talk.Printf("%s", []string{"Kinds of machine\n", "\nWays to crash any of them, or to look into one\n"}[i])
		for _, p := range list {
			text := p.Name
			if len(p.Also) > 0 {
				text += "; also " + strings.Join(p.Also, ", ")
			}
			printLines(talk, fmt.Sprintf("  %-14s", p.ID), fmt.Sprintf("  %-14s", ""), text)
		}
	}
	return nil
}

func describePlatforms(list []crashconfig.PlatformInfo) []platformJSON {
	out := []platformJSON{}
	for _, p := range list {
		out = append(out, platformJSON{p.ID, p.Name, append([]string{}, p.Also...)})
	}
	return out
}
