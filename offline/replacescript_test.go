package offline

import (
	"errors"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// fullJournals are the states in which a disk of mkfull can be left.
var fullJournals = map[string]format.LogState{"clean": format.LogClean, "dirty": format.LogDirty, "v2": format.LogV2}

// cmdMkfull makes a disk with a Windows whose SYSTEM has no room for a change, its
// volume's journal in a state: mkfull x.img clean.
func cmdMkfull(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkfull file clean|dirty|v2")
	}
	log, ok := fullJournals[args[1]]
	if !ok {
		ts.Fatalf("%s is no state of a journal", args[1])
	}
	disk, err := image.Create(ts.MkAbs(args[0]), 256<<20)
	ts.Check(err)
	ts.Check(errors.Join(fillFullDisk(disk, log), disk.Close()))
}

func fillFullDisk(disk image.Disk, log format.LogState) error {
	table, err := image.CreateGPT(disk, []image.NewPartition{{Type: image.TypeBasicData, Name: "Basic data partition"}}, demoSeed)
	if err != nil {
		return err
	}
	part := table.Partitions[0]
	volume, err := table.Open(disk, part)
	if err != nil {
		return err
	}
	o := sample.Server()
	o.Volume = windows.VolumeID{PartitionGUID: part.GUID, Offset: part.Start}
	files, err := sampleRegistry(o)
	if err != nil {
		return err
	}
	if files["SYSTEM"], err = fullHive(o); err != nil {
		return err
	}
	var config []format.Entry
	for _, name := range []string{"SOFTWARE", "SYSTEM", "SYSTEM.LOG1", "SYSTEM.LOG2"} {
		config = append(config, format.Entry{Name: name, Data: files[name]})
	}
	return format.Write(volume, format.Options{Seed: demoSeed, Log: log, Root: []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
	}})
}
