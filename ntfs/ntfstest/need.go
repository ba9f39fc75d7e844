package ntfstest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Need skips a test without the programs it asks, or fails it where all are
// required. What ntfs-3g mounts needs FUSE.
func Need(tb testing.TB, programs ...string) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("short")
	}
	for _, p := range programs {
		_, err := exec.LookPath(p)
		if err == nil && p == "ntfs-3g" {
			_, err = os.Stat("/dev/fuse")
		}
		if err != nil {
			Missing(tb, fmt.Sprintf("no %s: %v", p, err))
		}
	}
}

// Missing skips a test for want of something, or fails it where nothing may be missing.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		tb.Fatal(what)
	}
	tb.Skip(what)
}
