//go:build unix

package offline

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// syncDir makes a new name in a folder durable.
func syncDir(name string) (err error) {
	dir, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("making a new name durable: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil // some network and FUSE file systems cannot, and need not
	}
	if err != nil {
		return fmt.Errorf("making a new name durable: %w", err)
	}
	return nil
}
