package format

import (
	"fmt"
	"math/bits"
)

// LCN is the number of a cluster on the volume.
type LCN int64

// VCN is the number of a cluster within an attribute. In an index whose blocks
// are smaller than a cluster it counts 512-byte pieces instead.
type VCN int64

const (
	minSectorSize  = 512
	maxSectorSize  = 4096
	maxClusterSize = 2 << 20

	defaultClusterSize = 4096
	minRecordSize      = 1024
	indexBlockSize     = 4096

	// fixupStride is the piece of a record that one entry of its update
	// sequence array protects: 512 bytes whatever the sector size.
	fixupStride = 512
)

// geometry holds the sizes everything else follows from.
type geometry struct {
	sectorSize  int64
	clusterSize int64
	recordSize  int
	sectors     int64 // in the volume, without the boot sector's copy behind them
	clusters    int64
}

func newGeometry(o Options, deviceSize int64) (geometry, error) {
	g := geometry{sectorSize: int64(o.SectorSize), clusterSize: int64(o.ClusterSize)}
	if g.sectorSize == 0 {
		g.sectorSize = minSectorSize
	}
	if g.clusterSize == 0 {
		g.clusterSize = defaultClusterSize
	}
	size := o.Size
	if size == 0 {
		size = deviceSize
	}
	if err := g.check(size, deviceSize); err != nil {
		return g, err
	}
	g.recordSize = max(minRecordSize, int(g.sectorSize))
	g.sectors = size/g.sectorSize - 1
	g.clusters = g.sectors * g.sectorSize / g.clusterSize
	return g, nil
}

func (g geometry) check(size, deviceSize int64) error {
	switch {
	case g.sectorSize != minSectorSize && g.sectorSize != maxSectorSize:
		return fmt.Errorf("%w: sector size %d is neither 512 nor 4096", ErrOptions, g.sectorSize)
	case g.clusterSize&(g.clusterSize-1) != 0 || g.clusterSize > maxClusterSize || g.clusterSize < 0:
		return fmt.Errorf("%w: cluster size %d is not a power of two up to 2 MiB", ErrOptions, g.clusterSize)
	case g.clusterSize < g.sectorSize:
		return fmt.Errorf("%w: cluster size %d is below the sector size %d", ErrOptions, g.clusterSize, g.sectorSize)
	case size < 0 || size%g.sectorSize != 0:
		return fmt.Errorf("%w: size %d is not a number of %d-byte sectors", ErrOptions, size, g.sectorSize)
	case size > deviceSize:
		return fmt.Errorf("%w: size %d is beyond the device's %d", ErrOptions, size, deviceSize)
	case size/g.clusterSize > 1<<32:
		return fmt.Errorf("%w: more than 2^32 clusters; choose a larger cluster size than %d", ErrOptions, g.clusterSize)
	case size < minVolumeSize:
		return fmt.Errorf("%w: %d bytes, need at least %d", ErrNoSpace, size, int64(minVolumeSize))
	}
	return nil
}

// minVolumeSize leaves room for the system files and a little more.
const minVolumeSize = 1 << 20

// clustersFor returns how many clusters hold n bytes.
func (g geometry) clustersFor(n int64) int64 { return (n + g.clusterSize - 1) / g.clusterSize }

// allocation returns the bytes of the clusters that hold n bytes.
func (g geometry) allocation(n int64) int64 { return g.clustersFor(n) * g.clusterSize }

// mirrorRecords is how many records $MFTMirr holds: four, or a cluster full.
func (g geometry) mirrorRecords() int64 {
	return max(4, g.clusterSize/int64(g.recordSize))
}

// vcnsPerIndexBlock is by how much the VCN of an index block grows per block.
func (g geometry) vcnsPerIndexBlock() VCN {
	if g.clusterSize <= indexBlockSize {
		return VCN(indexBlockSize / g.clusterSize)
	}
	return indexBlockSize / fixupStride
}

// sizeCode is the boot sector's encoding of a record or index block size: a
// number of clusters, or minus the power of two when it is below a cluster.
func (g geometry) sizeCode(size int64) byte {
	if size >= g.clusterSize {
		return byte(size / g.clusterSize)
	}
	return byte(-log2(size))
}

func log2(n int64) int { return bits.Len64(uint64(n)) - 1 }

// align rounds n up to a multiple of a, a power of two.
func align[T int | int64](n, a T) T { return (n + a - 1) &^ (a - 1) }
