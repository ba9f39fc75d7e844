package wim

import (
	"errors"
	"fmt"

	"hangkit/image"
)

// What callers branch on, beside the errors of [image].
var (
	// ErrHash says that contents do not have the SHA-1 that the archive gives them.
	ErrHash = fmt.Errorf("%w: contents with another SHA-1", image.ErrFormat)
	// ErrEncrypted says that a file is encrypted by EFS.
	ErrEncrypted = fmt.Errorf("an encrypted file is %w", image.ErrUnsupported)
	// ErrReadOnly says that the archive forbids to be changed, by the flag in its header.
	ErrReadOnly = fmt.Errorf("archive is marked %w", image.ErrReadOnly)
	// ErrInProgress says that a program is writing the archive, or was cut off while it did.
	ErrInProgress = errors.New("archive is marked as being written")
	// ErrChanged says that the archive is not what it was when a change was planned.
	ErrChanged = errors.New("archive was changed meanwhile")
	// ErrShared says that a file has a second name in its image.
	ErrShared = errors.New("file has hard links")
)

// UnsupportedError is an archive in a form that is not read here.
type UnsupportedError struct {
	What    string
	Command string // makes an archive that is; %[1]s stands for this one's path, %[2]s for that of the new one
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s is %v", e.What, image.ErrUnsupported)
}

// Unwrap makes every UnsupportedError an [image.ErrUnsupported].
func (e *UnsupportedError) Unwrap() error { return image.ErrUnsupported }

func damaged(off int64, what string, want, got any) error {
	return &image.FormatError{Off: off, What: "wim: " + what, Want: want, Got: got}
}
