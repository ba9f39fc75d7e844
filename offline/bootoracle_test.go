package offline

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// realStore is the boot store that a Windows 10 wrote, with its default entry made to start the
// Windows of a disk of ours.
func realStore(t *testing.T, store []byte, id windows.VolumeID) (data []byte, entry string) {
	t.Helper()
	h, err := hive.Open(hive.Source{Primary: windowstest.NewFile(slices.Clone(store))})
	if err != nil {
		t.Fatal(err)
	}
	b, err := windows.OpenBCD(h)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := b.Default()
	if !ok {
		t.Fatal("no default")
	}
	v := hive.Value{Name: windows.ElementValue, Type: hive.Binary, Data: sample.PartitionDevice(id)}
	if err := h.SetValue(windows.ElementKey(e.ID, 0x21000001), v); err != nil {
		t.Fatal(err)
	}
	if data, err = h.Bytes(); err != nil {
		t.Fatal(err)
	}
	return data, e.ID
}

// bootPartitionOf is how a machine keeps its store, on a volume that others made and filled.
type bootPartitionOf struct {
	path  string // of the store
	disk  func(image.Disk) (*image.Table, error)
	id    func(*image.Table) windows.VolumeID
	make  func(t *testing.T, img string, files map[string][]byte)
	read  func(t *testing.T, img, name string) string
	judge func(t *testing.T, img string) string // what there is to say against the volume
}

var bootPartitions = map[string]bootPartitionOf{
	"ESP": {
		path: "EFI/Microsoft/Boot/BCD",
		disk: func(d image.Disk) (*image.Table, error) {
			return image.CreateGPT(d, []image.NewPartition{{Type: image.TypeEFISystem, Size: bootPartition}, {Type: image.TypeBasicData}}, demoSeed)
		},
		id: func(table *image.Table) windows.VolumeID {
			return windows.VolumeID{PartitionGUID: table.Partitions[1].GUID}
		},
		make: makeESP,
		read: func(t *testing.T, img, name string) string {
			t.Helper()
			return command(t, "mtype", "-i", img, "::/"+name)
		},
		judge: func(t *testing.T, img string) string {
			t.Helper()
			return command(t, "fsck.vfat", "-n", "-v", img)
		},
	},
	"system partition": {
		path: "Boot/BCD",
		disk: func(d image.Disk) (*image.Table, error) {
			return image.CreateMBR(d, []image.NewPartition{{Type: image.TypeMBRNTFS, Size: bootPartition}, {Type: image.TypeMBRNTFS}}, demoSeed)
		},
		id: func(table *image.Table) windows.VolumeID {
			return windows.VolumeID{MBRSignature: table.DiskSignature, Offset: table.Partitions[1].Start}
		},
		make: makeSystemPartition,
		read: func(t *testing.T, img, name string) string {
			t.Helper()
			return command(t, "ntfscat", img, name)
		},
		judge: func(t *testing.T, img string) string {
			t.Helper()
			checkVolume(t, img)
			return ""
		},
	},
}

func makeESP(t *testing.T, img string, files map[string][]byte) {
	t.Helper()
	command(t, "mkfs.vfat", "-F", "32", "-s", "1", "-n", "SYSTEM", img)
	host := filepath.Join(t.TempDir(), "file")
	made := map[string]bool{}
	for _, name := range sortedNames(files) {
		for i, r := range name {
			if dir := name[:i]; r == '/' && !made[dir] {
				made[dir] = true
				command(t, "mmd", "-i", img, "::/"+dir)
			}
		}
		if err := os.WriteFile(host, files[name], 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, "mcopy", "-i", img, host, "::/"+name)
	}
}

func makeSystemPartition(t *testing.T, img string, files map[string][]byte) {
	t.Helper()
	command(t, "mkntfs", "-F", "-q", img)
	volume := mount(t, img)
	for name, data := range files {
		name = filepath.Join(volume.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	volume.unmount(t)
}

func sortedNames(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestOracleBootStore changes a real boot store where UEFI and BIOS machines keep it, on volumes that
// others made. They find each volume as sound after as before, every file but the store and its log
// as it was, and in the store every other value byte for byte; the undo brings back the rest.
func TestOracleBootStore(t *testing.T) {
	needPrograms(t, "mkfs.vfat", "fsck.vfat", "mmd", "mcopy", "mtype", "mkntfs", "ntfs-3g", "ntfscat", "hivexml", "reglookup", "umount")
	store := sampleBytes(t, "BCD")
	for name, p := range bootPartitions {
		t.Run(name, func(t *testing.T) {
			if name != "ESP" && !requireOracles() {
				t.Skip("takes long: only where oracles are required")
			}
			t.Chdir(t.TempDir())
			if err := errors.Join(os.WriteFile("boot.img", nil, 0o600), os.Truncate("boot.img", bootPartition)); err != nil {
				t.Fatal(err)
			}
			disk, err := image.Create("disk.img", 96<<20)
			if err != nil {
				t.Fatal(err)
			}
			table, err := p.disk(disk)
			if err != nil {
				t.Fatal(err)
			}
			data, entry := realStore(t, store, p.id(table))
			files := map[string][]byte{p.path: data, p.path + ".LOG": bootLog(), p.path + ".LOG1": {}, p.path + ".LOG2": {}}
			for i := range 5 {
				files[fmt.Sprintf("%s-%d/bootmgr.efi.mui", filepath.Dir(p.path), i)] = slices.Repeat([]byte{byte(i), 7}, 5000*i)
			}
			p.make(t, "boot.img", files)
			copyIn(t, disk, table.Partitions[0])
			if err := errors.Join(fillWindows(disk, table, p.id(table)), disk.Close()); err != nil {
				t.Fatal(err)
			}
			before := p.look(t, files)

			hangkit(t, 0, "arm", "disk.img", "--ram", "512M", "--boot-log", "--no-auto-repair", "--no-auto-reboot", "--record", "undo.json", "--yes")
			copyOut(t, table.Partitions[0])
			after := p.look(t, files)
			if after.judged != before.judged || after.others != before.others {
				t.Errorf("the volume: %s\nbefore: %s", after.judged, before.judged)
			}
			checkBootChange(t, before, after, entry)

			hangkit(t, 0, "undo", "disk.img", "--yes")
			copyOut(t, table.Partitions[0])
			undone := p.look(t, files)
			if undone.judged != before.judged || undone.others != before.others || undone.values != before.values || undone.tree != before.tree {
				t.Errorf("undone: %s\n%s", firstDifference(before.values, undone.values), firstDifference(before.tree, undone.tree))
			}
		})
	}
}

// bootLook is what others see on the volume of a store.
type bootLook struct {
	judged, others string // the volume, and the files beside the store
	tree, values   string // of the store
}

func (p bootPartitionOf) look(t *testing.T, files map[string][]byte) bootLook {
	t.Helper()
	l := bootLook{judged: p.judge(t, "boot.img")}
	for _, name := range sortedNames(files) {
		if !strings.HasPrefix(name, p.path) || strings.HasSuffix(name, "1") || strings.HasSuffix(name, "2") {
			l.others += fmt.Sprintf("%s %x\n", name, p.read(t, "boot.img", name))
		}
	}
	if err := os.WriteFile("BCD", []byte(p.read(t, "boot.img", p.path)), 0o600); err != nil {
		t.Fatal(err)
	}
	hangkit(t, 0, "hive", "check", "BCD")
	l.tree = treeOf(t, "BCD")
	for line := range strings.Lines(command(t, "reglookup", "-H", "BCD")) {
		if key, _, ok := strings.Cut(line, ",KEY,"); ok { // its time is no value
			line = key + "\n"
		}
		l.values += line
	}
	return l
}

// checkBootChange demands of two stores that four elements of an entry differ, and nothing else.
func checkBootChange(t *testing.T, before, after bootLook, entry string) {
	t.Helper()
	gone, added := difference(before.values, after.values)
	want := map[string]string{"16000009": "%00", "26000024": "%01", "26000090": "%01", "250000e0": "%01%00%00%00%00%00%00%00"}
	for _, line := range slices.Concat(gone, added) {
		path, value, _ := strings.Cut(line, ",")
		parts := strings.Split(path, "/")
		number := ""
		if len(parts) > 4 {
			number = parts[4]
		}
		if len(parts) < 5 || parts[2] != entry || parts[3] != "Elements" || want[number] == "" {
			t.Errorf("changed: %s", line)
		}
		if slices.Contains(added, line) && strings.HasSuffix(path, "/Element") && !strings.HasPrefix(value, "BINARY,"+want[number]+",") {
			t.Errorf("%s, want %s", line, want[number])
		}
	}
	for number := range want {
		if !strings.Contains(after.values, number+"/Element,BINARY,"+want[number]+",") {
			t.Errorf("no %s %s", number, want[number])
		}
	}
}

// copyIn puts the volume's file into its partition.
func copyIn(t *testing.T, disk image.Disk, p image.Partition) {
	t.Helper()
	data, err := os.ReadFile("boot.img")
	if err == nil {
		_, err = disk.WriteAt(data, p.Start)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// copyOut takes it out again, for programs that look at volumes alone.
func copyOut(t *testing.T, p image.Partition) {
	t.Helper()
	disk, err := os.Open("disk.img")
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	data, err := io.ReadAll(io.NewSectionReader(disk, p.Start, bootPartition))
	if err == nil {
		err = os.WriteFile("boot.img", data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
