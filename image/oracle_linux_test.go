package image_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hangkit/image"
	"hangkit/image/imagetest"
)

// oracle finds a program that judges us. Without it the test is skipped, or
// fails where oracles are required.
func oracle(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

func missing(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// run gives what a program prints.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	for patience := 50; ; patience-- {
		out, err := exec.Command(oracle(t, program), args...).CombinedOutput()
		if err == nil {
			return string(out)
		}
		// A program that another test is just starting has our files, and their locks, until its exec.
		if patience == 0 || !bytes.Contains(out, []byte("Failed to lock byte")) {
			t.Fatalf("%s %q: %v\n%s", program, args, err, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// loop attaches an image file to a loop device.
func loop(t *testing.T, path string, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "loop devices need root")
	}
	out, err := exec.Command(oracle(t, "losetup"), append(args, "--find", "--show", path)...).CombinedOutput()
	if err != nil {
		missing(t, fmt.Sprintf("no loop device: %v\n%s", err, out))
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() { run(t, "losetup", "-d", dev) })
	return dev
}

// blank makes an empty image file.
func blank(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := image.Create(path, size)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path
}

// sfdisk is the JSON that sfdisk prints for a table.
type sfdisk struct {
	PartitionTable struct {
		Label, ID, Unit string
		SectorSize      int64
		Partitions      []struct {
			Node, Type, UUID, Name string
			Start, Size            int64
			Bootable               bool
		}
	}
}

// device is what to show programs that take the sector size from the device
// only: the file itself for 512, else a loop device.
func device(t *testing.T, path string, sector int) string {
	t.Helper()
	if sector == 512 {
		return path
	}
	return loop(t, path, "-b", strconv.Itoa(sector))
}

// sfdiskText writes a table as sfdisk sees it in the form of tableText.
func sfdiskText(t *testing.T, device string) string {
	t.Helper()
	var s sfdisk
	out := run(t, "sfdisk", "-J", device)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var lines []string
	for _, p := range s.PartitionTable.Partitions {
		if p.Type == "f" || p.Type == "5" {
			continue
		}
		unit := s.PartitionTable.SectorSize
		lines = append(lines, fmt.Sprintf("%s %d %d %s %s %v", strings.TrimPrefix(strings.TrimPrefix(p.Node, device), "p"), p.Start*unit, p.Size*unit, p.Type, p.Name, p.Bootable))
	}
	return strings.Join(lines, "\n")
}

func tableText(table *image.Table) string {
	var lines []string
	for _, p := range table.Partitions {
		kind := strings.TrimPrefix(strings.TrimPrefix(p.Type, "0x"), "0")
		lines = append(lines, fmt.Sprintf("%d %d %d %s %s %v", p.Number, p.Start, p.Size, kind, p.Name, p.Bootable))
	}
	return strings.Join(lines, "\n")
}

func TestOracleCreateGPT(t *testing.T) {
	t.Parallel()
	oracle(t, "sfdisk")
	for _, sector := range []int{512, 4096} {
		path := blank(t, 128*mib)
		f := openFile(t, path, true)
		table, err := image.CreateGPT(image.WithSectorSize(f, sector), []image.NewPartition{
			{Type: image.TypeEFISystem, Name: "EFI system partition", Size: 16 * mib},
			{Type: image.TypeMSReserved, Name: "Microsoft reserved partition", Size: 16 * mib},
			{Type: image.TypeBasicData, Name: "Größe 大", Size: 5*mib + 1},
			{Type: image.TypeWinRecovery},
		}, 42)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		dev := device(t, path, sector)
		if got, want := tableText(table), sfdiskText(t, dev); got != want {
			t.Errorf("sectors of %d: ours\n%s\nsfdisk's\n%s", sector, got, want)
		}
		if again := openFile(t, path, false); again.SectorSize() != sector {
			t.Errorf("sectors of %d guessed as %d", sector, again.SectorSize())
		}
		if out := run(t, "sgdisk", "-v", dev); !strings.Contains(out, "No problems found") {
			t.Errorf("sectors of %d: sgdisk: %s", sector, out)
		}
	}
}

func TestOracleCreateMBR(t *testing.T) {
	t.Parallel()
	oracle(t, "sfdisk")
	for _, sector := range []int{512, 4096} {
		path := blank(t, 128*mib)
		f := openFile(t, path, true)
		table, err := image.CreateMBR(image.WithSectorSize(f, sector), []image.NewPartition{
			{Type: "0x07", Size: 10 * mib, Active: true},
			{Type: "0x07", Size: 10*mib + 1, Logical: true},
			{Type: "0x0c", Size: 10 * mib, Logical: true},
			{Type: "0x27", Size: 10 * mib, Logical: true},
			{Type: "0x42"},
		}, 0xdeadbeef)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		got, want := tableText(table), sfdiskText(t, device(t, path, sector))
		if len(table.Partitions) != 5 || got != want {
			t.Errorf("sectors of %d: ours\n%s\nsfdisk's\n%s", sector, got, want)
		}
		if table.DiskSignature != 0xdeadbeef || len(table.Warnings) != 0 {
			t.Errorf("signature %x, warnings %q", table.DiskSignature, table.Warnings)
		}
	}
}

// Tables that sfdisk makes read as sfdisk reads them.
func TestOracleReadTable(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"mbr": "label: dos\nlabel-id: 0x12345678\n" +
			"size=20MiB, type=7, bootable\nsize=60MiB, type=5\nsize=10MiB, type=c\nsize=7MiB, type=7\nsize=9MiB, type=17\nsize=8MiB, type=83\n",
		"gpt": "label: gpt\nsize=20MiB, type=U, name=\"EFI system partition\"\n" +
			"size=9MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, attrs=LegacyBIOSBootable\nsize=8MiB, type=E75CAF8F-F680-4CEE-AFA3-B001E56EFC2D\n",
		"gpt of 8 entries": "label: gpt\ntable-length: 8\nsize=20MiB, type=U\n",
	} {
		for _, sector := range []int{512, 4096} {
			t.Run(fmt.Sprintf("%s, sectors of %d", name, sector), func(t *testing.T) {
				t.Parallel()
				dev := device(t, blank(t, 128*mib), sector)
				cmd := exec.Command(oracle(t, "sfdisk"), "-q", dev)
				cmd.Stdin = strings.NewReader(script)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("sfdisk: %v\n%s", err, out)
				}
				table, err := image.ReadTable(openFile(t, dev, false))
				if err != nil {
					t.Fatal(err)
				}
				got := tableText(table)
				want := sfdiskText(t, dev)
				if name == "gpt" { // sfdisk tells the attribute apart
					got = strings.ReplaceAll(got, "true", "false")
				}
				if got != want || len(table.Warnings) != 0 {
					t.Errorf("ours\n%s\nsfdisk's\n%s\nwarnings %q", got, want, table.Warnings)
				}
			})
		}
	}
}

func TestOracleLoopDevice(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		dev := loop(t, blank(t, 4*mib), "-b", strconv.Itoa(sector))
		imagetest.TestDevice(t, func(t *testing.T) image.Disk {
			t.Helper()
			return openFile(t, dev, true)
		})

		f := openFile(t, dev, true)
		if f.Kind() != image.BlockDevice || f.Size() != 4*mib || f.SectorSize() != sector || f.ReadOnly() {
			t.Errorf("%v of %d bytes, sectors of %d", f.Kind(), f.Size(), f.SectorSize())
		}
		if _, err := image.Open(dev, true); !errors.Is(err, image.ErrBusy) {
			t.Errorf("second open for writing: %v", err)
		}
		if r, err := image.Open(dev, false); err != nil {
			t.Errorf("open for reading: %v", err)
		} else {
			r.Close()
		}
		f.Close()
		infos, err := image.List()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(infos, func(d image.DeviceInfo) bool { return d.Path == dev })
		if i < 0 || infos[i].Size != 4*mib || infos[i].SectorSize != sector {
			t.Errorf("%s is not listed as it is: %+v", dev, infos)
		}
	}
}

func TestOracleWriteProtectedDevice(t *testing.T) {
	t.Parallel()
	dev := loop(t, blank(t, 4*mib), "-r")
	if _, err := image.Open(dev, true); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("open for writing: %v", err)
	}
	openFile(t, dev, false)
}

// A mounted disk is refused by every name it has, and read by all.
func TestOracleMounted(t *testing.T) {
	t.Parallel()
	oracle(t, "mkfs.ext4")
	path := blank(t, 64*mib)
	f := openFile(t, path, true)
	table, err := image.CreateGPT(f, []image.NewPartition{{Type: image.TypeBasicData}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	p := table.Partitions[0]
	whole := loop(t, path)
	part := loop(t, whole, "-o", strconv.FormatInt(p.Start, 10), "--sizelimit", strconv.FormatInt(p.Size, 10))
	run(t, "mkfs.ext4", "-q", part)
	dir := t.TempDir()
	if out, err := exec.Command("mount", part, dir).CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("cannot mount: %v\n%s", err, out))
	}
	t.Cleanup(func() { imagetest.Unmount(t, dir) })
	for _, name := range []string{part, whole, path} {
		_, err := image.Open(name, true)
		var busy *image.BusyError
		if !errors.As(err, &busy) || !strings.Contains(busy.Reason, "mounted at "+dir) {
			t.Errorf("open %s for writing: %v", name, err)
		}
		openFile(t, name, false)
	}
}

// A mounted partition is in the way of its whole disk, but not of another
// partition.
func TestOraclePartitionMounted(t *testing.T) {
	t.Parallel()
	oracle(t, "mkfs.ext4")
	path := blank(t, 64*mib)
	f := openFile(t, path, true)
	table, err := image.CreateMBR(f, []image.NewPartition{{Type: "0x83", Size: 32 * mib}, {Type: "0x07"}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	whole := loop(t, path)
	// Partitions outlive their loop device where an earlier run was cut off.
	_ = exec.Command("partx", "-d", whole).Run()
	for i, p := range table.Partitions { // told, since not every kernel reads tables itself
		run(t, "addpart", whole, strconv.Itoa(i+1), strconv.FormatInt(p.Start/512, 10), strconv.FormatInt(p.Size/512, 10))
	}
	t.Cleanup(func() { run(t, "partx", "-d", whole) })
	first, second := whole+"p1", whole+"p2"
	run(t, "mkfs.ext4", "-q", first)
	dir := t.TempDir()
	run(t, "mount", first, dir)
	t.Cleanup(func() { imagetest.Unmount(t, dir) })
	for _, name := range []string{first, whole, path} {
		_, err := image.Open(name, true)
		var busy *image.BusyError
		if !errors.As(err, &busy) || busy.Reason != first+" is mounted at "+dir || busy.Hint() != "unmount it first: umount "+dir {
			t.Errorf("open %s for writing: %v", name, err)
		}
	}
	if f := openFile(t, second, true); f.Size() != 31*mib {
		t.Errorf("the other partition has %d bytes", f.Size())
	}
}

// Volumes that cover the disk, as the tools make them.
func TestOracleWholeDiskVolumes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		sector int
	}{
		{[]string{"mkntfs", "-F", "-Q", "-q"}, 512},
		{[]string{"mkntfs", "-F", "-Q", "-q", "-s", "4096"}, 4096},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			path := blank(t, 40*mib)
			run(t, c.args[0], append(c.args[1:], path)...)
			f := openFile(t, path, false)
			table, err := image.ReadTable(f)
			if err != nil {
				t.Fatal(err)
			}
			if table.Scheme != image.None || table.Partitions[0].TypeName != image.VolumeNTFS || table.Partitions[0].Size != 40*mib || f.SectorSize() != c.sector || len(table.Warnings) != 0 {
				t.Errorf("%+v, sectors of %d", table, f.SectorSize())
			}
		})
	}
}
