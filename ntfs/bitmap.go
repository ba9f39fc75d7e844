package ntfs

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// bitmapChunk is how much of $Bitmap is read at once: 32 GiB of 4 KiB clusters.
const bitmapChunk = 1 << 20

// clusterBitmap opens $Bitmap and checks that it covers the volume.
func (v *Volume) clusterBitmap() (*stream, error) {
	s, err := v.metafile(recordBitmap)
	if err != nil {
		return nil, fmt.Errorf("$Bitmap: %w", err)
	}
	if need := (v.boot.clusters + 7) / 8; s.size < need {
		return nil, damaged(s.off, "$Bitmap: size", fmt.Sprintf("at least %d", need), s.size)
	}
	return s, nil
}

// metanode opens a metafile by the number of its record, which never changes.
func (v *Volume) metanode(number uint64) (*node, error) {
	r, err := v.readRecord(number)
	if err != nil {
		return nil, err
	}
	if !r.inUse() {
		return nil, damaged(r.off, fmt.Sprintf("MFT record %d: in use", number), true, false)
	}
	return v.newNode(r)
}

// metafile opens the data of a metafile.
func (v *Volume) metafile(number uint64) (*stream, error) {
	n, err := v.metanode(number)
	if err != nil {
		return nil, err
	}
	s, ok, err := n.stream(typeData, "")
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, damaged(n.base.off, fmt.Sprintf("MFT record %d: $DATA", number), "present", "none")
	}
	return s, s.decodable()
}

// Free counts the bytes in free clusters. It reads all of $Bitmap: 32 MiB for
// 1 TiB in 4 KiB clusters.
func (v *Volume) Free() (int64, error) {
	s, err := v.clusterBitmap()
	if err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	var used int64
	length := (v.boot.clusters + 7) / 8
	buf := make([]byte, min(bitmapChunk, length))
	for off := int64(0); off < length; off += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), length-off)]
		if _, err := s.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("free space: $Bitmap: %w", err)
		}
		if tail := v.boot.clusters % 8; tail != 0 && off+int64(len(b)) == length {
			b[len(b)-1] &= 1<<tail - 1 // bits behind the last cluster are set
		}
		used += onesCount(b)
	}
	return (v.boot.clusters - used) * v.boot.clusterSize, nil
}

func onesCount(b []byte) (n int64) {
	for ; len(b) >= 8; b = b[8:] {
		n += int64(bits.OnesCount64(le.Uint64(b)))
	}
	for _, c := range b {
		n += int64(bits.OnesCount8(c))
	}
	return n
}
