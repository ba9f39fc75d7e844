package live

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// waitForOthers waits until no process but init and this one has a program, the kernel's
// own threads being none.
func waitForOthers(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if !othersRun() {
			return true
		}
	}
	return false
}

func othersRun() bool {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == firstProcess || pid == os.Getpid() {
			continue
		}
		if isProgram(filepath.Join("/proc", e.Name())) {
			return true
		}
	}
	return false
}

// isProgram tells a living process from a thread of the kernel, which has no command
// line, and from one that has ended, which has none any more.
func isProgram(dir string) bool {
	return strings.Trim(attribute(dir, "cmdline"), "\x00") != ""
}
