package offline

import (
	"errors"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/ntfs/format"
	"hangkit/offline/target"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// memoryDisk is a disk in memory that a test fills.
func memoryDisk(t *testing.T, fill func(image.Disk) error) *image.Memory {
	t.Helper()
	disk := image.NewMemory(96<<20, 512)
	if err := fill(disk); err != nil {
		t.Fatal(err)
	}
	return disk
}

// diskScan finds what is on a disk in memory.
func diskScan(t *testing.T, disk image.Disk, mode target.Mode) *scan {
	t.Helper()
	opened, err := target.FromDisk("disk", disk, mode)
	if err != nil {
		t.Fatal(err)
	}
	s := &scan{}
	s.addTarget(opened)
	return s
}

// bootDisk is a GPT disk with an EFI system partition and a Windows volume. What they hold beside
// Windows is the test's; nil leaves the first one empty.
func bootDisk(efi []fattest.Entry, beside ...format.Entry) func(image.Disk) error {
	return func(disk image.Disk) error {
		table, err := image.CreateGPT(disk, []image.NewPartition{
			{Type: image.TypeEFISystem, Size: bootPartition}, {Type: image.TypeBasicData},
		}, demoSeed)
		if err != nil {
			return err
		}
		esp, err := table.Open(disk, table.Partitions[0])
		if err != nil {
			return err
		}
		err = fattest.Write(esp, esp.Size(), fattest.Options{Kind: fat.FAT32, Root: efi})
		return errors.Join(err, fillWindows(disk, table, windows.VolumeID{PartitionGUID: table.Partitions[1].GUID}, beside...))
	}
}

// gptWindows is the partition of the Windows on every bootDisk.
func gptWindows(t *testing.T) windows.VolumeID {
	t.Helper()
	table, err := image.ReadTable(memoryDisk(t, bootDisk(nil)))
	if err != nil {
		t.Fatal(err)
	}
	return windows.VolumeID{PartitionGUID: table.Partitions[1].GUID}
}

func store(t *testing.T, o sample.BCDOptions) []byte {
	t.Helper()
	data, err := bcdData(o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func efiFolder(data []byte) []fattest.Entry {
	return []fattest.Entry{{Name: "EFI", Dir: []fattest.Entry{{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: []fattest.Entry{{Name: "BCD", Data: data}}}}}}}}
}

func bootFolder(data []byte) format.Entry {
	return format.Entry{Name: "Boot", Dir: []format.Entry{{Name: "BCD", Data: data}}}
}

// The store that starts an installation is found among those of its disk, or it is said why not; no
// damage to a store is anybody else's.
func TestBootStore(t *testing.T) {
	t.Parallel()
	id := gptWindows(t)
	other := windows.VolumeID{PartitionGUID: "09931F21-7FAF-44A9-81D8-1E73C14B9EAF"}
	right, wrong := store(t, sample.BCDOptions{EFI: true, Volume: id}), store(t, sample.BCDOptions{EFI: true, Volume: other})
	boot := append(make([]byte, 16), 5, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0)
	locate := store(t, sample.BCDOptions{EFI: true, Elements: sample.BCDElements{0x21000001: boot}})
	for name, tt := range map[string]struct {
		fill    func(image.Disk) error
		where   string
		problem string
	}{
		"efi":                     {fillEFIDisk, "EFI/Microsoft/Boot/BCD (disk, partition 1)", ""},
		"bios":                    {fillBIOSDisk, "Boot/BCD (disk, partition 1)", ""},
		"beside Windows":          {bootDisk(nil, bootFolder(right)), "Boot/BCD (disk, partition 2)", ""},
		"left from BIOS":          {bootDisk(efiFolder(right), bootFolder(right)), "EFI/Microsoft/Boot/BCD (disk, partition 1)", ""},
		"the other is of another": {bootDisk(efiFolder(wrong), bootFolder(right)), "Boot/BCD (disk, partition 2)", ""},
		"the other is damaged":    {bootDisk(efiFolder([]byte("regf")), bootFolder(right)), "", "EFI/Microsoft/Boot/BCD (disk, partition 1): registry hive"},
		"another is damaged":      {bootDisk(efiFolder(right), bootFolder([]byte("regf"))), "EFI/Microsoft/Boot/BCD (disk, partition 1)", ""},
		"locate":                  {bootDisk(efiFolder(locate)), "EFI/Microsoft/Boot/BCD (disk, partition 1)", ""},
		"exact before loose":      {bootDisk(efiFolder(locate), bootFolder(right)), "Boot/BCD (disk, partition 2)", ""},
		"none":                    {bootDisk(nil), "", errNoBootStore.Error()},
		"of another Windows":      {bootDisk(efiFolder(wrong)), "", "EFI/Microsoft/Boot/BCD (disk, partition 1): no entry of the"},
		"damaged":                 {bootDisk(efiFolder([]byte("regf"))), "", "EFI/Microsoft/Boot/BCD (disk, partition 1): registry hive"},
		"two alike": {bootDisk([]fattest.Entry{{Name: "BOOT", Dir: []fattest.Entry{{Name: "BCD", Data: right}}}}, bootFolder(right)), "",
			"several boot configuration stores start this installation, and which of them the machine uses is not known: Boot/BCD (disk, partition 1), Boot/BCD (disk, partition 2)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := diskScan(t, memoryDisk(t, tt.fill), target.ReadOnly)
			o, err := s.gather(s.installs[0], unknownMemory)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			boot, problem := o.facts.Boot, o.facts.BootProblem
			if (boot != nil) != (tt.where != "") || !strings.HasPrefix(problem, tt.problem) || (tt.problem == "") != (problem == "") {
				t.Fatalf("%+v, problem %q", boot, problem)
			}
			if o.facts.BootUnreadable != strings.Contains(problem, "registry hive") {
				t.Errorf("unreadable %v: %s", o.facts.BootUnreadable, problem)
			}
			if boot != nil && (boot.Store != tt.where || boot.Entry != sample.LoaderID || !boot.Default || boot.Loose != (name == "locate")) {
				t.Errorf("%+v, want %s", boot, tt.where)
			}
		})
	}
}

// What the entry says is told with where it comes from.
func TestBootSettings(t *testing.T) {
	t.Parallel()
	s := diskScan(t, memoryDisk(t, fillEFIDisk), target.ReadOnly)
	var live windows.Live
	s.installs[0].lookAtBoot(&live)
	boot := live.Boot
	if boot == nil {
		t.Fatal(live.BootProblem)
	}
	if v := boot.NoCrashAutoReboot; !v.Value || !v.IsSet() {
		t.Errorf("nocrashautoreboot %+v", v)
	}
	if v := boot.RemoveMemory; v.Value != 4096 || v.Origin != windows.Set {
		t.Errorf("removememory %+v", v)
	}
	if v := boot.Debug; v.Value || v.IsSet() {
		t.Errorf("debug %+v", v)
	}
}
