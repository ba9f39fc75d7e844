package offline

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

// mountTarget is a file system of its own, with options of mount(8).
func mountTarget(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("hangkit", dir, "tmpfs", flags, options); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting is for root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// patient is a folder that holds a Windows with a dump of so many pages and a log of so
// many bytes.
func patient(t *testing.T, pages, logSize int) (dir string) {
	t.Helper()
	dump, err := dumptest.Build(dumptest.Spec{Pages: pages, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	log := make([]byte, logSize)
	random := rand.NewChaCha8([32]byte{2})
	if _, err := random.Read(log); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, content := range map[string][]byte{"MEMORY.DMP": dump, "Panther/setupact.log": log, "Panther/setuperr.log": []byte("small")} {
		name = filepath.Join(dir, "Windows", filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// collectInto runs hangkit collect and returns its exit status and what it said.
func collectInto(t *testing.T, args ...string) (status int, said string) {
	t.Helper()
	b, err := asHangkit(t, append([]string{"collect"}, args...)...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(b)
}

// TestCollectToReadOnly: a target that cannot be written is told by name, also where
// the folder on it would have to be made.
func TestCollectToReadOnly(t *testing.T) {
	t.Parallel()
	dir, target := patient(t, 96, 10), mountTarget(t, syscall.MS_RDONLY, "")
	for _, out := range []string{target, filepath.Join(target, "new", "deep")} {
		status, said := collectInto(t, dir, "-o", out)
		if status != 1 || !strings.Contains(said, collect.ErrReadOnly.Error()) || !strings.Contains(said, "name a folder that can be written") {
			t.Errorf("exit status %d\n%s", status, said)
		}
	}
}

// TestCollectToFull fills the target in the midst of the logs, or with the dump. What
// fitted is valid and listed, and the rest comes when there is room.
func TestCollectToFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pages, log  int
		came, short string
	}{
		"logs": {96, 3 << 20, "dumps/*.dmp", "setupact.log"},
		"dump": {600, 5000, "logs/Windows/Panther/setupact.log", "MEMORY.DMP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, out := patient(t, c.pages, c.log), mountTarget(t, 0, "size=2m")
			status, said := collectInto(t, dir, "-o", out, "--no-hash", "--split", "4G")
			if status != 3 || !strings.Contains(said, collect.ErrTargetFull.Error()) || !strings.Contains(said, c.short) ||
				!strings.Contains(said, "make room on the target first") || !strings.Contains(said, "--resume") || strings.Contains(said, "report.html: report.html") {
				t.Fatalf("exit status %d\n%s", status, said)
			}
			came, err := filepath.Glob(filepath.Join(out, "hangkit-unknown-*", filepath.FromSlash(c.came)))
			if err != nil || len(came) != 1 {
				t.Fatalf("%q, %v\n%s", came, err, said)
			}
			m, err := collect.ReadManifest(manifestIn(t, out))
			if err != nil || m.Completed != nil {
				t.Errorf("%+v, %v", m, err)
			}
			if err := syscall.Mount("hangkit", out, "tmpfs", syscall.MS_REMOUNT, "size=32m"); err != nil {
				t.Fatal(err)
			}
			bundle := filepath.Dir(manifestIn(t, out))
			if status, said = collectInto(t, dir, "-o", bundle, "--resume"); status != 80 || !strings.Contains(said, "begun with --no-hash --split 4096M") {
				t.Errorf("exit status %d\n%s", status, said)
			}
			if status, said = collectInto(t, dir, "-o", bundle, "--resume", "--no-hash", "--split", "4096M"); status != 0 {
				t.Fatalf("exit status %d\n%s", status, said)
			}
			compareBundle(t, dir, out)
		})
	}
}

// TestKilledBundle kills the program (kill -9) in every part of a collection. What is
// left is found by --resume, which ends with one bundle that holds everything once.
func TestKilledBundle(t *testing.T) {
	t.Parallel()
	dir := patient(t, 600, 8<<20)
	for _, part := range []string{".hangkit-unfinished.json", "dumps/*", "manifest.json", "logs/Windows/*", "report.html"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			begun := func() bool {
				found, err := filepath.Glob(filepath.Join(out, "hangkit-*", filepath.FromSlash(part)))
				return err == nil && len(found) > 0
			}
			status, said := signalWhen(t, os.Kill, begun, "collect", dir, "-o", out)
			if status > 0 {
				t.Fatalf("exit status %d\n%s", status, said)
			}
			t.Logf("killed: %t", status < 0)
			args := []string{dir, "-o", out}
			if marks, err := filepath.Glob(filepath.Join(out, "hangkit-*", ".hangkit-unfinished.json")); err != nil || len(marks) > 0 {
				args = []string{dir, "-o", filepath.Dir(marks[0]), "--resume"}
			} else if err := errors.Join(os.RemoveAll(out), os.Mkdir(out, 0o700)); err != nil { // it was through
				t.Fatal(err)
			}
			if status, said = collectInto(t, args...); status != 0 {
				t.Fatalf("exit status %d\n%s", status, said)
			}
			compareBundle(t, dir, out)
		})
	}
}

// TestCollectBusy: a collection that another hangkit is writing is left to it, and none
// begins in its place.
func TestCollectBusy(t *testing.T) {
	t.Parallel()
	dir, out := patient(t, 96, 10), t.TempDir()
	b, err := collect.NewBundle(out, collect.BundleID{What: "all", Begun: time.Now()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, said := collectInto(t, dir, "-o", b.Dir, "--resume")
	if status != 4 || !strings.Contains(said, collect.ErrBundleBusy.Error()) {
		t.Errorf("exit status %d\n%s", status, said)
	}
	if found, err := os.ReadDir(b.Dir); err != nil || len(found) != 1 {
		t.Errorf("in the bundle: %v, %v", found, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if status, said = collectInto(t, dir, "-o", b.Dir, "--resume"); status != 0 {
		t.Fatalf("exit status %d\n%s", status, said)
	}
	compareBundle(t, dir, out)
}

// manifestIn is the manifest of the only bundle in a folder.
func manifestIn(t *testing.T, out string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(out, "hangkit-*", collect.ManifestName))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	return found[0]
}

// compareBundle compares the only bundle in a folder with what patient made.
func compareBundle(t *testing.T, dir, out string) {
	t.Helper()
	checkNothingHidden(t, out)
	name := manifestIn(t, out)
	m, err := collect.ReadManifest(name)
	if err != nil || m.Completed == nil || len(m.Dumps) != 1 || len(m.Logs) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	bundle := filepath.Dir(name)
	sameFiles(t, filepath.Join(dir, m.Dumps[0].Path), filepath.Join(bundle, m.Dumps[0].Copy.Name))
	for _, l := range m.Logs {
		sameFiles(t, filepath.Join(dir, l.Path), filepath.Join(bundle, l.Name))
	}
	dumps, err := os.ReadDir(filepath.Join(bundle, collect.DumpsFolder))
	if err != nil || len(dumps) != 1 {
		t.Errorf("%v, %v", dumps, err)
	}
}
