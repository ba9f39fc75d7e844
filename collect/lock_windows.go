package collect

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

var procLockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

// The flags of LockFileEx, the error of a file that another has locked, and the byte
// that is locked: one far behind the text, which everybody can still read.
const (
	lockFailImmediately = 1
	lockExclusive       = 2
	errorLockViolation  = syscall.Errno(33)
	lockedByteHigh      = 1 << 30 // upper half of its offset
)

// lockFile takes a file for ourselves until it is closed. A file system without locks
// keeps nobody out, and is no reason to go without the copy.
func lockFile(f *os.File) error {
	at := syscall.Overlapped{OffsetHigh: lockedByteHigh}
	done, _, err := procLockFileEx.Call(f.Fd(), lockExclusive|lockFailImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&at)))
	if done == 0 && errors.Is(err, errorLockViolation) {
		return ErrBundleBusy
	}
	return nil
}
