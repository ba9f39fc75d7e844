package offline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/image"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// openHiveEdit opens SYSTEM of the only installation of a disk, as the commands do.
func openHiveEdit(d image.Disk, flags *HiveEditFlags) (*hiveEdit, error) {
	return openEditOf(d, systemKind, flags)
}

func openEditOf(d image.Disk, name string, flags *HiveEditFlags) (*hiveEdit, error) {
	t, err := target.FromDisk("disk", d, flags.mode())
	if err != nil {
		return nil, err
	}
	s := &scan{}
	s.addTarget(t)
	f := s.installs[0]
	hiveFlags := &HiveFlags{Target: "disk", Hive: name}
	at, err := hiveFlags.pathIn(f)
	if err != nil {
		return nil, err
	}
	p := &place{scan: s, found: f, volume: f.Volume, path: at, flags: hiveFlags}
	e := &hiveEdit{at: p, flags: flags, now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	e.hiveWriter = flags.writer(ui.New(nil, io.Discard, io.Discard), p.volume, p.path)
	return e, e.open("")
}

// someEdits is a text with a new key, a changed value and a deletion.
func someEdits() *regtext.File {
	return &regtext.File{Keys: []regtext.Key{
		{Path: `CurrentControlSet\Services\new`, Values: []regtext.Value{
			{Name: "Start", Type: hive.DWORD, Data: hive.EncodeDWORD(4)},
			{Name: "Bytes", Type: hive.Binary, Data: bytes.Repeat([]byte{0xA5}, 6000)},
		}},
		{Path: "Select", Values: []regtext.Value{{Name: "Failed", Type: hive.DWORD, Data: hive.EncodeDWORD(7)}}},
		{Path: `ControlSet001\Services\kbdhid`, Delete: true},
	}}
}

// editDisk makes the changes of a text as hive import does, undo text and all.
func editDisk(t *testing.T, d image.Disk, text *regtext.File) (*hiveEdit, error) {
	t.Helper()
	flags := &HiveEditFlags{EditFlags: EditFlags{Yes: true}, Undo: filepath.Join(t.TempDir(), "undo.reg"), Generation: "auto"}
	e, err := openHiveEdit(d, flags)
	if err != nil {
		return nil, err
	}
	return e, errors.Join(e.run(t.Context(), "test", text), e.Close())
}

// TestHiveEditCrashCuts cuts the power after every 512 bytes of an edit's writes,
// through the NTFS volume, and in those of its undo.
func TestHiveEditCrashCuts(t *testing.T) {
	t.Parallel()
	for _, c := range cutCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := testVolume(t, c.files)
			var undo string
			cutEdit(t, disk, c.step, func(d image.Disk) error {
				e, err := editDisk(t, d, someEdits())
				if err == nil {
					undo = e.doc.Undo
				}
				return err
			})
			edited := image.NewOverlay(disk)
			if _, err := editDisk(t, edited, someEdits()); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(undo)
			if err != nil {
				t.Fatal(err)
			}
			back, err := regtext.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			cutEdit(t, edited, c.step, func(d image.Disk) error {
				_, err := editDisk(t, d, back)
				return err
			})
		})
	}
}

// hiveText is all of a hive as a text: what a change must bring back.
func hiveText(t *testing.T, h *hive.Hive) string {
	t.Helper()
	root, err := h.Key("")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := regtext.Export(&b, root, "x", regtext.UTF8); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHiveEditFaults lets every write and every flush of an edit fail once: the error is
// told, and the hive loads as it was or as it was to be.
func TestHiveEditFaults(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Windows7()))
	failEach(t, disk, func(d image.Disk) error {
		_, err := editDisk(t, d, someEdits())
		return err
	})
}

// TestHiveEditInterrupted: an interrupt before the first write leaves everything as it is.
func TestHiveEditInterrupted(t *testing.T) {
	t.Parallel()
	disk := image.NewRecorder(testVolume(t, sampleFiles(t, sample.Client())))
	undo := filepath.Join(t.TempDir(), "undo.reg")
	e, err := openHiveEdit(disk, &HiveEditFlags{EditFlags: EditFlags{Yes: true}, Undo: undo, Generation: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = e.run(ctx, "test", someEdits())
	if told := ui.Explain(err, rules); told.Status != ui.Interrupted || told.Effect != ui.Unchanged {
		t.Errorf("%+v", told)
	}
	if len(disk.Ops()) != 0 || exists(undo) {
		t.Error("something was written")
	}
}

// TestHiveJournal cuts an unprotected edit in which the hive grows: the old bytes bring
// the old hive back, wherever the growth ended. A file of a whole number of growth
// steps is padded to the next one by a write of its own.
func TestHiveJournal(t *testing.T) {
	t.Parallel()
	const growthStep = 256 << 10
	old := sampleFiles(t, sample.Windows7())["SYSTEM"]
	padded := append(bytes.Clone(old), make([]byte, (growthStep-len(old)%growthStep)%growthStep)...)
	for name, old := range map[string][]byte{"as it is": old, "padded": padded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			name := filepath.Join(dir, "SYSTEM")
			for stop, steps := 0, 1; stop < steps; stop++ {
				for _, part := range []int{0, 512, 1 << 20} {
					if err := os.WriteFile(name, old, 0o600); err != nil {
						t.Fatal(err)
					}
					steps = cutGrowth(t, name, stop, part)
					checkPutBack(t, name, old)
				}
			}
		})
	}
}

// checkPutBack undoes an interrupted edit by its old bytes, dry first.
func checkPutBack(t *testing.T, name string, old []byte) {
	t.Helper()
	j := filepath.Join(filepath.Dir(name), "bytes.json")
	hangkit(t, 0, "undo", name, "--bytes", j, "--dry-run")
	hangkit(t, 0, "undo", name, "--bytes", j, "--yes")
	now, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now[:len(old)], old) {
		t.Fatal("the old hive is not back")
	}
	if err := os.Remove(j); err != nil {
		t.Fatal(err)
	}
}

// TestHiveJournalOfOther: the old bytes of any hive of an installation find their way back.
func TestHiveJournalOfOther(t *testing.T) {
	t.Parallel()
	files := unprotected(t)
	disk := testVolume(t, files)
	e, err := openEditOf(disk, "SOFTWARE", &HiveEditFlags{EditFlags: EditFlags{Yes: true}, Generation: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	text := &regtext.File{Keys: []regtext.Key{{Path: `HKLM\SOFTWARE\New`, Values: []regtext.Value{{Name: "x", Type: hive.DWORD, Data: hive.EncodeDWORD(1)}}}}}
	if err := e.prepare(t.Context(), "test", text); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "bytes.json")
	if err := e.saveJournal(name); err != nil {
		t.Fatal(err)
	}
	e.commit.Writes = e.commit.Writes[:2]
	if err := errors.Join(e.commit.Run(e.targets()), e.Close()); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(hiveFiles(t, disk, files)["SOFTWARE"], files["SOFTWARE"]) {
		t.Fatal("nothing was written")
	}
	if err := putBack(t, readBytes(t, name), disk); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(hiveFiles(t, disk, files)["SOFTWARE"], files["SOFTWARE"]) {
		t.Error("the old hive is not back")
	}
}

// cutGrowth begins an edit that makes the hive grow and has no log, stops after so many
// bytes of one of its writes, and tells how many writes there are.
func cutGrowth(t *testing.T, name string, stop, part int) (steps int) {
	t.Helper()
	dir := filepath.Dir(name)
	f := &HiveFlags{Target: filepath.Dir(dir), Hive: filepath.Base(dir) + "/system"} // another name for what undo is told
	flags := &HiveEditFlags{EditFlags: EditFlags{Yes: true}, Generation: "dirt"}
	e, err := beginHiveEdit(t.Context(), ui.New(nil, io.Discard, io.Discard), f, "", flags)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	grow := &regtext.File{Keys: []regtext.Key{{Path: "Big", Values: []regtext.Value{{Name: "x", Type: hive.Binary, Data: make([]byte, 300<<10)}}}}}
	if err := e.prepare(t.Context(), "test", grow); err != nil {
		t.Fatal(err)
	}
	if e.commit.Protocol != hive.Direct || e.commit.Writes[0].Off+int64(len(e.commit.Writes[0].Data)) <= e.set.Primary.Size() {
		t.Fatalf("protocol %v, first write at %#x: the hive does not grow", e.commit.Protocol, e.commit.Writes[0].Off)
	}
	if err := e.saveJournal(filepath.Join(dir, "bytes.json")); err != nil {
		t.Fatal(err)
	}
	steps = len(e.commit.Writes)
	last := e.commit.Writes[stop]
	last.Data = last.Data[:min(part, len(last.Data))]
	e.commit.Writes = append(slices.Clone(e.commit.Writes[:stop]), last)
	if err := e.commit.Run(e.targets()); err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestHiveUndo: whatever an edit does, its undo text brings every key, value and byte of
// data back.
func TestHiveUndo(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Client()))
	before := hiveText(t, loaded(t, disk))
	e, err := editDisk(t, disk, someEdits())
	if err != nil {
		t.Fatal(err)
	}
	if hiveText(t, loaded(t, disk)) == before {
		t.Fatal("nothing was changed")
	}
	data, err := os.ReadFile(e.doc.Undo)
	if err != nil {
		t.Fatal(err)
	}
	back, err := regtext.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := editDisk(t, disk, back); err != nil {
		t.Fatal(err)
	}
	if hiveText(t, loaded(t, disk)) != before {
		t.Error("the undo text does not bring everything back")
	}
}

// loaded is the SYSTEM hive of a disk as Windows would load it.
func loaded(t *testing.T, d image.Disk) *hive.Hive {
	t.Helper()
	opened, err := target.FromDisk("disk", d, target.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	set, err := target.OpenHiveSet(opened.Volumes[0].FS, "Windows/System32/config/SYSTEM", false)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hive.Open(source(set))
	if err != nil {
		t.Fatal(err)
	}
	return h
}
