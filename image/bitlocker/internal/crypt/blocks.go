package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"sync"
)

// maxSector is the largest sector there is.
const maxSector = 4096

// scratch is what one goroutine needs beside the sector it works on.
type scratch struct {
	mask  [maxSector]byte // to be added to the sector
	words [maxSector / 4]uint32
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// borrow gives a scratch, and a function that takes it back.
func borrow() (*scratch, func()) {
	s, _ := scratches.Get().(*scratch)
	return s, func() {
		clear(s.mask[:])
		clear(s.words[:])
		scratches.Put(s)
	}
}

// decryptBlocks decrypts each block by itself. With Go 1.26 on amd64 this is faster than to
// decrypt many at once as CBC and to take away what CBC added.
func decryptBlocks(block cipher.Block, b []byte) {
	for ; len(b) > 0; b = b[aes.BlockSize:] {
		block.Decrypt(b[:aes.BlockSize], b[:aes.BlockSize])
	}
}

func encryptBlocks(block cipher.Block, b []byte) {
	for ; len(b) > 0; b = b[aes.BlockSize:] {
		block.Encrypt(b[:aes.BlockSize], b[:aes.BlockSize])
	}
}
