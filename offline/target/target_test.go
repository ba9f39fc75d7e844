package target

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// folder makes a directory with these files and opens it.
func folder(t *testing.T, mode Mode, files map[string]string) (string, *Target) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	return dir, open(t, dir, mode)
}

func open(t *testing.T, name string, mode Mode) *Target {
	t.Helper()
	opened, err := Open(name, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func TestDirectoryIsAFileSystem(t *testing.T) {
	t.Parallel()
	_, opened := folder(t, ReadOnly, map[string]string{"Windows/System32/config/SYSTEM": "regf", "pagefile.sys": "x"})
	if err := fstest.TestFS(opened.Volumes[0].FS, "Windows/System32/config/SYSTEM", "pagefile.sys"); err != nil {
		t.Error(err)
	}
}

// TestDirectoryNames: Windows does not mind the case of names, a mounted volume may.
func TestDirectoryNames(t *testing.T) {
	t.Parallel()
	_, opened := folder(t, ReadOnly, map[string]string{"WINDOWS/system32/Config/system": "hive"})
	volume := opened.Volumes[0].FS
	for _, name := range []string{"Windows/System32/config/SYSTEM", "WINDOWS/system32/Config/system", "windows/SYSTEM32/CONFIG/System"} {
		data, err := fs.ReadFile(volume, name)
		if err != nil || string(data) != "hive" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
	for _, name := range []string{"Windows/System32/config/SYSTEM.LOG1", "nowhere/at/all"} {
		if _, err := volume.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want %v", name, err, fs.ErrNotExist)
		}
	}
	if _, err := volume.Open("../etc/passwd"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a path that leaves the volume: %v", err)
	}
}

// TestDirectoryLinks: a link on the volume leads nowhere outside of it.
func TestDirectoryLinks(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, opened := folder(t, Writable, map[string]string{"a/b": "x"})
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if _, err := fs.ReadFile(opened.Volumes[0].FS, "link"); err == nil {
		t.Error("a link was followed out of the volume")
	}
	if _, err := opened.Volumes[0].FS.OpenInPlace("link"); err == nil {
		t.Error("a link was opened for writing out of the volume")
	}
}

// TestInPlaceBounds: a file of a mounted volume never grows.
func TestInPlaceBounds(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, Writable, map[string]string{"SYSTEM": "0123456789"})
	f, err := opened.Volumes[0].FS.OpenInPlace("system")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{-1, 8, 10, 1 << 40} {
		if _, err := f.WriteAt([]byte("abc"), off); err == nil {
			t.Errorf("a write at %d left the file", off)
		}
	}
	if _, err := f.WriteAt([]byte("abc"), 7); err != nil {
		t.Error(err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "SYSTEM")); string(data) != "0123456abc" {
		t.Errorf("the file holds %q", data)
	}
	if _, err := opened.Volumes[0].FS.OpenInPlace("."); err == nil {
		t.Error("a directory was opened for writing")
	}
}

// TestDryRun: writes are seen by who made them, and never reach the file.
func TestDryRun(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, DryRun, map[string]string{"SYSTEM": "0123456789"})
	f, err := opened.Volumes[0].FS.OpenInPlace("SYSTEM")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("abc"), 0); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 4)
	if _, err := f.ReadAt(seen, 0); err != nil || string(seen) != "abc3" {
		t.Errorf("read back %q, %v", seen, err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "SYSTEM")); string(data) != "0123456789" {
		t.Errorf("the file holds %q", data)
	}
}

// TestHiveSet: every log that holds something is opened, or the set is not.
func TestHiveSet(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files      map[string]string
		log1, log2 bool
	}{
		"two logs":        {map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "1", "SYSTEM.LOG2": "2", "SYSTEM.LOG": "old"}, true, true},
		"second log only": {map[string]string{"SYSTEM": "p", "system.log2": "2"}, false, true},
		"empty second":    {map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "1", "SYSTEM.LOG2": ""}, true, false},
		"both empty":      {map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "", "SYSTEM.LOG2": "", "SYSTEM.LOG": "old"}, false, false},
		"Windows XP":      {map[string]string{"SYSTEM": "p", "SYSTEM.LOG": "l"}, true, false},
		"no log":          {map[string]string{"SYSTEM": "p"}, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, opened := folder(t, ReadOnly, tt.files)
			set, err := OpenHiveSet(opened.Volumes[0].FS, "SYSTEM", name == "Windows XP")
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			if (set.Log1 != nil) != tt.log1 || (set.Log2 != nil) != tt.log2 {
				t.Errorf("log 1 is there: %t, log 2: %t", set.Log1 != nil, set.Log2 != nil)
			}
		})
	}
	_, opened := folder(t, ReadOnly, map[string]string{"other": "x"})
	if _, err := OpenHiveSet(opened.Volumes[0].FS, "SYSTEM", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no hive: %v", err)
	}
}

// TestBootStoreLog: the boot manager's store is logged in BCD.LOG, beside which BCD.LOG1 and
// BCD.LOG2 lie empty.
func TestBootStoreLog(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files map[string]string
		want  string // the name of the first log
	}{
		"sole log":     {map[string]string{"bcd": "p", "BCD.LOG": "live", "BCD.LOG1": "", "BCD.LOG2": ""}, "bcd.LOG"},
		"nothing else": {map[string]string{"bcd": "p", "BCD.LOG": "live"}, "bcd.LOG"},
		"two logs":     {map[string]string{"bcd": "p", "BCD.LOG": "old", "BCD.LOG1": "live", "BCD.LOG2": ""}, "bcd.LOG1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, opened := folder(t, Writable, tt.files)
			set, err := OpenGrowingHiveSet(opened.Volumes[0].FS, "bcd", false)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			got := make([]byte, 4)
			if _, err := set.Log1.ReadAt(got, 0); err != nil || set.Log1Name != tt.want || string(got) != "live" {
				t.Errorf("log %s holds %q, want %s: %v", set.Log1Name, got, tt.want, err)
			}
		})
	}
}

// TestHiveSetNeedsEveryLog: a log that cannot be opened is not one that is absent.
func TestHiveSetNeedsEveryLog(t *testing.T) {
	t.Parallel()
	_, opened := folder(t, ReadOnly, map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "1", "SYSTEM.LOG2/x": "a folder"})
	if _, err := OpenHiveSet(opened.Volumes[0].FS, "SYSTEM", true); err == nil {
		t.Error("a log that is no file was passed over")
	}

	disk := image.NewMemory(64<<20, 512)
	err := format.Write(disk, format.Options{Root: []format.Entry{
		{Name: "SYSTEM", Data: make([]byte, 8192)},
		{Name: "SYSTEM.LOG1", Data: make([]byte, 8192)},
		{Name: "SYSTEM.LOG2", Data: make([]byte, 65536), Holes: []format.Range{{Off: 0, Len: 65536}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := FromDisk("disk", disk, Writable)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHiveSet(raw.Volumes[0].FS, "SYSTEM", true); !errors.Is(err, ntfs.ErrNotInPlace) {
		t.Errorf("a sparse log: %v, want %v", err, ntfs.ErrNotInPlace)
	}
}

// TestSuspended: a suspended Windows is seen from a bare hive in its folder, and from
// a volume beside its own.
func TestSuspended(t *testing.T) {
	t.Parallel()
	dir, _ := folder(t, ReadOnly, map[string]string{
		"Windows/System32/config/SYSTEM": "regf", "HIBERFIL.SYS": "HIBR" + strings.Repeat("x", 8192), "copy/SYSTEM": "regf",
	})
	hive := open(t, filepath.Join(dir, "Windows", "System32", "config", "SYSTEM"), ReadOnly)
	if err := hive.Volumes[0].Refuse(); !errors.Is(err, ErrHibernated) {
		t.Errorf("a hive in its folder: %v", err)
	}
	if err := open(t, filepath.Join(dir, "copy", "SYSTEM"), ReadOnly).Volumes[0].Refuse(); err != nil {
		t.Errorf("a hive that was copied out: %v", err)
	}

	disk := image.NewMemory(128<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeBasicData, Size: 40 << 20}, {Type: image.TypeBasicData, Size: 40 << 20}, {Type: image.TypeLDMData},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(n int, root ...format.Entry) {
		section, err := table.Open(disk, table.Partitions[n])
		if err != nil {
			t.Fatal(err)
		}
		if err := format.Write(section, format.Options{Root: root}); err != nil {
			t.Fatal(err)
		}
	}
	fill(0)
	fill(1, format.Entry{Name: "hiberfil.sys", Data: append([]byte("HIBR"), make([]byte, 8192)...)})
	fill(2)
	opened, err := FromDisk("disk", disk, ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Volumes[0].Refuse(); !errors.Is(err, ErrHibernated) {
		t.Errorf("beside a suspended Windows: %v", err)
	}
	if err := opened.Volumes[2].Refuse(); !errors.Is(err, ErrRefused) || errors.Is(err, ErrHibernated) {
		t.Errorf("part of a dynamic disk: %v", err)
	}
}

// TestLinkedHive: the logs lie beside the hive, not beside a link to it.
func TestLinkedHive(t *testing.T) {
	t.Parallel()
	dir, _ := folder(t, ReadOnly, map[string]string{"real/SYSTEM": "regf", "real/SYSTEM.LOG1": "log"})
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "real", "SYSTEM"), link); err != nil {
		t.Skip(err)
	}
	opened := open(t, link, ReadOnly)
	set, err := OpenHiveSet(opened.Volumes[0].FS, opened.HiveName(), false)
	if err != nil || set.Log1 == nil {
		t.Fatalf("%+v, %v", set, err)
	}
	set.Close()
}

// TestKinds: what the user points at is told apart by looking at it.
func TestKinds(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, ReadOnly, map[string]string{"SYSTEM": "regf and more", "note.txt": "hello"})
	if opened.Kind != Directory || opened.HiveName() != "" {
		t.Errorf("a directory is a %s", opened.Kind)
	}
	bare := open(t, filepath.Join(dir, "SYSTEM"), ReadOnly)
	if bare.Kind != Hive || bare.HiveName() != "SYSTEM" || bare.Volumes[0].Label() != filepath.Join(dir, "SYSTEM") {
		t.Errorf("a hive is a %s named %q", bare.Kind, bare.HiveName())
	}
	if _, err := Open(filepath.Join(dir, "note.txt"), ReadOnly); err == nil {
		t.Error("a text was opened as a disk")
	}
	if _, err := Open(filepath.Join(dir, "missing"), ReadOnly); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing target: %v", err)
	}
}

// TestDisk: the volumes of a disk, of which only some can be read, and a dry run.
func TestDisk(t *testing.T) {
	t.Parallel()
	disk := image.NewMemory(96<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Size: 16 << 20},
		{Type: image.TypeBasicData, Name: "Windows"},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	section, err := table.Open(disk, table.Partitions[1])
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("data"), 4096)
	if err := format.Write(section, format.Options{Label: "C", Root: []format.Entry{{Name: "file", Data: content}}}); err != nil {
		t.Fatal(err)
	}
	opened, err := FromDisk("disk", disk, DryRun)
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.Volumes) != 2 || opened.Volumes[0].FS != nil || opened.Volumes[0].Err == nil {
		t.Fatalf("volumes: %+v", opened.Volumes)
	}
	v := opened.Volumes[1]
	if v.FS == nil || v.Kind != ntfs.NTFS || v.Info.Label != "C" || v.Label() != "disk, partition 2" {
		t.Fatalf("Windows volume: %+v", v)
	}
	if err := v.Refuse(); err != nil {
		t.Error(err)
	}
	f, err := v.FS.OpenInPlace("FILE")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("DATA"), 4); err != nil {
		t.Fatal(err)
	}
	pending := opened.Pending()
	if len(pending) != 1 || pending[0].Len != 4 {
		t.Errorf("pending: %v", pending)
	}
	var below [4]byte
	if _, err := disk.ReadAt(below[:], pending[0].Off); err != nil || string(below[:]) != "data" {
		t.Errorf("the dry run reached the disk: %q, %v", below, err)
	}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "x.dmp")
	if err := os.WriteFile(name, []byte("PAGEDU64"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	if err != nil || string(data) != "PAGEDU64" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := OpenFile(dir); err == nil {
		t.Error("a directory was opened as a file")
	}
}

func TestFreeSpace(t *testing.T) {
	t.Parallel()
	free, err := FreeSpace(t.TempDir())
	if err != nil || free <= 0 {
		t.Errorf("%d bytes free, %v", free, err)
	}
}
