//go:build unix

package offline

import (
	"errors"
	"fmt"
	"os"
)

// syncDir makes a new name in a folder durable.
func syncDir(name string) (err error) {
	dir, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("undo record: %w", err)
	}
	return nil
}
