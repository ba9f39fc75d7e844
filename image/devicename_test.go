package image

import (
	"errors"
	"testing"
)

func TestDeviceName(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]deviceName{
		`\\.\PhysicalDrive0`:      {"PhysicalDrive0", 0},
		`\\?\physicaldrive12`:     {"physicaldrive12", 12},
		`//./PHYSICALDRIVE3`:      {"PHYSICALDRIVE3", 3},
		`\\.\C:`:                  {"C:", notDisk},
		`//?/d:`:                  {"d:", notDisk},
		`\\.\HarddiskVolume3`:     {"HarddiskVolume3", notDisk},
		`\\.\Harddisk0Partition1`: {"Harddisk0Partition1", notDisk},
		`\\?\Volume{4c1b02c1-d990-11dc-99ae-806e6f6e6963}`: {"Volume{4c1b02c1-d990-11dc-99ae-806e6f6e6963}", notDisk},
	} {
		if _, is := inDeviceSpace(path); !is {
			t.Errorf("%s is no device", path)
		}
		got, err := parseDeviceName(path)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
	}
}

func TestDeviceNameRefusals(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		`\\.\`, `\\.\NUL`, `\\.\COM1`, `\\.\pipe`, `\\.\CdRom0`, `\\.\PhysicalDrive`, `\\.\PhysicalDrive-1`,
		`\\.\PhysicalDrive0:`, `\\.\PhysicalDrive999999`, `\\.\CC:`, `\\.\C:0`, `\\?\Volume{}`,
	} {
		if _, is := inDeviceSpace(path); !is {
			t.Errorf("%s is no device", path)
		}
		if got, err := parseDeviceName(path); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}

// Paths of files, however they are spelt, go to the file system.
func TestDeviceNameOfFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"disk.img", `C:\disk.img`, `C:`, `\\?\C:\disk.img`, `\\?\C:\`, `//?/C:/disk.img`, `\\?\UNC\server\share\disk.img`,
		`\\server\share\disk.img`, `\\?\Volume{4c1b02c1-d990-11dc-99ae-806e6f6e6963}\`, "/dev/sda", "",
	} {
		if rest, is := inDeviceSpace(path); is {
			t.Errorf("%s is taken for the device %q", path, rest)
		}
	}
}
