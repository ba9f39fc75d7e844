package crypt

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
)

// cbcCipher is AES-CBC, with the Elephant diffuser where there is a tweak key. The
// initialisation vector is the sector's byte offset, encrypted.
type cbcCipher struct {
	data   *aesCipher
	tweak  *aesCipher // nil without a diffuser
	sector int
}

// sectorKeySize is the length of the diffuser's key of one sector; its second half differs in
// the last byte of what is encrypted.
const (
	sectorKeySize = 2 * aes.BlockSize
	sectorKeyFlag = 0x80
)

// vector writes the initialisation vector of the sector at off.
func (c *cbcCipher) vector(iv *[aes.BlockSize]byte, off int64) {
	clear(iv[:])
	binary.LittleEndian.PutUint64(iv[:], uint64(off))
	c.data.Encrypt(iv[:], iv[:])
}

// sectorKey writes the diffuser's key of the sector at off as often as it fits.
func (c *cbcCipher) sectorKey(b []byte, off int64) {
	first, second := b[:aes.BlockSize], b[aes.BlockSize:sectorKeySize]
	clear(b[:sectorKeySize])
	binary.LittleEndian.PutUint64(first, uint64(off))
	copy(second, first)
	second[aes.BlockSize-1] = sectorKeyFlag
	c.tweak.Encrypt(first, first)
	c.tweak.Encrypt(second, second)
	for n := sectorKeySize; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

func (c *cbcCipher) Decrypt(b []byte, off int64) {
	s, giveBack := borrow()
	defer giveBack()
	for ; len(b) > 0; b = b[c.sector:] {
		sector := b[:c.sector]
		c.vector(&s.iv, off)
		c.data.decryptCBC(sector, &s.iv)
		if c.tweak != nil {
			c.undiffuse(s, sector, off)
		}
		off += int64(c.sector)
	}
}

// undiffuse takes the diffuser off one sector.
func (c *cbcCipher) undiffuse(s *scratch, sector []byte, off int64) {
	words, key := s.words[:c.sector/4], s.mask[:c.sector]
	load(words, sector)
	diffuseB(words)
	diffuseA(words)
	store(sector, words)
	c.sectorKey(key, off)
	subtle.XORBytes(sector, sector, key)
}

func (c *cbcCipher) Encrypt(b []byte, off int64) {
	s, giveBack := borrow()
	defer giveBack()
	for ; len(b) > 0; b = b[c.sector:] {
		sector := b[:c.sector]
		if c.tweak != nil {
			c.diffuse(s, sector, off)
		}
		c.vector(&s.iv, off)
		c.data.encryptCBC(sector, &s.iv)
		off += int64(c.sector)
	}
}

// diffuse puts the diffuser on one sector.
func (c *cbcCipher) diffuse(s *scratch, sector []byte, off int64) {
	words, key := s.words[:c.sector/4], s.mask[:c.sector]
	c.sectorKey(key, off)
	subtle.XORBytes(sector, sector, key)
	load(words, sector)
	reverseA(words)
	reverseB(words)
	store(sector, words)
}
