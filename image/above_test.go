package image_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
)

// writeFile puts a file into a folder.
func writeFile(t *testing.T, folder, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// overlayOn is a qcow2 header that names what lies below it.
func overlayOn(below string) []byte {
	be := binary.BigEndian
	b := make([]byte, 4*65536)
	copy(b, "QFI\xfb")
	if below != "" {
		be.PutUint64(b[8:], 512)
	}
	for off, v := range map[int]uint32{4: 2, 16: uint32(len(below)), 20: 16, 36: 1} {
		be.PutUint32(b[off:], v)
	}
	for off, v := range map[int]uint64{24: 1 << 20, 40: 3 * 65536, 48: 65536} {
		be.PutUint64(b[off:], v)
	}
	be.PutUint32(b[56:], 1)
	copy(b[512:], below)
	return b
}

// TestBelowOthers: an image with a snapshot is read, and not written.
func TestBelowOthers(t *testing.T) {
	t.Parallel()
	descriptor := "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=%\ncreateType=\"monolithicFlat\"\nRW 8 FLAT \"win-flat.vmdk\" 0\n"
	win := []byte(strings.ReplaceAll(descriptor, "%", "ffffffff"))
	linked := vdiFile(1, "")
	for name, c := range map[string]struct {
		base, above []byte
		file        string
		refused     bool
	}{
		"VDI":                  {linked, vdiFile(2, string(linked[392:408])), "win.vdi", true},
		"VDI of another disk":  {linked, vdiFile(2, string(make([]byte, 15))+"x"), "win.vdi", false},
		"a part of a VMDK":     {make([]byte, 4096), win, "win-flat.vmdk", true},
		"VMDK":                 {win, []byte(strings.ReplaceAll(descriptor, "%", "12345678\nparentFileNameHint=\"C:\\VMs\\win.vmdk\"")), "win.vmdk", true},
		"VMDK of another disk": {win, []byte(strings.ReplaceAll(descriptor, "%", "12345678\nparentFileNameHint=\"other.vmdk\"")), "win.vmdk", false},
		"qcow2 on raw":         {make([]byte, 4096), overlayOn("win.img"), "win.img", true},
		"qcow2 on qcow2":       {overlayOn(""), overlayOn("win.qcow2"), "win.qcow2", true},
		"qcow2 on another":     {make([]byte, 4096), overlayOn("other.img"), "win.img", false},
		"no image":             {make([]byte, 4096), []byte("win.img"), "win.img", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			path := writeFile(t, folder, c.file, c.base)
			if c.file != "win-flat.vmdk" {
				writeFile(t, folder, "win-flat.vmdk", make([]byte, 4096))
			}
			writeFile(t, folder, "above", c.above)
			if refused := openFile(t, path, false).WriteRefusal() != nil; refused != c.refused {
				t.Errorf("it would be refused: %v", refused)
			}
			for _, writable := range []bool{false, true} {
				f, err := image.Open(path, writable)
				if err == nil {
					err = f.Close()
				}
				refused := errors.Is(err, image.ErrRefused)
				if want := writable && c.refused; refused != want || !want && err != nil {
					t.Errorf("writable %v: %v", writable, err)
				}
				if refused && !strings.Contains(err.Error(), `"above"`) {
					t.Errorf("the one above is not named: %v", err)
				}
			}
		})
	}
}

// TestSnapshotFolder: VirtualBox keeps what lies on an image in a folder below.
func TestSnapshotFolder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	base := vdiFile(1, "")
	path := writeFile(t, folder, "win.vdi", base)
	if err := os.Mkdir(filepath.Join(folder, "Snapshots"), 0o700); err != nil {
		t.Fatal(err)
	}
	if f, err := image.Open(path, true); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "Snapshots"), "{1}.vdi", vdiFile(2, string(base[392:408])))
	if _, err := image.Open(path, true); !errors.Is(err, image.ErrRefused) || !strings.Contains(err.Error(), "{1}.vdi") {
		t.Errorf("%v", err)
	}
}

// vdiFile is an empty image with an id, of one block, that lies on another.
func vdiFile(id byte, parent string) []byte {
	le := binary.LittleEndian
	b := make([]byte, 8192)
	kind := uint32(1)
	if parent != "" {
		kind = 4
	}
	for off, v := range map[int]uint32{64: 0xbeda107f, 68: 0x00010001, 72: 400, 76: kind, 340: 512, 344: 4096, 360: 512, 368: 4096, 376: 4096, 384: 1, 512: 0xffffffff} {
		le.PutUint32(b[off:], v)
	}
	b[392] = id
	copy(b[424:440], parent)
	return b
}

// TestBelowIsNoFile: what a guest can write into an image opens no device and
// calls no server.
func TestBelowIsNoFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for below, want := range map[string]error{os.DevNull: image.ErrRefused, "//server/share/disk.img": os.ErrNotExist, "/" + folder + "/x": os.ErrNotExist} {
		writeFile(t, folder, "x", make([]byte, 4096))
		path := writeFile(t, folder, "top.qcow2", overlayOn(below))
		if _, err := image.Open(path, false); !errors.Is(err, want) {
			t.Errorf("%s: %v", below, err)
		}
	}
}
