package target

import (
	"fmt"
	"strings"
)

// ErrOwnSystem means that the Windows PE was named which hangkit runs in.
var ErrOwnSystem = fmt.Errorf("%w: this Windows PE itself, in memory, not the machine's Windows", ErrRefused)

// refuseOwnSystem refuses the Windows PE that hangkit runs in, so that it is never taken for
// the patient: X: looks like any Windows. Other files and folders on its RAM disk are no part
// of it.
func refuseOwnSystem(name string) error {
	drive := ownDrive()
	if drive != "" && (isOwnSystem(wholeDrive(name), drive) || isOwnSystem(absolute(wholeDrive(name)), drive)) {
		return fmt.Errorf("%s: %w", name, ErrOwnSystem)
	}
	return nil
}

// isOwnSystem tells whether a name is the drive's root, its raw volume, or in its Windows.
func isOwnSystem(name, drive string) bool {
	name = strings.ReplaceAll(name, "/", `\`)
	for _, prefix := range []string{`\\.\`, `\\?\`} {
		name = strings.TrimPrefix(name, prefix)
	}
	if len(name) < len(drive) || !strings.EqualFold(name[:len(drive)], drive) {
		return false
	}
	parts := strings.FieldsFunc(name[len(drive):], func(r rune) bool { return r == '\\' })
	return len(parts) == 0 || strings.EqualFold(parts[0], "Windows")
}

// ErrDriveLocked is what Windows says of a drive letter whose volume BitLocker locks.
var ErrDriveLocked error = errDriveLocked
