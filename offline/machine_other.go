//go:build !windows

package offline

import (
	"path"
	"strconv"

	"hangkit/offline/windows"
)

// thisRAM is the memory of the machine hangkit runs on, in bytes; 0 if unknown. The
// kernel's memory blocks count what Windows will find as well; MemTotal, what is left
// of it after the kernel's own share, is the second choice.
func thisRAM() int64 {
	if n := memoryBlocks("/sys/devices/system/memory"); n > 0 {
		return n
	}
	return memTotal("/proc/meminfo")
}

// thisMachine is what the firmware of the machine hangkit runs on says of itself.
func thisMachine() windows.SMBIOS {
	read := func(name string) string { return readLine(path.Join("/sys/class/dmi/id", name)) }
	chassis, err := strconv.ParseUint(read("chassis_type"), 10, 32)
	if err != nil {
		chassis = 0
	}
	return windows.SMBIOS{
		Manufacturer: read("sys_vendor"),
		Product:      read("product_name"),
		BIOSVersion:  read("bios_version"),
		UUID:         read("product_uuid"),
		AssetTag:     read("chassis_asset_tag"),
		Chassis:      uint32(chassis),
	}
}
