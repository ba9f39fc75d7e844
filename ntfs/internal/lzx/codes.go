package lzx

import (
	"errors"

	"hangkit/ntfs/internal/lz"
)

// The code that codeword lengths are written with: differences to the length
// before, and three symbols for runs.
const (
	pretreeSymbols = 20
	pretreeLength  = 4 // bits of each of its own codeword lengths

	lengthModulus = lz.MaxLength + 1

	zerosShort = 17 // a run of zeros, its length in shortBits
	zerosLong  = 18
	sameRun    = 19 // a run of one length, given as a difference

	shortBits, shortMin = 4, 4
	longBits, longMin   = 5, 20
	sameBits, sameMin   = 1, 4
)

var errRun = errors.New("run of codeword lengths past their end")

// readCodes reads the codes of a block.
func (d *Decoder) readCodes(aligned bool) error {
	if aligned {
		var lengths [alignedSymbols]uint8
		for i := range lengths {
			lengths[i] = uint8(d.bits.Read(alignedLength))
		}
		if err := d.aligned.Build(lengths[:]); err != nil {
			return err
		}
	}
	for _, part := range [][]uint8{d.mainLengths[:literals], d.mainLengths[literals:], d.lengthLengths[:]} {
		if err := d.readLengths(part); err != nil {
			return err
		}
	}
	return errors.Join(d.main.Build(d.mainLengths), d.length.Build(d.lengthLengths[:]))
}

// readLengths turns the codeword lengths of the block before into the new ones.
func (d *Decoder) readLengths(lengths []uint8) error {
	var own [pretreeSymbols]uint8
	for i := range own {
		own[i] = uint8(d.bits.Read(pretreeLength))
	}
	if err := d.pretree.Build(own[:]); err != nil {
		return err
	}
	for len(lengths) > 0 {
		n, value, err := d.lengthRun(lengths[0])
		if err != nil {
			return err
		}
		if n > len(lengths) {
			return errRun
		}
		for i := range n {
			lengths[i] = value
		}
		lengths = lengths[n:]
	}
	return nil
}

// lengthRun reads the next lengths: how many, and which. before is the first
// of those they replace.
func (d *Decoder) lengthRun(before uint8) (n int, value uint8, err error) {
	symbol, err := d.pretree.Symbol(&d.bits)
	if err != nil {
		return 0, 0, err
	}
	n = 1
	switch symbol {
	case zerosShort:
		return shortMin + d.bits.Read(shortBits), 0, nil
	case zerosLong:
		return longMin + d.bits.Read(longBits), 0, nil
	case sameRun:
		n = sameMin + d.bits.Read(sameBits)
		if symbol, err = d.pretree.Symbol(&d.bits); err != nil {
			return 0, 0, err
		}
		if symbol > lz.MaxLength {
			return 0, 0, errRun
		}
	}
	return n, uint8((int(before) - symbol + lengthModulus) % lengthModulus), nil
}
