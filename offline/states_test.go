package offline

import (
	gocmp "cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/hive"
	"hangkit/image"
	"hangkit/ntfs/format"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// machine is a made-up Windows with values of its own in the registry.
type machine struct {
	drives   map[byte]string // GUIDs of the partitions behind C, D, …
	settings map[string]hive.Value
}

const (
	crashSettings  = `ControlSet001\Control\CrashControl\`
	memorySettings = `ControlSet001\Control\Session Manager\Memory Management\`
)

// config is the folder of its hives.
func (m *machine) config(t *testing.T) format.Entry {
	t.Helper()
	o := sample.Server()
	o.Now = demoTime
	o.Volume = windows.VolumeID{PartitionGUID: m.drives['C']}
	system, err := sample.System(o)
	if err != nil {
		t.Fatal(err)
	}
	for letter, guid := range m.drives {
		name := `\DosDevices\` + string(rune(letter)) + ":"
		m.set(t, system, `MountedDevices`, hive.Value{Name: name, Type: hive.Binary, Data: append([]byte("DMIO:ID:"), guidOnDisk(t, guid)...)})
	}
	for where, v := range m.settings {
		key, name := where[:strings.LastIndexByte(where, '\\')], where[strings.LastIndexByte(where, '\\')+1:]
		v.Name = name
		m.set(t, system, key, v)
	}
	software, err := sample.Software(o)
	if err != nil {
		t.Fatal(err)
	}
	config, err := configFolder(system, software)
	if err != nil {
		t.Fatal(err)
	}
	return format.Entry{Name: "System32", Dir: []format.Entry{{Name: "config", Dir: config}}}
}

func (m *machine) set(t *testing.T, h *hive.Hive, key string, v hive.Value) {
	t.Helper()
	if err := h.SetValue(key, v); err != nil {
		t.Fatal(err)
	}
}

// guidOnDisk is the form in which Windows stores a GUID: three little-endian fields.
func guidOnDisk(t *testing.T, s string) []byte {
	t.Helper()
	var a uint32
	var b, c, d uint16
	var e uint64
	if _, err := fmt.Sscanf(s, "%08X-%04X-%04X-%04X-%012X", &a, &b, &c, &d, &e); err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint32(nil, a)
	out = binary.LittleEndian.AppendUint16(out, b)
	out = binary.LittleEndian.AppendUint16(out, c)
	out = binary.BigEndian.AppendUint16(out, d)
	return append(out, binary.BigEndian.AppendUint64(nil, e)[2:]...)
}

// dword and text are registry values whose names come from where they are put.
func dword(n uint32) hive.Value { return hive.Value{Type: hive.DWORD, Data: hive.EncodeDWORD(n)} }
func text(s string) hive.Value  { return hive.Value{Type: hive.ExpandSZ, Data: hive.EncodeSZ(s)} }
func texts(s ...string) hive.Value {
	return hive.Value{Type: hive.MultiSZ, Data: hive.EncodeMultiSZ(s)}
}

// tree turns slash paths and contents into the folders of a volume.
func tree(files map[string][]byte, also ...format.Entry) []format.Entry {
	folders := map[string]map[string][]byte{}
	var entries []format.Entry
	for name, b := range files {
		first, below, inFolder := strings.Cut(name, "/")
		if !inFolder {
			entries = append(entries, format.Entry{Name: name, Data: b})
			continue
		}
		if folders[first] == nil {
			folders[first] = map[string][]byte{}
		}
		folders[first][below] = b
	}
	for name, files := range folders {
		entries = append(entries, format.Entry{Name: name, Dir: tree(files)})
	}
	for _, e := range also {
		if i := slices.IndexFunc(entries, func(have format.Entry) bool { return have.Name == e.Name }); i >= 0 {
			entries[i].Dir = append(entries[i].Dir, e.Dir...)
		} else {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b format.Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

const smallVolume = 12 << 20

// newDisk makes a disk image with partitions of these types and tells their GUIDs.
func newDisk(t *testing.T, name string, seed uint64, types ...string) (disk *image.File, table *image.Table) {
	t.Helper()
	disk, err := image.Create(name, int64(len(types)+1)*smallVolume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	var parts []image.NewPartition
	for _, kind := range types {
		parts = append(parts, image.NewPartition{Type: kind, Size: smallVolume})
	}
	if table, err = image.CreateGPT(disk, parts, seed); err != nil {
		t.Fatal(err)
	}
	return disk, table
}

// fill writes a volume into a partition.
func fill(t *testing.T, disk image.Disk, table *image.Table, number int, root []format.Entry) {
	t.Helper()
	volume, err := table.Open(disk, table.Partitions[number-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := format.Write(volume, format.Options{Seed: 5, Time: demoTime, Root: root}); err != nil {
		t.Fatal(err)
	}
}

// smallDump is a dump of 64 pages.
func smallDump(t *testing.T, s dumptest.Spec) []byte {
	t.Helper()
	s.Pages = 64
	b, err := dumptest.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listed are the finds of a list, by volume and path.
func listed(t *testing.T, images ...string) map[string]dumpJSON {
	t.Helper()
	var doc listDocument
	if err := json.Unmarshal([]byte(hangkit(t, 0, append([]string{"list", "--json"}, images...)...)), &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]dumpJSON{}
	for _, target := range doc.Targets {
		for _, v := range target.Volumes {
			for _, d := range v.Dumps {
				found[fmt.Sprintf("%s:%d:%s", filepath.Base(target.Name), v.Partition, d.Path)] = d
			}
		}
	}
	return found
}

// TestDumpsOnEveryVolume follows the drive letters of the settings to a partition
// beside that of Windows and to one on another disk, and names what the firmware left.
func TestDumpsOnEveryVolume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(i int) []byte {
		return smallDump(t, dumptest.Spec{BootID: uint32(i), Time: demoTime.Add(time.Duration(i) * time.Hour)})
	}
	diskB, tableB := newDisk(t, filepath.Join(dir, "b.img"), 2, image.TypeBasicData)
	fill(t, diskB, tableB, 1, tree(map[string][]byte{
		"swap/other.sys": at(1), "DUMP0001.tmp": at(2), "dumps/kernel.dmp": at(3), "small/a.dmp": at(4),
	}))
	diskA, tableA := newDisk(t, filepath.Join(dir, "a.img"), 1, image.TypeBasicData, image.TypeBasicData, image.TypeCrashDump)
	m := &machine{drives: map[byte]string{'C': tableA.Partitions[0].GUID, 'D': tableA.Partitions[1].GUID, 'E': tableB.Partitions[0].GUID}, settings: map[string]hive.Value{
		crashSettings + "DumpFile":                                text(`E:\dumps\kernel.dmp`),
		crashSettings + "MinidumpDir":                             text(`E:\small`),
		crashSettings + "DedicatedDumpFile":                       text(`D:\dedicated.sys`),
		crashSettings + `LiveKernelReports\LiveKernelReportsPath`: text(`\??\D:\live`),
		memorySettings + "PagingFiles":                            texts(`C:\pagefile.sys 16 16`, `D:\page.sys 16 16`),
		memorySettings + "ExistingPageFiles":                      texts(`\??\C:\pagefile.sys`, `\??\E:\swap\other.sys`),
		memorySettings + `PrefetchParameters\BootId`:              dword(9),
	}}
	fill(t, diskA, tableA, 1, tree(map[string][]byte{"pagefile.sys": at(5)}, format.Entry{Name: "Windows", Dir: []format.Entry{m.config(t)}}))
	fill(t, diskA, tableA, 2, tree(map[string][]byte{
		"dedicated.sys": at(6), "page.sys": at(7), "live/WATCHDOG/a.dmp": at(8), "hiberfil.sys": at(9), "unnamed.sys": at(10),
	}))
	writeFirmware(t, diskA, tableA.Partitions[2])
	want := map[string]string{
		"a.img:1:pagefile.sys":        "page file, complete, stale",
		"a.img:2:dedicated.sys":       "dedicated dump file, complete, stale",
		"a.img:2:page.sys":            "page file, complete, stale",
		"a.img:2:live/WATCHDOG/a.dmp": "live kernel dump, complete, live",
		"a.img:3:firmware-dump":       "firmware dump partition, firmware dump",
		"b.img:1:swap/other.sys":      "page file, complete, stale",
		"b.img:1:DUMP0001.tmp":        "unfinished harvest, complete, stale",
		"b.img:1:dumps/kernel.dmp":    "memory dump, complete, stale",
		"b.img:1:small/a.dmp":         "minidump, complete, stale",
	}
	got := map[string]string{}
	for name, d := range listed(t, filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img")) {
		got[name] = d.Source + ", " + d.State
		if d.Live {
			got[name] += ", live"
		}
		if d.Stale != "" {
			got[name] += ", stale"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("finds (-want +got):\n%s", diff)
	}
	alone := hangkit(t, 0, "list", filepath.Join(dir, "a.img"))
	for _, name := range []string{`E:\swap\other.sys`, `E:\dumps\kernel.dmp`} {
		if !strings.Contains(alone, "its settings name "+name+", whose volume is not in reach") {
			t.Errorf("%s is not named:\n%s", name, alone)
		}
	}
	if both := hangkit(t, 0, "list", filepath.Join(dir, "a.img"), filepath.Join(dir, "b.img")); strings.Contains(both, "not in reach") {
		t.Errorf("all is in reach:\n%s", both)
	}
	// Without the other disk its letter stands for nothing, and nothing else is lost.
	var doc collectDocument
	if err := json.Unmarshal([]byte(hangkit(t, 0, "collect", "--what", "dumps", "-n", "--json", filepath.Join(dir, "a.img"))), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Dumps) != 5 || doc.Dumps[0].Path != "page.sys" || !doc.Dumps[len(doc.Dumps)-2].Live {
		t.Errorf("would collect %+v", doc.Dumps)
	}
	hangkit(t, 0, "collect", "--what", "dumps", filepath.Join(dir, "a.img"), "-o", t.TempDir())
}

// writeFirmware puts a firmware dump of 4 KiB into a partition.
func writeFirmware(t *testing.T, disk image.Disk, part image.Partition) {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("Raw_Dmp!\x01\x00\x00\x00"), 1)
	b = append(b, make([]byte, 0x14)...) // OsData, CpuContext, ResetTrigger; DumpSize follows unaligned
	b = le.AppendUint64(b, 4096)
	b = append(b, make([]byte, 4096-len(b))...)
	if _, err := disk.WriteAt(b, part.Start); err != nil {
		t.Fatal(err)
	}
}

// TestStatesOnNTFS has one dump in each state on a volume with its Windows, and
// expects what list says and what collect takes.
func TestStatesOnNTFS(t *testing.T) {
	t.Parallel()
	whole := smallDump(t, dumptest.Spec{BootID: 9, Time: demoTime})
	wiped := smallDump(t, dumptest.Spec{BootID: 9, Time: demoTime, WipeFirst: true})
	lost := smallDump(t, dumptest.Spec{BootID: 9, WipeFirst: true, Lost: []uint64{dumptest.FrameData}})
	encrypted := smallDump(t, dumptest.Spec{BootID: 9, Time: demoTime, Attributes: uint32(dumpfile.AttrEncrypted)})
	live := smallDump(t, dumptest.Spec{BootID: 9, Time: demoTime, BugCheck: 0x161, Attributes: uint32(dumpfile.AttrLiveDump)})
	for _, c := range []struct {
		name, path string
		b          []byte
		state      string
		story      string
		status     int    // of collect
		file       string // that it makes, a pattern
	}{
		{"complete", "pagefile.sys", whole, "complete", "no later boot reached the session manager: the dump is still in pagefile.sys", 0, "pagefile-20261101T080000Z-0xE2.dmp"},
		{"partial", "pagefile.sys", whole[:200<<10], "partial", "200.0 KiB of 268.0 KiB, partial: the file was too small", 3, "pagefile-*.partial.dmp"},
		{"stale", "Windows/MEMORY.DMP", smallDump(t, dumptest.Spec{BootID: 6}), "complete", "; stale: by the registry's counter Windows has started 3 times since", 0, "MEMORY-*.dmp"},
		{"temp", "DUMP1a2b.tmp", whole, "complete", "hung or stopped before WerFault made MEMORY.DMP", 0, "DUMP1a2b-*.dmp"},
		{"encrypted", "pagefile.sys", encrypted, "encrypted", "complete, encrypted with the certificate 0F9A6C2B", 0, "pagefile-*.dmp"},
		{"wiped and rebuilt", "pagefile.sys", wiped, "header wiped", "header wiped, which collect tries to rebuild", 3, "pagefile-20261101T080000Z-0xE2.rebuilt.dmp"},
		{"wiped for good", "pagefile.sys", lost, "header wiped", "crashed in boot 9", 3, "pagefile.wiped.dmp"},
		{"live", "Users/ann/AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps/a.dmp", live, "complete", "a live dump of 2026-11-01 08:00 UTC, 0x161 LIVE_SYSTEM_DUMP: no crash, the machine went on running", 0, "a-*-0x161.dmp"},
		{"of a Windows before", "Windows.old/Windows/MEMORY.DMP", whole, "complete", "it is of a Windows that an upgrade set aside", 0, "MEMORY-*.dmp"},
		{"user-mode", "Users/ann/AppData/Local/Temp/calc.dmp", []byte("MDMP and so on"), "user dump", "a dump of a program (user-mode), not of Windows", 6, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			img := filepath.Join(t.TempDir(), "disk.img")
			disk, table := newDisk(t, img, 3, image.TypeBasicData)
			m := &machine{drives: map[byte]string{'C': table.Partitions[0].GUID}, settings: map[string]hive.Value{
				crashSettings + `EncryptionCertificates\Certificate.1\Thumbprint`: text("0F9A6C2B"),
				memorySettings + `PrefetchParameters\BootId`:                      dword(9),
				memorySettings + "PagingFiles":                                    texts(`C:\pagefile.sys 16 16`),
			}}
			fill(t, disk, table, 1, tree(map[string][]byte{c.path: c.b}, format.Entry{Name: "Windows", Dir: []format.Entry{m.config(t)}}))
			got, ok := listed(t, img)["disk.img:1:"+c.path]
			if !ok || got.State != c.state || !strings.Contains(got.Story, c.story) {
				t.Errorf("%s: %s", got.State, got.Story)
			}
			out := t.TempDir()
			hangkit(t, c.status, "collect", img, "-o", out, "--what", "dumps")
			files, err := filepath.Glob(filepath.Join(out, "*", "dumps", gocmp.Or(c.file, "*")))
			if err != nil || (len(files) == 1) != (c.file != "") {
				all, _ := filepath.Glob(filepath.Join(out, "*", "dumps", "*"))
				t.Fatalf("%q instead of %s: %v", all, c.file, err)
			}
			if c.file == "" {
				return
			}
			b, err := os.ReadFile(files[0])
			if err != nil || len(b) != len(c.b) || !strings.Contains(path.Base(files[0]), ".rebuilt") && string(b) != string(c.b) {
				t.Errorf("%d bytes came out that are not the %d of the disk: %v", len(b), len(c.b), err)
			}
		})
	}
}
