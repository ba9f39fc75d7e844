package vhdx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hangkit/image/container/containertest"
)

// TestOracleDirtyLog: the log that we leave behind in a cut is one that QEMU
// replays, and what it makes of the image is what we read in it.
func TestOracleDirtyLog(t *testing.T) {
	t.Parallel()
	m, text := dirty(t)
	path := filepath.Join(t.TempDir(), "dirty.vhdx")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "check", "-f", "vhdx", "-r", "all", path)
	run(t, "qemu-img", "check", "-f", "vhdx", path)
	replayed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(containertest.Load(replayed))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, d, text, 2*mib)
}

// TestOracleReplayed has QEMU judge an image whose log we replayed.
func TestOracleReplayed(t *testing.T) {
	t.Parallel()
	m, _ := dirty(t)
	d, err := open(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.WriteAt([]byte("more"), 3*mib); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "replayed.vhdx")
	if err := os.WriteFile(path, m.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "qemu-img", "check", "-f", "vhdx", path)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatalf("%s is not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
