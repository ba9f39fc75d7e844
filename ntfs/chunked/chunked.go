// Package chunked reads contents that are kept in chunks, each compressed alone. WIM
// archives keep their resources so, and the Windows Overlay Filter took the form over
// for the stream WofCompressedData of a file.
//
//	chunk table  where each chunk but the first begins, counted from the first:
//	             4 bytes each, 8 for contents of 4 GiB and more
//	chunks       the contents in pieces of one size, each compressed alone;
//	             one that did not shrink is stored as it is
package chunked

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"hangkit/ntfs/internal/chunk"
	"hangkit/ntfs/internal/lzx"
	"hangkit/ntfs/internal/xpress"
)

var le = binary.LittleEndian

var (
	// ErrCodec says that the contents are coded in a way this package does not know.
	ErrCodec = errors.New("unknown compression")
	// ErrCorrupt says that the stream is damaged.
	ErrCorrupt = errors.New("corrupt compressed contents")
)

// Codec is how chunks are compressed.
type Codec int

// The codecs.
const (
	XPRESS Codec = iota // with Huffman coding
	LZX                 // with the targets of calls translated
)

// String names the codec.
func (c Codec) String() string {
	switch c {
	case XPRESS:
		return "XPRESS"
	case LZX:
		return "LZX"
	}
	return fmt.Sprintf("codec %d", int(c))
}

// decoder fills dst with what src was compressed from.
type decoder interface{ Decode(dst, src []byte) error }

// minXPRESS is the smallest chunk of a codec that has no window of its own.
const minXPRESS = 4 << 10

func (c Codec) decoder(chunkSize int64) (decoder, error) {
	power := chunkSize > 0 && chunkSize&(chunkSize-1) == 0
	switch {
	case c == XPRESS && power && chunkSize >= minXPRESS && chunkSize <= xpress.MaxSize:
		return &xpress.Decoder{}, nil
	case c == LZX && power && chunkSize >= lzx.MinWindow && chunkSize <= lzx.MaxWindow:
		return lzx.New(int(chunkSize)), nil
	}
	return nil, fmt.Errorf("%w: %v in chunks of %d bytes", ErrCodec, c, chunkSize)
}

// reader is the chunk table and the chunks of one file.
type reader struct {
	stream    io.ReaderAt
	length    int64 // of the stream
	size      int64 // of the contents
	chunkSize int64
	entrySize int64 // of the chunk table
	chunks    int64 // where they begin in the stream

	codec  decoder
	table  page
	stored []byte // a chunk as it is in the stream
}

// page is the piece of the chunk table read last.
type page struct {
	off   int64
	bytes []byte
}

const tablePage = 4 << 10

// wideTable is the size of contents whose table has 8-byte entries.
const wideTable = 4 << 30

// NewReader reads contents of the given size from a stream of the given length.
// It may be used concurrently.
func NewReader(stream io.ReaderAt, length, size int64, c Codec, chunkSize int64) (io.ReaderAt, error) {
	codec, err := c.decoder(chunkSize)
	if err != nil {
		return nil, err
	}
	r := &reader{stream: stream, length: length, size: size, chunkSize: chunkSize, codec: codec, entrySize: 4}
	if size >= wideTable {
		r.entrySize = 8
	}
	count := size / chunkSize
	if size%chunkSize != 0 {
		count++
	}
	if r.chunks = max(0, count-1) * r.entrySize; r.chunks > length {
		return nil, fmt.Errorf("%w: %d bytes of it for contents of %d", ErrCorrupt, length, size)
	}
	return &chunk.Reader{Size: size, ChunkSize: chunkSize, Decode: r.decode}, nil
}

// decode fills dst with a chunk.
func (r *reader) decode(dst []byte, index int64) error {
	start, end, err := r.place(index, int64(len(dst)))
	if err != nil {
		return err
	}
	if end-start == int64(len(dst)) {
		return r.readFull(dst, start)
	}
	if r.stored == nil {
		r.stored = make([]byte, r.chunkSize)
	}
	src := r.stored[:end-start]
	if err := r.readFull(src, start); err != nil {
		return err
	}
	if err := r.codec.Decode(dst, src); err != nil {
		return fmt.Errorf("%w: chunk %d: %w", ErrCorrupt, index, err)
	}
	return nil
}

// place says where in the stream a chunk is that holds size bytes of contents.
func (r *reader) place(index, size int64) (start, end int64, err error) {
	end = r.length - r.chunks
	if index > 0 {
		if start, err = r.entry(index - 1); err != nil {
			return 0, 0, err
		}
	}
	if last := (r.size - 1) / r.chunkSize; index < last {
		if end, err = r.entry(index); err != nil {
			return 0, 0, err
		}
	}
	if start < 0 || end <= start || end-start > size || end > r.length-r.chunks {
		return 0, 0, fmt.Errorf("%w: chunk %d lies from %d to %d", ErrCorrupt, index, start, end)
	}
	return r.chunks + start, r.chunks + end, nil
}

// entry returns an entry of the chunk table.
func (r *reader) entry(i int64) (int64, error) {
	off := i * r.entrySize
	if skip := off - r.table.off; skip < 0 || skip >= int64(len(r.table.bytes)) {
		off -= off % tablePage
		b := make([]byte, min(tablePage, r.chunks-off))
		if err := r.readFull(b, off); err != nil {
			return 0, err
		}
		r.table = page{off, b}
	}
	b := r.table.bytes[i*r.entrySize-r.table.off:]
	if r.entrySize == 4 {
		return int64(le.Uint32(b)), nil
	}
	return int64(min(le.Uint64(b), math.MaxInt64)), nil
}

// readFull reads exactly p from the stream.
func (r *reader) readFull(p []byte, off int64) error {
	n, err := r.stream.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends at %d", ErrCorrupt, off+int64(n))
	}
	return err
}
