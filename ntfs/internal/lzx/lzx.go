// Package lzx decodes LZX in the form WIM archives and WofCompressedData use:
// chunks that know nothing of each other, with the targets of x86 call
// instructions translated ([MS-PATCH] 2 describes the form of cabinet
// files; the differences are those of the WIM format's public descriptions).
//
// A chunk is a list of blocks. A block that is not stored has two or three
// Huffman codes: the main one of literals and match headers, that of long
// match lengths, and, if aligned, that of the low three bits of distances. The
// codeword lengths are written as differences to those of the block before.
package lzx

import (
	"encoding/binary"
	"errors"
	"fmt"

	"hangkit/ntfs/internal/lz"
)

var le = binary.LittleEndian

// ErrCorrupt says that the input is no LZX chunk of the expected size.
var ErrCorrupt = errors.New("lzx: corrupt input")

// MinWindow and MaxWindow bound the window, which is as large as all chunks but the
// last of a file. WofCompressedData and the archives that Windows makes have the least.
const (
	MinWindow = 32 << 10
	MaxWindow = 2 << 20
)

// Block types, and the fields of a block's header.
const (
	blockVerbatim = 1
	blockAligned  = 2
	blockStored   = 3

	typeBits     = 3
	sizeBits     = 16 // of a block that is not of the default size
	moreSizeBits = 8  // behind them, where the window is larger than the least
	defaultSize  = 32 << 10
)

const (
	literals      = 256
	lengthHeaders = 8 // of a match, in its main symbol

	lengthSymbols  = 249
	alignedSymbols = 8
	alignedLength  = 3 // bits of each codeword length of the aligned code
	alignedBits    = 3 // bits of the distance its symbols stand for

	minMatch = 2

	recent         = 3 // distances that have a slot of their own
	distanceOffset = recent - 1
)

// Decoder holds the state of one chunk, to be used again for the next.
type Decoder struct {
	window int
	bits   lz.Bits

	main, length, aligned lz.Code
	pretree               lz.Code
	mainLengths           []uint8
	lengthLengths         [lengthSymbols]uint8
	recent                [recent]int
}

// New makes a decoder for chunks of one size, which must be a power of two within the
// bounds.
func New(window int) *Decoder {
	return &Decoder{window: window, mainLengths: make([]uint8, literals+positionSlots(window)*lengthHeaders)}
}

// positionSlots is how many slots reach all distances of a window.
func positionSlots(window int) int {
	for slot := recent; ; slot++ {
		if base, _ := slotBase(slot); base >= window {
			return slot
		}
	}
}

// Decode fills dst, at most a window, from src.
func (d *Decoder) Decode(dst, src []byte) error {
	if len(dst) > d.window {
		return fmt.Errorf("%w: chunk of %d bytes", ErrCorrupt, len(dst))
	}
	d.bits = lz.NewBits(src)
	clear(d.mainLengths)
	clear(d.lengthLengths[:])
	d.recent = [recent]int{1, 1, 1}
	for at := 0; at < len(dst); {
		n, err := d.block(dst, at)
		if err == nil && d.bits.Overrun() {
			err = lz.ErrInput
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		at += n
	}
	translateCalls(dst)
	return nil
}

var (
	errBlockType = errors.New("unknown block type")
	errBlockSize = errors.New("block larger than what is left of the chunk")
)

// block decodes the next block to dst[at:] and returns its size.
func (d *Decoder) block(dst []byte, at int) (size int, err error) {
	kind := d.bits.Read(typeBits)
	size = defaultSize
	if d.bits.Read(1) == 0 {
		size = d.bits.Read(sizeBits)
		if d.window > MinWindow {
			size = size<<moreSizeBits | d.bits.Read(moreSizeBits)
		}
	}
	if size == 0 || size > len(dst)-at {
		return 0, errBlockSize
	}
	dst = dst[:at+size]
	switch kind {
	case blockStored:
		return size, d.stored(dst[at:])
	case blockVerbatim, blockAligned:
		if err := d.readCodes(kind == blockAligned); err != nil {
			return 0, err
		}
		return size, d.compressed(dst, at, kind == blockAligned)
	}
	return 0, errBlockType
}

// stored copies a block: three recent distances and the bytes, padded to whole units.
func (d *Decoder) stored(dst []byte) error {
	d.bits.Align()
	for i := range d.recent {
		b, err := d.bits.Bytes(4)
		if err != nil {
			return err
		}
		d.recent[i] = int(int32(le.Uint32(b)))
	}
	b, err := d.bits.Bytes(len(dst))
	if err != nil {
		return err
	}
	copy(dst, b)
	if len(dst)%2 != 0 {
		_, _ = d.bits.Bytes(1) // the last block of a chunk may go without
	}
	d.bits.Restart()
	return nil
}

// compressed decodes a block with the codes that were read.
func (d *Decoder) compressed(dst []byte, at int, aligned bool) error {
	for at < len(dst) {
		symbol, err := d.main.Symbol(&d.bits)
		if err != nil {
			return err
		}
		if symbol < literals {
			dst[at] = byte(symbol)
			at++
			continue
		}
		symbol -= literals
		length := symbol % lengthHeaders
		if length == lengthHeaders-1 {
			more, err := d.length.Symbol(&d.bits)
			if err != nil {
				return err
			}
			length += more
		}
		distance, err := d.distance(symbol/lengthHeaders, aligned)
		if err != nil {
			return err
		}
		if at, err = lz.Match(dst, at, distance, length+minMatch); err != nil {
			return err
		}
	}
	return nil
}

// distance reads a match's distance. The first slots are the recent ones, and
// one that is used again changes places with the latest.
func (d *Decoder) distance(slot int, aligned bool) (int, error) {
	if slot < recent {
		d.recent[0], d.recent[slot] = d.recent[slot], d.recent[0]
		return d.recent[0], nil
	}
	base, extra := slotBase(slot)
	distance := base - distanceOffset
	if aligned && extra >= alignedBits {
		distance += d.bits.Read(extra-alignedBits) << alignedBits // at most 14
		low, err := d.aligned.Symbol(&d.bits)
		if err != nil {
			return 0, err
		}
		distance += low
	} else {
		distance += d.wideRead(extra)
	}
	d.recent = [recent]int{distance, d.recent[0], d.recent[1]}
	return distance, nil
}

// wideRead reads the bits of a distance, at most maxExtra.
func (d *Decoder) wideRead(n uint) int {
	if n < maxExtra {
		return d.bits.Read(n)
	}
	return d.bits.Read(n-1)<<1 | d.bits.Read(1)
}

// The largest number of bits that choose within a slot, and the first slot that has
// it: so have all behind it.
const (
	maxExtra    = 17
	firstWidest = 36
	widestBase  = 1 << 18
	narrowSlots = 4
)

// slotBase is where a slot's distances begin, and how many bits choose among
// them: two slots for each number of bits, up to the largest number.
func slotBase(slot int) (base int, extra uint) {
	switch {
	case slot < narrowSlots:
		return slot, 0
	case slot >= firstWidest:
		return widestBase + (slot-firstWidest)<<maxExtra, maxExtra
	}
	extra = uint(slot/2 - 1)
	return (2 + slot%2) << extra, extra
}
