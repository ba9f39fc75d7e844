package offline

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/collect"
	"hangkit/collect/eventlog"
	"hangkit/collect/eventlog/eventtest"
	"hangkit/collect/logs"
	"hangkit/collect/report"
	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// cmdMkevtx makes the System log of a machine that was started, crashed by keyboard,
// and could not write the dump of the crash after that, as that crash left it:
// mkevtx file.
func cmdMkevtx(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mkevtx file")
	}
	start := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	var log eventtest.Log
	log.Add(
		eventtest.Event{Time: at(1), Provider: "EventLog", ID: 6005},
		eventtest.Event{Time: at(0), Provider: "Microsoft-Windows-Kernel-General", ID: 12, Data: []eventtest.Field{
			eventtest.Named("MajorVersion", uint32(10)), eventtest.Named("MinorVersion", uint32(0)), eventtest.Named("BuildVersion", uint32(20348))}},
		eventtest.Event{Time: at(20), Provider: "EventLog", ID: 6005},
		eventtest.Event{Time: at(19), Provider: "Microsoft-Windows-Kernel-Power", ID: 41, Data: []eventtest.Field{
			eventtest.Named("BugcheckCode", uint32(0xE2))}},
		eventtest.Event{Time: at(21), Provider: "Microsoft-Windows-WER-SystemErrorReporting", ID: 1001, Data: []eventtest.Field{
			eventtest.Named("param1", "0x000000e2 (0x0, 0x0, 0x0, 0x0)"), eventtest.Named("param2", "C:\\<script>alert(1)</script>\x1b[2J.DMP")}},
		eventtest.Event{Time: at(40), Provider: "volmgr", ID: 161, Unnamed: true},
	)
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o750))
	ts.Check(os.WriteFile(name, eventtest.Dirty(log.Bytes()), 0o600))
}

// TestLogsOfNTFS: on a volume as Windows has it names are found in any case, compressed
// and scattered files are read as programs see them, and no junction is followed.
func TestLogsOfNTFS(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("line of a log\r\n"), 20_000)
	junction := &format.Reparse{Tag: 0xa0000003, Data: make([]byte, 8)}
	dir := func(name string, entries ...format.Entry) format.Entry {
		return format.Entry{Name: name, Dir: append([]format.Entry{}, entries...)}
	}
	disk := image.NewMemory(32<<20, 512)
	err := format.Write(disk, format.Options{Seed: 1, Log: format.LogV2, Root: []format.Entry{
		dir("windows",
			dir("inf", format.Entry{Name: "SETUPAPI.dev.LOG", Data: text, Compressed: true}),
			dir("LOGS", format.Entry{Name: "CBS", Dir: []format.Entry{}, Reparse: junction}),
			dir("system32", dir("WINEVT", dir("logs", format.Entry{Name: "System.evtx", Data: text, Fragments: 7})))),
		{Name: "DumpStack.log", Data: []byte("small")},
		{Name: "DumpStack.log.tmp", Reparse: junction},
	}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := ntfs.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	found, err := logs.Find(t.Context(), []collect.Place{{Volume: v, Label: "C", SystemRoot: "Windows"}}, logs.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{
		"DumpStack.log": []byte("small"), "Windows/System32/winevt/Logs/System.evtx": text, "Windows/INF/SETUPAPI.dev.LOG": text,
	}
	for _, f := range found.Files {
		got, err := fs.ReadFile(v, f.Path)
		if contents, wanted := want[f.Path]; err != nil || !wanted || !bytes.Equal(got, contents) || f.Size != int64(len(contents)) {
			t.Errorf("%s: %d of %d bytes: %v", f.Path, len(got), f.Size, err)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", slices.Collect(maps.Keys(want)))
	}
	if len(found.Left) == 0 || found.Left[0].Path != "DumpStack.log.tmp" {
		t.Errorf("left: %v", found.Left)
	}
}

// TestMergeRestarts: a machine that restarts twice within a minute did so twice.
func TestMergeRestarts(t *testing.T) {
	t.Parallel()
	at := func(seconds int, kind report.EventKind) report.Event {
		return report.Event{Time: time.Date(2026, 11, 20, 21, 0, seconds, 0, time.UTC), Kind: kind}
	}
	got := mergeEvents([]report.Event{
		at(0, report.EventBoot), at(5, report.EventBoot), at(10, report.EventShutdown), at(12, report.EventShutdown),
		at(20, report.EventBoot), at(25, report.EventOther), at(26, report.EventBoot), at(30, report.EventCrash), at(40, report.EventBoot),
	})
	want := []report.EventKind{
		report.EventBoot, report.EventShutdown, report.EventBoot, report.EventOther, report.EventCrash, report.EventBoot,
	}
	if !slices.EqualFunc(got, want, func(e report.Event, k report.EventKind) bool { return e.Kind == k }) {
		t.Errorf("got %v", got)
	}
}

// TestLateEvents: a machine that was off for days is no clock that went back, though
// the events of the kernel are written late.
func TestLateEvents(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
	off := []eventlog.Event{
		{Record: 1, Time: day, Provider: "EventLog", ID: 6006},
		{Record: 2, Time: day.AddDate(0, 0, 3), Provider: "EventLog", ID: 6005},
		{Record: 3, Time: day, Provider: "Microsoft-Windows-Kernel-General", ID: 13, Late: true},
	}
	if got := clockWarnings(off); len(got) != 0 {
		t.Errorf("a machine that was off: %q", got)
	}
	back := append(slices.Clone(off), eventlog.Event{Record: 4, Time: day.Add(time.Hour), Provider: "User32", ID: 1074})
	if got := clockWarnings(back); len(got) != 1 {
		t.Errorf("a clock that went back: %q", got)
	}
}
