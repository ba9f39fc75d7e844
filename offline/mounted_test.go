//go:build unix

package offline

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"hangkit/hive"
	"hangkit/hive/regtext"
)

// TestOracleArmMounted does the same through a mounted volume: SYSTEM stays the same
// file, with its owner, mode and inode.
func TestOracleArmMounted(t *testing.T) {
	needPrograms(t, "mkntfs", "ntfs-3g", "ntfscat", "hivexml", "hivexget", "reglookup", "regfinfo", "reged", "umount")
	for _, h := range realHives(t) {
		t.Run(h.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			img := makeNTFS(t, h)
			volume := mount(t, img)
			dir := volume.dir
			system := filepath.Join(dir, h.root, "System32", "config", "SYSTEM")
			before := identity(t, system)
			record := filepath.Join(t.TempDir(), "undo.json")
			armed := armAndRead(t, dir, record)
			if now := identity(t, system); now != before {
				t.Errorf("SYSTEM was %+v, is %+v", before, now)
			}
			checkArmed(t, h, armed, system)
			hangkit(t, 0, "undo", dir, "--yes", "--record", record)
			if now := identity(t, system); now != before {
				t.Errorf("SYSTEM was %+v, is %+v", before, now)
			}
			checkUndone(t, h, system)
			volume.unmount(t)
			checkVolume(t, img)
		})
	}
}

// TestOracleHiveMounted makes hives and their logs grow on a mounted volume: they stay
// the same files, and the volume whole.
func TestOracleHiveMounted(t *testing.T) {
	needPrograms(t, "mkntfs", "ntfs-3g", "hivexml", "hivexget", "reglookup", "regfinfo", "reged", "umount")
	text := filepath.Join(t.TempDir(), "big.reg")
	big := regtext.Value{Name: "big", Type: hive.Binary, Data: bytes.Repeat([]byte{0x5A}, 3<<20)}
	writeText(t, text, &regtext.File{Keys: []regtext.Key{{Path: `HKEY_LOCAL_MACHINE\SYSTEM\Big`, Values: []regtext.Value{big}}}})
	for _, h := range someHives(t) {
		t.Run(h.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			img := makeNTFS(t, h)
			volume := mount(t, img)
			system := filepath.Join(volume.dir, h.root, "System32", "config", "SYSTEM")
			before := identity(t, system)
			hangkit(t, 0, "hive", "import", volume.dir, text, "--yes", "--undo", "undo.reg")
			after := identity(t, system)
			if after.Size <= before.Size {
				t.Errorf("SYSTEM had %d bytes, has %d", before.Size, after.Size)
			}
			if after.Size = before.Size; after != before {
				t.Errorf("SYSTEM was %+v, is %+v", before, after)
			}
			hangkit(t, 0, "hive", "check", volume.dir)
			readAll(t, system)
			volume.unmount(t)
			checkVolume(t, img)
			hangkit(t, 0, "hive", "import", img, "undo.reg", "--yes", "--undo", "redo.reg")
			hangkit(t, 6, "hive", "get", img, "Big")
			checkVolume(t, img)
		})
	}
}

type fileIdentity struct {
	Ino      uint64
	Mode     uint32
	Uid, Gid uint32
	Size     int64
}

func identity(t *testing.T, name string) fileIdentity {
	t.Helper()
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatalf("no inode of %s", name)
	}
	return fileIdentity{sys.Ino, sys.Mode, sys.Uid, sys.Gid, sys.Size}
}
