package live

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/image"
	"hangkit/image/imagetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func contents(t *testing.T, d image.Disk) []byte {
	t.Helper()
	b := make([]byte, d.Size())
	if _, err := d.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBuildTwice holds that the same inputs, from folders of different names, give the same bytes,
// and that any other input gives another build.
func TestBuildTwice(t *testing.T) {
	t.Parallel()
	a, b := buildMedium(t), buildMedium(t)
	if sha256.Sum256(contents(t, a.Disk)) != sha256.Sum256(contents(t, b.Disk)) || a.Build != b.Build {
		t.Errorf("builds %s and %s differ", a.Build, b.Build)
	}
	o := madeOptions(t)
	o.Run = "check"
	c, err := Build(t.Context(), o)
	if err != nil || c.Build == a.Build {
		t.Errorf("other commands give the build %s, %v", c.Build, err)
	}
}

// TestFiles keeps the list of a medium's files, what its boot loaders are told, and what it says
// of itself.
func TestFiles(t *testing.T) {
	t.Parallel()
	o := madeOptions(t)
	p, err := unpackParts(t.Context(), archs["amd64"], o)
	if err != nil {
		t.Fatal(err)
	}
	m := &medium{o: o, arch: archs["amd64"], build: "0123456789abcdef", date: o.Lock.Date, parts: p, program: o.Program}
	files, err := m.files()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s\n", f.path)
		if strings.HasSuffix(f.path, ".cfg") {
			fmt.Fprintf(&b, "\t%s\n", strings.ReplaceAll(strings.TrimSpace(string(f.data)), "\n", "\n\t"))
		}
	}
	golden(t, "files.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		writeFile(t, name, []byte(got))
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	good := madeOptions(t)
	for name, c := range map[string]struct {
		change func(*Options)
		want   error
	}{
		"a program for Windows":  {func(o *Options) { o.Program = []byte("MZ") }, ErrProgram},
		"of another processor":   {func(o *Options) { o.Program = object(elf.EM_AARCH64, "") }, ErrProgram},
		"another architecture":   {func(o *Options) { o.Arch = "riscv64" }, errors.ErrUnsupported},
		"quotes in the commands": {func(o *Options) { o.Run = `check "a b"` }, ErrCommands},
		"a line end in them":     {func(o *Options) { o.Run = "check\ncollect" }, ErrCommands},
		"too many of them":       {func(o *Options) { o.Run = strings.Repeat("check;", 1000) }, ErrCommands},
		"a package less":         {func(o *Options) { l := *o.Lock; l.Packages = l.Packages[1:]; o.Lock = &l }, ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			c.change(&o)
			if _, err := Build(t.Context(), o); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// written is a medium on a disk of a size.
func written(t *testing.T, size, data int64) *image.Memory {
	t.Helper()
	disk := image.NewMemory(size, sector)
	if err := madeMedium(t).Write(t.Context(), disk, data, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestDataPartition(t *testing.T) {
	t.Parallel()
	disk := written(t, 128*mib, NoData)
	before := contents(t, disk)[:sector]
	if err := AddDataPartition(disk, 40*mib); err != nil {
		t.Fatal(err)
	}
	table, err := image.ReadTable(disk)
	if err != nil || len(table.Partitions) != 3 || len(table.Warnings) != 0 {
		t.Fatalf("%+v, %v", table, err)
	}
	p := table.Partitions[2]
	if p.Type != typeData || p.Name != Label || p.Size != 40*mib || p.Start < table.Partitions[1].End() {
		t.Errorf("data partition %+v", p)
	}
	if after := contents(t, disk)[:sector]; !bytes.Equal(before[:bootCodeEnd], after[:bootCodeEnd]) || !bytes.Equal(after[mbrEntries+mbrEntrySize:][:mbrEntrySize], dummyEntry[:]) {
		t.Error("the boot code is gone")
	}
	if err := AddDataPartition(disk, 0); !errors.Is(err, ErrHasData) {
		t.Errorf("a second one: %v", err)
	}
}

func TestDataPartitionRefuses(t *testing.T) {
	t.Parallel()
	if err := AddDataPartition(image.NewMemory(64*mib, sector), 0); !errors.Is(err, ErrNotMedium) {
		t.Errorf("an empty disk: %v", err)
	}
	if err := AddDataPartition(madeMedium(t).Disk, 0); !errors.Is(err, ErrNoRoom) {
		t.Errorf("a disk as large as the medium: %v", err)
	}
	disk := written(t, 64*mib, NoData)
	before := sha256.Sum256(contents(t, disk))
	for _, size := range []int64{64 * mib, 1, mib} {
		if err := AddDataPartition(disk, size); !errors.Is(err, ErrNoRoom) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if sha256.Sum256(contents(t, disk)) != before {
		t.Error("a refusal has written")
	}
}

// TestWriteRefuses: what has no room is refused while the disk still holds what it held, and all
// the room there is may be none.
func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	m := madeMedium(t)
	small := m.Disk.Size() + 4*mib
	for name, tt := range map[string]struct {
		disk *image.Memory
		data int64
		want error
	}{
		"data larger than the disk": {image.NewMemory(64*mib, sector), 8 << 30, ErrNoRoom},
		"data where none fits":      {image.NewMemory(small, sector), MinData, ErrNoRoom},
		"a disk that is too small":  {image.NewMemory(m.Disk.Size()-sector, sector), 0, ErrNoRoom},
		"large sectors":             {image.NewMemory(64*mib, 4096), 0, image.ErrUnsupported},
		"all the room, which is no": {image.NewMemory(small, sector), 0, nil},
	} {
		if _, err := tt.disk.WriteAt([]byte("precious"), 2*mib); err != nil {
			t.Fatal(err)
		}
		recorder := image.NewRecorder(tt.disk)
		err := m.Write(t.Context(), recorder, tt.data, func(int64, int64) {})
		if !errors.Is(err, tt.want) || (err != nil) != (len(recorder.Ops()) == 0) {
			t.Errorf("%s: %v after %d writes, want %v", name, err, len(recorder.Ops()), tt.want)
		}
		if tt.want != nil {
			continue
		}
		if table, err := image.ReadTable(tt.disk); err != nil || len(table.Partitions) != 2 {
			t.Errorf("%s: %+v, %v", name, table, err)
		}
	}
}

// TestDataPartitionChanged has the owner of a stick put a partition of his own where the system's
// second one was: it stays where it is.
func TestDataPartitionChanged(t *testing.T) {
	t.Parallel()
	own := ownParts(20 * mib)
	mine := image.NewPartition{Type: typeData, Name: "MYDATA", Size: 20 * mib}
	for name, parts := range map[string][]image.NewPartition{
		"another type": {own[0], mine}, "in the other order": {own[1], own[0]}, "another size": {own[0], {Type: typeLinux, Name: "MYDATA", Size: 20 * mib}},
	} {
		disk := written(t, 64*mib, NoData)
		if _, err := image.CreateGPT(disk, parts, 1); err != nil {
			t.Fatal(err)
		}
		before := sha256.Sum256(contents(t, disk))
		if err := AddDataPartition(disk, 0); !errors.Is(err, ErrNotMedium) {
			t.Errorf("%s: %v", name, err)
		}
		if sha256.Sum256(contents(t, disk)) != before {
			t.Errorf("%s: a refusal has written", name)
		}
	}
}

// TestDataPartitionCuts cuts the power at every sector: the medium still boots, from its sector 0
// and by its ESP, and the data partition is there whole or not at all.
func TestDataPartitionCuts(t *testing.T) {
	t.Parallel()
	base := written(t, 64*mib, NoData)
	code := contents(t, base)[:bootCodeEnd]
	recorder := image.NewRecorder(image.NewOverlay(base))
	if err := AddDataPartition(recorder, 0); err != nil {
		t.Fatal(err)
	}
	ops := recorder.Ops()
	states := 0
	for cut, disk := range imagetest.Cuts(base, lastWrites(ops), sector) {
		states++
		first := make([]byte, bootCodeEnd)
		if _, err := disk.ReadAt(first, 0); err != nil || !bytes.Equal(first, code) {
			t.Fatalf("%v: boot code: %v", cut, err)
		}
		table, err := image.ReadTable(disk)
		if err != nil || len(table.Partitions) < 2 || len(table.Partitions) > 3 {
			t.Fatalf("%v: table %+v, %v", cut, table, err)
		}
	}
	if states < 30 {
		t.Errorf("%d states only", states)
	}
}

// lastWrites leaves the making of the volume out, which the table does not show yet.
func lastWrites(ops []image.Op) []image.Op {
	for i, op := range ops {
		if op.Off < espStart {
			return ops[max(0, i-2):]
		}
	}
	return ops
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err == nil {
		return path
	}
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// stickFile is a made-up medium with a data partition, as a file, and its bytes.
func stickFile(t *testing.T) (name string, raw []byte) {
	t.Helper()
	raw = contents(t, written(t, 64*mib, 0))
	name = filepath.Join(t.TempDir(), "stick.img")
	writeFile(t, name, raw)
	return name, raw
}

// TestOracleISO has xorriso read the volume, its names and what boots from it, and take a file out.
func TestOracleISO(t *testing.T) {
	t.Parallel()
	name, _ := stickFile(t)
	out := run(t, "xorriso", "-indev", name, "-find", "/", "-exec", "report_lba", "--", "-report_el_torito", "plain", "-report_system_area", "plain")
	for _, want := range []string{
		"'/hangkit/vmlinuz'", "'/isolinux/isolinux.bin'", "'/EFI/BOOT/BOOTX64.EFI'", "'/boot/efi.img'",
		"El Torito boot img :   1  BIOS", "El Torito boot img :   2  UEFI", "boot-info-table", "GPT partition path :   1  /boot/efi.img",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("xorriso does not say %q", want)
		}
	}
	taken := filepath.Join(t.TempDir(), "vmlinuz")
	run(t, "xorriso", "-osirrox", "on", "-indev", name, "-extract", "/hangkit/vmlinuz", taken)
	if got, err := os.ReadFile(taken); err != nil || string(got) != "the kernel" {
		t.Errorf("took out %q, %v", got, err)
	}
}

// TestOracleGPT has sgdisk check both tables.
func TestOracleGPT(t *testing.T) {
	t.Parallel()
	name, _ := stickFile(t)
	if out := run(t, "sgdisk", "-v", name); !strings.Contains(out, "No problems found") {
		t.Error(out)
	}
}

// TestOracleESP has fsck.fat check the EFI system partition.
func TestOracleESP(t *testing.T) {
	t.Parallel()
	_, raw := stickFile(t)
	esp := filepath.Join(t.TempDir(), "esp.img")
	writeFile(t, esp, raw[espStart:espStart+espSize])
	run(t, "fsck.fat", "-n", esp)
}

// TestOracleData has fsck.exfat check the data partition.
func TestOracleData(t *testing.T) {
	t.Parallel()
	name, raw := stickFile(t)
	table, err := image.ReadTable(written(t, 64*mib, 0))
	if err != nil {
		t.Fatal(err)
	}
	p := table.Partitions[2]
	writeFile(t, name+".exfat", raw[p.Start:p.End()])
	if out := run(t, "fsck.exfat", "-n", name+".exfat"); !strings.Contains(out, "clean") {
		t.Error(out)
	}
}
