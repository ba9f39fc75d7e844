package offline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/image"
	"hangkit/image/imagetest"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// fullHive is a SYSTEM hive of a made-up machine without a free cell that a change could
// use, as a file with nothing behind the last bin.
func fullHive(o sample.Options) ([]byte, error) { return crowdedHive(o, 16) }

// crowdedHive is a SYSTEM hive without room for a cell of so many bytes.
func crowdedHive(o sample.Options, least int) ([]byte, error) {
	h, err := sample.System(o)
	if err != nil {
		return nil, err
	}
	h.AllowGrowth(h.Size())
	for size, n := 16<<10, 0; size >= least; n++ {
		err := h.SetValue(`Full`, hive.Value{Name: strings.Repeat("x", 1+n%200) + string(rune('a'+n/200)), Type: hive.Binary, Data: make([]byte, size)})
		if errors.Is(err, hive.ErrNoRoom) {
			size /= 2
		} else if err != nil {
			return nil, err
		}
	}
	return h.Bytes()
}

// fullFiles is a registry whose SYSTEM has no room, and logs that have.
func fullFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := sampleFiles(t, sample.Client())
	var err error
	if files["SYSTEM"], err = fullHive(sample.Client()); err != nil {
		t.Fatal(err)
	}
	return files
}

// cleanVolume is testVolume, dismounted cleanly.
func cleanVolume(t *testing.T, files map[string][]byte) *image.Memory {
	t.Helper()
	return volumeLeft(t, files, format.Options{Log: format.LogClean})
}

// structureOf is what the structural check of a disk of one volume finds.
func structureOf(t *testing.T, d image.Disk) *verify.Report {
	t.Helper()
	report, err := verify.Check(t.Context(), d, d.Size(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// mustBeSound allows what a power cut in a replacement may leave: leaks.
func mustBeSound(t *testing.T, d image.Disk) (leaks int64) {
	t.Helper()
	report := structureOf(t, d)
	if worst, _ := report.Worst(leftKinds...); worst > verify.Leak || report.Incomplete != "" {
		t.Fatalf("the volume is not sound: %v %s", report.Findings, report.Incomplete)
	}
	return report.Counts[verify.LeakedCluster]
}

// TestArmReplaces: a hive without room is replaced by a larger one on a clean volume, and
// armed and undone like any other.
func TestArmReplaces(t *testing.T) {
	t.Parallel()
	disk := cleanVolume(t, fullFiles(t))
	before := hiveText(t, loaded(t, disk))
	old := hiveFiles(t, disk, fullFiles(t))
	if err := armDisk(disk, crashconfig.Settings{}); err != nil {
		t.Fatal(err)
	}
	now := hiveFiles(t, disk, old)
	if len(now["SYSTEM"]) <= len(old["SYSTEM"]) {
		t.Errorf("SYSTEM has %d bytes, it had %d", len(now["SYSTEM"]), len(old["SYSTEM"]))
	}
	for name := range old {
		if name != "SYSTEM" && !bytes.Equal(old[name], now[name]) {
			t.Errorf("%s was changed", name)
		}
	}
	if loaded(t, disk).Recovery().Dirty || mustBeSound(t, disk) != 0 {
		t.Error("the hive needs a log, or clusters leaked")
	}
	if err := undoDisk(disk); err != nil {
		t.Fatal(err)
	}
	if hiveText(t, loaded(t, disk)) != before {
		t.Error("undo does not bring everything back")
	}
	mustBeSound(t, disk)
}

// replaceCases are hives that are replaced, each for its own reason.
func replaceCases(t *testing.T) []cutCase {
	t.Helper()
	full := fullFiles(t)
	noLogs := unprotected(t)
	step := 4096
	if requireOracles() {
		step = 512
	}
	return []cutCase{{"full", full, step}, {"no logs", noLogs, step}, {"full and dirty", dirtied(t, full), step}}
}

// dirtied is a full registry after a change that was cut off when the log had it: the
// hive is dirty and needs LOG1.
func dirtied(t *testing.T, files map[string][]byte) map[string][]byte {
	t.Helper()
	disk := cleanVolume(t, files)
	e, err := openHiveEdit(disk, &HiveEditFlags{EditFlags: EditFlags{Yes: true}, Generation: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	inKey := regtext.Value{Name: "Failed", Type: hive.DWORD, Data: hive.EncodeDWORD(3)} // takes no cell for its data
	text := &regtext.File{Keys: []regtext.Key{{Path: "Select", Values: []regtext.Value{inKey}}}}
	if err := e.prepare(t.Context(), "test", text); err != nil {
		t.Fatal(err)
	}
	e.commit.Writes = e.commit.Writes[:2] // the log, and the base block that says so
	if err := e.commit.Run(e.targets()); err != nil {
		t.Fatal(err)
	}
	if !loaded(t, disk).Recovery().Dirty {
		t.Fatal("the hive is clean")
	}
	return hiveFiles(t, disk, files)
}

// TestReplaceCrashCuts cuts the power within an arm that replaces SYSTEM, and within the
// undo behind it: the hive loads as it was or as it was to be, and the volume is sound but
// for clusters that nobody uses.
func TestReplaceCrashCuts(t *testing.T) {
	t.Parallel()
	for _, c := range replaceCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := cleanVolume(t, c.files)
			arm := func(d image.Disk) error { return armDisk(d, crashconfig.Settings{}) }
			cutReplace(t, disk, c.step, arm)
			if err := arm(disk); err != nil {
				t.Fatal(err)
			}
			cutEdit(t, disk, c.step, undoDisk)
		})
	}
}

// cutReplace makes a change and looks at the hive and the volume after every cut, and
// wherever the disk's cache may have put one write before another.
func cutReplace(t *testing.T, disk image.Disk, step int, change func(image.Disk) error) {
	t.Helper()
	before, after, recorder := recordEdit(t, disk, change)
	counts := map[string]int{}
	look := func(state image.Disk) {
		switch recovered(t, state) {
		case before:
			counts["old"]++
		case after:
			counts["new"]++
		default:
			t.Fatal("neither the old hive nor the new one")
		}
		if mustBeSound(t, state) > 0 {
			counts["leaks"]++
		}
	}
	for _, state := range imagetest.Cuts(disk, recorder.Ops(), step) {
		look(state)
	}
	for _, state := range imagetest.Reorders(disk, recorder.Ops()) {
		look(state)
	}
	if counts["old"] == 0 || counts["new"] == 0 {
		t.Errorf("no cut before the switch, or none behind it: %v", counts)
	}
	t.Logf("states by what loads, and those with leaked clusters: %v", counts)
}

// TestReplaceFaults lets every write and flush of an arm by replacement fail once.
func TestReplaceFaults(t *testing.T) {
	t.Parallel()
	failEach(t, cleanVolume(t, fullFiles(t)), func(d image.Disk) error { return armDisk(d, crashconfig.Settings{}) })
}

// fullImage is an image file of a volume whose SYSTEM has no room, left as the options say.
func fullImage(t *testing.T, o format.Options) string {
	t.Helper()
	return makeBroken(t, volumeSpec{files: fullFiles(t), options: o})
}

// replacedArm arms a full hive through the command, on an image file.
func replacedArm(t *testing.T, img string, args ...string) (doc editDocument) {
	t.Helper()
	args = append([]string{"arm", img, "--yes", "--json", "--record", filepath.Join(t.TempDir(), "undo.json")}, args...)
	if err := json.Unmarshal([]byte(hangkit(t, 0, args...)), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Protocol != protocolReplace || doc.Replace == nil || doc.Outcome != outcomeWritten {
		t.Fatalf("the hive was not replaced: %+v", doc)
	}
	return doc
}

// TestReplaceWayBack: what leads back is there before the first write, for its owner's
// eyes: the hive and its logs whole, the values, and the old bytes, which bring every byte
// back that is not free.
func TestReplaceWayBack(t *testing.T) {
	t.Parallel()
	old := fullFiles(t)
	img := fullImage(t, format.Options{Log: format.LogClean})
	twin := makeCopy(t, img)
	doc := replacedArm(t, img)
	for name := range old {
		if name == "SOFTWARE" {
			continue
		}
		if data, err := os.ReadFile(filepath.Join(doc.Backup, name)); err != nil || !bytes.Equal(data, old[name]) {
			t.Errorf("backup of %s: %d bytes, %v", name, len(data), err)
		}
	}
	for _, name := range []string{doc.Record, doc.OldBytes, filepath.Join(doc.Backup, "SYSTEM")} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	hangkit(t, 0, "undo", img, "--bytes", doc.OldBytes, "--dry-run")
	if out := hangkit(t, 0, "undo", img, "--bytes", doc.OldBytes, "--yes"); !strings.Contains(out, "The old bytes are back.") {
		t.Errorf("undo --bytes: %s", out)
	}
	sameBut(t, twin, img, doc.Replace.Steps[0].Ranges)
	// Once more is no harm: all is as it was.
	hangkit(t, 0, "undo", img, "--bytes", doc.OldBytes, "--yes")
	sameBut(t, twin, img, doc.Replace.Steps[0].Ranges)
}

// sameBut demands that two images differ nowhere but in these ranges.
func sameBut(t *testing.T, want, got string, ranges []rangeJSON) {
	t.Helper()
	a, b := readImage(t, want), readImage(t, got)
	for _, r := range ranges {
		copy(b[r.Offset:r.Offset+r.Length], a[r.Offset:r.Offset+r.Length])
	}
	if !bytes.Equal(a, b) {
		t.Errorf("the images differ at 0x%x", differs(a, b))
	}
}

func differs(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func readImage(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestReplaceWayBackElsewhere: old bytes never go where anything else has been written.
func TestReplaceWayBackElsewhere(t *testing.T) {
	t.Parallel()
	img := fullImage(t, format.Options{Log: format.LogClean})
	doc := replacedArm(t, img)
	tests := map[string]struct {
		damage func(b []byte)
		words  string
	}{
		"new contents": {func(b []byte) { b[doc.Replace.Steps[0].Ranges[0].Offset+5000] ^= 1 }, "neither the old contents nor the new"},
		"old clusters": {func(b []byte) { b[doc.Replace.Freed[0].Offset+5000] ^= 1 }, "hold something else"},
		"metadata": {func(b []byte) {
			at := slices.IndexFunc(doc.Replace.Steps, func(s replaceStepJSON) bool { return s.Kind == ntfs.StepFinish.String() })
			b[doc.Replace.Steps[at].Ranges[0].Offset+400] ^= 0x10
		}, "has been written since"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := readImage(t, img)
			tt.damage(data)
			other := filepath.Join(t.TempDir(), "other.img")
			if err := os.WriteFile(other, data, 0o600); err != nil {
				t.Fatal(err)
			}
			text := refused(t, 4, "undo", other, "--bytes", doc.OldBytes, "--yes")
			if !strings.Contains(text, tt.words) || !strings.Contains(text, "nothing was changed") {
				t.Errorf("%q is missing in: %s", tt.words, text)
			}
			if !bytes.Equal(readImage(t, other), data) {
				t.Error("the image was changed")
			}
		})
	}
	text := refused(t, 4, "undo", fullImage(t, format.Options{Serial: 77}), "--bytes", doc.OldBytes, "--yes")
	if !strings.Contains(text, "the old bytes are of") {
		t.Errorf("another volume: %s", text)
	}
}

// TestReplaceWayBackCuts cuts the power within an arm by replacement, and wherever that
// is the old bytes bring the old file back; then within that, and it can be done again.
func TestReplaceWayBackCuts(t *testing.T) {
	t.Parallel()
	files := fullFiles(t)
	disk := cleanVolume(t, files)
	recorder := image.NewRecorder(image.NewOverlay(disk))
	e := editOf(t, recorder)
	defer e.Close()
	x := plannedExchange(t, e)
	if err := e.writeReplaced(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := func(d image.Disk) {
		t.Helper()
		to, err := x.open(scanOf(t, d).installs[0], false)
		if err == nil {
			err = to.restore(t.Context(), ui.New(nil, io.Discard, io.Discard))
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(hiveFiles(t, d, files)["SYSTEM"], files["SYSTEM"]) || mustBeSound(t, d) != 0 {
			t.Fatal("the old file is not back, or clusters leaked")
		}
	}
	cuts, again := 0, 0
	for _, state := range imagetest.Cuts(disk, recorder.Ops(), 64<<10) {
		way := image.NewRecorder(image.NewOverlay(state))
		back(way)
		cuts++
		for _, half := range imagetest.Cuts(state, way.Ops(), 512) {
			back(half)
			again++
		}
	}
	t.Logf("%d cuts, %d more on the way back", cuts, again)
}

// plannedExchange plans an arm by replacement and reads what it would keep as a file.
func plannedExchange(t *testing.T, e *edit) *exchange {
	t.Helper()
	plan, err := crashconfig.PlanArm(e.install, e.facts, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.apply(t.Context(), plan, nil, &editDocument{}, sample.Client().Now); err != nil {
		t.Fatal(err)
	}
	if e.replaced == nil {
		t.Fatal("the hive is not to be replaced")
	}
	name := filepath.Join(t.TempDir(), "bytes.json")
	if err := e.saveJournal(name); err != nil {
		t.Fatal(err)
	}
	back, err := readWayBack(name)
	if err != nil {
		t.Fatal(err)
	}
	x, ok := back.(*exchange)
	if !ok {
		t.Fatalf("%T", back)
	}
	return x
}

func TestBadExchanges(t *testing.T) {
	t.Parallel()
	good := `{"schema":"hangkit/undo-replace/1","old_clusters":[{"offset":0,"length":4096}],"old_clusters_sha256":"` + strings.Repeat("00", 32) + `","steps":[`
	for _, text := range []string{
		`{"schema":"hangkit/undo-replace/1"}`, good + `]}`, good + `{"kind":"journal","writes":[]}]}`,
		good + `{"kind":"commit","writes":[{"offset":0,"old":"00","new":"0000"}]}]}`, good + `{"kind":"commit","writes":[{"offset":0}]}]}`,
	} {
		name := filepath.Join(t.TempDir(), "bytes.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readWayBack(name); ui.Explain(err, rules).Status != ui.Damaged {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestReplaceRefusals: what stands against new clusters is said with the way out, and
// nothing is changed.
func TestReplaceRefusals(t *testing.T) {
	t.Parallel()
	full := func(b *broken) { // every cluster is taken
		for _, e := range b.layout.Files["$Bitmap"].Extents {
			b.poke(e.DeviceOffset, bytes.Repeat([]byte{0xff}, int(e.Length))...)
		}
	}
	tests := map[string]struct {
		options format.Options
		damage  func(b *broken)
		words   []string
	}{
		"journal v1.1": {format.Options{Log: format.LogDirty}, nil, []string{"no room", "cannot be replaced", "journal is to be replayed", "--reset-journal", "autochk"}},
		"journal v2.0": {format.Options{Log: format.LogV2}, nil, []string{"journal is in use", "--reset-journal"}},
		"journal":      {format.Options{Log: format.LogGarbage}, nil, []string{"journal is damaged", "--reset-journal"}},
		"dirty flag":   {format.Options{VolumeFlags: format.VolumeDirty}, nil, []string{"marked dirty", "--reset-journal"}},
		"chkdsk":       {format.Options{VolumeFlags: format.VolumeChkdskUnderway}, nil, []string{"chkdsk was interrupted"}},
		"no space":     {format.Options{}, full, []string{"no room", "not enough free space", "the old and the new file have to fit"}},
		"structure": {format.Options{}, func(b *broken) { // a cluster of another file is marked free
			cluster := b.content("Windows/System32/config/SOFTWARE")/int64(b.layout.ClusterSize) + 2
			b.poke(b.content("$Bitmap")+cluster/8, 0xff&^(1<<(cluster%8)))
		}, []string{"its structure contradicts itself", "hangkit list --verify-volume"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := makeBroken(t, volumeSpec{files: fullFiles(t), options: tt.options, damage: tt.damage})
			before := fileDigest(t, img)
			folder := t.TempDir()
			text := refused(t, 4, "arm", img, "--yes", "--record", filepath.Join(folder, "undo.json"))
			for _, want := range append(tt.words, "nothing was changed") {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing in: %s", want, text)
				}
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 0 || fileDigest(t, img) != before {
				t.Errorf("something was written: %v, %v", left, err)
			}
		})
	}
}

// TestResetJournal: with it the hive is replaced on a volume that was not left clean;
// its journal is empty then, and Windows is told to look.
func TestResetJournal(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]format.Options{
		"v1.1": {Log: format.LogDirty}, "v2.0": {Log: format.LogV2}, "garbage": {Log: format.LogGarbage},
		"dirty flag": {Log: format.LogClean, VolumeFlags: format.VolumeDirty},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := fullImage(t, o)
			doc := replacedArm(t, img, "--reset-journal")
			if notes := strings.Join(doc.Notes, "\n"); !doc.Replace.ResetJournal || !strings.Contains(notes, "journal is emptied") || !strings.Contains(notes, "autochk") {
				t.Errorf("the plan does not say what becomes of the journal: %s", notes)
			}
			s := stateOf(t, img)
			if s.Log.State != ntfs.LogEmpty || !s.Dirty || !s.MirrorOK {
				t.Errorf("left as %v", s.Words())
			}
			hangkit(t, 0, "undo", img, "--yes")
			hangkit(t, 0, "undo", makeCopy(t, img), "--bytes", replacedAgain(t, img), "--yes", "--reset-journal")
		})
	}
}

// TestResetJournalCuts cuts the power within an arm that empties the journal first: the
// file is the old one or the new one, the volume sound, and the arm can be done again.
func TestResetJournalCuts(t *testing.T) {
	t.Parallel()
	files := fullFiles(t)
	disk := volumeLeft(t, files, format.Options{Log: format.LogV2})
	arm := func(d image.Disk) error {
		return armWith(d, crashconfig.Settings{}, EditFlags{Yes: true, ResetJournal: true})
	}
	recorder := image.NewRecorder(image.NewOverlay(disk))
	if err := arm(recorder); err != nil {
		t.Fatal(err)
	}
	renewed := hiveFiles(t, recorder, files)["SYSTEM"]
	old, now := 0, 0
	look := func(state image.Disk) {
		if worst, _ := structureOf(t, state).Worst(append(leftKinds, verify.Mirror)...); worst > verify.Leak {
			t.Fatalf("the volume is not sound: %v", structureOf(t, state).Findings)
		}
		switch data := hiveFiles(t, state, files)["SYSTEM"]; {
		case bytes.Equal(data, renewed):
			now++
		case bytes.Equal(data, files["SYSTEM"]):
			old++
			if err := arm(state); err != nil {
				t.Fatalf("arming again: %v", err)
			}
			mustBeSound(t, state)
		default:
			t.Fatal("neither the old hive nor the new one")
		}
	}
	for _, state := range imagetest.Cuts(disk, recorder.Ops(), 64<<10) {
		look(state)
	}
	for _, state := range imagetest.Reorders(disk, recorder.Ops()) {
		look(state)
	}
	t.Logf("%d states with the old file, %d with the new", old, now)
}

// replacedAgain imports more than the hive holds, and returns the file of old bytes.
func replacedAgain(t *testing.T, img string) string {
	t.Helper()
	folder := t.TempDir()
	undo := filepath.Join(folder, "undo.reg")
	out := hangkit(t, 0, "hive", "set", img, "Select", "More", strings.Repeat("00", 600_000), "--type", "binary",
		"--yes", "--json", "--undo", undo, "--backup", filepath.Join(folder, "backup"), "--reset-journal")
	var doc hiveEditDocument
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.OldBytes
}

func makeCopy(t *testing.T, img string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "copy.img")
	if err := os.WriteFile(name, readImage(t, img), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func stateOf(t *testing.T, img string) *ntfs.State {
	t.Helper()
	opened, err := target.Open(img, target.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	return opened.Volumes[0].State
}

// TestNoResetWithoutNeed: --reset-journal alone empties no journal.
func TestNoResetWithoutNeed(t *testing.T) {
	t.Parallel()
	img := fullImage(t, format.Options{Log: format.LogClean})
	doc := replacedArm(t, img, "--reset-journal")
	if s := stateOf(t, img); doc.Replace.ResetJournal || s.Log.State != ntfs.LogCleanV1 || s.Dirty {
		t.Errorf("left as %v", s.Words())
	}
}

// TestUnprotectedSaysWhy: where nothing protects a write in place, and the file cannot be
// replaced, the plan says what would be safer and what stands against it.
func TestUnprotectedSaysWhy(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: unprotected(t), options: format.Options{Log: format.LogV2}})
	var doc editDocument
	if err := json.Unmarshal([]byte(hangkit(t, 0, "arm", img, "--dry-run", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(doc.Notes, "\n")
	if doc.Protocol != hive.Direct.String() || !strings.Contains(notes, "would survive a power cut") || !strings.Contains(notes, "journal is in use") {
		t.Errorf("protocol %s, notes: %s", doc.Protocol, notes)
	}
}

// TestReplaceStale: what somebody else wrote between plan and write stops it, with nothing
// written and nothing left behind.
func TestReplaceStale(t *testing.T) {
	t.Parallel()
	disk := image.NewRecorder(cleanVolume(t, fullFiles(t)))
	e := editOf(t, disk)
	defer e.Close()
	x := plannedExchange(t, e)
	at := x.Steps[0].Writes[0]
	if _, err := disk.WriteAt([]byte{at.Old[0] ^ 0xff}, at.Offset); err != nil {
		t.Fatal(err)
	}
	ops := len(disk.Ops())
	err := e.write(t.Context(), nil)
	if told := ui.Explain(err, rules); !errors.Is(err, ntfs.ErrChanged) || told.Effect != ui.Unchanged || told.Status != ui.Refused {
		t.Errorf("%v: %+v", err, told)
	}
	if len(disk.Ops()) != ops || !untouched(err) {
		t.Error("something was written")
	}
	if err := e.dropWayBack(); err != nil || e.journal != "" {
		t.Errorf("the old bytes stay: %v", err)
	}
}

// forgetting keeps so many writes, and none behind them.
type forgetting struct {
	image.Disk
	keeps int
}

func (d *forgetting) WriteAt(p []byte, off int64) (int, error) {
	if d.keeps--; d.keeps < 0 {
		return len(p), nil
	}
	return d.Disk.WriteAt(p, off)
}

// TestReplaceForgotten: a disk that does not keep what is written to it is a failure and
// no refusal, and what is said to have changed depends on how far it kept it.
func TestReplaceForgotten(t *testing.T) {
	t.Parallel()
	effects := map[ui.Effect]bool{}
	for keeps := 0; ; keeps++ {
		e := editOf(t, &forgetting{cleanVolume(t, fullFiles(t)), keeps})
		defer e.Close()
		plannedExchange(t, e)
		err := e.write(t.Context(), nil)
		if err == nil {
			break
		}
		told := ui.Explain(err, rules)
		if !errors.Is(err, ntfs.ErrReadBack) || told.Status != ui.Failed {
			t.Errorf("%d writes kept: %v: %+v", keeps, err, told)
		}
		effects[told.Effect] = true
	}
	if !effects[ui.Unchanged] || !effects[ui.MayChanged] {
		t.Errorf("effects: %v", effects)
	}
}

// TestReplaceInterrupted: an interrupt before the first write is one, whatever else stands
// against the change.
func TestReplaceInterrupted(t *testing.T) {
	t.Parallel()
	disk := image.NewRecorder(cleanVolume(t, fullFiles(t)))
	e := editOf(t, disk)
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = e.apply(ctx, plan, nil, &editDocument{}, sample.Client().Now)
	if status := ui.Explain(err, rules).Status; status != ui.Interrupted {
		t.Errorf("planning: %v", err)
	}
	planned := editOf(t, disk)
	defer planned.Close()
	plannedExchange(t, planned)
	err = planned.write(ctx, nil)
	if told := ui.Explain(err, rules); told.Status != ui.Interrupted || told.Effect != ui.Unchanged || len(disk.Ops()) != 0 {
		t.Errorf("writing: %v: %+v", err, told)
	}
}

// TestReplaceFindsDamage: a volume that is less sound behind the write than before it is
// told, with the way back.
func TestReplaceFindsDamage(t *testing.T) {
	t.Parallel()
	disk := cleanVolume(t, fullFiles(t))
	e := editOf(t, disk)
	defer e.Close()
	plannedExchange(t, e)
	opened, err := ntfs.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	mft, err := opened.Extents("$MFT")
	if err != nil {
		t.Fatal(err)
	}
	other, err := opened.Detail("Windows/System32/config/SOFTWARE")
	if err != nil {
		t.Fatal(err)
	}
	torn := mft[0].DeviceOffset + int64(other.Record)*opened.Info().RecordSize + 510 // an update sequence number
	if _, err := disk.WriteAt([]byte{0xAA, 0xAA}, torn); err != nil {
		t.Fatal(err)
	}
	err = e.write(t.Context(), nil)
	if told := ui.Explain(err, rules); !errors.Is(err, errNewFindings) || told.Effect != ui.MayChanged {
		t.Errorf("%v: %+v", err, told)
	}
	if ways := e.waysBack("r.json"); len(ways) != 2 || !strings.Contains(ways[0], "--bytes") || !strings.Contains(ways[1], "--record r.json") {
		t.Errorf("ways back: %q", ways)
	}
}

// TestNewFindings: leaks, and that the volume is marked dirty, are no faults of a write.
func TestNewFindings(t *testing.T) {
	t.Parallel()
	was := verify.Finding{Kind: verify.Orphan, Record: 70, What: "x"}
	lost := verify.Finding{Kind: verify.CrossLink, Record: 71, What: "y"}
	before := &verify.Report{Findings: []verify.Finding{was, {Kind: verify.Index, Record: 5}}}
	after := &verify.Report{Findings: []verify.Finding{was, {Kind: verify.Index, Record: 5}, {Kind: verify.LeakedCluster}, {Kind: verify.VolumeFlags}, lost}}
	if got := newFindings(before, after); len(got) != 1 || got[0] != lost {
		t.Errorf("%v", got)
	}
}

// TestNewFindingsCounted: what a report counts and does not keep is judged by its number.
func TestNewFindingsCounted(t *testing.T) {
	t.Parallel()
	first, second := verify.Finding{Kind: verify.Index, Record: 1}, verify.Finding{Kind: verify.Index, Record: 2}
	report := func(indexes, crossLinks int64, kept ...verify.Finding) *verify.Report {
		counts := map[verify.Kind]int64{verify.StaleSizes: 1200, verify.Index: indexes, verify.CrossLink: crossLinks}
		return &verify.Report{Findings: kept, Counts: counts, Omitted: 1200 + indexes + crossLinks - int64(len(kept))}
	}
	tests := map[string]struct {
		before, after *verify.Report
		want          int
	}{
		"the same":               {report(2, 0, first), report(2, 0, first), 0},
		"one more, not kept":     {report(2, 0, first), report(2, 1, first), 1},
		"one more, kept":         {report(1, 0, first), report(2, 0, first, second), 1},
		"another, all kept":      {report(1, 0, first), report(1, 0, second), 1},
		"kept only behind":       {report(2, 0, first), report(2, 0, second), 0},
		"less, kept only behind": {report(2, 0, first), report(1, 0, second), 0},
	}
	for name, tt := range tests {
		if got := newFindings(tt.before, tt.after); len(got) != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNoSpace: the limit of any hive is not what is free on the volume.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	room := &hive.NoRoomError{Size: 4096, Need: 8192}
	if err := noSpace(room, 5000); !errors.Is(err, ntfs.ErrNoSpace) || !strings.Contains(err.Error(), "4096 are free") {
		t.Errorf("little is free: %v", err)
	}
	if err := noSpace(room, target.MaxHiveSize); errors.Is(err, ntfs.ErrNoSpace) || !errors.Is(err, hive.ErrNoRoom) {
		t.Errorf("enough is free: %v", err)
	}
}

// TestUnprotectedRefusesInconsistent: where nothing protects a write in place, and a look
// at the volume, made for a replacement, found what a write could destroy, nothing is written.
func TestUnprotectedRefusesInconsistent(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: unprotected(t), options: format.Options{Log: format.LogClean}})
	data := readImage(t, img)
	v, err := ntfs.Open(memoryOf(t, data))
	if err != nil {
		t.Fatal(err)
	}
	other, err := v.Extents("Windows/System32/config/SOFTWARE")
	if err != nil {
		t.Fatal(err)
	}
	bitmap, err := v.Extents("$Bitmap")
	if err != nil {
		t.Fatal(err)
	}
	cluster := other[0].DeviceOffset / v.Info().ClusterSize
	data[bitmap[0].DeviceOffset+cluster/8] &^= 1 << (cluster % 8)
	if err := os.WriteFile(img, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--dry-run", "--yes"} {
		text := refused(t, 4, "arm", img, flag, "--record", filepath.Join(t.TempDir(), "undo.json"))
		if !strings.Contains(text, "volume is inconsistent") || !strings.Contains(text, "nothing was changed") {
			t.Errorf("%s: %s", flag, text)
		}
	}
	if !bytes.Equal(readImage(t, img), data) {
		t.Error("the image was changed")
	}
}

// memoryOf is an image's bytes as a disk.
func memoryOf(t *testing.T, data []byte) *image.Memory {
	t.Helper()
	m := image.NewMemory(int64(len(data)), 512)
	if _, err := m.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRecordNoteOfTheWayTaken: whether the hive gets a copy of the undo record is said of
// the write in place, if that is made, and not of the replacement that was refused.
func TestRecordNoteOfTheWayTaken(t *testing.T) {
	t.Parallel()
	files := unprotected(t)
	var err error
	if files["SYSTEM"], err = crowdedHive(sample.Windows7(), 2048); err != nil {
		t.Fatal(err)
	}
	disk := volumeLeft(t, files, format.Options{Log: format.LogV2})
	e := editOf(t, disk)
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, crashconfig.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	var doc editDocument
	if err := e.apply(t.Context(), plan, crashconfig.NewRecord(e.facts, "test", sample.Windows7().Now), &doc, sample.Windows7().Now); err != nil {
		t.Fatal(err)
	}
	if e.replaced != nil || !slices.Contains(doc.Notes, recordWords(false)) || slices.Contains(doc.Notes, recordWords(true)) {
		t.Errorf("replaced: %v, notes: %q", e.replaced != nil, doc.Notes)
	}
}

// TestPrintedWayBack: the command that a write prints takes it back as it stands, also on
// the volume that it marked dirty.
func TestPrintedWayBack(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"arm":      {"arm", "", "--record", "undo.json"},
		"hive set": {"hive", "set", "", "Select", "More", strings.Repeat("x", 3000), "--undo", "undo.reg", "--backup", "backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img, dir := fullImage(t, format.Options{Log: format.LogV2}), t.TempDir()
			for i, a := range args {
				switch {
				case a == "":
					args[i] = img
				case strings.HasPrefix(a, "undo") || a == "backup":
					args[i] = filepath.Join(dir, a)
				}
			}
			out := hangkit(t, 0, append(args, "--yes", "--reset-journal")...)
			_, command, found := strings.Cut(out, "writes to the volume: hangkit ")
			if !found {
				t.Fatalf("no way back is printed: %s", out)
			}
			hangkit(t, 0, append(strings.Fields(command), "--yes")...)
		})
	}
}

// TestUnreadableBeforeWrite: a hive that cannot be read again leaves the target as it was,
// and no way back from what was not done.
func TestUnreadableBeforeWrite(t *testing.T) {
	t.Parallel()
	e := editOf(t, cleanVolume(t, fullFiles(t)))
	defer e.Close()
	plannedExchange(t, e)
	e.set.Primary = unreadable{e.set.Primary}
	err := e.write(t.Context(), nil)
	if !errors.Is(err, errUnreadable) || !untouched(err) {
		t.Errorf("untouched: %v, %v", untouched(err), err)
	}
	if untouched(ui.WithEffect(ui.WithEffect(err, ui.MayChanged), ui.Unchanged)) || untouched(nil) {
		t.Error("a change begun, or one that was made, counts as untouched")
	}
}

var errUnreadable = errors.New("unreadable")

// unreadable is a file whose disk has failed.
type unreadable struct{ target.File }

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errUnreadable }
