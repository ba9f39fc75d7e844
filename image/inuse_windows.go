package image

import (
	"errors"

	"golang.org/x/sys/windows"
)

// notShared says that a file cannot be opened because another program has it
// and shares it with nobody, as Hyper-V and VMware do with their disks.
func notShared(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
