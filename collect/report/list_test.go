package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hangkit/collect/dumpfile/kernel"
)

// TestNamesAreInOrder: the list is kept by hand.
func TestNamesAreInOrder(t *testing.T) {
	t.Parallel()
	names := strings.Split(strings.TrimSuffix(namesText, "\n"), "\n")
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("the names are not in order, or one is there twice")
	}
	for _, n := range names {
		if n != strings.ToLower(n) || !strings.Contains(n, ".") || strings.ContainsAny(n, " \\/\r") {
			t.Errorf("%q", n)
		}
	}
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, path, want string }{
		{"ntoskrnl.exe", `\SystemRoot\system32\ntoskrnl.exe`, ""},
		{"NTFS.sys", `\SystemRoot\System32\Drivers\Ntfs.sys`, ""},
		{"Ntfs.sys", "", ""},
		{"dump_stornvme.sys", `\SystemRoot\System32\Drivers\dump_stornvme.sys`, ""},
		{"tcpip.sys", `\??\C:\Windows\system32\drivers\tcpip.sys`, ""},
		{"tcpip.sys", `\??\C:\Users\x\tcpip.sys`, "the name of a Windows file, loaded from outside the Windows folder"},
		{"acme.sys", `\SystemRoot\System32\drivers\acme.sys`, "not a known Windows file name"},
		{"acme.sys", `\??\C:\Program Files\Acme\acme.sys`, "not a known Windows file name, and loaded from outside the Windows folder"},
		{"megasas.sys", `\SystemRoot\System32\drivers\megasas.sys`, "not a known Windows file name"},
		{"", "", "not a known Windows file name"},
	} {
		if got := foreign(test.name, test.path); got != test.want {
			t.Errorf("%s in %s: %q, want %q", test.name, test.path, got, test.want)
		}
	}
}

// TestCrowd: a machine with 5,000 modules and 10,000 processes gives a page that a
// browser opens at once.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const modules, processes, longest = 5000, 10000, 600 << 10
	var mods []kernel.Module
	for i := range modules {
		name := "ntfs.sys"
		if i%2 == 0 {
			name = fmt.Sprintf("driver%05d.sys", i)
		}
		mods = append(mods, kernel.Module{Name: name, Path: `\SystemRoot\system32\drivers\` + name})
	}
	var procs []kernel.Process
	for i := range processes {
		procs = append(procs, kernel.Process{PID: uint64(4 * i), Name: fmt.Sprintf("worker%d.exe", i/2)})
	}
	d := &Dump{Modules: newModules(mods), Running: newProcesses(procs)}
	if got := d.Modules.Total(); got != modules {
		t.Errorf("%d modules are counted", got)
	}
	told := d.Running.More
	for _, g := range d.Running.Groups {
		told += g.Count
	}
	if told != processes || d.Running.Total != processes {
		t.Errorf("%d of %d processes are counted", told, d.Running.Total)
	}
	var page bytes.Buffer
	if err := HTML(&page, &Report{Dumps: []*Dump{d}}); err != nil {
		t.Fatal(err)
	}
	if page.Len() > longest {
		t.Errorf("the page has %d bytes", page.Len())
	}
}

// TestManyOfEverything: what a disk holds too much of is counted, not told.
func TestManyOfEverything(t *testing.T) {
	t.Parallel()
	const many, longest = 20000, 2 << 20
	r := &Report{
		Left: make([]Left, many), Logs: make([]File, many), Settings: make([]Setting, many), Events: make([]Event, many),
	}
	for range many / 10 {
		r.Dumps = append(r.Dumps, &Dump{Name: "dump", Memory: &Memory{PerCell: 1, Cells: make([]Cell, memoryColumns*memoryRows)}})
	}
	var page, text bytes.Buffer
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := Text(&text, r); err != nil {
		t.Fatal(err)
	}
	for _, out := range []*bytes.Buffer{&page, &text} {
		if out.Len() > longest || bytes.Count(out.Bytes(), []byte("further")) < 5 {
			t.Errorf("%d bytes, %d lists cut", out.Len(), bytes.Count(out.Bytes(), []byte("further")))
		}
	}
	if len(r.Dumps) != many/10 {
		t.Error("the caller's list was cut")
	}
}

func TestProcessesOfOneName(t *testing.T) {
	t.Parallel()
	var all []kernel.Process
	for i := range uint64(20) {
		all = append(all, kernel.Process{PID: i, Name: "svchost.exe"})
	}
	got := newProcesses(append(all, kernel.Process{PID: 99}))
	want := []ProcessGroup{{"svchost.exe", 20, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"}, {"?", 1, "99"}}
	if !slices.Equal(got.Groups, want) {
		t.Errorf("%+v", got.Groups)
	}
}
