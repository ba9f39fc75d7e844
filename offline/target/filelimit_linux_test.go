package target

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestFileLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, want int64 }{
		"vfat":  {0x4D44, 4<<30 - 1},
		"exfat": {0x2011BAB0, 0},
		"ext4":  {0xEF53, 0},
		"ntfs3": {0x7366746E, 0},
		"tmpfs": {0x01021994, 0},
	} {
		if got := limitOf(c.kind); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if _, err := FileLimit(t.TempDir()); err != nil {
		t.Error(err)
	}
	if _, err := FileLimit(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
