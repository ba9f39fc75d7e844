package offline

import (
	"context"
	"errors"
	"fmt"

	"hangkit/collect"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// places lists where to look: every readable volume, and on the chosen
// installation's own volume what its settings name.
func (c *CollectCmd) places(s *scan) ([]collect.Place, error) {
	chosen, err := s.choose(c.Install)
	if errors.Is(err, errWhichWindows) || errors.Is(err, errOnlyOldWindows) || errors.Is(err, errNoWindows) && len(readable(s)) > 0 && c.Install == 0 {
		// Without a clear choice every volume is still worth a look.
		return s.everyPlace(), nil
	}
	if err != nil {
		return nil, err
	}
	// A page file, or a dump on its way, may lie on any volume of the machine.
	var places []collect.Place
	for _, v := range readable(s) {
		if v == chosen.Volume {
			places = append(places, chosen.place())
		} else {
			places = append(places, collect.Place{Volume: v.FS, Label: v.Label()})
		}
	}
	return places, nil
}

func readable(s *scan) []*target.Volume {
	var volumes []*target.Volume
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.FS != nil && t.HiveName() == "" {
				volumes = append(volumes, v)
			}
		}
	}
	return volumes
}

// everyPlace lists all readable volumes, each with its own installations' settings.
func (s *scan) everyPlace() []collect.Place {
	var places []collect.Place
	for _, v := range readable(s) {
		before := len(places)
		for _, f := range s.installs {
			if f.Volume == v {
				places = append(places, f.place())
			}
		}
		if len(places) == before {
			places = append(places, collect.Place{Volume: v.FS, Label: v.Label()})
		}
	}
	return places
}

// place is the installation's volume with the settings that say where dumps go. An
// unreadable registry costs the settings, not the dump.
func (f *found) place() collect.Place {
	p := collect.Place{Volume: f.Volume.FS, Label: f.Volume.Label(), SystemRoot: f.Root}
	install, err := f.open()
	if err != nil {
		return p
	}
	defer install.Close()
	facts, err := install.Facts(f.live(unknownMemory))
	if err != nil {
		return p
	}
	p.DumpFile = onVolume(facts, facts.DumpFile)
	p.MinidumpDir = onVolume(facts, facts.MinidumpDir)
	p.DedicatedDump = onVolume(facts, facts.DedicatedDump)
	for _, path := range facts.PageFilePaths() {
		if facts.OnSystemVolume(path) {
			p.PageFiles = append(p.PageFiles, path.Name)
		}
	}
	return p
}

func onVolume(facts *windows.Facts, path func() (windows.Path, bool)) string {
	p, ok := path()
	if !ok || !facts.OnSystemVolume(p) {
		return ""
	}
	return p.Name
}

// dumps finds the candidates of every volume, for list.
func (s *scan) dumps(ctx context.Context) (map[*target.Volume][]*collect.Candidate, error) {
	byVolume := map[*target.Volume][]*collect.Candidate{}
	for _, v := range readable(s) {
		places := (&scan{targets: []*target.Target{{Volumes: []*target.Volume{v}}}, installs: s.installs}).everyPlace()
		candidates, err := collect.Find(ctx, places)
		if err != nil {
			return nil, fmt.Errorf("%s: looking for dumps: %w", v.Label(), err)
		}
		for _, c := range candidates {
			if c.Extractable() || c.State == collect.StateHeaderWiped {
				byVolume[v] = append(byVolume[v], c)
			}
		}
	}
	return byVolume, nil
}

