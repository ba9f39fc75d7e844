package offline

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

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

// memoryBlocks adds up the memory blocks that are online.
func memoryBlocks(dir string) int64 {
	size, err := strconv.ParseInt(readLine(filepath.Join(dir, "block_size_bytes")), 16, 64)
	if err != nil {
		return 0
	}
	states, err := filepath.Glob(filepath.Join(dir, "memory*", "state"))
	if err != nil {
		return 0
	}
	total := int64(0)
	for _, name := range states {
		if readLine(name) == "online" {
			total += size
		}
	}
	return total
}

func memTotal(name string) int64 {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
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

// readLine is the text of a small file of the kernel; empty if it cannot be read.
func readLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
