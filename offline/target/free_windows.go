package target

import (
	"os"

	"golang.org/x/sys/windows"
)

// freeBytes is the space left on the volume that holds an open directory.
func freeBytes(dir *os.File) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir.Name())
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// errReadOnlyMount is what opening a file for writing says on such a volume.
const errReadOnlyMount = windows.ERROR_WRITE_PROTECT
