// Package lz is what the decoders of NTFS file contents share. All copy matches
// from what they decoded before; XPRESS ([MS-XCA] 2.2) and LZX ([MS-PATCH] 2)
// both write canonical Huffman codes, most significant bit first, into
// little-endian 16-bit units.
package lz

import "errors"

// What a decoder meets in damaged input.
var (
	ErrCode  = errors.New("codeword lengths that make no prefix code")
	ErrInput = errors.New("input ends early")
	ErrMatch = errors.New("match before the start or past the end")
)

// MaxLength is the longest codeword either format allows, in bits.
const MaxLength = 16

// fastBits is how long a codeword may be to be found with one look.
const fastBits = 11

// maxSymbols is the largest alphabet, that of LZX with its largest window.
const maxSymbols = 656

// Code decodes one alphabet. Its zero value is the empty code.
type Code struct {
	fast [1 << fastBits]uint16 // symbol << lengthBits | length; 0 = longer than fastBits
	// Of the codewords of each length, left-aligned in MaxLength bits: where
	// they end, and what turns one into its place in sorted.
	limit  [MaxLength + 1]uint32
	base   [MaxLength + 1]int
	sorted [maxSymbols]uint16 // symbols by codeword
	empty  bool
}

const lengthBits = 4

// Build makes the code from each symbol's codeword length; 0 is a symbol
// without one. A code must use up all codewords, or be empty.
func (c *Code) Build(lengths []uint8) error {
	var count [MaxLength + 1]int
	for _, n := range lengths {
		if n > MaxLength {
			return ErrCode
		}
		count[n]++
	}
	if c.empty = count[0] == len(lengths); c.empty {
		return nil
	}
	var next [MaxLength + 1]int
	codeword, place := uint32(0), 0
	for n := 1; n <= MaxLength; n++ {
		c.base[n] = place - int(codeword>>(MaxLength-n))
		next[n] = place
		codeword += uint32(count[n]) << (MaxLength - n)
		c.limit[n] = codeword
		place += count[n]
	}
	if codeword != 1<<MaxLength {
		return ErrCode
	}
	for symbol, n := range lengths {
		if n > 0 {
			c.sorted[next[n]] = uint16(symbol)
			next[n]++
		}
	}
	c.fill(count)
	return nil
}

// fill makes the table of the short codewords.
func (c *Code) fill(count [MaxLength + 1]int) {
	at, place := 0, 0
	for n := 1; n <= fastBits; n++ {
		for range count[n] {
			entry := c.sorted[place]<<lengthBits | uint16(n)
			for range 1 << (fastBits - n) {
				c.fast[at] = entry
				at++
			}
			place++
		}
	}
	clear(c.fast[at:])
}

// Symbol decodes the next symbol. What the empty code decodes is ErrCode.
func (c *Code) Symbol(b *Bits) (int, error) {
	if c.empty {
		return 0, ErrCode
	}
	next := b.peek()
	if e := c.fast[next>>(MaxLength-fastBits)]; e != 0 {
		b.Skip(uint(e & (1<<lengthBits - 1)))
		return int(e >> lengthBits), nil
	}
	n := fastBits + 1
	for next >= c.limit[n] { // the last limit is beyond every codeword
		n++
	}
	b.Skip(uint(n))
	return int(c.sorted[c.base[n]+int(next>>(MaxLength-n))]), nil
}
