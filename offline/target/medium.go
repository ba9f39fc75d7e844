package target

import (
	"io"
	"strings"
)

// The primary volume descriptor of a CD-ROM's file system, by ECMA-119, 8.4. A hybrid image
// has it behind the partition table, on a stick too.
const (
	isoDescriptor = 16 * 2048
	isoMagic      = "\x01CD001"
	isoVolumeID   = 40
	isoVolumeEnd  = isoVolumeID + 32
)

// mediumName is the volume id of the rescue stick.
const mediumName = "HANGKIT"

// isMedium tells whether a disk begins with the live medium.
func isMedium(d io.ReaderAt) bool {
	var b [isoVolumeEnd]byte
	if _, err := d.ReadAt(b[:], isoDescriptor); err != nil {
		return false
	}
	return strings.HasPrefix(string(b[:]), isoMagic) && strings.TrimRight(string(b[isoVolumeID:]), " ") == mediumName
}
