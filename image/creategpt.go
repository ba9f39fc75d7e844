package image

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf16"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"

	"hangkit/image/container"
)

// gptArraySize is the room the usual 128 entries take.
const gptArraySize = 128 * gptMinEntrySize

// CreateGPT writes both copies of a GPT and then the protective MBR onto d,
// and returns the table as it then reads. The GUIDs come from the seed
// alone, so the same call makes the same disk. What the disk held before is
// lost.
func CreateGPT(d Disk, parts []NewPartition, seed uint64) (*Table, error) {
	sector := d.SectorSize()
	limit := container.RoundDown(d.Size()-gptArraySize-int64(sector), partitionAlign)
	all, err := place(parts, sector, limit)
	if err != nil {
		return nil, fmt.Errorf("create gpt: %w", err)
	}
	raw := &gpt.Table{
		LogicalSectorSize: sector, PhysicalSectorSize: sector,
		GUID: seededGUID(seed, 0),
	}
	for i, p := range all {
		if n := len(utf16.Encode([]rune(p.Name))); n > (gptNameEnd-gptNameOff)/2 {
			return nil, fmt.Errorf("create gpt: partition %d: %w: a name of %d UTF-16 units", i+1, ErrUnsupported, n)
		}
		raw.Partitions = append(raw.Partitions, &gpt.Partition{
			Index: i + 1, Start: uint64(p.start) / uint64(sector), End: uint64(p.end)/uint64(sector) - 1,
			Type: gpt.Type(p.Type), Name: p.Name, GUID: seededGUID(seed, i+1),
		})
	}
	if err := raw.Write(newStorage(d), d.Size()); err != nil {
		return nil, fmt.Errorf("create gpt: %w", err)
	}
	if err := writeProtectiveMBR(d); err != nil {
		return nil, fmt.Errorf("create gpt: protective mbr: %w", err)
	}
	return ReadTable(d)
}

// writeProtectiveMBR writes the whole of sector 0: the boot sector of a
// volume that the disk held before must not outlive it. go-diskfs would
// keep all but the entries, and wrap the size of disks beyond 2^32 sectors.
func writeProtectiveMBR(d Disk) error {
	mbr := newBootRecord()
	last := uint64(d.Size()/int64(d.SectorSize())) - 1
	mbr.entry(0).set(typeProtective, 1, uint32(min(last, math.MaxUint32)))
	if err := writeSector(d, 0, mbr); err != nil {
		return err
	}
	return d.Sync()
}

// seededGUID is the n-th GUID of a seed, in the form of a random one.
func seededGUID(seed uint64, n int) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	binary.LittleEndian.PutUint64(b[8:], uint64(n))
	sum := sha256.Sum256(b[:])
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // RFC 9562
	return id.String()
}
