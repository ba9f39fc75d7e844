package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"hangkit/image"
	"hangkit/ntfs"
)

func openDirectory(name string, mode Mode) (*Target, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, Kind: Directory, mode: mode}
	d := &directory{root: root, mode: mode}
	t.closers = []io.Closer{d}
	t.Volumes = []*Volume{{Target: t, Kind: ntfs.NTFS, FS: d}}
	return t, nil
}

// directory is a mounted volume. It goes through os.Root, so that no link on the
// volume leads out of it; names are matched as Windows does, in any case.
type directory struct {
	root *os.Root
	mode Mode
	raw  []io.Closer
}

func (d *directory) Close() error {
	var errs []error
	for _, c := range d.raw {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, d.root.Close())...)
}

// resolve finds the name on the volume that a Windows name stands for.
func (d *directory) resolve(op, name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if _, err := d.root.Lstat(name); err == nil || name == "." {
		return name, nil
	}
	parent, err := d.resolve(op, path.Dir(name))
	if err != nil {
		return "", err
	}
	entries, err := fs.ReadDir(d.root.FS(), parent)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), path.Base(name)) {
			return path.Join(parent, e.Name()), nil
		}
	}
	return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (d *directory) Open(name string) (fs.File, error) {
	found, err := d.resolve("open", name)
	if err != nil {
		return nil, err
	}
	return d.root.Open(found)
}

func (d *directory) ReadDir(name string) ([]fs.DirEntry, error) {
	found, err := d.resolve("readdir", name)
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(d.root.FS(), found)
}

func (d *directory) Stat(name string) (fs.FileInfo, error) {
	found, err := d.resolve("stat", name)
	if err != nil {
		return nil, err
	}
	return d.root.Stat(found)
}

func (d *directory) OpenRaw(name string) (*io.SectionReader, error) {
	f, size, err := d.regular(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	d.raw = append(d.raw, f)
	return io.NewSectionReader(f, 0, size), nil
}

// OpenInPlace opens a file of the mounted volume. The file stays the one it is, so
// its owner, its security descriptor and its identity do too.
func (d *directory) OpenInPlace(name string) (File, error) {
	flag := os.O_RDONLY
	if d.mode == Writable {
		flag = os.O_RDWR
	}
	f, size, err := d.regular(name, flag)
	if errors.Is(err, errReadOnlyMount) {
		return nil, fmt.Errorf("%s: the volume is mounted %w", name, image.ErrReadOnly)
	}
	if err != nil {
		return nil, err
	}
	file := &mountedFile{File: f, size: size}
	if d.mode == DryRun {
		return &dryFile{Overlay: image.NewOverlay(file), file: f}, nil
	}
	return file, nil
}

func (d *directory) regular(name string, flag int) (*os.File, int64, error) {
	found, err := d.resolve("open", name)
	if err != nil {
		return nil, 0, err
	}
	f, err := d.root.OpenFile(found, flag, 0)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

func (d *directory) Free() (int64, error) {
	dir, err := d.root.Open(".")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	free, err := freeBytes(dir)
	if err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return free, nil
}

// mountedFile is a file of a mounted volume, as large as it was when opened.
type mountedFile struct {
	*os.File
	size int64
}

func (f *mountedFile) Size() int64     { return f.size }
func (f *mountedFile) SectorSize() int { return 512 }

// WriteAt keeps within the file: growing it is not what in place means.
func (f *mountedFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > f.size || int64(len(p)) > f.size-off {
		return 0, fmt.Errorf("%s: write of %d bytes at %d is outside the file's %d bytes", f.Name(), len(p), off, f.size)
	}
	return f.File.WriteAt(p, off)
}

// dryFile keeps the writes of a dry run in memory.
type dryFile struct {
	*image.Overlay
	file *os.File
}

func (f *dryFile) Close() error { return f.file.Close() }
