package offline

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/offline/internal/ui"
	"hangkit/offline/sampledisk"
)

// change is what a test writes onto a disk.
type change struct {
	off  int64
	data []byte
}

// looked is what is seen on a disk once it was changed. The disk itself stays as it is.
func looked(t *testing.T, disk image.Disk, changes ...change) (*erasure, error) {
	t.Helper()
	over := image.NewOverlay(disk)
	for _, c := range changes {
		if _, err := over.WriteAt(c.data, c.off); err != nil {
			t.Fatal(err)
		}
	}
	return lookAt(image.DeviceInfo{Path: "/dev/sdx", Size: disk.Size(), SectorSize: disk.SectorSize()}, over)
}

// TestEraseRefusesWindows: a Windows is not erased, least of all one that is damaged: it is the
// patient.
func TestEraseRefusesWindows(t *testing.T) {
	t.Parallel()
	disk, err := image.Open(makeSample(t, "win.img", "11", sampledisk.Clean), false)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	table, err := image.ReadTable(disk)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(table.Partitions, func(p image.Partition) bool { return ntfsAt(t, disk, p) })
	if at < 0 {
		t.Fatal("the sample has no NTFS volume")
	}
	p := table.Partitions[at]
	boot := make([]byte, 512)
	if _, err := disk.ReadAt(boot, p.Start); err != nil {
		t.Fatal(err)
	}
	cluster := int64(binary.LittleEndian.Uint16(boot[11:])) * int64(boot[13])
	mft := p.Start + int64(binary.LittleEndian.Uint64(boot[48:]))*cluster
	mirror := p.Start + int64(binary.LittleEndian.Uint64(boot[56:]))*cluster
	zeros := make([]byte, 4096)
	for name, tt := range map[string]struct {
		changes []change
		want    string
	}{
		"whole":                    {nil, "holds a Windows"},
		"without its file table":   {[]change{{mft, zeros}, {mirror, zeros}}, "cannot be read, and may be a Windows"},
		"BitLocker without a head": {[]change{{p.Start + 3, []byte("-FVE-FS-")}}, "cannot be read, and may be a Windows"},
		"without its boot sector":  {[]change{{p.Start, zeros}}, "ends as a volume of Windows does"},
		"without its table":        {[]change{{512, zeros}, {disk.Size() - 4096, zeros}}, "cannot be understood"},
	} {
		seen, err := looked(t, disk, tt.changes...)
		e := ui.Explain(err, rules)
		if err == nil || !strings.Contains(err.Error(), tt.want) || e.Status != ui.Refused || e.Effect != ui.Unchanged {
			t.Errorf("%s: %+v, %v (status %d, %q)", name, seen, err, e.Status, e.Effect)
		}
	}
}

func ntfsAt(t *testing.T, disk image.Disk, p image.Partition) bool {
	t.Helper()
	b := make([]byte, 8)
	_, err := disk.ReadAt(b, p.Start+3)
	return err == nil && string(b) == "NTFS    " && p.Size > 500<<20
}

// TestErasureContent: the plan says what would be lost, and of what is not known here that it may
// be data, which --yes does not erase.
func TestErasureContent(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	parts := image.NewMemory(32*mib, 512)
	table, err := image.CreateGPT(parts, []image.NewPartition{{Type: "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", Size: 8 * mib}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	start := table.Partitions[0].Start
	ext4 := []byte{0x53, 0xef}
	for name, tt := range map[string]struct {
		disk    image.Disk
		change  change
		want    string
		unknown bool
	}{
		"an empty disk":        {image.NewMemory(8*mib, 512), change{}, "no partitions, and nothing", false},
		"ext4 over all of it":  {image.NewMemory(8*mib, 512), change{1024 + 56, ext4}, "it may hold data", true},
		"boot code alone":      {image.NewMemory(8*mib, 512), change{510, []byte{0x55, 0xaa}}, "it may hold data", true},
		"an empty partition":   {parts, change{}, "partition 1, 8.0 MiB, nothing", false},
		"exFAT in a partition": {parts, change{start + 3, []byte("EXFAT   ")}, "partition 1, 8.0 MiB, exFAT", false},
		"ext4 in a partition":  {parts, change{start + 1024 + 56, ext4}, "partition 1, 8.0 MiB, no file system that is known here: it may hold data", true},
	} {
		seen, err := looked(t, tt.disk, tt.change)
		if err != nil || len(seen.content) != 1 || !strings.Contains(seen.content[0], tt.want) || seen.unknown != tt.unknown {
			t.Errorf("%s: %+v, %v", name, seen, err)
			continue
		}
		err = (&ImageLiveCmd{Yes: true}).consent(t.Context(), ui.New(strings.NewReader("y\n"), os.Stderr, os.Stderr), seen)
		if (err != nil) != tt.unknown || tt.unknown && ui.Explain(err, rules).Status != ui.Refused {
			t.Errorf("%s: --yes: %v", name, err)
		}
	}
}

// TestErasureIsSame: any sign of another disk counts.
func TestErasureIsSame(t *testing.T) {
	t.Parallel()
	seen, err := looked(t, image.NewMemory(4<<20, 512))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*erasure){
		"path":   func(e *erasure) { e.disk.Path = "/dev/sdy" },
		"size":   func(e *erasure) { e.disk.Size++ },
		"serial": func(e *erasure) { e.disk.Serial = "2" },
		"model":  func(e *erasure) { e.disk.Model = "2" },
		"bytes":  func(e *erasure) { e.edges[0]++ },
	} {
		other := *seen
		if !other.isSame(seen) {
			t.Fatal("a disk is not itself")
		}
		change(&other)
		if other.isSame(seen) {
			t.Errorf("another %s is the same disk", name)
		}
	}
	last, err := looked(t, image.NewMemory(4<<20, 512), change{4<<20 - 1, []byte{1}})
	if err != nil || last.isSame(seen) {
		t.Errorf("another last byte is the same disk (%v)", err)
	}
}

// TestNoSuchDevice: the name of a disk that is not there never becomes a file.
func TestNoSuchDevice(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]bool{"/dev": true, "/dev/": true, "/dev/disk/by-id": true, "/dev/shm": false, "/dev/shm/x": false, "/devices": false, ".": false} {
		if runtime.GOOS != "windows" && isDeviceFolder(dir) != want {
			t.Errorf("%s: %v", dir, !want)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	link := filepath.Join(t.TempDir(), "dev")
	if err := os.Symlink("/dev", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/dev/sd-none", "/dev/null", link + "/sd-none"} {
		_, err := (&ImageLiveCmd{Output: name}).isDevice()
		if e := ui.Explain(err, rules); err == nil || e.Status != ui.NotFound || e.Effect != ui.Unchanged {
			t.Errorf("%s: %v (status %d)", name, err, e.Status)
		}
	}
	if device, err := (&ImageLiveCmd{Output: filepath.Join(t.TempDir(), "new.iso")}).isDevice(); device || err != nil {
		t.Errorf("a new file: %v, %v", device, err)
	}
}

// TestUnmountHints: on Windows every stick has a letter, and nothing to unmount it with.
func TestUnmountHints(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		system string
		mounts []string
		want   string
	}{
		{"linux", []string{"/mnt"}, "unmount it first"},
		{"windows", []string{`E:\`, `F:\`}, "mountvol E: /D"},
		{"windows", []string{`E:\`, `D:\a & del b\`}, "Disk Management"},
	} {
		got := strings.Join(unmountHints(tt.system, tt.mounts), "\n")
		if !strings.Contains(got, tt.want) || strings.Contains(got, "del b") {
			t.Errorf("%v: %s", tt.mounts, got)
		}
	}
}

// TestWriteEffect: a change was begun when the first byte was written, and not before.
func TestWriteEffect(t *testing.T) {
	t.Parallel()
	w := &watchedDisk{Disk: image.NewMemory(4096, 512)}
	if w.effect() != ui.Unchanged {
		t.Errorf("before: %s", w.effect())
	}
	if _, err := w.WriteAt([]byte{1}, 5000); !errors.Is(err, image.ErrOutOfBounds) || w.effect() != ui.MayChanged {
		t.Errorf("after: %s, %v", w.effect(), err)
	}
}
