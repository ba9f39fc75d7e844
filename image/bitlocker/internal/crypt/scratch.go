package crypt

import (
	"crypto/aes"
	"sync"
)

// maxSector is the largest sector there is.
const maxSector = 4096

// scratch is what one goroutine needs beside the sector it works on.
type scratch struct {
	mask  [maxSector]byte // to be added to the sector
	words [maxSector / 4]uint32
	iv    [aes.BlockSize]byte
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
