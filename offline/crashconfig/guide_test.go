package crashconfig_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"hangkit/hive"
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
				if !ok {
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
		"not armed":          {plain(sample.Windows7()), "NOT ARMED: an NMI now stops this Windows WITHOUT a dump", "Armed for"},
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

// While an NMI would stop the machine without a dump, no command for one is offered, also for other platforms.
func TestGuideOffersNoNMIUnarmed(t *testing.T) {
	t.Parallel()
	g := mustGuide(t, newMachine(t, sample.Windows7(), live).f, "vmware")
	if commands := append(g.Commands(), g.OtherCommands()...); len(commands) > 0 || !g.Unarmed {
		t.Errorf("unarmed %v, offers %q", g.Unarmed, commands)
	}
	if g := armedGuide(t, sample.Windows7(), "vmware"); g.Unarmed || len(g.Commands()) == 0 || len(g.OtherCommands()) == 0 {
		t.Errorf("armed: unarmed %v, offers %q", g.Unarmed, g.Commands())
	}
}

// Where the machine stays on the stop screen nobody is told that it restarts, and the settings are put back either way.
func TestGuideAfterwards(t *testing.T) {
	t.Parallel()
	restarts, bootStore, registry := newMachine(t, sample.Server(), live).f, newMachine(t, sample.Server(), live).f, newMachine(t, sample.Server(), live).f
	bootStore.Boot = &windows.BootSettings{NoCrashAutoReboot: windows.BootValue[bool]{Value: true, Origin: windows.Set}}
	registry.CrashControl = registry.CrashControl.With(hive.Value{Name: windows.AutoReboot, Type: hive.DWORD, Data: hive.EncodeDWORD(0)})
	for want, list := range map[string][]*windows.Facts{"restarts by itself": {restarts}, "stays on the stop screen": {bootStore, registry}} {
		for _, f := range list {
			s, _ := mustGuide(t, f, "").Section("afterwards")
			text := fmt.Sprint(s.Steps)
			if !strings.Contains(text, want) || !strings.Contains(text, "hangkit undo") || strings.Contains(text, "by itself") && strings.Contains(text, "stays") {
				t.Errorf("want %q: %s", want, text)
			}
		}
	}
}

// A way that the machine does not have is said to be none, and nothing is promised of it.
func TestGuideOfAbsentWays(t *testing.T) {
	t.Parallel()
	desktop := newMachine(t, sample.Client(), live).f
	desktop.Platform.ID = windows.PC
	for _, tt := range []struct {
		f         *windows.Facts
		way, want string
	}{
		{desktop, "power-button", "This machine's button does not crash Windows: only tablets"},
		{newMachine(t, sample.Windows7(), live).f, "power-button", "does not crash Windows"},
		{newMachine(t, sample.Client(), live).f, "power-button", "a virtual machine has none"},
		{desktop, "host-memory", "No way to take the memory"},
	} {
		text := guideText(mustGuide(t, tt.f, tt.way))
		if !strings.Contains(text, tt.want) || strings.Contains(text, "You will see") {
			t.Errorf("%s: want %q in\n%s", tt.way, tt.want, text)
		}
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
