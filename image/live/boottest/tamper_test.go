//go:build linux

package boottest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// makeKernel is the outline of a signed kernel: a PE program with the kernel's mark.
func makeKernel() []byte {
	const pe, signature, size = 0x80, 0x1000, 0x1200
	le := binary.LittleEndian
	k := make([]byte, size)
	copy(k, "MZ")
	le.PutUint32(k[peOffset:], pe)
	copy(k[pe:], "PE\x00\x00")
	le.PutUint16(k[pe+peOptional:], peMagic64)
	le.PutUint32(k[pe+peOptional+peCertificates:], signature)
	le.PutUint32(k[pe+peOptional+peCertificates+4:], size-signature)
	copy(k[linuxMagic:], "HdrS")
	return k
}

func TestTamper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	medium := slicesOf(64<<10, makeKernel(), 4096)
	l := &Lab{Kit: &Kit{Dir: dir}, Medium: filepath.Join(dir, "medium")}
	if err := os.WriteFile(l.Medium, medium, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, how := range map[string]Tampering{"unsigned": Unsign, "altered": Alter} {
		file, err := l.Tamper(name, how)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got, medium) || !bytes.Equal(got[:4096], medium[:4096]) || len(got) != len(medium) {
			t.Errorf("%s: not the kernel was changed", name)
		}
	}
	if err := Unsign([]byte("MZ")); err == nil {
		t.Error("a program that ends too early was unsigned")
	}
	unsigned := makeKernel()
	if err := Unsign(unsigned); err != nil {
		t.Fatal(err)
	}
	if err := Unsign(unsigned); err == nil {
		t.Error("an unsigned program was unsigned")
	}
}

// slicesOf is a file of zeros with something in it.
func slicesOf(size int, what []byte, at int) []byte {
	file := make([]byte, size)
	copy(file[at:], what)
	return file
}

func TestMoments(t *testing.T) {
	t.Parallel()
	c := &Cuts{Writes: 4}
	moments := c.Moments(1, 200)
	first := 0
	for _, m := range moments {
		if m.Writes == 0 {
			first++
		}
		if m.Writes < 0 || m.Writes >= c.Writes || m.Later < 0 || m.Later >= time.Second/slowWrites {
			t.Errorf("%+v does not lie between the start and the last write", m)
		}
	}
	if first != len(moments)/early {
		t.Errorf("%d of %d moments lie before the first write", first, len(moments))
	}
	if again := c.Moments(1, 200); again[7] != moments[7] {
		t.Error("the same seed chooses other moments")
	}
}

// TestArguments: names go through QEMU's option syntax, and its complaints come back.
func TestArguments(t *testing.T) {
	t.Parallel()
	if got := comma("a,b"); got != "a,,b" {
		t.Errorf("comma: %q", got)
	}
	s := Setup{Firmware: BIOS, Medium: CD, File: "/nonexistent/medium"}
	if missing := Missing("qemu-system-x86_64"); len(missing) > 0 {
		t.Skip("qemu-system-x86_64 is missing")
	}
	m, err := s.Start(t.Context())
	if err == nil {
		t.Fatal("QEMU started without its medium", m.Close())
	}
	if !strings.Contains(err.Error(), s.File) {
		t.Errorf("QEMU's complaint is lost: %v", err)
	}
}

// TestBuses: QEMU takes each medium beside disks on every bus.
func TestBuses(t *testing.T) {
	t.Parallel()
	if missing := Missing("qemu-system-x86_64"); len(missing) > 0 {
		t.Skip("qemu-system-x86_64 is missing")
	}
	dir := t.TempDir()
	empty := func(name string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	machines := []Setup{{Firmware: BIOS, Medium: CD}, {Firmware: BIOS, Medium: USB}}
	if len(Missing(NeededARM64()...)) == 0 {
		machines = append(machines, Setup{ARM64: true, Medium: CD}, Setup{ARM64: true, Medium: USB})
	}
	for _, s := range machines {
		s.File, s.Memory = empty("medium"), 64
		for i, bus := range append(Buses(), AHCI) {
			s.Disks = append(s.Disks, Attached{File: empty(fmt.Sprint("disk", i)), Bus: bus})
		}
		m, err := s.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
