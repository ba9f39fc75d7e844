package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/windows"
)

// What drivers and file systems are asked (winioctl.h, ntddvol.h).
const (
	ioctlDriveGeometry = 0x000700A0 // IOCTL_DISK_GET_DRIVE_GEOMETRY_EX
	ioctlDiskLength    = 0x0007405C // IOCTL_DISK_GET_LENGTH_INFO
	ioctlDiskWritable  = 0x00070024 // IOCTL_DISK_IS_WRITABLE
	ioctlStorageQuery  = 0x002D1400 // IOCTL_STORAGE_QUERY_PROPERTY
	ioctlVolumeExtents = 0x00560000 // IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS
	fsctlLock          = 0x00090018 // FSCTL_LOCK_VOLUME
	fsctlDismount      = 0x00090020 // FSCTL_DISMOUNT_VOLUME
	fsctlWholeVolume   = 0x00090083 // FSCTL_ALLOW_EXTENDED_DASD_IO
)

// Properties of STORAGE_PROPERTY_QUERY: a number, the kind of query (0), and one byte more.
const (
	storageDeviceProperty    = 0
	storageAlignmentProperty = 6
	storageQueryLength       = 12
)

// Room for an answer, and what an answer may need at most.
const (
	answerRoom    = 1 << 10
	maxAnswerRoom = 1 << 20
)

// unknownRequest are the answers of drivers that do not know a request.
var unknownRequest = []error{windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_PARAMETER, windows.ERROR_CALL_NOT_IMPLEMENTED}

// isAny tells whether an error is one of several.
func isAny(err error, of ...error) bool {
	return slices.ContainsFunc(of, func(e error) bool { return errors.Is(err, e) })
}

// request sends a request to the driver of an open device and gives its answer.
func request(device *os.File, code uint32, in []byte) ([]byte, error) {
	for room := answerRoom; ; room *= 4 {
		out := make([]byte, room)
		var n uint32
		err := windows.DeviceIoControl(windows.Handle(device.Fd()), code, first(in), uint32(len(in)), &out[0], uint32(room), &n, nil)
		switch {
		case isAny(err, windows.ERROR_MORE_DATA, windows.ERROR_INSUFFICIENT_BUFFER) && room < maxAnswerRoom:
			continue
		case err != nil:
			return nil, fmt.Errorf("request 0x%x: %w", code, err)
		}
		return out[:n], nil
	}
}

// first points to what is sent, nil if that is nothing.
func first(b []byte) *byte {
	if len(b) == 0 {
		return nil
	}
	return &b[0]
}

// storageProperty asks for a property of a device.
func storageProperty(device *os.File, property uint32) ([]byte, error) {
	query := make([]byte, storageQueryLength)
	binary.LittleEndian.PutUint32(query, property)
	return request(device, ioctlStorageQuery, query)
}

// driveGeometry asks for size and sector of a disk.
func driveGeometry(device *os.File) (size int64, sector int, err error) {
	b, err := request(device, ioctlDriveGeometry, nil)
	if err != nil {
		return 0, 0, err
	}
	return parseGeometry(b)
}

// alignment asks for the logical sector in another way, 0 if there is no answer.
func alignment(device *os.File) int {
	b, err := storageProperty(device, storageAlignmentProperty)
	if err != nil {
		return 0
	}
	sector, err := parseAlignment(b)
	if err != nil {
		return 0
	}
	return sector
}

// lengthInfo asks for the size of a disk or volume, to the byte.
func lengthInfo(device *os.File) (int64, error) {
	b, err := request(device, ioctlDiskLength, nil)
	if err != nil {
		return 0, err
	}
	const lengthLength = 8 // GET_LENGTH_INFORMATION
	if len(b) < lengthLength {
		return 0, fmt.Errorf("%w: length of a disk in %d bytes", ErrFormat, len(b))
	}
	return int64(binary.LittleEndian.Uint64(b)), nil
}

// checkDeviceWritable asks whether the medium or a policy forbids writing: the open
// succeeds all the same.
func checkDeviceWritable(device *os.File) error {
	_, err := request(device, ioctlDiskWritable, nil)
	switch {
	case isAny(err, windows.ERROR_WRITE_PROTECT):
		return fmt.Errorf("%w: the device is write-protected", ErrReadOnly)
	case isAny(err, unknownRequest...):
		return nil
	}
	return err
}

// diskExtents asks where a volume lies. One that lies on no disk has nothing to say, an
// optical drive for example, or one without a medium.
func diskExtents(device *os.File) ([]diskExtent, error) {
	b, err := request(device, ioctlVolumeExtents, nil)
	switch {
	case isAny(err, unknownRequest...), isAny(err, windows.ERROR_NOT_READY, windows.ERROR_NO_MEDIA_IN_DRIVE):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return parseDiskExtents(b)
}

// Virus scanners and the indexer have files open for a moment: a volume in use is one
// that outlasts these tries ("FSCTL_LOCK_VOLUME", Microsoft, advises to try again).
const (
	lockTries = 10
	lockPause = 100 * time.Millisecond
)

// lockVolume makes a volume ours alone until its device is closed.
func lockVolume(device *os.File) (err error) {
	for range lockTries {
		if _, err = request(device, fsctlLock, nil); err == nil {
			return nil
		}
		time.Sleep(lockPause)
	}
	return err
}

// dismount has the file system of a locked volume forget what it knows of it.
func dismount(device *os.File) error {
	_, err := request(device, fsctlDismount, nil)
	if isAny(err, unknownRequest...) {
		return nil // no file system that would know anything
	}
	return err
}

// allowWholeVolume lets the sectors behind the end of the file system be read. Where
// that is refused, reading them says so.
func allowWholeVolume(device *os.File) {
	_, _ = request(device, fsctlWholeVolume, nil)
}
