package image

import (
	"errors"
	"fmt"
	"strings"
)

// What callers branch on.
var (
	// ErrFormat: the bytes are not what the format demands.
	ErrFormat = errors.New("damaged or unknown format")
	// ErrNoTable: sector 0 holds neither a partition table nor a volume.
	ErrNoTable = errors.New("no partition table and no volume")
	// ErrTruncated: the bytes lie beyond the end of the image, which was cut short.
	ErrTruncated = errors.New("image is cut short")
	// ErrOutOfBounds: an offset outside the disk or the partition.
	ErrOutOfBounds = errors.New("outside the disk")
	// ErrReadOnly: the disk was opened for reading or forbids writing.
	ErrReadOnly = errors.New("read-only")
	// ErrBusy: something else has the disk in use.
	ErrBusy = errors.New("in use")
	// ErrUnsupported: this build or this room cannot do it.
	ErrUnsupported = errors.New("not supported")
)

// FormatError says which field is wrong, and where.
type FormatError struct {
	Off       int64  // absolute on the disk
	What      string // the field
	Want, Got any    // Want may be nil
}

func (e *FormatError) Error() string {
	if e.Want == nil {
		return fmt.Sprintf("%s at 0x%x: got %v", e.What, e.Off, e.Got)
	}
	return fmt.Sprintf("%s at 0x%x: want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

// Unwrap makes every FormatError an [ErrFormat].
func (e *FormatError) Unwrap() error { return ErrFormat }

// BoundsError is an access outside the disk.
type BoundsError struct {
	Op       string // "read", "write", "section"
	Off, Len int64
	Size     int64 // of the disk
}

func (e *BoundsError) Error() string {
	return fmt.Sprintf("%s of %d bytes at 0x%x: %v of 0x%x bytes", e.Op, e.Len, e.Off, ErrOutOfBounds, e.Size)
}

// Unwrap makes every BoundsError an [ErrOutOfBounds].
func (e *BoundsError) Unwrap() error { return ErrOutOfBounds }

// TruncatedError is an access to a part of a partition that the image no
// longer has.
type TruncatedError struct {
	Off, Len int64 // what was asked for, absolute on the image
	Have     int64 // the size of the image
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%v: bytes 0x%x-0x%x wanted, the image ends at 0x%x", ErrTruncated, e.Off, e.Off+e.Len, e.Have)
}

// Unwrap makes every TruncatedError an [ErrTruncated].
func (e *TruncatedError) Unwrap() error { return ErrTruncated }

// BusyError names who holds a disk.
type BusyError struct {
	Path   string
	Reason string   // "/dev/sda1 is mounted at /mnt", "locked; it is open in qemu-system-x86 (pid 4711)"
	Mounts []string // where the disk is mounted
}

func (e *BusyError) Error() string { return fmt.Sprintf("%s: %v: %s", e.Path, ErrBusy, e.Reason) }

// Hint is a sentence on how to set the disk free.
func (e *BusyError) Hint() string {
	if len(e.Mounts) == 0 {
		return "close the program or shut down the virtual machine that uses it first"
	}
	points := make([]string, len(e.Mounts))
	for i, m := range e.Mounts {
		points[i] = quote(m)
	}
	return "unmount it first: umount " + strings.Join(points, " ")
}

// Unwrap makes every BusyError an [ErrBusy].
func (e *BusyError) Unwrap() error { return ErrBusy }

// quote makes a path one word of a shell.
func quote(path string) string {
	if strings.ContainsAny(path, " \t\n\"'`$&|;<>()*?[]#~!{}\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
