package offline

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/offline/sampledisk"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// quickSamples are looked at by other programs in the quick suite, too.
var quickSamples = map[string]sampledisk.State{"xp": sampledisk.DirtyHive, "7": sampledisk.Clean, "10": sampledisk.Clean}

// TestOracleSamples has programs that we did not write look at every sample: at its partitions, its
// volumes and its hives.
func TestOracleSamples(t *testing.T) {
	t.Parallel()
	needPrograms(t, "sgdisk", "ntfsresize", "ntfsfix", "fsck.vfat", "hivexget")
	for _, release := range sample.Names() {
		for _, state := range sampledisk.States() {
			w, err := sample.Windows(release, "")
			if err != nil {
				t.Fatal(err)
			}
			if !thorough() && quickSamples[release] != state || state == sampledisk.FastStartup && w.Build < windows.Build8 {
				continue
			}
			t.Run(release+" "+string(state), func(t *testing.T) {
				t.Parallel()
				lookAtSample(t, makeSample(t, "disk.img", release, state), w, state)
			})
		}
	}
}

func lookAtSample(t *testing.T, img string, w sample.Options, state sampledisk.State) {
	t.Helper()
	if out := judged(t, 0, "sgdisk", "-v", img); !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk -v:\n%s", out)
	}
	disk, err := image.Open(img, false)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	table, err := image.ReadTable(disk)
	if err != nil {
		t.Fatal(err)
	}
	last := len(table.Partitions) - 1
	for i, p := range table.Partitions {
		part := filepath.Join(t.TempDir(), "part.img")
		switch {
		case p.Type == image.TypeEFISystem:
			cutPartition(t, img, part, p)
			judged(t, 0, "fsck.vfat", "-n", part)
		case p.Type == image.TypeMSReserved:
		case i < last:
			cutPartition(t, img, part, p)
			judged(t, 0, "ntfsresize", "-i", "-f", part)
		default:
			cutPartition(t, img, part, p)
			lookAtVolume(t, part, w, state)
		}
	}
	if w.Build >= windows.BuildVista {
		lookAtBoot(t, img)
	}
}

// left are the states in which the volume was dismounted.
var left = []sampledisk.State{sampledisk.Clean, sampledisk.DirtyHive, sampledisk.DumpInPageFile, sampledisk.MemoryDump}

// lookAtVolume has others judge the volume of Windows. ntfs-3g's tools refuse what is not clean, each
// in its own way, and know no journal of Windows 8.
func lookAtVolume(t *testing.T, part string, w sample.Options, state sampledisk.State) {
	t.Helper()
	if slices.Contains(left, state) {
		judged(t, 0, "ntfsresize", "-i", "-f", part)
		judged(t, 0, "ntfsfix", "-n", part)
	}
	if state == sampledisk.DirtyVolume {
		if out := judged(t, 1, "ntfsresize", "-i", part); !strings.Contains(out, "chkdsk") {
			t.Errorf("ntfsresize does not see the volume's flag:\n%s", out)
		}
	}
	folder := "Windows/System32/config/SYSTEM"
	if w.Build < windows.BuildVista {
		folder = "WINDOWS/system32/config/system"
	}
	if state == sampledisk.Torn {
		judged(t, 1, "ntfscat", "-f", part, folder) // it does not read a volume whose mirror differs
		return
	}
	hive := filepath.Join(t.TempDir(), "SYSTEM")
	data, err := exec.Command("ntfscat", "-f", part, folder).Output()
	if err != nil {
		t.Fatalf("ntfscat: %v", err)
	}
	if err := os.WriteFile(hive, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := judged(t, 0, "hivexget", hive, `Select`, "Default"); strings.TrimSpace(out) != "1" {
		t.Errorf("Select\\Default: %s", out)
	}
	// hivex knows no logs: what is in them alone it does not see.
	if out := strings.TrimSpace(judged(t, 0, "hivexget", hive, `ControlSet001\Control\CrashControl`, "CrashDumpEnabled")); out != string('0'+rune(w.DumpType)) {
		t.Errorf("CrashDumpEnabled: %s, want %d", out, w.DumpType)
	}
}

// lookAtBoot finds the entry that starts Windows.
func lookAtBoot(t *testing.T, img string) {
	t.Helper()
	out := hangkit(t, 0, "hive", "bcd", img)
	if !strings.Contains(out, `\Windows`) {
		t.Errorf("no entry starts Windows:\n%s", out)
	}
}

// judged runs a program and demands its exit status.
func judged(t *testing.T, want int, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("%s %s: exit status %d, want %d\n%s", name, strings.Join(args, " "), got, want, out)
	}
	return string(out)
}

// cutPartition copies what a partition holds to a sparse file of its own.
func cutPartition(t *testing.T, img, part string, p image.Partition) {
	t.Helper()
	in, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(part)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Truncate(p.Size); err != nil {
		t.Fatal(err)
	}
	err = eachData(in, func(off int64, b []byte) {
		from, to := max(off, p.Start), min(off+int64(len(b)), p.End())
		if from < to {
			if _, err := out.WriteAt(b[from-off:to-off], from-p.Start); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOracleSampleContainers has qemu-img and libvhdi judge the containers.
func TestOracleSampleContainers(t *testing.T) {
	t.Parallel()
	needPrograms(t, "qemu-img", "vhdiinfo")
	raw := makeSample(t, "disk.img", "2019", sampledisk.Crashed, "--dump-size", "1M")
	for format, driver := range map[string]string{"vhd": "vpc", "vhdx": "vhdx", "qcow2": "qcow2"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			img := makeSample(t, "disk."+format, "2019", sampledisk.Crashed, "--dump-size", "1M", "--format", format)
			if format == "vhd" {
				judged(t, 0, "vhdiinfo", img)
			} else {
				judged(t, 0, "qemu-img", "check", "-f", driver, img)
			}
			judged(t, 0, "qemu-img", "compare", "-f", driver, "-F", "raw", img, raw)
		})
	}
}

// TestOracleSampleBitLocker has dislocker unlock what we encrypted.
func TestOracleSampleBitLocker(t *testing.T) {
	t.Parallel()
	needPrograms(t, "dislocker-file", "ntfsresize")
	if !thorough() {
		t.Skip("the keys take long to make")
	}
	img := makeSample(t, "disk.img", "10", sampledisk.Clean, "--size", "512M", "--bitlocker", "xts-aes128", "--protectors", "password")
	disk, err := image.Open(img, false)
	if err != nil {
		t.Fatal(err)
	}
	table, err := image.ReadTable(disk)
	if err != nil || disk.Close() != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	part, plain := filepath.Join(dir, "part.img"), filepath.Join(dir, "plain.img")
	cutPartition(t, img, part, table.Partitions[2])
	judged(t, 0, "dislocker-file", "-V", part, "-usample-1", "--", plain)
	judged(t, 0, "ntfsresize", "-i", "-f", plain)
}
