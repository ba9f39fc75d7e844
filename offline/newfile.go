package offline

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// newFile writes a file that appears only when it is whole, on stable storage, for its
// owner's eyes, and never in the place of another one.
func newFile(name string, write func(io.Writer) error) error {
	if err := notALog(name); err != nil {
		return err
	}
	return wholeFile(name, write)
}

// wholeFile is newFile for what may be the log of a hive beside it: a copy of both.
func wholeFile(name string, write func(io.Writer) error) (err error) {
	if exists(name) {
		return taken(name)
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".hangkit-*.tmp") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(temp.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	b := bufio.NewWriterSize(temp, 1<<20)
	err = write(b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := settle(temp.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// notALog refuses the name under which Windows looks for the log of a hive beside it.
func notALog(name string) error {
	for _, ending := range []string{".LOG", ".LOG1", ".LOG2"} {
		stem := name[:max(0, len(name)-len(ending))]
		if strings.EqualFold(name[len(stem):], ending) && target.IsHive(stem) {
			return ui.Fail(ui.Refused, fmt.Errorf("%s would be taken for a log of %s", name, stem), "name another file")
		}
	}
	return nil
}

// settle gives a finished file its name. A link never replaces a file; where there are
// none, as on FAT, an empty file holds the name until the rename.
func settle(temp, name string) error {
	err := os.Link(temp, name)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return taken(name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return taken(name)
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	if err := os.Rename(temp, name); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func taken(name string) error {
	return ui.Fail(ui.Failed, fmt.Errorf("%s exists, and is not replaced", name), "name another file")
}
