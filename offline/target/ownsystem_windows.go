package target

import (
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/windows"
)

// miniNT is the key that only Windows PE has ("Windows PE", registry keys, Microsoft).
const miniNT = `SYSTEM\CurrentControlSet\Control\MiniNT`

// ownDrive is the drive that hangkit's own Windows PE runs from, empty in any other Windows.
var ownDrive = sync.OnceValue(func() string {
	key, err := windows.UTF16PtrFromString(miniNT)
	if err != nil {
		return ""
	}
	var h windows.Handle
	if windows.RegOpenKeyEx(windows.HKEY_LOCAL_MACHINE, key, 0, windows.KEY_READ, &h) != nil {
		return ""
	}
	_ = windows.RegCloseKey(h)
	dir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return ""
	}
	return filepath.VolumeName(dir)
})

// absolute makes a name a full one: "." may be the root of the own drive.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// errDriveLocked is FVE_E_LOCKED_VOLUME (winerror.h).
const errDriveLocked = syscall.Errno(0x80310000)
