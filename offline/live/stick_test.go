package live

import (
	"strings"
	"testing"
)

func TestChooseStick(t *testing.T) {
	t.Parallel()
	inside := candidate{name: "sda4", label: Label}
	usb := candidate{name: "sdb1", label: Label, outside: true}
	photos := candidate{name: "sdc1", label: "PHOTOS", outside: true}
	other := candidate{name: "sdd3", label: Label, outside: true, medium: true}
	ours := candidate{name: "sde3", label: Label, outside: true, medium: true, started: true}
	builtIn := candidate{name: "nvme0n1p3", label: Label, medium: true, started: true}
	for _, c := range []struct {
		name    string
		list    []candidate
		certain bool
		want    string
	}{
		{"the stick that was started", []candidate{usb, other, ours, inside}, true, "sde3"},
		{"at once", []candidate{ours}, false, "sde3"},
		{"a copy of the medium on a disk of the patient", []candidate{builtIn, usb}, true, "sdb1"},
		{"and nothing else", []candidate{builtIn}, true, ""},
		{"another medium before any stick", []candidate{usb, other}, true, "sdd3"},
		{"a CD was started, results go to a stick", []candidate{usb}, true, "sdb1"},
		{"the stick that was started may still come", []candidate{usb, other}, false, ""},
		{"a disk of the patient by our name", []candidate{inside}, true, ""},
		{"another label", []candidate{photos}, true, ""},
		{"nothing", nil, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name, ok := chooseStick(c.list, c.certain)
			if ok != (c.want != "") || ok && name != c.want {
				t.Errorf("got %q, %v, want %q", name, ok, c.want)
			}
		})
	}
}

func TestDiskLines(t *testing.T) {
	t.Parallel()
	list := []device{
		{name: "nvme0n1", size: 512 << 30, model: "SAMSUNG MZVLB512HBJQ-000L7 with a long name"},
		{name: "nvme0n1p1", disk: "nvme0n1", size: 100 << 20},
		{name: "nvme0n1p3", disk: "nvme0n1", size: 511 << 30, fs: "BitLocker"},
		{name: "sda", size: 8 << 30, model: "evil\x1b[2J", medium: true},
		{name: "sda3", disk: "sda", size: 7 << 30, fs: "exFAT", label: Label},
		{name: "sdb", size: 1 << 40, model: "dead", looking: true},
		{name: "sr0", size: 40 << 20, medium: true},
	}
	want := map[string]string{
		"nvme0n1": "Disk nvme0n1    512.0 GiB  SAMSUNG MZVLB512HBJQ-000  BitLocker",
		"sda":     "Disk sda          8.0 GiB  evil.[2J                  this stick",
		"sdb":     "Disk sdb          1.0 TiB  dead                      does not answer yet",
	}
	got := diskLines(list, "sda3")
	for name, line := range want {
		if got[name] != line {
			t.Errorf("%s:\n got %q\nwant %q", name, got[name], line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
}

func TestFacts(t *testing.T) {
	t.Parallel()
	f := facts{
		identity: identity{Version: "1.2.0", Build: testBuild}, kernel: "6.12.48+deb13-amd64", machine: "ACME\tCorp. " + strings.Repeat("x", 80),
		memory: 16 << 30, uefi: true, secureBoot: true, secureBootKnown: true, lockdown: lockdownState("none [integrity] confidentiality\n"),
	}
	lines := f.lines()
	text := strings.Join(lines, "\n")
	for _, want := range []string{"hangkit 1.2.0 (medium 0123456789abcdef)", "Linux 6.12.48+deb13-amd64, UEFI, Secure Boot on, locked down (integrity)", "ACME.Corp. xxx"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, line := range lines {
		if len(line) > columns || printable(line) != line {
			t.Errorf("does not fit the screen: %q", line)
		}
	}
	for _, c := range []struct {
		facts facts
		want  string
	}{
		{facts{}, "BIOS"},
		{facts{noBIOS: true}, "without firmware"},
		{facts{noBIOS: true, uefi: true}, "UEFI"},
		{facts{uefi: true}, "UEFI"},
		{facts{uefi: true, secureBootKnown: true}, "UEFI, Secure Boot off"},
	} {
		if got := c.facts.firmware(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := lockdownState("[none] integrity confidentiality"); got != "" {
		t.Errorf("lockdown %q", got)
	}
}

func TestConsoleNames(t *testing.T) {
	t.Parallel()
	for active, want := range map[string]string{
		"ttyS0 tty0\n":   "ttyS0 tty1",
		"ttyAMA0\n":      "ttyAMA0",
		"../sda hvc0 \n": "hvc0",
		"":               "",
	} {
		if got := strings.Join(consoleNames(active), " "); got != want {
			t.Errorf("%q: got %q, want %q", active, got, want)
		}
	}
	for name, want := range map[string]string{"tty1": "linux", "ttyS0": "vt100", "ttyAMA0": "vt100", "hvc0": "vt100"} {
		if got := terminalType(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
