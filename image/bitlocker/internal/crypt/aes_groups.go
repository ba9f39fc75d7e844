//go:build amd64 || arm64

package crypt

import (
	"crypto/aes"
	"encoding/binary"
	"math/bits"
)

// Figures of FIPS 197: the key expansion works on words, and the longest key has 14 rounds.
const (
	wordSize      = 4
	blockWords    = aes.BlockSize / wordSize
	maxRounds     = 14
	aesPolynomial = 0x1b // reduces a round constant that was doubled past a byte
)

// schedule is one key for each round and one before them.
type schedule [maxRounds + 1][aes.BlockSize]byte

// roundKeys are the keys of the rounds, for encrypting and for the "equivalent inverse cipher"
// (FIPS 197, section 5.3.5), whose rounds are what the instructions decrypt by.
type roundKeys struct {
	rounds           int
	encrypt, decrypt schedule
}

// expandKey is the key expansion (FIPS 197, section 5.2). Its words are little endian, as they
// lie in memory. The substitution is the processor's own: a table would tell by its timing what
// was looked up.
func expandKey(key []byte) *roundKeys {
	n := len(key) / wordSize
	k := &roundKeys{rounds: n + 6}
	var w [(maxRounds + 1) * blockWords]uint32
	for i := range n {
		w[i] = binary.LittleEndian.Uint32(key[wordSize*i:])
	}
	for i, constant := n, byte(1); i < (k.rounds+1)*blockWords; i++ {
		t := w[i-1]
		switch {
		case i%n == 0:
			t = substitute(bits.RotateLeft32(t, -8)) ^ uint32(constant)
			constant = constant<<1 ^ constant>>7*aesPolynomial
		case n > 6 && i%n == 4:
			t = substitute(t)
		}
		w[i] = w[i-n] ^ t
	}
	for i := range (k.rounds + 1) * blockWords {
		binary.LittleEndian.PutUint32(k.encrypt[i/blockWords][i%blockWords*wordSize:], w[i])
	}
	k.invert()
	return k
}

// invert makes the keys for decrypting: the others backwards, with the columns of all but the
// outermost unmixed.
func (k *roundKeys) invert() {
	for i := range k.rounds + 1 {
		k.decrypt[i] = k.encrypt[k.rounds-i]
		if i > 0 && i < k.rounds {
			unmixColumns(&k.decrypt[i])
		}
	}
}

func (k *roundKeys) decryptXTS(b, tweaks []byte) {
	decryptXTSGroups(&k.decrypt, k.rounds, &b[0], &tweaks[:len(b)][0], len(b)/groupSize)
}

func (k *roundKeys) encryptXTS(b, tweaks []byte) {
	encryptXTSGroups(&k.encrypt, k.rounds, &b[0], &tweaks[:len(b)][0], len(b)/groupSize)
}

func (k *roundKeys) decryptCBC(b []byte, iv *[aes.BlockSize]byte) {
	decryptCBCGroups(&k.decrypt, k.rounds, &b[0], iv, len(b)/groupSize)
}

// substitute puts the four bytes of a word through the S-box.
//
//go:noescape
func substitute(w uint32) uint32

// unmixColumns is the inverse of MixColumns.
//
//go:noescape
func unmixColumns(b *[aes.BlockSize]byte)

// The functions below work in place on groups of groupSize bytes, of which there is at least
// one; they look at no lengths.

//go:noescape
func decryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)

//go:noescape
func encryptXTSGroups(keys *schedule, rounds int, b, tweaks *byte, groups int)

//go:noescape
func decryptCBCGroups(keys *schedule, rounds int, b *byte, iv *[aes.BlockSize]byte, groups int)
