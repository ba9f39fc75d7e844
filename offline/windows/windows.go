// Package windows describes one offline Windows installation: what its registry and its system volume say about the
// next boot, gathered into [Facts] that need no further reading.
//
// Where the facts lie, relative to the system root (usually \Windows):
//
//	System32\config\SYSTEM      registry hive; with SYSTEM.LOG1 and .LOG2 (Vista and later) or SYSTEM.LOG (XP, 2003)
//	  Select                    which control set boots: Default, Current, LastKnownGood, Failed
//	  ControlSetNNN\Control     crash settings, page files, power, role, name
//	  ControlSetNNN\Services    keyboard drivers, watchdog agents, storage drivers
//	  ControlSetNNN\Enum        every device ever seen: keyboards, disk controllers, virtual hardware
//	  MountedDevices            drive letters
//	  HardwareConfig            maker and model of the machine (Windows 8 and later)
//	System32\config\SOFTWARE    version, build, edition
//	System32\ntoskrnl.exe       version and architecture when SOFTWARE cannot be read
//	..\pagefile.sys and others  files on the volume's root
//
// How Windows is started stands elsewhere, on the partition the firmware boots from: see [BCD].
package windows

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"hangkit/hive"
)

// Volume is the file system an installation lies on. Names are slash-separated and relative to the volume's root.
type Volume interface {
	fs.ReadDirFS
	fs.StatFS
	// Free returns the free space in bytes.
	Free() (int64, error)
	// OpenRaw reads a file's allocated clusters in order, beyond its initialized and data size too.
	OpenRaw(name string) (*io.SectionReader, error)
}

// ErrNotWindows says that a directory holds no System32\config\SYSTEM.
var ErrNotWindows = errors.New("no Windows installation")

// HiveError says that Windows was found, but that one of its hives cannot be used. It unwraps to the hive room's error.
type HiveError struct {
	Path string // slash path of the hive inside the volume, or its bare name
	Err  error
}

func (e *HiveError) Error() string { return fmt.Sprintf("registry hive %s: %v", e.Path, e.Err) }

// Unwrap returns the reason.
func (e *HiveError) Unwrap() error { return e.Err }

// Installation is one offline Windows: its system root on a volume, and its SYSTEM hive. A bare SYSTEM hive is an
// installation without a volume.
type Installation struct {
	Volume     Volume     // nil for a bare hive
	Root       string     // the system root's name in the volume, "Windows"; empty for a bare hive
	SystemPath string     // slash path of the SYSTEM hive in the volume; "SYSTEM" for a bare hive
	System     *hive.Hive // recovered in memory
	ControlSet ControlSet

	software softwareHive
	files    []io.Closer
}

// softwareHive is the SOFTWARE hive, opened when somebody first asks.
type softwareHive struct {
	asked bool
	hive  *hive.Hive
	err   error
}

// Find returns the system roots in a volume: every directory at the root level with System32\config\SYSTEM. A current
// "Windows" comes first, what an upgrade left behind (see [IsOld]) last.
func Find(vol Volume) ([]string, error) {
	entries, err := vol.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("read the volume's root directory: %w", err)
	}
	var roots []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if p, ok := systemHivePath(vol, e.Name()); ok {
			roots = append(roots, rootOf(p))
		}
	}
	slices.SortFunc(roots, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	return roots, nil
}

// IsOld reports whether a system root is what a Windows upgrade set aside ("Windows.old/Windows").
func IsOld(root string) bool {
	first, _, _ := strings.Cut(root, "/")
	return strings.HasSuffix(strings.ToLower(first), ".old") || strings.Contains(strings.ToLower(first), ".old.") ||
		strings.EqualFold(first, "$windows.~bt")
}

func rank(root string) int {
	switch {
	case IsOld(root):
		return 2
	case strings.EqualFold(root, "Windows"):
		return 0
	}
	return 1
}

// systemHivePath finds the SYSTEM hive below a directory at the volume's root. Windows.old holds a whole former volume,
// so its installation lies one level deeper.
func systemHivePath(vol Volume, dir string) (string, bool) {
	for _, below := range []string{"", "Windows", "WINNT"} {
		if below != "" && !IsOld(dir) {
			break
		}
		if p, ok := lookup(vol, path.Join(dir, below), "System32", "config", "SYSTEM"); ok {
			return p, true
		}
	}
	return "", false
}

// rootOf cuts System32/config/SYSTEM off.
func rootOf(hivePath string) string { return path.Dir(path.Dir(path.Dir(hivePath))) }

// lookup finds dir/name/name… whatever the case of the names on disk: NTFS does so itself, a directory mounted on
// another system may not.
func lookup(vol Volume, dir string, names ...string) (string, bool) {
	exact := path.Join(append([]string{dir}, names...)...)
	if _, err := vol.Stat(exact); err == nil {
		return exact, true
	}
	for _, name := range names {
		found, ok := lookupOne(vol, dir, name)
		if !ok {
			return "", false
		}
		dir = found
	}
	return dir, true
}

func lookupOne(vol Volume, dir, name string) (string, bool) {
	entries, err := vol.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), name) {
			return path.Join(dir, e.Name()), true
		}
	}
	return "", false
}

// lookupPath is lookup for a slash path from the volume's root.
func lookupPath(vol Volume, name string) (string, bool) {
	return lookup(vol, ".", strings.Split(strings.Trim(name, "/"), "/")...)
}

// Open opens the installation in a system root that [Find] returned. The SYSTEM hive is recovered from its logs in
// memory; one that cannot be is a [*HiveError].
func Open(vol Volume, root string) (*Installation, error) {
	p, ok := lookup(vol, root, "System32", "config", "SYSTEM")
	if !ok {
		return nil, fmt.Errorf("%s: %w", root, ErrNotWindows)
	}
	i := &Installation{Volume: vol, Root: rootOf(p), SystemPath: p}
	h, err := i.openHive(p)
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i.use(h), nil
}

// FromHive opens a SYSTEM hive that comes without a volume.
func FromHive(src hive.Source) (*Installation, error) {
	h, err := hive.Open(src)
	if err != nil {
		return nil, &HiveError{Path: "SYSTEM", Err: err}
	}
	return (&Installation{SystemPath: "SYSTEM"}).use(h), nil
}

func (i *Installation) use(h *hive.Hive) *Installation {
	i.System = h
	i.ControlSet = ReadControlSet(h)
	return i
}

// Software returns the SOFTWARE hive, opened on first use. A bare SYSTEM hive has none: [fs.ErrNotExist].
func (i *Installation) Software() (*hive.Hive, error) {
	if s := &i.software; !s.asked {
		s.asked = true
		s.hive, s.err = i.openSoftware()
	}
	return i.software.hive, i.software.err
}

func (i *Installation) openSoftware() (*hive.Hive, error) {
	if i.Volume == nil {
		return nil, &HiveError{Path: "SOFTWARE", Err: fs.ErrNotExist}
	}
	p, ok := lookup(i.Volume, i.Root, "System32", "config", "SOFTWARE")
	if !ok {
		return nil, &HiveError{Path: path.Join(i.Root, "System32/config/SOFTWARE"), Err: fs.ErrNotExist}
	}
	return i.openHive(p)
}

// Keep lets the installation close what was opened for it.
func (i *Installation) Keep(c io.Closer) { i.files = append(i.files, c) }

// Close closes the hives' files.
func (i *Installation) Close() error {
	var errs []error
	for _, f := range i.files {
		errs = append(errs, f.Close())
	}
	i.files = nil
	return errors.Join(errs...)
}

// openHive opens a hive with the logs beside it.
func (i *Installation) openHive(name string) (*hive.Hive, error) {
	src, err := i.hiveSource(name)
	if err != nil {
		return nil, &HiveError{Path: name, Err: err}
	}
	h, err := hive.Open(src)
	if err != nil {
		return nil, &HiveError{Path: name, Err: err}
	}
	return h, nil
}

// hiveSource opens the files of a hive. Windows 2000 to 2003 have one log, named .LOG; later ones leave an unused .LOG
// beside .LOG1 and .LOG2.
func (i *Installation) hiveSource(name string) (hive.Source, error) {
	var src hive.Source
	primary, err := i.openFile(name)
	if err != nil {
		return src, err
	}
	src.Primary = primary
	if src.Log1, err = i.openLog(name, ".LOG1"); err != nil {
		return src, err
	}
	if src.Log2, err = i.openLog(name, ".LOG2"); err != nil {
		return src, err
	}
	if src.Log1 == nil && src.Log2 == nil {
		src.Log1, err = i.openLog(name, ".LOG")
	}
	return src, err
}

// openLog returns a nil interface for a log that is not there.
func (i *Installation) openLog(name, suffix string) (hive.File, error) {
	p, ok := lookup(i.Volume, path.Dir(name), path.Base(name)+suffix)
	if !ok {
		return nil, nil
	}
	f, err := i.openFile(p)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// file is an open file of the volume as the hive room wants it.
type file struct {
	io.ReaderAt
	size int64
}

func (f file) Size() int64 { return f.size }

func (i *Installation) openFile(name string) (hive.File, error) {
	f, err := i.Volume.Open(name)
	if err != nil {
		return nil, err
	}
	i.files = append(i.files, f)
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat %s: %w", name, err)
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("open %s: %w: files of this volume cannot be read at an offset", name, errors.ErrUnsupported)
	}
	return file{ReaderAt: r, size: info.Size()}, nil
}
