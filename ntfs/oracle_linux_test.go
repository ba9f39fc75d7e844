package ntfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/fstest"

	"hangkit/ntfs"
)

// TestOracleEncodings lets ntfs-3g compress a file, make links and punch
// holes, and checks that what cannot be read is refused.
func TestOracleEncodings(t *testing.T) {
	t.Parallel()
	needMount(t)
	img := mkntfs(t, geometry{512, 4096, 64 << 20})
	mounted(t, img, "rw,compression", func(dir string) {
		packed := filepath.Join(dir, "packed")
		if err := os.Mkdir(packed, 0o755); err != nil {
			t.Fatal(err)
		}
		const attributeCompressed = 0x0800
		attributes := []byte{0, 0, attributeCompressed >> 8, 0} // big-endian
		if err := syscall.Setxattr(packed, "system.ntfs_attrib_be", attributes, 0); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(packed, "zeros"), make([]byte, 1<<20))
		put(t, filepath.Join(packed, "text"), patterned(200_000))
		put(t, filepath.Join(packed, "small"), []byte("resident"))
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
	for _, name := range []string{"packed/zeros", "packed/text"} {
		if d, err := v.Detail(name); err != nil || !d.Compressed {
			t.Errorf("%s: %+v (%v)", name, d, err)
		}
		refused(t, v, name)
	}
	if b, err := fs.ReadFile(v, "packed/small"); err != nil || string(b) != "resident" {
		t.Errorf("packed/small: %q (%v)", b, err)
	}
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
