// Benchdisk makes the disk images that scripts/bench measures on. When to run: never
// by hand; scripts/bench and scripts/benchcopy do. Usage: benchdisk DIR [copy MIB].
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hangkit/collect/dumptest"
	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

const (
	dumpPages    = 1<<18 - 64 // a little under 1 GiB with its header
	smallVolume  = 2 << 30
	largeDisk    = 500e9
	extraRecords = 2 << 20 // 2 GiB of MFT records
	pieces       = 6000

	// Of scripts/benchcopy: the pieces of 4 GiB, and how much larger the volume is.
	copyPieces = 20000
	copyWhole  = 4 << 10
	copyRoom   = 2
)

func main() {
	err := error(nil)
	if len(os.Args) == 4 && os.Args[2] == "copy" {
		err = makeCopy(os.Args[1], os.Args[3])
	} else {
		err = makeAll(os.Args[1])
	}
	if err != nil {
		log.Fatal("benchdisk: ", err)
	}
}

// makeCopy makes what scripts/benchcopy copies: one dump of so many MiB, in one piece
// and in many.
func makeCopy(dir, size string) error {
	mib, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	dump, err := dumptest.NewReader(dumptest.Spec{Pages: mib << 8, Seed: 1})
	if err != nil {
		return err
	}
	if err := writePlain(filepath.Join(dir, "plain"), dump); err != nil {
		return err
	}
	for kind, fragments := range map[string]int{"contiguous": 1, "pieces": copyPieces * mib / copyWhole} {
		if err := makeVolume(dir, kind, dump, fragments, copyRoom*dump.Size()&^0xFFFFF); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func makeAll(dir string) error {
	dump, err := dumptest.NewReader(dumptest.Spec{Pages: dumpPages, Seed: 1})
	if err != nil {
		return err
	}
	if err := writePlain(filepath.Join(dir, "plain"), dump); err != nil {
		return err
	}
	for kind, fragments := range map[string]int{"contiguous": 1, "fragmented": pieces} {
		if err := makeVolume(dir, kind, dump, fragments, smallVolume); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return makeLarge(filepath.Join(dir, "large.img"))
}

func writePlain(name string, dump *dumptest.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = dump.WriteTo(f)
	return errors.Join(err, f.Sync(), f.Close())
}

// makeVolume makes an image of one volume with MEMORY.DMP in so many pieces, and
// says beside it where the other programs find the file.
func makeVolume(dir, kind string, dump *dumptest.Reader, fragments int, size int64) (err error) {
	disk, err := newDisk(filepath.Join(dir, kind+".img"), size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	config, err := registry(windows.VolumeID{})
	if err != nil {
		return err
	}
	layout, err := format.Build(disk, format.Options{Seed: 1, Root: []format.Entry{{Name: "Windows", Dir: []format.Entry{
		{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}},
		{Name: "MEMORY.DMP", Content: dump, Size: dump.Size(), Fragments: fragments},
	}}}})
	if err != nil {
		return err
	}
	file := layout.Files["Windows/MEMORY.DMP"]
	var extents strings.Builder
	for _, e := range file.Extents {
		fmt.Fprintln(&extents, e.DeviceOffset, e.Length)
	}
	for name, text := range map[string]string{
		kind + ".record":  fmt.Sprint(file.Record),
		kind + ".pieces":  fmt.Sprint(len(file.Extents)),
		kind + ".extents": extents.String(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makeLarge makes a 500 GB disk whose $MFT has 2 GiB of records, all sparse.
func makeLarge(name string) (err error) {
	disk, err := newDisk(name, largeDisk)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	table, err := image.CreateGPT(disk, []image.NewPartition{{Type: image.TypeBasicData}}, 1)
	if err != nil {
		return err
	}
	part := table.Partitions[0]
	volume, err := table.Open(disk, part)
	if err != nil {
		return err
	}
	config, err := registry(windows.VolumeID{PartitionGUID: part.GUID, Offset: part.Start})
	if err != nil {
		return err
	}
	var users []format.Entry
	for i := range 20000 {
		users = append(users, format.Entry{Name: fmt.Sprintf("file %05d.txt", i), Data: []byte("x")})
	}
	return format.Write(volume, format.Options{Seed: 1, ExtraRecords: extraRecords, Root: []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}}},
		{Name: "Users", Dir: users},
		{Name: "pagefile.sys", Size: 20 << 30, Fragments: 3000},
	}})
}

func registry(id windows.VolumeID) ([]format.Entry, error) {
	o := sample.Server()
	o.Volume, o.Now = id, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	var entries []format.Entry
	for name, build := range map[string]func(sample.Options) (*hive.Hive, error){"SYSTEM": sample.System, "SOFTWARE": sample.Software} {
		h, err := build(o)
		if err != nil {
			return nil, err
		}
		data, err := h.Bytes()
		if err != nil {
			return nil, err
		}
		entries = append(entries, format.Entry{Name: name, Data: data})
	}
	return entries, nil
}

// newDisk makes an empty image, all holes.
func newDisk(name string, size int64) (*image.File, error) {
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, size)); err != nil {
		return nil, err
	}
	return image.Open(name, true)
}
