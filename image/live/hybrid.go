package live

import (
	"encoding/hex"
	"fmt"

	"hangkit/image"
)

// In sector 0: the boot code ends where the disk's own signature begins, and isohdpfx wants to
// know where isolinux.bin lies, in sectors of 512 bytes (isohybrid of the syslinux project).
const (
	bootCodeSize   = 432
	isolinuxSector = 432
	bootCodeEnd    = 440
	mbrEntries     = 446
	mbrEntrySize   = 16
)

// dummyEntry is an active partition of no type and one sector: there are BIOSes that start no
// disk without an active one, and nobody takes this for a partition.
var dummyEntry = [mbrEntrySize]byte{0: 0x80, 2: 1, 6: 1, 12: 1}

// Partitions of the medium. The second covers the ISO's files, so that nobody sees free room
// there; its type keeps Windows from giving it a letter and offering to format it.
const (
	typeESP   = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	typeLinux = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
	typeData  = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
)

// hybrid makes the ISO a disk as well: a GPT over its unused first 32 KiB, boot code for BIOSes,
// and room for the second GPT behind it.
func (m *medium) hybrid(raw []byte, isolinux *isoFile) (*image.Memory, error) {
	disk := image.NewMemory(int64(len(raw))+mib, sector)
	if _, err := disk.WriteAt(raw, 0); err != nil {
		return nil, err
	}
	seed, err := seedOf(m.build)
	if err != nil {
		return nil, err
	}
	var code []byte
	if isolinux != nil {
		code = append(append(code, m.parts.files[isohdpfxFile]...), make([]byte, bootCodeEnd)...)[:bootCodeEnd]
		le.PutUint32(code[isolinuxSector:], isolinux.block*(isoBlock/sector))
	}
	if _, err := image.CreateGPT(bootCoded{disk, code}, ownParts(int64(len(raw))), seed); err != nil {
		return nil, fmt.Errorf("hybrid ISO: %w", err)
	}
	return disk, nil
}

// ownParts are the partitions of a medium that ends there, one behind the other from [espStart].
func ownParts(end int64) []image.NewPartition {
	return []image.NewPartition{
		{Type: typeESP, Name: Label + " EFI", Size: espSize},
		{Type: typeLinux, Name: Label + " ISO", Size: end - espStart - espSize},
	}
}

// seedOf is the number that a build's GUIDs come from.
func seedOf(build string) (uint64, error) {
	b, err := hex.DecodeString(build)
	if err != nil || len(b) != 8 {
		return 0, fmt.Errorf("build id %q: %w", build, ErrFormat)
	}
	return le.Uint64(b), nil
}

// bootCoded is a disk whose sector 0 keeps its boot code whatever partitions are written there:
// at no moment is the medium one that a BIOS cannot start.
type bootCoded struct {
	image.Disk
	code []byte // none on a medium without a BIOS's part
}

// WriteAt implements [io.WriterAt].
func (b bootCoded) WriteAt(p []byte, off int64) (int, error) {
	if off != 0 || len(p) < sector || b.code == nil {
		return b.Disk.WriteAt(p, off)
	}
	first := append([]byte(nil), p...)
	copy(first, b.code)
	copy(first[mbrEntries+mbrEntrySize:], dummyEntry[:])
	return b.Disk.WriteAt(first, off)
}
