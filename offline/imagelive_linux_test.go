package offline

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/offline/internal/ui"
)

// TestOracleStickExchanged: another disk under the name of the one that was looked at is not
// erased, whatever was agreed to, and while the device is held none takes its place.
func TestOracleStickExchanged(t *testing.T) {
	needPrograms(t, "losetup")
	const size = 8 << 20
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.img"), filepath.Join(dir, "second.img")
	for _, name := range []string{first, second} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	device := strings.TrimSpace(command(t, "losetup", "-f", "--show", first))
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	c := &ImageLiveCmd{Output: device, Yes: true}
	seen, err := c.firstLook()
	if err != nil {
		t.Fatal(err)
	}
	command(t, "losetup", "-d", device)
	command(t, "losetup", device, second)
	disk, err := image.Open(device, true)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	err = c.eraseAndWrite(t.Context(), ui.New(strings.NewReader(""), os.Stderr, os.Stderr), nil, disk, seen)
	if e := ui.Explain(err, rules); err == nil || e.Status != ui.Refused || e.Effect != ui.Unchanged || !strings.Contains(err.Error(), "another disk") {
		t.Fatalf("%v (status %d)", err, e.Status)
	}
	command(t, "losetup", "-d", device) // takes effect once nobody holds it
	if out, err := exec.CommandContext(t.Context(), "losetup", device, first).CombinedOutput(); err == nil {
		t.Errorf("a disk that is held was exchanged: %s", out)
	}
}

// TestOracleStickLargeSectors: a disk that can be no medium is refused before anybody is asked.
func TestOracleStickLargeSectors(t *testing.T) {
	needPrograms(t, "losetup")
	name := filepath.Join(t.TempDir(), "large.img")
	if err := os.WriteFile(name, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	device := strings.TrimSpace(command(t, "losetup", "-f", "--show", "-b", "4096", name))
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	if text := refused(t, 4, "image", "live", "-o", device, "--yes"); !strings.Contains(text, "sectors of 4096 bytes") || !strings.Contains(text, "nothing was changed") {
		t.Error(text)
	}
}
