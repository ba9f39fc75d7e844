package image

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/diskfs/go-diskfs/backend"
)

// storage shows go-diskfs a Disk as the file it wants. It is made for one
// call and is not safe for concurrent use.
type storage struct {
	Disk
	*io.SectionReader // Read and Seek
}

// newStorage adapts d.
func newStorage(d Disk) storage {
	return storage{Disk: d, SectionReader: io.NewSectionReader(d, 0, d.Size())}
}

var _ backend.Storage = storage{}

func (s storage) ReadAt(p []byte, off int64) (int, error) { return s.Disk.ReadAt(p, off) }
func (s storage) Size() int64                             { return s.Disk.Size() }
func (s storage) Stat() (fs.FileInfo, error)              { return diskInfo{s.Disk}, nil }
func (s storage) Writable() (backend.WritableFile, error) { return s, nil }
func (s storage) Path() string                            { return "" }

// Close leaves the disk open: it belongs to the caller.
func (s storage) Close() error { return nil }

// Sys has no file to offer.
func (s storage) Sys() (*os.File, error) {
	return nil, fmt.Errorf("operating system's file of a disk: %w", ErrUnsupported)
}

// diskInfo describes a disk as a regular file.
type diskInfo struct{ disk Disk }

func (i diskInfo) Name() string       { return "disk" }
func (i diskInfo) Size() int64        { return i.disk.Size() }
func (i diskInfo) Mode() fs.FileMode  { return 0o600 }
func (i diskInfo) ModTime() time.Time { return time.Time{} }
func (i diskInfo) IsDir() bool        { return false }
func (i diskInfo) Sys() any           { return nil }
