package offline

import (
	"strings"
	"testing"
	"time"

	"hangkit/collect/eventlog"
	"hangkit/collect/report"
)

var reportNow = time.Date(2026, 11, 20, 21, 14, 0, 0, time.UTC)

func at(minutes int) time.Time { return reportNow.Add(time.Duration(minutes) * time.Minute) }

// TestClockSetBack: the log's numbers go up; where its times go back, the clock did.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		events []eventlog.Event
		want   int
	}{
		{"in order", []eventlog.Event{{Record: 1, Time: at(0)}, {Record: 2, Time: at(1)}}, 0},
		{"a little back", []eventlog.Event{{Record: 1, Time: at(3)}, {Record: 2, Time: at(0)}}, 0},
		{"set back", []eventlog.Event{{Record: 1, Time: at(0)}, {Record: 2, Time: at(-120)}}, 1},
		{"listed by time", []eventlog.Event{{Record: 2, Time: at(-120)}, {Record: 1, Time: at(0)}}, 1},
		{"written late by the kernel", []eventlog.Event{{Record: 1, Time: at(0)}, {Record: 2, Time: at(-120), Late: true}, {Record: 3, Time: at(1)}}, 0},
		{"no battery", []eventlog.Event{{Record: 1, Time: at(99)}, {Record: 2}, {Record: 3, Time: at(99)}, {Record: 4}, {Record: 5, Time: at(99)}, {Record: 6}, {Record: 7, Time: at(99)}, {Record: 8}}, maxClockWarnings},
	} {
		if got := clockWarnings(test.events); len(got) != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	warning := clockWarnings([]eventlog.Event{{Record: 7, Time: at(0)}, {Record: 8, Time: at(-123)}})[0]
	if !strings.Contains(warning, "2h3m0s") || !strings.Contains(warning, "7 and 8") {
		t.Error(warning)
	}
}

// TestMergeEvents: several sources tell one start; crashes are never merged.
func TestMergeEvents(t *testing.T) {
	t.Parallel()
	got := mergeEvents([]report.Event{
		{Time: at(10), Kind: report.EventBoot, Source: "header"},
		{Time: at(11), Kind: report.EventBoot, Source: "log"},
		{Time: at(20), Kind: report.EventBoot, Source: "next"},
		{Time: at(0), Kind: report.EventCrash, Source: "a"},
		{Time: at(0), Kind: report.EventCrash, Source: "b"},
		{Time: at(21), Kind: report.EventShutdown, Source: "end"},
	})
	var sources []string
	for _, e := range got {
		sources = append(sources, e.Source)
	}
	if want := "a,b,header; log,next,end"; strings.Join(sources, ",") != want {
		t.Errorf("%q, want %q", strings.Join(sources, ","), want)
	}
}

// TestDoubt: a crash after its own collection is told, and doubted.
func TestDoubt(t *testing.T) {
	t.Parallel()
	events := []report.Event{{Time: at(0)}, {Time: at(4)}, {Time: at(600)}, {Time: at(700)}}
	if warnings := doubt(events, reportNow); len(warnings) != 1 {
		t.Errorf("%q", warnings)
	}
	if events[1].Uncertain != "" || events[2].Uncertain == "" || events[3].Uncertain == "" {
		t.Errorf("%+v", events)
	}
	if warnings := doubt(events[:2], reportNow); warnings != nil {
		t.Errorf("%q", warnings)
	}
}

// TestLogEvents: what the boot after a crash tells has not happened at its time.
func TestLogEvents(t *testing.T) {
	t.Parallel()
	got := logEvents([]eventlog.Event{
		{Time: at(0), Kind: eventlog.Boot, Provider: "Microsoft-Windows-Kernel-General", ID: 12, Record: 5, Words: "Windows started"},
		{Time: at(1), Kind: eventlog.Unexpected, Provider: "EventLog", ID: 6008, Record: 6},
		{Time: at(2), Kind: eventlog.BugCheck, Provider: "x", ID: 1001},
	})
	if got[0].Kind != report.EventBoot || got[0].Source != "System.evtx, Kernel-General 12, record 5" || got[0].What != "Windows started" {
		t.Errorf("%+v", got[0])
	}
	if got[1].Kind != report.EventOther || got[2].Kind != report.EventOther {
		t.Errorf("%+v", got[1:])
	}
}
