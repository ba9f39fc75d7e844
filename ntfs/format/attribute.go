package format

import (
	"cmp"
	"strings"
)

// attrType is the type code of an attribute.
type attrType uint32

const (
	typeStandardInformation attrType = 0x10
	typeAttributeList       attrType = 0x20
	typeFileName            attrType = 0x30
	typeVolumeName          attrType = 0x60
	typeVolumeInformation   attrType = 0x70
	typeData                attrType = 0x80
	typeIndexRoot           attrType = 0x90
	typeIndexAllocation     attrType = 0xa0
	typeBitmap              attrType = 0xb0
	typeReparsePoint        attrType = 0xc0
	typeEnd                 attrType = 0xffffffff
)

// attrFlags of an attribute.
type attrFlags uint16

const (
	flagCompressed attrFlags = 0x0001
	flagSparse     attrFlags = 0x8000

	// compressionUnit is the power of two of clusters compressed together. A
	// sparse attribute has it, too.
	compressionUnit = 4
)

// Fields of an attribute header. Those from 0x10 on differ by residency.
const (
	attrTypeCode    = 0x00
	attrLength      = 0x04
	attrNonResident = 0x08
	attrNameLength  = 0x09
	attrNameOffset  = 0x0a
	attrFlagsOffset = 0x0c
	attrInstance    = 0x0e

	residentValueLength = 0x10
	residentValueOffset = 0x14
	residentIndexed     = 0x16
	residentHeaderSize  = 0x18

	nonResidentLowestVCN    = 0x10
	nonResidentHighestVCN   = 0x18
	nonResidentMappingPairs = 0x20
	nonResidentCompression  = 0x22
	nonResidentAllocated    = 0x28
	nonResidentDataSize     = 0x30
	nonResidentInitialized  = 0x38
	nonResidentHeaderSize   = 0x40
	nonResidentCompressed   = 0x40 // only if compressed or sparse
	compressedHeaderSize    = 0x48

	attrAlign = 8
)

// attribute is one attribute header with its value or its mapping pairs; a
// non-resident attribute too long for a record is cut into several of these.
type attribute struct {
	typ   attrType
	name  string
	flags attrFlags

	value   []byte // of a resident attribute
	indexed bool   // the value is a key of an index: $FILE_NAME

	nonResident bool
	runs        runList
	lowest      VCN
	allocated   int64 // these three stand in the first part only
	dataSize    int64
	initialized int64
	compressed  int64 // bytes of clusters, holes not counted
}

// newNonResident describes an attribute whose clusters are all initialized.
func (g geometry) newNonResident(typ attrType, name string, runs runList, size int64) attribute {
	return attribute{
		typ: typ, name: name, nonResident: true, runs: runs,
		allocated: runs.clusters() * g.clusterSize, dataSize: size, initialized: size,
	}
}

// nameOffset is where the header's fields end and the name begins.
func (a *attribute) nameOffset() int {
	switch {
	case !a.nonResident:
		return residentHeaderSize
	case a.flags != 0:
		return compressedHeaderSize
	}
	return nonResidentHeaderSize
}

func (a *attribute) headerSize() int {
	return align(a.nameOffset()+2*utf16Len(a.name), attrAlign)
}

// size is the attribute's length in a record.
func (a *attribute) size() int {
	if a.nonResident {
		return align(a.headerSize()+a.runs.mappingPairsSize(), attrAlign)
	}
	return align(a.headerSize()+len(a.value), attrAlign)
}

// append encodes the attribute.
func (a *attribute) append(b []byte, instance uint16) []byte {
	start := len(b)
	b = append(b, make([]byte, a.headerSize())...)
	h := b[start:]
	le.PutUint32(h[attrTypeCode:], uint32(a.typ))
	le.PutUint32(h[attrLength:], uint32(a.size()))
	le.PutUint16(h[attrInstance:], instance)
	le.PutUint16(h[attrFlagsOffset:], uint16(a.flags))
	le.PutUint16(h[attrNameOffset:], uint16(a.nameOffset()))
	h[attrNameLength] = byte(utf16Len(a.name))
	copy(h[a.nameOffset():], utf16Bytes(a.name))
	if a.nonResident {
		a.putNonResident(h)
		b = a.runs.appendMappingPairs(b)
	} else {
		a.putResident(h)
		b = append(b, a.value...)
	}
	return append(b, make([]byte, start+a.size()-len(b))...)
}

func (a *attribute) putResident(h []byte) {
	le.PutUint32(h[residentValueLength:], uint32(len(a.value)))
	le.PutUint16(h[residentValueOffset:], uint16(a.headerSize()))
	if a.indexed {
		h[residentIndexed] = 1
	}
}

func (a *attribute) putNonResident(h []byte) {
	h[attrNonResident] = 1
	le.PutUint64(h[nonResidentLowestVCN:], uint64(a.lowest))
	le.PutUint64(h[nonResidentHighestVCN:], uint64(int64(a.lowest)+a.runs.clusters()-1))
	le.PutUint16(h[nonResidentMappingPairs:], uint16(a.headerSize()))
	le.PutUint64(h[nonResidentAllocated:], uint64(a.allocated))
	le.PutUint64(h[nonResidentDataSize:], uint64(a.dataSize))
	le.PutUint64(h[nonResidentInitialized:], uint64(a.initialized))
	if a.flags != 0 {
		h[nonResidentCompression] = compressionUnit
		le.PutUint64(h[nonResidentCompressed:], uint64(a.compressed))
	}
}

// split cuts a non-resident attribute into parts of at most room bytes each.
func (a *attribute) split(room int) []attribute {
	lists := a.runs.split((room &^ (attrAlign - 1)) - a.headerSize())
	parts := make([]attribute, len(lists))
	lowest := a.lowest
	for i, runs := range lists {
		parts[i] = attribute{typ: a.typ, name: a.name, flags: a.flags, nonResident: true, runs: runs, lowest: lowest}
		lowest += VCN(runs.clusters())
	}
	first := &parts[0]
	first.allocated, first.dataSize, first.initialized, first.compressed = a.allocated, a.dataSize, a.initialized, a.compressed
	return parts
}

// cut takes as many extents off a non-resident attribute as room bytes can list.
func (a *attribute) cut(room int) (first, rest attribute) {
	first = a.split(room)[0]
	rest = attribute{typ: a.typ, name: a.name, flags: a.flags, nonResident: true,
		runs: a.runs[len(first.runs):], lowest: first.lowest + VCN(first.runs.clusters())}
	return first, rest
}

// compareAttributes is the order of attributes in a record and in a list:
// by type, by name, and the parts of one by VCN.
func compareAttributes(a, b *attribute) int {
	return cmp.Or(
		cmp.Compare(a.typ, b.typ),
		strings.Compare(collationKey(a.name), collationKey(b.name)),
		cmp.Compare(a.lowest, b.lowest),
	)
}
