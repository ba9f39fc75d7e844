//go:build !linux

package image

import "fmt"

// List cannot look at the disks of this machine yet; the error is
// [ErrUnsupported].
func List() ([]DeviceInfo, error) {
	return nil, fmt.Errorf("disks of this machine: %w by this build", ErrUnsupported)
}
