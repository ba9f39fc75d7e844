package image

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Scheme is how a disk is divided.
type Scheme int

// The schemes.
const (
	None Scheme = iota // a volume covers the whole disk
	MBR
	GPT
)

// String is the scheme's usual name.
func (s Scheme) String() string {
	switch s {
	case GPT:
		return "GPT"
	case MBR:
		return "MBR"
	default:
		return "none"
	}
}

// Table is what the partition table of a disk says.
type Table struct {
	Scheme        Scheme
	SectorSize    int    // the unit the table counts in, bytes
	DiskGUID      string // GPT, upper case
	DiskSignature uint32 // MBR; Windows knows the disk's partitions by it
	Partitions    []Partition
	Warnings      []string // what is odd about the table, in words
}

// Partition is one entry of a table.
type Partition struct {
	Number        int    // from 1; logical partitions of an MBR from 5
	Start, Size   int64  // bytes, as the table says
	Type          string // GPT: GUID, upper case; MBR: "0x07"; without a table: empty
	TypeName      string // the type in words
	Name          string // GPT only
	GUID          string // GPT: the partition's own, upper case
	DiskSignature uint32 // MBR: that of the disk
	Bootable      bool   // MBR: active; GPT: legacy BIOS bootable
	Logical       bool   // MBR: inside an extended partition
}

// End is the offset behind the last byte.
func (p Partition) End() int64 { return p.Start + p.Size }

// bootSectorSize is how much of sector 0 holds a boot record, on disks with
// larger sectors too.
const bootSectorSize = 512

// ReadTable reads the partition table of d.
//
// Sector 0 decides. Boot sectors of volumes end like an MBR, so a volume is
// looked for first; a GPT counts only if the MBR announces it, since an old
// one often survives at the end of a disk that was partitioned anew.
//
// Oddities that leave the table usable are warnings. [ErrNoTable] is a disk
// with neither table nor volume, [ErrTruncated] one without a sector 0, and
// [ErrFormat] a table that is announced but cannot be read.
func ReadTable(d Disk) (*Table, error) {
	sector0, err := readSector0(d)
	if err != nil {
		return nil, err
	}
	t, err := readTable(d, sector0)
	if err != nil {
		return nil, fmt.Errorf("partition table: %w", err)
	}
	t.review(d.Size())
	return t, nil
}

// readSector0 reads the boot record.
func readSector0(d Disk) (bootRecord, error) {
	if d.Size() < bootSectorSize {
		return nil, &TruncatedError{Off: 0, Len: bootSectorSize, Have: d.Size()}
	}
	b := make(bootRecord, bootSectorSize)
	if n, err := d.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("sector 0: %w", err)
	}
	return b, nil
}

// readTable picks the scheme.
func readTable(d Disk, sector0 bootRecord) (*Table, error) {
	volume := sector0.volume()
	switch {
	case volume != "" && !sector0.plausible(d.Size(), d.SectorSize()):
		return wholeDisk(d, volume), nil
	case !sector0.signed():
		return readOrphanGPT(d)
	case sector0.protective():
		return readGPT(d, sector0)
	}
	t := readMBR(d, sector0)
	if volume != "" {
		t.warn("sector 0 also begins like that of an older %s over the whole disk", volume)
	}
	return t, nil
}

// wholeDisk is the table of a disk that is one volume.
func wholeDisk(d Disk, volume string) *Table {
	return &Table{
		Scheme:     None,
		SectorSize: d.SectorSize(),
		Partitions: []Partition{{Number: 1, Size: d.Size(), TypeName: volume}},
	}
}

// review adds what can be said about the entries once all are known.
func (t *Table) review(size int64) {
	byStart := slices.Clone(t.Partitions)
	slices.SortStableFunc(byStart, func(a, b Partition) int { return cmp.Compare(a.Start, b.Start) })
	var last Partition // the one that reaches furthest
	for _, p := range byStart {
		switch {
		case p.Start >= size:
			t.warn("partition %d begins at 0x%x, beyond the end of the disk at 0x%x", p.Number, p.Start, size)
		case p.End() > size:
			t.warn("partition %d ends at 0x%x, beyond the end of the disk at 0x%x", p.Number, p.End(), size)
		}
		if p.Start < last.End() {
			t.warn("partitions %d and %d overlap", last.Number, p.Number)
		}
		if p.End() > last.End() {
			last = p
		}
	}
}

func (t *Table) warn(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// add appends a partition of count sectors at first, unless the numbers make
// no sense.
func (t *Table) add(p Partition, first, count uint64) {
	start, okStart := sectorsToBytes(first, t.SectorSize)
	size, okSize := sectorsToBytes(count, t.SectorSize)
	switch {
	case count == 0:
		t.warn("partition %d is empty and is left out", p.Number)
		return
	case !okStart || !okSize || start+size < start:
		t.warn("partition %d lies at sectors %d+%d, which no disk has, and is left out", p.Number, first, count)
		return
	case start == 0:
		t.warn("partition %d begins on the partition table itself", p.Number)
	}
	p.Start, p.Size = start, size
	t.Partitions = append(t.Partitions, p)
}

// maxDisk bounds offsets, so that sums of two of them do not overflow.
const maxDisk = 1 << 62

// sectorsToBytes converts a sector count unless it is absurd.
func sectorsToBytes(n uint64, sector int) (int64, bool) {
	if n > maxDisk/uint64(sector) {
		return 0, false
	}
	return int64(n) * int64(sector), true
}

// Open opens a partition of the table for reading and writing within its
// bounds. If the image was cut short in front of it the error is
// [ErrTruncated]; if within it, accesses to the lost part are.
func (t *Table) Open(d Disk, p Partition) (*SectionDisk, error) {
	s, err := truncatedSection(d, p.Start, p.Size)
	if err != nil {
		return nil, fmt.Errorf("partition %d: %w", p.Number, err)
	}
	return s, nil
}

// readFull reads n bytes at off, all of them.
func readFull(r io.ReaderAt, off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if got, err := r.ReadAt(b, off); got < n {
		return nil, fmt.Errorf("%d bytes at 0x%x: %w", n, off, err)
	}
	return b, nil
}
