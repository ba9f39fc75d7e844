package image

import (
	"fmt"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

// readGPT reads the table that a protective MBR announces.
func readGPT(d Disk, mbr bootRecord) (*Table, error) {
	raw, err := gpt.Read(newStorage(d), d.SectorSize(), d.SectorSize())
	if err != nil {
		return nil, err
	}
	t := &Table{Scheme: GPT, SectorSize: d.SectorSize(), DiskGUID: raw.GUID}
	for _, p := range raw.Partitions {
		t.add(Partition{
			Number: p.Index, Type: string(p.Type), TypeName: gptTypeNames[string(p.Type)],
			Name: p.Name, GUID: p.GUID,
		}, p.Start, p.End-p.Start+1)
	}
	return t, nil
}

// readOrphanGPT is for disks whose sector 0 was lost.
func readOrphanGPT(Disk) (*Table, error) {
	return nil, fmt.Errorf("sector 0: %w", ErrNoTable)
}

// gptSignature begins a GPT header.
const gptSignature = "EFI PART"
