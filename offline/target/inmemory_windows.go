package target

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// InMemory tells whether a folder lies on a RAM disk, as X: of Windows PE is, so that what
// is written there is gone when the machine is switched off.
func InMemory(dir string) bool {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	drive := filepath.VolumeName(abs)
	if strings.EqualFold(drive, ramDrive) && strings.EqualFold(os.Getenv("SystemDrive"), ramDrive) {
		return true // whatever its driver calls itself
	}
	root, err := windows.UTF16PtrFromString(drive + `\`)
	return err == nil && windows.GetDriveType(root) == windows.DRIVE_RAMDISK
}

// ramDrive is the drive that Windows PE runs from.
const ramDrive = "X:"
