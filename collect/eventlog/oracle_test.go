package eventlog_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hangkit/collect/eventlog/eventtest"
)

// oracle skips a test without a program, or fails it where it must not be skipped.
func oracle(t *testing.T, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatalf("%s is not installed (Debian: %s)", program, debianPackage)
		}
		t.Skipf("%s is not installed (Debian: %s)", program, debianPackage)
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func saveLog(t *testing.T, file []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "System.evtx")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestOracleLibevtx: what our maker writes libevtx reads, with the same numbers and
// values. So what our reader is tested on is what others take for an event log.
func TestOracleLibevtx(t *testing.T) {
	t.Parallel()
	oracle(t, "evtxexport", "libevtx-utils")
	out := run(t, "evtxexport", "-f", "xml", saveLog(t, storyLog()))
	for _, e := range story() {
		if !strings.Contains(out, `<Provider Name="`+e.Provider+`"/>`) || !strings.Contains(out, "<EventID>"+strconv.Itoa(int(e.ID))+"</EventID>") {
			t.Errorf("%s %d is not in\n%s", e.Provider, e.ID, out)
		}
	}
	for _, want := range []string{
		`<Data Name="BugcheckCode">226</Data>`, `<Data>21:12:03</Data>`, `<Data Name="param2">C:\Windows\MEMORY.DMP</Data>`, `SystemTime="2026-11-20T21:44:00`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "<Event "); n != len(story()) {
		t.Errorf("libevtx reads %d events of %d", n, len(story()))
	}
}

// TestOracleLibevtxInfo: the counts of a log of several chunks are right, and a dirty
// log is taken for one, of which libevtx has to recover what our reader takes for
// granted.
func TestOracleLibevtxInfo(t *testing.T) {
	t.Parallel()
	oracle(t, "evtxinfo", "libevtx-utils")
	var l eventtest.Log
	l.Add(filler(300)...)
	l.Add(story()...)
	out := run(t, "evtxinfo", saveLog(t, l.Bytes()))
	if !strings.Contains(out, "Number of records\t\t: 313") || strings.Contains(out, "corrupted") || strings.Contains(out, "dirty") {
		t.Errorf("the clean log:\n%s", out)
	}
	out = run(t, "evtxinfo", saveLog(t, eventtest.Dirty(l.Bytes())))
	if !strings.Contains(out, "Number of records\t\t: 225") || !strings.Contains(out, "Number of recovered records\t: 88") || !strings.Contains(out, "Is dirty") {
		t.Errorf("the dirty log:\n%s", out)
	}
}

// TestOracleChecksums: the checksums of file and chunks are those that another program
// computes.
func TestOracleChecksums(t *testing.T) {
	t.Parallel()
	oracle(t, "evtx_info.py", "python3-evtx")
	var l eventtest.Log
	l.Add(filler(300)...)
	out := run(t, "evtx_info.py", saveLog(t, l.Bytes()))
	if strings.Contains(out, "fail") || strings.Count(out, "pass") != 7 {
		t.Errorf("checksums:\n%s", out)
	}
}

// TestOraclePythonEvtx: another reader, written from other notes.
func TestOraclePythonEvtx(t *testing.T) {
	t.Parallel()
	oracle(t, "evtx_dump.py", "python3-evtx")
	out := run(t, "evtx_dump.py", saveLog(t, storyLog()))
	for _, want := range []string{`<Data Name="BugcheckCode">226</Data>`, `Provider Name="volmgr"`, `C:\Windows\MEMORY.DMP`, ">161<"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "<Event "); n != len(story()) {
		t.Errorf("python-evtx reads %d events of %d", n, len(story()))
	}
}
