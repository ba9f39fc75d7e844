package offline

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumptest"
	"hangkit/image"
	"hangkit/ntfs/format"
)

// TestKilledCollect kills the program itself again and again while it copies a dump
// out of a fragmented page file (kill -9), each time further on, and lets it end with
// --resume.
func TestKilledCollect(t *testing.T) {
	t.Parallel()
	kills, size := 3, int64(96<<20)
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		kills, size = 10, 320<<20
	}
	dir := t.TempDir()
	disk, want := filepath.Join(dir, "disk.img"), filepath.Join(dir, "want")
	makeDumpVolume(t, disk, want, size)
	out := filepath.Join(dir, "out")
	args := []string{"collect", disk, "-o", out, "--no-verify"}
	killed := 0
	for i := range kills {
		if killWhen(t, out, size*int64(i+1)/int64(kills+1), args...) {
			killed++
		} else if err := os.RemoveAll(out); err != nil { // it was through before the kill
			t.Fatal(err)
		}
		if i == 0 {
			args = append(args, "--resume")
		}
	}
	t.Logf("killed %d times", killed)
	if b, err := asHangkit(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	found, err := filepath.Glob(filepath.Join(out, "hangkit-unknown-*", "dumps", "pagefile*.dmp"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	sameFiles(t, want, found[0])
	checkNothingHidden(t, out)
}

// checkNothingHidden demands one bundle, and in it no file that only an unfinished
// collection has.
func checkNothingHidden(t *testing.T, out string) {
	t.Helper()
	bundles, err := os.ReadDir(out)
	if err != nil || len(bundles) != 1 {
		t.Errorf("in the folder: %v, %v", bundles, err)
	}
	err = filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".") {
			t.Errorf("left behind: %s", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// makeDumpVolume makes a volume with a dump in pieces, and a copy of the dump.
func makeDumpVolume(t *testing.T, disk, plain string, size int64) {
	t.Helper()
	dump, err := dumptest.NewReader(dumptest.Spec{Pages: int(size >> 12), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(plain)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dump.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.WriteFile(disk, nil, 0o600), os.Truncate(disk, 2*size)); err != nil {
		t.Fatal(err)
	}
	device, err := image.Open(disk, true)
	if err != nil {
		t.Fatal(err)
	}
	err = format.Write(device, format.Options{Seed: 1, Root: []format.Entry{
		{Name: "pagefile.sys", Content: dump, Size: dump.Size(), Fragments: 300},
	}})
	if err := errors.Join(err, device.Close()); err != nil {
		t.Fatal(err)
	}
}

// asHangkit is this test's own binary under the program's name.
func asHangkit(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "hangkit")
	if err := os.Symlink(self, name); err != nil {
		t.Skip(err)
	}
	return exec.CommandContext(t.Context(), name, args...)
}

// killWhen runs hangkit and kills it when its unfinished output has so many bytes.
// It tells whether that came before the end.
func killWhen(t *testing.T, out string, at int64, args ...string) bool {
	t.Helper()
	status, said := signalWhen(t, os.Kill, func() bool { return unfinishedSize(out) >= at }, args...)
	if status > 0 {
		t.Fatalf("exit status %d\n%s", status, said)
	}
	return status != 0
}

// signalWhen runs hangkit and sends it a signal as soon as it is time. It returns the
// exit status, -1 for one that was killed, and what was said.
func signalWhen(t *testing.T, signal os.Signal, isTime func() bool, args ...string) (status int, said string) {
	t.Helper()
	cmd := asHangkit(t, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for sent := false; ; {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), text.String()
		case <-time.After(time.Millisecond):
		}
		if !sent && isTime() {
			sent = true
			_ = cmd.Process.Signal(signal) // it may have ended by itself
		}
	}
}

// TestInterruptedCollect stops the program as Ctrl-C does while it packs a dump, and
// lets it end with --resume.
func TestInterruptedCollect(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted there")
	}
	dir := t.TempDir()
	disk, want := filepath.Join(dir, "disk.img"), filepath.Join(dir, "want")
	makeDumpVolume(t, disk, want, 56<<20)
	out := filepath.Join(dir, "out")
	args := []string{"collect", disk, "-o", out, "--compress", "--no-verify"}
	const interrupted = 130
	for range 3 {
		status, said := signalWhen(t, os.Interrupt, func() bool { return journalLines(out) > 1 }, args...)
		if status == 0 { // it was through before the interrupt
			if err := os.RemoveAll(out); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if status != interrupted || !strings.Contains(said, "are kept: the same command with --resume goes on") {
			t.Fatalf("exit status %d\n%s", status, said)
		}
		b, err := asHangkit(t, append(args, "--resume")...).CombinedOutput()
		if err != nil || !strings.Contains(string(b), "going on with "+out) {
			t.Fatalf("%v\n%s", err, b)
		}
		found, err := filepath.Glob(filepath.Join(out, "hangkit-*", "dumps", "*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%q, %v", found, err)
		}
		sameContents(t, want, found[0])
		checkNothingHidden(t, out)
		return
	}
	t.Error("it was through before every interrupt")
}

// journalLines is how many lines the journal of the copy under way has: the first says
// what is copied, the others how far it is.
func journalLines(out string) int {
	names, err := filepath.Glob(filepath.Join(out, "hangkit-*", "dumps", ".hangkit-0.journal"))
	if err != nil || len(names) != 1 {
		return 0
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		return 0 // the copy has ended
	}
	return bytes.Count(b, []byte("\n"))
}

// unfinishedSize is the size of the copy that is under way below a folder.
func unfinishedSize(out string) int64 {
	names, err := filepath.Glob(filepath.Join(out, "hangkit-*", "dumps", ".hangkit-0.tmp"))
	if err != nil || len(names) != 1 {
		return 0
	}
	info, err := os.Stat(names[0])
	if err != nil {
		return 0 // it has got its name
	}
	return info.Size()
}

// sameContents compares a file with the dump in a copy of any form.
func sameContents(t *testing.T, want, copied string) {
	t.Helper()
	x, err := os.Open(want)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := collect.OpenCopy(copied)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	sameBytes(t, x, io.NewSectionReader(y, 0, y.Size()))
}

func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := os.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	sameBytes(t, x, y)
}

func sameBytes(t *testing.T, x, y io.Reader) {
	t.Helper()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(x, p)
		m, other := io.ReadFull(y, q)
		if n != m || !bytes.Equal(p[:n], q[:m]) {
			t.Fatal("the copy differs")
		}
		if err != nil || other != nil {
			return
		}
	}
}
