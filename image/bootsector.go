package image

import (
	"bytes"
	"encoding/binary"
)

// The boot sector of a volume, as far as it takes to know one.
const (
	bpbOEMOff         = 3  // 8 bytes, which system
	bpbSectorOff      = 11 // u16, bytes per sector
	bpbClusterOff     = 13 // u8, sectors per cluster; NTFS: above 0x80 a negative power of two
	bpbFAT16Off       = 54 // "FAT12   ", "FAT16   "
	bpbFAT32Off       = 82 // "FAT32   "
	exFATSectorShift  = 108
	maxSectorSize     = 4096
	minSectorSize     = 512
	oemNTFS           = "NTFS    "
	oemBitLocker      = "-FVE-FS-"
	oemBitLockerToGo  = "MSWIN4.1"
	bitLockerToGoOff  = 424
	oemExFAT          = "EXFAT   "
	nameNTFSVolume    = "NTFS volume"
	nameBitLocker     = "BitLocker volume"
	nameExFATVolume   = "exFAT volume"
	nameFATVolume     = "FAT volume"
	validSectorShifts = 3 // 512 << 0..3
)

// bitLockerGUID marks an encrypted volume in its boot sector:
// 4967d63b-2e29-4ad8-8399-f6a339e3d001, as stored.
var bitLockerGUID = []byte{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01}

// volume names the volume whose boot sector this is, or "" if it is none.
func (b bootRecord) volume() string {
	switch oem := string(b[bpbOEMOff : bpbOEMOff+8]); {
	case oem == oemBitLocker, oem == oemBitLockerToGo && bytes.HasPrefix(b[bitLockerToGoOff:], bitLockerGUID):
		return nameBitLocker
	case oem == oemNTFS && b.bpbSectorSize() != 0 && b[bpbClusterOff] != 0:
		return nameNTFSVolume
	case oem == oemExFAT && b.volumeSectorSize() != 0:
		return nameExFATVolume
	case b.signed() && b.fat() && b.bpbSectorSize() != 0:
		return nameFATVolume
	}
	return ""
}

// fat says whether the boot sector calls itself FAT where FAT does.
func (b bootRecord) fat() bool {
	return bytes.HasPrefix(b[bpbFAT16Off:], []byte("FAT1")) || bytes.HasPrefix(b[bpbFAT32Off:], []byte("FAT32"))
}

// bpbSectorSize is the sector size in the BIOS parameter block, 0 if it is
// none.
func (b bootRecord) bpbSectorSize() int {
	n := int(binary.LittleEndian.Uint16(b[bpbSectorOff:]))
	if n < minSectorSize || n > maxSectorSize || n&(n-1) != 0 {
		return 0
	}
	return n
}

// volumeSectorSize is the sector size that the boot sector of a volume
// gives, 0 if it gives none.
func (b bootRecord) volumeSectorSize() int {
	if string(b[bpbOEMOff:bpbOEMOff+8]) != oemExFAT {
		return b.bpbSectorSize()
	}
	if shift := int(b[exFATSectorShift]); shift >= 9 && shift <= 9+validSectorShifts {
		return 1 << shift
	}
	return 0
}
