package crashconfig

import (
	"errors"
	"fmt"
	"strings"
)

// Profile is a set of settings with a name.
type Profile int

// Profiles.
const (
	NoProfile Profile = iota
	ProfileAutomatic
	ProfileKernel
	ProfileComplete
	ProfileActive
	// OneShot is for the single capture of a hang at boot. Windows must not restart by itself, and must not take the
	// crashed start for one to repair; the dump must fit at the first time.
	OneShot
)

var profiles = []struct {
	p        Profile
	name     string
	settings Settings
}{
	{ProfileAutomatic, "automatic", Settings{Dump: Automatic}},
	{ProfileKernel, "kernel", Settings{Dump: Kernel}},
	{ProfileComplete, "complete", Settings{Dump: Complete}},
	{ProfileActive, "active", Settings{Dump: Active}},
	{OneShot, "one-shot", Settings{
		Dump: Kernel, KeepDump: Yes, DumpLog: Yes, StopParameters: Yes, AutoReboot: No, AutoRepair: No, BootLog: Yes,
	}},
}

// Profiles are the names of the profiles.
func Profiles() []string {
	var names []string
	for _, p := range profiles {
		names = append(names, p.name)
	}
	return names
}

// ErrProfile says that a name is none of the profiles.
var ErrProfile = errors.New("unknown profile")

// ParseProfile reads automatic, kernel, complete, active or one-shot.
func ParseProfile(s string) (Profile, error) {
	for _, p := range profiles {
		if strings.EqualFold(s, p.name) {
			return p.p, nil
		}
	}
	return NoProfile, fmt.Errorf("%w %q: want automatic, kernel, complete, active or one-shot", ErrProfile, s)
}

// String is the name of the profile as --profile takes it.
func (p Profile) String() string {
	for _, known := range profiles {
		if known.p == p {
			return known.name
		}
	}
	return "none"
}

// withProfile fills in what the profile says and nobody asked for otherwise.
func (s Settings) withProfile() Settings {
	for _, known := range profiles {
		if known.p != s.Profile {
			continue
		}
		if s.Dump == Unspecified {
			s.Dump = known.settings.Dump
		}
		for _, c := range []struct{ set, profile *Choice }{
			{&s.KeepDump, &known.settings.KeepDump}, {&s.DumpLog, &known.settings.DumpLog},
			{&s.StopParameters, &known.settings.StopParameters}, {&s.AutoReboot, &known.settings.AutoReboot},
			{&s.AutoRepair, &known.settings.AutoRepair}, {&s.BootLog, &known.settings.BootLog},
		} {
			if *c.set == ByDefault {
				*c.set = *c.profile
			}
		}
	}
	return s
}
