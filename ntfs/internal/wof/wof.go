// Package wof reads the stream WofCompressedData, in which the Windows Overlay
// Filter keeps the contents of files compressed by CompactOS or compact /exe.
//
//	chunk table  where each chunk but the first begins, counted from the first:
//	             4 bytes each, 8 for contents of 4 GiB and more
//	chunks       the contents in pieces of one size, each compressed alone;
//	             one that did not shrink is stored as it is
package wof

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
	// ErrAlgorithm says that the contents are coded in a way this package does not know.
	ErrAlgorithm = errors.New("wof: unknown compression algorithm")
	// ErrCorrupt says that the stream is damaged.
	ErrCorrupt = errors.New("wof: corrupt stream")
)

// Algorithm is how the chunks are compressed (FILE_PROVIDER_COMPRESSION_* in
// the Windows SDK).
type Algorithm uint32

// The algorithms Windows 10 has.
const (
	XPRESS4K  Algorithm = 0
	LZX       Algorithm = 1
	XPRESS8K  Algorithm = 2
	XPRESS16K Algorithm = 3
)

// String names the algorithm as compact /exe does.
func (a Algorithm) String() string {
	names := []string{"XPRESS4K", "LZX", "XPRESS8K", "XPRESS16K"}
	if int64(a) < int64(len(names)) {
		return names[a]
	}
	return fmt.Sprintf("algorithm %d", uint32(a))
}

// decoder fills dst with what src was compressed from.
type decoder interface{ Decode(dst, src []byte) error }

func (a Algorithm) decoder() (d decoder, chunkSize int64, err error) {
	switch a {
	case XPRESS4K:
		return &xpress.Decoder{}, 4 << 10, nil
	case XPRESS8K:
		return &xpress.Decoder{}, 8 << 10, nil
	case XPRESS16K:
		return &xpress.Decoder{}, 16 << 10, nil
	case LZX:
		return &lzx.Decoder{}, lzx.MaxSize, nil
	}
	return nil, 0, fmt.Errorf("%w: %v", ErrAlgorithm, a)
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
func NewReader(stream io.ReaderAt, length, size int64, a Algorithm) (io.ReaderAt, error) {
	codec, chunkSize, err := a.decoder()
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
