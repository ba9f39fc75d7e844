package collect_test

import (
	"slices"
	"strings"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumpfile/kernel"
)

// memoryWith is a memory with these processes, and one module.
func memoryWith(module string, processes ...string) *dumpfile.Memory {
	m := &dumpfile.Memory{}
	m.Modules.Value = []kernel.Module{{Name: module}}
	for i, name := range processes {
		m.Processes.Value = append(m.Processes.Value, kernel.Process{PID: uint64(4 * (i + 1)), Name: name})
	}
	return m
}

func headerWith(code uint32, parameters ...uint64) *dumpfile.Header {
	h := &dumpfile.Header{Bits: 64}
	h.BugCheck.Code = dumpfile.Field[uint32]{Value: code, Known: true}
	for i, p := range parameters {
		h.BugCheck.Parameters[i] = dumpfile.Field[uint64]{Value: p, Known: true}
	}
	return h
}

// TestHang: each kind of hang has the commands that are meant for it before those
// for any hang.
func TestHang(t *testing.T) {
	t.Parallel()
	broken := memoryWith("", "System", "smss.exe")
	broken.Processes.Err = kernel.ErrNotStored
	live := headerWith(0x1CA)
	live.Attributes = dumpfile.Field[dumpfile.Attributes]{Value: dumpfile.AttrLiveDump, Known: true}
	for _, test := range []struct {
		name     string
		folder   bool // that of live dumps
		header   *dumpfile.Header
		memory   *dumpfile.Memory
		title    string
		commands []string
	}{
		{"keyboard, before smss", false, headerWith(0xE2), memoryWith("", "System", "Registry"), "hang at boot, before smss.exe", []string{"!process 0 17 System", "!pnptriage", "!blackboxbsd"}},
		{"NMI, session manager", false, headerWith(0x80), memoryWith("", "System", "smss.exe", "autochk.exe"), "hang at boot, in the session manager's part", []string{"!analyze -v", "!process 0 17 smss.exe", "!process 0 17 autochk.exe"}},
		{"power button, logon", false, headerWith(0x1C8, 7000), memoryWith("", "System", "smss.exe", "winlogon.exe", "LogonUI.exe"), "hang at the logon screen, or before it", []string{"!process 0 17 winlogon.exe", "!alpc /lpp"}},
		{"NotMyFault, desktop", false, headerWith(0xD1), memoryWith("MyFault.sys", "System", "winlogon.exe", "Explorer.EXE"), "hang of a running system", []string{"!analyze -v -hang"}},
		{"0xDEADDEAD", false, headerWith(0xDEADDEAD), nil, "hang", []string{"!analyze -v -hang", "!locks", "!vm"}},
		{"keyboard, with _M", false, headerWith(0x100000E2), nil, "hang", []string{"!analyze -v -hang", "!locks", "!vm"}},
		{"NotMyFault, double free", false, headerWith(0xC2), memoryWith("myfault.sys", "System", "explorer.exe"), "hang of a running system", []string{"!analyze -v -hang", "!locks", "!vm"}},
		{"NotMyFault, hang", false, headerWith(0x133), memoryWith("myfault.sys", "System", "explorer.exe"), "DPC watchdog", []string{"!analyze -v", "!dpcs"}},
		{"a second NMI", false, headerWith(0x111), nil, "hang", []string{"!analyze -v", "!analyze -v -hang", "!locks"}},
		{"cluster's health monitor", false, headerWith(0x9E), nil, "hang", []string{"!analyze -v -hang"}},
		{"audit log full", false, headerWith(0xC0000244), nil, "crash", []string{"!analyze -v"}},
		{"power button, live", false, headerWith(0x11C8), nil, "live dump", []string{"!analyze -v -hang"}},
		{"black screen keys, live", false, headerWith(0x21C8), nil, "live dump", []string{"!analyze -v -hang"}},
		{"DumpIt", false, headerWith(0x5454414D), nil, "live dump", []string{"!analyze -v -hang"}},
		{"a real 0xD1", false, headerWith(0xD1), memoryWith("acme.sys", "System", "explorer.exe"), "crash", []string{"!analyze -v"}},
		{"list broken off", false, headerWith(0xE2), broken, "hang", []string{"!analyze -v -hang"}},
		{"no memory", false, headerWith(0xE2), nil, "hang", []string{"!analyze -v -hang"}},
		{"DPC watchdog", false, headerWith(0x133, 1), nil, "DPC watchdog", []string{"!analyze -v", "!running -it", "!dpcs", "!timer"}},
		{"clock watchdog", false, headerWith(0x101, 24, 0, 0, 3), nil, "processor hang", []string{"~3s; k", "!running -it"}},
		{"driver start", false, headerWith(0x1D5, 0x656D6361, 0, 0xFFFF8000AA, 60000), nil, "hang at the start of a driver", []string{"!thread 0xffff8000aa 17", "!pnptriage", "!devnode 0 1"}},
		{"power, IRP", false, headerWith(0x9F, 3, 0xAA, 0xBB, 0xCC), nil, "power transition hang", []string{"!devstack 0xaa", "!irp 0xcc", "!poaction"}},
		{"power, PnP lock", false, headerWith(0x9F, 4, 300, 0xBB, 0xCC), nil, "power transition hang", []string{"!thread 0xbb 17", "!poaction"}},
		{"display", false, headerWith(0xEA, 0xAB), nil, "display hang", []string{"!thread 0xab 17"}},
		{"live dump", false, headerWith(0x161), nil, "live dump", []string{"!analyze -v -hang"}},
		{"live dump of the display", false, headerWith(0x141), nil, "live dump", []string{"!analyze -v"}},
		{"live dump by attribute", false, live, nil, "live dump", []string{"!analyze -v -hang"}},
		{"live dump by folder", true, headerWith(0x133, 1), nil, "live dump", []string{"!analyze -v -hang"}},
		{"live dump by folder, of no code", true, &dumpfile.Header{}, nil, "live dump", []string{"!analyze -v -hang"}},
		{"crash", false, headerWith(0x7B), nil, "crash", []string{"!analyze -v"}},
		{"with _M", false, headerWith(0x100000EA, 0xAB), nil, "display hang", nil},
		{"nothing known", false, &dumpfile.Header{}, nil, "hang", []string{"!analyze -v -hang"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := &collect.Candidate{Header: test.header}
			if test.folder {
				c.Source = collect.SourceLive
			}
			h := c.Hang(test.memory)
			if title, how := h.Words(); title != test.title || how == "" {
				t.Errorf("%q: %q, want %q", title, how, test.title)
			}
			var first, all []string
			for _, c := range h.Commands() {
				first = append(first, c.Command)
			}
			for _, want := range test.commands {
				if !slices.Contains(first, want) {
					t.Errorf("%s is not among %s", want, strings.Join(first, ", "))
				}
			}
			all = first
			for _, c := range h.FurtherCommands() {
				all = append(all, c.Command)
				if c.Why == "" {
					t.Errorf("%s: nothing says why", c.Command)
				}
			}
			if slices.Sort(all); len(slices.Compact(slices.Clone(all))) != len(all) {
				t.Errorf("a command is there twice: %s", strings.Join(all, ", "))
			}
			for _, any := range collect.HangCommands() {
				if !slices.Contains(all, any) && any != "!analyze -v -hang" {
					t.Errorf("%s is missing", any)
				}
			}
		})
	}
}
