package image

import (
	"fmt"

	"hangkit/image/container"
)

// SectionDisk is a window of a disk, bounded at both ends for reads and for
// writes: nothing behind a partition can be reached through it.
type SectionDisk struct {
	disk      Disk
	off, size int64
}

// Section opens the size bytes of d at off. A window that does not lie
// wholly inside d is an [ErrOutOfBounds].
func Section(d Disk, off, size int64) (*SectionDisk, error) {
	if off < 0 || size < 0 || off > d.Size() || size > d.Size()-off {
		return nil, &BoundsError{Op: "section", Off: off, Len: size, Size: d.Size()}
	}
	return &SectionDisk{disk: d, off: off, size: size}, nil
}

// truncatedSection is Section for a partition whose end the image may lack:
// the window keeps the size the table gives it.
func truncatedSection(d Disk, off, size int64) (*SectionDisk, error) {
	if off < 0 || size < 0 || off+size < off {
		return nil, &BoundsError{Op: "section", Off: off, Len: size, Size: d.Size()}
	}
	if off >= d.Size() {
		return nil, &TruncatedError{Off: off, Len: size, Have: d.Size()}
	}
	return &SectionDisk{disk: d, off: off, size: size}, nil
}

// Offset is where the window starts on the disk below.
func (s *SectionDisk) Offset() int64 { return s.off }

// Size is the length of the window, lost bytes included.
func (s *SectionDisk) Size() int64 { return s.size }

// Missing is how many bytes at the end of the window the disk below does
// not have. Touching them is an [ErrTruncated].
func (s *SectionDisk) Missing() int64 { return max(0, s.off+s.size-s.disk.Size()) }

// SectorSize is that of the disk below.
func (s *SectionDisk) SectorSize() int { return s.disk.SectorSize() }

// Sync syncs the disk below.
func (s *SectionDisk) Sync() error { return s.disk.Sync() }

// ReadAt reads inside the window.
func (s *SectionDisk) ReadAt(p []byte, off int64) (int, error) {
	p, end := container.Clip(p, off, s.size)
	if len(p) == 0 {
		return 0, end
	}
	have := s.size - s.Missing()
	if off+int64(len(p)) <= have {
		n, err := s.disk.ReadAt(p, s.off+off)
		return n, readResult(n, len(p), err, end)
	}
	lost := &TruncatedError{Off: s.off + off, Len: int64(len(p)), Have: s.disk.Size()}
	if off >= have {
		return 0, lost
	}
	n, err := s.disk.ReadAt(p[:have-off], s.off+off)
	return n, readResult(n, int(have-off), err, lost)
}

// WillNeed hands the hint to the disk below, as far as it lies in the window.
func (s *SectionDisk) WillNeed(off, length int64) {
	if length = min(length, s.size-off); off >= 0 && length > 0 {
		willNeedBelow(s.disk, s.off+off, length)
	}
}

// readResult is the error of a read that was cut down to want bytes: what
// the disk below said if it gave less, else the reason for the cut.
func readResult(n, want int, err, cut error) error {
	if n < want {
		return err
	}
	return cut
}

// WriteAt writes inside the window, or not at all.
func (s *SectionDisk) WriteAt(p []byte, off int64) (int, error) {
	if err := container.CheckWrite(len(p), off, s.size); err != nil {
		return 0, err
	}
	if off+int64(len(p)) > s.size-s.Missing() {
		return 0, &TruncatedError{Off: s.off + off, Len: int64(len(p)), Have: s.disk.Size()}
	}
	n, err := s.disk.WriteAt(p, s.off+off)
	if err != nil {
		return n, fmt.Errorf("partition at 0x%x: %w", s.off, err)
	}
	return n, nil
}
