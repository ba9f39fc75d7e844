package target

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/ntfs"
)

// shows is a Windows that has the volume at an offset.
type shows struct {
	start int64
	disk  image.Disk
	err   error
}

func (s shows) Mounted(start int64) (image.Disk, string, error) {
	if start != s.start {
		return nil, "", nil
	}
	return s.disk, `D:\`, s.err
}

// lockedDisk is a disk with one volume that is locked, and what it holds once it is not.
func lockedDisk(t *testing.T) (disk image.Disk, start int64, plain image.Disk) {
	t.Helper()
	disk = image.NewMemory(16<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{{Type: image.TypeBasicData, Name: "a", Size: 8 << 20}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	part := table.Partitions[0]
	section, err := table.Open(disk, part)
	if err != nil {
		t.Fatal(err)
	}
	keys := lockedPartition(t, section, encrypt.Options{Seed: 1, KeyFile: true})
	locked, err := bitlocker.Open(section)
	if err != nil {
		t.Fatal(err)
	}
	plain, err = locked.Unlock(t.Context(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return disk, part.Start, plain
}

// TestShown reads and writes a volume by way of the Windows that has unlocked it.
func TestShown(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ReadOnly, DryRun, Writable} {
		disk, start, plain := lockedDisk(t)
		target, err := FromDisk("disk", disk, mode)
		if err != nil {
			t.Fatal(err)
		}
		v := target.Volumes[0]
		if !v.Locked() || v.FS != nil {
			t.Fatal("the volume opens without its key")
		}
		target.readShown(shows{start, plain, nil})
		if v.Locked() || v.FS == nil || v.Err != nil || v.Kind != ntfs.NTFS || v.Shown != `D:\` {
			t.Fatalf("locked %v, %v, kind %v, shown as %q", v.Locked(), v.Err, v.Kind, v.Shown)
		}
		text, err := fs.ReadFile(v.FS, "hello.txt")
		if err != nil || string(text) != "plain text inside" {
			t.Errorf("%q, %v", text, err)
		}
		if on := v.FS.(ntfsFS).DiskOffset(); on >= 0 {
			t.Errorf("its bytes are said to lie plain at %d of the disk", on)
		}
		if err := v.Refuse(); err != nil {
			t.Errorf("not to be written: %v", err)
		}
		before := read(t, plain)
		if mode == ReadOnly {
			continue
		}
		const at, changed = 4096, "changed"
		if _, err := v.Device.WriteAt([]byte(changed), at); err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(read(t, plain), before); same != (mode == DryRun) {
			t.Errorf("mode %v: what Windows shows has changed: %v", mode, !same)
		}
		if mode == DryRun {
			if got := target.Pending(); len(got) != 1 || got[0].Off > start+at || got[0].End() < start+at+int64(len(changed)) {
				t.Errorf("pending %v, want %#x in it", got, start+at)
			}
		}
	}
}

func read(t *testing.T, d image.Disk) []byte {
	t.Helper()
	b := make([]byte, d.Size())
	if _, err := d.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNotShown leaves a volume locked that Windows has locked as well, or not at all.
func TestNotShown(t *testing.T) {
	t.Parallel()
	disk, start, _ := lockedDisk(t)
	section, err := image.Section(disk, start, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no such device")
	for _, c := range []struct {
		name  string
		shows shows
		seen  string
	}{
		{"locked there, too", shows{start, section, nil}, `D:\`},
		{"elsewhere", shows{start + 512, section, nil}, ""},
		{"not to be opened", shows{start, nil, broken}, ""},
	} {
		target, err := FromDisk("disk", disk, ReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		target.readShown(c.shows)
		v := target.Volumes[0]
		if !v.Locked() || v.FS != nil || v.Shown != "" || v.SeenAs != c.seen || !errors.Is(v.Err, bitlocker.ErrLocked) {
			t.Errorf("%s: locked %v, %v, shown as %q, seen as %q", c.name, v.Locked(), v.Err, v.Shown, v.SeenAs)
		}
		if c.shows.err != nil && !errors.Is(v.Err, broken) {
			t.Errorf("%s: %v", c.name, v.Err)
		}
	}
}
