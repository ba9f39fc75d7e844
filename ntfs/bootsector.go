package ntfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

var le = binary.LittleEndian

// LCN is a cluster number counted from the start of the volume.
type LCN int64

// VCN is a cluster number counted from the start of an attribute.
type VCN int64

const (
	bootSectorSize = 512
	oemNTFS        = "NTFS    "
	oemBitLocker   = "-FVE-FS-"

	bootBytesPerSector    = 0x0b
	bootSectorsPerCluster = 0x0d
	bootTotalSectors      = 0x28
	bootMFT               = 0x30
	bootMFTMirr           = 0x38
	bootRecordSize        = 0x40
	bootSerial            = 0x48

	minSectorSize  = 512
	maxSectorSize  = 4096
	maxClusterSize = 2 << 20
	minRecordSize  = 512
	maxRecordSize  = 64 << 10
)

// BitLocker marks its boot sector, whatever file system that pretends to be,
// with one of these GUIDs: normal and To Go volumes, and those being encrypted
// as they are written (libbde documentation, "Volume header").
var bitLockerGUIDs = [][]byte{
	{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01},
	{0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d, 0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8},
}

// bootSector is the geometry a boot sector declares, in bytes where not said otherwise.
type bootSector struct {
	sectorSize   int64
	clusterSize  int64
	totalSectors int64 // without the backup boot sector, which lies behind them
	clusters     int64
	mft, mftMirr LCN
	recordSize   int64
	serial       uint64
}

// kindOf recognises a boot sector's owner.
func kindOf(b []byte) Kind {
	oem := string(b[3:11])
	if oem == oemBitLocker {
		return BitLocker
	}
	for _, guid := range bitLockerGUIDs {
		if bytes.Contains(b[:bootSectorSize], guid) {
			return BitLocker
		}
	}
	if oem == oemNTFS {
		return NTFS
	}
	return Other
}

// parseBootSector checks the geometry of an NTFS boot sector.
func parseBootSector(b []byte) (bootSector, error) {
	if len(b) < bootSectorSize {
		return bootSector{}, ErrTruncated
	}
	s := bootSector{
		sectorSize:   int64(le.Uint16(b[bootBytesPerSector:])),
		totalSectors: int64(le.Uint64(b[bootTotalSectors:])),
		mft:          LCN(le.Uint64(b[bootMFT:])),
		mftMirr:      LCN(le.Uint64(b[bootMFTMirr:])),
		serial:       le.Uint64(b[bootSerial:]),
	}
	if !powerOfTwo(s.sectorSize, minSectorSize, maxSectorSize) {
		return s, damaged(0, "boot sector: bytes per sector", "512, 1024, 2048 or 4096", s.sectorSize)
	}
	s.clusterSize = clusterSize(b[bootSectorsPerCluster], s.sectorSize)
	if !powerOfTwo(s.clusterSize, minSectorSize, maxClusterSize) {
		return s, damaged(0, "boot sector: sectors per cluster", "a power of two, at most 2 MiB", hex(b[bootSectorsPerCluster]))
	}
	s.recordSize = recordSize(int8(b[bootRecordSize]), s.clusterSize)
	if !powerOfTwo(s.recordSize, minRecordSize, maxRecordSize) {
		return s, damaged(0, "boot sector: MFT record size", "a power of two, 512 bytes to 64 KiB", hex(b[bootRecordSize]))
	}
	return s, s.checkExtent()
}

// checkExtent proves that the volume's size and the places it names are within reason.
func (s *bootSector) checkExtent() error {
	const maxBytes = 1<<63 - 1
	if s.totalSectors <= 0 || s.totalSectors >= maxBytes/s.sectorSize {
		return damaged(0, "boot sector: total sectors", "a volume of 1 byte to 8 EiB", hex(s.totalSectors))
	}
	s.clusters = s.totalSectors * s.sectorSize / s.clusterSize
	for _, lcn := range []LCN{s.mft, s.mftMirr} {
		if lcn <= 0 || int64(lcn) >= s.clusters {
			return damaged(0, "boot sector: first cluster of $MFT or its mirror", fmt.Sprintf("1 to %d", s.clusters-1), hex(lcn))
		}
	}
	return nil
}

// clusterSize decodes sectors per cluster: a count up to 128, or 2^(256-n) sectors.
func clusterSize(n byte, sectorSize int64) int64 {
	const firstExponent = 244
	if n >= firstExponent {
		return sectorSize << (256 - int(n))
	}
	return sectorSize * int64(n)
}

// recordSize decodes clusters per MFT record: a count, or 2^-n bytes.
func recordSize(n int8, clusterSize int64) int64 {
	switch {
	case n > 0:
		return int64(n) * clusterSize
	case n > -31:
		return 1 << -n
	}
	return 0
}

func powerOfTwo(n, low, high int64) bool {
	return n >= low && n <= high && bits.OnesCount64(uint64(n)) == 1
}
