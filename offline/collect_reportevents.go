package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"hangkit/collect"
	"hangkit/collect/eventlog"
	"hangkit/collect/report"
)

// maxReportEvents is how many events of the log are told.
const maxReportEvents = 200

// tellEvents puts the crash story in order: what the dumps say, the event log, the
// registry, and this collection.
func (k *collection) tellEvents(ctx context.Context, r *report.Report) {
	for _, c := range k.crashes() {
		r.Events = append(r.Events, dumpEvents(c)...)
	}
	history, err := k.systemLog(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Notes = append(r.Notes, "There is no System event log: starts and shutdowns are known from other sources only.")
	case err != nil:
		r.Notes = append(r.Notes, fmt.Sprintf("The event log could not be read: %v.", err))
	}
	if history != nil {
		r.Clock = clockWarnings(history.Events)
		r.Events = append(r.Events, logEvents(history.Events)...)
		if history.Damaged > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf("%s of the event log could not be read.", counted(history.Damaged, "record")))
		}
	}
	if k.facts != nil && k.facts.LastRun.Shutdown.Known {
		r.Events = append(r.Events, report.Event{
			Time: k.facts.LastRun.Shutdown.Value, Kind: report.EventShutdown,
			What: "the last clean shutdown, as the registry has it", Source: k.facts.LastRun.Shutdown.Source,
		})
	}
	r.Events = mergeEvents(r.Events)
	r.Clock = append(r.Clock, doubt(r.Events, k.begun)...)
	r.Events = append(r.Events, report.Event{
		Time: k.begun, Kind: report.EventCollected, What: "this collection was made", Source: "the clock of the machine that ran hangkit",
	})
}

// crashes are all dumps with a header of their own, taken or not.
func (k *collection) crashes() []*collect.Candidate {
	var all []*collect.Candidate
	for _, d := range k.dumps {
		all = append(all, d.Candidate)
	}
	for _, l := range k.left {
		if l.DuplicateOf == nil {
			all = append(all, l)
		}
	}
	return all
}

// openSystemLog opens the System log of the Windows that is meant, or the only one
// there is where no registry says which; nil where there is none.
func (k *collection) openSystemLog() (fs.File, error) {
	const name = "System32/winevt/Logs/System.evtx"
	if k.from != nil && k.from.Volume.FS != nil {
		return k.from.Volume.FS.Open(path.Join(k.from.Root, name))
	}
	isLog := func(l takenLog) bool { return strings.HasSuffix(l.File.Path, name) }
	i := slices.IndexFunc(k.logs, isLog)
	if i < 0 || slices.ContainsFunc(k.logs[i+1:], isLog) {
		return nil, nil //nolint:nilnil // without a Windows there is no log to miss
	}
	return k.logs[i].File.Place.Volume.Open(k.logs[i].File.Path)
}

// systemLog reads the System log, nil where there is none.
func (k *collection) systemLog(ctx context.Context) (*eventlog.History, error) {
	f, err := k.openSystemLog()
	if f == nil || err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("%s: it cannot be read at an offset", info.Name())
	}
	return eventlog.Crashes(ctx, r, info.Size(), maxReportEvents)
}

// eventKinds are those that happened when the event was written. Others are told by
// the boot that followed.
var eventKinds = map[eventlog.Kind]report.EventKind{
	eventlog.Boot: report.EventBoot, eventlog.Shutdown: report.EventShutdown,
	eventlog.DumpSaved: report.EventDump, eventlog.DumpFailed: report.EventDump,
}

func logEvents(events []eventlog.Event) []report.Event {
	var out []report.Event
	for _, e := range events {
		out = append(out, report.Event{
			Time: e.Time, Kind: eventKinds[e.Kind], What: e.Words,
			Source: fmt.Sprintf("System.evtx, %s %d, record %d", strings.TrimPrefix(e.Provider, "Microsoft-Windows-"), e.ID, e.Record),
		})
	}
	return out
}

// sameMoment is how far apart two sources tell the same start or shutdown.
const sameMoment = 2 * time.Minute

// mergeEvents puts events in order, and makes one of starts, or of shutdowns, that
// several sources tell.
func mergeEvents(events []report.Event) []report.Event {
	slices.SortStableFunc(events, func(a, b report.Event) int { return a.Time.Compare(b.Time) })
	last := -1 // the last start, shutdown or crash: nothing is one across another
	var out []report.Event
	for _, e := range events {
		ends := e.Kind == report.EventBoot || e.Kind == report.EventShutdown
		if ends && last >= 0 && out[last].Kind == e.Kind && e.Time.Sub(out[last].Time) < sameMoment {
			out[last].Source += "; " + e.Source
			continue
		}
		if ends || e.Kind == report.EventCrash {
			last = len(out)
		}
		out = append(out, e)
	}
	return out
}

// clockStep is how far a clock goes back before it is worth a warning.
const clockStep = 5 * time.Minute

// maxClockWarnings bounds what is told of a clock that is wrong all the time.
const maxClockWarnings = 3

// clockWarnings tells where the clock of the machine went back: the log numbers its
// records in the order in which they were written.
func clockWarnings(events []eventlog.Event) []string {
	events = slices.DeleteFunc(slices.Clone(events), func(e eventlog.Event) bool { return e.Late })
	slices.SortFunc(events, func(a, b eventlog.Event) int { return cmp.Compare(a.Record, b.Record) })
	var warnings []string
	for i := 1; i < len(events); i++ {
		before, after := events[i-1], events[i]
		if back := before.Time.Sub(after.Time); back > clockStep && len(warnings) < maxClockWarnings {
			warnings = append(warnings, fmt.Sprintf("the machine's clock went back by %s between %s and %s, as the order of the event log's records %d and %d shows; times before that may be wrong.",
				back.Round(time.Minute), before.Time.UTC().Format(reportTime), after.Time.UTC().Format(reportTime), before.Record, after.Record))
		}
	}
	return warnings
}

const reportTime = "2006-01-02 15:04 UTC"

// doubt marks what lies behind the time of the collection.
func doubt(events []report.Event, now time.Time) []string {
	var warnings []string
	for i := range events {
		if events[i].Time.Sub(now) <= clockStep {
			continue
		}
		events[i].Uncertain = "it lies after the time of this collection"
		if warnings == nil {
			warnings = []string{"some times lie after the time of this collection: the clock of that machine was ahead, or the one hangkit ran on is behind."}
		}
	}
	return warnings
}
