package offline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxCopyMemory is what a copy may take at most, whatever the size of the dump, in KiB.
const maxCopyMemory = 64 << 10

// TestCopyMemory copies a dump larger than that in the form that takes most, and verifies
// it; where there is time, a larger one in every form.
func TestCopyMemory(t *testing.T) {
	t.Parallel()
	secret := []string{"--encrypt-to", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"}
	forms, size := [][]string{append(secret, "--compress", "--split", "50M")}, int64(160<<20)
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		forms, size = append(forms, nil, []string{"--compress"}, []string{"--split", "50M"}, secret), 640<<20
	}
	dir := t.TempDir()
	disk, status := filepath.Join(dir, "disk.img"), filepath.Join(dir, "status")
	makeDumpVolume(t, disk, filepath.Join(dir, "plain"), size)
	for _, form := range forms {
		out := filepath.Join(dir, "out")
		cmd := asHangkit(t, slices.Concat([]string{"collect", disk, "-o", out}, form)...)
		cmd.Env = append(os.Environ(), statusFile+"="+status)
		if b, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		peak := peakMemory(t, status)
		if peak > maxCopyMemory {
			t.Errorf("%q: %d KiB of memory, at most %d", form, peak, maxCopyMemory)
		}
		t.Logf("%q: %d KiB", form, peak)
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
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
