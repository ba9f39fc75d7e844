package verify

import (
	"bytes"
	"fmt"
)

// ref names an MFT record: its number below, its sequence number in the top 16 bits.
type ref uint64

const refNumberBits = 48

func newRef(number int64, sequence uint16) ref { return ref(number) | ref(sequence)<<refNumberBits }

func (r ref) number() int64    { return int64(r & (1<<refNumberBits - 1)) }
func (r ref) sequence() uint16 { return uint16(r >> refNumberBits) }
func (r ref) String() string   { return fmt.Sprintf("%d-%d", r.number(), r.sequence()) }

// The records with a fixed number.
const (
	recordMFT       = 0
	recordMFTMirr   = 1
	recordLogFile   = 2
	recordVolume    = 3
	recordAttrDef   = 4
	recordRoot      = 5
	recordBitmap    = 6
	recordBoot      = 7
	recordBadClus   = 8
	recordSecure    = 9
	recordUpCase    = 10
	firstUserRecord = 16 // those before may be without a name
	firstShown      = 24 // those before have entries that Windows does not keep up
)

const (
	recordMagic        = "FILE"
	recordSequence     = 0x10
	recordLinks        = 0x12
	recordAttributes   = 0x14
	recordFlags        = 0x16
	recordBytesInUse   = 0x18
	recordAllocated    = 0x1c
	recordBase         = 0x20
	recordNextInstance = 0x28
	recordNumber       = 0x2c
	recordHeaderSize   = 0x30

	recordInUse     = 0x0001
	recordDirectory = 0x0002

	endSize = 8 // the end marker, padded
)

// record is one MFT record: unsealed, and cut into attributes whose bounds are proven.
type record struct {
	raw    []byte
	number int64
	off    int64 // on the volume
	attrs  []attribute
	end    int // where the end marker is
}

// parse unseals b, which is changed, and walks its attributes. Room for them is reused.
func (r *record) parse(b []byte, number, off int64) error {
	*r = record{raw: b, number: number, off: off, attrs: r.attrs[:0]}
	if err := unseal(b, recordMagic, BadRecord, off); err != nil {
		return err
	}
	if r.flags()&recordInUse == 0 {
		return nil // what it was once is nobody's business
	}
	used := le.Uint32(b[recordBytesInUse:])
	if used > uint32(len(b)) || used < recordHeaderSize+endSize {
		return bad(BadRecord, off+recordBytesInUse, "MFT record: bytes in use", fmt.Sprintf("at most %d", len(b)), used)
	}
	return r.parseAttributes(int(le.Uint16(b[recordAttributes:])))
}

func (r *record) parseAttributes(pos int) error {
	if pos < recordHeaderSize-endSize {
		return bad(BadRecord, r.off+recordAttributes, "MFT record: first attribute", "behind the header", hex(pos))
	}
	for {
		if pos%attrAlign != 0 || pos+endSize > len(r.raw) {
			return bad(BadRecord, r.off+int64(pos), "MFT record: attribute offset", "inside the record", hex(pos))
		}
		if le.Uint32(r.raw[pos:]) == typeEnd {
			r.end = pos
			return nil
		}
		length := le.Uint32(r.raw[pos+attrLength:])
		if length < minAttributeSize || length%attrAlign != 0 || uint64(length) > uint64(len(r.raw)-pos) {
			return bad(BadRecord, r.off+int64(pos), "MFT record: attribute length", "a multiple of 8 inside the record", hex(length))
		}
		a, err := newAttribute(r.raw[pos:pos+int(length)], r.off+int64(pos), r.number)
		if err != nil {
			return err
		}
		r.attrs = append(r.attrs, a)
		pos += int(length)
	}
}

func (r *record) flags() uint16    { return le.Uint16(r.raw[recordFlags:]) }
func (r *record) inUse() bool      { return r.flags()&recordInUse != 0 }
func (r *record) directory() bool  { return r.flags()&recordDirectory != 0 }
func (r *record) sequence() uint16 { return le.Uint16(r.raw[recordSequence:]) }
func (r *record) links() int       { return int(le.Uint16(r.raw[recordLinks:])) }
func (r *record) base() ref        { return ref(le.Uint64(r.raw[recordBase:])) }
func (r *record) ref() ref         { return newRef(r.number, r.sequence()) }

// find returns the first attribute of a type and name.
func (r *record) find(kind uint32, name string) (attribute, bool) {
	for _, a := range r.attrs {
		if a.kind() == kind && a.named(name) {
			return a, true
		}
	}
	return attribute{}, false
}

// checkHeader checks the fields of a record in use that nothing is read by.
func (c *checker) checkHeader(r *record) {
	if used := le.Uint32(r.raw[recordBytesInUse:]); int(used) != r.end+endSize {
		c.add(r.number, RecordHeader, r.off+recordBytesInUse, "MFT record: bytes in use", r.end+endSize, used)
	}
	if n := le.Uint32(r.raw[recordAllocated:]); int(n) != len(r.raw) {
		c.add(r.number, RecordHeader, r.off+recordAllocated, "MFT record: bytes allocated", len(r.raw), n)
	}
	// NTFS 3.0 has its update sequence array here, and the ntfs3 driver leaves zero.
	if start := le.Uint16(r.raw[fixupOffset:]); start >= recordHeaderSize {
		if n := le.Uint32(r.raw[recordNumber:]); n != 0 && n != uint32(r.number) {
			c.add(r.number, RecordHeader, r.off+recordNumber, "MFT record: its number", r.number, n)
		}
	}
	if r.sequence() == 0 {
		c.add(r.number, RecordHeader, r.off+recordSequence, "MFT record: sequence number", "not zero", 0)
	}
}

// checkOrder checks the order of attributes and their instance numbers.
func (c *checker) checkOrder(r *record) {
	next := le.Uint16(r.raw[recordNextInstance:])
	for i, a := range r.attrs {
		if a.instance() >= next {
			c.add(r.number, Instance, a.off+attrInstance, a.what("instance"), fmt.Sprintf("below %d", next), a.instance())
		}
		for _, other := range r.attrs[:i] {
			if other.instance() == a.instance() {
				c.add(r.number, Instance, a.off+attrInstance, a.what("instance"), "another than attribute "+hex(other.kind()).String()+" has", a.instance())
				break
			}
		}
		if i > 0 {
			c.checkNeighbours(r.attrs[i-1], a)
		}
	}
}

func (c *checker) checkNeighbours(a, b attribute) {
	order := c.compareAttributes(a, b)
	switch {
	case order > 0:
		c.add(a.record, AttributeOrder, b.off, b.what("order"), "before attribute "+hex(a.kind()).String(), "behind it")
	case order == 0 && b.kind() != typeFileName && bytes.Equal(a.name(), b.name()):
		c.add(a.record, AttributeOrder, b.off, b.what("and name"), "once", "twice")
	}
}

// readRecord reads a record of $MFT by itself.
func (c *checker) readRecord(number int64) (*record, error) {
	if number < 0 || number >= c.records {
		return nil, bad(DanglingEntry, -1, "MFT record number", fmt.Sprintf("below %d", c.records), number)
	}
	b, r := make([]byte, c.geometry.recordSize), &record{}
	at := c.mft.deviceOffset(number*c.geometry.recordSize, c.geometry.clusterSize)
	if err := c.mft.readAt(c, b, number*c.geometry.recordSize); err != nil {
		return nil, err
	}
	return r, r.parse(b, number, at)
}
