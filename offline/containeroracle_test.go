package offline

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// containerForms are the forms in which a virtual machine keeps its disk, as qemu-img
// makes them from a raw one.
var containerForms = []struct {
	name, format string
	args         []string
	check        bool // qemu-img can check the form
}{
	{name: "qcow2", format: "qcow2", check: true},
	{name: "packed qcow2", format: "qcow2", args: []string{"-c", "-o", "compression_type=zstd"}, check: true},
	{name: "VHDX", format: "vhdx", check: true},
	{name: "VHD", format: "vpc", args: []string{"-o", "force_size=on"}},
	{name: "VMDK", format: "vmdk", check: true},
	{name: "VDI", format: "vdi", check: true},
}

// TestOracleArmContainers arms and undoes a registry that Windows wrote in every form
// of disk image, and lets QEMU judge the image and others what lies in it.
func TestOracleArmContainers(t *testing.T) {
	needPrograms(t, "qemu-img", "mkntfs", "ntfs-3g", "ntfscat", "ntfsfix", "hivexml", "hivexget", "reglookup", "regfinfo", "reged", "umount")
	h := realHives(t)[0]
	raw := makeNTFS(t, h)
	for _, c := range containerForms {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			img := filepath.Join(t.TempDir(), "machine.img")
			args := append([]string{"convert", "-f", "raw", "-O", c.format}, c.args...)
			command(t, "qemu-img", append(args, raw, img)...)
			before := plainDisk(t, c.format, img)

			armed := armAndRead(t, img, filepath.Join(t.TempDir(), "undo.json"))
			if c.check {
				command(t, "qemu-img", "check", "-f", c.format, img)
			}
			plain := plainDisk(t, c.format, img)
			hive := filepath.Join(t.TempDir(), "armed")
			catHive(t, h, plain, hive)
			checkArmed(t, h, armed, hive)
			checkVolume(t, plain)

			hangkit(t, 0, "undo", img, "--yes")
			if c.check {
				command(t, "qemu-img", "check", "-f", c.format, img)
			}
			undone := filepath.Join(t.TempDir(), "undone")
			catHive(t, h, plainDisk(t, c.format, img), undone)
			checkUndone(t, h, undone)
			sameSize(t, before, plain)
		})
	}
}

// plainDisk has qemu-img write the disk in an image out.
func plainDisk(t *testing.T, format, img string) string {
	t.Helper()
	plain := filepath.Join(t.TempDir(), "plain.img")
	command(t, "qemu-img", "convert", "-f", format, "-O", "raw", img, plain)
	return plain
}

func sameSize(t *testing.T, a, b string) {
	t.Helper()
	first, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	if first.Size() != second.Size() {
		t.Errorf("the disk had %d bytes and has %d", first.Size(), second.Size())
	}
}

// TestOracleArmOverlay arms a machine in an overlay, as snapshots leave it: the image
// below stays as it is.
func TestOracleArmOverlay(t *testing.T) {
	needPrograms(t, "qemu-img", "mkntfs", "ntfs-3g", "ntfscat", "ntfsfix", "hivexml", "hivexget", "reglookup", "regfinfo", "reged", "umount")
	h := realHives(t)[0]
	raw := makeNTFS(t, h)
	below, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	img := filepath.Join(filepath.Dir(raw), "overlay.qcow2")
	command(t, "qemu-img", "create", "-f", "qcow2", "-b", filepath.Base(raw), "-F", "raw", img)
	armed := armAndRead(t, img, filepath.Join(t.TempDir(), "undo.json"))
	command(t, "qemu-img", "check", img)
	hive := filepath.Join(t.TempDir(), "armed")
	catHive(t, h, plainDisk(t, "qcow2", img), hive)
	checkArmed(t, h, armed, hive)
	if after, err := os.ReadFile(raw); err != nil || !bytes.Equal(after, below) {
		t.Errorf("the image below was changed, %v", err)
	}
}
