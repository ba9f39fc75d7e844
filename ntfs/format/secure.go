package format

import (
	"cmp"
	"math/bits"
	"slices"
)

// Security ids are the numbers by which $STANDARD_INFORMATION names an entry of
// $Secure; the first 0x100 are reserved.
const (
	systemSecurityID uint32 = 0x100
	userSecurityID   uint32 = 0x101
)

// Well-known security identifiers.
var (
	sidSystem         = sid(18)
	sidAdministrators = sid(32, 544)
	sidUsers          = sid(32, 545)
	sidAuthenticated  = sid(11)
)

// ntAuthority is the identifier authority of all of them.
const ntAuthority = 5

// sid encodes a security identifier of the NT authority.
func sid(subAuthorities ...uint32) []byte {
	b := []byte{1, byte(len(subAuthorities)), 0, 0, 0, 0, 0, ntAuthority}
	for _, s := range subAuthorities {
		b = le.AppendUint32(b, s)
	}
	return b
}

// Access rights on files.
const (
	rightsRead        = 0x120089
	rightsReadExecute = 0x1200a9
	rightsModify      = 0x1301bf
	rightsAll         = 0x1f01ff

	inheritToAll = 0x03 // ACE flags: by files and directories below
)

// ace encodes an access-allowed entry.
func ace(flags byte, rights uint32, who []byte) []byte {
	const headerSize = 8
	b := []byte{0, flags}
	b = le.AppendUint16(b, uint16(headerSize+len(who)))
	b = le.AppendUint32(b, rights)
	return append(b, who...)
}

// securityDescriptor encodes a self-relative descriptor with these entries in
// its DACL; it and its group belong to the administrators.
func securityDescriptor(aces ...[]byte) []byte {
	const (
		headerSize              = 20
		aclHeaderSize           = 8
		aclRevision             = 2
		controlDACLSelfRelative = 0x8004
	)
	entries := slices.Concat(aces...)
	owner := headerSize + aclHeaderSize + len(entries)
	b := []byte{1, 0}
	b = le.AppendUint16(b, controlDACLSelfRelative)
	b = le.AppendUint32(b, uint32(owner))
	b = le.AppendUint32(b, uint32(owner+len(sidAdministrators)))
	b = le.AppendUint32(b, 0) // no SACL
	b = le.AppendUint32(b, headerSize)
	b = append(b, aclRevision, 0)
	b = le.AppendUint16(b, uint16(aclHeaderSize+len(entries)))
	b = le.AppendUint16(b, uint16(len(aces)))
	b = append(b, 0, 0)
	return slices.Concat(b, entries, sidAdministrators, sidAdministrators)
}

// securityEntry is a descriptor in $Secure:$SDS.
type securityEntry struct {
	id         uint32
	offset     int // in the stream
	descriptor []byte
}

const (
	sdsHeaderSize = 0x14
	sdsAlign      = 16
	sdsCopy       = 0x40000 // each 256 KiB of the stream is followed by its copy
)

// securityEntries are the two descriptors of a fresh volume: one for system
// files, one for everything else, as Windows puts it on a data volume's root.
func securityEntries() []securityEntry {
	descriptors := [][]byte{
		securityDescriptor(ace(0, rightsRead, sidSystem), ace(0, rightsRead, sidAdministrators)),
		securityDescriptor(ace(inheritToAll, rightsAll, sidSystem), ace(inheritToAll, rightsAll, sidAdministrators),
			ace(inheritToAll, rightsModify, sidAuthenticated), ace(inheritToAll, rightsReadExecute, sidUsers)),
	}
	var entries []securityEntry
	offset := 0
	for i, d := range descriptors {
		entries = append(entries, securityEntry{systemSecurityID + uint32(i), offset, d})
		offset = align(offset+sdsHeaderSize+len(d), sdsAlign)
	}
	return entries
}

// hash of the descriptor, the key of $SDH.
func (e securityEntry) hash() (h uint32) {
	for d := e.descriptor; len(d) >= 4; d = d[4:] {
		h = le.Uint32(d) + bits.RotateLeft32(h, 3)
	}
	return h
}

// header precedes the descriptor in $SDS and is the data of both its indexes.
func (e securityEntry) header() []byte {
	b := le.AppendUint32(nil, e.hash())
	b = le.AppendUint32(b, e.id)
	b = le.AppendUint64(b, uint64(e.offset))
	return le.AppendUint32(b, uint32(sdsHeaderSize+len(e.descriptor)))
}

// securityStream is the contents of $Secure:$SDS.
func securityStream(entries []securityEntry) []byte {
	var b []byte
	for _, e := range entries {
		b = append(b, make([]byte, e.offset-len(b))...)
		b = append(append(b, e.header()...), e.descriptor...)
	}
	stream := make([]byte, sdsCopy+len(b))
	copy(stream, b)
	copy(stream[sdsCopy:], b)
	return stream
}

// securityIndexes are $SDH, by hash, and $SII, by id.
func (g geometry) securityIndexes(entries []securityEntry) []attribute {
	tail := []byte("I\x00I\x00") // as Windows ends each entry of $SDH
	var byID, byHash []indexEntry
	for _, e := range entries {
		byID = append(byID, indexEntry{key: le.AppendUint32(nil, e.id), data: e.header()})
	}
	slices.SortFunc(entries, func(a, b securityEntry) int { return cmp.Compare(a.hash(), b.hash()) })
	for _, e := range entries {
		key := le.AppendUint32(le.AppendUint32(nil, e.hash()), e.id)
		byHash = append(byHash, indexEntry{key: key, data: e.header(), tail: tail})
	}
	return []attribute{
		g.viewIndex("$SDH", collationSecurityHash, byHash...),
		g.viewIndex("$SII", collationULong, byID...),
	}
}
