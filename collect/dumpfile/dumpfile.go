// Package dumpfile reads the formats of Windows kernel crash dumps.
//
// A kernel dump is a header, what says which pages follow, the pages, and
// perhaps secondary data. All numbers are little-endian:
//
//	0x0000  DUMP_HEADER64 'PAGE' 'DU64' (0x2000 bytes), or
//	        DUMP_HEADER32 'PAGE' 'DUMP' (0x1000 bytes)
//	header  by DumpType:
//	        1     the pages, in the order of the header's run list
//	        2     SUMMARY_DUMP 'SDMP' 'DUMP', bitmap, pages
//	        4     TRIAGE_DUMP, its parts, 'TRGD'
//	        5, 6  bitmap header 'SDMP' or 'FDMP' 'DUMP', bitmap, pages
//	        8..10 'RDMP' 'DUMP' (written by a debugger)
//	end     'DumpBlob' and tagged blobs: the secondary data
//
// Everything the kernel did not write keeps the fill 'PAGE', so each field is
// held against the fill before it is believed. Nothing a dump says about
// lengths is trusted before it is compared with the bytes that are there: the
// dumps this package meets were written by a machine in its last second.
//
// The layouts follow the public SDK header mindumpdef.h, the readers
// kdmp-parser, volatility3 and rizin, and real dumps.
package dumpfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// PageSize is the size of a page in a dump, in bytes, on every architecture.
const PageSize = 4096

const pageShift = 12

// The marks at the start of a dump, as little-endian numbers.
const (
	magicPage uint32 = 0x45474150 // 'PAGE', signature and fill
	magicDU64 uint32 = 0x34365544 // 'DU64'
	magicDump uint32 = 0x504D5544 // 'DUMP'
	magicMDMP uint32 = 0x504D444D // 'MDMP', a user-mode minidump

	magicRawDump uint64 = 0x21706D445F776152 // 'Raw_Dmp!', written by the firmware
	magicEncDump uint64 = 0x21706D445F636E45 // 'Enc_Dmp!'
)

// Fill is what every field holds that the kernel never wrote: 'PAGE'.
const (
	fill32 = magicPage
	fill64 = uint64(magicPage)<<32 | uint64(magicPage)
)

// What a caller branches on. ErrFormat covers every FormatError.
var (
	ErrFormat       = errors.New("damaged or unknown dump format")
	ErrNotDump      = errors.New("not a crash dump")
	ErrUserDump     = errors.New("a user-mode minidump, not a kernel dump")
	ErrFirmwareDump = errors.New("a firmware (offline) crash dump, not a kernel dump file")
	ErrHeaderWiped  = errors.New("the first page of the dump was zeroed by a later boot")
	ErrTruncated    = errors.New("the dump ends early")
)

// FormatError says at which absolute offset a dump differs from its format.
type FormatError struct {
	Off       int64
	What      string
	Want, Got any
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s at %#x: want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

// Unwrap makes every FormatError an ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

// Field is one field of a dump. Known is false where the kernel never wrote
// it, which leaves the fill 'PAGE'; Value is then zero.
type Field[T any] struct {
	Value T
	Known bool
}

// Or gives the field's value, or other where the field was never written.
func (f Field[T]) Or(other T) T {
	if f.Known {
		return f.Value
	}
	return other
}

func known[T any](v T) Field[T] { return Field[T]{Value: v, Known: true} }

// Kind is what the first bytes of a file say it is.
type Kind int

// The kinds of file that can stand where a dump is looked for.
const (
	KindOther             Kind = iota // none of the below
	KindEmpty                         // zeros where header and page list would be
	KindKernel64                      // 'PAGE' 'DU64'
	KindKernel32                      // 'PAGE' 'DUMP'
	KindUser                          // 'MDMP'
	KindFirmware                      // 'Raw_Dmp!'
	KindFirmwareEncrypted             // 'Enc_Dmp!'
	KindWiped64                       // zero page before the rest of a 64-bit dump
	KindWiped32                       // zero page before the rest of a 32-bit dump
)

func (k Kind) String() string {
	switch k {
	case KindOther:
		return "not a dump"
	case KindEmpty:
		return "empty"
	case KindKernel64:
		return "64-bit kernel dump"
	case KindKernel32:
		return "32-bit kernel dump"
	case KindUser:
		return "user-mode minidump"
	case KindFirmware:
		return "firmware dump"
	case KindFirmwareEncrypted:
		return "encrypted firmware dump"
	case KindWiped64:
		return "64-bit kernel dump without its first page"
	case KindWiped32:
		return "32-bit kernel dump without its first page"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Err says why a file of this kind has no kernel dump header to read, nil
// where it has one.
func (k Kind) Err() error {
	switch k {
	case KindKernel64, KindKernel32:
		return nil
	case KindUser:
		return ErrUserDump
	case KindFirmware, KindFirmwareEncrypted:
		return ErrFirmwareDump
	case KindWiped64, KindWiped32:
		return ErrHeaderWiped
	default:
		return ErrNotDump
	}
}

// identifyLen is how far Identify looks: the 64-bit header and the first page
// behind it.
const identifyLen = headerSize64 + PageSize

// Identify tells from the first bytes of r, which holds size bytes, what it
// is. Only a failing read is an error.
func Identify(r io.ReaderAt, size int64) (Kind, error) {
	b, err := readUpTo(r, 0, min(size, identifyLen))
	if err != nil {
		return KindOther, fmt.Errorf("first bytes: %w", err)
	}
	if len(b) < 8 {
		return KindOther, nil
	}
	if k := kindOf(b); k != KindOther {
		return k, nil
	}
	return kindBehindZeroPage(b), nil
}

func kindOf(b []byte) Kind {
	sig, valid := le.Uint32(b), le.Uint32(b[4:])
	switch {
	case sig == magicPage && valid == magicDU64:
		return KindKernel64
	case sig == magicPage && valid == magicDump:
		return KindKernel32
	case sig == magicMDMP:
		return KindUser
	}
	switch le.Uint64(b) {
	case magicRawDump:
		return KindFirmware
	case magicEncDump:
		return KindFirmwareEncrypted
	}
	return KindOther
}

// kindBehindZeroPage recognises what the session manager leaves when it could
// not harvest a dump: creating the page file anew zeroes its first 4 KiB and
// nothing else.
func kindBehindZeroPage(b []byte) Kind {
	if !allZero(b[:min(len(b), PageSize)]) {
		return KindOther
	}
	switch {
	case hasFillTail(b) || hasBitmapMark(b, headerSize64):
		return KindWiped64
	case hasBitmapMark(b, headerSize32):
		return KindWiped32
	case allZero(b):
		return KindEmpty
	}
	return KindOther
}

// hasFillTail reports whether the reserved end of a DUMP_HEADER64 is there:
// nearly all fill, for a coming kernel may use a little of it.
func hasFillTail(b []byte) bool {
	if len(b) < headerSize64 {
		return false
	}
	filled := 0
	for off := reserved64; off < headerSize64; off += 4 {
		if le.Uint32(b[off:]) == fill32 {
			filled++
		}
	}
	const words = (headerSize64 - reserved64) / 4
	return filled >= words-words/10
}

func hasBitmapMark(b []byte, off int) bool {
	if len(b) < off+8 {
		return false
	}
	sig := le.Uint32(b[off:])
	return (sig == magicSDMP || sig == magicFDMP) && le.Uint32(b[off+4:]) == magicDump
}

var le = binary.LittleEndian

// readUpTo reads n bytes at off, fewer only at the end of r. The caller has
// bounded n.
func readUpTo(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, max(n, 0))
	got, err := r.ReadAt(b, off)
	if got == len(b) || shortOnly(err) {
		err = nil
	}
	return b[:got], err
}

// readFull reads exactly n bytes at off, all of which must lie below size.
func readFull(r io.ReaderAt, size, off int64, n int, what string) ([]byte, error) {
	if off < 0 || off > size || int64(n) > size-off {
		return nil, fmt.Errorf("%s at %#x: %w", what, off, ErrTruncated)
	}
	b, err := readUpTo(r, off, int64(n))
	if err != nil {
		return nil, fmt.Errorf("%s at %#x: %w", what, off, err)
	}
	if len(b) < n {
		return nil, fmt.Errorf("%s at %#x: %w", what, off, ErrTruncated)
	}
	return b, nil
}

// shortOnly reports whether a read failed for no other reason than the end of
// the file.
func shortOnly(err error) bool { return errors.Is(err, io.EOF) }

var zeroPage [PageSize]byte

func allZero(b []byte) bool {
	for len(b) > PageSize {
		if string(b[:PageSize]) != string(zeroPage[:]) {
			return false
		}
		b = b[PageSize:]
	}
	return string(b) == string(zeroPage[:len(b)])
}
