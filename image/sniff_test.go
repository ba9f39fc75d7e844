package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/image/vhd"
)

// Where the footer of a VHD has what the tests change, big endian.
const (
	vhdFooterSize  = 512
	vhdSizeOff     = 48
	vhdTypeOff     = 60
	vhdChecksumOff = 64
	vhdFixed       = 2
)

// vhdFile is a file of size bytes with a VHD footer of the type behind it.
func vhdFile(size int, kind uint32) []byte {
	f := make([]byte, vhdFooterSize)
	copy(f, "conectix")
	binary.BigEndian.PutUint64(f[vhdSizeOff:], uint64(size))
	binary.BigEndian.PutUint32(f[vhdTypeOff:], kind)
	sumVHD(f)
	return append(make([]byte, size), f...)
}

// sumVHD makes the checksum of a footer right.
func sumVHD(f []byte) {
	clear(f[vhdChecksumOff : vhdChecksumOff+4])
	var sum uint32
	for _, b := range f {
		sum += uint32(b)
	}
	binary.BigEndian.PutUint32(f[vhdChecksumOff:], ^sum)
}

func TestSniff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		content string
		want    Format
	}{
		{"", Raw},
		{"QFI", Raw},
		{"plain text", Raw},
		{string(bootSector(oemNTFS, 512)), Raw},
		{"QFI\xfb\x00\x00\x00\x03", QCOW2},
		{"QED\x00", QED},
		{"vhdxfile", VHDX},
		{"conectix" + strings.Repeat("\x00", 2000), VHD},
		{string(vhdFile(4096, vhdFixed)), FixedVHD},
		{string(vhdFile(4096, 3)), VHD},
		{string(vhdFile(0, vhdFixed)), VHD}, // footer at the start
		{"KDMV\x01", VMDK},
		{"# Disk DescriptorFile\nversion=1", VMDKText},
		{"<<< Oracle VM VirtualBox Disk Image >>>\n" + strings.Repeat("\x00", 24) + "\x7f\x10\xda\xbe", VDI},
		{"MSWIM\x00\x00\x00\xd0", WIM},
		{"EVF\x09\x0d\x0a\xff\x00\x01", EWF},
		{"EVF2\x0d\x0a\x81\x00", EWF2},
		{"\x1f\x8b\x08\x00", Gzip},
		{"BZh91AY", Bzip2},
		{"\xfd7zXZ\x00", XZ},
		{"\x28\xb5\x2f\xfd", Zstd},
		{"7z\xbc\xaf\x27\x1c", SevenZip},
		{"PK\x03\x04", Zip},
	} {
		if got := Sniff(strings.NewReader(c.content), int64(len(c.content))); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.content, got, c.want)
		}
	}
}

// Every format but those that are read has a name and a way out.
func TestFormatWords(t *testing.T) {
	t.Parallel()
	for f := range Format(len(formats)) {
		if f.String() == "" {
			t.Errorf("format %d has no name", int(f))
		}
		err := &UnsupportedContainerError{Path: "a.bin", Format: f}
		if readable := slices.Contains([]Format{Raw, FixedVHD, VHD, VHDX, QCOW2, VMDK, VMDKText, VDI, EWF}, f); !readable && !strings.Contains(err.Hint(), "a.bin") {
			t.Errorf("%v: hint %q", f, err.Hint())
		}
	}
	if got := Format(99).String(); got != "format 99" {
		t.Errorf("unknown format: %s", got)
	}
}

func TestOpenContainer(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "vm.qed")
	if err := os.WriteFile(path, []byte("QED\x00"+strings.Repeat("\x00", 600)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, true)
	var container *UnsupportedContainerError
	if !errors.As(err, &container) || container.Format != QED || !errors.Is(err, ErrUnsupported) {
		t.Fatalf("got %v", err)
	}
	if want := "convert it first: qemu-img convert -O raw " + path + " disk.img"; container.Hint() != want {
		t.Errorf("hint %q", container.Hint())
	}
}

// The footer of a fixed VHD is neither shown nor written.
func TestOpenFixedVHD(t *testing.T) {
	t.Parallel()
	file := vhdFile(mib, vhdFixed)
	path := filepath.Join(t.TempDir(), "disk.vhd")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Size() != mib || f.Format() != FixedVHD {
		t.Errorf("size %d, format %v", f.Size(), f.Format())
	}
	if _, err := f.WriteAt(make([]byte, 512), mib); !errors.Is(err, ErrOutOfBounds) {
		t.Errorf("write into the footer: %v", err)
	}
	put(t, f, mib-512, bytes.Repeat([]byte{7}, 512))
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(after[mib:], file[mib:]) || after[mib-1] != 7 {
		t.Error("the footer changed, or the last sector did not")
	}
}

func TestOpenDamagedVHD(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(f []byte){
		"checksum":  func(f []byte) { f[20]++ },
		"too large": func(f []byte) { binary.BigEndian.PutUint64(f[vhdSizeOff:], 8192) },
		"negative":  func(f []byte) { f[vhdSizeOff] = 0xff },
		"zero":      func(f []byte) { clear(f[vhdSizeOff : vhdSizeOff+8]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := vhdFile(4096, vhdFixed)
			footer := file[4096:]
			edit(footer)
			if name != "checksum" {
				sumVHD(footer)
			}
			path := filepath.Join(t.TempDir(), "disk.vhd")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			var format *FormatError
			if _, err := Open(path, false); !errors.As(err, &format) || !errors.Is(err, ErrFormat) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGuessSectorSize(t *testing.T) {
	t.Parallel()
	mbr4Kn := disk64(t, 4096, record(rawEntry{0, 0x07, 256, 512}))
	put(t, mbr4Kn, mib, bootSector(oemNTFS, 4096))
	mbr512 := disk64(t, 512, record(rawEntry{0, 0x07, 2048, 512}))
	put(t, mbr512, mib, bootSector(oemNTFS, 512))
	extended := disk64(t, 4096, record(rawEntry{0, 0x0f, 256, 4096}))
	put(t, extended, mib, record(rawEntry{0, 0x07, 256, 512}))
	wiped := windowsGPT(t, 4096)
	put(t, wiped, 4096, make([]byte, 4096))
	stale := windowsGPT(t, 4096)
	put(t, stale, 0, record(rawEntry{0, 0x07, 2048, 512}))
	for _, c := range []struct {
		name string
		disk Disk
		want int
	}{
		{"blank", NewMemory(mib, 512), 512},
		{"empty", NewMemory(0, 512), 512},
		{"gpt", windowsGPT(t, 512), 512},
		{"gpt 4Kn", windowsGPT(t, 4096), 4096},
		{"gpt 4Kn, backup only", wiped, 4096},
		{"mbr behind which a gpt is left", stale, 512},
		{"mbr", mbr512, 512},
		{"mbr 4Kn", mbr4Kn, 4096},
		{"mbr 4Kn with logical partitions", extended, 4096},
		{"ntfs", disk64(t, 512, bootSector(oemNTFS, 512)), 512},
		{"ntfs 4Kn", disk64(t, 512, bootSector(oemNTFS, 4096)), 4096},
	} {
		if got := guessSectorSize(c.disk, c.disk.Size()); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func FuzzSniff(f *testing.F) {
	for _, m := range magics {
		f.Add(append(make([]byte, m.off), m.bytes...))
	}
	f.Add(vhdFile(512, vhdFixed))
	f.Add(vhdFile(512, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		format := Sniff(r, size)
		if strings.HasPrefix(format.String(), "format ") {
			t.Errorf("nameless: %v", format)
		}
		if format != FixedVHD {
			return
		}
		disk, err := vhd.OpenFixed(r, size)
		if err == nil && (disk.Size <= 0 || disk.Size > size-vhdFooterSize) {
			t.Error(fmt.Sprint("a disk of ", disk.Size, " in a file of ", size))
		}
	})
}
