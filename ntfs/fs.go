package ntfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

var (
	_ fs.ReadDirFS   = (*Volume)(nil)
	_ fs.StatFS      = (*Volume)(nil)
	_ fs.ReadLinkFS  = (*Volume)(nil)
	_ fs.ReadDirFile = (*directory)(nil)
	_ io.ReaderAt    = (*file)(nil)
	_ io.Seeker      = (*file)(nil)
)

// pathError names the operation and the file, as io/fs asks; nil stays nil.
func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open opens a file or directory. A file implements [io.ReaderAt] and
// [io.Seeker]; one whose data cannot be decoded opens, and its reads say why.
func (v *Volume) Open(name string) (fs.File, error) {
	n, base, err := v.resolve(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	info, err := n.info(base)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if info.IsDir() {
		return &directory{node: n, path: name, info: info}, nil
	}
	f := &file{path: name, info: info}
	if f.data, f.refused, err = n.contents(); err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

// Stat describes a file without opening its data.
func (v *Volume) Stat(name string) (fs.FileInfo, error) {
	n, base, err := v.resolve(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	info, err := n.info(base)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return info, nil
}

// ReadDir lists a directory, sorted by name.
func (v *Volume) ReadDir(name string) ([]fs.DirEntry, error) {
	n, base, err := v.resolve(name)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	info, err := n.info(base)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	if !info.IsDir() {
		return nil, pathError("readdir", name, errNotDirectory)
	}
	entries, err := n.readDir()
	return entries, pathError("readdir", name, err)
}

var (
	errNotDirectory = fmt.Errorf("%w: not a directory", fs.ErrInvalid)
	errIsDirectory  = fmt.Errorf("%w: is a directory", fs.ErrInvalid)
)

// unnamed opens the unnamed stream, an empty one if there is none.
func (n *node) unnamed() (*stream, error) {
	s, ok, err := n.stream(typeData, "")
	if err == nil && !ok {
		s = &stream{resident: []byte{}}
	}
	return s, err
}

// data opens the unnamed stream. refused says why it must not be read as it lies.
func (n *node) data() (s *stream, refused, err error) {
	tag, err := n.reparseTag()
	if err != nil {
		return nil, nil, err
	}
	if s, err = n.unnamed(); err != nil {
		return nil, nil, err
	}
	if refused = s.decodable(); refused == nil && tag != 0 {
		refused = errBehind(tag)
	}
	return s, refused, nil
}

func errBehind(tag uint32) error {
	return fmt.Errorf("%w: the data is behind a reparse point (tag 0x%08x%s)", ErrUnsupported, tag, tagName(tag))
}

// contents opens the unnamed stream as programs see it, decompressed. refused
// says why that cannot be.
func (n *node) contents() (r io.ReaderAt, refused, err error) {
	b, err := n.reparse()
	if err != nil {
		return nil, nil, err
	}
	s, err := n.unnamed()
	switch {
	case err != nil:
		return nil, nil, err
	case b == nil:
		r, refused = s.decoded()
	case le.Uint32(b) == tagWOF:
		r, refused = n.overlay(b, s.size)
	default:
		refused = errBehind(le.Uint32(b))
	}
	return r, refused, nil
}

// readDir lists the directory's long names.
func (n *node) readDir() ([]fs.DirEntry, error) {
	x, err := n.openIndex()
	if err != nil {
		return nil, err
	}
	found, err := x.entries()
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, 0, len(found))
	for _, e := range found {
		metafile := n.base.ref.Number == recordRoot && e.ref().Number < firstUserRecord
		if e.key().namespace() == namespaceDOS || metafile {
			continue
		}
		list = append(list, &dirEntry{v: n.v, dir: n.base.ref, entry: e, name: escapeName(e.key().name())})
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// dirEntry is a name in a directory. Its type comes from the index, the rest
// from the file itself.
type dirEntry struct {
	v     *Volume
	dir   RecordRef
	entry indexEntry
	name  string
}

func (d *dirEntry) Name() string { return d.name }
func (d *dirEntry) IsDir() bool  { return d.Type().IsDir() }

func (d *dirEntry) Type() fs.FileMode {
	key := d.entry.key()
	var tag uint32
	if key.attributes()&attributeReparse != 0 {
		tag = key.reparseTag()
	}
	return fileMode(key.attributes()&attributeIndexDirectory != 0, tag).Type()
}

// String formats the entry as fs.FormatDirEntry does.
func (d *dirEntry) String() string { return fs.FormatDirEntry(d) }

func (d *dirEntry) Info() (fs.FileInfo, error) {
	n, err := d.v.openEntry(d.entry, d.dir)
	if err != nil {
		return nil, pathError("stat", d.name, err)
	}
	info, err := n.info(d.name)
	if err != nil {
		return nil, pathError("stat", d.name, err)
	}
	return info, nil
}

type fileInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.modified }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }

// file is an open data stream.
type file struct {
	path    string
	info    *fileInfo
	data    io.ReaderAt
	refused error // why its data cannot be read
	pos     int64
	closed  bool
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Close() error {
	if f.closed {
		return pathError("close", f.path, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

func (f *file) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, f.usable("read")
	}
	n, err := f.ReadAt(p, f.pos)
	f.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.usable("read"); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.path, fs.ErrInvalid)
	}
	n, err := f.data.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, pathError("read", f.path, err)
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.info.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return 0, pathError("seek", f.path, fs.ErrInvalid)
	}
	f.pos = offset
	return offset, nil
}

func (f *file) usable(op string) error {
	if f.closed {
		return pathError(op, f.path, fs.ErrClosed)
	}
	return pathError(op, f.path, f.refused)
}

// directory is an open directory.
type directory struct {
	node   *node
	path   string
	info   *fileInfo
	list   []fs.DirEntry // nil until the first ReadDir
	loaded bool
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *directory) Close() error               { return nil }

func (d *directory) Read([]byte) (int, error) {
	return 0, pathError("read", d.path, errIsDirectory)
}

// ReadDir returns the next n entries, or all that are left if n is not positive.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.loaded {
		list, err := d.node.readDir()
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
