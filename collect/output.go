package collect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"syscall"
)

// output is a file under way, or a folder of parts: it has a temporary name until
// commit. All names go through an os.Root, so that no name found on a disk leaves
// the folder.
type output struct {
	dir      string
	root     *os.Root
	number   int   // of its temporary names
	partSize int64 // 0 for one file
	create   createFunc

	file    outFile  // nil once closed
	journal *journal // nil for none
	settled string   // the last name, which discard removes until all is safe
	safe    bool     // nothing is left to discard
}

const (
	tempPrefix    = ".hangkit-"
	tempSuffix    = ".tmp"
	journalSuffix = ".journal"
	maxAttempts   = 10000
)

// outFile is what a copy needs of its output.
type outFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
	Close() error
}

// createFunc makes a new file in root that must not exist.
type createFunc func(root *os.Root, name string) (outFile, error)

// createFile makes a file only its owner can read: a dump holds passwords.
func createFile(root *os.Root, name string) (outFile, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func openOutputDir(dir string) (*os.Root, error) {
	root, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("output folder: %w", err)
	}
	return root, nil
}

func newOutput(dir string, partSize int64, create createFunc) (*output, error) {
	root, err := openOutputDir(dir)
	if err != nil {
		return nil, err
	}
	if create == nil {
		create = createFile
	}
	for i := range maxAttempts {
		o := &output{dir: dir, root: root, number: i, partSize: partSize, create: create}
		err := o.begin()
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("output file: %w", readOnlyError(err)), root.Close())
		}
		return o, nil
	}
	return nil, errors.Join(fmt.Errorf("%s holds too many unfinished files %s*%s", dir, tempPrefix, tempSuffix), root.Close())
}

func (o *output) temp() string { return fmt.Sprintf("%s%d%s", tempPrefix, o.number, tempSuffix) }
func (o *output) journalName() string {
	return fmt.Sprintf("%s%d%s", tempPrefix, o.number, journalSuffix)
}

func (o *output) path(name string) string { return filepath.Join(o.dir, name) }

// begin takes a number that neither an output nor a journal has.
func (o *output) begin() error {
	if _, err := o.root.Lstat(o.journalName()); err == nil {
		return fs.ErrExist
	}
	if o.partSize == 0 {
		f, err := o.create(o.root, o.temp())
		o.file = f
		return err
	}
	if err := o.root.Mkdir(o.temp(), 0o700); err != nil {
		return err
	}
	o.file = &splitFile{part: o.partSize, open: o.createPart}
	return nil
}

func (o *output) createPart(i int) (outFile, error) {
	return o.create(o.root, path.Join(o.temp(), partName(i)))
}

// reopen opens an output that was left unfinished and cuts it to size.
func (o *output) reopen(size int64) error {
	name, keep, first := o.temp(), size, 0
	if o.partSize > 0 {
		first, keep = int(size/o.partSize), size%o.partSize
		if err := errors.Join(removeParts(o.root, name, first+1), o.trimParts(first)); err != nil {
			return err
		}
		name = path.Join(name, partName(first))
	}
	f, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	o.file = f
	if o.partSize > 0 {
		o.file = &splitFile{part: o.partSize, open: o.createPart, at: first, cur: f}
	}
	return f.Truncate(keep)
}

// trimParts cuts the first n parts to their size. Only that much of each was proven.
func (o *output) trimParts(n int) error {
	for i := range n {
		f, err := o.root.OpenFile(path.Join(o.temp(), partName(i)), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(o.partSize), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// startJournal begins the journal of a new output.
func (o *output) startJournal(id copyID) error {
	f, err := o.root.OpenFile(o.journalName(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	o.journal = &journal{f: f}
	o.journal.write(journalLine{Copy: &id})
	return nil
}

// flush brings the output to the disk and closes it.
func (o *output) flush() error {
	if err := o.file.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := hasName(o.root, o.openName(), o.file); err != nil {
		o.safe = true // what has the name now is not ours to remove
		return fmt.Errorf("unfinished file %s: %w", o.path(o.temp()), err)
	}
	forgetFlushed(o.file, keptCached)
	err := o.file.Close()
	o.file = nil
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// openName is the name of the file that is open.
func (o *output) openName() string {
	if s, ok := o.file.(*splitFile); ok {
		return path.Join(o.temp(), partName(s.at))
	}
	return o.temp()
}

// ErrReplaced means that an unfinished file is not the one any more that was written.
var ErrReplaced = errors.New("another program has put something else in its place")

// hasName proves that a name is still that of an open file: what another program wrote
// must not get the name of what is whole.
func hasName(root *os.Root, name string, f interface{ Stat() (fs.FileInfo, error) }) error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(open, named) {
		return ErrReplaced
	}
	return err
}

// commit makes a flushed output last under name and suffix, or under a numbered
// name where that exists, and returns what it is called now. announce is told each
// name before it is tried.
func (o *output) commit(name, suffix string, announce func(name string)) (string, error) {
	name, err := o.settle(name, suffix, announce)
	if err != nil {
		return "", fmt.Errorf("output name: %w", err)
	}
	o.settled = name
	if err := syncDir(o.root, "."); err != nil {
		return "", err
	}
	o.safe = true
	return name, nil
}

// settle gives the output the first of name and its numbered forms that is free.
// The name of its mapfile has to be free too, so that no other copy's is taken for
// its own.
func (o *output) settle(name, suffix string, announce func(name string)) (string, error) {
	for i := range maxAttempts {
		free := numberedName(name, i) + suffix
		if _, err := o.root.Lstat(free + MapSuffix); err == nil {
			continue
		}
		announce(free)
		if err := o.move(free); !errors.Is(err, fs.ErrExist) {
			return free, err
		}
	}
	return "", fmt.Errorf("%s and its numbered forms: %w", name, fs.ErrExist)
}

// move gives the output its last name, which must be free.
func (o *output) move(name string) error {
	if o.partSize > 0 {
		return o.moveFolder(name)
	}
	switch err := o.root.Link(o.temp(), name); {
	case err == nil:
		return o.unlink(name)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	return o.rename(name) // FAT has no links
}

// moveFolder renames the folder of parts. A folder never replaces a file, nor a
// folder that holds something.
func (o *output) moveFolder(name string) error {
	if _, err := o.root.Lstat(name); err == nil {
		return fs.ErrExist
	}
	return o.root.Rename(o.temp(), name)
}

// unlink takes the first name away from a file that has its last one: two steps that
// never replace another file.
func (o *output) unlink(name string) error {
	if err := removeFrom(o.root, o.temp()); err != nil {
		return errors.Join(err, removeFrom(o.root, name))
	}
	return nil
}

// rename gives the file its last name where there are no links, with an empty file that
// holds the name: a rename alone would replace a file that appeared a moment
// ago.
func (o *output) rename(name string) error {
	f, err := o.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return errors.Join(err, removeFrom(o.root, name))
	}
	if err := o.root.Rename(o.temp(), name); err != nil {
		return errors.Join(err, removeFrom(o.root, name))
	}
	return nil
}

// close closes everything and leaves what is there.
func (o *output) close() {
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
	if o.journal != nil {
		o.journal.f.Close()
	}
	o.root.Close()
}

// discard removes what commit has not made last. What it cannot remove it
// names.
func (o *output) discard() error {
	if o.safe {
		o.close()
		return nil
	}
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
	err := o.removeTemp()
	if o.journal != nil {
		o.journal.f.Close()
		err = errors.Join(err, removeFrom(o.root, o.journalName()))
	}
	return errors.Join(err, o.root.Close())
}

func (o *output) removeTemp() error {
	name := o.temp()
	if o.settled != "" {
		name = o.settled // the folder may forget it, and so shall we
	}
	var err error
	if o.partSize > 0 {
		err = removeParts(o.root, name, 0)
	} else {
		err = removeFrom(o.root, name)
	}
	if err != nil {
		return fmt.Errorf("unfinished file %s stays behind: %w", o.path(name), err)
	}
	return nil
}

// syncDir flushes a folder, so that its new names survive a power cut.
// Windows and some file systems have no such thing.
func syncDir(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("flush the folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("flush the folder: %w", err)
	}
	return nil
}

// writeWhole writes a small file the way dumps are written: whole or not at all.
func writeWhole(dir, name string, b []byte, create createFunc) (_ string, err error) {
	out, err := newOutput(dir, 0, create)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	if _, err := out.file.WriteAt(b, 0); err != nil {
		return "", targetError(err)
	}
	if err := out.flush(); err != nil {
		return "", targetError(err)
	}
	name, err = out.commit(name, "", func(string) {})
	return name, targetError(err)
}
