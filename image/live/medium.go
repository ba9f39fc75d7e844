package live

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"hangkit/image"
	"hangkit/image/fat"
	"hangkit/image/fat/fattest"
)

// Label names the medium and its data partition.
const Label = "HANGKIT"

// Files on the medium.
const (
	kernelFile  = "hangkit/vmlinuz"
	initrdFile  = "hangkit/initrd"
	espFile     = "boot/efi.img"
	catalogFile = "boot/boot.cat"
	isolinuxBin = "isolinux/isolinux.bin"
	markerDir   = "hangkit/"
)

// Sizes. An ESP of more than 32 MiB could not be told in the boot catalog.
const (
	mib      = 1 << 20
	espStart = mib // where partitions begin, and the ISO's file too
	espSize  = 8 * mib
	sector   = 512
)

// arch is what the firmware of a processor wants.
type arch struct {
	name             string
	shim, grub, mok  string // in the packages
	boot, next, keys string // on the ESP
	hasBIOS          bool
}

var archs = map[string]arch{
	"amd64": {
		name: "amd64", hasBIOS: true,
		shim: "usr/lib/shim/shimx64.efi.signed", boot: "EFI/BOOT/BOOTX64.EFI",
		grub: "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed", next: "EFI/BOOT/grubx64.efi",
		mok: "usr/lib/shim/mmx64.efi.signed", keys: "EFI/BOOT/mmx64.efi",
	},
	"arm64": {
		name: "arm64",
		shim: "usr/lib/shim/shimaa64.efi.signed", boot: "EFI/BOOT/BOOTAA64.EFI",
		grub: "usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed", next: "EFI/BOOT/grubaa64.efi",
		mok: "usr/lib/shim/mmaa64.efi.signed", keys: "EFI/BOOT/mmaa64.efi",
	},
}

// medium is one in the making.
type medium struct {
	o       Options
	arch    arch
	build   string // 16 hexadecimal digits: the digest of all that goes in
	date    time.Time
	parts   *parts
	program []byte
}

// marker is the file that only this build has.
func (m *medium) marker() string { return markerDir + m.build }

// description is what the running system knows of its medium.
type description struct {
	Schema   string        `json:"schema"`
	Build    string        `json:"build"`
	Version  string        `json:"version"`
	Arch     string        `json:"arch"`
	Kernel   string        `json:"kernel"`
	Packages []Provenance  `json:"packages"`
	Program  programDigest `json:"program"`
}

// Provenance says where a part of the medium comes from.
type Provenance struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Source  string `json:"source"`
}

type programDigest struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
}

func (m *medium) describe() ([]byte, error) {
	sum := sha256.Sum256(m.program)
	return json.MarshalIndent(description{
		Schema: "hangkit/live/1", Build: m.build, Version: m.o.Version, Arch: m.arch.name, Kernel: m.parts.modules.release,
		Packages: m.parts.provenance, Program: programDigest{hex.EncodeToString(sum[:]), len(m.program)},
	}, "", "  ")
}

// buildID names what goes in: the same medium has the same one, any other has another.
func buildID(o Options, program []byte, p *parts) string {
	h := sha256.New()
	part := func(data []byte) { // with its length, so that nothing moves from one into the next
		_ = binary.Write(h, binary.BigEndian, uint64(len(data))) // a hash takes everything
		h.Write(data)
	}
	part([]byte(o.Version))
	part([]byte(o.Run))
	part([]byte(strings.Join(o.Append, " ")))
	part(program)
	part(p.kernel)
	for _, mod := range p.modules.sorted() {
		part([]byte(mod.path))
		part(mod.data)
	}
	for _, file := range p.sortedFiles() {
		part([]byte(file))
		part(p.files[file])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// assemble makes the whole hybrid file.
func (m *medium) assemble() (*image.Memory, error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	esp, err := m.esp(files)
	if err != nil {
		return nil, err
	}
	espImage := &isoFile{path: espFile, data: esp, block: espStart / isoBlock}
	volume := &isoVolume{label: Label, set: m.build, date: m.date, files: append(files, espImage)}
	if err := volume.layout(); err != nil {
		return nil, err
	}
	raw := make([]byte, roundUp(int64(volume.end)*isoBlock, mib))
	isolinux := volume.file(isolinuxBin)
	if isolinux != nil {
		tellISOLINUX(isolinux)
	}
	volume.write(raw)
	copy(raw[isoCatalog*isoBlock:], catalog(isolinux, espImage))
	return m.hybrid(raw, isolinux)
}

// file finds a file of the volume.
func (v *isoVolume) file(name string) *isoFile {
	for _, f := range v.files {
		if f.path == name {
			return f
		}
	}
	return nil
}

// files are those of the ISO's tree. What the ESP has is there too: a stick onto which the tree
// was copied boots by UEFI as well.
func (m *medium) files() ([]*isoFile, error) {
	about, err := m.describe()
	if err != nil {
		return nil, err
	}
	root, err := initrd(m.program, m.parts.files[busyboxFile], m.parts.modules, about)
	if err != nil {
		return nil, err
	}
	list := []*isoFile{
		{path: kernelFile, data: m.parts.kernel},
		{path: initrdFile, data: root},
		{path: m.marker(), data: []byte(m.build + "\n")},
		{path: "hangkit/live.json", data: about},
		{path: "boot/grub/grub.cfg", data: m.grubConfig()},
		{path: m.arch.boot, data: m.parts.files[m.arch.shim]},
		{path: m.arch.next, data: m.parts.files[m.arch.grub]},
		{path: m.arch.keys, data: m.parts.files[m.arch.mok]},
	}
	if m.arch.hasBIOS {
		list = append(list,
			&isoFile{path: isolinuxBin, data: append([]byte(nil), m.parts.files[isolinuxFile]...)},
			&isoFile{path: "isolinux/ldlinux.c32", data: m.parts.files[ldlinuxFile]},
			&isoFile{path: "isolinux/isolinux.cfg", data: m.isolinuxConfig()})
	}
	return list, nil
}

// esp is the EFI system partition: what UEFI starts, and what that reads first.
func (m *medium) esp(files []*isoFile) ([]byte, error) {
	var root []fattest.Entry
	for _, f := range files {
		if strings.HasPrefix(f.path, "EFI/") || strings.HasPrefix(f.path, "boot/grub/") || f.path == m.marker() {
			root = putEntry(root, strings.Split(f.path, "/"), f.data)
		}
	}
	disk := image.NewMemory(espSize, sector)
	serial := binary.BigEndian.Uint32([]byte(m.build))
	if err := fattest.Write(disk, espSize, fattest.Options{Kind: fat.FAT16, Label: Label, Root: root, HiddenSectors: espStart / sector, Serial: serial}); err != nil {
		return nil, fmt.Errorf("EFI system partition: %w", err)
	}
	raw := make([]byte, espSize)
	_, err := disk.ReadAt(raw, 0)
	return raw, err
}

// putEntry puts a file into a tree of folders.
func putEntry(list []fattest.Entry, steps []string, data []byte) []fattest.Entry {
	if len(steps) == 1 {
		return append(list, fattest.Entry{Name: steps[0], Data: data})
	}
	for i := range list {
		if list[i].Name == steps[0] {
			list[i].Dir = putEntry(list[i].Dir, steps[1:], data)
			return list
		}
	}
	return append(list, fattest.Entry{Name: steps[0], Dir: putEntry(nil, steps[1:], data)})
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
