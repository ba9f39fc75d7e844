package collect

import (
	"errors"
	"syscall"
)

// The Windows errors of a full disk, of a file its file system cannot hold (FAT32:
// 4 GiB), of one that is write-protected, and of a device that was taken away.
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
	errorWriteProtect   = syscall.Errno(19)
	errorFileTooLarge   = syscall.Errno(223)
	errorNotReady       = syscall.Errno(21)
	errorNoSuchDevice   = syscall.Errno(433)
	errorFileInvalid    = syscall.Errno(1006) // the volume behind an open file has gone
	errorNotConnected   = syscall.Errno(1167)
)

func isFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isTooBig(err error) bool { return errors.Is(err, errorFileTooLarge) }

func isGone(err error) bool {
	return errors.Is(err, errorNotReady) || errors.Is(err, errorNoSuchDevice) ||
		errors.Is(err, errorFileInvalid) || errors.Is(err, errorNotConnected)
}

func isReadOnly(err error) bool { return errors.Is(err, errorWriteProtect) }
