package image

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"
)

// NewPartition is a partition to be made.
type NewPartition struct {
	Type    string // as in Partition.Type
	Name    string // GPT only, at most 36 UTF-16 units
	Size    int64  // bytes, rounded up to sectors; 0 takes the rest of the disk
	Active  bool   // MBR only
	Logical bool   // MBR only: in an extended partition
}

// partitionAlign is where partitions begin, as Windows has made them since
// Vista.
const partitionAlign = 1 << 20

// CreateGPT writes a protective MBR and both copies of a GPT onto d and
// returns the table as it then reads. The GUIDs come from the seed alone, so
// the same call makes the same disk. What the disk held before is lost.
func CreateGPT(d Disk, parts []NewPartition, seed uint64) (*Table, error) {
	sector := int64(d.SectorSize())
	raw := &gpt.Table{
		LogicalSectorSize: int(sector), PhysicalSectorSize: int(sector),
		GUID: seededGUID(seed, 0), ProtectiveMBR: true,
	}
	start, limit := int64(partitionAlign), d.Size()-partitionAlign
	for i, p := range parts {
		size := p.Size
		if size == 0 {
			size = limit - start
		}
		if size <= 0 || size > limit-start {
			return nil, fmt.Errorf("partition %d: %w", i+1, &BoundsError{Op: "create", Off: start, Len: size, Size: d.Size()})
		}
		raw.Partitions = append(raw.Partitions, &gpt.Partition{
			Index: i + 1, Start: uint64(start / sector), End: uint64((start+size+sector-1)/sector - 1),
			Type: gpt.Type(p.Type), Name: p.Name, GUID: seededGUID(seed, i+1),
		})
		start = (start + size + partitionAlign - 1) / partitionAlign * partitionAlign
	}
	if err := raw.Write(newStorage(d), d.Size()); err != nil {
		return nil, fmt.Errorf("create gpt: %w", err)
	}
	return ReadTable(d)
}

// seededGUID is the n-th GUID of a seed, in the form of a random one.
func seededGUID(seed uint64, n int) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	sum := sha256.Sum256(b[:])
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // RFC 4122
	return id.String()
}
