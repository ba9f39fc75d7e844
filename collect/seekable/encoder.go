package seekable

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Encoder packs frames. It may be used by several goroutines at once.
type Encoder struct{ enc *zstd.Encoder }

// NewEncoder makes an encoder for frames of up to content bytes, workers of
// them at a time. Its memory is a small multiple of content for each worker.
func NewEncoder(content, workers int) (*Encoder, error) {
	window := zstd.MinWindowSize
	for window < content && window < zstd.MaxWindowSize {
		window *= 2
	}
	// The next level takes twice the time for a twentieth less.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(workers), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return &Encoder{enc}, nil
}

// AppendFrame appends content as a frame with a checksum.
func (e *Encoder) AppendFrame(b, content []byte) []byte { return e.enc.EncodeAll(content, b) }
