package hive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

var le = binary.LittleEndian

const (
	baseBlockSize = 4096
	sectorSize    = 512
	pageSize      = 4096

	// nilOffset is the cell offset that points nowhere.
	nilOffset = 0xFFFFFFFF
	// maxBinsSize is the end of stable storage: offsets with the high bit are volatile cells.
	maxBinsSize = 0x80000000
)

// Types of base blocks (offset 28).
const (
	typePrimary   = 0
	typeLogDIRT   = 1
	typeLogDIRT2K = 2
	typeLogHvLE   = 6
)

const (
	minorMin      = 3
	minorLayered  = 6 // differencing hives (Windows 10 containers)
	minorBigData  = 4 // "db" cells appear above 1.3
	minorHashLeaf = 5 // "lh" lists appear with 1.5
)

// baseBlock is a view of the first sectors of a primary (4096 bytes) or a log (512).
//
// On disk: "regf" (regf specification, "Base block").
type baseBlock []byte

func (b baseBlock) signature() string      { return string(b[:4]) }
func (b baseBlock) seq1() uint32           { return le.Uint32(b[4:]) }
func (b baseBlock) seq2() uint32           { return le.Uint32(b[8:]) }
func (b baseBlock) fileTime() uint64       { return le.Uint64(b[12:]) }
func (b baseBlock) major() uint32          { return le.Uint32(b[20:]) }
func (b baseBlock) minor() uint32          { return le.Uint32(b[24:]) }
func (b baseBlock) fileType() uint32       { return le.Uint32(b[28:]) }
func (b baseBlock) format() uint32         { return le.Uint32(b[32:]) }
func (b baseBlock) rootCell() uint32       { return le.Uint32(b[36:]) }
func (b baseBlock) binsSize() uint32       { return le.Uint32(b[40:]) }
func (b baseBlock) name() string           { return Value{Data: b[48:112]}.Text() }
func (b baseBlock) hasRM() bool            { return string(b[164:168]) == "rmtm" }
func (b baseBlock) flags() uint32          { return le.Uint32(b[144:]) }
func (b baseBlock) storedChecksum() uint32 { return le.Uint32(b[checksumOffset:]) }

func (b baseBlock) setSequences(s1, s2 uint32) { le.PutUint32(b[4:], s1); le.PutUint32(b[8:], s2) }
func (b baseBlock) setFileTime(t uint64)       { le.PutUint64(b[12:], t) }
func (b baseBlock) setFileType(t uint32)       { le.PutUint32(b[28:], t) }
func (b baseBlock) setRootCell(off uint32)     { le.PutUint32(b[36:], off) }
func (b baseBlock) setBinsSize(h uint32)       { le.PutUint32(b[40:], h) }
func (b baseBlock) setFlags(f uint32)          { le.PutUint32(b[144:], f) }
func (b baseBlock) seal()                      { le.PutUint32(b[checksumOffset:], b.checksum()) }

const (
	baseBlockTag   = "regf"
	checksumOffset = 508
)

// checksum is the XOR of the 127 dwords before it; the two results that could mean "unset" are
// moved aside, as Windows does.
func (b baseBlock) checksum() uint32 {
	var sum uint32
	for off := 0; off < checksumOffset; off += 4 {
		sum ^= le.Uint32(b[off:])
	}
	switch sum {
	case 0:
		return 1
	case 0xFFFFFFFF:
		return 0xFFFFFFFE
	}
	return sum
}

// intact says whether signature and checksum are right.
func (b baseBlock) intact() bool {
	return b.signature() == baseBlockTag && b.storedChecksum() == b.checksum()
}

// dirty says whether the logs are needed: Windows looks at nothing else.
func (b baseBlock) dirty() bool { return !b.intact() || b.seq1() != b.seq2() }

// layered says whether the hive is a difference to another one. Flags are only there where the
// "rmtm" signature is: before Vista these bytes are garbage.
func (b baseBlock) layered() bool {
	const layeredHive = 0x2
	return b.minor() >= minorLayered || b.hasRM() && b.flags()&layeredHive != 0
}

// readBaseBlock reads the first size bytes of a primary or log.
func readBaseBlock(r io.ReaderAt, fileSize int64, size int) (baseBlock, error) {
	if fileSize < int64(size) {
		return nil, &FormatError{0, "base block", fmt.Sprintf("%d bytes", size), fmt.Sprintf("%d", fileSize)}
	}
	b := make(baseBlock, size)
	if _, err := readFull(r, b, 0); err != nil {
		return nil, fmt.Errorf("base block: %w", err)
	}
	return b, nil
}

// check tests the fields that must hold in a primary of fileSize bytes before its bins are read.
func (b baseBlock) check(fileSize int64) error {
	switch {
	case b.major() != 1:
		return &FormatError{20, "base block: major version", "1", b.major()}
	case b.minor() < minorMin || b.minor() > minorLayered:
		return &FormatError{24, "base block: minor version", "3 to 6", b.minor()}
	case b.fileType() != typePrimary:
		return &FormatError{28, "base block: file type", "0 (primary)", b.fileType()}
	case b.format() != 1:
		return &FormatError{32, "base block: file format", "1", b.format()}
	}
	return b.checkExtent(fileSize)
}

func (b baseBlock) checkExtent(fileSize int64) error {
	h := b.binsSize()
	switch {
	case h == 0 || h%pageSize != 0 || h >= maxBinsSize:
		return &FormatError{40, "base block: size of hive bins", "a multiple of 4096", h}
	case baseBlockSize+int64(h) > fileSize:
		return &FormatError{40, "base block: size of hive bins", fmt.Sprintf("at most %#x", fileSize-baseBlockSize), h}
	case b.rootCell() >= h:
		return &FormatError{36, "base block: root cell", fmt.Sprintf("below %#x", h), b.rootCell()}
	}
	return nil
}

// fileTimeEpoch is 1601-01-01 in 100-nanosecond steps before 1970-01-01.
const fileTimeEpoch = 116444736000000000

func timeOf(filetime uint64) time.Time {
	ticks := int64(filetime) - fileTimeEpoch
	return time.Unix(ticks/1e7, ticks%1e7*100).UTC()
}

func fileTimeOf(t time.Time) uint64 {
	return uint64(t.Unix()*1e7+int64(t.Nanosecond())/100) + fileTimeEpoch
}

// readFull is ReadAt for callers that know the size: a short file is an error.
func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("%d bytes at %#x: %w", len(p), off, err)
}
