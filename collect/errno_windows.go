package collect

import (
	"errors"
	"syscall"
)

// The Windows errors of a full disk and of a file its file system cannot hold
// (FAT32: 4 GiB).
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
	errorFileTooLarge   = syscall.Errno(223)
)

func isFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isTooBig(err error) bool { return errors.Is(err, errorFileTooLarge) }
