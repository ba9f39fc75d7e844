package live

import (
	"errors"
	"fmt"
	"strings"

	"hangkit/image"
	"hangkit/image/exfat"
)

// ErrNotMedium is a disk that holds no medium of ours.
var ErrNotMedium = errors.New("no hangkit medium")

// ErrHasData is a medium that has a data partition already.
var ErrHasData = errors.New("the medium has a data partition already")

// ErrNoRoom is a disk on which a data partition has no room.
var ErrNoRoom = errors.New("no room for a data partition")

// MinData is the least that a data partition can be.
const MinData = 32 * mib

// BuildOf is the build id of the medium on a disk, as its volume descriptor has it.
func BuildOf(disk image.Disk) (string, error) {
	b := make([]byte, isoBlock)
	if _, err := disk.ReadAt(b, isoPVD*isoBlock); err != nil {
		return "", fmt.Errorf("volume descriptor: %w", err)
	}
	if string(b[:7]) != "\x01CD001\x01" || strings.TrimRight(string(b[pvdVolumeID:72]), " ") != Label {
		return "", ErrNotMedium
	}
	build := strings.TrimRight(string(b[pvdSetID:318]), " ")
	if _, err := seedOf(build); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNotMedium, err)
	}
	return build, nil
}

// AddDataPartition makes the data partition behind the medium on a disk: exFAT, labelled HANGKIT.
// A size of 0 takes all the room there is. The volume is made before the table that shows it, and
// the table's second copy goes to the end of the disk.
func AddDataPartition(disk image.Disk, size int64) error {
	build, err := BuildOf(disk)
	if err != nil {
		return err
	}
	seed, err := seedOf(build)
	if err != nil {
		return err
	}
	parts, end, err := mediumParts(disk)
	if err != nil {
		return err
	}
	size, err = dataSize(disk, end, size)
	if err != nil {
		return err
	}
	serial := uint32(seed) ^ uint32(size/mib) // of volumes on two sticks, mostly another one
	volume, err := image.Section(disk, end, size)
	if err != nil {
		return err
	}
	if err := exfat.Format(volume, size, exfat.Options{Label: Label, Serial: serial, Offset: end, Sector: sector}); err != nil {
		return err
	}
	if err := disk.Sync(); err != nil {
		return err
	}
	return writeTable(disk, append(parts, image.NewPartition{Type: typeData, Name: Label, Size: size}), seed)
}

// writeTable writes the table and leaves the boot code alone.
func writeTable(disk image.Disk, parts []image.NewPartition, seed uint64) error {
	code := make([]byte, sector)
	if _, err := disk.ReadAt(code, 0); err != nil {
		return err
	}
	coded := bootCoded{disk, code[:bootCodeEnd]}
	if le.Uint32(code[isolinuxSector:]) == 0 {
		coded.code = nil
	}
	_, err := image.CreateGPT(coded, parts, seed)
	return err
}

// mediumParts are the medium's own partitions, which must lie where they were made, and where they
// end: the table is written anew, and a partition that somebody made in their place would be lost.
func mediumParts(disk image.Disk) (parts []image.NewPartition, end int64, err error) {
	if disk.SectorSize() != sector {
		return nil, 0, fmt.Errorf("sectors of %d bytes: %w", disk.SectorSize(), image.ErrUnsupported)
	}
	table, err := image.ReadTable(disk)
	if err != nil {
		return nil, 0, err
	}
	end, err = volumeEnd(disk)
	if err != nil {
		return nil, 0, err
	}
	switch n := len(table.Partitions); {
	case table.Scheme != image.GPT:
		return nil, 0, fmt.Errorf("%w: its partition table is of kind %s, want GPT", ErrNotMedium, table.Scheme)
	case n > 2:
		return nil, 0, ErrHasData
	case n < 2:
		return nil, 0, fmt.Errorf("%w: %d partitions, want 2", ErrNotMedium, n)
	}
	parts = ownParts(end)
	start := int64(espStart)
	for i, p := range table.Partitions {
		if p.Type != parts[i].Type || p.Start != start || p.Size != parts[i].Size {
			return nil, 0, fmt.Errorf("%w: partition %d (%q, %d bytes from %d) is not the one that was made there", ErrNotMedium, i+1, p.Name, p.Size, p.Start)
		}
		start += p.Size
	}
	return parts, end, nil
}

// volumeEnd is where the medium ends, by its volume descriptor.
func volumeEnd(disk image.Disk) (int64, error) {
	b := make([]byte, 4)
	if _, err := disk.ReadAt(b, isoPVD*isoBlock+pvdSpace); err != nil {
		return 0, fmt.Errorf("volume descriptor: %w", err)
	}
	return roundUp(int64(le.Uint32(b))*isoBlock, mib), nil
}

// dataSize is how large the partition gets. The last MiB is the second table's.
func dataSize(disk image.Disk, end, size int64) (int64, error) {
	room := (disk.Size()-mib)/mib*mib - end
	if size == 0 {
		size = room
	}
	size = size / mib * mib
	if size < MinData || size > room {
		return 0, fmt.Errorf("%w: %d bytes are free behind the medium, and %d asked for (at least %d)", ErrNoRoom, max(room, 0), size, int64(MinData))
	}
	return size, nil
}
