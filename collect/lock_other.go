//go:build !windows

package collect

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes a file for ourselves until it is closed. A file system without locks
// keeps nobody out, and is no reason to go without the copy.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return ErrBundleBusy
		}
		return nil
	}
}
