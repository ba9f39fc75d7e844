package verify

import (
	"bytes"
	"cmp"
	"fmt"
)

// Attribute types, in the order they have within a record.
const (
	typeStandardInformation uint32 = 0x10
	typeAttributeList       uint32 = 0x20
	typeFileName            uint32 = 0x30
	typeObjectID            uint32 = 0x40
	typeVolumeName          uint32 = 0x60
	typeVolumeInformation   uint32 = 0x70
	typeData                uint32 = 0x80
	typeIndexRoot           uint32 = 0x90
	typeIndexAllocation     uint32 = 0xa0
	typeBitmap              uint32 = 0xb0
	typeReparsePoint        uint32 = 0xc0
	typeEAInformation       uint32 = 0xd0
	typeLast                uint32 = 0x100 // $LOGGED_UTILITY_STREAM
	typeEnd                 uint32 = 0xffffffff

	typeStep = 0x10
)

// Attribute flags.
const (
	flagCompressed uint16 = 0x0001
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
	attrUnit              = 0x22
	attrAllocated         = 0x28
	attrDataSize          = 0x30
	attrInitialized       = 0x38
	attrStored            = 0x40 // of compressed and sparse ones: bytes in clusters
	nonResidentHeaderSize = 0x40
	storedHeaderSize      = 0x48

	minAttributeSize = 0x18
	attrAlign        = 8
)

// attribute is one attribute record. newAttribute has proven that its header,
// name and value or mapping pairs lie inside raw.
type attribute struct {
	raw    []byte
	off    int64 // on the volume
	record int64
}

func newAttribute(raw []byte, off, record int64) (attribute, error) {
	a := attribute{raw, off, record}
	header := residentHeaderSize
	if !a.resident() {
		header = nonResidentHeaderSize
	}
	if len(raw) < header {
		return a, bad(Attribute, off, a.what("length"), fmt.Sprintf("at least %d", header), len(raw))
	}
	if end := a.nameOffset() + a.nameSize(); a.nameSize() > 0 && (a.nameOffset() < header || end > len(raw)) {
		return a, bad(Attribute, off, a.what("name"), "inside the attribute", hex(end))
	}
	if a.resident() {
		if end := uint64(a.valueOffset()) + uint64(a.valueLength()); end > uint64(len(raw)) || a.valueOffset() < header {
			return a, bad(Attribute, off, a.what("value"), "inside the attribute", hex(end))
		}
		return a, nil
	}
	if p := a.mappingPairs(); p < nonResidentHeaderSize || p > len(raw) {
		return a, bad(Attribute, off, a.what("mapping pairs"), "inside the attribute", hex(p))
	}
	return a, nil
}

func (a attribute) kind() uint32        { return le.Uint32(a.raw) }
func (a attribute) resident() bool      { return a.raw[attrNonResident] == 0 }
func (a attribute) flags() uint16       { return le.Uint16(a.raw[attrFlags:]) }
func (a attribute) instance() uint16    { return le.Uint16(a.raw[attrInstance:]) }
func (a attribute) nameOffset() int     { return int(le.Uint16(a.raw[attrNameOffset:])) }
func (a attribute) nameSize() int       { return 2 * int(a.raw[attrNameLength]) }
func (a attribute) valueLength() uint32 { return le.Uint32(a.raw[attrValueLength:]) }
func (a attribute) valueOffset() int    { return int(le.Uint16(a.raw[attrValueOffset:])) }
func (a attribute) lowestVCN() int64    { return int64(le.Uint64(a.raw[attrLowestVCN:])) }
func (a attribute) highestVCN() int64   { return int64(le.Uint64(a.raw[attrHighestVCN:])) }
func (a attribute) mappingPairs() int   { return int(le.Uint16(a.raw[attrMappingPairs:])) }
func (a attribute) value() []byte       { return a.raw[a.valueOffset():][:a.valueLength()] }

// partial says whether the attribute has clusters for a part of its VCNs only.
func (a attribute) partial() bool { return a.flags()&(flagCompressed|flagSparse) != 0 }

func (a attribute) name() []byte {
	if a.nameSize() == 0 {
		return nil
	}
	return a.raw[a.nameOffset():][:a.nameSize()]
}

// runs decodes the mapping pairs, counted from VCN 0 whatever the header says.
func (a attribute) runs() runReader {
	return runReader{b: a.raw[a.mappingPairs():], off: a.off + int64(a.mappingPairs())}
}

// what names a field of the attribute.
func (a attribute) what(field string) string {
	return fmt.Sprintf("attribute 0x%x %s", a.kind(), field)
}

// named says whether the attribute has an ASCII name.
func (a attribute) named(name string) bool {
	b := a.name()
	if len(b) != 2*len(name) {
		return false
	}
	for i := range len(name) {
		if le.Uint16(b[2*i:]) != uint16(name[i]) {
			return false
		}
	}
	return true
}

// sameStream says whether two attribute records are pieces of one stream.
func (a attribute) sameStream(b attribute) bool {
	return a.kind() == b.kind() && bytes.Equal(a.name(), b.name())
}

// compareAttributes is the order within a record and in a list.
func (c *checker) compareAttributes(a, b attribute) int {
	return cmp.Or(
		cmp.Compare(a.kind(), b.kind()),
		c.fold.compare(a.name(), b.name()),
		cmp.Compare(a.firstVCN(), b.firstVCN()),
	)
}

func (a attribute) firstVCN() int64 {
	if a.resident() {
		return 0
	}
	return a.lowestVCN()
}

// mustBeResident and mustNot are the types NTFS has in one form only.
func mustBeResident(kind uint32) bool {
	switch kind {
	case typeStandardInformation, typeFileName, typeObjectID, typeVolumeName, typeVolumeInformation, typeIndexRoot, typeEAInformation:
		return true
	}
	return false
}

// checkAttribute checks one attribute of a record in use by itself, and takes
// its clusters.
func (c *checker) checkAttribute(a attribute) error {
	if k := a.kind(); k%typeStep != 0 || k == 0 || k > typeLast {
		c.add(a.record, Attribute, a.off, "attribute type", "one of $AttrDef", hex(k))
	}
	if a.resident() && a.kind() == typeIndexAllocation || !a.resident() && mustBeResident(a.kind()) {
		c.add(a.record, Residency, a.off, a.what("residency"), !a.resident(), a.resident())
	}
	if a.resident() {
		return nil
	}
	if a.lowestVCN() < 0 {
		c.add(a.record, RunList, a.off, a.what("first VCN"), "not negative", a.lowestVCN())
		return nil
	}
	return c.found(a.record, c.takeClusters(a))
}

// takeClusters walks the run list and marks what it owns.
func (c *checker) takeClusters(a attribute) error {
	runs := a.runs()
	for {
		r, ok, err := runs.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if r.lcn == hole {
			c.checkHole(a, r)
			continue
		}
		if err := c.take(a, r); err != nil {
			return err
		}
	}
	if last := a.lowestVCN() + runs.vcn - 1; last != a.highestVCN() && !a.unallocated() {
		return bad(RunList, a.off, a.what("last VCN"), last, a.highestVCN())
	}
	return nil
}

// unallocated tells an attribute without clusters, whose last VCN drivers
// write as 0 or -1.
func (a attribute) unallocated() bool {
	return a.lowestVCN() == 0 && le.Uint64(a.raw[attrAllocated:]) == 0 && a.highestVCN() <= 0 && a.raw[a.mappingPairs()] == 0
}

// checkHole allows holes where NTFS has them: in sparse and compressed streams
// and in $BadClus, which is one hole but for the bad clusters.
func (c *checker) checkHole(a attribute, r run) {
	if !a.partial() && (a.record != recordBadClus || a.kind() != typeData) {
		c.add(a.record, RunList, a.off, a.what("run list"), "no holes in a stream that is not sparse",
			fmt.Sprintf("a hole of %d clusters at VCN %d", r.length, a.lowestVCN()+r.vcn))
	}
}

// sizes of a stream, which stand in its first attribute record.
type sizes struct{ allocated, size, initialized, stored uint64 }

func (a attribute) sizes() (s sizes) {
	if a.resident() {
		n := uint64(a.valueLength())
		return sizes{n, n, n, n}
	}
	s.allocated = le.Uint64(a.raw[attrAllocated:])
	s.size = le.Uint64(a.raw[attrDataSize:])
	s.initialized = le.Uint64(a.raw[attrInitialized:])
	s.stored = s.allocated
	if a.partial() && a.mappingPairs() >= storedHeaderSize {
		s.stored = le.Uint64(a.raw[attrStored:])
	}
	return s
}
