package image

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The boot sector of a volume, as far as it takes to know one. NTFS and FAT
// have a BIOS parameter block; exFAT has zeros in its place.
const (
	bootOEMOff       = 3  // 8 bytes, whose volume it is
	bpbSectorOff     = 11 // u16, bytes per sector
	bpbClusterOff    = 13 // u8, sectors per cluster, or as a negative number its binary logarithm
	fat16TypeOff     = 54 // "FAT12   ", "FAT16   "
	fat32TypeOff     = 82 // "FAT32   "
	bitLockerToGoOff = 424
	exFATShiftOff    = 108 // u8, binary logarithm of bytes per sector
)

// What stands at bootOEMOff. A FAT volume may call itself anything.
const (
	oemNTFS          = "NTFS    "
	oemBitLocker     = "-FVE-FS-"
	oemBitLockerToGo = "MSWIN4.1"
	oemExFAT         = "EXFAT   "
)

// [Partition.TypeName] of a volume that covers its disk.
const (
	VolumeNTFS      = "NTFS volume"
	VolumeBitLocker = "BitLocker volume"
	VolumeExFAT     = "exFAT volume"
	VolumeFAT       = "FAT volume"
)

// Sectors are of these sizes and the powers of two between.
const (
	minSectorSize = 512
	maxSectorSize = 4096
)

// bitLockerGUID marks an encrypted volume in its boot sector:
// 4967d63b-2e29-4ad8-8399-f6a339e3d001, as stored.
var bitLockerGUID = []byte{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01}

// oem is whose volume the sector says it is of.
func (b bootRecord) oem() string { return string(b[bootOEMOff : bootOEMOff+8]) }

// volume names the volume whose boot sector this is, or "" if it is none.
func (b bootRecord) volume() string {
	switch oem := b.oem(); {
	case oem == oemBitLocker, oem == oemBitLockerToGo && bytes.HasPrefix(b[bitLockerToGoOff:], bitLockerGUID):
		return VolumeBitLocker
	case oem == oemNTFS: // no boot code of an MBR looks like it, even where the rest is damaged
		return VolumeNTFS
	case oem == oemExFAT && b.volumeSectorSize() != 0:
		return VolumeExFAT
	case b.signed() && b.fat() && b.volumeSectorSize() != 0:
		return VolumeFAT
	}
	return ""
}

// fat says whether the boot sector calls itself FAT where FAT does.
func (b bootRecord) fat() bool {
	return bytes.HasPrefix(b[fat16TypeOff:], []byte("FAT1")) || bytes.HasPrefix(b[fat32TypeOff:], []byte("FAT32"))
}

// volumeSectorSize is the sector size the volume was made for, 0 if that
// makes no sense.
func (b bootRecord) volumeSectorSize() int {
	size := int(binary.LittleEndian.Uint16(b[bpbSectorOff:]))
	if b.oem() == oemExFAT {
		size = 1 << min(b[exFATShiftOff], 16)
	}
	if size < minSectorSize || size > maxSectorSize || bits.OnesCount(uint(size)) != 1 {
		return 0
	}
	return size
}
