package offline

import (
	"bytes"
	"context"
	"fmt"

	"hangkit/collect"
	"hangkit/collect/report"
)

// writeReport writes report.html and report.txt into the bundle.
func (c *collection) writeReport(ctx context.Context) error {
	r := c.report()
	for _, out := range []struct {
		name  string
		write func(*bytes.Buffer) error
	}{
		{"report.html", func(b *bytes.Buffer) error { return report.HTML(b, r) }},
		{"report.txt", func(b *bytes.Buffer) error { return report.Text(b, r) }},
	} {
		var text bytes.Buffer
		if err := out.write(&text); err != nil {
			return err
		}
		if err := c.write(ctx, out.name, text.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", out.name, err)
		}
	}
	return nil
}

// report puts together what is told of the collection.
func (c *collection) report() *report.Report {
	r := &report.Report{Tool: "hangkit " + version().Version, Created: c.begun, Target: c.target}
	for _, t := range c.dumps {
		d := report.NewDump(report.Taken{Candidate: t.Candidate, Result: t.Result, Verified: t.Report, Failed: t.Failed})
		r.Dumps = append(r.Dumps, d)
		r.Events = append(r.Events, crashEvents(t.Candidate)...)
	}
	for _, l := range c.left {
		r.Left = append(r.Left, leftOf(l))
	}
	r.Events = append(r.Events, report.Event{
		Time: c.begun, Kind: report.EventCollected, What: "This collection was made", Source: "the clock of the machine that ran hangkit",
	})
	return r
}

func leftOf(c *collect.Candidate) report.Left {
	why := c.Why
	if c.DuplicateOf != nil {
		why = "the same crash as " + c.DuplicateOf.Name()
	}
	return report.Left{Name: c.Name(), State: c.State.String(), Size: c.Have, Why: why}
}

// crashEvents are what a dump's own header says about times.
func crashEvents(c *collect.Candidate) []report.Event {
	h := c.Header
	if h == nil || !h.SystemTime.Known {
		return nil
	}
	events := []report.Event{{Time: h.SystemTime.Value, Kind: report.EventCrash, What: "Crash: " + story(c), Source: "header of " + c.Name()}}
	if boot := h.BootTime(); boot.Known {
		events = append(events, report.Event{
			Time: boot.Value, Kind: report.EventBoot, What: "The Windows that crashed was started", Source: "header of " + c.Name(),
		})
	}
	return events
}
