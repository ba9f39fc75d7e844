// Package lznt1 decodes and encodes LZNT1 ([MS-XCA] 2.5), the compression of
// NTFS itself.
//
// A buffer is a list of chunks, each with a header of 16 bits and 4 KiB of
// contents. A compressed chunk is a list of groups: a byte of flags and eight
// items, literal bytes or 16-bit matches. A match divides its bits between
// distance and length by how far into its chunk it stands.
package lznt1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"hangkit/ntfs/internal/lz"
)

var le = binary.LittleEndian

// ErrCorrupt says that the input is not LZNT1.
var ErrCorrupt = errors.New("lznt1: corrupt input")

const (
	chunkSize = 4 << 10 // of contents

	headerSize       = 2
	headerLength     = 0x0fff // of what follows the header, less one
	headerSignature  = 0x3000 // in the bits 0x7000
	headerCompressed = 0x8000

	minMatch = 3
	// A match has between 4 bits of distance and 12 of length, at the start of
	// a chunk, and the reverse.
	minDistanceBits = 4
	matchBits       = 16
	groupItems      = 8
)

// Decode fills dst from src. Contents that end before dst does are followed by
// zeros, as are those of a chunk that holds less than it could.
func Decode(dst, src []byte) error {
	for len(dst) > 0 && len(src) >= headerSize {
		header := le.Uint16(src)
		if header == 0 {
			break
		}
		length := int(header&headerLength) + 1
		if length > len(src)-headerSize {
			return fmt.Errorf("%w: chunk of %d bytes where %d are left", ErrCorrupt, length, len(src)-headerSize)
		}
		chunk, packed := dst[:min(chunkSize, len(dst))], src[headerSize:headerSize+length]
		if err := fillChunk(chunk, packed, header&headerCompressed != 0); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		dst, src = dst[len(chunk):], src[headerSize+length:]
	}
	clear(dst)
	return nil
}

// fillChunk fills dst, which may want less than the chunk has.
func fillChunk(dst, src []byte, compressed bool) error {
	var whole [chunkSize]byte
	chunk := dst
	if len(dst) < chunkSize {
		chunk = whole[:]
	}
	n, err := decodeChunk(chunk, src, compressed)
	clear(chunk[n:])
	copy(dst, chunk)
	return err
}

// decodeChunk returns how much of dst it has filled.
func decodeChunk(dst, src []byte, compressed bool) (n int, err error) {
	if !compressed {
		return copy(dst, src), nil
	}
	for len(src) > 0 && n < len(dst) {
		flags := src[0]
		src = src[1:]
		for i := 0; i < groupItems && len(src) > 0 && n < len(dst); i++ {
			if flags>>i&1 == 0 {
				dst[n] = src[0]
				n, src = n+1, src[1:]
				continue
			}
			if len(src) < matchBits/8 {
				return 0, lz.ErrInput
			}
			distance, length := split(le.Uint16(src), n)
			if n, err = lz.Match(dst, n, distance, length); err != nil {
				return 0, err
			}
			src = src[matchBits/8:]
		}
	}
	return n, nil
}

// distanceBits is how many bits the distance of a match has that stands n bytes
// into its chunk: as many as it takes to reach the chunk's start.
func distanceBits(n int) int { return max(minDistanceBits, bits.Len(uint(n-1))) }

// split takes a match apart that stands n bytes into its chunk.
func split(match uint16, n int) (distance, length int) {
	if n == 0 {
		return 0, 0 // before the start, which lz.Match refuses
	}
	lengthBits := matchBits - distanceBits(n)
	return int(match>>lengthBits) + 1, int(match&(1<<lengthBits-1)) + minMatch
}
