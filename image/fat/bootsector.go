package fat

import "math/bits"

// Kind is the width of the entries in the file allocation table.
type Kind int

// The kinds of FAT.
const (
	FAT12 Kind = 12
	FAT16 Kind = 16
	FAT32 Kind = 32
)

// String is the kind's usual name.
func (k Kind) String() string {
	switch k {
	case FAT12:
		return "FAT12"
	case FAT16:
		return "FAT16"
	default:
		return "FAT32"
	}
}

// The boot sector and its BIOS parameter block.
const (
	bootSectorSize = 512

	bpbSectorSize     = 11 // u16, bytes
	bpbClusterSectors = 13 // u8
	bpbReserved       = 14 // u16, sectors in front of the first FAT
	bpbFATs           = 16 // u8
	bpbRootEntries    = 17 // u16; 0 on FAT32
	bpbSectors16      = 19 // u16; 0 if the count needs 32 bits
	bpbFATSectors16   = 22 // u16; 0 on FAT32
	bpbSectors32      = 32 // u32
	bpbFATSectors32   = 36 // u32, FAT32 only, as the two below
	bpbFlags32        = 40 // u16
	bpbRootCluster    = 44 // u32
	bootSerial16      = 39 // u32
	bootSerial32      = 67 // u32
	bootSignature     = 510

	flagNotMirrored = 0x80 // in bpbFlags32: one FAT alone is kept up to date
	maskActiveFAT   = 0x0f

	minSectorSize = 512
	maxSectorSize = 4096
)

// FAT12 and FAT16 are told apart by the number of clusters, by nothing else. FAT32 has no 16-bit
// FAT size: small volumes are formatted as FAT32, too, whatever their number of clusters.
const (
	minClusters16 = 4085
	maxClusters16 = 65524
	maxClusters32 = 0x0FFFFFF5
)

// firstCluster is the number of the first cluster.
const firstCluster = 2

// geometry is where the parts of a volume lie, in bytes where not said otherwise.
type geometry struct {
	kind        Kind
	sectorSize  int64
	clusterSize int64
	fatStart    int64 // of the FAT that is read
	fatSize     int64
	fats        int64
	mirrored    bool  // every FAT is kept up to date
	rootStart   int64 // FAT12 and FAT16
	rootSize    int64
	rootCluster uint32 // FAT32
	dataStart   int64
	clusters    uint32 // highest cluster number is clusters+1
	serial      uint32
}

// plausible tells a FAT boot sector from that of anything else. NTFS, exFAT and BitLocker put
// zeros where a FAT volume must have numbers.
func plausible(b []byte) bool {
	sectorSize := int(le.Uint16(b[bpbSectorSize:]))
	return len(b) >= bootSectorSize && b[bootSignature] == 0x55 && b[bootSignature+1] == 0xAA &&
		(b[0] == 0xEB || b[0] == 0xE9) &&
		sectorSize >= minSectorSize && sectorSize <= maxSectorSize && bits.OnesCount(uint(sectorSize)) == 1 &&
		bits.OnesCount8(b[bpbClusterSectors]) == 1 && le.Uint16(b[bpbReserved:]) != 0 &&
		(b[bpbFATs] == 1 || b[bpbFATs] == 2)
}

// parseBootSector reads the geometry of a volume on a device of size bytes.
func parseBootSector(b []byte, size int64) (geometry, error) {
	if len(b) < bootSectorSize || !plausible(b) {
		return geometry{}, ErrNotFAT
	}
	g := geometry{sectorSize: int64(le.Uint16(b[bpbSectorSize:])), fats: int64(b[bpbFATs]), mirrored: true}
	g.clusterSize = g.sectorSize * int64(b[bpbClusterSectors])
	g.fatSize = g.sectorSize * wide(b, bpbFATSectors16, bpbFATSectors32)
	g.fatStart = g.sectorSize * int64(le.Uint16(b[bpbReserved:]))
	g.rootStart = g.fatStart + g.fats*g.fatSize
	const entries = direntSize
	g.rootSize = roundUp(int64(le.Uint16(b[bpbRootEntries:]))*entries, g.sectorSize)
	g.dataStart = g.rootStart + g.rootSize
	total := g.sectorSize * wide(b, bpbSectors16, bpbSectors32)
	if g.fatSize == 0 || g.dataStart >= total {
		return g, damaged(0, "boot sector: sectors", "more than its tables take", total/g.sectorSize)
	}
	return g, g.finish(b, (total-g.dataStart)/g.clusterSize, size)
}

// finish settles the kind of FAT and what depends on it. The number of clusters is cut down to
// what table and device have: it bounds every chain.
func (g *geometry) finish(b []byte, clusters, size int64) error {
	g.serial = le.Uint32(b[bootSerial16:])
	switch {
	case le.Uint16(b[bpbFATSectors16:]) == 0:
		g.kind, g.serial = FAT32, le.Uint32(b[bootSerial32:])
		g.rootCluster = le.Uint32(b[bpbRootCluster:])
		if flags := le.Uint16(b[bpbFlags32:]); flags&flagNotMirrored != 0 {
			g.mirrored = false
			g.fatStart += g.fatSize * min(int64(flags&maskActiveFAT), g.fats-1)
		}
	case clusters < minClusters16:
		g.kind = FAT12
	default:
		g.kind = FAT16
		clusters = min(clusters, maxClusters16)
	}
	clusters = min(clusters, maxClusters32, g.fatSize*8/int64(g.kind)-firstCluster, max(size-g.dataStart, 0)/g.clusterSize)
	if clusters <= 0 {
		return damaged(0, "boot sector: clusters", "one at least within the device", clusters)
	}
	g.clusters = uint32(clusters)
	return nil
}

// wide is a 16-bit field of the boot sector or, where that is 0, the 32-bit one.
func wide(b []byte, off16, off32 int) int64 {
	if n := le.Uint16(b[off16:]); n != 0 {
		return int64(n)
	}
	return int64(le.Uint32(b[off32:]))
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// valid says whether the volume has such a cluster.
func (g *geometry) valid(cluster uint32) bool {
	return cluster >= firstCluster && cluster-firstCluster < g.clusters
}

// offset is where a cluster lies.
func (g *geometry) offset(cluster uint32) int64 {
	return g.dataStart + int64(cluster-firstCluster)*g.clusterSize
}
