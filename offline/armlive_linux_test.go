package offline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/offline/target"
)

// TestArmLive: the way back that is named is one that is there after power off, and works.
func TestArmLive(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "hangkit") //nolint:usetesting // the folder has to be in memory
	if err != nil || !target.InMemory(memory) {
		t.Skip("no memory file system here")
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) }) // tmpfs forgets it anyway
	t.Setenv(liveVariable, "1")
	t.Setenv(stickVariable, "")
	dir := t.TempDir()
	sampleDisk(t, dir, "srv.img", "--windows", "2022")
	disk := filepath.Join(dir, "srv.img")
	hangkit := func(args ...string) string {
		t.Helper()
		var out, errOut strings.Builder
		if status := Main(args, nil, &out, &errOut); status != 0 {
			t.Fatalf("%v: status %d, %s", args, status, &errOut)
		}
		return out.String()
	}
	record := filepath.Join(memory, "record.json")
	said := hangkit("arm", disk, "--yes", "--ram", "256M", "--record", record)
	if want := "undo with: hangkit undo " + disk + "\n"; !strings.Contains(said, want) || !strings.Contains(said, "no stick is there") {
		t.Errorf("%q is not in:\n%s", want, said)
	}
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	hangkit("undo", disk, "--yes")
}
