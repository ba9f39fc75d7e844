package live

import (
	"context"
	"fmt"

	"hangkit/image"
)

// NoData asks for no data partition.
const NoData = -1

// Write puts a medium onto a disk, an empty image or a device, whose size it makes the table fit,
// and makes the data partition: of data bytes, of all the room there is if 0, none if [NoData].
// What the disk held is lost. The first MiB, by which it is told to be a medium, comes last.
func (m *Medium) Write(ctx context.Context, disk image.Disk, data int64, progress func(done, total int64)) error {
	if disk.SectorSize() != sector {
		return fmt.Errorf("sectors of %d bytes, and boot media have %d: %w", disk.SectorSize(), sector, image.ErrUnsupported)
	}
	if disk.Size() < m.Disk.Size() {
		return fmt.Errorf("%w: the disk has %d bytes, and the medium needs %d", ErrNoRoom, disk.Size(), m.Disk.Size())
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
