package collect_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"hangkit/collect"
	"hangkit/ntfs"
)

// smallTarget is a file system that holds so many bytes, and how to let it hold more.
func smallTarget(t *testing.T, size string) (dir string, grow func(size string)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("hangkit", dir, "tmpfs", 0, "size="+size); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting is for root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func(size string) {
		if err := syscall.Mount("hangkit", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullTarget copies to a file system that is too small. What is expected: the error
// says so; without a journal nothing is left behind; with one, what fitted stays, and the
// copy goes on with it when there is room.
func TestFullTarget(t *testing.T) {
	t.Parallel()
	d := &dump{b: incompressible(9*collect.ChunkSize + 99)}
	for i, o := range append([]collect.Options{{Name: "secret.dmp", Recipients: recipient(t, identity(t))}}, resumable...) {
		if i%4 != 1 && !thorough() {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			var grow func(string)
			o = o.WithInterval(collect.ChunkSize)
			o.Dir, grow = smallTarget(t, "9m")
			if _, err := collect.Extract(t.Context(), d.candidate(), o); !errors.Is(err, collect.ErrTargetFull) || len(names(t, o.Dir)) != 0 {
				t.Fatalf("%v, left %q", err, names(t, o.Dir))
			}
			o.Journal = true
			_, err := collect.Extract(t.Context(), d.candidate(), o)
			kept, ok := errors.AsType[*collect.KeptError](err)
			if canGoOn := len(o.Recipients) == 0; !errors.Is(err, collect.ErrTargetFull) || ok != canGoOn || canGoOn && kept.Done < 2*collect.ChunkSize {
				t.Fatalf("%v, kept %+v", err, kept)
			}
			grow("64m")
			d.read, o.Resume = 0, true
			res, err := collect.Extract(t.Context(), d.candidate(), o)
			if err != nil || ok && d.read > int64(len(d.b))-kept.Done+3<<20 {
				t.Fatalf("%v, %d bytes read", err, d.read)
			}
			if !ok {
				return // only its recipient can tell
			}
			d.checkWhole(t, o.Name, o, res)
			if err := os.RemoveAll(res.Path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestOracleNTFSTarget copies a dump with zeros to a volume that ntfs-3g mounts, and reads
// it from there with our own reader: the holes are holes, and zeros.
func TestOracleNTFSTarget(t *testing.T) {
	t.Parallel()
	if !thorough() {
		t.Skip("waits for a mount")
	}
	mkntfs, mount, umount := oracle(t, "mkntfs"), oracle(t, "ntfs-3g"), oracle(t, "umount")
	img, dir := filepath.Join(t.TempDir(), "volume.img"), t.TempDir()
	if err := errors.Join(os.WriteFile(img, nil, 0o600), os.Truncate(img, 64<<20)); err != nil {
		t.Fatal(err)
	}
	run(t, mkntfs, "-F", "-q", img)
	run(t, mount, img, dir)
	d := &dump{b: incompressible(9*collect.ChunkSize + 99)}
	clear(d.b[1<<20 : 7<<20])
	res, err := collect.Extract(t.Context(), d.candidate(), collect.Options{Dir: dir, Name: "a.dmp"})
	run(t, umount, dir)
	if err != nil || res.Holes < 6<<20 {
		t.Fatalf("%+v, %v", res, err)
	}
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	volume, err := ntfs.Open(memoryDevice(b))
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(volume, "a.dmp")
	if err != nil || !bytes.Equal(got, d.b) {
		t.Errorf("%d bytes, which are not the dump; %v", len(got), err)
	}
	extents, err := volume.Extents("a.dmp")
	hole := slices.ContainsFunc(extents, func(e ntfs.Extent) bool { return e.DeviceOffset < 0 && e.Length > 5<<20 })
	if err != nil || !hole {
		t.Errorf("no hole in %v, %v", extents, err)
	}
}
