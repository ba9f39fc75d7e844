package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

var le = binary.LittleEndian

const (
	bootSectorSize = 512

	bootOEM               = 0x03
	bootBytesPerSector    = 0x0b
	bootSectorsPerCluster = 0x0d
	bootReserved          = 0x0e // fields of FAT, to be zero: 7 bytes, the media, 2 bytes
	bootMedia             = 0x15
	bootReservedEnd       = 0x18
	bootTotalSectors      = 0x28
	bootMFT               = 0x30
	bootMFTMirr           = 0x38
	bootRecordSize        = 0x40
	bootBlockSize         = 0x44
	bootSignature         = 0x1fe

	oemNTFS    = "NTFS    "
	mediaFixed = 0xf8

	minSectorSize  = 512
	maxSectorSize  = 4096
	maxClusterSize = 2 << 20
	minRecordSize  = 512
	maxRecordSize  = 64 << 10
)

// ErrNotNTFS says that the device does not begin with a boot sector of NTFS.
var ErrNotNTFS = errors.New("not an NTFS volume")

// geometry is what the boot sector declares, in bytes where not said otherwise.
type geometry struct {
	sectorSize   int64
	clusterSize  int64
	sectors      int64 // without the copy of the boot sector behind them
	clusters     int64
	mft, mftMirr int64 // clusters
	recordSize   int64
	blockSize    int64 // of directories
}

// openBoot reads the geometry; complete is false if there is nothing to go by.
func (c *checker) openBoot() (complete bool, err error) {
	b := make([]byte, bootSectorSize)
	if c.size < bootSectorSize {
		return false, ErrNotNTFS
	}
	if err := c.read(b, 0); err != nil {
		return false, err
	}
	if string(b[bootOEM:][:len(oemNTFS)]) != oemNTFS {
		return false, ErrNotNTFS
	}
	if err := c.parseBoot(b); err != nil {
		return false, c.found(noRecord, err)
	}
	c.bootFields(b)
	return true, c.checkBackup()
}

func (c *checker) parseBoot(b []byte) error {
	g := &c.geometry
	g.sectorSize = int64(le.Uint16(b[bootBytesPerSector:]))
	if !powerOfTwo(g.sectorSize, minSectorSize, maxSectorSize) {
		return bad(BootSector, 0, "boot sector: bytes per sector", "512, 1024, 2048 or 4096", g.sectorSize)
	}
	g.clusterSize = clusterSize(b[bootSectorsPerCluster], g.sectorSize)
	if !powerOfTwo(g.clusterSize, g.sectorSize, maxClusterSize) {
		return bad(BootSector, 0, "boot sector: sectors per cluster", "a power of two, at most 2 MiB", hex(b[bootSectorsPerCluster]))
	}
	g.recordSize = codedSize(int8(b[bootRecordSize]), g.clusterSize)
	if !powerOfTwo(g.recordSize, minRecordSize, maxRecordSize) {
		return bad(BootSector, 0, "boot sector: MFT record size", "a power of two, 512 bytes to 64 KiB", hex(b[bootRecordSize]))
	}
	g.blockSize = codedSize(int8(b[bootBlockSize]), g.clusterSize)
	if !powerOfTwo(g.blockSize, minBlockSize, maxBlockSize) {
		return bad(BootSector, 0, "boot sector: index block size", "a power of two, 512 bytes to 64 KiB", hex(b[bootBlockSize]))
	}
	return c.parsePlaces(b)
}

// parsePlaces proves that the volume fits the device and the places it names the volume.
func (c *checker) parsePlaces(b []byte) error {
	g := &c.geometry
	sectors := le.Uint64(b[bootTotalSectors:])
	if sectors == 0 || sectors > uint64(c.size/g.sectorSize) {
		return bad(BootSector, 0, "boot sector: total sectors", fmt.Sprintf("1 to %d, which the device has", c.size/g.sectorSize), sectors)
	}
	g.sectors = int64(sectors)
	g.clusters = g.sectors * g.sectorSize / g.clusterSize
	for _, place := range []struct {
		what string
		at   int
		to   *int64
	}{{"$MFT", bootMFT, &g.mft}, {"$MFTMirr", bootMFTMirr, &g.mftMirr}} {
		lcn := le.Uint64(b[place.at:])
		if lcn == 0 || lcn >= uint64(g.clusters) {
			return bad(BootSector, 0, "boot sector: first cluster of "+place.what, fmt.Sprintf("1 to %d", g.clusters-1), hex(lcn))
		}
		*place.to = int64(lcn)
	}
	return nil
}

// bootFields checks what some driver insists on.
func (c *checker) bootFields(b []byte) {
	if b[bootSignature] != 0x55 || b[bootSignature+1] != 0xaa {
		c.add(noRecord, BootSector, 0, "boot sector: signature", "55 aa", fmt.Sprintf("% x", b[bootSignature:][:2]))
	}
	zero := make([]byte, bootReservedEnd-bootReserved)
	zero[bootMedia-bootReserved] = mediaFixed
	if got := b[bootReserved:bootReservedEnd]; !bytes.Equal(got, zero) {
		c.add(noRecord, BootSector, bootReserved, "boot sector: reserved fields", fmt.Sprintf("% x", zero), fmt.Sprintf("% x", got))
	}
}

// checkBackup compares the copy of the boot sector.
func (c *checker) checkBackup() error {
	at := c.geometry.sectors * c.geometry.sectorSize
	if at > c.size-bootSectorSize {
		c.add(noRecord, BackupBoot, at, "copy of the boot sector", "behind the volume", "the end of the device")
		return nil
	}
	first, copied := make([]byte, bootSectorSize), make([]byte, bootSectorSize)
	if err := errors.Join(c.read(first, 0), c.read(copied, at)); err != nil {
		return err
	}
	if i := firstDifference(first, copied); i >= 0 {
		c.add(noRecord, BackupBoot, at+int64(i), "copy of the boot sector: byte", hex(first[i]), hex(copied[i]))
	}
	return nil
}

// firstDifference is the index of the first byte that differs, -1 if none does.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// clusterSize decodes sectors per cluster: a count up to 128, or 2^(256-n) sectors.
func clusterSize(n byte, sectorSize int64) int64 {
	const firstExponent = 244
	if n >= firstExponent {
		return sectorSize << (256 - int(n))
	}
	return sectorSize * int64(n)
}

// codedSize decodes a size in the boot sector: clusters, or 2^-n bytes.
func codedSize(n int8, clusterSize int64) int64 {
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
