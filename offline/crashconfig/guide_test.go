package crashconfig_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

func guideText(g *crashconfig.TriggerGuide) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s), from %q, guessed %v\n", g.Name, g.Platform, g.Source, g.Guessed)
	for _, s := range g.Sections {
		fmt.Fprintf(&b, "%s [%s]\n", s.Title, s.ID)
		for _, step := range s.Steps {
			fmt.Fprintf(&b, "  - %s\n", step.Text)
			if step.Command != "" {
				fmt.Fprintf(&b, "      %s: %s\n", step.Where, step.Command)
			}
			if step.Manual {
				b.WriteString("      check your manual\n")
			}
		}
	}
	return b.String()
}

// armed is a preset after a default arm.
func armedGuide(t *testing.T, o sample.Options, platform string) *crashconfig.TriggerGuide {
	t.Helper()
	g, err := crashconfig.Guide(newMachine(t, o, live).plan(t, crashconfig.Settings{}).After, platform)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGuide(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o        sample.Options
		platform string
	}{
		"client": {sample.Client(), ""}, "server": {sample.Server(), ""}, "laptop": {sample.Laptop(), ""}, "xp": {sample.WindowsXP(), ""},
		"kvm": {sample.Client(), "KVM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".guide.txt", guideText(armedGuide(t, tt.o, tt.platform)))
		})
	}
}

// Every platform has a guide with all the parts, armed or not, and commands say where they run.
func TestGuideOfEveryPlatform(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), windows.Live{})
	for _, p := range crashconfig.Platforms() {
		for _, g := range []*crashconfig.TriggerGuide{mustGuide(t, m.f, p.ID), armedGuide(t, sample.Client(), p.ID)} {
			if g.Name != p.Name || g.Platform != p.ID {
				t.Errorf("%s is called %q, want %q", p.ID, g.Name, p.Name)
			}
			for _, id := range []string{"before", "nmi", "keyboard", "see", "wait", "afterwards", "nothing", "reading"} {
				s, ok := g.Section(id)
				if !ok {
					t.Errorf("%s: no section %s", p.ID, id)
				}
				for _, step := range s.Steps {
					if step.Command != "" && step.Where == "" && id == "nmi" {
						t.Errorf("%s: %q does not say where it runs", p.ID, step.Command)
					}
					if !strings.HasSuffix(step.Text, ".") && (step.Text != "" || step.Command == "") {
						t.Errorf("%s: %q is no sentence", p.ID, step.Text)
					}
				}
			}
		}
	}
}

func mustGuide(t *testing.T, f *windows.Facts, platform string) *crashconfig.TriggerGuide {
	t.Helper()
	g, err := crashconfig.Guide(f, platform)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// What no document shows must not be printed.
func TestGuideInventsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range crashconfig.Platforms() {
		text := strings.ToLower(guideText(armedGuide(t, sample.Client(), p.ID)))
		for _, word := range []string{"racadm", "hponcfg", "acli"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %s has no documented NMI command", p.ID, word)
			}
		}
	}
}

// Without facts the guide is general advice, and with them a name for a way tells of that way alone.
func TestGuideOfWays(t *testing.T) {
	t.Parallel()
	armed := newMachine(t, sample.Client(), live).plan(t, crashconfig.Settings{Keyboard: keys("lctrl+lalt+f12")}).After
	for _, w := range crashconfig.Ways() {
		for _, name := range append([]string{w.ID, strings.ToUpper(w.ID)}, w.Also...) {
			for _, f := range []*windows.Facts{nil, armed} {
				s, ok := mustGuide(t, f, name).Section(w.ID)
				if !ok && w.ID != "power-button" { // a virtual machine has none
					t.Errorf("%s: no section %s", name, w.ID)
				}
				if s.Extra {
					t.Errorf("%s: what was asked for is told on request only", name)
				}
			}
		}
	}
	if g := mustGuide(t, nil, "keyboard"); !strings.Contains(guideText(g), "No disk was looked at") {
		t.Errorf("general advice does not say so: %s", guideText(g))
	}
}

// The keys sent to a console are those that the machine is armed for.
func TestGuideSendsTheArmedKeys(t *testing.T) {
	t.Parallel()
	f := newMachine(t, sample.Client(), live).plan(t, crashconfig.Settings{Keyboard: keys("lctrl+lalt+f12")}).After
	for platform, want := range map[string]string{
		windows.VirtualBox: `VBoxManage controlvm "<vm>" keyboardputscancode 1d 38 58 d8 58 d8 b8 9d`,
		windows.HyperV:     `$codes = [byte[]](0x1d,0x38,0x58,0xd8,0x58,0xd8,0xb8,0x9d)`,
		windows.KVM:        `"data":"f12"`,
	} {
		if commands := strings.Join(mustGuide(t, f, platform).Commands(), "\n"); !strings.Contains(commands, want) || strings.Contains(commands, "scroll") {
			t.Errorf("%s: %s\nwant %s", platform, commands, want)
		}
	}
}

// A guide says what stands in the way: triggers that are not armed, and watchdogs, clusters and hosts.
func TestGuideWarns(t *testing.T) {
	t.Parallel()
	plain := func(o sample.Options) *windows.Facts { return newMachine(t, o, live).f }
	host := plain(sample.Server())
	host.Services["vmms"], host.Services["ClusSvc"] = 2, 2
	mirrored := plain(sample.Server())
	mirrored.Platform.Also = []string{windows.VMware}
	guessed := plain(sample.Client())
	guessed.Platform.Guessed = true
	arm64 := plain(sample.Laptop())
	arm64.Arch.Value = "arm64"
	for name, tt := range map[string]struct {
		f      *windows.Facts
		want   string
		absent string
	}{
		"not armed":          {plain(sample.Windows7()), "NOT ARMED: this Windows does not crash on an NMI", "Armed for"},
		"keyboard not armed": {plain(sample.Client()), "NOT ARMED: no keyboard", ""},
		"button not armed":   {plain(sample.Laptop()), "NOT ARMED: this Windows does not watch the button", ""},
		"watchdogs":          {plain(sample.Server()), "may reset the machine first: HP/HPE Automatic Server Recovery", ""},
		"Hyper-V host":       {host, "This Windows is a Hyper-V host", "not its host"},
		"cluster":            {host, "HangRecoveryAction", ""},
		"virtual machine":    {plain(sample.Client()), "Crash the virtual machine, not its host", "is a Hyper-V host"},
		"contradiction":      {mirrored, "also saw devices of VMware", ""},
		"guess":              {guessed, "a guess from", ""},
		"ARM64":              {arm64, "ARM64 machines have no NMI", "0x80"},
		"once":               {plain(sample.Client()), "exactly once", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := guideText(mustGuide(t, tt.f, ""))
			if !strings.Contains(text, tt.want) || tt.absent != "" && strings.Contains(text, tt.absent) {
				t.Errorf("want %q and not %q in\n%s", tt.want, tt.absent, text)
			}
		})
	}
}

// What platform is meant is the user's to say, and then nothing is doubted.
func TestGuideTrustsTheUser(t *testing.T) {
	t.Parallel()
	f := newMachine(t, sample.Server(), live).f
	f.Platform.Also = []string{windows.VMware}
	if text := guideText(mustGuide(t, f, "vmware")); strings.Contains(text, "also saw") {
		t.Error(text)
	}
}

// Every id can be asked for, in any case, and so can other names for the platforms.
func TestPlatformNames(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	names := map[string]string{
		"qemu": windows.KVM, "qemu-kvm": windows.KVM, "Proxmox": windows.KVM, "libvirt": windows.KVM, "ilo": windows.HPE, "iDRAC": windows.Dell,
		"esxi": windows.VMware, "hyper-v": windows.HyperV, "redfish": windows.GenericIPMI,
	}
	for _, p := range crashconfig.Platforms() {
		for _, name := range append(p.Also, p.ID) {
			names[name], names[strings.ToUpper(name)] = p.ID, p.ID
		}
	}
	for name, id := range names {
		if g := mustGuide(t, m.f, name); g.Platform != id || g.Name == "" || g.Source != "--platform" {
			t.Errorf("%s: %s (%s) from %s, want %s", name, g.Platform, g.Name, g.Source, id)
		}
	}
}

func TestGuideRefusesUnknownPlatforms(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	if _, err := crashconfig.Guide(m.f, "amiga"); !errors.Is(err, crashconfig.ErrPlatform) {
		t.Errorf("Guide = %v, want ErrPlatform", err)
	}
}
