package target

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// maxFileSystemName is room for the name of a file system, as Windows asks for it.
const maxFileSystemName = windows.MAX_PATH + 1

// FileLimit is the size of the largest file that the file system of a folder can
// hold, 0 where that is no limit for a dump.
func FileLimit(dir string) (int64, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return 0, err
	}
	name, err := windows.UTF16PtrFromString(abs)
	if err != nil {
		return 0, err
	}
	root, kind := make([]uint16, len(abs)+maxFileSystemName), make([]uint16, maxFileSystemName)
	err = windows.GetVolumePathName(name, &root[0], uint32(len(root)))
	if err == nil {
		err = windows.GetVolumeInformation(&root[0], nil, 0, nil, nil, nil, &kind[0], uint32(len(kind)))
	}
	if err != nil {
		return 0, &os.PathError{Op: "volume of", Path: dir, Err: err}
	}
	switch strings.ToUpper(windows.UTF16ToString(kind)) {
	case "FAT", "FAT32":
		return fatFileLimit, nil
	}
	return 0, nil
}
