package crypt

import (
	"crypto/aes"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded is memory of whole pages between two that nothing may touch.
func guarded(t *testing.T, pages int) []byte {
	t.Helper()
	page := unix.Getpagesize()
	all, err := unix.Mmap(-1, 0, (pages+2)*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(all) })
	b := all[page : page+pages*page]
	if err := unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBounds works on memory that begins or ends where a page ends: a byte too far is a fault.
func TestBounds(t *testing.T) {
	t.Parallel()
	data, tweaks, vector := guarded(t, 1), guarded(t, 1), guarded(t, 1)
	iv := (*[aes.BlockSize]byte)(vector[len(vector)-aes.BlockSize:])
	for _, size := range []int{16, 32} {
		c := mustAES(t, sequence(1, size))
		for n := aes.BlockSize; n <= 5*groupSize; n += aes.BlockSize {
			for _, at := range []int{0, len(data) - n} {
				b, masks := data[at:at+n], tweaks[at:at+n]
				copy(b, sequence(n, n))
				copy(masks, sequence(n+1, n))
				sameAsLibrary(t, c, b, masks, *iv)
				c.decryptCBC(b, iv)
				c.encryptCBC(b, iv)
			}
		}
	}
}
