package container

import (
	"errors"
	"fmt"
	"strings"
)

// What callers branch on.
var (
	// ErrFormat: the bytes are not what the format demands.
	ErrFormat = errors.New("damaged or unknown format")
	// ErrTruncated: the bytes lie beyond the end of the image, which was cut short.
	ErrTruncated = errors.New("image is cut short")
	// ErrOutOfBounds: an offset outside the disk or the partition.
	ErrOutOfBounds = errors.New("outside the disk")
	// ErrReadOnly: the disk was opened for reading or forbids writing.
	ErrReadOnly = errors.New("read-only")
	// ErrUnsupported: this build or this room cannot do it.
	ErrUnsupported = errors.New("not supported")
	// ErrRefused: understood well enough to know that it must not be done.
	ErrRefused = errors.New("refused")
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

// TruncatedError is an access to bytes that the image no longer has.
type TruncatedError struct {
	Off, Len int64 // what was asked for, absolute on the image
	Have     int64 // the size of the image
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("%v: bytes 0x%x-0x%x wanted, the image ends at 0x%x", ErrTruncated, e.Off, e.Off+e.Len, e.Have)
}

// Unwrap makes every TruncatedError an [ErrTruncated].
func (e *TruncatedError) Unwrap() error { return ErrTruncated }

// RefusedError is an image that is understood well enough to know that it
// must not be opened this way.
type RefusedError struct {
	Path   string // filled in by whoever knows it
	What   string // "encrypted qcow2 images"
	Remedy string // a sentence in which %s stands for the image's path; may be empty
}

func (e *RefusedError) Error() string {
	words := e.What + " are " + ErrUnsupported.Error()
	if e.Path == "" {
		return words
	}
	return e.Path + ": " + words
}

// Hint is the way round.
func (e *RefusedError) Hint() string {
	if !strings.Contains(e.Remedy, "%s") {
		return e.Remedy
	}
	return fmt.Sprintf(e.Remedy, Quote(e.Path))
}

// Unwrap makes it an [ErrRefused] and an [ErrUnsupported].
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, ErrUnsupported} }
