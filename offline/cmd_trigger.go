package offline

import (
	"context"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

// TriggerCmd tells how to crash the machine on purpose.
type TriggerCmd struct {
	TargetFlags
	MemoryFlag
	Platform string `placeholder:"NAME" help:"Kind of machine: ${platforms}. Default: as the registry shows."`
}

// Help is the command's long help.
func (*TriggerCmd) Help() string {
	return `Prints how to make Windows crash and write its dump once it hangs: the NMI command
of the platform, the armed keys, what will be seen and how long to wait.

    hangkit trigger server.img
    hangkit trigger server.img --platform vmware`
}

type triggerDocument struct {
	Schema   string        `json:"schema"`
	Target   string        `json:"target"`
	Windows  windowsJSON   `json:"windows"`
	Platform string        `json:"platform"`
	Name     string        `json:"platform_name"`
	Source   string        `json:"platform_source,omitempty"`
	Guessed  bool          `json:"platform_guessed"`
	Sections []triggerJSON `json:"sections"`
}

type triggerJSON struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
	Where   string `json:"where,omitempty"`
	Manual  bool   `json:"check_manual,omitempty"`
}

// Run prints the guide.
func (c *TriggerCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.open(ctx, c.RAM)
	if err != nil {
		return err
	}
	defer o.Close()
	guide, err := crashconfig.Guide(o.facts, c.Platform)
	if err != nil {
		return err
	}
	if talk.JSON {
		return talk.Document(describeGuide(o, guide))
	}
	talk.Printf("%s\n", o.heading())
	printGuide(talk, o, guide)
	return nil
}

func describeGuide(o *opened, g *crashconfig.TriggerGuide) triggerDocument {
	doc := triggerDocument{
		Schema: "hangkit/trigger/1", Target: o.Volume.Target.Name, Windows: describeFacts(o.found, o.facts),
		Platform: g.Platform, Name: g.Name, Source: g.Source, Guessed: g.Guessed, Sections: []triggerJSON{},
	}
	for _, s := range g.Sections {
		j := triggerJSON{ID: s.ID, Title: s.Title}
		for _, step := range s.Steps {
			step.Command = o.complete(step.Command)
			step.Text = o.complete(step.Text)
			j.Steps = append(j.Steps, stepJSON(step))
		}
		doc.Sections = append(doc.Sections, j)
	}
	return doc
}

func printGuide(talk *ui.UI, o *opened, g *crashconfig.TriggerGuide) {
	talk.Printf("platform: %s", g.Name)
	if g.Source != "" {
		talk.Printf(", from %s", g.Source)
	}
	talk.Printf("\n")
	for _, s := range g.Sections {
		talk.Printf("\n%s\n", s.Title)
		for _, step := range s.Steps {
			step.Command, step.Text = o.complete(step.Command), o.complete(step.Text)
			printStep(talk, step)
		}
	}
}

func printStep(talk *ui.UI, s crashconfig.Step) {
	text := s.Text
	if s.Where != "" {
		text += " (" + s.Where + ")"
	}
	if s.Manual {
		text += " [not confirmed by a document we read: check your manual]"
	}
	printWrapped(talk, text)
	if s.Command != "" {
		talk.Printf("              %s\n", s.Command)
	}
}
