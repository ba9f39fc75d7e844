package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// systemHive is where an installation keeps its SYSTEM hive, below its root.
const systemHive = "System32/config/SYSTEM"

// found is one Windows installation that the scan came upon.
type found struct {
	N     int // as list numbers them, from 1
	local int // the same, if nothing but its target were in reach

	siblings int // further installations on the same target
	Volume   *target.Volume
	Root     string // folder on the volume, "Windows"; empty for a bare hive
	Old      bool   // set aside by an upgrade, such as Windows.old
}

// hivePath is the path of the SYSTEM hive on the installation's volume.
func (f *found) hivePath() string {
	if name := f.Volume.Target.HiveName(); name != "" {
		return name
	}
	return path.Join(f.Root, systemHive)
}

// where names the installation for people.
func (f *found) where() string {
	if f.Root == "" {
		return f.Volume.Target.Name
	}
	return fmt.Sprintf("%s (%s)", f.Root, f.Volume.Label())
}

// scan is everything in reach: what was opened, the installations on it, and what
// could not be opened.
type scan struct {
	targets  []*target.Target
	installs []*found
	others   int // installations in reach beside the chosen one
	only     int // image of an archive that is looked at; 0 for all
	problems []error
	again    sayAgain // flags that find the target again

	disks  []image.DeviceInfo // of this machine, where all of them were asked for
	sticks []string           // those of them that are the rescue stick, and left out
}

// openScan looks at the named targets, or at every disk of this machine. A single
// target must open; of several, those that do not are told with the rest.
func openScan(ctx context.Context, names []string) (*scan, error) {
	return openImageScan(ctx, names, 0)
}

// openImageScan looks at one image of an archive only: what describes the files of the
// others takes seconds to read.
func openImageScan(ctx context.Context, names []string, only int) (*scan, error) {
	s := &scan{only: only}
	if len(names) == 0 && keysOf(ctx).imageOptions().Claimed() {
		return nil, ui.Fail(ui.Usage, errors.New("--format says what an image is, and none is named"))
	}
	if len(names) == 1 {
		return s, s.add(ctx, names[0], target.ReadOnly)
	}
	if len(names) > 0 {
		return s, s.addAll(ctx, names)
	}
	disks, err := image.List()
	if err != nil {
		return nil, ui.Fail(ui.Failed, err, "name the target: a disk image, a disk, or in Windows PE the drive letter of the Windows volume")
	}
	s.disks = disks
	for _, d := range disks {
		names = append(names, d.Path)
	}
	if err := s.addAll(ctx, names); err != nil {
		return s, err
	}
	return s, s.leaveOutSticks()
}

// leaveOutSticks takes out the disks that this program runs from or writes to: they are never
// the patient. One that holds a Windows may be, whatever else lies on it.
func (s *scan) leaveOutSticks() error {
	var errs []error
	s.targets = slices.DeleteFunc(s.targets, func(t *target.Target) bool {
		if !s.isStick(t) {
			return false
		}
		s.sticks = append(s.sticks, t.Name)
		errs = append(errs, t.Close())
		return true
	})
	return errors.Join(errs...)
}

func (s *scan) isStick(t *target.Target) bool {
	if slices.ContainsFunc(s.installs, func(f *found) bool { return f.Volume.Target == t }) ||
		slices.ContainsFunc(t.Volumes, mayHideWindows) {
		return false
	}
	if t.Medium || !hasStick() {
		return t.Medium
	}
	root, err := stick()
	if err != nil {
		return false
	}
	holds, err := t.Holds(root)
	return err == nil && holds
}

// mayHideWindows tells a volume that cannot be looked at and would be a Windows's.
func mayHideWindows(v *target.Volume) bool {
	return v.Locked() || v.Err != nil && (v.Kind == ntfs.NTFS || v.Kind == ntfs.BitLocker)
}

// model is what a disk of this machine calls itself.
func (s *scan) model(name string) string {
	for _, d := range s.disks {
		if d.Path == name {
			return d.Model
		}
	}
	return ""
}

// addAll opens what can be opened of several targets.
func (s *scan) addAll(ctx context.Context, names []string) error {
	for _, name := range names {
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), s.Close())
		}
		if err := s.add(ctx, name, target.ReadOnly); err != nil {
			s.problems = append(s.problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}

// Close lets go of every target.
func (s *scan) Close() error {
	var errs []error
	for _, t := range s.targets {
		errs = append(errs, t.Close())
	}
	return errors.Join(errs...)
}

func (s *scan) add(ctx context.Context, name string, mode target.Mode) error {
	keys := keysOf(ctx)
	t, err := target.OpenAs(name, mode, keys.imageOptions())
	if err != nil {
		return err
	}
	if err := keys.unlock(ctx, t); err != nil {
		return errors.Join(err, t.Close())
	}
	s.again = keys.again(t)
	s.addTarget(t)
	return nil
}

func (s *scan) addTarget(t *target.Target) {
	s.targets = append(s.targets, t)
	for _, v := range t.Volumes {
		if v.FS != nil && (s.only == 0 || v.Image() == 0 || v.Image() == s.only) {
			s.find(v)
		}
	}
}

func (s *scan) find(v *target.Volume) {
	if v.Target.HiveName() != "" {
		s.install(&found{Volume: v})
		return
	}
	roots, err := windows.Find(v.FS)
	if err != nil {
		v.Err = fmt.Errorf("looking for Windows: %w", err)
		return
	}
	for _, root := range roots {
		s.install(&found{Volume: v, Root: root, Old: windows.IsOld(root)})
	}
}

func (s *scan) install(f *found) {
	f.N, f.local = len(s.installs)+1, 1
	if s.only > 0 {
		f.N = s.only // each image before it holds a Windows, as far as anybody knows
	}
	for _, g := range s.installs {
		if g.Volume.Target == f.Volume.Target {
			f.local++
			f.siblings++
			g.siblings++
		}
	}
	s.installs = append(s.installs, f)
}

// errNoWindows and errWhichWindows are answers to the question which Windows is meant.
var (
	errNoWindows    = errors.New("no Windows installation found")
	errWhichWindows = errors.New("several Windows installations found")
	// What an upgrade set aside may be meant, but not by accident.
	errOnlyOldWindows = errors.New("only installations that an upgrade set aside were found")
)

// choose returns the installation the user means. Copies set aside by an upgrade
// count only when they are asked for.
func (s *scan) choose(number int) (*found, error) {
	if number != 0 {
		if number < 1 || number > len(s.installs) {
			return nil, ui.Fail(ui.NotFound, fmt.Errorf("there is no Windows installation %d, only %d of them", number, len(s.installs)),
				"run 'hangkit list' to see them")
		}
		return s.installs[number-1], nil
	}
	var live []*found
	for _, f := range s.installs {
		if !f.Old {
			live = append(live, f)
		}
	}
	switch {
	case len(live) == 1:
		return live[0], nil
	case len(s.installs) == 0:
		return nil, s.noWindows()
	case len(live) == 0:
		return nil, ui.Fail(ui.Usage, errOnlyOldWindows, s.choices()...)
	}
	return nil, ui.Fail(ui.Usage, errWhichWindows, s.choices()...)
}

func (s *scan) choices() []string {
	var hints []string
	for _, f := range s.installs {
		hints = append(hints, f.choiceWords())
	}
	return hints
}

// unreadable lists what was in reach and could not be looked at: the Windows that is
// meant may be there.
func (s *scan) unreadable() []error {
	reasons := slices.Clone(s.problems)
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.FS == nil && worthTelling(v) {
				reasons = append(reasons, fmt.Errorf("%s: %w", v.Label(), v.Err))
			}
		}
	}
	return reasons
}

// noWindows says what was seen instead: a locked or damaged volume is the likely
// reason, and its own error is worth more than ours.
func (s *scan) noWindows() error {
	reasons := s.unreadable()
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.FS != nil && v.Err != nil {
				reasons = append(reasons, fmt.Errorf("%s: %w", v.Label(), v.Err))
			}
		}
	}
	locked := lockedHints(reasons)
	if len(reasons) == 1 {
		return ui.Hint(fmt.Errorf("%w: %w", errNoWindows, reasons[0]), locked...)
	}
	hints := s.folderHints()
	for _, r := range reasons {
		hints = append(hints, r.Error())
	}
	if errors.Is(errors.Join(reasons...), fs.ErrPermission) {
		hints = append(hints, ui.AdminHint)
	}
	if len(locked) > 0 { // Windows is there, most likely, and would be found with a key
		return ui.Fail(ui.Refused, errNoWindows, append(hints, locked...)...)
	}
	return ui.Fail(ui.NotFound, errNoWindows, hints...)
}

// folderHints helps who named the Windows folder itself.
func (s *scan) folderHints() []string {
	for _, t := range s.targets {
		if t.Kind != target.Directory {
			continue
		}
		if _, err := t.Volumes[0].FS.Stat(systemHive); err == nil {
			return []string{"name the folder that holds Windows, not Windows itself"}
		}
	}
	return nil
}

// source gives the registry reader the three files of a set. An absent log must be
// a nil interface, not an interface holding nil.
func source(set *target.HiveSet) hive.Source {
	s := hive.Source{Primary: set.Primary}
	if set.Log1 != nil {
		s.Log1 = set.Log1
	}
	if set.Log2 != nil {
		s.Log2 = set.Log2
	}
	return s
}
