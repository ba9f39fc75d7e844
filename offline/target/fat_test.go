package target

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// efiDisk has an EFI system partition and a Windows volume.
func efiDisk(t *testing.T, efi fattest.Options) *image.Memory {
	t.Helper()
	disk := image.NewMemory(96<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Size: 34 << 20},
		{Type: image.TypeBasicData, Name: "Windows"},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	esp, err := table.Open(disk, table.Partitions[0])
	if err != nil {
		t.Fatal(err)
	}
	windows, err := table.Open(disk, table.Partitions[1])
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(fattest.Write(esp, esp.Size(), efi), format.Write(windows, format.Options{Root: []format.Entry{{Name: "f", Data: []byte("x")}}}))
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestFATVolume(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("regf"), 5000)
	disk := efiDisk(t, fattest.Options{Kind: fat.FAT32, Label: "SYSTEM", Root: []fattest.Entry{
		{Name: "EFI", Dir: []fattest.Entry{{Name: "Microsoft", Dir: []fattest.Entry{{Name: "Boot", Dir: []fattest.Entry{{Name: "BCD", Data: data}}}}}}},
	}})
	for _, mode := range []Mode{ReadOnly, DryRun, Writable} {
		opened, err := FromDisk("disk", disk, mode)
		if err != nil {
			t.Fatal(err)
		}
		esp, windows := opened.Volumes[0], opened.Volumes[1]
		if esp.Err != nil || esp.Kind != ntfs.Other || esp.FileSystem() != "FAT32" || esp.Info.Label != "SYSTEM" || windows.FileSystem() != "NTFS" {
			t.Fatalf("volumes %+v, %+v", esp, windows)
		}
		if err := fstest.TestFS(esp.FS, "EFI/Microsoft/Boot/BCD"); err != nil {
			t.Error(err)
		}
		set, err := OpenHiveSet(esp.FS, "efi/microsoft/boot/bcd", true)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, set.Primary.Size())
		if _, err := set.Primary.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		switch n, err := set.Primary.WriteAt([]byte("x"), 0); {
		case mode == ReadOnly && (n != 0 || !errors.Is(err, image.ErrReadOnly)):
			t.Errorf("a write of %d bytes to a volume opened for reading: %v", n, err)
		case mode != ReadOnly && (n != 1 || err != nil):
			t.Errorf("a write of %d bytes: %v", n, err)
		}
		if err := errors.Join(set.Primary.Sync(), set.Close()); err != nil {
			t.Error(err)
		}
		if err := esp.Refuse(); err != nil {
			t.Errorf("FAT volume: %v", err)
		}
		if found, want := len(opened.Pending()), map[Mode]int{DryRun: 1}[mode]; found != want {
			t.Errorf("%d ranges pending, want %d", found, want)
		}
		if err := windows.Refuse(); err != nil {
			t.Errorf("Windows beside it: %v", err)
		}
		if _, err := esp.FS.OpenInPlace("EFI"); err == nil {
			t.Error("a directory was opened")
		}
	}
}

// A file whose bytes may not be its own is read and not written.
func TestUnprovenFATFile(t *testing.T) {
	t.Parallel()
	disk := efiDisk(t, fattest.Options{Kind: fat.FAT32, Root: []fattest.Entry{{Name: "BCD", Data: []byte("regf")}}})
	if _, err := disk.WriteAt([]byte{1}, 1<<20+32*512+400); err != nil { // in the first of two tables
		t.Fatal(err)
	}
	for _, mode := range []Mode{ReadOnly, DryRun, Writable} {
		opened, err := FromDisk("disk", disk, mode)
		if err != nil {
			t.Fatal(err)
		}
		_, err = opened.Volumes[0].FS.OpenInPlace("BCD")
		if mode == ReadOnly && err != nil || mode != ReadOnly && !errors.Is(err, fat.ErrNotInPlace) {
			t.Errorf("mode %d: %v", mode, err)
		}
	}
}

// A damaged EFI system partition is told, and stands in nobody's way.
func TestDamagedFATVolume(t *testing.T) {
	t.Parallel()
	disk := efiDisk(t, fattest.Options{Kind: fat.FAT32})
	if _, err := disk.WriteAt([]byte{0xF0, 0xFF, 0xFF, 0x0F}, 1<<20+44); err != nil { // the root's cluster
		t.Fatal(err)
	}
	opened, err := FromDisk("disk", disk, Writable)
	if err != nil {
		t.Fatal(err)
	}
	if esp := opened.Volumes[0]; esp.FS != nil || !errors.Is(esp.Err, fat.ErrFormat) {
		t.Errorf("volume %+v, want fat.ErrFormat", esp)
	}
	if err := opened.Volumes[1].Refuse(); err != nil {
		t.Errorf("Windows beside it: %v", err)
	}
}

// A Windows on FAT that was suspended holds the other volumes of its disk, too.
func TestSuspendedOnFAT(t *testing.T) {
	t.Parallel()
	disk := efiDisk(t, fattest.Options{Kind: fat.FAT32, Root: []fattest.Entry{{Name: "HIBERFIL.SYS", Data: append([]byte("hibr"), make([]byte, 8192)...)}}})
	opened, err := FromDisk("disk", disk, Writable)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Volumes[1].Refuse(); !errors.Is(err, ErrHibernated) {
		t.Errorf("%v, want %v", err, ErrHibernated)
	}
	if _, err := opened.Volumes[0].FS.Stat("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
