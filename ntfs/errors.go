package ntfs

import (
	"errors"
	"fmt"
)

var (
	// ErrNotNTFS says that the device holds something else than NTFS.
	ErrNotNTFS = errors.New("not an NTFS volume")
	// ErrBitLocker says that the volume is encrypted and has to be unlocked first.
	ErrBitLocker = errors.New("volume is encrypted with BitLocker")
	// ErrFormat says that a structure on disk is damaged; a *FormatError says which.
	ErrFormat = errors.New("damaged NTFS structure")
	// ErrTruncated says that the device ends before the volume does.
	ErrTruncated = errors.New("device is shorter than its NTFS volume")
	// ErrUnsupported says that the data is stored in a way this package does not decode.
	ErrUnsupported = errors.New("unsupported on this NTFS volume")
	// ErrNotInPlace says why a file's bytes cannot be overwritten where they are.
	ErrNotInPlace = errors.New("file cannot be written in place")
	// ErrReadOnly says that the device cannot be written.
	ErrReadOnly = errors.New("device is read-only")
)

// FormatError is one damaged field.
type FormatError struct {
	Off  int64  // where the structure begins: bytes from the start of the volume
	What string // the structure and the field
	Want any
	Got  any
}

// Error names the field, where it is, and what was expected there.
func (e *FormatError) Error() string {
	return fmt.Sprintf("ntfs: %s (structure at 0x%x): want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

// Unwrap returns ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

func damaged(off int64, what string, want, got any) error {
	return &FormatError{Off: off, What: what, Want: want, Got: got}
}

// hex shows a number in a FormatError as offsets are usually read.
type hex uint64

func (h hex) String() string { return fmt.Sprintf("0x%x", uint64(h)) }
