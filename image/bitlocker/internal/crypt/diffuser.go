package crypt

import (
	"encoding/binary"
	"math/bits"
)

// The two diffusers of Elephant (Ferguson, section 4): every word of a sector takes in two
// others, at distances 2 and 5, rotated by an amount that depends on the word's number. A
// looks back, B ahead; both wrap around.
const (
	cyclesA = 5
	cyclesB = 3
	near    = 2
	far     = 5
	edge    = 8 // words at the end where something wraps, rounded up to whole groups
	group   = 4 // words until the rotations repeat
)

var (
	rotationsA = [group]int{9, 0, 13, 0}
	rotationsB = [group]int{0, 10, 0, 25}
)

// diffuseA is the first diffuser as it is used for decrypting. Its loop is unrolled by the
// four rotations: memory dumps of Windows 7 lie under it.
func diffuseA(w []uint32) {
	for range cyclesA {
		for i := range edge {
			w[i] += stepA(w, i)
		}
		for i := edge; i < len(w); i += group {
			s := (*[far + group]uint32)(w[i-far:])
			s[5] += s[3] ^ bits.RotateLeft32(s[0], 9)
			s[6] += s[4] ^ s[1]
			s[7] += s[5] ^ bits.RotateLeft32(s[2], 13)
			s[8] += s[6] ^ s[3]
		}
	}
}

// diffuseB is the second diffuser as it is used for decrypting.
func diffuseB(w []uint32) {
	n := len(w)
	for range cyclesB {
		for i := 0; i < n-edge; i += group {
			s := (*[far + group]uint32)(w[i:])
			s[0] += s[2] ^ s[5]
			s[1] += s[3] ^ bits.RotateLeft32(s[6], 10)
			s[2] += s[4] ^ s[7]
			s[3] += s[5] ^ bits.RotateLeft32(s[8], 25)
		}
		for i := n - edge; i < n; i++ {
			w[i] += stepB(w, i)
		}
	}
}

// reverseA is the reverse of diffuseA, for encrypting.
func reverseA(w []uint32) {
	for range cyclesA {
		for i := len(w) - 1; i >= 0; i-- {
			w[i] -= stepA(w, i)
		}
	}
}

// reverseB is the reverse of diffuseB.
func reverseB(w []uint32) {
	for range cyclesB {
		for i := len(w) - 1; i >= 0; i-- {
			w[i] -= stepB(w, i)
		}
	}
}

// stepA is what word i takes in. The number of words is a power of two.
func stepA(w []uint32, i int) uint32 {
	mask := len(w) - 1
	return w[(i-near)&mask] ^ bits.RotateLeft32(w[(i-far)&mask], rotationsA[i%group])
}

func stepB(w []uint32, i int) uint32 {
	mask := len(w) - 1
	return w[(i+near)&mask] ^ bits.RotateLeft32(w[(i+far)&mask], rotationsB[i%group])
}

// load and store turn a sector into words and back.
func load(w []uint32, b []byte) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
}

func store(b []byte, w []uint32) {
	for i, v := range w {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
}
