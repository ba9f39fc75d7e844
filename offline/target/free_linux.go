package target

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeBytes is the space left on the file system that holds an open directory.
func freeBytes(dir *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// errReadOnlyMount is what opening a file for writing says on such a volume.
const errReadOnlyMount = unix.EROFS
