package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"hangkit/collect/seekable"
)

// ErrEncrypted means a copy that only its recipients can read.
var ErrEncrypted = errors.New("the file is encrypted with age: decrypt it first (age -d -i KEYFILE)")

// errNotRegular is why a pipe or a device is not opened: that would wait for its other
// end.
var errNotRegular = errors.New("not a regular file")

// openFolder opens a folder. A pipe of that name is not waited for.
func openFolder(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return os.OpenRoot(dir)
}

// openRegular opens a file of root for reading.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNotRegular)
	}
	if err != nil {
		return nil, err
	}
	return root.Open(name)
}

// The first bytes of a zstd frame and of an age file.
var (
	zstdMagic = []byte{0x28, 0xB5, 0x2F, 0xFD}
	ageMagic  = []byte("age-encryption.org/v1\n")
)

// Copy is a dump as Extract wrote it, whatever its form: the dump itself, a
// seekable archive, the parts of either. What could not be read from the disk is
// an error here too, as long as the mapfile lies beside the copy: its zeros are
// nobody's data.
type Copy struct {
	io.ReaderAt
	size    int64
	closers []io.Closer
}

// OpenCopy opens a file, or a folder of parts.
func OpenCopy(name string) (*Copy, error) {
	c := &Copy{}
	name = filepath.Clean(name) // a folder's mapfile lies beside it
	if err := c.open(name); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.Close())
	}
	return c, nil
}

// Reread opens the dump of a copy that was just made: the copy, or, where only its
// recipients can read that, the disk again.
func (r *Result) Reread(c *Candidate) (*Copy, error) {
	if len(r.Recipients) == 0 {
		return OpenCopy(r.Path)
	}
	src, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return &Copy{gaps{io.NewSectionReader(src, 0, r.Size), r.BadRanges}, r.Size, []io.Closer{src}}, nil
}

// Size is the number of bytes of the dump.
func (c *Copy) Size() int64 { return c.size }

// Close closes what was opened.
func (c *Copy) Close() error {
	var errs []error
	for _, closer := range slices.Backward(c.closers) {
		errs = append(errs, closer.Close())
	}
	c.closers = nil
	return errors.Join(errs...)
}

func (c *Copy) open(name string) error {
	if err := c.openBytes(name); err != nil {
		return err
	}
	var magic [32]byte
	n, _ := c.ReadAt(magic[:], 0) // what cannot be read here fails where it is needed
	switch {
	case bytes.HasPrefix(magic[:n], ageMagic):
		return ErrEncrypted
	case bytes.HasPrefix(magic[:n], zstdMagic):
		r, err := seekable.NewReader(c.ReaderAt, c.size)
		if err != nil {
			return err
		}
		c.ReaderAt, c.size, c.closers = r, r.Size(), append(c.closers, r)
	}
	return c.openMap(name + MapSuffix)
}

// openBytes opens what lies on the disk.
func (c *Copy) openBytes(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		p, _, err := openParts(name)
		if err != nil {
			return err
		}
		c.ReaderAt, c.size, c.closers = p, p.size, append(c.closers, p)
		return nil
	}
	if !info.Mode().IsRegular() {
		return errNotRegular
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	c.ReaderAt, c.size, c.closers = f, info.Size(), append(c.closers, f)
	return nil
}

func (c *Copy) openMap(name string) error {
	_, bad, err := readMap(name)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		c.ReaderAt = gaps{c.ReaderAt, bad}
	}
	return nil
}
