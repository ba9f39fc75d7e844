package image

import (
	"fmt"

	"hangkit/image/container"
)

// NewPartition is a partition to be made.
type NewPartition struct {
	Type    string // as in Partition.Type
	Name    string // GPT only, at most 36 UTF-16 units
	Size    int64  // bytes, rounded up to sectors; 0 takes the rest of the disk
	Active  bool   // MBR only
	Logical bool   // MBR only: in the extended partition
}

// partitionAlign is where partitions begin, as Windows has made them since
// Vista.
const partitionAlign = 1 << 20

// placed is a partition with its place on the disk.
type placed struct {
	NewPartition
	start, end int64
}

// place lays the partitions out one behind the other, each aligned, below
// limit. In front of a logical one there is room for its boot record.
func place(parts []NewPartition, sector int, limit int64) ([]placed, error) {
	var all []placed
	at := int64(partitionAlign)
	for i, p := range parts {
		if p.Logical {
			at += partitionAlign
		}
		end := at + container.RoundUp(p.Size, int64(sector))
		if p.Size == 0 {
			end = limit
		}
		if p.Size < 0 || end <= at || end > limit {
			return nil, fmt.Errorf("partition %d: %w", i+1, &BoundsError{Op: "create", Off: at, Len: p.Size, Size: limit})
		}
		all = append(all, placed{p, at, end})
		at = container.RoundUp(end, partitionAlign)
	}
	return all, nil
}
