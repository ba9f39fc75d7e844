package crashconfig_test

import (
	"bytes"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// winPE is Windows PE as it comes: no dumps, no page file.
func winPE(t *testing.T, pageFiles ...string) (*windows.Installation, *windows.Facts) {
	t.Helper()
	o := sample.Client()
	o.DumpType, o.PageFiles = 0, pageFiles
	h, err := sample.System(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetValue("Setup", hive.Value{Name: "CmdLine", Type: hive.SZ, Data: hive.EncodeSZ("winpeshl.exe")}); err != nil {
		t.Fatal(err)
	}
	data, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i, err := windows.FromHive(hive.Source{Primary: bytes.NewReader(data)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := i.Facts(windows.Live{RAM: 8 << 30, RAMSource: "--ram"})
	if err != nil {
		t.Fatal(err)
	}
	if !f.WinPE || f.Version.Product != "Windows PE" {
		t.Fatal("not taken for Windows PE")
	}
	return i, f
}

func TestWinPE(t *testing.T) {
	t.Parallel()
	i, f := winPE(t)
	plan, err := crashconfig.PlanArm(i, f, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range plan.Changes {
		got[c.Name] = crashconfig.Describe(c.New)
		if c.Name == windows.PagingFiles && !strings.Contains(c.Why, "a dump needs one") { // nobody asked
			t.Errorf("page file: %q", c.Why)
		}
	}
	if got[windows.CrashDumpEnabled] != "2" || got[windows.PagingFiles] != `["C:\\pagefile.sys 8320 8320"]` {
		t.Errorf("changes: %v", got)
	}
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "runs from memory") || !strings.Contains(notes, "MEMORY.DMP") {
		t.Errorf("notes: %q", plan.Notes)
	}
	if report := crashconfig.Check(plan.After); !report.Ready {
		t.Errorf("not ready: %+v", report.Findings)
	}
}

// TestWinPEKeeps: what somebody set or asks for stays.
func TestWinPEKeeps(t *testing.T) {
	t.Parallel()
	i, f := winPE(t, `D:\pagefile.sys 9000 9000`)
	plan, err := crashconfig.PlanArm(i, f, crashconfig.Settings{Dump: crashconfig.Complete})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.Changes {
		switch {
		case c.Name == windows.PagingFiles:
			t.Errorf("page file: %s", crashconfig.Describe(c.New))
		case c.Name == windows.CrashDumpEnabled && crashconfig.Describe(c.New) != "1":
			t.Errorf("type: %s", crashconfig.Describe(c.New))
		}
	}
}

// TestWinPEMemoryDrive: a page file in memory is none.
func TestWinPEMemoryDrive(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{`X:\pagefile.sys 9000 9000`, `?:\pagefile.sys`} {
		_, f := winPE(t, entry)
		if finding, ok := crashconfig.Check(f).Find("P02"); !ok || finding.Verdict != crashconfig.Block || !strings.Contains(finding.Title, "on a disk") {
			t.Errorf("%s: %+v", entry, finding)
		}
	}
}
