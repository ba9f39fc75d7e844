package offline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/image/imagetest"
	"hangkit/ntfs/format"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// bothSettings change both hives.
var bothSettings = crashconfig.Settings{BootLog: crashconfig.Yes, AutoRepair: crashconfig.No, AutoReboot: crashconfig.Yes}

// armBoot arms a disk, and returns the record as the file has it.
func armBoot(d image.Disk, s crashconfig.Settings) ([]byte, error) {
	e, err := openEdit(d, EditFlags{Yes: true})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, s)
	if err != nil {
		return nil, err
	}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	record, doc := crashconfig.NewRecord(e.facts, "test", now), e.document("", plan)
	if err := e.apply(context.Background(), plan, record, doc, now); err != nil {
		return nil, err
	}
	text, err := record.MarshalIndent()
	if err != nil {
		return nil, err
	}
	return text, e.write(context.Background(), plan.Changes)
}

// undoBoot takes a change back by its record, as the command does.
func undoBoot(d image.Disk, text []byte) error {
	e, err := openEdit(d, EditFlags{Yes: true})
	if err != nil {
		return err
	}
	defer e.Close()
	record, err := crashconfig.ParseRecord(text)
	if err != nil {
		return err
	}
	o := crashconfig.NewUndoOptions(e.facts)
	e.bootFirst = true
	if o.Boot, err = e.openBootOf(record.Boot); err != nil {
		o.BootProblem = err.Error()
	}
	plan, err := crashconfig.PlanUndo(e.hive, record, o)
	if err != nil {
		return err
	}
	if !plan.Empty() {
		err = e.apply(context.Background(), plan, nil, e.document("", plan), time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))
	}
	if err == nil {
		err = e.write(context.Background(), plan.Changes)
	}
	return errors.Join(err, leftAlone(plan))
}

// bothHives are the values of both hives of a disk as Windows would load them.
type bothHives struct {
	system [sha256.Size]byte
	boot   string // every element of the store
	values string // those of SYSTEM, without the record
}

func loadBoth(t *testing.T, d image.Disk) bothHives {
	t.Helper()
	s := diskScan(t, d, target.ReadOnly)
	f := s.installs[0]
	set, err := target.OpenHiveSet(f.Volume.FS, f.hivePath(), false)
	if err != nil {
		t.Fatal(err)
	}
	h, err := hive.Open(source(set))
	if err != nil {
		t.Fatalf("Windows would not load SYSTEM: %v", err)
	}
	data, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return bothHives{sha256.Sum256(data[4096:]), bootElements(t, s), valuesOf(t, h)}
}

// bootElements lists every element of the only store of a disk, each with its bytes.
func bootElements(t *testing.T, s *scan) string {
	t.Helper()
	for _, v := range s.targets[0].Volumes {
		names := bcdPaths(v)
		if len(names) == 0 {
			continue
		}
		b, _, err := windows.ReadBCD(v.FS, names[0])
		if err != nil {
			t.Fatalf("the boot manager would not load the store: %v", err)
		}
		if len(b.Problems) > 0 {
			t.Fatalf("the store is damaged: %q", b.Problems)
		}
		var text strings.Builder
		for _, e := range b.Entries {
			for _, el := range e.Elements {
				fmt.Fprintf(&text, "%s %s %d %x\n", e.ID, el.Name, el.Raw.Type, el.Raw.Data)
			}
		}
		return text.String()
	}
	t.Fatal("no store")
	return ""
}

// valuesOf lists the values of a hive but for those of undo records.
func valuesOf(t *testing.T, h *hive.Hive) string {
	t.Helper()
	var text strings.Builder
	var list func(k *hive.Key, path string)
	list = func(k *hive.Key, path string) {
		for v, err := range k.Values() {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&text, "%s\\%s %d %x\n", path, v.Name, v.Type, v.Data)
		}
		for sub, err := range k.Subkeys() {
			if err != nil {
				t.Fatal(err)
			}
			if path != "" || sub.Name() != "hangkit" {
				list(sub, path+`\`+sub.Name())
			}
		}
	}
	root, err := h.Key("")
	if err != nil {
		t.Fatal(err)
	}
	list(root, "")
	return text.String()
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) (gone, added []string) {
	in := func(text, line string) bool { return strings.Contains("\n"+text, "\n"+line+"\n") }
	for line := range strings.Lines(before) {
		if line = strings.TrimSuffix(line, "\n"); !in(after, line) {
			gone = append(gone, line)
		}
	}
	for line := range strings.Lines(after) {
		if line = strings.TrimSuffix(line, "\n"); !in(before, line) {
			added = append(added, line)
		}
	}
	return gone, added
}

// bootDisks are the ways in which a machine keeps its store: on a partition of its own, or on that of
// Windows.
var bootDisks = map[string]func(image.Disk) error{"efi": fillEFIDisk, "bios": fillBIOSDisk, "one volume": fillOneVolume}

func fillOneVolume(disk image.Disk) error {
	table, err := image.CreateMBR(disk, []image.NewPartition{{Type: image.TypeMBRNTFS, Size: bootPartition}, {Type: image.TypeMBRNTFS}}, demoSeed)
	if err != nil {
		return err
	}
	id := windows.VolumeID{MBRSignature: table.DiskSignature, Offset: table.Partitions[1].Start}
	data, err := usedBCD(sample.BCDOptions{Volume: id})
	if err != nil {
		return err
	}
	return fillWindows(disk, table, id, format.Entry{Name: "Boot", Dir: []format.Entry{{Name: "BCD", Data: data}, {Name: "BCD.LOG", Data: bootLog()}}})
}

// Both hives are changed as planned, nothing else of their volumes is, and undo brings every value
// back: also when it is an undo by the record that lies in the registry.
func TestArmBoot(t *testing.T) {
	t.Parallel()
	for name, fill := range bootDisks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := memoryDisk(t, fill)
			before, files := loadBoth(t, disk), otherFiles(t, disk)
			text, err := armBoot(disk, bothSettings)
			if err != nil {
				t.Fatal(err)
			}
			armed := loadBoth(t, disk)
			gone, added := difference(before.boot, armed.boot)
			want := map[string][]string{
				"efi": {"recoveryenabled 3 00", "bootlog 3 01", "nocrashautoreboot 3 00"},
			}[name]
			if want == nil {
				want = []string{"recoveryenabled 3 00", "bootlog 3 01", "bootstatuspolicy 3 0100000000000000"}
			}
			if len(added) != len(want) || len(gone) != map[bool]int{true: 2, false: 1}[name == "efi"] {
				t.Errorf("gone %q, added %q", gone, added)
			}
			for i, line := range want {
				want[i] = sample.LoaderID + " " + line
				if !strings.Contains(armed.boot, want[i]+"\n") {
					t.Errorf("no %q", line)
				}
			}
			if armed.values == before.values {
				t.Error("nothing of SYSTEM was changed")
			}
			if now := otherFiles(t, disk); now != files {
				t.Error("other files than the hives have changed")
			}
			if err := undoBoot(disk, text); err != nil {
				t.Fatal(err)
			}
			undone := loadBoth(t, disk)
			if undone.boot != before.boot || undone.values != before.values {
				t.Error("undone, and something is not as it was")
			}
			if now := otherFiles(t, disk); now != files {
				t.Error("other files than the hives have changed by the undo")
			}
		})
	}
}

// otherFiles is a digest of all files of a disk but the hives and their logs, and of every byte of
// the first volume outside of files, which holds its tables and folders.
func otherFiles(t *testing.T, d image.Disk) string {
	t.Helper()
	sum := sha256.New()
	opened, err := target.FromDisk("disk", d, target.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range opened.Volumes {
		if v.FS == nil {
			continue
		}
		err := fs.WalkDir(v.FS, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			fmt.Fprintln(sum, name, info.Size(), info.ModTime())
			if base := baseName(name); strings.HasPrefix(base, "BCD") || strings.HasPrefix(base, "SYSTEM") {
				return nil
			}
			data, err := fs.ReadFile(v.FS, name)
			sum.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if opened.Volumes[0].FileSystem() == "FAT32" {
		if _, err := io.Copy(sum, io.NewSectionReader(d, 1<<20, 32*512+4096)); err != nil { // its boot sector and tables
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// cutStep is the distance of two cuts in bytes: each sector is one where oracles are required.
func cutStep() int {
	if requireOracles() {
		return 512
	}
	return 8 << 10
}

// A power cut at any moment of an arm leaves each hive as it was or as it was to be, and the undo
// record leads back from there, whichever of both was written.
func TestArmBootCrashCuts(t *testing.T) {
	t.Parallel()
	for name, fill := range bootDisks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := memoryDisk(t, fill)
			before := loadBoth(t, disk)
			recorder := image.NewRecorder(image.NewOverlay(disk))
			text, err := armBoot(recorder, bothSettings)
			if err != nil {
				t.Fatal(err)
			}
			after := loadBoth(t, recorder)
			seen := map[string]int{}
			for cut, state := range imagetest.Cuts(disk, recorder.Ops(), cutStep()) {
				seen[judge(t, cut, loadBoth(t, state), before, after)]++
				if err := undoBoot(state, text); err != nil {
					t.Fatalf("%v: undo: %v", cut, err)
				}
				if now := loadBoth(t, state); now.boot != before.boot || now.values != before.values {
					t.Fatalf("%v: undone, and something is not as it was", cut)
				}
			}
			if seen["old old"] == 0 || seen["new old"] == 0 || seen["new new"] == 0 || seen["old new"] != 0 {
				t.Errorf("%v: SYSTEM is armed first", seen)
			}
			t.Logf("%v", seen)
		})
	}
}

// The same of an undo, which begins with the boot store: the record in the registry is the last to go.
func TestUndoBootCrashCuts(t *testing.T) {
	t.Parallel()
	for name, fill := range bootDisks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := memoryDisk(t, fill)
			after := loadBoth(t, disk)
			text, err := armBoot(disk, bothSettings)
			if err != nil {
				t.Fatal(err)
			}
			before := loadBoth(t, disk)
			recorder := image.NewRecorder(image.NewOverlay(disk))
			if err := undoBoot(recorder, text); err != nil {
				t.Fatal(err)
			}
			after.system = loadBoth(t, recorder).system
			seen := map[string]int{}
			for cut, state := range imagetest.Cuts(disk, recorder.Ops(), cutStep()) {
				seen[judge(t, cut, loadBoth(t, state), before, after)]++
			}
			if seen["old old"] == 0 || seen["old new"] == 0 || seen["new new"] == 0 || seen["new old"] != 0 {
				t.Errorf("%v: the boot store is undone first", seen)
			}
		})
	}
}

// judge says whether SYSTEM and the store are old or new: "new old".
func judge(t *testing.T, cut imagetest.Cut, now, before, after bothHives) string {
	t.Helper()
	words := map[bool]string{true: "old", false: "new"}
	switch {
	case now.system != before.system && now.system != after.system:
		t.Fatalf("%v: SYSTEM is neither old nor new", cut)
	case now.boot != before.boot && now.boot != after.boot:
		t.Fatalf("%v: the boot store is neither old nor new", cut)
	}
	return words[now.system == before.system] + " " + words[now.boot == before.boot]
}

// Every write and every flush fails once: it is told, what it left loads, and what was changed is said.
func TestArmBootFaults(t *testing.T) {
	t.Parallel()
	disk := memoryDisk(t, fillEFIDisk)
	before := loadBoth(t, disk)
	whole := image.NewOverlay(disk)
	if _, err := armBoot(whole, bothSettings); err != nil {
		t.Fatal(err)
	}
	after, second := loadBoth(t, whole), 0
	for n := 0; ; n++ {
		state := image.NewOverlay(disk)
		faulty := imagetest.NewFaulty(state, n, imagetest.Write|imagetest.Sync)
		text, err := armBoot(faulty, bothSettings)
		if !faulty.Failed() {
			if err != nil || second == 0 {
				t.Fatalf("%d faults, %d of them in the boot store, %v", n, second, err)
			}
			return
		}
		if err == nil {
			t.Fatalf("fault %d was not told", n)
		}
		left := judge(t, imagetest.Cut{Op: n}, loadBoth(t, state), before, after)
		if strings.Contains(err.Error(), "the registry is written, the boot store is not") {
			second++
			if told := ui.Explain(err, rules); told.Effect != ui.MayChanged || !strings.HasPrefix(left, "new ") {
				t.Errorf("fault %d left %s, told %+v", n, left, told)
			}
			if err := undoBoot(state, text); err != nil {
				t.Fatalf("fault %d: undo: %v", n, err)
			}
		}
	}
}

// What cannot be changed safely is refused before anything is written, with its reason.
func TestArmBootRefused(t *testing.T) {
	t.Parallel()
	id := gptWindows(t)
	used := func(o sample.BCDOptions) []byte {
		o.EFI, o.Volume = true, id
		data, err := usedBCD(o)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	files := func(list ...fattest.Entry) []fattest.Entry {
		return []fattest.Entry{{Name: "EFI", Dir: []fattest.Entry{{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: list}}}}}}
	}
	full := fattest.Entry{Name: "BCD", Data: fullStore(t, id)}
	roomy := fattest.Entry{Name: "BCD", Data: used(sample.BCDOptions{})}
	for name, tt := range map[string]struct {
		files  []fattest.Entry
		damage func(d image.Disk) error
		why    string
		is     error
	}{
		"no room":       {files(full, fattest.Entry{Name: "BCD.LOG", Data: bootLog()}), nil, "has no room for the change", hive.ErrNoRoom},
		"tables differ": {files(roomy), poke(1<<20+32*512+1000, 1), "the two copies of the file allocation table differ", fat.ErrNotInPlace},
		"damaged":       {files(fattest.Entry{Name: "BCD", Data: roomy.Data[:6000]}), nil, "BCD", crashconfig.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := memoryDisk(t, bootDisk(tt.files))
			if tt.damage != nil {
				if err := tt.damage(disk); err != nil {
					t.Fatal(err)
				}
			}
			recorder := image.NewRecorder(disk)
			_, err := armBoot(recorder, crashconfig.Settings{BootLog: crashconfig.Yes})
			if err == nil || !strings.Contains(err.Error(), tt.why) || !errors.Is(err, tt.is) || ui.Explain(err, rules).Status != ui.Refused {
				t.Errorf("%v, want %q", err, tt.why)
			}
			if len(recorder.Ops()) != 0 {
				t.Error("something was written")
			}
			if _, err := armBoot(disk, crashconfig.Settings{}); err != nil {
				t.Errorf("without the boot store: %v", err)
			}
		})
	}
}

// fullStore has no room for another key: text fills its last bin.
func fullStore(t *testing.T, id windows.VolumeID) []byte {
	t.Helper()
	var full []byte
	for n := 0; ; n += 16 {
		data := store(t, sample.BCDOptions{EFI: true, Volume: id, Elements: sample.BCDElements{0x12000030: strings.Repeat("x", n)}})
		if full != nil && len(data) > len(full) {
			return full
		}
		full = data
	}
}

func poke(off int64, b ...byte) func(image.Disk) error {
	return func(d image.Disk) error {
		_, err := d.WriteAt(b, off)
		return err
	}
}

// The old bytes of a store are kept until the new ones read back, whether it has a log or none. They
// lead back from a cut that leaves a store that does not load by itself.
func TestArmBootOldBytes(t *testing.T) {
	t.Parallel()
	id := gptWindows(t)
	data, err := usedBCD(sample.BCDOptions{EFI: true, Volume: id})
	if err != nil {
		t.Fatal(err)
	}
	for protocol, fill := range map[hive.Protocol]func(image.Disk) error{hive.Direct: bootDisk(efiFolder(data)), hive.ProtocolHvLE: fillEFIDisk} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			disk := memoryDisk(t, fill)
			back := keepOldBytes(t, image.NewOverlay(disk), protocol)
			recorder := image.NewRecorder(image.NewOverlay(disk))
			if _, err := armBoot(recorder, bothSettings); err != nil {
				t.Fatal(err)
			}
			torn := 0
			before := bootElements(t, diskScan(t, disk, target.ReadOnly))
			for cut, state := range imagetest.Cuts(disk, recorder.Ops(), 4096) {
				if loadsAlone(t, state) {
					continue
				}
				torn++
				s := diskScan(t, state, target.Writable)
				to, err := back.open(s.installs[0], false)
				if err != nil {
					t.Fatalf("%v: %v", cut, err)
				}
				if err := errors.Join(to.restore(t.Context(), nil), to.Close()); err != nil {
					t.Fatalf("%v: %v", cut, err)
				}
				if !loadsAlone(t, state) || bootElements(t, diskScan(t, state, target.ReadOnly)) != before {
					t.Fatalf("%v: the old bytes are back, and the store is another", cut)
				}
			}
			if torn == 0 {
				t.Error("no cut left a store that does not load by itself")
			}
		})
	}
}

// keepOldBytes goes as far as an arm does before its first write, and returns what it kept.
func keepOldBytes(t *testing.T, disk image.Disk, protocol hive.Protocol) wayBack {
	t.Helper()
	e, err := openEdit(disk, EditFlags{Yes: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, bothSettings)
	if err != nil {
		t.Fatal(err)
	}
	doc := e.document("", plan)
	if err := e.apply(t.Context(), plan, crashconfig.NewRecord(e.facts, "test", bcdTime), doc, bcdTime); err != nil {
		t.Fatal(err)
	}
	if doc.Boot.Protocol != protocol.String() {
		t.Fatalf("protocol %s, notes %q", doc.Boot.Protocol, doc.Boot.Notes)
	}
	name := t.TempDir() + "/x.bytes.json"
	if err := e.saveWayBack(name, ""); err != nil {
		t.Fatal(err)
	}
	if ways := strings.Join(e.waysBack(""), "\n"); !strings.Contains(ways, "x.boot.bytes.json") || !strings.Contains(ways, "undo with") {
		t.Errorf("ways back: %s", ways)
	}
	back, err := readWayBack(bootJournalName(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.retireJournal(); err != nil || exists(bootJournalName(name)) {
		t.Errorf("the old bytes are still there: %v", err)
	}
	return back
}

// loadsAlone tells whether the store of a disk loads without any log.
func loadsAlone(t *testing.T, d image.Disk) bool {
	t.Helper()
	v := diskScan(t, d, target.ReadOnly).targets[0].Volumes[0]
	data, err := fs.ReadFile(v.FS, "EFI/Microsoft/Boot/BCD")
	if err != nil {
		t.Fatal(err)
	}
	_, err = hive.Open(hive.Source{Primary: windowstest.NewFile(data)})
	return err == nil
}

// Where the store is out of reach when all is undone, the registry is put back, it is said that the
// store is not, and the record stays until it can be.
func TestUndoWithoutBootStore(t *testing.T) {
	t.Parallel()
	disk := memoryDisk(t, fillEFIDisk)
	before := loadBoth(t, disk)
	text, err := armBoot(disk, bothSettings)
	if err != nil {
		t.Fatal(err)
	}
	sector := make([]byte, 512)
	if _, err := disk.ReadAt(sector, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := poke(1<<20, make([]byte, 512)...)(disk); err != nil {
		t.Fatal(err)
	}
	if err := undoBoot(disk, text); err == nil || ui.Explain(err, rules).Status != ui.Partly || !strings.Contains(err.Error(), "the boot store was not put back") {
		t.Fatalf("%v", err)
	}
	if err := poke(1<<20, sector...)(disk); err != nil {
		t.Fatal(err)
	}
	half := loadBoth(t, disk)
	if half.values != before.values || half.boot == before.boot {
		t.Error("the registry is not as it was, or the store is")
	}
	e, err := openEdit(disk, EditFlags{})
	if err != nil {
		t.Fatal(err)
	}
	record, err := crashconfig.LoadRecord(e.hive)
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if text, err = record.MarshalIndent(); err != nil {
		t.Fatal(err)
	}
	if err := undoBoot(disk, text); err != nil {
		t.Fatal(err)
	}
	if now := loadBoth(t, disk); now.boot != before.boot || now.values != before.values {
		t.Error("something is not as it was")
	}
}

// A dry run works out both parts and reaches no disk.
func TestDryRunBoot(t *testing.T) {
	t.Parallel()
	recorder := image.NewRecorder(memoryDisk(t, fillEFIDisk))
	e, err := openEdit(recorder, EditFlags{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	plan, err := crashconfig.PlanArm(e.install, e.facts, bothSettings)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	e.talk = ui.New(nil, &out, io.Discard)
	c := &ArmCmd{EditFlags: EditFlags{DryRun: true}}
	if err := c.carryOut(t.Context(), e, plan, e.document("hangkit/arm/1", plan)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"boot store EFI/Microsoft/Boot/BCD (disk, partition 1)", "bootlog: absent -> Yes", "recoveryenabled: Yes -> No", "Dry run: nothing was changed."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if len(recorder.Ops()) != 0 {
		t.Error("a dry run reached the disk")
	}
}

// The store of a Windows under BitLocker lies beside it in the open, and is changed with it once the
// volume is unlocked. What BitLocker would mind is said.
func TestArmBootBitLocker(t *testing.T) {
	t.Parallel()
	if !requireOracles() {
		t.Skip("takes long: only where oracles are required")
	}
	e := encryptedVolume(t, sampleFiles(t, sample.Client()), encrypt.Options{Method: bitlocker.XTS128, KeyFile: true})
	disk := image.NewMemory(e.disk.Size()+bootPartition+2<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{{Type: image.TypeEFISystem, Size: bootPartition}, {Type: image.TypeBasicData, Size: e.disk.Size()}}, demoSeed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := usedBCD(sample.BCDOptions{EFI: true, Volume: windows.VolumeID{PartitionGUID: table.Partitions[1].GUID}})
	if err != nil {
		t.Fatal(err)
	}
	for i, fill := range []func(image.Disk) error{
		func(d image.Disk) error {
			return fattest.Write(d, d.Size(), fattest.Options{Kind: fat.FAT32, Root: efiFolder(data)})
		},
		func(d image.Disk) error {
			copyRanges(t, d, e.disk, []image.Range{{Off: 0, Len: e.disk.Size()}})
			return nil
		},
	} {
		p, err := table.Open(disk, table.Partitions[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := fill(p); err != nil {
			t.Fatal(err)
		}
	}
	e.disk = disk
	img, bek := e.file(t)
	key, record := []string{"--bitlocker-key", bek}, filepath.Join(t.TempDir(), "undo.json")

	out := hangkit(t, 0, append(key, "arm", img, "--yes", "--ram", "256M", "--boot-log", "--record", record)...)
	if !strings.Contains(out, "bootlog: absent -> Yes") || !strings.Contains(out, "note: BitLocker does not watch these settings") {
		t.Errorf("arm:\n%s", out)
	}
	if out := hangkit(t, 0, "hive", "bcd", img); !strings.Contains(out, "bootlog                  Yes") {
		t.Errorf("the store:\n%s", out)
	}
	hangkit(t, 0, append(key, "undo", img, "--yes")...)
	if out := hangkit(t, 0, "hive", "bcd", img); strings.Contains(out, "bootlog                  Yes") {
		t.Errorf("the store:\n%s", out)
	}
}
