package offline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"

	"hangkit/collect"
	"hangkit/collect/report"
	"hangkit/offline/internal/ui"
)

// writeReport writes report.html and report.txt into the bundle.
func (k *collection) writeReport(ctx context.Context) error {
	r := k.report(ctx)
	var page, text bytes.Buffer
	if err := report.HTML(&page, r); err != nil {
		return err
	}
	if err := report.Text(&text, r); err != nil {
		return err
	}
	if err := k.write(ctx, "report.html", page.Bytes()); err != nil {
		return err // names the file
	}
	return k.write(ctx, "report.txt", text.Bytes())
}

// report puts together what is told of the collection.
func (k *collection) report(ctx context.Context) *report.Report {
	r := &report.Report{
		Tool: "hangkit " + version().Version, Created: k.begun, Computer: k.computer(), Target: k.target,
		Facts: k.machineFacts(), Settings: k.settings(), Notes: k.notes(),
	}
	if k.what == whatLogs {
		r.NoDump = "Dumps were not looked for: only the logs were asked for."
	}
	for _, d := range k.dumps {
		r.Dumps = append(r.Dumps, report.NewDump(report.Taken{
			Candidate: d.Candidate, Result: d.Result, Verified: d.Report, Failed: d.Failed, VolumeSize: k.volumeSize(d.Candidate),
		}))
	}
	for _, l := range k.left {
		r.Left = append(r.Left, report.Left{Name: l.Name(), State: l.State.String(), Size: l.Have, Why: l.Story()})
	}
	for _, l := range k.logs {
		r.Logs = append(r.Logs, reportLog(&l))
	}
	for _, l := range k.logsLeft {
		r.Logs = append(r.Logs, report.File{Name: l.Place.Label + ":" + l.Path, Size: l.Size, Why: l.Err.Error()})
	}
	k.tellEvents(ctx, r)
	return r
}

// volumeSize is the size of the volume that a dump was found on, 0 where it is not known.
func (k *collection) volumeSize(c *collect.Candidate) int64 {
	for _, v := range readable(k.scan) {
		if v.Label() == c.Place.Label {
			return v.Part.Size
		}
	}
	return 0
}

func reportLog(l *takenLog) report.File {
	f := report.File{Name: l.File.Place.Label + ":" + l.File.Path, Category: string(l.File.Kind), Size: l.File.Size}
	if l.Copy != nil {
		f.Taken = l.Copy.Name
	}
	if l.Failed != nil {
		f.Why = l.Failed.Error()
	}
	return f
}

// machineFacts are what the registry says about the machine and its Windows.
func (k *collection) machineFacts() []report.Fact {
	f := k.facts
	if f == nil {
		return nil
	}
	var facts []report.Fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, report.Fact{Name: name, Value: value})
		}
	}
	add("Windows", f.Version.String())
	add("Installed in", cmp.Or(f.Root, "/")+" on "+k.from.Volume.Label())
	add("Maker and model", strings.TrimSpace(f.Machine.Manufacturer+" "+f.Machine.Product))
	add("Firmware", f.Machine.BIOSVersion)
	add("Processor architecture", f.Arch.Value)
	if f.RAM.Known {
		add("Memory", ui.FormatSize(f.RAM.Value))
	}
	if id := f.LastRun.BootID; id.Known {
		add("Boot counter of the registry", fmt.Sprint(id.Value))
	}
	add("Dumps are encrypted to", f.CertificateThumbprint())
	return facts
}

// notes are what could not be looked at.
func (k *collection) notes() []string {
	var notes []string
	if k.facts == nil {
		notes = append(notes, "No registry of a Windows was read: what it says about the machine, its settings and its boots is missing here.")
	}
	for _, t := range k.scan.targets {
		for _, v := range t.Volumes {
			if v.FS == nil && v.Err != nil {
				notes = append(notes, fmt.Sprintf("%s was not looked at: %v.", v.Label(), v.Err))
			}
		}
	}
	if k.moreLogsLeft > 0 {
		notes = append(notes, fmt.Sprintf("%s were not taken beside those that are listed.", counted(k.moreLogsLeft, "further log")))
	}
	return append(notes, k.dumpStackNotes()...)
}

// dumpEvents are what the header of a dump says about times.
func dumpEvents(c *collect.Candidate) []report.Event {
	h := c.Header
	if h == nil || !h.SystemTime.Known {
		return nil
	}
	source := "header of " + c.Name()
	if c.Rebuilt != nil {
		source = "rebuilt " + source
	}
	crash := report.Event{Time: h.SystemTime.Value, Kind: report.EventCrash, What: c.Story(), Source: source}
	if c.Live() {
		crash.Kind = report.EventDump
	}
	events := []report.Event{crash}
	if boot := h.BootTime(); boot.Known {
		what := "the Windows that crashed was started"
		if c.Live() {
			what = "the Windows of the live dump was started"
		}
		if h.BootID.Known {
			what += fmt.Sprintf(" (boot %d)", h.BootID.Value)
		}
		events = append(events, report.Event{Time: boot.Value, Kind: report.EventBoot, What: what, Source: source})
	}
	return events
}
