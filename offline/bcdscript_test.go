package offline

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/ntfs/format"
	"hangkit/offline/target"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// bcdTime is when the stores of the scripts were made.
var bcdTime = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// cmdMkbcd makes a store of boot configuration data: mkbcd efi/EFI/Microsoft/Boot/BCD.
func cmdMkbcd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mkbcd file")
	}
	data, err := bcdData(sample.BCDOptions{})
	ts.Check(err)
	name := ts.MkAbs(args[0])
	ts.Check(errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o640)))
}

func bcdData(o sample.BCDOptions) ([]byte, error) {
	o.Now = bcdTime
	h, err := sample.BCD(o)
	if err != nil {
		return nil, err
	}
	return h.Bytes()
}

// usedBCD is a store that has been in use: keys that came and went have left room behind.
func usedBCD(o sample.BCDOptions) ([]byte, error) {
	o.Now = bcdTime
	h, err := sample.BCD(o)
	if err != nil {
		return nil, err
	}
	const gone = `Objects\gone`
	if err := h.SetValue(gone, hive.Value{Name: "x", Type: hive.Binary, Data: make([]byte, 4000)}); err != nil {
		return nil, err
	}
	if err := h.DeleteKey(gone); err != nil {
		return nil, err
	}
	return h.Bytes()
}

// bootLog is the log of a store, empty but for its room, as long as Windows makes it.
func bootLog() []byte { return make([]byte, 28<<10) }

// cmdMkboot makes a small disk that boots as EFI or BIOS machines do, with a store on its first
// partition and a Windows on its second, or one with a Windows on FAT: mkboot efi disk.img.
func cmdMkboot(ts *testscript.TestScript, neg bool, args []string) {
	fill := map[string]func(image.Disk) error{"efi": fillEFIDisk, "bios": fillBIOSDisk, "fat": fillFATDisk}
	if neg || len(args) != 2 || fill[args[0]] == nil {
		ts.Fatalf("usage: mkboot efi|bios|fat file")
	}
	disk, err := image.Create(ts.MkAbs(args[1]), 96<<20)
	ts.Check(err)
	ts.Check(errors.Join(fill[args[0]](disk), disk.Close()))
}

const bootPartition = 34 << 20

// cmdSetboot changes an element of the entry of a mkboot disk's Windows, as Windows would: setboot
// disk.img 250000e0 0300000000000000.
func cmdSetboot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: setboot disk element hex")
	}
	value, err := hex.DecodeString(args[2])
	ts.Check(err)
	disk, err := target.Open(ts.MkAbs(args[0]), target.Writable)
	ts.Check(err)
	defer disk.Close()
	v := disk.Volumes[0]
	set, err := target.OpenHiveSet(v.FS, windows.FindBCD(v.FS)[0], false)
	ts.Check(err)
	defer set.Close()
	h, err := hive.Open(source(set))
	ts.Check(err)
	ts.Check(h.SetValue(`Objects\`+sample.LoaderID+`\Elements\`+args[1], hive.Value{Name: windows.ElementValue, Type: hive.Binary, Data: value}))
	commit, err := h.Commit(hive.CommitOptions{Generation: hive.GenerationHvLE, Now: bcdTime})
	ts.Check(err)
	ts.Check(commit.Run((&hiveWriter{set: set}).targets()))
}

func fillEFIDisk(disk image.Disk) error {
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Size: bootPartition}, {Type: image.TypeBasicData},
	}, demoSeed)
	if err != nil {
		return err
	}
	id := windows.VolumeID{PartitionGUID: table.Partitions[1].GUID}
	data, err := usedBCD(sample.BCDOptions{EFI: true, Volume: id, Elements: sample.BCDElements{
		0x26000024: true, 0x25000080: 1, 0x25000031: 4096, 0x250000e0: 1, 0x12000030: "clear\x1b[2J",
	}})
	if err != nil {
		return err
	}
	esp, err := table.Open(disk, table.Partitions[0])
	if err != nil {
		return err
	}
	err = fattest.Write(esp, esp.Size(), fattest.Options{Kind: fat.FAT32, Label: "SYSTEM", Root: []fattest.Entry{
		{Name: "EFI", Dir: []fattest.Entry{{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: []fattest.Entry{
			{Name: "BCD", Data: data}, {Name: "BCD.LOG", Data: bootLog()}, {Name: "BCD.LOG1"}, {Name: "BCD.LOG2"},
		}}}}}},
	}})
	return errors.Join(err, fillWindows(disk, table, id))
}

func fillBIOSDisk(disk image.Disk) error {
	table, err := image.CreateMBR(disk, []image.NewPartition{
		{Type: image.TypeMBRNTFS, Size: bootPartition}, {Type: image.TypeMBRNTFS},
	}, demoSeed)
	if err != nil {
		return err
	}
	id := windows.VolumeID{MBRSignature: table.DiskSignature, Offset: table.Partitions[1].Start}
	data, err := usedBCD(sample.BCDOptions{Volume: id})
	if err != nil {
		return err
	}
	reserved, err := table.Open(disk, table.Partitions[0])
	if err != nil {
		return err
	}
	err = format.Write(reserved, format.Options{Label: "System Reserved", Root: []format.Entry{
		{Name: "Boot", Dir: []format.Entry{{Name: "BCD", Data: data}, {Name: "BCD.LOG", Data: bootLog()}, {Name: "BCD.LOG1"}, {Name: "BCD.LOG2"}}},
	}})
	return errors.Join(err, fillWindows(disk, table, id))
}

// fillFATDisk puts a Windows XP on a FAT32 volume, as many had it.
func fillFATDisk(disk image.Disk) error {
	table, err := image.CreateMBR(disk, []image.NewPartition{{Type: "0x0c"}}, demoSeed)
	if err != nil {
		return err
	}
	volume, err := table.Open(disk, table.Partitions[0])
	if err != nil {
		return err
	}
	files, err := sampleRegistry(sample.WindowsXP())
	if err != nil {
		return err
	}
	var config []fattest.Entry
	for name, data := range files {
		config = append(config, fattest.Entry{Name: name, Data: data})
	}
	return fattest.Write(volume, volume.Size(), fattest.Options{Kind: fat.FAT32, Root: []fattest.Entry{
		{Name: "WINDOWS", Dir: []fattest.Entry{{Name: "system32", Dir: []fattest.Entry{{Name: "config", Dir: config}}}}},
	}})
}

// fillWindows puts a Windows on the second partition.
func fillWindows(disk image.Disk, table *image.Table, id windows.VolumeID, beside ...format.Entry) error {
	volume, err := table.Open(disk, table.Partitions[1])
	if err != nil {
		return err
	}
	o := sample.Server()
	o.Volume = id
	var hives []*hive.Hive
	for _, build := range []func(sample.Options) (*hive.Hive, error){sample.System, sample.Software} {
		h, err := build(o)
		if err != nil {
			return err
		}
		hives = append(hives, h)
	}
	config, err := configFolder(hives[0], hives[1])
	if err != nil {
		return err
	}
	return format.Write(volume, format.Options{Label: "Windows", Root: append(beside,
		format.Entry{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
	)})
}

// TestManagerLine: how many entries the menu has is said only where it is known.
func TestManagerLine(t *testing.T) {
	t.Parallel()
	wait := uint64(5)
	for entries, want := range []string{"has no menu", "has one entry in its menu", "waits 5 seconds"} {
		b := bcdJSON{Default: "{x}", Timeout: &wait, DisplayOrder: strings.Fields(strings.Repeat("x ", entries))}
		if got := managerLine(b); got != "the boot manager "+want+" and starts {x} by itself" {
			t.Errorf("%d entries: %s", entries, got)
		}
	}
}
