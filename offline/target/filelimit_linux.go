package target

import (
	"os"

	"golang.org/x/sys/unix"
)

// FileLimit is the size of the largest file that the file system of a folder can
// hold, 0 where that is no limit for a dump.
func FileLimit(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if st.Type == unix.MSDOS_SUPER_MAGIC { // FAT12, 16 and 32; exFAT has its own number
		return fatFileLimit, nil
	}
	return 0, nil
}
