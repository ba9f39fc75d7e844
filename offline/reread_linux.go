package offline

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel does not read a table anew while somebody holds one of the disk's devices, as
// whoever looks what came does for a moment.
const (
	rereadTries = 20
	rereadPause = 250 * time.Millisecond
)

// rereadPartitions tells the kernel that a disk's table has changed. A file has none that it knows.
func rereadPartitions(name string) error {
	info, err := os.Stat(name)
	if err != nil || info.Mode().Type() != os.ModeDevice {
		return err
	}
	disk, err := os.Open(name)
	if err != nil {
		return err
	}
	defer disk.Close()
	for range rereadTries {
		if err = unix.IoctlSetInt(int(disk.Fd()), unix.BLKRRPART, 0); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(rereadPause)
	}
	if err != nil {
		return fmt.Errorf("the partition is there, and the kernel does not see it before the next start: %w", err)
	}
	return nil
}
