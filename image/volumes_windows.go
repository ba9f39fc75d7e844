package image

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// systemRoot is the root of the volume that this Windows runs from.
func systemRoot() (string, error) {
	dir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return "", fmt.Errorf("folder of this Windows: %w", err)
	}
	return filepath.VolumeName(dir) + `\`, nil
}

// listVolumes lists the volumes that this Windows knows. What cannot be found out is an
// error: a disk that may be in use is not ours.
func listVolumes() ([]volume, error) {
	names, err := volumeNames()
	if err != nil {
		return nil, fmt.Errorf("volumes of this machine: %w", err)
	}
	var volumes []volume
	for _, name := range names {
		v, err := newVolume(name)
		if err != nil {
			return nil, fmt.Errorf("volume %s: %w", name, err)
		}
		volumes = append(volumes, v)
	}
	return volumes, nil
}

// volumeNames lists \\?\Volume{…}\ of each volume.
func volumeNames() ([]string, error) {
	name := make([]uint16, windows.MAX_PATH)
	search, err := windows.FindFirstVolume(&name[0], uint32(len(name)))
	var names []string
	if err == nil {
		defer func() { _ = windows.FindVolumeClose(search) }()
	}
	for ; err == nil; err = windows.FindNextVolume(search, &name[0], uint32(len(name))) {
		names = append(names, windows.UTF16ToString(name))
	}
	if errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return names, nil
	}
	return nil, err
}

// newVolume asks a volume where it is mounted and where it lies. Asking needs no rights.
func newVolume(name string) (volume, error) {
	v := volume{name: name}
	var err error
	if v.mounts, err = mountPoints(name); err != nil {
		return v, err
	}
	raw, err := createFile(v.device(), 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE)
	if isAny(err, windows.ERROR_FILE_NOT_FOUND, windows.ERROR_PATH_NOT_FOUND, windows.ERROR_NOT_READY) {
		return v, nil // its disk has just gone, or it has no medium
	}
	if err != nil {
		return v, err
	}
	defer raw.Close()
	v.extents, err = diskExtents(raw)
	return v, err
}

// mountPoints lists the letters and folders of a volume.
func mountPoints(name string) ([]string, error) {
	volume, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	room := uint32(windows.MAX_PATH)
	for {
		list := make([]uint16, room)
		err := windows.GetVolumePathNamesForVolumeName(volume, &list[0], uint32(len(list)), &room)
		switch {
		case errors.Is(err, windows.ERROR_MORE_DATA) && int(room) > len(list):
			continue
		case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return splitList(list), nil
	}
}

// splitList takes apart texts that each end with a zero; an empty one is the last.
func splitList(list []uint16) []string {
	var texts []string
	for len(list) > 0 && list[0] != 0 {
		text := windows.UTF16ToString(list)
		texts = append(texts, text)
		list = list[min(len(list), len(windows.StringToUTF16(text))):]
	}
	return texts
}

// VolumeRoot is the root of the mounted volume that holds a file or folder.
func VolumeRoot(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	name, err := windows.UTF16PtrFromString(abs)
	if err != nil {
		return "", err
	}
	root := make([]uint16, len(abs)+windows.MAX_PATH)
	if err := windows.GetVolumePathName(name, &root[0], uint32(len(root))); err != nil {
		return "", fmt.Errorf("volume of %s: %w", path, err)
	}
	return strings.TrimSuffix(windows.UTF16ToString(root), `\`) + `\`, nil
}

// MountsOf lists where the volumes of a device are mounted.
func MountsOf(device string) ([]string, error) {
	name, err := parseDeviceName(device)
	if err != nil {
		return nil, err
	}
	volumes, err := listVolumes()
	return mountsOf(volumes, name), err
}
