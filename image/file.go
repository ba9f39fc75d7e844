package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"hangkit/image/container"
	"hangkit/image/nbd"
)

// Kind is what a path turned out to be.
type Kind int

// The kinds of storage Open takes.
const (
	Regular     Kind = iota // an image file
	BlockDevice             // a disk or partition of this machine
	Network                 // a disk that an NBD server has
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{Regular: "image file", BlockDevice: "block device", Network: "network disk"}[k]
}

// File is a disk that lies in an image file or is a block device.
type File struct {
	file     *os.File // nil if all goes through disk
	path     string
	kind     Kind
	format   Format
	disk     scattered   // nil if the file's bytes are the disk's
	others   []io.Closer // files that belong to the image too, locked volumes of a device
	above    *File       // the image that has this one below it
	level    int         // images above it
	options  Options
	said     Claim // what the image is said to be
	id       string
	size     int64
	sector   int
	writable bool
}

// Open opens an image, whatever its format, or a block device.
//
// For writing the disk must be ours alone: a device that is mounted, whose
// disk or partition is mounted or held, or an image that another program has
// locked is an [ErrBusy] that names the holder; [ErrReadOnly] is a disk that
// forbids writing. Opening for reading is always allowed. Nothing is written
// before the first WriteAt.
//
// A container that is not read here is an [UnsupportedContainerError], one
// that cannot be opened this way a [RefusedError].
//
// Nbd:// and nbd+unix:// are disks that a server has; it answers for their
// not being in use. Windows names its devices \\.\PhysicalDrive0 and \\.\C:; for writing
// every volume there is locked and dismounted until Close.
//
// An image that names other files is a [ConsentError] where nothing but its
// content says what it is, or where they lie elsewhere.
func Open(path string, writable bool) (*File, error) {
	return OpenWith(path, Options{Writable: writable})
}

// OpenWith is Open with more to say about the image.
func OpenWith(path string, o Options) (*File, error) {
	if !nbd.IsURL(path) {
		return open(path, o, o.claim(0), nil)
	}
	if c := o.claim(0); c != ClaimNone && c != ClaimRaw {
		return nil, &RefusedError{Path: path, What: fmt.Sprintf("images of the format %s behind a server", c), Remedy: "have the server open the image: qemu-nbd -f"}
	}
	return openNBD(path, o.Writable)
}

// open opens a path that is said to be something. Of is the image that lies
// above it.
func open(path string, o Options, c Claim, of *File) (*File, error) {
	f, err := openPath(path, o.Writable)
	if err != nil {
		return nil, err
	}
	f.options, f.said = o, c
	if of != nil {
		f.above, f.level = of, of.level+1
	}
	if err := f.recognize(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Create makes a raw image of size zero bytes and opens it for writing. A
// file that is there already is left alone.
func Create(path string, size int64) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return Open(path, true)
}

// openPath opens the path as what it is and learns its size.
func openPath(path string, writable bool) (*File, error) {
	kind, err := kindOf(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, writable: writable, kind: kind}
	if kind == Regular {
		err = f.openRegular()
	} else {
		err = f.openDevice()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// kindOf looks at a path.
func kindOf(path string) (Kind, error) {
	if IsDevice(path) {
		return BlockDevice, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return 0, err
	case info.Mode().IsRegular():
		return Regular, nil
	case info.Mode().Type() == os.ModeDevice:
		return BlockDevice, nil
	}
	return 0, fmt.Errorf("%s: %w: neither an image file nor a block device", path, ErrUnsupported)
}

// openRegular opens an image file, for writing as ours alone.
func (f *File) openRegular() error {
	open := os.Open
	if f.writable {
		open = openAlone
		if err := checkLockFolder(f.path); err != nil {
			return err
		}
	}
	file, err := open(f.path)
	switch {
	case notShared(err):
		return &BusyError{Path: f.path, Reason: "another program has it open"}
	case err != nil:
		return readOnlyError(err)
	}
	if f.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return errors.Join(err, file.Close())
	}
	f.file = file
	return nil
}

// lockFolder is what VMware puts beside a disk in use: a folder with a file for
// each program that has it.
const lockFolder = ".lck"

// checkLockFolder refuses a disk that VMware has locked.
func checkLockFolder(path string) error {
	entries, err := os.ReadDir(path + lockFolder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a virtual machine's locks: %w", err)
	}
	return &BusyError{Path: path, Reason: fmt.Sprintf("a virtual machine has locked it; if none runs, delete the folder %q", path+lockFolder)}
}

// recognize finds out what the bytes are: the container, the size of the
// disk in it, and its sectors.
func (f *File) recognize() error {
	if err := f.identify(); err != nil {
		return f.named(err)
	}
	if err := f.openFormat(); err != nil {
		return f.named(err)
	}
	if f.writable {
		if err := f.WriteRefusal(); err != nil {
			return err
		}
	}
	if f.sector == 0 {
		f.sector = guessSectorSize(f, f.size)
	}
	return nil
}

// identify finds the format. What lies on a device is a disk.
func (f *File) identify() (err error) {
	f.format = Raw
	switch {
	case f.kind == Regular:
		f.format, err = identify(f.file, f.size, f.said)
	case f.said != ClaimNone && f.said != ClaimRaw:
		err = &RefusedError{What: fmt.Sprintf("images of the format %s on a device", f.said), Remedy: "serve it, and name the server's socket: qemu-nbd -k SOCKET -f FORMAT %s"}
	}
	return err
}

// openNBD opens the disk of a server.
func openNBD(path string, writable bool) (*File, error) {
	client, err := nbd.Dial(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{path: path, kind: Network, format: Raw, disk: client, size: client.Size(), writable: writable}
	if writable {
		if err := client.Writable(); err != nil {
			return nil, errors.Join(f.named(err), f.Close())
		}
	}
	f.sector = guessSectorSize(f, f.size)
	return f, nil
}

// IsURL says whether a name is no path but the URL of a disk that Open takes.
func IsURL(name string) bool { return nbd.IsURL(name) }

// Close writes what waits, closes the files and lets go of their locks.
func (f *File) Close() error {
	var errs []error
	if f.disk != nil {
		errs = append(errs, f.disk.Close())
	}
	for _, other := range f.others {
		errs = append(errs, other.Close())
	}
	if f.file != nil {
		errs = append(errs, f.file.Close())
	}
	return errors.Join(errs...)
}

// Kind is what the path was.
func (f *File) Kind() Kind { return f.kind }

// Format is how the disk is packed.
func (f *File) Format() Format { return f.format }

// Path is what was opened.
func (f *File) Path() string { return f.path }

// Below names the images that this one lies on, which are read with it.
func (f *File) Below() []string {
	var paths []string
	for _, other := range f.others {
		if below, ok := other.(*File); ok {
			paths = append(append(paths, below.path), below.Below()...)
		}
	}
	return paths
}

// Loses is what the image holds that the first write makes wrong, and drops.
func (f *File) Loses() []string {
	if l, ok := f.disk.(interface{ Loses() []string }); ok {
		return l.Loses()
	}
	return nil
}

// ReadOnly says that writes will be refused.
func (f *File) ReadOnly() bool { return !f.writable }

// Size is the size of the disk, not that of the file.
func (f *File) Size() int64 { return f.size }

// SectorSize is what the device says, or what the partition table in an
// image file gives away, else 512.
func (f *File) SectorSize() int { return f.sector }

// ReadAt implements [io.ReaderAt]. An image that has become shorter since it
// was opened is an [ErrTruncated], not an end.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.disk != nil {
		n, err := f.disk.ReadAt(p, off)
		return n, f.named(err)
	}
	p, end := container.Clip(p, off, f.size)
	if len(p) == 0 {
		return 0, end
	}
	n, err := f.file.ReadAt(p, off)
	if errors.Is(err, io.EOF) && n < len(p) {
		err = fmt.Errorf("%s: %w", f.path, &TruncatedError{Off: off, Len: int64(len(p)), Have: off + int64(n)})
	}
	return n, readResult(n, len(p), err, end)
}

// WillNeed has the operating system fetch bytes that are read soon.
func (f *File) WillNeed(off, length int64) {
	if f.disk != nil {
		f.disk.WillNeed(off, length)
		return
	}
	if length = min(length, f.size-off); off >= 0 && length > 0 {
		willNeed(f.file, off, length)
	}
}

// WriteAt implements [io.WriterAt].
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if !f.writable {
		return 0, fmt.Errorf("%s: %w: opened for reading", f.path, ErrReadOnly)
	}
	if err := container.CheckWrite(len(p), off, f.size); err != nil {
		return 0, fmt.Errorf("%s: %w", f.path, err)
	}
	if f.disk != nil {
		n, err := f.disk.WriteAt(p, off)
		return n, f.named(err)
	}
	return f.file.WriteAt(p, off)
}

// Sync flushes to the medium.
func (f *File) Sync() error {
	if !f.writable {
		return nil
	}
	if f.disk != nil {
		return f.named(f.disk.Sync())
	}
	return f.file.Sync()
}
