package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"hangkit/hive"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// HiveCmd is about the registry of a Windows that does not run.
type HiveCmd struct {
	Check   HiveCheckCmd   `cmd:"" help:"Is the hive whole? What did Windows leave unfinished?"`
	Recover HiveRecoverCmd `cmd:"" help:"Write the hive, completed from its logs, to a new file."`
	Get     HiveGetCmd     `cmd:"" help:"Show a key or a value."`
	Set     HiveSetCmd     `cmd:"" help:"Set a value."`
	Delete  HiveDeleteCmd  `cmd:"" help:"Delete a key or a value."`
	Export  HiveExportCmd  `cmd:"" help:"Write a key and all below it as a .reg text."`
	Import  HiveImportCmd  `cmd:"" help:"Change the hive as a .reg text says."`
	BCD     HiveBCDCmd     `cmd:"" help:"Show the boot entries and the settings they start Windows with."`
}

// Help is the command's long help.
func (*HiveCmd) Help() string {
	return `Reads and edits registry hives: bare files of any kind, or those of a Windows on a
disk, an image or a mounted volume. A hive that Windows left unfinished is completed
from its logs first, in memory, by Windows' own rule.

    hangkit hive check SYSTEM
    hangkit hive get server.img 'CurrentControlSet\Control\CrashControl'
    hangkit hive set server.img 'CurrentControlSet\Services\foo' Start 4 --type dword
    hangkit hive export server.img --hive SOFTWARE 'Microsoft\Windows NT' -o nt.reg

EXIT STATUS: 0 done; 1 failed; 4 refused for safety, or Windows itself would refuse
the hive; 5 damaged or unknown format; 6 not found; 7 not valid (check, recover);
80 wrong usage; 130 interrupted.`
}

// HiveFlags say which hive is meant. They are the same for every hive command.
type HiveFlags struct {
	Target  string `arg:"" help:"Hive file with its logs beside it, or disk image, device or directory that holds Windows."`
	Hive    string `placeholder:"NAME" help:"Hive of the Windows: SYSTEM (default), SOFTWARE, SAM, SECURITY, DEFAULT, COMPONENTS, DRIVERS, or a path on its volume such as Users/bob/NTUSER.DAT."`
	Install int    `placeholder:"N" help:"Which Windows, as list numbers them, where there are several."`

	ImageFlags
}

// PrefixFlag is for commands that take names of keys.
type PrefixFlag struct {
	Prefix string `placeholder:"ROOT" help:"Where the hive is mounted in the registry the names come from. Default: where Windows mounts a hive of this name."`
}

// place is a hive file that was found, on a target that is open.
type place struct {
	scan   *scan
	found  *found // nil for a bare hive, and where the hive was named by its path alone
	volume *target.Volume
	path   string // on the volume
	flags  *HiveFlags
}

// Close lets go of the target.
func (p *place) Close() error { return p.scan.Close() }

// bare tells a hive that was named by itself from one that was found in a Windows.
func (p *place) bare() bool { return p.volume.Target.HiveName() != "" }

// where names the hive for people.
func (p *place) where() string {
	if p.bare() {
		return p.volume.Target.Name
	}
	return p.path + " (" + p.volume.Label() + ")"
}

// again is what the user has to type to mean the same hive again, with the flags that open
// its target.
func (p *place) again(flags string) string {
	text := quotePath(p.flags.Target) + flags
	if p.flags.Hive != "" {
		text += " --hive " + quoteArg(p.flags.Hive)
	}
	if p.flags.Install != 0 {
		text += fmt.Sprintf(" --install %d", p.flags.Install)
	}
	return text
}

// find opens the target in the given mode and finds the hive's file.
func (f *HiveFlags) find(ctx context.Context, mode target.Mode) (*place, error) {
	if !f.options().Claimed() && target.IsHive(f.Target) {
		return f.findBare(mode)
	}
	where := &TargetFlags{Target: f.Target, Install: f.Install}
	chosen, s, err := where.chooseFor(ctx, mode)
	if errors.Is(err, errNoWindows) && isPath(f.Hive) {
		return f.findAlone(ctx, mode, err)
	}
	if err != nil {
		return nil, err
	}
	p := &place{scan: s, found: chosen, volume: chosen.Volume, flags: f}
	if p.path, err = f.pathIn(chosen); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return p, nil
}

func (f *HiveFlags) findBare(mode target.Mode) (*place, error) {
	if f.Hive != "" || f.Install != 0 {
		return nil, ui.Fail(ui.Usage, fmt.Errorf("%s is a hive itself", f.Target), "leave out --hive and --install")
	}
	return f.openBare(f.Target, mode)
}

func (f *HiveFlags) openBare(name string, mode target.Mode) (*place, error) {
	t, err := target.Open(name, mode)
	if err != nil {
		return nil, err
	}
	return f.bareIn(t), nil
}

func (f *HiveFlags) bareIn(t *target.Target) *place {
	s := &scan{}
	s.addTarget(t)
	return &place{scan: s, volume: t.Volumes[0], path: t.HiveName(), flags: f}
}

// findAlone looks for a hive that was named by its path, on a target without Windows:
// in a folder, or for reading on the only volume that can be read.
func (f *HiveFlags) findAlone(ctx context.Context, mode target.Mode, none error) (*place, error) {
	name, err := volumePath(f.Hive)
	if err != nil {
		return nil, err
	}
	if isFolder(f.Target) {
		t, err := target.OpenHiveIn(f.Target, name, mode)
		if err != nil {
			return nil, err
		}
		return f.bareIn(t), nil
	}
	if mode != target.ReadOnly {
		return nil, none
	}
	s := &scan{}
	if err := s.add(ctx, f.Target, mode); err != nil {
		return nil, err
	}
	volumes := readable(s)
	if len(volumes) != 1 {
		return nil, errors.Join(none, s.Close())
	}
	return &place{scan: s, volume: volumes[0], path: name, flags: f}, nil
}

func isFolder(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// hivesFolder holds an installation's hives, below its root.
const hivesFolder = "System32/config"

// pathIn is where an installation keeps the hive that is meant.
func (f *HiveFlags) pathIn(w *found) (string, error) {
	switch {
	case f.Hive == "" || strings.EqualFold(f.Hive, systemKind):
		return w.hivePath(), nil
	case isPath(f.Hive):
		return volumePath(f.Hive)
	}
	return path.Join(w.Root, hivesFolder, f.Hive), nil
}

func isPath(name string) bool { return strings.ContainsAny(name, `/\`) }

// volumePath turns a path as Windows has it into one on its volume.
func volumePath(name string) (string, error) {
	clean := strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
	if strings.Contains(clean, ":") || !fs.ValidPath(clean) {
		return "", ui.Fail(ui.Usage, fmt.Errorf("--hive %s: want a path on the volume of the Windows, without a drive letter", name))
	}
	return clean, nil
}

// openedHive is a hive that was opened for reading.
type openedHive struct {
	*place
	set   *target.HiveSet
	hive  *hive.Hive
	names *names
}

// open opens the hive for reading, completed from its logs in memory.
func (f *HiveFlags) open(ctx context.Context, prefix string) (*openedHive, error) {
	p, err := f.find(ctx, target.ReadOnly)
	if err != nil {
		return nil, err
	}
	o := &openedHive{place: p}
	if err := o.open(prefix); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

func (o *openedHive) open(prefix string) (err error) {
	// Logs of either name: what they hold tells whether they belong to the hive.
	if o.set, err = target.OpenHiveSet(o.volume.FS, o.path, true); err != nil {
		return err
	}
	return o.load(prefix)
}

func (o *openedHive) load(prefix string) (err error) {
	if o.hive, err = hive.Open(source(o.set)); err != nil {
		return &windows.HiveError{Path: o.where(), Err: err}
	}
	o.names = namesOf(o.hive, o.path, prefix)
	return nil
}

// Close lets go of the hive's files and of the target.
func (o *openedHive) Close() error {
	var err error
	if o.set != nil {
		err = o.set.Close()
	}
	return errors.Join(err, o.place.Close())
}

// hiveJSON says which hive a document is about.
type hiveJSON struct {
	Path    string `json:"path"` // on its volume
	Root    string `json:"root"` // where Windows mounts it, as .reg files name it
	Version string `json:"version"`
}

func (o *openedHive) describe() hiveJSON {
	return hiveJSON{Path: o.path, Root: carried(o.names.root()), Version: fmt.Sprintf("1.%d", o.hive.Minor())}
}

// key finds a key by its written name.
func (o *openedHive) key(written string) (*hive.Key, error) {
	at, err := o.names.resolve(written)
	if err != nil {
		return nil, err
	}
	return o.hive.Key(at)
}
