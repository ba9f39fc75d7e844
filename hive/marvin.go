package hive

import "math/bits"

// marvin32 is the keyed hash of HvLE log entries, with the seed Windows uses for them. The length
// of data is a multiple of 4.
func marvin32(data []byte) uint64 {
	m := marvin{lo: 0x7A4E55C5, hi: 0x82EF4D88}
	for ; len(data) >= 4; data = data[4:] {
		m.mix(le.Uint32(data))
	}
	m.mix(0x80)
	m.mix(0)
	return uint64(m.hi)<<32 | uint64(m.lo)
}

type marvin struct{ lo, hi uint32 }

func (m *marvin) mix(v uint32) {
	m.lo += v
	m.hi ^= m.lo
	m.lo = bits.RotateLeft32(m.lo, 20) + m.hi
	m.hi = bits.RotateLeft32(m.hi, 9) ^ m.lo
	m.lo = bits.RotateLeft32(m.lo, 27) + m.hi
	m.hi = bits.RotateLeft32(m.hi, 19)
}
