package hive

import (
	"fmt"
	"math/bits"
)

// The log of Windows 8 and earlier: a base block sector, "DIRT", a bitmap with one bit for each
// 512 bytes of the bins, and behind it, from the next sector boundary, the sectors it names.
const (
	dirtTag         = "DIRT"
	dirtBitmapStart = sectorSize + len(dirtTag)
	sectorsPerByte  = 8
)

// dirtBitmapSize is the size of the bitmap in bytes.
func dirtBitmapSize(binsSize uint32) int64 { return int64(binsSize) / (sectorSize * sectorsPerByte) }

// dirtSectorsStart is where the sectors begin in a log.
func dirtSectorsStart(binsSize uint32) int64 {
	return roundUp(int64(dirtBitmapStart)+dirtBitmapSize(binsSize), sectorSize)
}

// dirtPages reads the sectors of a log. One that ends too early is an error, but without its tag a
// log has none: Windows goes on with the primary as it is, and calls that a recovery.
func (l *txLog) dirtPages() ([]dirtyPage, error) {
	tag := make([]byte, len(dirtTag))
	if _, err := readFull(l.file, tag, sectorSize); err != nil {
		return nil, fmt.Errorf("%s tag: %w", l.id, err)
	}
	if string(tag) != dirtTag {
		return nil, nil
	}
	h := l.base.binsSize()
	if h == 0 || h%pageSize != 0 || h >= maxBinsSize || dirtSectorsStart(h) > l.file.Size() {
		return nil, &FormatError{40, l.id.String() + " base block: size of hive bins", "a bitmap inside the log", h}
	}
	bitmap := make([]byte, dirtBitmapSize(h))
	if _, err := readFull(l.file, bitmap, int64(dirtBitmapStart)); err != nil {
		return nil, fmt.Errorf("%s bitmap: %w", l.id, err)
	}
	if need := dirtSectorsStart(h) + countBits(bitmap)*sectorSize; need > l.file.Size() {
		return nil, &FormatError{l.file.Size(), l.id.String(), fmt.Sprintf("%d bytes", need), l.file.Size()}
	}
	return l.dirtSectors(bitmap, dirtSectorsStart(h))
}

func (l *txLog) dirtSectors(bitmap []byte, at int64) ([]dirtyPage, error) {
	var list []dirtyPage
	for i := range uint32(len(bitmap) * sectorsPerByte) {
		if bitmap[i/sectorsPerByte]>>(i%sectorsPerByte)&1 == 0 {
			continue
		}
		data := make([]byte, sectorSize)
		if _, err := readFull(l.file, data, at); err != nil {
			return nil, fmt.Errorf("%s sector: %w", l.id, err)
		}
		list = append(list, dirtyPage{i * sectorSize, data})
		at += sectorSize
	}
	return list, nil
}

func countBits(bitmap []byte) (n int64) {
	for _, b := range bitmap {
		n += int64(bits.OnesCount8(b))
	}
	return n
}

// newDIRTLog builds a whole log behind its base block, which the caller seals.
func newDIRTLog(base baseBlock, sectors []dirtyPage) []byte {
	h := base.binsSize()
	p := make([]byte, dirtSectorsStart(h), dirtSectorsStart(h)+int64(len(sectors))*sectorSize)
	copy(p, base[:sectorSize])
	copy(p[sectorSize:], dirtTag)
	bitmap := p[dirtBitmapStart:]
	for _, s := range sectors {
		i := s.off / sectorSize
		bitmap[i/sectorsPerByte] |= 1 << (i % sectorsPerByte)
		p = append(p, s.data...)
	}
	return p
}
