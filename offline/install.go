package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// opened is the installation a command works on, with the facts about it.
type opened struct {
	*found
	install *windows.Installation
	facts   *windows.Facts
	scan    *scan
	ram     sizeFlag // as the user said it
}

// Close lets go of the installation and of everything that was scanned for it.
func (o *opened) Close() error { return errors.Join(o.install.Close(), o.scan.Close()) }

// open finds the Windows that is meant and gathers the facts about it. Nothing is
// opened for writing.
func (f *TargetFlags) open(ctx context.Context, ram sizeFlag) (*opened, error) {
	s, err := openImageScan(ctx, f.names(), f.Index.n)
	if err != nil {
		return nil, err
	}
	if err := s.askForKey(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.warnLocked(ctx, f.Install)
	o, err := f.openIn(s, ram)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return o, nil
}

func (f *TargetFlags) names() []string {
	if f.Target == "" {
		return nil
	}
	return []string{f.Target}
}

func (f *TargetFlags) openIn(s *scan, ram sizeFlag) (*opened, error) {
	chosen, err := f.choose(s)
	if err != nil {
		return nil, err
	}
	s.others = len(s.installs) - 1
	return s.gather(chosen, ram)
}

// gather opens the installation's registry and gathers the facts.
func (s *scan) gather(chosen *found, ram sizeFlag) (*opened, error) {
	o := &opened{found: chosen, scan: s, ram: ram}
	var err error
	if o.install, err = chosen.open(); err != nil {
		return nil, fmt.Errorf("%s: %w", chosen.where(), err)
	}
	if err := o.install.System.Validate(); err != nil {
		err = ui.Hint(fmt.Errorf("%s: %w", chosen.where(), err), damagedHive+"; Windows would not boot from it either")
		return nil, errors.Join(err, o.install.Close())
	}
	live := chosen.live(ram)
	live.Volume.ReadOnly, live.Volume.ReadOnlyWhy = chosen.notWritable()
	live.OtherInstallations = s.others
	chosen.lookAtBoot(&live)
	if o.facts, err = o.install.Facts(live); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", chosen.where(), err), o.install.Close())
	}
	if chosen.Volume.Image() > 0 {
		o.facts.HasVolume = false // the volume it will run on is not made yet
	}
	o.facts.LastDump = o.lastDump()
	return o, nil
}

// open opens the installation's registry for reading.
func (f *found) open() (*windows.Installation, error) {
	name := f.Volume.Target.HiveName()
	if name == "" {
		return windows.Open(f.Volume.FS, f.Root)
	}
	set, err := target.OpenHiveSet(f.Volume.FS, name, true)
	if err != nil {
		return nil, err
	}
	install, err := windows.FromHive(source(set))
	if err != nil {
		return nil, errors.Join(err, set.Close())
	}
	install.Keep(set)
	return install, nil
}

// notWritable tells, without writing, why arm would refuse this installation. What a
// suspended Windows forbids is told elsewhere.
func (f *found) notWritable() (yes bool, why string) {
	err := f.Volume.Refuse()
	if errors.Is(err, target.ErrHibernated) {
		return false, ""
	}
	if err == nil {
		var set *target.HiveSet
		if set, err = target.OpenHiveSet(f.Volume.FS, f.hivePath(), false); err == nil {
			err = set.Close()
		}
	}
	if err != nil {
		return true, err.Error()
	}
	return false, ""
}

// unknownMemory stands for the memory of a machine that nobody has told us about.
const unknownMemory sizeFlag = 0

// live is what the registry cannot know: the machine's memory and the volume's state.
func (f *found) live(ram sizeFlag) windows.Live {
	l := windows.Live{Volume: volumeState(f.Volume), Neighbours: f.neighbours(), DumpStack: f.dumpStack()}
	if f.Volume.Target.Kind == target.Device && isDrive(f.Volume.Target.Name) {
		l.SMBIOS = thisMachine()
		l.RAM, l.RAMSource = thisRAM(), windows.ThisMachine
	}
	if ram != unknownMemory {
		l.RAM, l.RAMSource = int64(ram), "--ram"
	}
	return l
}

// neighbours are the other volumes of the installation's disk.
func (f *found) neighbours() []windows.Neighbour {
	if f.Volume.Image() > 0 {
		return nil // the other images of an archive are other machines'
	}
	var list []windows.Neighbour
	for _, v := range f.Volume.Target.Volumes {
		if v == f.Volume || v.Part.Number == 0 {
			continue
		}
		n := windows.Neighbour{ID: volumeID(v), FileSystem: v.FileSystem()}
		if v.FS != nil {
			n.Volume = v.FS
		}
		list = append(list, n)
	}
	return list
}

// isDrive tells a drive of this machine from a device that stands for an image file,
// whose machine is another one.
func isDrive(name string) bool {
	base := filepath.Base(name)
	return !slices.ContainsFunc([]string{"loop", "nbd", "ram", "zram"}, func(kind string) bool {
		return strings.HasPrefix(base, kind)
	})
}

// volumeID is how Windows knows the volume.
func volumeID(v *target.Volume) windows.VolumeID {
	return windows.VolumeID{MBRSignature: v.Part.DiskSignature, Offset: v.Part.Start, PartitionGUID: v.Part.GUID}
}

// refuse returns the reason why this installation must not be written to, if any.
func (f *found) refuse() error { return refuse(f.Volume) }

// refuse returns the reason why a volume must not be written to, if any.
func refuse(v *target.Volume) error {
	err := v.Refuse()
	if errors.Is(err, target.ErrHibernated) {
		return ui.Fail(ui.Refused, err,
			"a suspended Windows would overwrite the change when it resumes",
			"start Windows and choose Restart (not Shut down), or run 'shutdown /s /t 0' in it, then try again")
	}
	return err
}
