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
	return limitOf(int64(st.Type)), nil //nolint:unconvert // 32 bits on some machines
}

// limitOf is the limit of a file system, by its number.
func limitOf(kind int64) int64 {
	if kind == unix.MSDOS_SUPER_MAGIC { // FAT12, 16 and 32; exFAT has its own
		return fatFileLimit
	}
	return 0
}
