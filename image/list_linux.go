package image

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// sysfsSector is the unit of sizes in sysfs, whatever the disk's own.
const sysfsSector = 512

// notDisks are the kernel's block devices that are no place for a Windows:
// memory, optical drives, floppies, boot and replay-protected areas of eMMC,
// and the device mapper's slices of other disks.
var notDisks = regexp.MustCompile(`^(ram|zram|sr|fd|dm-|mtdblock|mmcblk\d+(boot|rpmb))`)

// List lists the whole disks of this machine: those with a medium in them,
// and image files attached as loop devices.
func List() ([]DeviceInfo, error) { return machine.list() }

func (s system) list() ([]DeviceInfo, error) {
	disks, err := s.disks()
	if err != nil {
		return nil, err
	}
	mounts, err := s.mounts()
	if err != nil {
		return nil, err
	}
	var infos []DeviceInfo
	for _, n := range disks {
		if !notDisks.MatchString(n.name) && n.number("size") > 0 && n.number("hidden") == 0 {
			infos = append(infos, n.info(mounts))
		}
	}
	return infos, nil
}

// info describes a disk.
func (n blockNode) info(mounts []mount) DeviceInfo {
	info := DeviceInfo{
		Path:       n.path(),
		Size:       n.number("size") * sysfsSector,
		SectorSize: int(n.number("queue/logical_block_size")),
		Model:      n.model(),
		Serial:     n.serial(),
		Removable:  n.number("removable") != 0,
		ReadOnly:   n.number("ro") != 0,
	}
	for _, part := range append([]blockNode{n}, n.partitions()...) {
		for _, m := range mounts {
			if m.of(part) {
				info.Mounts = append(info.Mounts, m.point)
			}
		}
		info.Holders = append(info.Holders, part.holders()...)
	}
	return info
}

// model is what the drive calls itself; a loop device is its file. Virtual
// disks have the number of their bus there for a vendor.
func (n blockNode) model() string {
	if file := n.attr("loop/backing_file"); file != "" {
		return file
	}
	vendor := n.attr("device/vendor")
	if strings.HasPrefix(vendor, "0x") {
		vendor = ""
	}
	return strings.Join(strings.Fields(vendor+" "+n.attr("device/model")), " ")
}

// serial is the drive's serial number: NVMe and MMC, virtio, SCSI.
func (n blockNode) serial() string {
	for _, name := range []string{"device/serial", "serial"} {
		if s := n.attr(name); s != "" {
			return s
		}
	}
	const vpdHeader = 4 // vital product data page 0x80: type, page, length, text
	page, err := os.ReadFile(filepath.Join(n.dir, "device", "vpd_pg80"))
	if err != nil || len(page) < vpdHeader {
		return ""
	}
	return strings.Trim(string(page[vpdHeader:]), " \n\x00")
}
