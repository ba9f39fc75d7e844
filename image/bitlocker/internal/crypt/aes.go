package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// aesCipher is AES with one key. Crypto/aes takes one block at a time, and a processor with
// instructions for AES then mostly waits: a block's rounds follow each other, but eight blocks
// can go through them side by side. So whole groups of blocks have code of their own where
// there are such instructions.
type aesCipher struct {
	cipher.Block
	groups groupCipher // nil: the processor has no instructions for it
}

// groupSize is how many bytes go through the rounds together.
const groupSize = 8 * aes.BlockSize

// groupCipher does what aesCipher does, of whole groups.
type groupCipher interface {
	decryptXTS(b, tweaks []byte)
	encryptXTS(b, tweaks []byte)
	decryptCBC(b []byte, iv *[aes.BlockSize]byte)
}

func newAES(key []byte) (*aesCipher, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &aesCipher{block, newGroupCipher(key)}, nil
}

// inGroups tells whether b can be left to the group cipher.
func (c *aesCipher) inGroups(b []byte) bool {
	return c.groups != nil && len(b) > 0 && len(b)%groupSize == 0
}

// decryptXTS decrypts whole blocks, each of which has its tweak.
func (c *aesCipher) decryptXTS(b, tweaks []byte) {
	if c.inGroups(b) {
		c.groups.decryptXTS(b, tweaks)
		return
	}
	subtle.XORBytes(b, b, tweaks)
	for rest := b; len(rest) > 0; rest = rest[aes.BlockSize:] {
		c.Decrypt(rest, rest)
	}
	subtle.XORBytes(b, b, tweaks)
}

// encryptXTS is the reverse.
func (c *aesCipher) encryptXTS(b, tweaks []byte) {
	if c.inGroups(b) {
		c.groups.encryptXTS(b, tweaks)
		return
	}
	subtle.XORBytes(b, b, tweaks)
	for rest := b; len(rest) > 0; rest = rest[aes.BlockSize:] {
		c.Encrypt(rest, rest)
	}
	subtle.XORBytes(b, b, tweaks)
}

// decryptCBC decrypts whole blocks that follow each other from an initialisation vector.
func (c *aesCipher) decryptCBC(b []byte, iv *[aes.BlockSize]byte) {
	if c.inGroups(b) {
		c.groups.decryptCBC(b, iv)
		return
	}
	before := *iv
	for ; len(b) > 0; b = b[aes.BlockSize:] {
		this := [aes.BlockSize]byte(b)
		c.Decrypt(b, b)
		subtle.XORBytes(b, b[:aes.BlockSize], before[:])
		before = this
	}
}

// encryptCBC is the reverse. Every block waits for the one before, so nothing is to be gained
// by groups.
func (c *aesCipher) encryptCBC(b []byte, iv *[aes.BlockSize]byte) {
	before := iv[:]
	for ; len(b) > 0; b = b[aes.BlockSize:] {
		subtle.XORBytes(b, b[:aes.BlockSize], before)
		c.Encrypt(b, b)
		before = b[:aes.BlockSize]
	}
}
