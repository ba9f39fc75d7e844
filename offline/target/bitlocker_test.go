package target

import (
	"context"
	"errors"
	"path"
	"testing"

	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// lockedPartition writes an encrypted volume into a partition and returns its key file.
func lockedPartition(t *testing.T, d image.Disk, o encrypt.Options) []*bitlocker.Secret {
	t.Helper()
	var files []format.Entry
	for _, f := range encrypt.Files() {
		files = append(files, format.Entry{Name: f.Name, Size: f.Size, Fragments: 1})
	}
	layout, err := format.Build(d, format.Options{Seed: 1, Root: []format.Entry{
		{Name: encrypt.Folder, Dir: files}, {Name: "hello.txt", Data: []byte("plain text inside")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var at []int64
	for _, f := range encrypt.Files() {
		at = append(at, layout.Files[path.Join(encrypt.Folder, f.Name)].Extents[0].DeviceOffset)
	}
	o.Method, o.SectorSize, o.Areas = bitlocker.XTS128, 512, encrypt.Areas{Metadata: [3]int64(at[:3]), Boot: at[3]}
	made, err := encrypt.Encrypt(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	if made.KeyFile == nil {
		return nil
	}
	secrets, err := bitlocker.ParseKeyFile(made.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

// TestUnlockSeveral has two locked volumes with keys of their own, and one that is suspended.
func TestUnlockSeveral(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	disk := image.NewMemory(32<<20, 512)
	table, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeBasicData, Name: "a", Size: size}, {Type: image.TypeBasicData, Name: "b", Size: size}, {Type: image.TypeBasicData, Name: "c", Size: size},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var keys [][]*bitlocker.Secret
	for i, o := range []encrypt.Options{{Seed: 1, KeyFile: true}, {Seed: 2, KeyFile: true}, {Seed: 3, ClearKey: true}} {
		section, err := table.Open(disk, table.Partitions[i])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, lockedPartition(t, section, o))
	}
	opened, err := FromDisk("disk", disk, Writable)
	if err != nil {
		t.Fatal(err)
	}
	v := opened.Volumes
	for i, locked := range []bool{true, true, false} {
		if v[i].Locked() != locked || (v[i].FS == nil) != locked || errors.Is(v[i].Err, bitlocker.ErrLocked) != locked {
			t.Errorf("volume %d: locked %v, %v", i, v[i].Locked(), v[i].Err)
		}
	}
	if v[0].FileSystem() != "BitLocker" || v[2].FileSystem() != "NTFS" {
		t.Errorf("%s, %s", v[0].FileSystem(), v[2].FileSystem())
	}
	if err := v[2].Refuse(); !errors.Is(err, ErrNeighbourLocked) || !errors.Is(err, ErrRefused) {
		t.Errorf("beside locked volumes: %v", err)
	}
	opened.AcceptLocked = true
	if err := v[2].Refuse(); err != nil {
		t.Errorf("with locked volumes accepted: %v", err)
	}
	opened.AcceptLocked = false
	got, err := opened.Unlock(t.Context(), keys[1]...)
	if err != nil || len(got) != 1 || got[0] != v[1] || !v[0].Locked() {
		t.Fatalf("the second key opens %d, %v", len(got), err)
	}
	if e, ok := errors.AsType[*bitlocker.LockedError](v[0].Err); !ok || e.Tried != 1 {
		t.Errorf("the first volume: %v", v[0].Err)
	}
	if got, err := opened.Unlock(t.Context(), keys[0]...); err != nil || len(got) != 1 || got[0] != v[0] || v[0].Kind != ntfs.NTFS {
		t.Errorf("the first key opens %d, %v", len(got), err)
	}
	if err := v[2].Refuse(); err != nil {
		t.Errorf("with nothing locked any more: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := opened.Unlock(ctx, keys[0]...); err != nil || len(got) != 0 {
		t.Errorf("nothing is locked any more: %d, %v", len(got), err)
	}
	if start := v[0].FS.(ntfsFS).DiskOffset(); start >= 0 {
		t.Errorf("encrypted bytes lie at %d of the disk", start)
	}
}
