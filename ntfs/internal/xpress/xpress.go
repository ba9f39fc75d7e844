// Package xpress decodes XPRESS with Huffman coding ([MS-XCA] 2.2), one of the
// two compressions of system files that Windows keeps in WofCompressedData.
//
// A buffer begins with 256 bytes, the codeword lengths of 512 symbols, four
// bits each. Symbols below 256 are literal bytes; the others are matches: four
// bits of length and four that say how many bits of distance follow.
package xpress

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hangkit/ntfs/internal/lz"
)

var le = binary.LittleEndian

// ErrCorrupt says that the input is no XPRESS buffer of the expected size.
var ErrCorrupt = errors.New("xpress: corrupt input")

// MaxSize is what one code can cover: longer buffers have a new one for each 64 KiB.
const MaxSize = 64 << 10

const (
	literals  = 256
	symbols   = 512
	tableSize = symbols / 2

	minMatch   = 3
	longLength = 15  // in the symbol: a byte with the rest follows
	wideLength = 255 // in that byte: 16 bits follow, which count from the start
)

// Decoder holds the tables of one buffer, to be used again for the next.
type Decoder struct {
	code    lz.Code
	lengths [symbols]uint8
}

// Decode fills dst, at most MaxSize, from src.
func (d *Decoder) Decode(dst, src []byte) error {
	if len(dst) > MaxSize || len(src) < tableSize {
		return fmt.Errorf("%w: %d bytes for %d", ErrCorrupt, len(src), len(dst))
	}
	for i, b := range src[:tableSize] {
		d.lengths[2*i], d.lengths[2*i+1] = b&0x0f, b>>4
	}
	if err := d.code.Build(d.lengths[:]); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	bits := lz.NewBits(src[tableSize:])
	if err := d.decode(dst, &bits); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func (d *Decoder) decode(dst []byte, bits *lz.Bits) error {
	for at := 0; at < len(dst); {
		symbol, err := d.code.Symbol(bits)
		if err != nil {
			return err
		}
		if symbol < literals {
			dst[at] = byte(symbol)
			at++
			continue
		}
		length, distance, err := match(symbol-literals, bits)
		if err != nil {
			return err
		}
		if at, err = lz.Match(dst, at, distance, length); err != nil {
			return err
		}
	}
	if bits.Overrun() {
		return lz.ErrInput
	}
	return nil
}

// match reads what follows a match's symbol. The bytes of a long length come
// before the bits of the distance.
func match(symbol int, bits *lz.Bits) (length, distance int, err error) {
	if length = symbol & 0x0f; length == longLength {
		if length, err = longMatch(bits); err != nil {
			return 0, 0, err
		}
	}
	extra := uint(symbol >> 4)
	return length + minMatch, 1<<extra + bits.Read(extra), nil
}

func longMatch(bits *lz.Bits) (int, error) {
	b, err := bits.Bytes(1)
	if err != nil {
		return 0, err
	}
	if b[0] < wideLength {
		return longLength + int(b[0]), nil
	}
	if b, err = bits.Bytes(2); err != nil {
		return 0, err
	}
	if n := int(le.Uint16(b)); n > 0 {
		return n, nil
	}
	if b, err = bits.Bytes(4); err != nil {
		return 0, err
	}
	return int(min(le.Uint32(b), MaxSize)), nil
}
