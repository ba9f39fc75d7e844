package format

import "fmt"

// recordNumber is the place of a record in $MFT.
type recordNumber int64

// recordRef is a record number and, in the top 16 bits, its sequence number.
type recordRef uint64

func newRef(n recordNumber, sequence uint16) recordRef {
	return recordRef(n) | recordRef(sequence)<<48
}

// recordFlags of an MFT record.
type recordFlags uint16

const (
	recordInUse     recordFlags = 0x1
	recordDirectory recordFlags = 0x2
	recordExtend    recordFlags = 0x4 // a child of $Extend
	recordViewIndex recordFlags = 0x8
)

// Fields of an MFT record.
const (
	recordFixupOffset    = 0x04
	recordFixupCount     = 0x06
	recordSequence       = 0x10
	recordLinks          = 0x12
	recordAttributes     = 0x14
	recordFlagsOffset    = 0x16
	recordBytesInUse     = 0x18
	recordBytesAllocated = 0x1c
	recordBase           = 0x20
	recordNextInstance   = 0x28
	recordNumberOffset   = 0x2c
	recordFixup          = 0x30

	recordEndSize = 8 // the end marker, padded
)

// record is an MFT record to be encoded.
type record struct {
	number   recordNumber
	sequence uint16
	flags    recordFlags
	base     recordRef // of an extension record
	attrs    []attribute
}

// attributesOffset is where the first attribute of a record begins.
func (g geometry) attributesOffset() int {
	return align(recordFixup+fixupArraySize(g.recordSize), attrAlign)
}

// recordRoom is how many bytes of attributes a record holds.
func (g geometry) recordRoom() int {
	return g.recordSize - g.attributesOffset() - recordEndSize
}

// encode builds the record as it stands on disk; instances are numbered in order.
func (r *record) encode(g geometry) ([]byte, error) {
	b := make([]byte, g.attributesOffset(), g.recordSize)
	copy(b, "FILE")
	links := 0
	for i := range r.attrs {
		b = r.attrs[i].append(b, uint16(i))
		if r.attrs[i].typ == typeFileName {
			links++
		}
	}
	b = le.AppendUint32(b, uint32(typeEnd))
	b = append(b, 0, 0, 0, 0)
	if len(b) > g.recordSize {
		return nil, fmt.Errorf("record %d: %d bytes of attributes do not fit", r.number, len(b))
	}
	le.PutUint16(b[recordSequence:], r.sequence)
	le.PutUint16(b[recordLinks:], uint16(links))
	le.PutUint16(b[recordAttributes:], uint16(g.attributesOffset()))
	le.PutUint16(b[recordFlagsOffset:], uint16(r.flags))
	le.PutUint32(b[recordBytesInUse:], uint32(len(b)))
	le.PutUint32(b[recordBytesAllocated:], uint32(g.recordSize))
	le.PutUint64(b[recordBase:], uint64(r.base))
	le.PutUint16(b[recordNextInstance:], uint16(len(r.attrs)))
	le.PutUint32(b[recordNumberOffset:], uint32(r.number))
	b = b[:g.recordSize]
	protect(b, recordFixup)
	return b, nil
}

func (r *record) ref() recordRef { return newRef(r.number, r.sequence) }

// firstUSN is the update sequence number of everything freshly written.
const firstUSN = 1

// fixupArraySize is the length of the update sequence array of a record: its
// number and the true last two bytes of each protected piece.
func fixupArraySize(recordSize int) int { return 2 * (recordSize/fixupStride + 1) }

// protect puts the update sequence array at offset and applies it to a record.
func protect(b []byte, offset int) {
	le.PutUint16(b[recordFixupOffset:], uint16(offset))
	le.PutUint16(b[recordFixupCount:], uint16(fixupArraySize(len(b))/2))
	le.PutUint16(b[offset:], firstUSN)
	for i := fixupStride; i <= len(b); i += fixupStride {
		last := b[i-2 : i]
		copy(b[offset+2*(i/fixupStride):], last)
		le.PutUint16(last, firstUSN)
	}
}
