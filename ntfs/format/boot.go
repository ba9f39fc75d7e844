package format

import "encoding/binary"

var le = binary.LittleEndian

// Fields of the boot sector.
const (
	bootJump              = 0x00
	bootOEM               = 0x03
	bootBytesPerSector    = 0x0b
	bootSectorsPerCluster = 0x0d
	bootMedia             = 0x15
	bootSectorsPerTrack   = 0x18
	bootHeads             = 0x1a
	bootHiddenSectors     = 0x1c
	bootDrive             = 0x24
	bootSectors           = 0x28
	bootMFT               = 0x30
	bootMirror            = 0x38
	bootRecordSize        = 0x40
	bootIndexBlockSize    = 0x44
	bootSerial            = 0x48
	bootSignature         = 0x1fe

	bootFileSize = 8192 // of $Boot
)

const (
	fixedDisk        = 0xf8       // media byte of a hard disk
	bootDriveUnused  = 0x00800080 // what Windows writes into the unused BPB fields at 0x24
	geometrySectors  = 63         // the CHS geometry every large disk claims
	geometryHeads    = 255
	maxPlainSectors  = 128 // more sectors per cluster are stored as a power of two
	bootEndSignature = 0xaa55
)

// bootSector encodes the boot sector, one sector long.
func (g geometry) bootSector(mft, mirror LCN, serial uint64, hidden uint32) []byte {
	b := make([]byte, g.sectorSize)
	copy(b[bootJump:], "\xeb\x52\x90")
	copy(b[bootOEM:], "NTFS    ")
	le.PutUint16(b[bootBytesPerSector:], uint16(g.sectorSize))
	b[bootSectorsPerCluster] = g.sectorsPerClusterCode()
	b[bootMedia] = fixedDisk
	le.PutUint16(b[bootSectorsPerTrack:], geometrySectors)
	le.PutUint16(b[bootHeads:], geometryHeads)
	le.PutUint32(b[bootHiddenSectors:], hidden)
	le.PutUint32(b[bootDrive:], bootDriveUnused)
	le.PutUint64(b[bootSectors:], uint64(g.sectors))
	le.PutUint64(b[bootMFT:], uint64(mft))
	le.PutUint64(b[bootMirror:], uint64(mirror))
	b[bootRecordSize] = g.sizeCode(int64(g.recordSize))
	b[bootIndexBlockSize] = g.sizeCode(indexBlockSize)
	le.PutUint64(b[bootSerial:], serial)
	le.PutUint16(b[bootSignature:], bootEndSignature)
	return b
}

// sectorsPerClusterCode is the count itself up to 128, above it 256 minus the
// power of two (so Windows stores 2 MiB clusters).
func (g geometry) sectorsPerClusterCode() byte {
	n := g.clusterSize / g.sectorSize
	if n <= maxPlainSectors {
		return byte(n)
	}
	return byte(-log2(n))
}
