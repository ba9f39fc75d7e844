package offline

import (
	"errors"
	"io"
	"time"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/target"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// The disk that the demo makes up: a server with a page file large enough for a
// kernel dump, in many pieces, as the page files of old machines are. Nothing of it
// takes room on the real disk but what is written.
const (
	demoDiskSize      = 64 << 30
	demoPageFile      = 10 << 30
	demoFragments     = 1200
	demoDumpPages     = 6 << 20 >> 12
	demoLogSize       = 256 << 10
	demoSystemSize    = 1 << 20
	demoEFISize       = 100 << 20
	demoReservedSize  = 16 << 20
	demoWindowsNumber = 3
	demoSeed          = 4711
)

// demoTime is when everything on the demo's disk was made.
var demoTime = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// makeDemoDisk writes the disk image.
func makeDemoDisk(name string) (err error) {
	disk, err := image.Create(name, demoDiskSize) // never over a file that is there
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	return fillDemoDisk(disk)
}

func fillDemoDisk(disk image.Disk) error {
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Name: "EFI system partition", Size: demoEFISize},
		{Type: image.TypeMSReserved, Name: "Microsoft reserved partition", Size: demoReservedSize},
		{Type: image.TypeBasicData, Name: "Basic data partition"},
	}, demoSeed)
	if err != nil {
		return err
	}
	part := table.Partitions[demoWindowsNumber-1]
	volume, err := table.Open(disk, part)
	if err != nil {
		return err
	}
	root, err := demoFiles(windows.VolumeID{PartitionGUID: part.GUID, Offset: part.Start})
	if err != nil {
		return err
	}
	return format.Write(volume, format.Options{
		Label: "Windows", Seed: demoSeed, Time: demoTime, Log: format.LogV2,
		VolumeFlags: format.VolumeMounted, Root: root,
	})
}

// demoFiles is the tree of the Windows volume.
func demoFiles(id windows.VolumeID) ([]format.Entry, error) {
	options := sample.Server()
	options.Volume, options.Now = id, demoTime
	options.PageFiles = []string{`C:\pagefile.sys 10240 10240`}
	system, err := sample.System(options)
	if err != nil {
		return nil, err
	}
	software, err := sample.Software(options)
	if err != nil {
		return nil, err
	}
	config, err := configFolder(system, software)
	if err != nil {
		return nil, err
	}
	return []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "Minidump", Dir: []format.Entry{}},
			{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}},
		}},
		{Name: "pagefile.sys", Size: demoPageFile, Fragments: demoFragments, Attributes: format.AttrHidden | format.AttrSystem},
	}, nil
}

// configFolder holds the hives. SYSTEM has room behind its last bin, as on every
// real machine, and logs that Windows could replay.
func configFolder(system, software *hive.Hive) ([]format.Entry, error) {
	var entries []format.Entry
	for _, h := range []struct {
		name string
		hive *hive.Hive
		size int64
	}{{"SYSTEM", system, demoSystemSize}, {"SOFTWARE", software, 0}} {
		data, err := h.hive.Bytes()
		if err != nil {
			return nil, err
		}
		padded := make([]byte, max(h.size, int64(len(data))))
		copy(padded, data)
		entries = append(entries, format.Entry{Name: h.name, Data: padded})
	}
	for _, name := range []string{"SYSTEM.LOG1", "SYSTEM.LOG2"} {
		entries = append(entries, format.Entry{Name: name, Data: make([]byte, demoLogSize)})
	}
	return entries, nil
}

// windowsVolume is the demo's own volume in an opened disk.
func windowsVolume(t *target.Target) *target.Volume { return t.Volumes[demoWindowsNumber-1] }

// copyAt copies size bytes to the start of a file.
func copyAt(to target.File, from io.ReaderAt, size int64) error {
	buf := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(buf)) {
		chunk := buf[:min(int64(len(buf)), size-off)]
		if _, err := from.ReadAt(chunk, off); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := to.WriteAt(chunk, off); err != nil {
			return err
		}
	}
	return to.Sync()
}
