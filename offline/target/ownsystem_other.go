//go:build !windows

package target

import "errors"

// ownDrive is empty: this is no Windows PE.
func ownDrive() string { return "" }

// absolute leaves names alone: nothing is compared with them here.
func absolute(name string) string { return name }

// errDriveLocked is nobody's error: there are no drive letters here.
var errDriveLocked = errors.New("the drive is locked by BitLocker")
