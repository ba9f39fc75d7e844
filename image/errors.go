package image

import (
	"errors"
	"fmt"
	"strings"

	"hangkit/image/container"
)

// What callers branch on.
var (
	// ErrFormat: the bytes are not what the format demands.
	ErrFormat = container.ErrFormat
	// ErrNoTable: sector 0 holds neither a partition table nor a volume.
	ErrNoTable = errors.New("no partition table and no volume")
	// ErrTruncated: the bytes lie beyond the end of the image, which was cut short.
	ErrTruncated = container.ErrTruncated
	// ErrOutOfBounds: an offset outside the disk or the partition.
	ErrOutOfBounds = container.ErrOutOfBounds
	// ErrReadOnly: the disk was opened for reading or forbids writing.
	ErrReadOnly = container.ErrReadOnly
	// ErrBusy: something else has the disk in use.
	ErrBusy = errors.New("in use")
	// ErrUnsupported: this build or this room cannot do it.
	ErrUnsupported = container.ErrUnsupported
	// ErrRefused: understood well enough to know that it must not be done.
	ErrRefused = container.ErrRefused
)

// The errors of images with their details.
type (
	// FormatError says which field is wrong, and where.
	FormatError = container.FormatError
	// BoundsError is an access outside the disk.
	BoundsError = container.BoundsError
	// TruncatedError is an access to a part of a partition that the image no
	// longer has.
	TruncatedError = container.TruncatedError
	// RefusedError is an image that must not be opened this way.
	RefusedError = container.RefusedError
)

// BusyError names who holds a disk.
type BusyError struct {
	Path   string
	Reason string   // "/dev/sda1 is mounted at /mnt", "locked; it is open in qemu-system-x86 (pid 4711)"
	Mounts []string // where the disk is mounted
	Remedy string   // how to reach it nevertheless, if not as usual
}

func (e *BusyError) Error() string { return fmt.Sprintf("%s: %v: %s", e.Path, ErrBusy, e.Reason) }

// Hint is a sentence on how to set the disk free.
func (e *BusyError) Hint() string {
	if e.Remedy != "" {
		return e.Remedy
	}
	if len(e.Mounts) == 0 {
		return "close the program or shut down the virtual machine that uses it first"
	}
	points := make([]string, len(e.Mounts))
	for i, m := range e.Mounts {
		points[i] = container.Quote(m)
	}
	return "unmount it first: umount " + strings.Join(points, " ")
}

// Unwrap makes every BusyError an [ErrBusy].
func (e *BusyError) Unwrap() error { return ErrBusy }
