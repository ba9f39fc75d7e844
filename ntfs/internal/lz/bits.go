package lz

import "encoding/binary"

var le = binary.LittleEndian

// Bits reads a stream of bits in 16-bit units. It always holds at least 16
// bits ahead, as [MS-XCA] 2.2.4 has it: the bytes that both formats put between
// the bits lie behind the units read so far. Behind the end there are zeros;
// Overrun says whether any were used.
type Bits struct {
	src    []byte
	pos    int
	ahead  uint32 // the next bits, in the high end
	count  uint   // how many of them
	padded uint   // how many of all bits were not in src
}

const (
	unitBits  = 16
	unitBytes = unitBits / 8
)

// NewBits begins at the start of src.
func NewBits(src []byte) Bits {
	b := Bits{src: src}
	b.Restart()
	return b
}

func (b *Bits) fill() {
	if b.pos+unitBytes <= len(b.src) {
		b.ahead |= uint32(le.Uint16(b.src[b.pos:])) << (unitBits - b.count)
		b.pos += unitBytes
	} else {
		b.padded += unitBits
	}
	b.count += unitBits
}

// peek shows the next 16 bits.
func (b *Bits) peek() uint32 { return b.ahead >> unitBits }

// Skip drops at most 16 bits.
func (b *Bits) Skip(n uint) {
	b.ahead <<= n
	b.count -= n
	if b.count < unitBits {
		b.fill()
	}
}

// Read takes the next n bits, at most 16.
func (b *Bits) Read(n uint) int {
	v := b.peek() >> (unitBits - n)
	b.Skip(n)
	return int(v)
}

// Bytes takes n bytes from behind the units read so far.
func (b *Bits) Bytes(n int) ([]byte, error) {
	if n > len(b.src)-b.pos {
		return nil, ErrInput
	}
	p := b.src[b.pos : b.pos+n]
	b.pos += n
	return p, nil
}

// Align drops the rest of the unit of the next bit, all of it if that is its
// first, and gives back the units behind it: the next Bytes begin there.
func (b *Bits) Align() {
	unread := int(b.count-1)/unitBits - int(b.padded)/unitBits
	b.pos -= unitBytes * max(0, unread)
	b.ahead, b.count, b.padded = 0, 0, 0
}

// Restart reads bits again behind the bytes that followed Align.
func (b *Bits) Restart() {
	b.fill()
	b.fill()
}

// Overrun tells whether bits were used that the input does not have.
func (b *Bits) Overrun() bool { return b.padded > b.count }
