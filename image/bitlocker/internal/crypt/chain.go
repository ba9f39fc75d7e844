package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// batch is how many bytes are handed to the block cipher at once: few enough to stay in the
// processor's nearest cache, and enough to make the call's own cost disappear.
const batch = 4096

// maxSector is the largest sector there is.
const maxSector = 4096

// chain decrypts many blocks at once through CBC, the only mode for which the standard
// library decrypts more than one block a call. What CBC adds to each block, the ciphertext of
// the block before, is known and taken away again. A chain is for one goroutine.
type chain struct {
	mode cipher.BlockMode
	prev [aes.BlockSize]byte // last ciphertext block of the call before

	text  [batch]byte // scratch of the ciphers
	tweak [batch]byte
	words [maxSector / 4]uint32
}

func newChain(block cipher.Block) *chain {
	c := &chain{}
	c.mode = cipher.NewCBCDecrypter(block, c.prev[:])
	return c
}

// decrypt sets dst[i] = D(src[i]) ^ src[i-1] for each block; prev stands before the first.
func (c *chain) decrypt(dst, src []byte) {
	last := *(*[aes.BlockSize]byte)(src[len(src)-aes.BlockSize:])
	c.mode.CryptBlocks(dst, src)
	c.prev = last
}

// before sets mask[i] ^= src[i-1] for each block: what decrypt will have added.
func (c *chain) before(mask, src []byte) {
	subtle.XORBytes(mask, mask, c.prev[:])
	subtle.XORBytes(mask[aes.BlockSize:], mask[aes.BlockSize:], src[:len(src)-aes.BlockSize])
}
