package crypt

import (
	"crypto/aes"
	"encoding/binary"
)

// xtsCipher is AES-XTS (IEEE 1619). The data unit is the sector; its number is the tweak.
type xtsCipher struct {
	data, tweak *aesCipher
	sector      int
}

// xtsPolynomial reduces a tweak that was doubled past 128 bits.
const xtsPolynomial = 0x87

// fillTweaks writes the tweaks of all blocks of the sector at off.
func (x *xtsCipher) fillTweaks(sector []byte, off int64) {
	first := sector[:aes.BlockSize]
	clear(first)
	binary.LittleEndian.PutUint64(first, uint64(off)/uint64(x.sector))
	x.tweak.Encrypt(first, first)
	doubleTweaks(sector)
}

// doubleTweaks fills a sector from its first tweak: each is the one before times x.
func doubleTweaks(b []byte) {
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	for b = b[aes.BlockSize:]; len(b) >= aes.BlockSize; b = b[aes.BlockSize:] {
		carry := uint64(int64(hi)>>63) & xtsPolynomial // all of it or nothing
		hi = hi<<1 | lo>>63
		lo = lo<<1 ^ carry
		binary.LittleEndian.PutUint64(b, lo)
		binary.LittleEndian.PutUint64(b[8:], hi)
	}
}

func (x *xtsCipher) Decrypt(b []byte, off int64) { x.crypt(b, off, x.data.decryptXTS) }

func (x *xtsCipher) Encrypt(b []byte, off int64) { x.crypt(b, off, x.data.encryptXTS) }

func (x *xtsCipher) crypt(b []byte, off int64, blocks func(b, tweaks []byte)) {
	s, giveBack := borrow()
	defer giveBack()
	tweaks := s.mask[:x.sector]
	for ; len(b) > 0; b = b[x.sector:] {
		x.fillTweaks(tweaks, off)
		blocks(b[:x.sector], tweaks)
		off += int64(x.sector)
	}
}
