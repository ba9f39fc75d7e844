package ewf

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"io"
	"strings"

	"hangkit/image/container"
)

var le = binary.LittleEndian

// The file header.
const (
	signature   = "EVF\x09\x0d\x0a\xff\x00"
	logical     = "LVF\x09\x0d\x0a\xff\x00"
	segmentOff  = 9 // u16
	fileHeader  = 13
	maxSegments = 14971 // E01 to E99, EAA to ZZZ
)

// A section descriptor.
const (
	sectionNext     = 16 // u64, offset of the next one
	sectionSize     = 24 // u64, with the descriptor
	sectionChecksum = 72 // u32, Adler-32 of what is in front
	sectionLen      = 76
	// maxSections bounds those of a segment: a table has up to 16375 chunks.
	maxSections = 1 << 20
)

// section is a part of a segment.
type section struct {
	kind            string
	off, next, size int64
}

// data is where its content begins, and len how long that is.
func (s section) data() int64 { return s.off + sectionLen }
func (s section) len() int64  { return s.size - sectionLen }

// readSection reads and checks the descriptor at off.
func readSection(r io.ReaderAt, off int64) (section, error) {
	b := make([]byte, sectionLen)
	if err := container.ReadFull(r, b, off); err != nil {
		return section{}, fmt.Errorf("ewf section: %w", err)
	}
	if err := checkSum(b, sectionChecksum, off, "section"); err != nil {
		return section{}, err
	}
	kind, _, _ := strings.Cut(string(b[:sectionNext]), "\x00")
	s := section{kind, off, int64(le.Uint64(b[sectionNext:])), int64(le.Uint64(b[sectionSize:]))}
	if s.next < off || s.next > maxOffset || s.size < 0 || s.size > maxOffset {
		return s, &container.FormatError{Off: off + sectionNext, What: "ewf section: next", Want: "behind this one", Got: s.next}
	}
	return s, nil
}

// maxOffset keeps sums of offsets from overflowing.
const maxOffset = 1 << 60

// checkSum compares the Adler-32 of the first n bytes with the number behind
// them.
func checkSum(b []byte, n int, off int64, what string) error {
	if want, got := adler32.Checksum(b[:n]), le.Uint32(b[n:]); want != got {
		return &container.FormatError{Off: off + int64(n), What: "ewf " + what + ": checksum", Want: want, Got: got}
	}
	return nil
}

// checkFile checks the header of the segment file with the number.
func checkFile(r io.ReaderAt, number int) error {
	b := make([]byte, fileHeader)
	if err := container.ReadFull(r, b, 0); err != nil {
		return fmt.Errorf("ewf file header: %w", err)
	}
	switch magic := string(b[:len(signature)]); {
	case magic == logical:
		return &container.RefusedError{What: "logical evidence files (L01)", Remedy: "they hold files, not a disk; open them with ewfmount"}
	case magic != signature:
		return &container.FormatError{What: "ewf file header: signature", Want: fmt.Sprintf("%q", signature), Got: fmt.Sprintf("%q", magic)}
	}
	if got := int(le.Uint16(b[segmentOff:])); got != number {
		return &container.FormatError{Off: segmentOff, What: "ewf file header: segment", Want: number, Got: got}
	}
	return nil
}

// The volume section.
const (
	volumeChunks  = 4  // u32
	volumePerSec  = 8  // u32, sectors of a chunk
	volumeSector  = 12 // u32, bytes of a sector
	volumeSectors = 16 // u64, in the short form of SMART u32
	volumeLen     = 1052
	volumeShort   = 94
	maxChunk      = 16 << 20
	maxDisk       = 1 << 50
)

// volume is what the volume section says.
type volume struct {
	chunk, sector, size int64
}

func readVolume(r io.ReaderAt, s section) (volume, error) {
	n := volumeLen
	if s.len() < volumeLen {
		n = volumeShort
	}
	b := make([]byte, n)
	if err := container.ReadFull(r, b, s.data()); err != nil {
		return volume{}, fmt.Errorf("ewf volume: %w", err)
	}
	if err := checkSum(b, n-4, s.data(), "volume"); err != nil {
		return volume{}, err
	}
	sectors := le.Uint64(b[volumeSectors:])
	if n == volumeShort {
		sectors = uint64(le.Uint32(b[volumeSectors:]))
	}
	v := volume{sector: int64(le.Uint32(b[volumeSector:]))}
	perChunk := int64(le.Uint32(b[volumePerSec:]))
	if v.sector < 512 || v.sector > 4096 || v.sector&(v.sector-1) != 0 || perChunk < 1 || perChunk > maxChunk/v.sector || sectors > uint64(maxDisk/v.sector) {
		return v, &container.FormatError{Off: s.data(), What: "ewf volume: sizes", Got: fmt.Sprintf("%d sectors of %d bytes, %d in a chunk", sectors, v.sector, perChunk)}
	}
	v.chunk, v.size = perChunk*v.sector, int64(sectors)*v.sector
	return v, nil
}
