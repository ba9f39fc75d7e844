package target

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hangkit/image"
	"hangkit/ntfs/format"
)

// TestGrowing: a file of a mounted volume is written past its end where the caller
// allows it, without a gap, no further than allowed, and stays the file it is.
func TestGrowing(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, Writable, map[string]string{"SYSTEM": "0123456789", "SYSTEM.LOG1": "", "SYSTEM.LOG2": "x"})
	name := filepath.Join(dir, "SYSTEM")
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	set, err := OpenGrowingHiveSet(opened.Volumes[0].FS, "SYSTEM", false)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.MaxSize <= 10 || set.MaxLogSize <= 0 || set.Log1 == nil || set.Log2 == nil {
		t.Fatalf("%+v", set)
	}
	if _, err := set.Primary.WriteAt([]byte("abcdef"), 8); err != nil {
		t.Error(err)
	}
	if _, err := set.Primary.WriteAt([]byte("x"), 15); err == nil {
		t.Error("a write behind the end left a gap")
	}
	if _, err := set.Primary.WriteAt(make([]byte, 8), set.MaxSize-4); err == nil {
		t.Error("a write went further than allowed")
	}
	if _, err := set.Log1.WriteAt([]byte("log"), 0); err != nil {
		t.Error(err)
	}
	if set.Primary.Size() != 14 || set.Log1.Size() != 3 {
		t.Errorf("sizes %d and %d", set.Primary.Size(), set.Log1.Size())
	}
	for file, want := range map[string]string{"SYSTEM": "01234567abcdef", "SYSTEM.LOG1": "log"} {
		if data, _ := os.ReadFile(filepath.Join(dir, file)); string(data) != want {
			t.Errorf("%s holds %q, want %q", file, data, want)
		}
	}
	after, err := os.Stat(name)
	if err != nil || !os.SameFile(before, after) || before.Mode() != after.Mode() {
		t.Errorf("the file was %v, is %v (%v)", before, after, err)
	}
}

// TestGrowingDryRun: what lies behind a file's end is kept in memory like the rest.
func TestGrowingDryRun(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, DryRun, map[string]string{"SYSTEM": "0123456789"})
	set, err := OpenGrowingHiveSet(opened.Volumes[0].FS, "SYSTEM", false)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if _, err := set.Primary.WriteAt([]byte("x"), 11); err == nil {
		t.Error("a write behind the end left a gap")
	}
	if _, err := set.Primary.WriteAt([]byte("abcdef"), 8); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 20)
	n, _ := set.Primary.ReadAt(seen, 0)
	if string(seen[:n]) != "01234567abcdef" || set.Primary.Size() != 14 {
		t.Errorf("%d bytes: %q", set.Primary.Size(), seen[:n])
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "SYSTEM")); string(data) != "0123456789" {
		t.Errorf("the file holds %q", data)
	}
}

// TestNotGrowing: files of a raw volume keep their sizes, and an empty log is none.
func TestNotGrowing(t *testing.T) {
	t.Parallel()
	disk := image.NewMemory(64<<20, 512)
	err := format.Write(disk, format.Options{Root: []format.Entry{
		{Name: "SYSTEM", Data: bytes.Repeat([]byte{1}, 8192)}, {Name: "SYSTEM.LOG1"}, {Name: "SYSTEM.LOG2", Data: make([]byte, 8192)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := FromDisk("disk", disk, Writable)
	if err != nil {
		t.Fatal(err)
	}
	set, err := OpenGrowingHiveSet(raw.Volumes[0].FS, "SYSTEM", false)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.MaxSize != 0 || set.MaxLogSize != 0 || set.Log1 != nil || set.Log2 == nil {
		t.Errorf("%+v", set)
	}
	if _, err := set.Primary.WriteAt([]byte{1}, 8192); err == nil {
		t.Error("a file of a raw volume grew")
	}
}

// TestWithLogs: logs from elsewhere take the place of those beside the hive, and are
// never written.
func TestWithLogs(t *testing.T) {
	t.Parallel()
	dir, opened := folder(t, Writable, map[string]string{"SYSTEM": "p", "SYSTEM.LOG1": "near", "old": "far away"})
	set, err := WithLogs(opened.Volumes[0].FS, "SYSTEM", "", filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.Log1 != nil || set.Log2 == nil || set.Log2.Size() != 8 {
		t.Errorf("%+v", set)
	}
	if _, err := set.Log2.WriteAt([]byte("x"), 0); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("a log from elsewhere was written: %v", err)
	}
	if _, err := WithLogs(opened.Volumes[0].FS, "SYSTEM", filepath.Join(dir, "missing"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a log that is not there: %v", err)
	}
}

// TestIsHive: a hive is told by its own first bytes or by those of a log beside it.
func TestIsHive(t *testing.T) {
	t.Parallel()
	dir, _ := folder(t, ReadOnly, map[string]string{
		"whole": "regf and more", "wiped": "....", "wiped.LOG2": "regf", "none": "....", "none.LOG1": "....", "short": "re", "dir/x": "",
	})
	for name, want := range map[string]bool{"whole": true, "wiped": true, "none": false, "short": false, "dir": false, "missing": false} {
		if got := IsHive(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
