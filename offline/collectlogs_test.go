package offline

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/collect/eventlog"
	"hangkit/collect/eventlog/eventtest"
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

// TestClockWarnings: a machine that was off for days is no clock that went back, though
// the events of the kernel are written late.
func TestClockWarnings(t *testing.T) {
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
	back := append(off, eventlog.Event{Record: 4, Time: day.Add(time.Hour), Provider: "User32", ID: 1074})
	if got := clockWarnings(back); len(got) != 1 {
		t.Errorf("a clock that went back: %q", got)
	}
}
