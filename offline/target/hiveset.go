package target

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"hangkit/image"
)

// HiveSet is a registry hive with the logs that belong to it, opened so that it can
// be committed. A log that does not exist, or holds nothing and may not grow, is nil.
type HiveSet struct {
	Primary, Log1, Log2 File

	// Log1Name and Log2Name are the names of the logs' files on the volume.
	Log1Name, Log2Name string

	// MaxSize and MaxLogSize are the bytes that the hive and each log may come to
	// have; 0 means that their sizes stay as they are.
	MaxSize, MaxLogSize int64
}

// Bounds of how far files grow. Offsets in a hive have 31 bits; a log is read whole by
// the boot loader, so it is kept to what the changes of a long session take.
const (
	MaxHiveSize = 1 << 31
	maxLogSize  = 64 << 20
)

// growing is a volume whose files can be made longer: the operating system's.
type growing interface {
	openGrowing(name string, limit int64) (File, error)
}

// OpenHiveSet opens a hive and the logs beside it. Windows before Vista keeps a single
// log, SYSTEM.LOG, which then stands in the place of LOG1; later ones leave a file of
// that name behind and never look at it.
//
// A log that is there but cannot be opened like the hive itself fails the whole set:
// without it a dirty hive would be taken for what it was some changes ago.
func OpenHiveSet(volume FS, name string, single bool) (*HiveSet, error) {
	return (&HiveSet{}).open(volume, name, single)
}

// OpenGrowingHiveSet is OpenHiveSet for files that may be written past their end, in
// place, where the volume can do that: a mounted one can. A log that holds nothing is
// opened too.
func OpenGrowingHiveSet(volume FS, name string, single bool) (*HiveSet, error) {
	s := &HiveSet{}
	if _, ok := volume.(growing); ok {
		info, err := volume.Stat(name)
		if err != nil {
			return nil, err
		}
		free, err := volume.Free()
		if err != nil {
			return nil, err
		}
		s.MaxSize, s.MaxLogSize = min(MaxHiveSize, info.Size()+free), min(maxLogSize, free)
	}
	return s.open(volume, name, single)
}

func (s *HiveSet) open(volume FS, name string, single bool) (_ *HiveSet, err error) {
	if s.Primary, err = openFile(volume, name, s.MaxSize); err != nil {
		return nil, err // names the file
	}
	if err := s.openLogs(volume, name, single); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openFile(volume FS, name string, limit int64) (File, error) {
	if g, ok := volume.(growing); ok && limit > 0 {
		return g.openGrowing(name, limit)
	}
	return volume.OpenInPlace(name)
}

func (s *HiveSet) openLogs(volume FS, name string, single bool) error {
	s.Log1Name, s.Log2Name = name+".LOG1", name+".LOG2"
	sole, err := s.hasSoleLog(volume, name, single)
	if err != nil {
		return err
	}
	if sole {
		s.Log1Name = name + ".LOG"
		s.Log1, err = s.openLog(volume, s.Log1Name)
		return err
	}
	if s.Log1, err = s.openLog(volume, s.Log1Name); err != nil {
		return err
	}
	s.Log2, err = s.openLog(volume, s.Log2Name)
	return err
}

// bootStore is a hive that every Windows keeps with the single log BCD.LOG, whatever
// empty BCD.LOG1 and BCD.LOG2 lie beside it.
const bootStore = "BCD"

// hasSoleLog tells whether the hive's log is the single .LOG.
func (s *HiveSet) hasSoleLog(volume FS, name string, single bool) (bool, error) {
	size1, err := sizeOf(volume, s.Log1Name)
	if err != nil {
		return false, err
	}
	size2, err := sizeOf(volume, s.Log2Name)
	if err != nil {
		return false, err
	}
	if strings.EqualFold(path.Base(name), bootStore) {
		return max(size1, size2) <= 0, nil
	}
	return single && size1 == absent && size2 == absent, nil
}

const absent = -1

// sizeOf is the size of a file in bytes, or absent.
func sizeOf(volume FS, name string) (int64, error) {
	info, err := volume.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// openLog gives nil for a log that does not exist, or holds nothing and may not grow.
func (s *HiveSet) openLog(volume FS, name string) (File, error) {
	info, err := volume.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && info.Mode().IsRegular() && info.Size() == 0 && s.MaxLogSize == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return openFile(volume, name, s.MaxLogSize)
}

// WithLogs opens a hive for reading, with logs that lie elsewhere and are named by their
// paths; an empty one stands for no log.
func WithLogs(volume FS, name, log1, log2 string) (*HiveSet, error) {
	s := &HiveSet{}
	var err error
	if s.Primary, err = volume.OpenInPlace(name); err != nil {
		return nil, err
	}
	if s.Log1, err = openElsewhere(log1); err == nil {
		s.Log2, err = openElsewhere(log2)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openElsewhere(name string) (File, error) {
	if name == "" {
		return nil, nil
	}
	f, err := OpenFile(name)
	if err != nil {
		return nil, err
	}
	return readOnlyFile{f}, nil
}

// readOnlyFile is a file that was opened for reading, where a writable one may stand.
type readOnlyFile struct{ *ReadFile }

func (readOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, image.ErrReadOnly }
func (readOnlyFile) Sync() error                        { return nil }

// Close closes the three files.
func (s *HiveSet) Close() error {
	var errs []error
	for _, f := range []File{s.Primary, s.Log1, s.Log2} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// HiveName is the path of a bare hive inside its target's only volume, and empty
// for every other kind of target.
func (t *Target) HiveName() string {
	if t.Kind != Hive {
		return ""
	}
	return t.hive
}

// openHive opens a bare hive as the folder it lies in: its logs lie beside it. A link
// is followed first, for they lie beside what it leads to.
func openHive(name string, mode Mode) (*Target, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, err
	}
	t, err := openDirectory(filepath.Dir(real), mode)
	if err != nil {
		return nil, err
	}
	t.Name, t.Kind, t.hive = name, Hive, filepath.Base(real)
	t.hibernation, err = hibernationBeside(real)
	return t, err
}

// OpenHiveIn opens a hive by its path in a folder, as a bare one. No link leads out of
// the folder, and the case of names does not matter.
func OpenHiveIn(folder, name string, mode Mode) (*Target, error) {
	folder = wholeDrive(folder)
	d, err := openRoot(folder, mode)
	if err != nil {
		return nil, err
	}
	found, err := d.resolve("open", name)
	if err == nil {
		_, err = d.Stat(found) // a link may lead out of the folder
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	t := d.target(filepath.Join(folder, filepath.FromSlash(found)))
	t.Kind, t.hive = Hive, found
	if t.hibernation, err = d.hibernationOf(folder, t.Name); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// hibernationOf finds the hibernation file of the volume that a hive in a folder lies
// on: the folder may be the volume, or a part of it.
func (d *directory) hibernationOf(folder, hive string) (string, error) {
	own, err := d.resolve("open", hibernationFile)
	if errors.Is(err, fs.ErrNotExist) {
		return hibernationBeside(hive)
	}
	return filepath.Join(folder, own), err
}

// hibernationBeside finds the hibernation file of the volume that a hive in a Windows
// folder lies on; there is none for a hive that was copied out.
func hibernationBeside(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	config := filepath.Dir(abs)
	system32 := filepath.Dir(config)
	if !strings.EqualFold(filepath.Base(config), "config") || !strings.EqualFold(filepath.Base(system32), "system32") {
		return "", nil
	}
	root := filepath.Dir(filepath.Dir(system32))
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), hibernationFile) {
			return filepath.Join(root, e.Name()), nil
		}
	}
	return "", nil
}

// ReadFile is a file of a volume opened for reading at any place.
type ReadFile struct {
	io.ReaderAt
	size   int64
	closer io.Closer
}

// Size is the file's length in bytes.
func (f *ReadFile) Size() int64 { return f.size }

// Close closes the file.
func (f *ReadFile) Close() error { return f.closer.Close() }

// OpenFile opens an ordinary file by its path, for reading.
func OpenFile(name string) (*ReadFile, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &ReadFile{ReaderAt: f, size: st.Size(), closer: f}, nil
}
