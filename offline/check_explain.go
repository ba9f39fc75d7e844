package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
)

type explainDocument struct {
	Schema string      `json:"schema"`
	Target string      `json:"target,omitempty"`
	Rules  []storyJSON `json:"rules"`
}

// storyJSON is a rule's story. What was found and read is there with a target only.
type storyJSON struct {
	ID        string                `json:"id"`
	Group     string                `json:"group"`
	Subject   string                `json:"subject"`
	Text      string                `json:"text"`
	Verdicts  []crashconfig.Verdict `json:"verdicts"`
	Fix       string                `json:"fix,omitempty"`
	Sources   []string              `json:"sources"`
	Contested string                `json:"contested,omitempty"`
	Reads     []string              `json:"reads"`

	Verdict string        `json:"verdict,omitempty"` // or silent
	Title   string        `json:"title,omitempty"`
	Detail  string        `json:"detail,omitempty"`
	Found   []readingJSON `json:"found,omitempty"`
}

// allRules stands for the ids of all rules.
const allRules = "all"

var errNoRule = errors.New("no such rule")

// explain tells the stories of rules, with what was found on a target if one is named.
func (c *CheckCmd) explain(ctx context.Context, talk *ui.UI) error {
	doc := &explainDocument{Schema: "hangkit/explain/1"}
	if err := doc.choose(c.Explain); err != nil {
		return err
	}
	if c.Target != "" {
		o, err := c.open(ctx, c.RAM)
		if err != nil {
			return err
		}
		defer o.Close()
		doc.look(o)
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	for i, s := range doc.Rules {
		if i > 0 {
			talk.Printf("\n")
		}
		for _, line := range storyLines(s) {
			talk.Printf("%s\n", line)
		}
	}
	return nil
}

// choose takes the stories that are asked for, each once.
func (d *explainDocument) choose(ids []string) error {
	if slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, allRules) }) {
		ids = crashconfig.RuleIDs()
	}
	for _, id := range ids {
		s, ok := crashconfig.Explain(id)
		if !ok {
			return ui.Fail(ui.Usage, fmt.Errorf("--explain: %w %q", errNoRule, id),
				"want all, or ids out of "+strings.Join(crashconfig.RuleIDs(), ", "))
		}
		if slices.ContainsFunc(d.Rules, func(have storyJSON) bool { return have.ID == s.ID }) {
			continue
		}
		d.Rules = append(d.Rules, storyJSON{
			ID: s.ID, Group: s.Group.ID(), Subject: s.Subject, Text: s.Text, Verdicts: s.Verdicts, Fix: s.Fix,
			Sources: s.Sources, Contested: s.Contested, Reads: append([]string{}, s.Reads...),
		})
	}
	return nil
}

// look adds what was found on a machine.
func (d *explainDocument) look(o *opened) {
	d.Target = o.Volume.Target.Name
	report := crashconfig.Check(o.facts)
	for i := range d.Rules {
		s := &d.Rules[i]
		s.Verdict, s.Found, s.Fix = silent, describeReadings(s.ID, o.facts), o.complete(s.Fix)
		if f, ok := report.Find(s.ID); ok {
			s.Verdict, s.Title, s.Detail = f.Verdict.String(), f.Title, f.Detail
		}
	}
}

// storyLines set a story for a terminal.
func storyLines(s storyJSON) []string {
	var lines []string
	add := func(before, text string) { lines = append(lines, wrapped(before, text)...) }
	add(s.ID+": ", s.Subject)
	add("  ", s.Text)
	if s.Verdict == "" { // otherwise with what was read
		for _, read := range s.Reads {
			add("  reads:   ", read)
		}
	}
	add("  can be:  ", possibleVerdicts(s.Verdicts))
	if s.Fix != "" {
		lines = append(lines, fixLines("  fix:     ", s.Fix)...)
	}
	if s.Contested != "" {
		add("  but:     ", s.Contested)
	}
	for _, source := range s.Sources {
		add("  source:  ", source)
	}
	return append(lines, foundLines(s)...)
}

// foundLines say what the rule found on the target, if there is one.
func foundLines(s storyJSON) []string {
	if s.Verdict == "" {
		return nil
	}
	words := s.Title + ". " + s.Detail
	if s.Title == "" {
		words = "nothing to say"
	}
	lines := wrapped("  here:    ", s.Verdict+": "+words)
	for _, r := range s.Found {
		lines = append(lines, wrapped("  read:    ", r.words())...)
	}
	return lines
}

// words say what was read, and where, unless its name says that already.
func (r readingJSON) words() string {
	switch {
	case !r.Known && r.Source != "":
		return r.What + " is not known: " + r.Source
	case !r.Known:
		return r.What + " is not known"
	}
	text := r.What + " = " + r.Value
	if !strings.HasPrefix(r.What, "SYSTEM, ") && !strings.HasPrefix(r.What, "SOFTWARE, ") {
		text += " (" + r.Source + ")"
	}
	if r.Guessed {
		text += ", a guess"
	}
	return text
}

func possibleVerdicts(list []crashconfig.Verdict) string {
	var words []string
	for _, v := range list {
		words = append(words, v.String())
	}
	return strings.Join(words, ", ") + ", or silent"
}
