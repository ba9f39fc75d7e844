package ntfs

import (
	"errors"
	"fmt"
	"io"

	"hangkit/ntfs/internal/chunk"
	"hangkit/ntfs/internal/lznt1"
)

// NTFS compresses 16 clusters together, and none larger than 4 KiB.
const (
	compressionUnit      = 4
	maxCompressedCluster = 4 << 10
)

// compressionUnit returns how many bytes of a stream are compressed together,
// -1 if its header says what no Windows does.
func (v *Volume) compressionUnit(first attribute) int64 {
	switch {
	case first.flags()&flagCompressed == 0:
		return 0
	case first.compressionUnit() != compressionUnit || v.boot.clusterSize > maxCompressedCluster:
		return -1
	}
	return v.boot.clusterSize << compressionUnit
}

// decoded shows the stream as programs see it. The error says why that cannot be.
func (s *stream) decoded() (io.ReaderAt, error) {
	switch {
	case s.flags&flagEncrypted != 0:
		return nil, s.decodable()
	case s.unit < 0:
		return nil, damaged(s.off, "compressed attribute: compression unit", "16 clusters of at most 4 KiB", "another")
	case s.unit > 0:
		c := &compressed{stream: s}
		return &chunk.Reader{Size: s.size, ChunkSize: s.unit, Decode: c.decode}, nil
	}
	return s, nil
}

// compressed is a stream in compression units. One with all its clusters did
// not shrink and lies there as it is; one with none is zeros; in one with some,
// and a hole behind them, these hold LZNT1.
type compressed struct {
	*stream
	packed []byte // the clusters of a unit
}

// decode fills dst with a unit, the last one up to the data size.
func (c *compressed) decode(dst []byte, unit int64) error {
	off := unit * c.unit
	written := min(max(c.initialized-off, 0), int64(len(dst)))
	clear(dst[written:])
	if dst = dst[:written]; len(dst) == 0 {
		return nil
	}
	stored, whole, err := c.stored(off)
	switch {
	case err != nil:
		return err
	case whole:
		_, err = c.readClusters(dst, off)
		return err
	case stored == 0:
		clear(dst)
		return nil
	}
	if c.packed == nil {
		c.packed = make([]byte, c.unit)
	}
	packed := c.packed[:stored]
	if _, err := c.readClusters(packed, off); err != nil {
		return err
	}
	if err := lznt1.Decode(dst, packed); err != nil {
		return fmt.Errorf("compressed data at 0x%x: %w", off, errors.Join(ErrFormat, err))
	}
	return nil
}

// stored returns how many bytes of clusters the unit at off begins with, and
// whether they are all it can have.
func (c *compressed) stored(off int64) (n int64, whole bool, err error) {
	end := min(off+c.unit, c.allocated)
	ended := false // by a hole
	for i := extentAt(c.extents, off); i < len(c.extents) && c.extents[i].FileOffset < end; i++ {
		e := c.extents[i]
		if e.DeviceOffset == hole {
			ended = true
			continue
		}
		if ended {
			return 0, false, damaged(c.off, "compressed attribute: clusters of a unit", "none behind a hole", hex(e.FileOffset))
		}
		n = min(e.FileOffset+e.Length, end) - off
	}
	return n, !ended, nil
}
