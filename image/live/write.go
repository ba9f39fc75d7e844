package live

import (
	"context"
	"errors"
	"fmt"

	"hangkit/image"
)

// NoData asks for no data partition.
const NoData = -1

// SectorSize is the size of sectors that a disk must have for a medium, in bytes.
const SectorSize = sector

// Fits tells what Write would do on a disk, which is only asked for its size: how large the data
// partition becomes, or [NoData]. Where all the room there is was asked for and it is too little,
// there is none; where a size was, it is an [ErrNoRoom].
func (m *Medium) Fits(disk image.Disk, data int64) (int64, error) {
	if disk.SectorSize() != sector {
		return 0, fmt.Errorf("sectors of %d bytes, and boot media have %d: %w", disk.SectorSize(), sector, image.ErrUnsupported)
	}
	if disk.Size() < m.Disk.Size() {
		return 0, fmt.Errorf("%w: the disk has %d bytes, and the medium needs %d", ErrNoRoom, disk.Size(), m.Disk.Size())
	}
	if data == NoData {
		return NoData, nil
	}
	_, end, err := mediumParts(m.Disk)
	if err != nil {
		return 0, err
	}
	size, err := dataSize(disk, end, data)
	if data == 0 && errors.Is(err, ErrNoRoom) {
		return NoData, nil
	}
	return size, err
}

// Write puts a medium onto a disk, an empty image or a device, whose size it makes the table fit,
// and makes the data partition: of data bytes, of all the room there is if 0, none if [NoData].
// What the disk held is lost. The first MiB, by which it is told to be a medium, comes last. What
// does not fit is refused before anything is written: see [Medium.Fits].
func (m *Medium) Write(ctx context.Context, disk image.Disk, data int64, progress func(done, total int64)) error {
	data, err := m.Fits(disk, data)
	if err != nil {
		return err
	}
	for off := int64(mib); off < m.Disk.Size(); off += mib {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.copyPiece(disk, off); err != nil {
			return err
		}
		progress(off, m.Disk.Size())
	}
	if err := m.copyPiece(disk, 0); err != nil {
		return err
	}
	if err := m.finish(disk, data); err != nil {
		return err
	}
	progress(m.Disk.Size(), m.Disk.Size())
	return disk.Sync()
}

func (m *Medium) copyPiece(disk image.Disk, off int64) error {
	b := make([]byte, min(mib, m.Disk.Size()-off))
	if _, err := m.Disk.ReadAt(b, off); err != nil {
		return err
	}
	_, err := disk.WriteAt(b, off)
	return err
}

// finish makes the table fit the disk, with the data partition or without.
func (m *Medium) finish(disk image.Disk, data int64) error {
	if data != NoData {
		return AddDataPartition(disk, data)
	}
	if disk.Size() == m.Disk.Size() {
		return nil
	}
	seed, err := seedOf(m.Build)
	if err != nil {
		return err
	}
	parts, _, err := mediumParts(disk)
	if err != nil {
		return err
	}
	return writeTable(disk, parts, seed)
}
