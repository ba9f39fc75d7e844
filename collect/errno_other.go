//go:build !windows

package collect

import (
	"errors"
	"syscall"
)

// The errors of package syscall say all that these systems say of a full target.

func isFull(error) bool { return false }

func isTooBig(error) bool { return false }

func isReadOnly(error) bool { return false }

// isGone tells that a device was taken away, where that is not said by the same
// error as a bad sector.
func isGone(err error) bool { return errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO) }
