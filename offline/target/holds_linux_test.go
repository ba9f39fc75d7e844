package target

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/imagetest"
	"hangkit/ntfs/format"
)

const mountTable = `26 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
42 26 0:39 / /mnt/my\040disk rw,relatime shared:7 master:2 - fuse /srv/c\040\134new\011\012\043.img rw,user_id=0
43 26 7:3 /sub /mnt/b rw - ntfs3 /dev/loop3 rw
44 26 0:39 /Windows /mnt/bound rw - fuse /srv/again\04 rw
45 26 0:39 broken
46 26 0:40 / /mnt/- rw - tmpfs
`

func TestMountSources(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"254:0": {"/dev/root"},
		"0:39":  {"/srv/c \\new\t\n#.img", `/srv/again\04`},
		"7:3":   {"/dev/loop3"},
		"0:40":  nil,
		"0:3":   nil,
	}
	for number, want := range tests {
		if got := mountSources(mountTable, number); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", number, got, want)
		}
	}
}

// TestStorage: an encrypted volume on a partition of a loop device is stored in all of
// them, and in the file.
func TestStorage(t *testing.T) {
	t.Parallel()
	k := kernel{sys: t.TempDir()}
	devices := filepath.Join(k.sys, "devices")
	for name, text := range map[string]string{
		"loop3/dev": "7:3\n", "loop3/loop/backing_file": "/srv/c .img\n",
		"loop3/loop3p1/dev": "259:1\n", "loop3/loop3p1/partition": "1\n",
		"dm-0/dev": "253:0\n", "dm-0/slaves/.": "",
	} {
		path := filepath.Join(devices, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := errors.Join(
		os.MkdirAll(filepath.Join(k.sys, "dev", "block"), 0o755),
		os.MkdirAll(filepath.Join(devices, "dm-0", "slaves"), 0o755),
		os.Symlink(filepath.Join(devices, "dm-0"), filepath.Join(k.sys, "dev", "block", "253:0")),
		os.Symlink(filepath.Join(devices, "loop3", "loop3p1"), filepath.Join(devices, "dm-0", "slaves", "loop3p1")),
	)
	if err != nil {
		t.Fatal(err)
	}
	var got storage
	got.addDevice(k, "253:0")
	got.addDevice(k, "0:39") // no block device
	want := storage{devices: []string{"253:0", "259:1", "7:3"}, files: []string{"/srv/c .img"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestOracleHoldsMounted: a folder on a mounted volume lies in the image that was mounted,
// whether the driver works on the image or on a loop device, and in no other.
func TestOracleHoldsMounted(t *testing.T) {
	t.Parallel()
	need(t, "ntfs-3g")
	dir := t.TempDir()
	img, other := filepath.Join(dir, "the disk.img"), filepath.Join(dir, "other.img")
	writeVolume(t, img)
	writeVolume(t, other)
	checkHeld := func(t *testing.T, source string) {
		t.Helper()
		volume := t.TempDir()
		oracle(t, "ntfs-3g", source, volume)
		t.Cleanup(func() { imagetest.Unmount(t, volume) })
		out := filepath.Join(volume, "new", "out")
		for name, want := range map[string]bool{img: true, source: true, other: false} {
			if held, err := open(t, name, ReadOnly).Holds(out); err != nil || held != want {
				t.Errorf("%s lies on %s: %t, %v", out, name, held, err)
			}
		}
		if held, err := open(t, img, ReadOnly).Holds(dir); err != nil || held {
			t.Errorf("the image's own folder: %t, %v", held, err)
		}
	}
	t.Run("image", func(t *testing.T) { checkHeld(t, img) })
	t.Run("loop device", func(t *testing.T) {
		need(t, "losetup")
		device := strings.TrimSpace(oracle(t, "losetup", "--find", "--show", img))
		t.Cleanup(func() { oracle(t, "losetup", "-d", device) })
		checkHeld(t, device)
	})
}

// need skips the test without a program, or without the right to mount, or fails it
// where nothing may be skipped.
func need(t *testing.T, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	if err == nil && os.Getuid() == 0 {
		return
	}
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatalf("%s and root are required: %v", program, err)
	}
	t.Skipf("%s and root are needed: %v", program, err)
}

func oracle(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput() // the context of t has ended in a cleanup
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// writeVolume makes the image of an empty volume.
func writeVolume(t *testing.T, name string) {
	t.Helper()
	disk, err := image.Create(name, 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(format.Write(disk, format.Options{}), disk.Close()); err != nil {
		t.Fatal(err)
	}
}
