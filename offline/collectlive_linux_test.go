package offline

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// TestCollectIntoMemory: on a live medium nothing is collected into what the next start loses.
func TestCollectIntoMemory(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "hangkit") //nolint:usetesting // the folder has to be in memory
	if err != nil || !target.InMemory(memory) {
		t.Skip("no memory to write to here: ", err)
	}
	t.Cleanup(func() { _ = os.Remove(memory) }) // only a temporary folder
	disk := t.TempDir()
	if target.InMemory(disk) {
		t.Skip("the folder for temporary files is in memory")
	}
	t.Chdir(memory)
	for _, c := range []struct {
		name, live, stick, output string
		refused                   bool
	}{
		{"elsewhere", "", "", memory, false},
		{"a folder that is to be made", "1", "", filepath.Join(memory, "a", "b"), true},
		{"where one is", "1", "", "dumps", true},
		{"beside the stick", "1", disk, memory, true},
		{"a disk", "1", "", filepath.Join(disk, "a"), false},
		{"the stick", "1", disk, "stick:a", false},
		{"where nothing is said", "1", disk, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(liveVariable, c.live)
			t.Setenv(stickVariable, c.stick)
			err := (&CollectCmd{Output: c.output}).destination()
			if said, ok := errors.AsType[*ui.Error](err); ok != c.refused || ok && said.Status != ui.Refused || !ok && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
