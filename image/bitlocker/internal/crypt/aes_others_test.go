//go:build !amd64

package crypt

// variants are the cipher in every way that this processor has.
func variants(c *aesCipher) []*aesCipher { return []*aesCipher{c} }
