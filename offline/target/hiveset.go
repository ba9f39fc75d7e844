package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// HiveSet is a registry hive with the logs that belong to it, opened so that it can
// be committed. A log that does not exist is nil; so is one that cannot be written
// in place: Notes says which and why.
type HiveSet struct {
	Primary, Log1, Log2 File
	Notes               []string
}

// OpenHiveSet opens the hive in the volume's config folder. Windows before Vista
// keeps one log, SYSTEM.LOG; it stands in the place of LOG1.
func OpenHiveSet(volume FS, name string) (*HiveSet, error) {
	primary, err := volume.OpenInPlace(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &HiveSet{Primary: primary}
	s.Log1 = s.log(volume, name+".LOG1")
	s.Log2 = s.log(volume, name+".LOG2")
	if s.Log1 == nil && s.Log2 == nil {
		s.Log1 = s.log(volume, name+".LOG")
	}
	return s, nil
}

func (s *HiveSet) log(volume FS, name string) File {
	f, err := volume.OpenInPlace(name)
	if err == nil {
		return f
	}
	if !errors.Is(err, fs.ErrNotExist) {
		s.Notes = append(s.Notes, fmt.Sprintf("%s is not used: %v", path.Base(name), err))
	}
	return nil
}

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
	return filepath.Base(t.Name)
}

// openHive opens a bare hive as the folder it lies in: its logs lie beside it.
func openHive(name string, mode Mode) (*Target, error) {
	t, err := openDirectory(filepath.Dir(name), mode)
	if err != nil {
		return nil, err
	}
	t.Name, t.Kind = name, Hive
	return t, nil
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
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("is a directory")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &ReadFile{ReaderAt: f, size: st.Size(), closer: f}, nil
}
