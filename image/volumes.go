package image

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// What the drivers of Windows answer, by the structures of winioctl.h and ntdddisk.h.
// Whoever asks gives the bytes that came back and no more.

// diskExtent is a part of a volume: DISK_EXTENT.
type diskExtent struct {
	disk int // number of the drive
	Range
}

// The layout of VOLUME_DISK_EXTENTS: a number, then the extents.
const (
	extentsHeader = 8
	extentLength  = 24
	extentStart   = 8
	extentSize    = 16
)

// parseDiskExtents reads where a volume lies.
func parseDiskExtents(b []byte) ([]diskExtent, error) {
	if len(b) < extentsHeader {
		return nil, fmt.Errorf("%w: extents of a volume in %d bytes", ErrFormat, len(b))
	}
	number := int64(binary.LittleEndian.Uint32(b))
	b = b[extentsHeader:]
	if number*extentLength > int64(len(b)) {
		return nil, fmt.Errorf("%w: %d extents of a volume in %d bytes", ErrFormat, number, len(b))
	}
	var extents []diskExtent
	for e := range slices.Chunk(b[:number*extentLength], extentLength) {
		extents = append(extents, diskExtent{
			disk: int(binary.LittleEndian.Uint32(e)),
			Range: Range{
				Off: int64(binary.LittleEndian.Uint64(e[extentStart:])),
				Len: int64(binary.LittleEndian.Uint64(e[extentSize:])),
			},
		})
	}
	return extents, nil
}

// The fields that are read of DISK_GEOMETRY_EX.
const (
	geometrySector = 20
	geometrySize   = 24
	geometryLength = 32
)

// parseGeometry reads size and sector of a disk. Cylinders and heads are invented.
func parseGeometry(b []byte) (size int64, sector int, err error) {
	if len(b) < geometryLength {
		return 0, 0, fmt.Errorf("%w: geometry of a disk in %d bytes", ErrFormat, len(b))
	}
	size, sector = int64(binary.LittleEndian.Uint64(b[geometrySize:])), int(binary.LittleEndian.Uint32(b[geometrySector:]))
	return size, sector, checkSector(sector)
}

// The field that is read of STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR.
const (
	alignmentSector = 16
	alignmentLength = 20
)

// parseAlignment reads the logical sector of a disk.
func parseAlignment(b []byte) (int, error) {
	if len(b) < alignmentLength {
		return 0, fmt.Errorf("%w: alignment of a disk in %d bytes", ErrFormat, len(b))
	}
	sector := int(binary.LittleEndian.Uint32(b[alignmentSector:]))
	return sector, checkSector(sector)
}

// checkSector refuses what a driver cannot mean.
func checkSector(sector int) error {
	if sector < minSectorSize || sector > bounceSize || sector&(sector-1) != 0 {
		return fmt.Errorf("%w: sectors of %d bytes", ErrFormat, sector)
	}
	return nil
}

// The fields that are read of STORAGE_DEVICE_DESCRIPTOR. The texts are 8-bit, end with a
// zero, and lie anywhere behind them.
const (
	deviceRemovable = 10
	deviceVendor    = 12
	deviceProduct   = 16
	deviceSerial    = 24
	deviceLength    = 28
)

// parseStorageDevice reads what a drive says of itself.
func parseStorageDevice(b []byte) (model, serial string, removable bool) {
	if len(b) < deviceLength {
		return "", "", false
	}
	text := func(field int) string {
		off := binary.LittleEndian.Uint32(b[field:])
		if off < deviceLength || int64(off) >= int64(len(b)) {
			return ""
		}
		s, _, _ := strings.Cut(string(b[off:]), "\x00")
		return strings.Join(strings.Fields(s), " ")
	}
	return strings.TrimSpace(text(deviceVendor) + " " + text(deviceProduct)), text(deviceSerial), b[deviceRemovable] != 0
}

// volume is a volume that Windows knows, whether it has a letter or not.
type volume struct {
	name    string       // `\\?\Volume{…}\`
	mounts  []string     // `C:\`, `D:\data\`
	extents []diskExtent // nil for one that lies on no disk
}

// String names the volume for people.
func (v volume) String() string {
	if len(v.mounts) > 0 {
		return strings.Join(v.mounts, ", ")
	}
	return v.name
}

// device is the name under which the volume's bytes are opened.
func (v volume) device() string { return strings.TrimSuffix(v.name, `\`) }

// mountedAt tells whether a folder, `C:\`, is the volume's root.
func (v volume) mountedAt(root string) bool {
	return slices.ContainsFunc(v.mounts, func(m string) bool { return strings.EqualFold(m, root) })
}

// is tells whether a device's name is one of the volume's.
func (v volume) is(d deviceName) bool {
	return strings.EqualFold(v.device(), `\\?\`+d.name) || v.mountedAt(d.name+`\`)
}

// lies tells whether some of the volume lies on a drive.
func (v volume) lies(disk int) bool {
	return slices.ContainsFunc(v.extents, func(e diskExtent) bool { return e.disk == disk })
}

// beginsAt tells whether the volume is the one piece of a drive that begins there.
func (v volume) beginsAt(disk int, start int64) bool {
	return len(v.extents) == 1 && v.extents[0].disk == disk && v.extents[0].Off == start
}

// behind chooses the volumes whose bytes a device shows.
func behind(volumes []volume, d deviceName) []volume {
	var chosen []volume
	for _, v := range volumes {
		if d.disk == notDisk && v.is(d) || d.disk != notDisk && v.lies(d.disk) {
			chosen = append(chosen, v)
		}
	}
	return chosen
}

// refuseRunning refuses a device that shows the volume from which this Windows runs.
// Root is that volume's.
func refuseRunning(path string, volumes []volume, root string) error {
	for _, v := range volumes {
		if v.mountedAt(root) {
			return &BusyError{Path: path, Reason: "this Windows runs from " + v.String(), Remedy: "start the machine from another medium: Windows PE, an installation stick"}
		}
	}
	return nil
}

// mountsOf lists where the volumes behind a device can be seen.
func mountsOf(volumes []volume, d deviceName) []string {
	var mounts []string
	for _, v := range behind(volumes, d) {
		mounts = append(mounts, v.mounts...)
	}
	return mounts
}
