package imagetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hangkit/image/imagetest"
)

// TestUnmountWaits holds a file of a mounted directory for a moment, as a process
// that another test starts does.
func TestUnmountWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "tmpfs", dir).CombinedOutput(); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatalf("cannot mount: %v\n%s", err, out)
		}
		t.Skipf("cannot mount: %v\n%s", err, out)
	}
	t.Cleanup(func() { imagetest.Unmount(t, dir) })
	f, err := os.Create(filepath.Join(dir, "held"))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = f.Close() })
	imagetest.Unmount(t, dir)
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("still mounted: %v, %v", names, err)
	}
	imagetest.Unmount(t, dir) // nothing is mounted any more
}
