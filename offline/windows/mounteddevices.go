package windows

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// VolumeID is how Windows tells volumes apart: by the partition's place on its disk.
type VolumeID struct {
	MBRSignature  uint32 // disk signature in the MBR; 0 on GPT disks
	Offset        int64  // of the partition on an MBR disk, in bytes
	PartitionGUID string // unique partition GUID on a GPT disk, with or without braces
}

func (id VolumeID) known() bool { return id.MBRSignature != 0 || id.PartitionGUID != "" }

// Drive is a drive letter of the target, from one value \DosDevices\X: of the key MountedDevices.
type Drive struct {
	Letter byte // upper case
	ID     VolumeID
	Device string // device path, for removable media and for what is not a basic disk

	FileSystem string      // of a volume in reach: "NTFS"
	Free       Fact[int64] // bytes free on a volume in reach
}

// Removable reports whether the letter is that of a CD, a floppy or a USB stick, as far as its device path tells.
func (d Drive) Removable() bool {
	s := strings.ToUpper(d.Device)
	for _, sign := range []string{"CDROM", "FDC#", "USBSTOR", "REMOVABLEMEDIA", "FLOPPY"} {
		if strings.Contains(s, sign) {
			return true
		}
	}
	return false
}

// On-disk forms of a MountedDevices value.
const (
	dosDevices    = `\DosDevices\`
	mbrDriveSize  = 12         // disk signature (4), partition offset in bytes (8)
	gptDriveMark  = "DMIO:ID:" // then the partition's GUID, 16 bytes
	gptDriveSize  = 24
	maxDeviceText = 4096
)

func parseDrives(v Values) []Drive {
	var out []Drive
	for _, val := range v.All() {
		if len(val.Name) != len(dosDevices)+2 || !strings.EqualFold(val.Name[:len(dosDevices)], dosDevices) {
			continue
		}
		letter := upper(val.Name[len(dosDevices)])
		if letter < 'A' || letter > 'Z' || val.Name[len(val.Name)-1] != ':' {
			continue
		}
		d := parseDrive(val.Data)
		d.Letter = letter
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Drive) int { return int(a.Letter) - int(b.Letter) })
	return out
}

func parseDrive(data []byte) Drive {
	switch {
	case len(data) == mbrDriveSize:
		return Drive{ID: VolumeID{
			MBRSignature: binary.LittleEndian.Uint32(data),
			Offset:       int64(binary.LittleEndian.Uint64(data[4:])),
		}}
	case len(data) == gptDriveSize && bytes.HasPrefix(data, []byte(gptDriveMark)):
		return Drive{ID: VolumeID{PartitionGUID: guidText(data[len(gptDriveMark):])}}
	}
	return Drive{Device: utf16Text(data[:min(len(data), maxDeviceText)])}
}

// guidText writes a GUID whose first three fields are little-endian, as Windows stores it.
func guidText(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", le.Uint32(b), le.Uint16(b[4:]), le.Uint16(b[6:]), b[8:10], b[10:16])
}

func utf16Text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return strings.TrimRight(string(utf16.Decode(u)), "\x00")
}

func (id VolumeID) equal(other VolumeID) bool {
	if id.PartitionGUID != "" || other.PartitionGUID != "" {
		return strings.EqualFold(strings.Trim(id.PartitionGUID, "{}"), strings.Trim(other.PartitionGUID, "{}"))
	}
	return id.MBRSignature != 0 && id.MBRSignature == other.MBRSignature && id.Offset == other.Offset
}

// systemLetter finds the letter Windows itself gives the volume it boots from. systemRoot is SOFTWARE's idea of it.
func systemLetter(drives []Drive, id VolumeID, systemRoot string, existing []string) Fact[byte] {
	if id.known() {
		for _, d := range drives {
			if d.ID.equal(id) {
				return sure(d.Letter, "SYSTEM, MountedDevices: this partition")
			}
		}
	}
	if letter, ok := letterOf(systemRoot); ok {
		return sure(letter, "SOFTWARE, SystemRoot")
	}
	if len(existing) == 1 {
		if letter, ok := letterOf(strings.TrimPrefix(existing[0], `\??\`)); ok {
			return guessed(letter, "SYSTEM, ExistingPageFiles")
		}
	}
	return guessed[byte]('C', "the usual letter")
}

func letterOf(path string) (byte, bool) {
	if len(path) < 2 || path[1] != ':' {
		return 0, false
	}
	letter := upper(path[0])
	return letter, letter >= 'A' && letter <= 'Z'
}
