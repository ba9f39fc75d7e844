package image_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/image"
)

// qemuFormat is an image as qemu-img makes it.
type qemuFormat struct {
	name    string
	format  string   // as qemu-img calls it
	options string   // of -o
	convert []string // more arguments of convert
	check   bool     // qemu-img check can judge it
	sealed  bool     // it is not written
}

var qemuFormats = []qemuFormat{
	{name: "dynamic VHD", format: "vpc", options: "subformat=dynamic,force_size=on"},
	{name: "fixed VHD", format: "vpc", options: "subformat=fixed,force_size=on"},
	{name: "dynamic VHDX", format: "vhdx", options: "subformat=dynamic", check: true},
	{name: "VHDX, small blocks", format: "vhdx", options: "subformat=dynamic,block_size=1M", check: true},
	{name: "fixed VHDX", format: "vhdx", options: "subformat=fixed", check: true},
	{name: "qcow2", format: "qcow2", check: true},
	{name: "qcow2 version 2", format: "qcow2", options: "compat=0.10", check: true},
	{name: "qcow2, small clusters", format: "qcow2", options: "cluster_size=4k", check: true},
	{name: "qcow2, large clusters", format: "qcow2", options: "cluster_size=2M", check: true},
	{name: "qcow2, metadata allocated", format: "qcow2", options: "preallocation=metadata", check: true},
	{name: "qcow2, lazy refcounts", format: "qcow2", options: "lazy_refcounts=on", check: true},
	{name: "qcow2, deflate", format: "qcow2", convert: []string{"-c"}, check: true},
	{name: "qcow2, zstd", format: "qcow2", options: "compression_type=zstd", convert: []string{"-c"}, check: true},
	{name: "qcow2, zstd, large clusters", format: "qcow2", options: "compression_type=zstd,cluster_size=2M", convert: []string{"-c"}, check: true},
	{name: "VMDK", format: "vmdk", check: true},
	{name: "VMDK, zeroed grains", format: "vmdk", options: "zeroed_grain=on", check: true},
	{name: "VMDK, split", format: "vmdk", options: "subformat=twoGbMaxExtentSparse", check: true},
	{name: "VMDK, flat", format: "vmdk", options: "subformat=monolithicFlat"},
	{name: "VMDK, flat and split", format: "vmdk", options: "subformat=twoGbMaxExtentFlat"},
	{name: "VMDK, stream-optimised", format: "vmdk", options: "subformat=streamOptimized", sealed: true},
	{name: "VDI", format: "vdi", check: true},
	{name: "VDI, fixed", format: "vdi", options: "static=on", check: true},
}

// qemuSize is the disk of these tests; not whole blocks of anything.
const qemuSize = 24*mib + 3*512

// scattered is a disk of which some is text, some noise, most nothing.
func scattered(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = make([]byte, qemuSize)
	random := rand.NewChaCha8([32]byte{7})
	for _, at := range []int{0, 300_000, 5 * mib, 5*mib + 200_000, 13*mib - 70_000, qemuSize - 100_000} {
		_, _ = random.Read(content[at : at+90_000]) // a ChaCha8 never fails
		copy(content[at+30_000:at+60_000], bytes.Repeat([]byte("registry "), 4000))
	}
	path = filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// make converts a raw image.
func (q qemuFormat) make(t *testing.T, raw string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image."+q.format)
	args := append([]string{"convert", "-f", "raw", "-O", q.format}, q.convert...)
	if q.options != "" {
		args = append(args, "-o", q.options)
	}
	run(t, "qemu-img", append(args, raw, path)...)
	return path
}

// TestOracleContainers reads what qemu-img made, writes it, and has qemu-img
// judge the outcome.
func TestOracleContainers(t *testing.T) {
	t.Parallel()
	for _, q := range qemuFormats {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			raw, content := scattered(t)
			path := q.make(t, raw)
			sameContent(t, openFile(t, path, false), content)
			if q.sealed {
				return
			}
			scribble(t, path, content)
			if q.check {
				run(t, "qemu-img", "check", "-f", q.format, path)
			}
			if q.format == "vpc" {
				run(t, "vhdiinfo", path)
			}
			sameAsQEMU(t, path, q.format, content)
			sameContent(t, openFile(t, path, false), content)
		})
	}
}

// TestOracleEWF reads what ewfacquire made, in one file and in several, and
// writes none of it.
func TestOracleEWF(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"encase6":       {"-f", "encase6", "-c", "deflate:best"},
		"encase5, none": {"-f", "encase5", "-c", "none", "-S", "1MiB"},
		"encase1":       {"-f", "encase1", "-c", "deflate:fast"},
		"ftk, segments": {"-f", "ftk", "-c", "deflate:best", "-S", "1MiB", "-b", "16"},
		"linen":         {"-f", "linen6", "-c", "deflate:empty-block"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, content := scattered(t)
			path := filepath.Join(t.TempDir(), "disk")
			run(t, "ewfacquire", append(args, "-u", "-q", "-t", path, raw)...)
			sameContent(t, openFile(t, path+".E01", false), content)
			if f, err := image.Open(path+".E01", true); err == nil {
				f.Close()
				t.Error("opened for writing")
			}
		})
	}
}

// sameContent compares a disk with what it should hold, read in pieces.
func sameContent(t *testing.T, f *image.File, want []byte) {
	t.Helper()
	if f.Size() != int64(len(want)) {
		t.Fatalf("size %d, want %d", f.Size(), len(want))
	}
	got := make([]byte, mib+77)
	for off := 0; off < len(want); off += len(got) {
		piece := want[off:min(off+len(got), len(want))]
		if n, err := f.ReadAt(got[:len(piece)], int64(off)); err != nil {
			t.Fatalf("read at 0x%x: %d, %v", off, n, err)
		}
		if !bytes.Equal(got[:len(piece)], piece) {
			t.Fatalf("bytes at 0x%x differ", off)
		}
	}
}

// scribble writes an image, and the same to its content: over what is there
// and into nothing, small, large and across blocks.
func scribble(t *testing.T, path string, content []byte) {
	t.Helper()
	scribbleOn(t, openFile(t, path, true), content)
}

func scribbleOn(t *testing.T, f *image.File, content []byte) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	for i, off := range []int{0, 4096, 301_000, 2 * mib, 8*mib - 5000, 17 * mib, 17*mib + 512, 5*mib + 50_001, qemuSize - 777} {
		p := bytes.Repeat([]byte{byte(i + 1)}, min(1+random.IntN(100_000), qemuSize-off))
		if _, err := f.WriteAt(p, int64(off)); err != nil {
			t.Fatalf("write at 0x%x: %v", off, err)
		}
		copy(content[off:], p)
		if i%3 == 0 {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// sameAsQEMU has qemu-img convert the image back.
func sameAsQEMU(t *testing.T, path, format string, content []byte) {
	t.Helper()
	back := filepath.Join(t.TempDir(), "back.raw")
	run(t, "qemu-img", "convert", "-f", format, "-O", "raw", path, back)
	got, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, content) {
		t.Fatalf("qemu-img reads other bytes (%d of them, want %d)", len(got), len(content))
	}
}

// TestOracleSnapshot: what a snapshot has stays as it was.
func TestOracleSnapshot(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"compat=1.1", "compat=0.10", "cluster_size=4k"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			raw, content := scattered(t)
			path := qemuFormat{format: "qcow2", options: options}.make(t, raw)
			before := bytes.Clone(content)
			run(t, "qemu-img", "snapshot", "-c", "before", path)
			scribble(t, path, content)
			run(t, "qemu-img", "check", path)
			sameAsQEMU(t, path, "qcow2", content)
			run(t, "qemu-img", "snapshot", "-a", "before", path)
			run(t, "qemu-img", "check", path)
			sameAsQEMU(t, path, "qcow2", before)
			run(t, "qemu-img", "snapshot", "-d", "before", path)
			run(t, "qemu-img", "check", path)
		})
	}
}

// TestOracleBacking writes the top of a chain of three and leaves the others
// alone. The names in it are relative to where the images lie.
func TestOracleBacking(t *testing.T) {
	t.Parallel()
	raw, content := scattered(t)
	middle := qemuFormat{format: "qcow2", convert: []string{"-c"}}.make(t, raw)
	dir := filepath.Dir(middle)
	bases := map[string]string{
		"qcow2 by a relative name": filepath.Join(dir, "top.qcow2"),
		"raw by an absolute name":  filepath.Join(dir, "top2.qcow2"),
	}
	run(t, "qemu-img", "create", "-f", "qcow2", "-b", filepath.Base(middle), "-F", "qcow2", bases["qcow2 by a relative name"])
	run(t, "qemu-img", "create", "-f", "qcow2", "-b", raw, "-F", "raw", bases["raw by an absolute name"])
	for name, top := range bases {
		want := bytes.Clone(content)
		o := image.Options{Folders: []string{filepath.Dir(raw)}}
		sameContent(t, openWith(t, top, o), want)
		o.Writable = true
		scribbleOn(t, openWith(t, top, o), want)
		run(t, "qemu-img", "check", top)
		sameAsQEMU(t, top, "qcow2", want)
		sameAsQEMU(t, middle, "qcow2", content)
		if got, err := os.ReadFile(raw); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: the backing file was written, %v", name, err)
		}
	}
}

// TestOracleCreated has qemu-img judge the images made here.
func TestOracleCreated(t *testing.T) {
	t.Parallel()
	for format, create := range creators {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "image")
			create(t, path, qemuSize)
			content := make([]byte, qemuSize)
			sameContent(t, openFile(t, path, false), content)
			scribble(t, path, content)
			if format != "vpc" {
				run(t, "qemu-img", "check", "-f", format, path)
			} else if out := run(t, "vhdiinfo", path); !strings.Contains(out, "Dynamic") {
				t.Errorf("vhdiinfo: %s", out)
			}
			sameAsQEMU(t, path, format, content)
		})
	}
}

// serve has qemu-nbd serve an image, and gives its URL.
func serve(t *testing.T, path, format string, args ...string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "nbd.sock")
	pid := filepath.Join(t.TempDir(), "pid")
	run(t, "qemu-nbd", append(args, "--fork", "--pid-file", pid, "-k", socket, "-f", format, "-t", path)...)
	t.Cleanup(func() {
		b, err := os.ReadFile(pid)
		if err != nil {
			t.Error(err)
			return
		}
		stop(t, strings.TrimSpace(string(b)))
	})
	return "nbd+unix:///?socket=" + socket
}

// stop ends a qemu-nbd, which forgets a signal that comes while it starts.
func stop(t *testing.T, pid string) {
	t.Helper()
	for range 500 {
		if exec.Command("kill", pid).Run() != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("qemu-nbd %s goes on", pid)
}

// TestOracleNBD reads and writes what qemu-nbd serves.
func TestOracleNBD(t *testing.T) {
	t.Parallel()
	raw, content := scattered(t)
	path := qemuFormat{format: "qed"}.make(t, raw)
	url := serve(t, path, "qed")
	f := openFile(t, url, false)
	if f.Kind() != image.Network || f.Format() != image.Raw {
		t.Errorf("%v, %v", f.Kind(), f.Format())
	}
	sameContent(t, f, content)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	scribble(t, url, content)
	sameContent(t, openFile(t, url, false), content)

	readOnly := serve(t, raw, "raw", "-r")
	if f, err := image.Open(readOnly, true); !errors.Is(err, image.ErrReadOnly) {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := image.Open("nbd+unix:///?socket=/nowhere", false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, %v", f, err)
	}
}

// TestOracleLocked: an image that a machine has open is not written.
func TestOracleLocked(t *testing.T) {
	t.Parallel()
	raw, _ := scattered(t)
	path := qemuFormat{format: "qcow2"}.make(t, raw)
	serve(t, path, "qcow2")
	if f, err := image.Open(path, true); err == nil {
		f.Close()
		t.Fatal("opened for writing while qemu-nbd has it")
	} else if want := image.ErrBusy; !strings.Contains(fmt.Sprint(err), want.Error()) {
		t.Errorf("%v, want %v", err, want)
	}
	openFile(t, path, false)
}
