package offline

import (
	"context"
	"errors"
	"io"
	"slices"

	"hangkit/collect"
	"hangkit/image"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// places lists where to look: the Windows that is meant, what its settings name on any
// volume in reach, and every other volume.
func (c *CollectCmd) places(s *scan) ([]collect.Place, error) {
	chosen, err := s.choose(c.Install)
	anything := len(readable(s)) > 0 || len(s.firmwarePlaces()) > 0
	if errors.Is(err, errWhichWindows) || errors.Is(err, errOnlyOldWindows) || errors.Is(err, errNoWindows) && anything && c.Install == 0 {
		// Without a clear choice every volume is still worth a look.
		return s.placesOf(s.installs), nil
	}
	if err != nil {
		return nil, err
	}
	return s.placesOf([]*found{chosen}), nil
}

// readable are the volumes that dumps may lie on. Images in an archive have not run yet.
func readable(s *scan) []*target.Volume {
	var volumes []*target.Volume
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.FS != nil && t.HiveName() == "" && v.Image() == 0 {
				volumes = append(volumes, v)
			}
		}
	}
	return volumes
}

// placesOf lists where the installations put dumps, and the rest of what is in reach.
// What knows most of a volume comes first: a file is looked at once.
func (s *scan) placesOf(installs []*found) []collect.Place {
	volumes := readable(s)
	var own, elsewhere, rest []collect.Place
	for _, f := range installs {
		if slices.Contains(volumes, f.Volume) {
			here, there := f.places(volumes)
			own, elsewhere = append(own, here), append(elsewhere, there...)
		}
	}
	for _, v := range volumes {
		if !slices.ContainsFunc(installs, func(f *found) bool { return f.Volume == v }) {
			rest = append(rest, collect.Place{Volume: v.FS, Label: v.Label(), SystemRoot: s.lostRoot(v)})
		}
	}
	return slices.Concat(own, elsewhere, rest, s.firmwarePlaces())
}

// lostRoot is where Windows would be on a volume on which none was found: its registry
// may be what is lost.
func (s *scan) lostRoot(v *target.Volume) string {
	if slices.ContainsFunc(s.installs, func(f *found) bool { return f.Volume == v }) {
		return "" // another Windows, which is not meant
	}
	return "Windows"
}

// firmwarePlaces are the partitions that firmware writes dumps to.
func (s *scan) firmwarePlaces() []collect.Place {
	var places []collect.Place
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.Part.Type == image.TypeCrashDump && v.FS == nil && v.Device != nil {
				places = append(places, collect.PartitionPlace(v.Label(), io.NewSectionReader(v.Device, 0, v.Device.Size())))
			}
		}
	}
	return places
}

// places are the installation's volume with the settings that say where dumps go, and
// the other volumes that they name. An unreadable registry costs the settings, not the
// dump.
func (f *found) places(volumes []*target.Volume) (own collect.Place, elsewhere []collect.Place) {
	own = collect.Place{Volume: f.Volume.FS, Label: f.Volume.Label(), SystemRoot: f.Root}
	install, err := f.open()
	if err != nil {
		return own, nil
	}
	defer install.Close()
	facts, err := install.Facts(f.live(unknownMemory))
	if err != nil {
		return own, nil
	}
	d := &destinations{facts: facts, programs: install.ProgramDumpFolders(facts), own: f.Volume, volumes: volumes}
	for _, v := range volumes {
		p, named := d.on(v)
		switch {
		case v == f.Volume:
			own = p
			own.SystemRoot = f.Root
		case named:
			elsewhere = append(elsewhere, p)
		}
	}
	return own, elsewhere
}

// destinations are the places that the settings of an installation name, by drive
// letter.
type destinations struct {
	facts    *windows.Facts
	programs []windows.Path
	own      *target.Volume
	volumes  []*target.Volume // in reach
}

// on picks what lies on one volume, and tells whether anything does.
func (d *destinations) on(v *target.Volume) (p collect.Place, named bool) {
	f := d.facts
	pick := func(path windows.Path, ok bool) string {
		if !ok || !d.lies(path, v) {
			return ""
		}
		named = true
		return path.Name
	}
	p = collect.Place{
		Volume: v.FS, Label: v.Label(), Certificate: f.CertificateThumbprint(),
		BootID: f.LastRun.BootID.Value, LastShutdown: f.LastRun.Shutdown.Value,
		DumpFile: pick(f.DumpFile()), MinidumpDir: pick(f.MinidumpDir()),
		DedicatedDump: pick(f.DedicatedDump()), LiveReports: pick(f.LiveReportsDir()),
	}
	for _, path := range f.PageFilePaths() {
		if name := pick(path, true); name != "" {
			p.PageFiles = append(p.PageFiles, name)
		}
	}
	for _, path := range d.programs {
		if name := pick(path, true); name != "" {
			p.ProgramDumps = append(p.ProgramDumps, name)
		}
	}
	return p, named
}

// lies tells whether a path may lie on a volume. A letter that stands for no volume in
// reach may be any but the installation's own: partitions get other identities when
// disks are copied.
func (d *destinations) lies(path windows.Path, v *target.Volume) bool {
	if d.facts.OnSystemVolume(path) || v == d.own {
		return d.facts.OnSystemVolume(path) && v == d.own
	}
	return d.facts.Holds(path, volumeID(v)) || !d.inReach(path)
}

// inReach tells whether the partition that a letter stands for is there.
func (d *destinations) inReach(path windows.Path) bool {
	return slices.ContainsFunc(d.volumes, func(v *target.Volume) bool { return d.facts.Holds(path, volumeID(v)) })
}

// outOfReach lists what the settings name on volumes that are not there: a page file
// on another disk may hold the dump.
func outOfReach(facts *windows.Facts, own *target.Volume, volumes []*target.Volume) []string {
	d := &destinations{facts: facts, own: own, volumes: volumes}
	paths := facts.PageFilePaths()
	for _, setting := range []func() (windows.Path, bool){facts.DedicatedDump, facts.DumpFile} {
		if p, ok := setting(); ok {
			paths = append(paths, p)
		}
	}
	var names []string
	for _, p := range paths {
		if name := p.String(); !facts.OnSystemVolume(p) && !d.inReach(p) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// dumps finds the candidates of every volume, for list, by the volume's label.
func (s *scan) dumps(ctx context.Context) (map[string][]*collect.Candidate, error) {
	candidates, err := collect.Find(ctx, s.placesOf(s.installs))
	if err != nil {
		return nil, err
	}
	byVolume := map[string][]*collect.Candidate{}
	for _, c := range candidates {
		if c.Extractable() || c.State == collect.StateHeaderWiped {
			byVolume[c.Place.Label] = append(byVolume[c.Place.Label], c)
		}
	}
	return byVolume, nil
}
