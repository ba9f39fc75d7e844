package image

import (
	"fmt"
	"io"
)

// Disk is random-access storage of a fixed size: a file, a device, a
// partition, an overlay, a recorder.
//
// ReadAt and WriteAt follow [io.ReaderAt] and [io.WriterAt] at any offset
// and length; alignment to sectors is the Disk's business. A write that
// would cross the end writes nothing and fails with [ErrOutOfBounds].
type Disk interface {
	io.ReaderAt
	io.WriterAt
	// Size is the number of bytes.
	Size() int64
	// SectorSize is the logical sector in bytes, the unit of partition
	// tables: 512 or 4096.
	SectorSize() int
	// Sync returns once everything written before it is durable.
	Sync() error
}

// willNeeder is a [Disk] that can fetch bytes before they are read.
type willNeeder interface {
	WillNeed(off, length int64)
}

// willNeedBelow hands a hint to a disk that can use it.
func willNeedBelow(d Disk, off, length int64) {
	if w, ok := d.(willNeeder); ok {
		w.WillNeed(off, length)
	}
}

// Range is a run of bytes of a disk.
type Range struct {
	Off, Len int64
}

// End is the offset behind the last byte.
func (r Range) End() int64 { return r.Off + r.Len }

// String gives the range as hexadecimal offsets, the end excluded.
func (r Range) String() string { return fmt.Sprintf("0x%x-0x%x", r.Off, r.End()) }
