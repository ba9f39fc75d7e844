// Package wof reads the stream WofCompressedData, in which the Windows Overlay
// Filter keeps the contents of files compressed by CompactOS or compact /exe:
// chunks, each compressed alone.
package wof

import (
	"errors"
	"fmt"
	"io"

	"hangkit/ntfs/chunked"
)

// ErrAlgorithm says that the contents are coded in a way this package does not know.
var ErrAlgorithm = errors.New("wof: unknown compression algorithm")

// ErrCorrupt says that the stream is damaged.
var ErrCorrupt = chunked.ErrCorrupt

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

func (a Algorithm) codec() (c chunked.Codec, chunkSize int64, err error) {
	switch a {
	case XPRESS4K:
		return chunked.XPRESS, 4 << 10, nil
	case XPRESS8K:
		return chunked.XPRESS, 8 << 10, nil
	case XPRESS16K:
		return chunked.XPRESS, 16 << 10, nil
	case LZX:
		return chunked.LZX, 32 << 10, nil
	}
	return 0, 0, fmt.Errorf("%w: %v", ErrAlgorithm, a)
}

// NewReader reads contents of the given size from a stream of the given length.
// It may be used concurrently.
func NewReader(stream io.ReaderAt, length, size int64, a Algorithm) (io.ReaderAt, error) {
	codec, chunkSize, err := a.codec()
	if err != nil {
		return nil, err
	}
	return chunked.NewReader(stream, length, size, codec, chunkSize)
}
