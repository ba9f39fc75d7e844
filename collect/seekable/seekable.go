// Package seekable reads and writes zstd archives that can be read from any
// offset, in the Zstandard Seekable Format (version 0.1.0, contrib of the zstd
// project).
//
//	frame 0, frame 1, …      ordinary zstd frames, each complete in itself
//	skippable frame          magic 0x184D2A5E, size, and the seek table:
//	  for each frame         compressed size u32, content size u32 [, checksum u32]
//	  footer                 number of frames u32, descriptor u8, magic 0x8F92EAB1
//
// To any zstd decoder this is an ordinary file: it unpacks the frames one after
// the other and skips the table. All numbers are little-endian. The checksums
// are left out here, because each frame carries its own.
package seekable

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Numbers of the format.
const (
	skippableMagic = 0x184D2A5E
	footerMagic    = 0x8F92EAB1

	skippableHeader = 8 // magic, size
	footerSize      = 9 // frames, descriptor, magic
	entrySize       = 8 // compressed size, content size
	checksumSize    = 4 // behind each entry, if the descriptor says so

	checksumFlag = 0x80 // in the descriptor
	reservedBits = 0x7C // in the descriptor, must be zero

	maxFrames = 0x8000000
)

// MaxContent is the most content of one frame that is read here. The format
// allows 1 GiB, but a frame has to fit into memory.
const MaxContent = 32 << 20

// Errors that callers branch on.
var (
	// ErrFormat means a seek table that contradicts itself or its file.
	ErrFormat = errors.New("damaged seekable zstd archive")
	// ErrNoTable means a file that does not end in a seek table: another file, or
	// an archive that was cut short.
	ErrNoTable = errors.New("no zstd seek table at the end of the file")
	// ErrTooLarge means a frame larger than is read here, or a table that is damaged.
	ErrTooLarge = errors.New("a frame of the zstd archive is too large to be read at any offset")
)

// FormatError is where a seek table is wrong.
type FormatError struct {
	Off       int64 // in the file
	What      string
	Want, Got any
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("seek table: %s at %#x: want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

func (e *FormatError) Unwrap() error { return ErrFormat }

// Frame is the size of one frame and of what it holds.
type Frame struct {
	Packed, Content uint32
}

// AppendTable appends the skippable frame that lists the frames before it.
func AppendTable(b []byte, frames []Frame) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, skippableMagic)
	b = le.AppendUint32(b, uint32(len(frames)*entrySize+footerSize))
	for _, f := range frames {
		b = le.AppendUint32(b, f.Packed)
		b = le.AppendUint32(b, f.Content)
	}
	b = le.AppendUint32(b, uint32(len(frames)))
	b = append(b, 0) // no checksums
	return le.AppendUint32(b, footerMagic)
}
