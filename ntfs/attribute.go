package ntfs

import (
	"fmt"
	"math"
)

// Attribute types, in the order they have within a record.
const (
	typeStandardInformation uint32 = 0x10
	typeAttributeList       uint32 = 0x20
	typeFileName            uint32 = 0x30
	typeVolumeName          uint32 = 0x60
	typeVolumeInformation   uint32 = 0x70
	typeData                uint32 = 0x80
	typeIndexRoot           uint32 = 0x90
	typeIndexAllocation     uint32 = 0xa0
	typeBitmap              uint32 = 0xb0
	typeReparsePoint        uint32 = 0xc0
	typeEnd                 uint32 = 0xffffffff
)

// Attribute flags.
const (
	flagCompressed uint16 = 0x0001
	flagEncrypted  uint16 = 0x4000
	flagSparse     uint16 = 0x8000
)

const (
	attrLength      = 0x04
	attrNonResident = 0x08
	attrNameLength  = 0x09
	attrNameOffset  = 0x0a
	attrFlags       = 0x0c
	attrInstance    = 0x0e

	attrValueLength    = 0x10
	attrValueOffset    = 0x14
	residentHeaderSize = 0x18

	attrLowestVCN         = 0x10
	attrHighestVCN        = 0x18
	attrMappingPairs      = 0x20
	attrCompressionUnit   = 0x22
	attrAllocated         = 0x28
	attrDataSize          = 0x30
	attrInitialized       = 0x38
	nonResidentHeaderSize = 0x40
)

// attribute is one attribute record. newAttribute has proven that its header,
// name and value or mapping pairs lie inside raw.
type attribute struct {
	raw    []byte
	off    int64  // where the record that holds it lies on the volume
	record uint64 // that record's number
}

// newAttribute checks the attribute record that fills raw.
func newAttribute(raw []byte, off int64) (attribute, error) {
	a := attribute{raw: raw, off: off}
	header, what := residentHeaderSize, "resident"
	if len(raw) > attrNonResident && raw[attrNonResident] != 0 {
		header, what = nonResidentHeaderSize, "non-resident"
	}
	if len(raw) < header {
		return a, damaged(off, what+" attribute: length", fmt.Sprintf("at least %d", header), len(raw))
	}
	if end := int(le.Uint16(raw[attrNameOffset:])) + 2*int(raw[attrNameLength]); raw[attrNameLength] != 0 && end > len(raw) {
		return a, damaged(off, what+" attribute: name", "inside the attribute", hex(end))
	}
	if a.resident() {
		return a, a.checkValue()
	}
	if a.mappingPairs() < nonResidentHeaderSize || a.mappingPairs() > len(raw) {
		return a, damaged(off, "non-resident attribute: mapping pairs", "inside the attribute", hex(a.mappingPairs()))
	}
	return a, nil
}

// checkValue demands a resident value behind the header: what is written to one
// that overlaps it would change where it is.
func (a attribute) checkValue() error {
	start, length := a.valueOffset(), a.valueLength()
	if end := uint64(start) + uint64(length); end > uint64(len(a.raw)) {
		return damaged(a.off, "resident attribute: value", "inside the attribute", hex(end))
	}
	if length > 0 && start < residentHeaderSize {
		return damaged(a.off, "resident attribute: value", "behind the header", hex(start))
	}
	return nil
}

func (a attribute) kind() uint32        { return le.Uint32(a.raw) }
func (a attribute) resident() bool      { return a.raw[attrNonResident] == 0 }
func (a attribute) flags() uint16       { return le.Uint16(a.raw[attrFlags:]) }
func (a attribute) instance() uint16    { return le.Uint16(a.raw[attrInstance:]) }
func (a attribute) valueLength() uint32 { return le.Uint32(a.raw[attrValueLength:]) }
func (a attribute) valueOffset() uint16 { return le.Uint16(a.raw[attrValueOffset:]) }
func (a attribute) lowestVCN() VCN      { return VCN(le.Uint64(a.raw[attrLowestVCN:])) }
func (a attribute) highestVCN() VCN     { return VCN(le.Uint64(a.raw[attrHighestVCN:])) }
func (a attribute) mappingPairs() int   { return int(le.Uint16(a.raw[attrMappingPairs:])) }

// compressionUnit is the power of two of clusters compressed together, 0 if
// they are not.
func (a attribute) compressionUnit() byte { return a.raw[attrCompressionUnit] }

// value returns the bytes of a resident attribute.
func (a attribute) value() []byte {
	return a.raw[a.valueOffset():][:a.valueLength()]
}

// runs decodes the mapping pairs of a non-resident attribute.
func (a attribute) runs() (RunList, error) {
	return parseRunList(a.raw[a.mappingPairs():], a.off)
}

// name returns the attribute's name.
func (a attribute) name() attrName {
	length := int(a.raw[attrNameLength])
	if length == 0 {
		return ""
	}
	start := int(le.Uint16(a.raw[attrNameOffset:]))
	return attrName(a.raw[start : start+2*length])
}

// named says whether the attribute carries name.
func (a attribute) named(name attrName) bool { return a.name() == name }

// attrName is the name of an attribute as the disk has it, in UTF-16. Most have none.
type attrName string

// asciiName makes a name this package knows.
func asciiName(s string) attrName {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return attrName(b)
}

func (n attrName) units() []uint16 { return units([]byte(n)) }

// sizes returns a stream's sizes, which only its first attribute record carries.
func (a attribute) sizes() (allocated, size, initialized int64, err error) {
	if a.resident() {
		n := int64(a.valueLength())
		return n, n, n, nil
	}
	if a.lowestVCN() != 0 {
		return 0, 0, 0, damaged(a.off, "non-resident attribute: first VCN", 0, int64(a.lowestVCN()))
	}
	limit := int64(math.MaxInt64)
	for _, field := range []struct {
		name string
		pos  int
		to   *int64
	}{
		{"allocated", attrAllocated, &allocated},
		{"data", attrDataSize, &size},
		{"initialized", attrInitialized, &initialized},
	} {
		n := le.Uint64(a.raw[field.pos:])
		if n > uint64(limit) {
			return 0, 0, 0, damaged(a.off, "non-resident attribute: "+field.name+" size", fmt.Sprintf("at most 0x%x", limit), hex(n))
		}
		*field.to = int64(n)
		limit = int64(n)
	}
	return allocated, size, initialized, nil
}
