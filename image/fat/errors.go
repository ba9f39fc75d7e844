package fat

import (
	"errors"
	"fmt"
)

// What callers branch on.
var (
	// ErrNotFAT says that the device holds something else than FAT.
	ErrNotFAT = errors.New("not a FAT volume")
	// ErrFormat says that a structure on disk is damaged; a *FormatError says which.
	ErrFormat = errors.New("damaged FAT structure")
	// ErrNotInPlace says why a file's bytes cannot be overwritten where they are.
	ErrNotInPlace = errors.New("file cannot be written in place")
	// ErrReadOnly says that the device cannot be written.
	ErrReadOnly = errors.New("device is read-only")
	// ErrBounds says that a write would leave the bytes of a file.
	ErrBounds = errors.New("write outside the file's data")
)

// FormatError is one damaged field.
type FormatError struct {
	Off       int64  // of the structure, in bytes from the start of the volume
	What      string // the structure and the field
	Want, Got any
}

// Error names the field, where it is, and what was expected there.
func (e *FormatError) Error() string {
	return fmt.Sprintf("fat: %s at 0x%x: want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

// Unwrap makes every FormatError an [ErrFormat].
func (e *FormatError) Unwrap() error { return ErrFormat }

func damaged(off int64, what string, want, got any) error {
	return &FormatError{Off: off, What: what, Want: want, Got: got}
}
