package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// xtsCipher is AES-XTS (IEEE 1619). The data unit is the sector; its number is the tweak.
type xtsCipher struct {
	data, tweak cipher.Block
	sector      int
	chains      sync.Pool
}

func newXTS(data, tweak cipher.Block, sector int) *xtsCipher {
	x := &xtsCipher{data: data, tweak: tweak, sector: sector}
	x.chains.New = func() any { return newChain(data) }
	return x
}

// xtsPolynomial reduces a tweak that was doubled past 128 bits.
const xtsPolynomial = 0x87

// fillTweaks writes the tweaks of all blocks of the sectors at off.
func (x *xtsCipher) fillTweaks(b []byte, off int64) {
	for unit := uint64(off) / uint64(x.sector); len(b) > 0; unit++ {
		sector := b[:x.sector]
		clear(sector[:aes.BlockSize])
		binary.LittleEndian.PutUint64(sector, unit)
		x.tweak.Encrypt(sector[:aes.BlockSize], sector[:aes.BlockSize])
		doubleTweaks(sector)
		b = b[x.sector:]
	}
}

// doubleTweaks fills a sector from its first tweak: each is the one before times x.
func doubleTweaks(b []byte) {
	lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	for b = b[aes.BlockSize:]; len(b) >= aes.BlockSize; b = b[aes.BlockSize:] {
		carry := hi >> 63
		hi = hi<<1 | lo>>63
		lo = lo<<1 ^ carry*xtsPolynomial
		binary.LittleEndian.PutUint64(b, lo)
		binary.LittleEndian.PutUint64(b[8:], hi)
	}
}

func (x *xtsCipher) Decrypt(b []byte, off int64) {
	c, _ := x.chains.Get().(*chain)
	defer x.chains.Put(c)
	for len(b) > 0 {
		n := min(len(b), batch)
		text, tweak := c.text[:n], c.tweak[:n]
		x.fillTweaks(tweak, off)
		subtle.XORBytes(text, b, tweak)
		c.before(tweak, text)
		c.decrypt(b[:n], text)
		subtle.XORBytes(b, b[:n], tweak)
		b, off = b[n:], off+int64(n)
	}
}

func (x *xtsCipher) Encrypt(b []byte, off int64) {
	c, _ := x.chains.Get().(*chain)
	defer x.chains.Put(c)
	for len(b) > 0 {
		n := min(len(b), batch)
		tweak := c.tweak[:n]
		x.fillTweaks(tweak, off)
		subtle.XORBytes(b, b[:n], tweak)
		for i := 0; i < n; i += aes.BlockSize {
			x.data.Encrypt(b[i:i+aes.BlockSize], b[i:i+aes.BlockSize])
		}
		subtle.XORBytes(b, b[:n], tweak)
		b, off = b[n:], off+int64(n)
	}
}
