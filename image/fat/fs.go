package fat

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

var (
	_ fs.ReadDirFS   = (*Volume)(nil)
	_ fs.StatFS      = (*Volume)(nil)
	_ fs.ReadDirFile = (*directory)(nil)
	_ io.ReaderAt    = (*file)(nil)
	_ io.Seeker      = (*file)(nil)
)

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open opens a file or directory. A file implements [io.ReaderAt] and [io.Seeker].
func (v *Volume) Open(name string) (fs.File, error) {
	e, err := v.find(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if e.mode.IsDir() {
		return &directory{v: v, entry: e, path: name}, nil
	}
	s, err := v.content(e)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &file{SectionReader: io.NewSectionReader(s, 0, s.size), entry: e, path: name}, nil
}

// Stat describes a file.
func (v *Volume) Stat(name string) (fs.FileInfo, error) {
	e, err := v.find(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return &fileInfo{e}, nil
}

// ReadDir lists a directory, sorted by name.
func (v *Volume) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := v.find(name)
	if err == nil && !e.mode.IsDir() {
		err = errNotDirectory
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	list, err := v.readDir(e)
	return list, pathError("readdir", name, err)
}

func (v *Volume) readDir(dir entry) ([]fs.DirEntry, error) {
	found, err := v.list(dir)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(found))
	for i, e := range found {
		list[i] = fs.FileInfoToDirEntry(&fileInfo{e})
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

type fileInfo struct{ e entry }

func (i *fileInfo) Name() string       { return i.e.name }
func (i *fileInfo) Size() int64        { return i.e.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.e.mode }
func (i *fileInfo) ModTime() time.Time { return i.e.modified }
func (i *fileInfo) IsDir() bool        { return i.e.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }

// file is an open file.
type file struct {
	*io.SectionReader
	entry  entry
	path   string
	closed bool
}

func (f *file) Stat() (fs.FileInfo, error) { return &fileInfo{f.entry}, nil }

func (f *file) Close() error {
	if f.closed {
		return pathError("close", f.path, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	if f.closed {
		return 0, pathError("read", f.path, fs.ErrClosed)
	}
	n, err := f.SectionReader.Read(p)
	return n, f.readError(err)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.closed {
		return 0, pathError("read", f.path, fs.ErrClosed)
	}
	if off < 0 {
		return 0, pathError("read", f.path, fs.ErrInvalid)
	}
	n, err := f.SectionReader.ReadAt(p, off)
	return n, f.readError(err)
}

// readError names the file, except at its end.
func (f *file) readError(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return pathError("read", f.path, err)
}

// directory is an open directory.
type directory struct {
	v      *Volume
	entry  entry
	path   string
	list   []fs.DirEntry
	loaded bool
}

func (d *directory) Stat() (fs.FileInfo, error) { return &fileInfo{d.entry}, nil }
func (d *directory) Close() error               { return nil }

func (d *directory) Read([]byte) (int, error) {
	return 0, pathError("read", d.path, errIsDirectory)
}

// ReadDir returns the next n entries, or all that are left if n is not positive.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.loaded {
		list, err := d.v.readDir(d.entry)
		if err != nil {
			return nil, pathError("readdir", d.path, err)
		}
		d.list, d.loaded = list, true
	}
	if n <= 0 {
		n = len(d.list)
	} else if len(d.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.list))
	out := d.list[:n:n]
	d.list = d.list[n:]
	return out, nil
}
