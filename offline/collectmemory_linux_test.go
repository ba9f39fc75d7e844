package offline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxCopyMemory is what a copy may take at most, whatever the size of the dump, in KiB.
const maxCopyMemory = 64 << 10

// TestCopyMemory copies a dump larger than that in the form that takes most.
func TestCopyMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk, status := filepath.Join(dir, "disk.img"), filepath.Join(dir, "status")
	makeDumpVolume(t, disk, filepath.Join(dir, "plain"), 160<<20)
	cmd := asHangkit(t, "collect", disk, "-o", filepath.Join(dir, "out"), "--compress", "--no-verify",
		"--encrypt-to", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj")
	cmd.Env = append(os.Environ(), statusFile+"="+status)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	peak := peakMemory(t, status)
	if peak > maxCopyMemory {
		t.Errorf("%d KiB of memory, at most %d", peak, maxCopyMemory)
	}
	t.Logf("%d KiB", peak)
}

// peakMemory is the peak of the program itself, in KiB. What getrusage says of a child
// counts the memory of the process it was forked from too.
func peakMemory(t *testing.T, status string) (peak int) {
	t.Helper()
	b, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\nVmHWM:")
	if _, err := fmt.Sscan(text, &peak); err != nil || peak == 0 {
		t.Fatalf("no peak in %q: %v", b, err)
	}
	return peak
}
