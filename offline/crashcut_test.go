package offline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/imagetest"
	"hangkit/ntfs/format"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows/sample"
)

// testVolume is a disk of one NTFS volume, without a table, that holds these files
// in its config folder.
func testVolume(t *testing.T, files map[string][]byte) *image.Memory {
	t.Helper()
	return volumeLeft(t, files, format.Options{Log: format.LogV2})
}

// volumeLeft is testVolume, left by its last use as the options say.
func volumeLeft(t *testing.T, files map[string][]byte, o format.Options) *image.Memory {
	t.Helper()
	disk := image.NewMemory(128<<20, 512)
	var config []format.Entry
	for name, data := range files {
		config = append(config, format.Entry{Name: name, Data: data})
	}
	o.Seed, o.Root = 1, []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
		{Name: "pagefile.sys", Size: 4 << 20},
	}
	if err := format.Write(disk, o); err != nil {
		t.Fatal(err)
	}
	return disk
}

// sampleFiles is a made-up registry as files, with room in the hive and two logs.
func sampleFiles(t *testing.T, o sample.Options) map[string][]byte {
	t.Helper()
	files, err := sampleRegistry(o)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sampleRegistry(o sample.Options) (map[string][]byte, error) {
	files := map[string][]byte{"SYSTEM.LOG1": make([]byte, 256<<10), "SYSTEM.LOG2": make([]byte, 256<<10)}
	for name, build := range map[string]func(sample.Options) (*hive.Hive, error){"SYSTEM": sample.System, "SOFTWARE": sample.Software} {
		h, err := build(o)
		if err != nil {
			return nil, err
		}
		data, err := h.Bytes()
		if err != nil {
			return nil, err
		}
		files[name] = append(data, make([]byte, 64<<10)...)
	}
	return files, nil
}

// openEdit opens the only installation of a disk for an edit, as the commands do.
func openEdit(d image.Disk, flags EditFlags) (*edit, error) {
	t, err := target.FromDisk("disk", d, flags.mode())
	if err != nil {
		return nil, err
	}
	s := &scan{}
	s.addTarget(t)
	o, err := (&TargetFlags{}).openIn(s, 4<<30)
	if err != nil {
		return nil, err
	}
	return newEdit(ui.New(nil, io.Discard, io.Discard), o, flags)
}

// armDisk arms the only installation of a disk.
func armDisk(d image.Disk, settings crashconfig.Settings) error {
	return armWith(d, settings, EditFlags{Yes: true})
}

func armWith(d image.Disk, settings crashconfig.Settings, flags EditFlags) error {
	ctx := context.Background()
	e, err := openEdit(d, flags)
	if err != nil {
		return err
	}
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, settings)
	if err != nil {
		return err
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	if err := e.apply(ctx, plan, crashconfig.NewRecord(e.facts, "test", now), &editDocument{}, now); err != nil {
		return err
	}
	return e.write(ctx, plan.Changes)
}

// undoDisk takes the newest change of a disk back.
func undoDisk(d image.Disk) error {
	e, err := openEdit(d, EditFlags{Yes: true})
	if err != nil {
		return err
	}
	defer e.Close()
	record, err := crashconfig.LoadRecord(e.hive)
	if err != nil {
		return err
	}
	plan, err := crashconfig.PlanUndo(e.hive, record, crashconfig.NewUndoOptions(e.facts))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := e.apply(ctx, plan, nil, &editDocument{}, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)); err != nil {
		return err
	}
	return e.write(ctx, plan.Changes)
}

// recovered is the SYSTEM hive of a disk as Windows would load it, without the base
// block, whose sequence numbers count how it came about.
func recovered(t *testing.T, d image.Disk) [sha256.Size]byte {
	t.Helper()
	opened, err := target.FromDisk("disk", d, target.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	set, err := target.OpenHiveSet(opened.Volumes[0].FS, "Windows/System32/config/SYSTEM", false)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	h, err := hive.Open(source(set))
	if err != nil {
		t.Fatalf("Windows would not load the hive: %v", err)
	}
	data, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data[4096:])
}

// cutCase is a registry to be armed while the power fails.
type cutCase struct {
	name  string
	files map[string][]byte
	step  int // bytes between two cuts
}

func cutCases(t *testing.T) []cutCase {
	t.Helper()
	client, seven := sampleFiles(t, sample.Client()), sampleFiles(t, sample.Windows7())
	cases := []cutCase{
		{"HvLE clean", client, 512},
		{"HvLE dirty", interrupted(t, client), 512},
		{"DIRT clean", seven, 512},
		{"DIRT dirty", interrupted(t, seven), 512},
	}
	return cases
}

// TestOracleArmCrashCuts is TestArmCrashCuts on a hive that a power cut really left
// behind. Its expected contents come from another program. All 3,700 cuts take a
// minute or two, so the quick suite makes large steps.
func TestOracleArmCrashCuts(t *testing.T) {
	c := cutCase{"SYSTEM_B", map[string][]byte{
		"SYSTEM":      sampleBytes(t, "SYSTEM_B/SYSTEM_B"),
		"SYSTEM.LOG1": sampleBytes(t, "SYSTEM_B/SYSTEM_B.LOG1"),
		"SYSTEM.LOG2": sampleBytes(t, "SYSTEM_B/SYSTEM_B.LOG2"),
	}, 64 << 10}
	if requireOracles() {
		c.step = 512
	}
	want := sampleBytes(t, "SYSTEM_B/SYSTEM_B.expected")
	if got := recovered(t, testVolume(t, c.files)); got != binsOf(want) {
		t.Fatal("the recovered hive is not the expected one")
	}
	cutArm(t, c)
}

// binsOf is the digest of a hive's bins, as recovered gives it.
func binsOf(h []byte) [sha256.Size]byte {
	size := binary.LittleEndian.Uint32(h[40:]) // of all bins, in the base block
	return sha256.Sum256(h[4096:][:size])
}

// interrupted is the registry after an arm that was cut off in the middle of the
// primary: dirty, and its log is needed.
func interrupted(t *testing.T, files map[string][]byte) map[string][]byte {
	t.Helper()
	disk := testVolume(t, files)
	before := recovered(t, disk)
	recorder := image.NewRecorder(image.NewOverlay(disk))
	if err := armDisk(recorder, crashconfig.Settings{}); err != nil {
		t.Fatal(err)
	}
	for _, state := range imagetest.Cuts(disk, recorder.Ops(), 4096) {
		if recovered(t, state) == before {
			continue
		}
		return hiveFiles(t, state, files)
	}
	t.Fatal("no cut of the writes leaves a dirty hive")
	return nil
}

// hiveFiles reads the files back from a disk.
func hiveFiles(t *testing.T, d image.Disk, names map[string][]byte) map[string][]byte {
	t.Helper()
	opened, err := target.FromDisk("disk", d, target.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for name := range names {
		f, err := opened.Volumes[0].FS.Open("Windows/System32/config/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if files[name], err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return files
}

// TestArmCrashCuts cuts the power after every 512 bytes of an arm's writes, through
// the NTFS volume: the hive loads as it was or as it was to be, never otherwise.
func TestArmCrashCuts(t *testing.T) {
	t.Parallel()
	for _, c := range cutCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cutArm(t, c)
		})
	}
}

// cutArm arms a registry and looks at the disk after every cut.
func cutArm(t *testing.T, c cutCase) {
	t.Helper()
	// Other settings than the interrupted arm's, so that there is something to write.
	settings := crashconfig.Settings{Dump: crashconfig.Complete, KeepDump: crashconfig.Yes, AutoReboot: crashconfig.No}
	cutEdit(t, testVolume(t, c.files), c.step, func(d image.Disk) error { return armDisk(d, settings) })
}

// recordEdit makes a change over the disk, and returns the hive before it and behind it,
// and its writes.
func recordEdit(t *testing.T, disk image.Disk, change func(image.Disk) error) (before, after [sha256.Size]byte, recorder *image.Recorder) {
	t.Helper()
	before = recovered(t, disk)
	changed := image.NewOverlay(disk)
	recorder = image.NewRecorder(changed)
	if err := change(recorder); err != nil {
		t.Fatal(err)
	}
	if after = recovered(t, changed); after == before {
		t.Fatal("nothing was changed")
	}
	return before, after, recorder
}

// cutEdit makes a change and looks at the disk after every cut of its writes.
func cutEdit(t *testing.T, disk image.Disk, step int, change func(image.Disk) error) {
	t.Helper()
	before, after, recorder := recordEdit(t, disk, change)
	old, renewed := 0, 0
	for cut, state := range imagetest.Cuts(disk, recorder.Ops(), step) {
		switch recovered(t, state) {
		case before:
			old++
		case after:
			renewed++
		default:
			t.Fatalf("%v: neither the old hive nor the new one", cut)
		}
	}
	t.Logf("%d cuts: %d load as old, %d as new", old+renewed, old, renewed)
}

// TestUndoCrashCuts cuts the power in an undo, as TestArmCrashCuts does in an arm.
func TestUndoCrashCuts(t *testing.T) {
	t.Parallel()
	for _, c := range cutCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := testVolume(t, c.files)
			if err := armDisk(disk, crashconfig.Settings{Dump: crashconfig.Complete, AutoReboot: crashconfig.No}); err != nil {
				t.Fatal(err)
			}
			cutEdit(t, disk, c.step, undoDisk)
		})
	}
}

// TestArmFaults lets every write and every flush of an arm fail once: the error is
// told, and the hive loads as it was or as it was to be.
func TestArmFaults(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Client()))
	failEach(t, disk, func(d image.Disk) error { return armDisk(d, crashconfig.Settings{}) })
}

// failEach changes a disk again and again, and lets one more write or flush succeed each
// time before one fails, until none does.
func failEach(t *testing.T, disk image.Disk, change func(image.Disk) error) {
	t.Helper()
	before := recovered(t, disk)
	whole := image.NewOverlay(disk)
	if err := change(whole); err != nil {
		t.Fatal(err)
	}
	after := recovered(t, whole)
	for n := 0; ; n++ {
		state := image.NewOverlay(disk)
		faulty := imagetest.NewFaulty(state, n, imagetest.Write|imagetest.Sync)
		err := change(faulty)
		if !faulty.Failed() {
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d faults", n)
			return
		}
		if err == nil {
			t.Fatalf("fault %d was not told", n)
		}
		if now := recovered(t, state); now != before && now != after {
			t.Fatalf("fault %d left neither the old hive nor the new one", n)
		}
	}
}

// TestDryRunChangesNothing goes the way of a dry run over a recorder.
func TestDryRunChangesNothing(t *testing.T) {
	t.Parallel()
	disk := testVolume(t, sampleFiles(t, sample.Client()))
	recorder := image.NewRecorder(disk)
	var before, after bytes.Buffer
	dump := func(b *bytes.Buffer) {
		if _, err := io.Copy(b, io.NewSectionReader(disk, 0, disk.Size())); err != nil {
			t.Fatal(err)
		}
	}
	dump(&before)
	if err := armWith(recorder, crashconfig.Settings{}, EditFlags{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	dump(&after)
	if len(recorder.Ops()) != 0 || !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Error("a dry run reached the disk")
	}
}
