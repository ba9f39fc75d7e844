package image

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// maxDrives is how many drives are looked for. They are numbered from 0, with gaps where
// one was taken away.
const maxDrives = 256

// List lists the disks of this machine that have a medium in them.
func List() ([]DeviceInfo, error) {
	volumes, err := listVolumes()
	if err != nil {
		return nil, err
	}
	var infos []DeviceInfo
	for number := range maxDrives {
		if info, ok := driveInfo(number); ok {
			info.Mounts = mountsOf(volumes, deviceName{disk: number})
			infos = append(infos, info)
		}
	}
	return infos, nil
}

// driveInfo describes a drive, which needs no rights. What no driver tells is left out.
func driveInfo(number int) (DeviceInfo, bool) {
	info := DeviceInfo{Path: fmt.Sprintf(`\\.\PhysicalDrive%d`, number)}
	raw, err := createFile(info.Path, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE)
	if err != nil {
		return info, false
	}
	defer raw.Close()
	if info.Size, info.SectorSize, err = driveGeometry(raw); isAny(err, windows.ERROR_NOT_READY, windows.ERROR_NO_MEDIA_IN_DRIVE) {
		return info, false
	}
	if b, err := storageProperty(raw, storageDeviceProperty); err == nil {
		info.Model, info.Serial, info.Removable = parseStorageDevice(b)
	}
	info.ReadOnly = checkDeviceWritable(raw) != nil
	return info, true
}
