package image

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// deviceName is a disk or a volume as Windows names it in its space of devices.
type deviceName struct {
	name string // without the space: "PhysicalDrive0", "C:", "Volume{…}"
	disk int    // number of the drive, notDisk for a volume
}

const notDisk = -1

// path is the spelling that every version of Windows opens.
func (d deviceName) path() string { return `\\.\` + d.name }

// devicePrefixes begin the names of raw devices ("Naming Files, Paths, and Namespaces",
// Microsoft). Slashes do as well.
var devicePrefixes = []string{`\\.\`, `\\?\`}

var (
	driveName  = regexp.MustCompile(`(?i)^PhysicalDrive([0-9]{1,5})$`)
	volumeName = regexp.MustCompile(`(?i)^([a-z]:|Volume\{[0-9a-f-]{36}\}|HarddiskVolume[0-9]{1,5}|Harddisk[0-9]{1,5}Partition[0-9]{1,5})$`)
)

// inDeviceSpace tells a device's name from a file's path in its long form,
// \\?\C:\disk.img, and gives the part behind the prefix.
func inDeviceSpace(path string) (string, bool) {
	path = strings.ReplaceAll(path, "/", `\`)
	for _, prefix := range devicePrefixes {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest, !strings.Contains(rest, `\`)
		}
	}
	return "", false
}

// parseDeviceName takes the names of disks and volumes. The space has pipes, printers
// and more, which must not be opened to see what they are.
func parseDeviceName(path string) (deviceName, error) {
	rest, _ := inDeviceSpace(path)
	if m := driveName.FindStringSubmatch(rest); m != nil {
		number, err := strconv.Atoi(m[1])
		return deviceName{name: rest, disk: number}, err
	}
	if volumeName.MatchString(rest) {
		return deviceName{name: rest, disk: notDisk}, nil
	}
	return deviceName{}, fmt.Errorf(`%s: %w: neither a disk (\\.\PhysicalDrive0) nor a volume (\\.\C:)`, path, ErrUnsupported)
}
