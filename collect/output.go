package collect

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// output is a file under way: it has a temporary name until commit. All names
// go through an os.Root, so that no name found on a disk leaves the folder.
type output struct {
	dir  string
	root *os.Root
	temp string
	file outFile // nil once closed
}

const (
	tempPrefix  = ".hangkit-"
	maxAttempts = 10000
)

func newOutput(dir string, create createFunc) (*output, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	if create == nil {
		create = createFile
	}
	for i := range maxAttempts {
		temp := fmt.Sprintf("%s%d.tmp", tempPrefix, i)
		f, err := create(root, temp)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("output file: %w", err), root.Close())
		}
		return &output{dir, root, temp, f}, nil
	}
	return nil, errors.Join(fmt.Errorf("%s holds too many unfinished files %s*.tmp", dir, tempPrefix), root.Close())
}

// createFile makes a file only its owner can read: a dump holds passwords.
func createFile(root *os.Root, name string) (outFile, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o *output) path(name string) string { return filepath.Join(o.dir, name) }

// commit makes the file last under name, or under a numbered one where that
// exists, and returns the name it got.
func (o *output) commit(name string) (string, error) {
	if err := o.file.Sync(); err != nil {
		return "", fmt.Errorf("flush: %w", err)
	}
	err := o.file.Close()
	o.file = nil
	if err != nil {
		return "", fmt.Errorf("close: %w", err)
	}
	name, err = o.reserve(name)
	if err != nil {
		return "", err
	}
	if err := o.root.Rename(o.temp, name); err != nil {
		return "", errors.Join(fmt.Errorf("rename: %w", err), o.root.Remove(name))
	}
	o.temp = name // discard removes what the folder may forget
	if err := syncDir(o.root); err != nil {
		return "", err
	}
	o.temp = ""
	return name, nil
}

// reserve creates an empty file for the rename to replace: a rename alone
// would also replace a file that appeared a moment ago.
func (o *output) reserve(name string) (string, error) {
	for i := range maxAttempts {
		numbered := numberedName(name, i)
		f, err := o.root.OpenFile(numbered, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("output name: %w", err)
		}
		return numbered, f.Close()
	}
	return "", fmt.Errorf("output name %s: %w", name, fs.ErrExist)
}

// discard removes what commit has not made last.
func (o *output) discard() {
	if o.file != nil {
		o.file.Close()
	}
	if o.temp != "" {
		o.root.Remove(o.temp)
	}
	o.root.Close()
}

// syncDir flushes the folder, so that the new name survives a power cut.
// Windows and some file systems have no such thing.
func syncDir(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(".")
	if err != nil {
		return fmt.Errorf("flush the folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("flush the folder: %w", err)
	}
	return nil
}
