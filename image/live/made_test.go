package live

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

// Made-up packages: everything a medium is made of, in a few kilobytes.

const madeRelease = "6.1.0-made"

// object is an ELF file with a .modinfo section, or a program where text is empty.
func object(machine elf.Machine, text string) []byte {
	const names = "\x00.shstrtab\x00.modinfo\x00"
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a buffer takes everything
	data := uint64(64 + 3*64)
	head := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(machine), Version: 1, Shoff: 64, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 1}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	put(head)
	put(elf.Section64{})
	put(elf.Section64{Name: 1, Type: uint32(elf.SHT_STRTAB), Off: data, Size: uint64(len(names))})
	put(elf.Section64{Name: 11, Type: uint32(elf.SHT_PROGBITS), Off: data + uint64(len(names)), Size: uint64(len(text))})
	b.WriteString(names + text)
	return b.Bytes()
}

func madeModule(tb testing.TB, fields ...string) []byte {
	tb.Helper()
	return packXZ(tb, object(elf.EM_X86_64, strings.Join(fields, "\x00")+"\x00"))
}

func packXZ(tb testing.TB, plain []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// madeDeb is a package with these files.
func madeDeb(tb testing.TB, files map[string][]byte) []byte {
	tb.Helper()
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: "./" + name, Size: int64(len(files[name])), Mode: 0o644}); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return madeAr([2]string{"debian-binary", "2.0\n"}, [2]string{"control.tar.xz", "odd"}, [2]string{"data.tar.xz", string(packXZ(tb, data.Bytes()))})
}

// madeAr is an archive of members, each a name and a content.
func madeAr(members ...[2]string) []byte {
	b := []byte(arMagic)
	for _, m := range members {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d%s", m[0], 0, 0, 0, "100644", len(m[1]), arEnd)
		b = append(b, m[1]...)
		if len(m[1])%2 != 0 {
			b = append(b, '\n')
		}
	}
	return b
}

// madePackages puts packages into a folder and pins them.
func madePackages(tb testing.TB, dir string) *Lock {
	tb.Helper()
	a := archs["amd64"]
	modules := "usr/lib/modules/" + madeRelease + "/"
	files := map[string]map[string][]byte{
		"linux-image-" + madeRelease: {
			"boot/vmlinuz-" + madeRelease:                        []byte("the kernel"),
			modules + "modules.builtin":                          []byte("kernel/fs/built.ko\n"),
			modules + "kernel/drivers/nvme/host/nvme.ko.xz":      madeModule(tb, "depends=nvme-core", "alias=pci:v*d*sv*sd*bc01sc08i02*"),
			modules + "kernel/drivers/nvme/host/nvme-core.ko.xz": madeModule(tb, "depends=auth", "license=GPL"),
			modules + "kernel/drivers/nvme/common/auth.ko.xz":    madeModule(tb, "softdep=pre: crc post: late-one absent"),
			modules + "kernel/lib/crc.ko.xz":                     madeModule(tb, "alias=crypto-crc"),
			modules + "kernel/drivers/other/late-one.ko.xz":      madeModule(tb),
			modules + "kernel/sound/loud.ko.xz":                  madeModule(tb, "alias=pci:loud"),
			modules + "kernel/drivers/scsi/am53c974.ko.xz":       madeModule(tb, "alias=pci:museum"),
		},
		"shim-signed":  {a.shim: []byte("shim"), "usr/share/doc/x": []byte("no")},
		"shim-helpers": {a.mok: []byte("keys")},
		"grub":         {a.grub: []byte("grub")},
		"isolinux":     {isolinuxFile: bytes.Repeat([]byte("isolinux"), 100), isohdpfxFile: bytes.Repeat([]byte{0x90}, bootCodeSize)},
		"syslinux":     {ldlinuxFile: []byte("ldlinux")},
		"busybox":      {busyboxFile: []byte("busybox")},
	}
	lock := &Lock{Schema: lockSchema, Arch: "amd64", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		deb := madeDeb(tb, files[name])
		sum := sha256.Sum256(deb)
		p := Package{Name: name, Version: "1", Archive: "debian", Path: "pool/" + name + ".deb", Size: int64(len(deb)), SHA256: hex.EncodeToString(sum[:]), Source: name + " (1)"}
		lock.Packages = append(lock.Packages, p)
		if err := os.WriteFile(filepath.Join(dir, p.FileName()), deb, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return lock
}

// madeOptions are those of a medium of made-up packages.
func madeOptions(tb testing.TB) Options {
	tb.Helper()
	dir := tb.TempDir()
	return Options{
		Arch: "amd64", Version: "v1", Program: object(elf.EM_X86_64, ""), Run: "check; collect -o stick:",
		Lock: madePackages(tb, dir), Store: &Store{Dir: dir, Offline: true},
	}
}

// madeMedium is a medium that the tests share, and do not write to.
func madeMedium(tb testing.TB) *Medium {
	tb.Helper()
	shared.Do(func() { sharedMedium = buildMedium(tb) })
	if sharedMedium == nil {
		tb.Fatal("no medium was made")
	}
	return sharedMedium
}

var (
	shared       sync.Once
	sharedMedium *Medium
)

func buildMedium(tb testing.TB) *Medium {
	tb.Helper()
	m, err := Build(tb.Context(), madeOptions(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
