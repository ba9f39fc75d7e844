package crypt

import (
	"crypto/aes"

	"golang.org/x/sys/cpu"
)

// newGroupCipher takes the best that the processor has, nil if it has no instructions for AES.
func newGroupCipher(key []byte) groupCipher {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512VAES && cpu.X86.HasAES:
		return &wideKeys{*expandKey(key)}
	case cpu.X86.HasAES:
		return expandKey(key)
	}
	return nil
}

// wideKeys are used by instructions that put four blocks at once through a round (VAES).
type wideKeys struct{ roundKeys }

// wideSize is how many bytes then go through the rounds together.
const wideSize = 2 * groupSize

func (k *wideKeys) decryptXTS(b, tweaks []byte) {
	if len(b)%wideSize != 0 {
		k.roundKeys.decryptXTS(b, tweaks)
		return
	}
	decryptXTSWide(&k.decrypt, k.rounds, &b[0], &tweaks[:len(b)][0], len(b)/wideSize)
}

func (k *wideKeys) encryptXTS(b, tweaks []byte) {
	if len(b)%wideSize != 0 {
		k.roundKeys.encryptXTS(b, tweaks)
		return
	}
	encryptXTSWide(&k.encrypt, k.rounds, &b[0], &tweaks[:len(b)][0], len(b)/wideSize)
}

func (k *wideKeys) decryptCBC(b []byte, iv *[aes.BlockSize]byte) {
	if len(b)%wideSize != 0 {
		k.roundKeys.decryptCBC(b, iv)
		return
	}
	decryptCBCWide(&k.decrypt, k.rounds, &b[0], iv, len(b)/wideSize)
}

// The functions below are those for groups, for groups of wideSize bytes.

//go:noescape
func decryptXTSWide(keys *schedule, rounds int, b, tweaks *byte, groups int)

//go:noescape
func encryptXTSWide(keys *schedule, rounds int, b, tweaks *byte, groups int)

//go:noescape
func decryptCBCWide(keys *schedule, rounds int, b *byte, iv *[aes.BlockSize]byte, groups int)
