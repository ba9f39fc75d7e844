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
	"sync"

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

// Reader reads the contents. It may be used concurrently, one call at a time works.
type Reader struct {
	stream    io.ReaderAt
	length    int64 // of the stream
	size      int64 // of the contents
	chunkSize int64
	entrySize int64 // of the chunk table
	chunks    int64 // where they begin in the stream

	mu     sync.Mutex
	codec  decoder
	table  page
	stored []byte // a chunk as it is in the stream
	cached int64  // the chunk in cache, -1 for none
	cache  []byte
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
func NewReader(stream io.ReaderAt, length, size int64, a Algorithm) (*Reader, error) {
	codec, chunkSize, err := a.decoder()
	if err != nil {
		return nil, err
	}
	r := &Reader{stream: stream, length: length, size: size, chunkSize: chunkSize, codec: codec, entrySize: 4, cached: -1}
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
	return r, nil
}

// ReadAt reads contents, and decodes no chunk twice in a row.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= r.size {
		return 0, io.EOF
	}
	var eof error
	if rest := r.size - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	done := 0
	for done < len(p) {
		n, err := r.read(p[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, eof
}

// read takes what it can from one chunk: the whole of it straight into p.
func (r *Reader) read(p []byte, off int64) (int, error) {
	chunk, skip := off/r.chunkSize, off%r.chunkSize
	length := min(r.chunkSize, r.size-chunk*r.chunkSize)
	if skip == 0 && int64(len(p)) >= length {
		return int(length), r.decode(p[:length], chunk)
	}
	if r.cached != chunk {
		if r.cache == nil {
			r.cache = make([]byte, r.chunkSize)
		}
		r.cached = -1
		if err := r.decode(r.cache[:length], chunk); err != nil {
			return 0, err
		}
		r.cached = chunk
	}
	return copy(p, r.cache[skip:length]), nil
}

// decode fills dst with a chunk.
func (r *Reader) decode(dst []byte, chunk int64) error {
	start, end, err := r.place(chunk, int64(len(dst)))
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
		return fmt.Errorf("%w: chunk %d: %w", ErrCorrupt, chunk, err)
	}
	return nil
}

// place says where in the stream a chunk is that holds size bytes of contents.
func (r *Reader) place(chunk, size int64) (start, end int64, err error) {
	end = r.length - r.chunks
	if chunk > 0 {
		if start, err = r.entry(chunk - 1); err != nil {
			return 0, 0, err
		}
	}
	if last := (r.size - 1) / r.chunkSize; chunk < last {
		if end, err = r.entry(chunk); err != nil {
			return 0, 0, err
		}
	}
	if start < 0 || end <= start || end-start > size || end > r.length-r.chunks {
		return 0, 0, fmt.Errorf("%w: chunk %d lies from %d to %d", ErrCorrupt, chunk, start, end)
	}
	return r.chunks + start, r.chunks + end, nil
}

// entry returns an entry of the chunk table.
func (r *Reader) entry(i int64) (int64, error) {
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
func (r *Reader) readFull(p []byte, off int64) error {
	n, err := r.stream.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends at %d", ErrCorrupt, off+int64(n))
	}
	return err
}
