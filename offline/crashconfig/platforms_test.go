package crashconfig

import (
	"slices"
	"strings"
	"testing"
)

// Steps are for names that their platform has, each name shows some of them, and each step is shown under some name.
func TestPlatformSteps(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		shown := map[string]bool{}
		for _, name := range p.names() {
			found, ok := findPlace(name)
			if !ok || found.id != p.id || len(p.nmi) > 0 && len(found.nmi) == 0 {
				t.Errorf("%s: %s shows %d steps of %s", p.id, name, len(found.nmi), found.id)
			}
			for _, s := range found.nmi {
				shown[s.Text+s.Command] = true
			}
		}
		for _, s := range p.nmi {
			for name := range strings.FieldsSeq(s.only) {
				if !slices.Contains(p.names(), name) && name != "ipmi" {
					t.Errorf("%s: %q is for %s, which is no name of it", p.id, s.Text, name)
				}
			}
			if !shown[s.Text+s.Command] {
				t.Errorf("%s: no name shows %q", p.id, s.Text)
			}
		}
	}
}

// A name of one tool or generation leaves out the steps for others, and nothing else.
func TestPlatformNarrowed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ with, without string }{
		"ilo3":    {"iLO 2 to 4", "ilorest"},
		"ilo5":    {"ilorest reboot Nmi", "iLO 2 to 4"},
		"idrac7":  {"Power/Thermal", "iDRAC 8"},
		"idrac9":  {"iDRAC 8", "Power/Thermal"},
		"esx":     {"/usr/lib/vmware/bin/vmdumper", "vmdumper -l"},
		"esxi":    {"vmdumper -l", "/usr/lib"},
		"proxmox": {"qm monitor", "virsh"},
		"cockpit": {"Cockpit", "virsh"},
		"libvirt": {"virsh inject-nmi", "qm monitor"},
		"ironic":  {"baremetal", "server dump"},
		"redfish": {"AllowableValues", "ipmitool"},
		"cimc":    {"ipmitool", "diagnostic-interrupt"},
		"ucsm":    {"diagnostic-interrupt", "ipmitool"},
		"ipmi":    {"AllowableValues", "nothing is left out"},
	} {
		p, _ := findPlace(name)
		var text strings.Builder
		for _, s := range p.nmi {
			text.WriteString(s.Text + s.Command + "\n")
		}
		if !strings.Contains(text.String(), tt.with) || strings.Contains(text.String(), tt.without) {
			t.Errorf("%s: want %q and not %q in\n%s", name, tt.with, tt.without, &text)
		}
	}
}

// What names a computer or a user stays a placeholder: nothing from a disk gets into a command, and no shell takes
// anything else in it for its own.
func TestCommandsAreFixed(t *testing.T) {
	t.Parallel()
	for _, p := range append(slices.Clone(places), unknownPlace) {
		for _, s := range slices.Concat(p.nmi, p.watch, p.memory) {
			if strings.ContainsAny(s.Command, "\n\r`;&|") || strings.Contains(s.Command, "$(") {
				t.Errorf("%s: %q", p.id, s.Command)
			}
			if s.Command != "" && s.Where == "" {
				t.Errorf("%s: %q does not say where it runs", p.id, s.Command)
			}
		}
	}
}
