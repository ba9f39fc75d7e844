package offline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/imagetest"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// unprotected is a registry whose logs are missing.
func unprotected(t *testing.T) map[string][]byte {
	t.Helper()
	files := sampleFiles(t, sample.Windows7())
	delete(files, "SYSTEM.LOG1")
	delete(files, "SYSTEM.LOG2")
	return files
}

// journalledArm arms a disk without logs and returns the journal it kept.
func journalledArm(t *testing.T, d image.Disk) *journal {
	t.Helper()
	e := editOf(t, d)
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	if err := e.apply(t.Context(), plan, crashconfig.NewRecord(e.facts, "test", now), &editDocument{}, now); err != nil {
		t.Fatal(err)
	}
	if e.commit.Protocol != hive.Direct {
		t.Fatalf("protocol %v, want %v", e.commit.Protocol, hive.Direct)
	}
	name := filepath.Join(t.TempDir(), "bytes.json")
	if err := e.saveJournal(name); err != nil {
		t.Fatal(err)
	}
	j := readBytes(t, name)
	if err := e.write(t.Context(), plan.Changes); err != nil {
		t.Fatal(err)
	}
	if err := e.dropJournal(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old bytes outlived the write: %v", err)
	}
	return j
}

// readBytes reads a journal.
func readBytes(t *testing.T, name string) *journal {
	t.Helper()
	back, err := readWayBack(name)
	if err != nil {
		t.Fatal(err)
	}
	j, ok := back.(*journal)
	if !ok {
		t.Fatalf("%s is a %T", name, back)
	}
	return j
}

func editOf(t *testing.T, d image.Disk) *edit {
	t.Helper()
	e, err := openEdit(d, EditFlags{Yes: true})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func scanOf(t *testing.T, d image.Disk) *scan {
	t.Helper()
	opened, err := target.FromDisk("disk", d, target.Writable)
	if err != nil {
		t.Fatal(err)
	}
	s := &scan{}
	s.addTarget(opened)
	return s
}

// putBack does what undo --bytes does, on a disk.
func putBack(t *testing.T, j *journal, d image.Disk) error {
	t.Helper()
	to, err := j.open(scanOf(t, d).installs[0], false)
	if err != nil {
		return err
	}
	defer to.Close()
	return to.restore(t.Context(), nil)
}

// TestUndoBytes cuts an unprotected write, and the way back from it, after every
// sector: in the end every byte of the hive is as it was.
func TestUndoBytes(t *testing.T) {
	t.Parallel()
	files := unprotected(t)
	disk := testVolume(t, files)
	armed := image.NewRecorder(image.NewOverlay(disk))
	j := journalledArm(t, armed)
	cuts, again := 0, 0
	for cut, state := range imagetest.Cuts(disk, armed.Ops(), 512) {
		back := image.NewRecorder(image.NewOverlay(state))
		if err := putBack(t, j, back); err != nil {
			t.Fatalf("%v: %v", cut, err)
		}
		if !bytes.Equal(hiveFiles(t, back, files)["SYSTEM"], files["SYSTEM"]) {
			t.Fatalf("%v: the hive is not as it was", cut)
		}
		cuts++
		for second, half := range imagetest.Cuts(state, back.Ops(), 4096) {
			if err := putBack(t, j, half); err != nil {
				t.Fatalf("%v, then %v: %v", cut, second, err)
			}
			if !bytes.Equal(hiveFiles(t, half, files)["SYSTEM"], files["SYSTEM"]) {
				t.Fatalf("%v, then %v: the hive is not as it was", cut, second)
			}
			again++
		}
	}
	t.Logf("%d cuts, %d more on the way back", cuts, again)
}

// TestUndoBytesElsewhere: the old bytes of one hive never go into another.
func TestUndoBytesElsewhere(t *testing.T) {
	t.Parallel()
	files := unprotected(t)
	j := journalledArm(t, testVolume(t, files))

	other := testVolume(t, map[string][]byte{"SYSTEM": sampleFiles(t, sample.Client())["SYSTEM"]})
	if err := putBack(t, j, other); err == nil {
		t.Error("another machine's hive was overwritten")
	}

	changed := bytes.Clone(files["SYSTEM"])
	changed[j.Writes[len(j.Writes)/2].Offset+17] ^= 0xff
	if err := putBack(t, j, testVolume(t, map[string][]byte{"SYSTEM": changed})); !errors.Is(err, errNotInterrupted) {
		t.Errorf("a hive that has changed since: %v, want %v", err, errNotInterrupted)
	}
}

func TestBadJournals(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "{}", `{"schema":"hangkit/other/1"}`, `{"schema":"hangkit/undo-bytes/1","writes":[{"old":"zz"}]}`, strings.Repeat("[", 1000)} {
		name := filepath.Join(t.TempDir(), "bytes.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readWayBack(name); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// TestInterruptedBeforeTheFirstWrite: --yes does not outweigh an interrupt.
func TestInterruptedBeforeTheFirstWrite(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client())})
	before := fileDigest(t, img)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var errOut bytes.Buffer
	status := run(ctx, []string{"arm", img, "--yes", "--record", filepath.Join(t.TempDir(), "undo.json")}, nil, io.Discard, &errOut)
	if status != ui.Interrupted || !strings.Contains(errOut.String(), "nothing was changed") {
		t.Errorf("exit status %d, said %s", status, &errOut)
	}
	if fileDigest(t, img) != before {
		t.Error("the image was changed")
	}
}

// TestRecordFirst: without an undo record on stable storage nothing is written.
func TestRecordFirst(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client())})
	before := fileDigest(t, img)
	taken := filepath.Join(t.TempDir(), "undo.json")
	if err := os.WriteFile(taken, []byte("an older record"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{taken, filepath.Join(t.TempDir(), "no", "such", "folder.json")} {
		text := refused(t, 1, "arm", img, "--yes", "--record", name)
		if !strings.Contains(text, "--record FILE") || !strings.Contains(text, "nothing was changed") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if data, _ := os.ReadFile(taken); string(data) != "an older record" || fileDigest(t, img) != before {
		t.Error("something was changed")
	}
}

// TestStale: what somebody else wrote between plan and write stops the write.
func TestStale(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Client()))
	e := editOf(t, disk)
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := e.apply(t.Context(), plan, nil, &editDocument{}, now); err != nil {
		t.Fatal(err)
	}
	if err := armDisk(disk, crashconfig.Settings{Dump: crashconfig.Complete}); err != nil {
		t.Fatal(err)
	}
	after := recovered(t, disk)
	if err := e.write(t.Context(), plan.Changes); !errors.Is(err, hive.ErrStale) {
		t.Errorf("%v, want %v", err, hive.ErrStale)
	}
	if recovered(t, disk) != after {
		t.Error("the write went ahead")
	}
}

// TestNextCommand: the command that is printed names the installation that was worked on.
func TestNextCommand(t *testing.T) {
	t.Parallel()
	one, two := testVolume(t, sampleFiles(t, sample.Client())), testVolume(t, sampleFiles(t, sample.Client()))
	s := scanOf(t, one)
	for _, other := range scanOf(t, two).targets {
		s.addTarget(other)
	}
	o := &opened{found: s.installs[1], scan: s, ram: 6 << 30}
	if got := armTarget(o); got != "disk --ram 6G" {
		t.Errorf("%q: the second disk has one installation, which needs no number", got)
	}
	if got := o.complete("run hangkit arm, then restart; hangkit undo"); got != "run hangkit arm disk --ram 6G, then restart; hangkit undo disk" {
		t.Errorf("%q", got)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"block_size_bytes": "8000000\n", "memory0/state": "online\n", "memory1/state": "online\n", "memory2/state": "offline\n"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got := memoryBlocks(dir); got != 256<<20 {
		t.Errorf("%d bytes, want 256 MiB", got)
	}
	info := filepath.Join(dir, "meminfo")
	if err := os.WriteFile(info, []byte("MemFree: 1 kB\nMemTotal:  2048 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := memTotal(info); got != 2<<20 {
		t.Errorf("%d bytes, want 2 MiB", got)
	}
}

// TestUncertain: with no target named, what could not be looked at may hold the Windows
// that is meant.
func TestUncertain(t *testing.T) {
	t.Parallel()
	s := scanOf(t, testVolume(t, sampleFiles(t, sample.Client())))
	if unseen := s.unreadable(); len(unseen) != 0 {
		t.Errorf("unreadable: %v", unseen)
	}
	locked := image.NewMemory(1<<20, 512)
	if _, err := locked.WriteAt([]byte("\xeb\x58\x90-FVE-FS-"), 0); err != nil {
		t.Fatal(err)
	}
	for _, other := range scanOf(t, locked).targets {
		s.addTarget(other)
	}
	unseen := s.unreadable()
	if len(unseen) != 1 {
		t.Fatalf("unreadable: %v, want the locked volume", unseen)
	}
	e := ui.Explain(uncertain(s.installs[0], unseen), rules)
	if e.Status != ui.Refused || len(e.Hints) != 2 {
		t.Errorf("%+v", e)
	}
}

// TestIsDrive: what stands for an image file says nothing about this machine.
func TestIsDrive(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"/dev/sda": true, "/dev/nvme0n1": true, "/dev/vda": true, "/dev/loop3": false, "/dev/nbd0": false, "/dev/zram0": false} {
		if got := isDrive(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}

// TestSecondRecordNeedsRoom: an arm whose record finds no room beside an older one is
// refused, for undo would take the older one first.
func TestSecondRecordNeedsRoom(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Client()))
	e := editOf(t, disk)
	defer e.Close()
	if err := e.mayLackRecord(); err != nil {
		t.Errorf("the first record: %v", err)
	}
	if err := armDisk(disk, crashconfig.Settings{}); err != nil {
		t.Fatal(err)
	}
	again := editOf(t, disk)
	defer again.Close()
	if status := ui.Explain(again.mayLackRecord(), rules).Status; status != ui.Refused {
		t.Errorf("the second record: status %d, want %d", status, ui.Refused)
	}
}

// TestJournalWhere leaves out what was not known.
func TestJournalWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		j    journal
		want string
	}{
		{journal{Hive: "SYSTEM"}, "SYSTEM"},
		{journal{Hive: "SYSTEM", Serial: "1f"}, "SYSTEM on volume 1f"},
		{journal{Hive: "SYSTEM", Serial: "1f", Machine: "PC"}, "SYSTEM on volume 1f of machine PC"},
	} {
		if got := c.j.where(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
