package wim

import (
	"crypto/sha1" //nolint:gosec // the format's
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

var (
	_ fs.ReadDirFS   = (*Image)(nil)
	_ fs.StatFS      = (*Image)(nil)
	_ fs.ReadDirFile = (*directory)(nil)
	_ io.ReaderAt    = (*file)(nil)
	_ io.Seeker      = (*file)(nil)
)

// Image is one image of an archive as a file system. The case of names does not matter,
// and the short name of a file finds it too. Entries whose names a path cannot carry are
// left out.
type Image struct {
	archive  *Archive
	number   int
	metadata metadata
	root     *dentry
}

// Number counts the images of the archive from 1.
func (m *Image) Number() int { return m.number }

var (
	errNotDirectory = errors.New("not a directory")
	errNotFile      = errors.New("not a regular file")
	errCycle        = errors.New("a directory that contains itself")
)

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find looks a path up.
func (m *Image) find(name string) (*dentry, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrInvalid
	}
	d := m.root
	if name == "." {
		return d, nil
	}
	seen := []uint64{} // directories on the way: damaged metadata may have one in itself
	for part := range strings.SplitSeq(name, "/") {
		if !d.isDir() {
			return nil, fs.ErrNotExist
		}
		if slices.Contains(seen, d.subdir()) {
			return nil, fmt.Errorf("%w: %w", errCycle, damaged(d.at+subdirOff, "directory entry", "no directory above it", "one"))
		}
		seen = append(seen, d.subdir())
		child, err := m.child(d, part)
		if err != nil {
			return nil, err
		}
		d = child
	}
	return d, nil
}

// child finds an entry of a directory, by its long name rather than its short one.
func (m *Image) child(dir *dentry, name string) (found *dentry, err error) {
	err = m.metadata.each(dir, func(d *dentry) bool {
		if strings.EqualFold(d.name, name) {
			found = d
			return false
		}
		if found == nil && strings.EqualFold(d.short, name) {
			found = d
		}
		return true
	})
	if err == nil && found == nil {
		err = fs.ErrNotExist
	}
	return found, err
}

// Open opens a file or directory. A file implements [io.ReaderAt] and [io.Seeker]; one
// that is read from its start to its end is compared with its SHA-1.
func (m *Image) Open(name string) (fs.File, error) {
	d, err := m.find(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	if d.isDir() {
		return &directory{image: m, dentry: d, path: name}, nil
	}
	f, err := m.openStream(d, name, "")
	return f, pathError("open", name, err)
}

// OpenStream opens a named stream of a file or directory.
func (m *Image) OpenStream(name, streamName string) (fs.File, error) {
	d, err := m.find(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	f, err := m.openStream(d, name, streamName)
	return f, pathError("open", name+":"+streamName, err)
}

func (m *Image) openStream(d *dentry, name, streamName string) (fs.File, error) {
	h, err := m.streamHash(d, streamName)
	if err != nil {
		return nil, err
	}
	if d.attributes()&attrEncrypted != 0 {
		return nil, ErrEncrypted
	}
	c, err := m.archive.blobContents(h)
	if err != nil {
		return nil, err
	}
	f := &file{SectionReader: io.NewSectionReader(c, 0, c.size), info: m.info(d), path: name, want: h}
	f.info.size = c.size
	f.sum = sha1.New() //nolint:gosec // the format's
	return f, nil
}

// streamHash is the hash of a stream; that of an entry itself always exists.
func (m *Image) streamHash(d *dentry, name string) (Hash, error) {
	at, err := m.metadata.hashAt(d, name)
	if err != nil {
		return Hash{}, err
	}
	if at == 0 {
		return Hash{}, fs.ErrNotExist
	}
	return m.metadata.hash(at), nil
}

// ReadFile reads a file whole and compares it with its SHA-1.
func (m *Image) ReadFile(name string) ([]byte, error) {
	d, err := m.find(name)
	if err == nil && d.isDir() {
		err = errNotFile
	}
	if err != nil {
		return nil, pathError("read", name, err)
	}
	b, err := m.readWhole(d)
	return b, pathError("read", name, err)
}

func (m *Image) readWhole(d *dentry) ([]byte, error) {
	h, err := m.streamHash(d, "")
	switch {
	case err != nil:
		return nil, err
	case d.attributes()&attrEncrypted != 0:
		return nil, ErrEncrypted
	case h == (Hash{}):
		return []byte{}, nil
	}
	b := m.archive.find(h)
	if b == nil {
		return nil, missing(h)
	}
	data, err := m.archive.readAll(b.resource(), "contents", maxWhole)
	if err == nil && hashOf(data) != h {
		err = fmt.Errorf("wim: %w: want %v, got %v", ErrHash, h, hashOf(data))
	}
	return data, err
}

// maxWhole bounds a file that is read whole.
const maxWhole = 4 << 30

// Stat describes a file.
func (m *Image) Stat(name string) (fs.FileInfo, error) {
	d, err := m.find(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return m.info(d), nil
}

// ReadDir lists a directory, sorted by name.
func (m *Image) ReadDir(name string) ([]fs.DirEntry, error) {
	d, err := m.find(name)
	if err == nil && !d.isDir() {
		err = errNotDirectory
	}
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	list, err := m.list(d)
	return list, pathError("readdir", name, err)
}

func (m *Image) list(dir *dentry) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	err := m.metadata.each(dir, func(d *dentry) bool {
		if d.name != "." && !strings.ContainsAny(d.name, "/\x00\ufffd") && fs.ValidPath(d.name) {
			list = append(list, fs.FileInfoToDirEntry(m.info(d)))
		}
		return true
	})
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}

type fileInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

// Permissions say that nothing is written through these paths.
const (
	fileMode = 0o444
	dirMode  = fs.ModeDir | 0o555
)

func (m *Image) info(d *dentry) *fileInfo {
	i := &fileInfo{name: d.name, mode: fileMode, modified: d.modified()}
	switch {
	case d == m.root:
		i.name, i.mode = ".", dirMode
	case d.isDir():
		i.mode = dirMode
	case d.attributes()&attrReparse != 0:
		i.mode |= fs.ModeIrregular
	}
	if h, err := m.streamHash(d, ""); err == nil && !d.isDir() {
		i.size = m.archive.blobLength(h)
	}
	return i
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.modified }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }

// file is an open file.
type file struct {
	*io.SectionReader
	info *fileInfo
	path string

	want   Hash
	sum    hash.Hash // of what was read from the start on
	summed int64
	closed bool
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
	if f.closed {
		return 0, pathError("read", f.path, fs.ErrClosed)
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	n, err := f.SectionReader.Read(p)
	if at == f.summed {
		f.sum.Write(p[:n])
		f.summed += int64(n)
	}
	if errors.Is(err, io.EOF) && f.summed == f.Size() {
		if err := f.checkSum(); err != nil {
			return n, pathError("read", f.path, err)
		}
	}
	return n, f.readError(err)
}

// checkSum compares what was read with the SHA-1 in the archive.
func (f *file) checkSum() error {
	got := Hash(f.sum.Sum(nil))
	if f.Size() > 0 && got != f.want {
		return fmt.Errorf("wim: %w: want %v, got %v", ErrHash, f.want, got)
	}
	return nil
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
	image  *Image
	dentry *dentry
	path   string
	list   []fs.DirEntry
	loaded bool
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.image.info(d.dentry), nil }
func (d *directory) Close() error               { return nil }

func (d *directory) Read([]byte) (int, error) { return 0, pathError("read", d.path, errNotFile) }

// ReadDir returns the next n entries, or all that are left if n is not positive.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.loaded {
		list, err := d.image.list(d.dentry)
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
