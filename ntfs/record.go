package ntfs

import (
	"fmt"
)

// RecordRef names an MFT record: its number, and the sequence number that
// tells the file living there now from those that lived there before.
type RecordRef struct {
	Number   uint64
	Sequence uint16
}

// String shows the reference as number-sequence.
func (r RecordRef) String() string { return fmt.Sprintf("%d-%d", r.Number, r.Sequence) }

const recordNumberBits = 48

func recordRef(v uint64) RecordRef {
	return RecordRef{Number: v & (1<<recordNumberBits - 1), Sequence: uint16(v >> recordNumberBits)}
}

// The records this package knows by number.
const (
	recordMFT       = 0
	recordMFTMirr   = 1
	recordLogFile   = 2
	recordVolume    = 3
	recordAttrDef   = 4
	recordRoot      = 5
	recordBitmap    = 6
	recordBoot      = 7
	recordSecure    = 9
	recordUpCase    = 10
	firstUserRecord = 16
)

const (
	recordMagic      = "FILE"
	recordSequence   = 0x10
	recordLinks      = 0x12
	recordAttributes = 0x14
	recordFlags      = 0x16
	recordBytesInUse = 0x18
	recordBase       = 0x20
	recordHeaderSize = 0x30

	recordInUse     = 0x0001
	recordDirectory = 0x0002

	minAttributeSize = 0x18
)

// record is one MFT record: unsealed, and cut into attributes whose bounds are proven.
type record struct {
	raw   []byte
	ref   RecordRef
	off   int64 // on the volume
	attrs []attribute
}

// parseRecord unseals b, which is changed, and walks its attributes.
func parseRecord(b []byte, number uint64, off int64) (*record, error) {
	if err := unseal(b, recordMagic, off); err != nil {
		return nil, err
	}
	r := &record{raw: b, off: off}
	r.ref = RecordRef{Number: number, Sequence: le.Uint16(b[recordSequence:])}
	used := le.Uint32(b[recordBytesInUse:])
	if used > uint32(len(b)) || used < recordHeaderSize {
		return nil, damaged(off, "MFT record: bytes in use", fmt.Sprintf("at most %d", len(b)), used)
	}
	var err error
	r.attrs, err = parseAttributes(b[:used], int(le.Uint16(b[recordAttributes:])), off)
	for i := range r.attrs {
		r.attrs[i].record = number
	}
	return r, err
}

// parseAttributes cuts the used part of a record into its attributes.
func parseAttributes(b []byte, pos int, off int64) ([]attribute, error) {
	var attrs []attribute
	for {
		if pos%8 != 0 || pos < 0 || pos+4 > len(b) {
			return nil, damaged(off, "MFT record: attribute offset", "inside the record", hex(pos))
		}
		if le.Uint32(b[pos:]) == typeEnd {
			return attrs, nil
		}
		if pos+minAttributeSize > len(b) {
			return nil, damaged(off, "MFT record: attribute offset", "inside the record", hex(pos))
		}
		length := le.Uint32(b[pos+attrLength:])
		if length < minAttributeSize || length%8 != 0 || uint64(length) > uint64(len(b)-pos) {
			return nil, damaged(off, "MFT record: attribute length", "a multiple of 8 inside the record", hex(length))
		}
		a, err := newAttribute(b[pos:pos+int(length)], off)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, a)
		pos += int(length)
	}
}

func (r *record) flags() uint16   { return le.Uint16(r.raw[recordFlags:]) }
func (r *record) inUse() bool     { return r.flags()&recordInUse != 0 }
func (r *record) directory() bool { return r.flags()&recordDirectory != 0 }
func (r *record) links() int      { return int(le.Uint16(r.raw[recordLinks:])) }
func (r *record) base() RecordRef { return recordRef(le.Uint64(r.raw[recordBase:])) }

// find returns the first attribute of a type and name.
func (r *record) find(kind uint32, name attrName) (attribute, bool) {
	for _, a := range r.attrs {
		if a.kind() == kind && a.named(name) {
			return a, true
		}
	}
	return attribute{}, false
}

// readRecord reads and checks MFT record number, in use or not.
func (v *Volume) readRecord(number uint64) (*record, error) {
	size := v.boot.recordSize
	if number >= uint64(v.mft.initialized/size) {
		return nil, fmt.Errorf("MFT record %d: %w", number, damaged(0, "MFT record number", fmt.Sprintf("below %d", v.mft.initialized/size), number))
	}
	off := int64(number) * size
	b := make([]byte, size)
	if _, err := readExtents(v.dev, v.mft.extents, b, off); err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	r, err := parseRecord(b, number, deviceOffset(v.mft.extents, off))
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	return r, nil
}

// readRef reads the record a reference names and checks that it still lives there.
func (v *Volume) readRef(ref RecordRef) (*record, error) {
	r, err := v.readRecord(ref.Number)
	if err != nil {
		return nil, err
	}
	if !r.inUse() {
		return nil, fmt.Errorf("MFT record %d: %w", ref.Number, damaged(r.off, "MFT record: in use", true, false))
	}
	if r.ref != ref {
		return nil, fmt.Errorf("MFT record %d: %w", ref.Number, damaged(r.off, "MFT record: sequence number", ref.Sequence, r.ref.Sequence))
	}
	return r, nil
}
