package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// cbcCipher is AES-CBC, with the Elephant diffuser where there is a tweak key. The
// initialisation vector is the sector's byte offset, encrypted.
type cbcCipher struct {
	data   cipher.Block
	tweak  cipher.Block // nil without a diffuser
	sector int
	chains sync.Pool
}

func newCBC(data, tweak cipher.Block, sector int) *cbcCipher {
	c := &cbcCipher{data: data, tweak: tweak, sector: sector}
	c.chains.New = func() any { return newChain(data) }
	return c
}

// sectorKeySize is the length of the diffuser's key of one sector; its second half differs in
// the last byte of what is encrypted.
const (
	sectorKeySize = 2 * aes.BlockSize
	sectorKeyFlag = 0x80
)

// iv writes the initialisation vector of the sector at off.
func (c *cbcCipher) iv(b []byte, off int64) {
	clear(b)
	binary.LittleEndian.PutUint64(b, uint64(off))
	c.data.Encrypt(b, b)
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
	ch, _ := c.chains.Get().(*chain)
	defer c.chains.Put(ch)
	for len(b) > 0 {
		n := min(len(b), batch)
		c.decryptBatch(ch, b[:n], off)
		if c.tweak != nil {
			c.undiffuse(ch, b[:n], off)
		}
		b, off = b[n:], off+int64(n)
	}
}

// decryptBatch decrypts sectors as if they were one. Only the first block of each then has
// the wrong thing added: the last ciphertext of the sector before instead of its vector.
func (c *cbcCipher) decryptBatch(ch *chain, b []byte, off int64) {
	wrong := ch.prev
	for i := 0; i < len(b); i += c.sector {
		fix := ch.tweak[i/c.sector*aes.BlockSize:][:aes.BlockSize]
		c.iv(fix, off+int64(i))
		subtle.XORBytes(fix, fix, wrong[:])
		copy(wrong[:], b[i+c.sector-aes.BlockSize:])
	}
	ch.decrypt(b, b)
	for i := 0; i < len(b); i += c.sector {
		subtle.XORBytes(b[i:], b[i:i+aes.BlockSize], ch.tweak[i/c.sector*aes.BlockSize:])
	}
}

// undiffuse takes the diffuser off each sector.
func (c *cbcCipher) undiffuse(ch *chain, b []byte, off int64) {
	words, key := ch.words[:c.sector/4], ch.tweak[:c.sector]
	for ; len(b) > 0; b = b[c.sector:] {
		load(words, b)
		diffuseB(words)
		diffuseA(words)
		store(b, words)
		c.sectorKey(key, off)
		subtle.XORBytes(b, b[:c.sector], key)
		off += int64(c.sector)
	}
}

func (c *cbcCipher) Encrypt(b []byte, off int64) {
	ch, _ := c.chains.Get().(*chain)
	defer c.chains.Put(ch)
	for ; len(b) > 0; b = b[c.sector:] {
		sector := b[:c.sector]
		if c.tweak != nil {
			c.diffuse(ch, sector, off)
		}
		vector := ch.text[:aes.BlockSize]
		c.iv(vector, off)
		cipher.NewCBCEncrypter(c.data, vector).CryptBlocks(sector, sector)
		off += int64(c.sector)
	}
}

// diffuse puts the diffuser on one sector.
func (c *cbcCipher) diffuse(ch *chain, sector []byte, off int64) {
	words, key := ch.words[:c.sector/4], ch.tweak[:c.sector]
	c.sectorKey(key, off)
	subtle.XORBytes(sector, sector, key)
	load(words, sector)
	reverseA(words)
	reverseB(words)
	store(sector, words)
}
