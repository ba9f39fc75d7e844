package target

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"hangkit/image"
	"hangkit/ntfs"
)

func openDirectory(name string, mode Mode) (*Target, error) {
	d, err := openRoot(name, mode)
	if err != nil {
		return nil, err
	}
	return d.target(name), nil
}

func openRoot(name string, mode Mode) (*directory, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() { // opening a pipe would wait for its other end
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &directory{root: root, mode: mode}, nil
}

func (d *directory) target(name string) *Target {
	t := &Target{Name: name, Kind: Directory, mode: d.mode}
	t.closers = []io.Closer{d}
	t.Volumes = []*Volume{{Target: t, Kind: ntfs.NTFS, FS: d}}
	return t
}

// directory is a mounted volume. It goes through os.Root, so that no link on the
// volume leads out of it; names are matched as Windows does, in any case.
type directory struct {
	root *os.Root
	mode Mode
	raw  []io.Closer
}

// ErrOutside means that a link leads out of the folder that was named.
var ErrOutside = fmt.Errorf("%w: what a link leads to lies outside the folder", ErrRefused)

// refuseOutside marks the error of an os.Root about a name that leads out of it. The
// root has no name for that error; it says it about its own parent, too.
func (d *directory) refuseOutside(err error) error {
	if err == nil {
		return nil
	}
	_, outside := d.root.Lstat("..")
	if p, ok := errors.AsType[*fs.PathError](outside); ok && errors.Is(err, p.Err) {
		return fmt.Errorf("%w: %w", ErrOutside, err)
	}
	return err
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
	entries, err := d.readDir(parent)
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
	f, _, err := d.open(found, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// ErrNotRegular means that a name stands for a pipe, a socket or a device: Windows has
// none of them among its files, and a mounted volume may.
var ErrNotRegular = errors.New("not a regular file")

// open opens the file or the folder of a name that was found. Opening a pipe waits for
// its other end, and opening a device may set it going: so it is looked at before.
func (d *directory) open(found string, flag int) (*os.File, fs.FileInfo, error) {
	info, err := d.root.Stat(found)
	if err == nil {
		err = checkOrdinary(found, info)
	}
	if err != nil {
		return nil, nil, d.refuseOutside(err)
	}
	return d.openSeen(found, flag)
}

// openSeen opens what was looked at, and looks once more: it may have become another
// in between.
func (d *directory) openSeen(found string, flag int) (*os.File, fs.FileInfo, error) {
	f, err := d.root.OpenFile(found, flag|nonBlocking, 0)
	if err != nil {
		return nil, nil, d.refuseOutside(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkOrdinary(found, info)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// checkOrdinary refuses what is neither a file nor a folder.
func checkOrdinary(name string, info fs.FileInfo) error {
	if info.IsDir() || info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
}

func (d *directory) ReadDir(name string) ([]fs.DirEntry, error) {
	found, err := d.resolve("readdir", name)
	if err != nil {
		return nil, err
	}
	return d.readDir(found)
}

func (d *directory) readDir(found string) ([]fs.DirEntry, error) {
	dir, _, err := d.open(found, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (d *directory) Stat(name string) (fs.FileInfo, error) {
	found, err := d.resolve("stat", name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(found)
	return info, d.refuseOutside(err)
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
func (d *directory) OpenInPlace(name string) (File, error) { return d.openGrowing(name, 0) }

// openGrowing is OpenInPlace for a file that may come to have limit bytes.
func (d *directory) openGrowing(name string, limit int64) (File, error) {
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
	file := &mountedFile{File: f, size: size, limit: max(size, limit)}
	if d.mode == DryRun {
		return newDryFile(file), nil
	}
	return file, nil
}

func (d *directory) regular(name string, flag int) (*os.File, int64, error) {
	found, err := d.resolve("open", name)
	if err != nil {
		return nil, 0, err
	}
	f, info, err := d.open(found, flag)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
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

// mountedFile is a file of a mounted volume.
type mountedFile struct {
	*os.File
	size  int64
	limit int64 // bytes it may come to have; its size when opened unless it may grow
}

func (f *mountedFile) Size() int64     { return f.size }
func (f *mountedFile) SectorSize() int { return 512 }

// WriteAt keeps within what the file may become. A file that grows has no gap in it.
func (f *mountedFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > f.size || int64(len(p)) > f.limit-off {
		return 0, fmt.Errorf("%s: write of %d bytes at %d is outside the file's %d bytes", f.Name(), len(p), off, f.limit)
	}
	n, err := f.File.WriteAt(p, off)
	f.size = max(f.size, off+int64(n))
	return n, err
}

// dryFile keeps the writes of a dry run in memory, those behind the file's end too.
type dryFile struct {
	file    *mountedFile
	overlay *image.Overlay
	size    int64
}

func newDryFile(f *mountedFile) *dryFile {
	return &dryFile{file: f, overlay: image.NewOverlay(paddedFile{f}), size: f.size}
}

func (f *dryFile) Size() int64  { return f.size }
func (f *dryFile) Sync() error  { return f.overlay.Sync() }
func (f *dryFile) Close() error { return f.file.Close() }

func (f *dryFile) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(f.overlay, 0, f.size).ReadAt(p, off)
}

func (f *dryFile) WriteAt(p []byte, off int64) (int, error) {
	if off > f.size {
		return 0, fmt.Errorf("%s: write at %d leaves a gap behind the file's %d bytes", f.file.Name(), off, f.size)
	}
	n, err := f.overlay.WriteAt(p, off)
	f.size = max(f.size, off+int64(n))
	return n, err
}

// paddedFile is a file as long as it may become: an overlay never grows.
type paddedFile struct{ *mountedFile }

func (f paddedFile) Size() int64 { return f.limit }

func (f paddedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		clear(p[n:])
		return len(p), nil
	}
	return n, err
}
