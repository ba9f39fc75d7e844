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
	if name, err = o.settle(name); err != nil {
		return "", fmt.Errorf("output name: %w", err)
	}
	o.temp = name // discard removes what the folder may forget
	if err := syncDir(o.root); err != nil {
		return "", err
	}
	o.temp = ""
	return name, nil
}

// settle gives the file the first of name and its numbered forms that is free.
func (o *output) settle(name string) (string, error) {
	for i := range maxAttempts {
		free := numberedName(name, i)
		err := o.link(free)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = o.rename(free) // FAT has no links
		}
		if !errors.Is(err, fs.ErrExist) {
			return free, err
		}
	}
	return "", fmt.Errorf("%s and its numbered forms: %w", name, fs.ErrExist)
}

// link gives the file its last name in one step that never replaces another.
func (o *output) link(name string) error {
	if err := o.root.Link(o.temp, name); err != nil {
		return err
	}
	if err := o.root.Remove(o.temp); err != nil {
		return errors.Join(err, o.root.Remove(name))
	}
	return nil
}

// rename does the same where there are no links, with an empty file that
// holds the name: a rename alone would replace a file that appeared a moment
// ago.
func (o *output) rename(name string) error {
	f, err := o.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, o.root.Remove(name))
	}
	if err := o.root.Rename(o.temp, name); err != nil {
		return errors.Join(err, o.root.Remove(name))
	}
	return nil
}

// discard removes what commit has not made last. What it cannot remove it
// names.
func (o *output) discard() error {
	if o.file != nil {
		o.file.Close()
	}
	defer o.root.Close()
	if o.temp == "" {
		return nil
	}
	if err := o.root.Remove(o.temp); err != nil {
		return fmt.Errorf("unfinished file %s stays behind: %w", o.path(o.temp), err)
	}
	return nil
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
