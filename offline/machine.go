package offline

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

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

// readLine is the text of a small file of the kernel; empty if it cannot be read.
func readLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
