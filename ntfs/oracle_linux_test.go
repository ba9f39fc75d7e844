package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"

	"hangkit/ntfs"
	"hangkit/ntfs/internal/woftest"
	"hangkit/ntfs/ntfstest"
)

// compressByDriver makes files in a directory whose files ntfs-3g compresses:
// whole, byte after byte, with holes, made shorter and longer.
func compressByDriver(t *testing.T, dir string) {
	t.Helper()
	put(t, filepath.Join(dir, "zeros"), make([]byte, 1<<20))
	put(t, filepath.Join(dir, "small"), []byte("resident"))
	for _, size := range []int{4096, 20_000, 65_535, 65_536, 65_537, 131_072} {
		put(t, filepath.Join(dir, fmt.Sprint("words ", size)), bytes.Repeat([]byte("shrinks "), (size+7)/8)[:size])
		put(t, filepath.Join(dir, fmt.Sprint("noise ", size)), patterned(int64(size)))
	}
	mixed := woftest.Contents(3_000_001)
	put(t, filepath.Join(dir, "mixed"), mixed)
	appended, err := os.Create(filepath.Join(dir, "appended"))
	if err != nil {
		t.Fatal(err)
	}
	defer appended.Close()
	for rest := mixed[:500_000]; len(rest) > 0; rest = rest[min(7001, len(rest)):] {
		if _, err := appended.Write(rest[:min(7001, len(rest))]); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int64{"cut": 100_001, "cut in a unit": 70_000, "cut at a unit": 65_536, "longer": 900_000} {
		put(t, filepath.Join(dir, name), mixed[:400_000])
		if err := os.Truncate(filepath.Join(dir, name), size); err != nil {
			t.Fatal(err)
		}
	}
	holes, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	defer holes.Close()
	for _, off := range []int64{0, 300_000, 1 << 20} {
		if _, err := holes.WriteAt(mixed[:50_000], off); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOracleEncodings lets ntfs-3g compress files and make links, and checks
// that we read the same.
func TestOracleEncodings(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	img := mkntfs(t, geometry{512, 4096, 64 << 20})
	ntfstest.Mounted(t, img, "rw,compression", func(dir string) {
		packed := filepath.Join(dir, "packed")
		if err := os.Mkdir(packed, 0o755); err != nil {
			t.Fatal(err)
		}
		const attributeCompressed = 0x0800
		attributes := []byte{0, 0, attributeCompressed >> 8, 0} // big-endian
		if err := syscall.Setxattr(packed, "system.ntfs_attrib_be", attributes, 0); err != nil {
			t.Fatal(err)
		}
		compressByDriver(t, packed)
		put(t, filepath.Join(dir, "target"), patterned(10_000))
		put(t, filepath.Join(dir, "links", "beside"), nil)
		junction := filepath.Join(dir, "links", "junction")
		if err := os.Mkdir(junction, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setxattr(junction, "system.ntfs_reparse_data", junctionData(`\??\C:\target`), 0); err != nil {
			t.Fatal(err)
		}
	})
	v := open(t, openImage(t, img))
	for _, name := range []string{"packed/zeros", "packed/mixed", "packed/appended"} {
		if d, err := v.Detail(name); err != nil || !d.Compressed {
			t.Errorf("%s: %+v (%v)", name, d, err)
		}
	}
	ntfstest.Mounted(t, img, "ro,norecover", func(dir string) {
		sub, err := fs.Sub(v, "packed")
		if err != nil {
			t.Fatal(err)
		}
		ntfstest.Compare(t, sub, os.DirFS(filepath.Join(dir, "packed")))
	})
	if d, err := v.Detail("links/junction"); err != nil || d.ReparseTag != tagMountPoint {
		t.Errorf("junction: %+v (%v)", d, err)
	}
	if target, err := v.ReadLink("links/junction"); err != nil || target != `C:\target` {
		t.Errorf("junction points to %q (%v)", target, err)
	}
	if _, err := v.Stat("links/junction/x"); !errors.Is(err, ntfs.ErrUnsupported) {
		t.Errorf("through the junction: %v", err)
	}
	list, err := v.ReadDir("links")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() == "junction" && e.Type() != os.ModeSymlink {
			t.Errorf("junction is listed as %v", e.Type())
		}
	}
	sub, err := fs.Sub(v, "links")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sub, "beside", "junction"); err != nil {
		t.Error(err)
	}
}

// junctionData is a mount point's reparse buffer ([MS-FSCC] 2.1.2.5).
func junctionData(target string) []byte {
	var name []byte
	for _, c := range []byte(target) {
		name = append(name, c, 0)
	}
	b := make([]byte, 16)
	le.PutUint32(b, tagMountPoint)
	le.PutUint16(b[4:], uint16(8+len(name)+4))
	le.PutUint16(b[10:], uint16(len(name)))
	le.PutUint16(b[12:], uint16(len(name)+2))
	b = append(b, name...)
	return append(b, 0, 0, 0, 0)
}
