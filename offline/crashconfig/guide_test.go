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
					if !strings.HasSuffix(step.Text, ".") {
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

// Every id can be asked for, in any case, and so can other names for the platforms.
func TestPlatformNames(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	names := map[string]string{
		"qemu": windows.KVM, "qemu-kvm": windows.KVM, "Proxmox": windows.KVM, "libvirt": windows.KVM, "ilo": windows.HPE, "iDRAC": windows.Dell,
		"esxi": windows.VMware, "hyper-v": windows.HyperV, "redfish": windows.GenericIPMI,
	}
	for _, p := range crashconfig.Platforms() {
		names[p.ID], names[strings.ToUpper(p.ID)] = p.ID, p.ID
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
