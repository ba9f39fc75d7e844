package image

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// fakeMachine is a tree as the kernel shows it, made of attributes. Each
// whole disk is a directory below block and has a link below dev/block by
// its number, and so have its partitions.
func fakeMachine(t *testing.T, mountinfo, swaps string, attrs map[string]string) system {
	t.Helper()
	root := t.TempDir()
	s := system{proc: filepath.Join(root, "proc"), sys: filepath.Join(root, "sys")}
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(s.proc, "self", "mountinfo"), mountinfo)
	write(filepath.Join(s.proc, "swaps"), swaps)
	if err := os.MkdirAll(filepath.Join(s.sys, "dev", "block"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, value := range attrs {
		path := filepath.Join(s.sys, "block", name)
		write(path, value+"\n")
		if filepath.Base(name) == "dev" && !strings.Contains(name, "holders") {
			if err := os.Symlink(filepath.Dir(path), filepath.Join(s.sys, "dev", "block", value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// fakeDisks is a machine with an NVMe disk, a SATA disk in use in every way,
// a stick, loop devices, and what is no disk.
func fakeDisks(t *testing.T, image string) system {
	t.Helper()
	mountinfo := strings.Join([]string{
		`22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw`,
		`23 22 0:41 /sub /srv/my\040data rw shared:2 - btrfs /dev/sda3 rw`,
		`24 22 7:1 / /mnt/loop rw - ntfs3 /dev/loop1 rw`,
		`25 22 0:50 / /mnt/image rw - fuse.ntfs-3g ` + image + ` rw`,
		`26 22 0:22 / /proc rw - proc proc rw`,
		`nonsense`,
	}, "\n") + "\n"
	swaps := "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 100 0 -2\n"
	return fakeMachine(t, mountinfo, swaps, map[string]string{
		"nvme0n1/dev": "259:0", "nvme0n1/size": "2000", "nvme0n1/ro": "0", "nvme0n1/removable": "0",
		"nvme0n1/queue/logical_block_size": "4096", "nvme0n1/device/model": "Disk 980 PRO   ", "nvme0n1/device/serial": "S5GX",
		"nvme0n1/nvme0n1p1/dev": "259:1", "nvme0n1/nvme0n1p1/partition": "1",
		"nvme0n1/nvme0n1p2/dev": "259:2", "nvme0n1/nvme0n1p2/partition": "2",
		"nvme0c0n1/dev": "259:9", "nvme0c0n1/size": "2000", "nvme0c0n1/hidden": "1",
		"sda/dev": "8:0", "sda/size": "1000", "sda/ro": "1", "sda/queue/logical_block_size": "512",
		"sda/device/vendor": "ATA     ", "sda/device/model": "WDC WD10 ", "sda/device/vpd_pg80": "\x00\x80\x00\x06 WD-42",
		"sda/sda1/dev": "8:1", "sda/sda1/partition": "1", "sda/sda1/holders/dm-0/dev": "253:0", "sda/sda1/holders/dm-0/dm/name": "vg-root",
		"sda/sda2/dev": "8:2", "sda/sda2/partition": "2",
		"sda/sda3/dev": "8:3", "sda/sda3/partition": "3",
		"sda/sda4/dev": "8:4", "sda/sda4/partition": "4",
		"sdb/dev": "8:16", "sdb/size": "500", "sdb/removable": "1", "sdb/queue/logical_block_size": "512",
		"vda/dev": "254:0", "vda/size": "500", "vda/device/vendor": "0x1af4", "vda/serial": "disk1",
		"sdc/dev": "8:32", "sdc/size": "0", "sr0/size": "1000", "ram0/size": "1000", "zram0/size": "1000", "dm-0/size": "1000",
		"cciss!c0d0/dev": "104:0", "cciss!c0d0/size": "9",
		"mmcblk0boot0/size": "8", "loop0/size": "0",
		"loop1/dev": "7:1", "loop1/size": "100", "loop1/loop/backing_file": "/images/mounted.img",
		"loop2/dev": "7:2", "loop2/size": "100", "loop2/loop/backing_file": "/images/attached.img (deleted)",
		"loop3/dev": "7:3", "loop3/size": "100", "loop3/loop/backing_file": "/dev/loop4",
		"loop4/dev": "7:4", "loop4/size": "100", "loop4/loop/backing_file": "/dev/loop3",
		"loop5/dev": "7:5", "loop5/size": "100", "loop5/loop/backing_file": "/dev/nvme0n1p1", "loop5/holders/dm-1/dev": "253:1",
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	got, err := fakeDisks(t, "/none.img").list()
	if err != nil {
		t.Fatal(err)
	}
	want := []DeviceInfo{
		{Path: "/dev/cciss/c0d0", Size: 9 * 512},
		{Path: "/dev/loop1", Size: 51200, Model: "/images/mounted.img", Mounts: []string{"/mnt/loop"}},
		{Path: "/dev/loop2", Size: 51200, Model: "/images/attached.img (deleted)"},
		{Path: "/dev/loop3", Size: 51200, Model: "/dev/loop4"},
		{Path: "/dev/loop4", Size: 51200, Model: "/dev/loop3"},
		{Path: "/dev/loop5", Size: 51200, Model: "/dev/nvme0n1p1", Holders: []string{"dm-1"}},
		{Path: "/dev/nvme0n1", Size: 1024000, SectorSize: 4096, Model: "Disk 980 PRO", Serial: "S5GX", Mounts: []string{"/"}},
		{Path: "/dev/sda", Size: 512000, SectorSize: 512, Model: "ATA WDC WD10", Serial: "WD-42", ReadOnly: true,
			Mounts: []string{"/srv/my data"}, Holders: []string{"dm-0 (vg-root)"}},
		{Path: "/dev/sdb", Size: 256000, SectorSize: 512, Removable: true},
		{Path: "/dev/vda", Size: 256000, Serial: "disk1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDeviceUses(t *testing.T) {
	t.Parallel()
	s := fakeDisks(t, "/none.img")
	const loop5 = "/dev/loop5 belongs to dm-1"
	for _, c := range []struct {
		name, dev string
		want      []string
	}{
		{"disk with a mounted partition, and a loop device on another", "259:0",
			[]string{loop5, "/dev/nvme0n1p2 is mounted at /"}},
		{"mounted partition", "259:2", []string{"/dev/nvme0n1p2 is mounted at /"}},
		{"partition behind a held loop device", "259:1", []string{loop5}},
		{"disk used in every way", "8:0",
			[]string{"/dev/sda1 belongs to dm-0 (vg-root)", "/dev/sda2 is swap space", "/dev/sda3 is mounted at /srv/my data"}},
		{"partition beside used ones", "8:4", nil},
		{"idle disk", "8:16", nil},
		{"loop devices in a circle", "7:3", nil},
	} {
		got, err := s.deviceUses(c.dev)
		if err != nil || !slices.Equal(words(got), c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	if _, err := s.deviceUses("99:99"); err == nil {
		t.Error("a device that is not there is not in use")
	}
}

func words(uses []use) []string {
	var all []string
	for _, u := range uses {
		all = append(all, u.words)
	}
	return all
}

func TestBusyHints(t *testing.T) {
	t.Parallel()
	s := fakeDisks(t, "/none.img")
	for dev, want := range map[string]string{
		"259:2": "unmount it first: umount /",
		"8:3":   "unmount it first: umount '/srv/my data'",
		"259:1": "close the program or shut down the virtual machine that uses it first",
	} {
		uses, err := s.deviceUses(dev)
		var busyError *BusyError
		if err := busy("/dev/x", uses, err); !errors.As(err, &busyError) || busyError.Hint() != want {
			t.Errorf("%s: %v, hint %q", dev, err, busyError.Hint())
		}
	}
}

func TestFileUses(t *testing.T) {
	t.Parallel()
	image := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.img")
	if err := os.Symlink(image, link); err != nil {
		t.Fatal(err)
	}
	s := fakeDisks(t, image)
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/images/mounted.img", []string{"/dev/loop1 is mounted at /mnt/loop"}},
		{"/images/attached.img", nil}, // another file that had the name
		{"/dev/loop4", []string{"attached as /dev/loop3"}},
		{"/images/other.img", nil},
		{image, []string{"mounted at /mnt/image"}},
		{link, []string{"mounted at /mnt/image"}},
	} {
		got, err := s.fileUses(c.path)
		if err != nil || !slices.Equal(words(got), c.want) {
			t.Errorf("%s: %q, %v; want %q", c.path, got, err, c.want)
		}
	}
}

// emptyImage is an image file nobody uses.
func emptyImage(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The locks other programs take, as they take them.
func TestLocks(t *testing.T) {
	t.Parallel()
	rangeLock := func(kind int16, start, length int64) func(f *os.File) error {
		return func(f *os.File) error {
			return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: start, Len: length})
		}
	}
	for name, take := range map[string]func(f *os.File) error{
		"qemu, permission byte": rangeLock(unix.F_RDLCK, 100, 1),
		"qemu, sharing byte":    rangeLock(unix.F_RDLCK, 203, 1),
		"ntfs-3g, whole file":   rangeLock(unix.F_WRLCK, 0, 0),
		"flock":                 func(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_SH) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := emptyImage(t)
			other, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if err := take(other); err != nil {
				t.Fatal(err)
			}
			var busy *BusyError
			if _, err := Open(path, true); !errors.As(err, &busy) || !errors.Is(err, ErrBusy) {
				t.Errorf("open for writing: %v", err)
			}
			reader, err := Open(path, false)
			if err != nil {
				t.Fatalf("open for reading: %v", err)
			}
			reader.Close()
		})
	}
}

// A program that takes no locks is noticed by having the file open for writing;
// one that reads does no harm.
func TestWriters(t *testing.T) {
	t.Parallel()
	for flags, want := range map[int]bool{os.O_RDONLY: false, os.O_WRONLY: true, os.O_RDWR | os.O_APPEND: true} {
		path := emptyImage(t)
		held, err := os.OpenFile(path, flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		holder := exec.Command("sleep", "60")
		holder.ExtraFiles = []*os.File{held}
		if err := holder.Start(); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			_ = holder.Process.Kill()
			_ = holder.Wait()
		})
		held.Close()
		f, err := Open(path, true)
		if err == nil {
			f.Close()
		}
		if reason := fmt.Sprintf("open for writing in sleep (pid %d)", holder.Process.Pid); want && (err == nil || !strings.Contains(err.Error(), reason)) {
			t.Errorf("flags %x: %v, want %s", flags, err, reason)
		}
		if !want && err != nil {
			t.Errorf("flags %x: %v", flags, err)
		}
	}
}

// A folder of VMware's locks is one more reason; an empty one is none.
func TestLockFolder(t *testing.T) {
	t.Parallel()
	path := emptyImage(t)
	if err := os.Mkdir(path+".lck", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.WriteFile(filepath.Join(path+".lck", "M12345.lck"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, true); !errors.Is(err, ErrBusy) {
		t.Errorf("open: %v", err)
	}
}

// Two of us do not write to one image, and closing ends it.
func TestOwnLock(t *testing.T) {
	t.Parallel()
	path := emptyImage(t)
	first, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, true); !errors.Is(err, ErrBusy) {
		t.Errorf("second open: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

// A file that we may not write is reported as such.
func TestOpenWriteProtected(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root may write everything")
	}
	path := emptyImage(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, true); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// The program that holds a lock is named.
func TestLockHolder(t *testing.T) {
	t.Parallel()
	path := emptyImage(t)
	held, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock(held); err != nil {
		t.Fatal(err)
	}
	holder := exec.Command("sleep", "60")
	holder.ExtraFiles = []*os.File{held} // the lock goes with the open file
	if err := holder.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill()
		_ = holder.Wait()
	})
	held.Close()
	_, err = Open(path, true)
	want := fmt.Sprintf("%s: in use: locked; it is open in sleep (pid %d)", path, holder.Process.Pid)
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Where the kernel tells nothing, nothing is written.
func TestUsesUnknown(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(s *system){
		"no sysfs": func(s *system) { s.sys += "-not" },
		"no proc":  func(s *system) { s.proc += "-not" },
	} {
		s := fakeDisks(t, "/none.img")
		broken(&s)
		if uses, err := s.fileUses("/images/other.img"); err == nil {
			t.Errorf("%s: file: %v", name, uses)
		}
		if uses, err := s.deviceUses("8:16"); err == nil {
			t.Errorf("%s: device: %v", name, uses)
		}
	}
	if _, err := (system{proc: "/nowhere", sys: "/nowhere"}).list(); err == nil {
		t.Error("a list of nothing")
	}
}
