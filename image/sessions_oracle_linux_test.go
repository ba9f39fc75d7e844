package image_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// TestOracleSessions writes an image by turns with QEMU, at random, a snapshot
// between two of the turns: after each, QEMU finds no fault and reads the same.
func TestOracleSessions(t *testing.T) {
	t.Parallel()
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		t.Skip("takes its time")
	}
	for i, q := range []qemuFormat{
		{name: "VHD", format: "vpc", options: "subformat=dynamic,force_size=on"},
		{name: "VHDX", format: "vhdx", options: "block_size=1M", check: true},
		{name: "qcow2, smallest clusters", format: "qcow2", options: "cluster_size=512", check: true},
		{name: "qcow2, packed", format: "qcow2", options: "cluster_size=4k", convert: []string{"-c"}, check: true},
		{name: "VMDK", format: "vmdk", options: "zeroed_grain=on", check: true},
		{name: "VMDK, split", format: "vmdk", options: "subformat=twoGbMaxExtentSparse", check: true},
		{name: "VDI", format: "vdi", check: true},
	} {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(i), 9))
			raw, content := scattered(t)
			path := q.make(t, raw)
			var before []byte
			for turn := range 4 {
				if turn == 1 && q.format == "qcow2" {
					before = bytes.Clone(content)
					run(t, "qemu-img", "snapshot", "-c", "before", path)
				}
				if turn == 2 && q.format != "vpc" {
					writeByQEMU(t, q, path, content, random)
				}
				writeRandomly(t, path, content, random)
				q.judge(t, path, content)
			}
			if before != nil {
				run(t, "qemu-img", "snapshot", "-a", "before", path)
				q.judge(t, path, before)
			}
		})
	}
}

// judge has QEMU check and read the image.
func (q qemuFormat) judge(t *testing.T, path string, content []byte) {
	t.Helper()
	if q.check {
		run(t, "qemu-img", "check", "-f", q.format, path)
	}
	sameAsQEMU(t, path, q.format, content)
}

// writeByQEMU has qemu-io write somewhere, zeros too.
func writeByQEMU(t *testing.T, q qemuFormat, path string, content []byte, random *rand.Rand) {
	t.Helper()
	off := random.IntN(len(content)/4096-20) * 4096
	write := fmt.Sprintf("write -P 7 %d 20480", off)
	zero := fmt.Sprintf("write -z %d 8192", off+8192)
	run(t, "qemu-io", "-f", q.format, "-c", write, "-c", zero, path)
	copy(content[off:], bytes.Repeat([]byte{7}, 20480))
	clear(content[off+8192:][:8192])
}

// writeRandomly writes pieces of every size anywhere, and reads all of it.
func writeRandomly(t *testing.T, path string, content []byte, random *rand.Rand) {
	t.Helper()
	f := openFile(t, path, true)
	noise := rand.NewChaCha8([32]byte{byte(random.Uint32())})
	for range 25 {
		off := random.IntN(len(content))
		p := content[off:][:min(1+random.IntN(1<<random.IntN(18)), len(content)-off)]
		_, _ = noise.Read(p) // a ChaCha8 never fails
		if _, err := f.WriteAt(p, int64(off)); err != nil {
			t.Fatal(err)
		}
		if random.IntN(6) == 0 {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	sameContent(t, f, content)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
