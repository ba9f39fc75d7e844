package vhdx

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"hangkit/image/container"
)

var le = binary.LittleEndian

// Where the parts of fixed place lie ([MS-VHDX] 2.2).
const (
	kib = 1 << 10
	mib = 1 << 20

	identifier   = "vhdxfile"
	header1Off   = 64 * kib
	header2Off   = 128 * kib
	headerLen    = 4 * kib
	regions1Off  = 192 * kib
	regions2Off  = 256 * kib
	regionsLen   = 64 * kib
	checksumOff  = 4 // u32, in headers, region tables and log entries alike
	headerMagic  = "head"
	regionsMagic = "regi"
)

// The fields of a header (2.2.2).
const (
	headerSequence  = 8  // u64
	headerFileWrite = 16 // GUID, new when anything in the file is changed
	headerDataWrite = 32 // GUID, new when the disk is changed
	headerLogID     = 48 // GUID, not zero while the log is to be replayed
	headerLogVer    = 64 // u16, 0
	headerVersion   = 66 // u16, 1
	headerLogLen    = 68 // u32
	headerLogOff    = 72 // u64
)

const guidLen = 16

// header is one of the two copies, and where it lies.
type header struct {
	b   []byte
	off int64
}

func (h header) sequence() uint64  { return le.Uint64(h.b[headerSequence:]) }
func (h header) dataWrite() []byte { return h.b[headerDataWrite:][:guidLen] }
func (h header) logID() []byte     { return h.b[headerLogID:][:guidLen] }
func (h header) logVersion() int   { return int(le.Uint16(h.b[headerLogVer:])) }
func (h header) version() int      { return int(le.Uint16(h.b[headerVersion:])) }
func (h header) logLen() int64     { return int64(le.Uint32(h.b[headerLogLen:])) }
func (h header) logOff() int64     { return int64(le.Uint64(h.b[headerLogOff:])) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is the CRC-32C of b with the field that holds it zero.
func checksum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:checksumOff])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, b[checksumOff+4:])
}

// seal makes the checksum right.
func seal(b []byte) { le.PutUint32(b[checksumOff:], checksum(b)) }

// sealed says whether b begins with the magic and its checksum is right.
func sealed(b []byte, magic string) bool {
	return string(b[:len(magic)]) == magic && le.Uint32(b[checksumOff:]) == checksum(b)
}

// readHeader gives the current header: of the valid ones that with the
// higher sequence number.
func readHeader(r io.ReaderAt) (header, error) {
	var best header
	for _, off := range []int64{header1Off, header2Off} {
		h := header{make([]byte, headerLen), off}
		if err := container.ReadFull(r, h.b, off); err != nil {
			return best, fmt.Errorf("vhdx header: %w", err)
		}
		if sealed(h.b, headerMagic) && (best.b == nil || h.sequence() > best.sequence()) {
			best = h
		}
	}
	if best.b == nil {
		return best, &container.FormatError{Off: header1Off, What: "vhdx headers", Want: "one with a right checksum", Got: "none"}
	}
	return best, best.validate()
}

// maxLog bounds the log that is read: Windows and QEMU make it 1 MiB.
const maxLog = 64 * mib

func (h header) validate() error {
	fault := func(field int64, what string, want, got any) error {
		return &container.FormatError{Off: h.off + field, What: "vhdx header: " + what, Want: want, Got: got}
	}
	switch {
	case h.version() != 1:
		return fault(headerVersion, "version", 1, h.version())
	case h.logVersion() != 0:
		return fault(headerLogVer, "version of the log", 0, h.logVersion())
	case h.logLen()%mib != 0 || h.logLen() > maxLog:
		return fault(headerLogLen, "length of the log", "some MiB", h.logLen())
	case h.logOff()%mib != 0 || h.logOff() < mib || h.logOff() > maxOffset:
		return fault(headerLogOff, "offset of the log", "some MiB", h.logOff())
	}
	return nil
}

// maxOffset bounds offsets, so that sums of them do not overflow.
const maxOffset = 1 << 60

// maxFile bounds how large a log may make the file: the largest disk, its tables
// and as much again as those may take.
const maxFile = maxSize + maxSize/64

// next is the header that follows: in the other place, with the next
// sequence number.
func (h header) next() header {
	n := header{slices.Clone(h.b), header1Off + header2Off - h.off}
	le.PutUint64(n.b[headerSequence:], h.sequence()+1)
	return n
}

// write puts a header into the file for good.
func (h header) write(s container.Storage) error {
	seal(h.b)
	if _, err := s.WriteAt(h.b, h.off); err != nil {
		return fmt.Errorf("vhdx header at 0x%x: %w", h.off, err)
	}
	return s.Sync()
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }
