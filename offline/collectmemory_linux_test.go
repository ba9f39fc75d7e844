package offline

import (
	"path/filepath"
	"syscall"
	"testing"
)

// maxCopyMemory is what a copy may take at most, whatever the size of the dump, in KiB.
const maxCopyMemory = 64 << 10

// TestCopyMemory copies a dump larger than that in the form that takes most.
func TestCopyMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk.img")
	makeDumpVolume(t, disk, filepath.Join(dir, "plain"), 160<<20)
	cmd := asHangkit(t, "collect", disk, "-o", filepath.Join(dir, "out"), "--compress", "--no-verify",
		"--encrypt-to", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok || usage.Maxrss > maxCopyMemory {
		t.Errorf("%d KiB of memory, at most %d", usage.Maxrss, maxCopyMemory)
	}
	t.Logf("%d KiB", usage.Maxrss)
}
