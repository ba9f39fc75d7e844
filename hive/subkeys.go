package hive

import (
	"fmt"
)

// subkeyList is a view of one list of subkeys.
//
// On disk: "li", "lf", "lh" (leaves) and "ri" (a list of leaves); regf specification, "Subkeys list".
type subkeyList []byte

const (
	indexLeaf = "li"
	fastLeaf  = "lf"
	hashLeaf  = "lh"
	indexRoot = "ri"

	listHeaderSize = 4
)

func (l subkeyList) kind() string { return string(l[:2]) }
func (l subkeyList) is(kind string) bool {
	return l[0] == kind[0] && l[1] == kind[1]
}
func (l subkeyList) count() int     { return int(le.Uint16(l[2:])) }
func (l subkeyList) setCount(n int) { le.PutUint16(l[2:], uint16(n)) }
func (l subkeyList) entrySize() int { return entrySize(l[1]) }
func (l subkeyList) capacity() int  { return (len(l) - listHeaderSize) / l.entrySize() }
func (l subkeyList) entry(i int) []byte {
	return l[listHeaderSize+i*l.entrySize():][:l.entrySize()]
}
func (l subkeyList) offset(i int) uint32 { return le.Uint32(l.entry(i)) }
func (l subkeyList) hint(i int) uint32   { return le.Uint32(l.entry(i)[4:]) }

// entries are the bytes of all entries.
func (l subkeyList) entries() []byte {
	return l[listHeaderSize:][:l.count()*l.entrySize()]
}

// entrySize goes by the second letter of a kind, which is all that tells kinds apart: "lf" and "lh"
// have a hint or a hash beside each offset.
func entrySize(kind byte) int {
	if kind == fastLeaf[1] || kind == hashLeaf[1] {
		return 8
	}
	return 4
}

func checkSubkeyList(p []byte, off uint32) (subkeyList, error) {
	if len(p) < listHeaderSize {
		return nil, &FormatError{fileOffset(off), "subkey list cell", "at least 4 bytes", len(p)}
	}
	l := subkeyList(p)
	switch l.kind() {
	case indexLeaf, fastLeaf, hashLeaf, indexRoot:
	default:
		return nil, &FormatError{fileOffset(off), "subkey list signature", "li, lf, lh or ri", p[:2]}
	}
	if l.count() > l.capacity() {
		return nil, &FormatError{fileOffset(off), "subkey list entries", fmt.Sprintf("at most %d", l.capacity()), l.count()}
	}
	return l, nil
}

func (b *binData) subkeyList(off uint32) (subkeyList, error) {
	p, err := b.cell(off)
	if err != nil {
		return nil, fmt.Errorf("subkey list: %w", err)
	}
	return checkSubkeyList(p, off)
}

func (b *binData) editSubkeyList(off uint32) (subkeyList, error) {
	p, err := b.editCell(off)
	if err != nil {
		return nil, fmt.Errorf("subkey list: %w", err)
	}
	return checkSubkeyList(p, off)
}

// leaf is one leaf of a key's subkeys and where it is.
type leaf struct {
	off  uint32
	list subkeyList
}

// leaves gives the leaves of a key's subkeys in order. The entries of all of them together are as
// many as the key says it has subkeys, which bounds every walk over them.
func (b *binData) leaves(n keyNode) ([]leaf, error) { return b.appendLeaves(nil, n) }

// appendLeaves is leaves for callers that have a list to put them in.
func (b *binData) appendLeaves(list []leaf, n keyNode) ([]leaf, error) {
	if n.subkeyCount() == 0 {
		return list, nil
	}
	top, err := b.subkeyList(n.subkeyList())
	if err != nil {
		return nil, err
	}
	var total uint64
	if !top.is(indexRoot) {
		list, total = append(list, leaf{n.subkeyList(), top}), uint64(top.count())
	} else if list, total, err = b.leavesBelow(list, top, n.subkeyCount()); err != nil {
		return nil, err
	}
	if total != uint64(n.subkeyCount()) {
		return nil, &FormatError{fileOffset(n.subkeyList()), "number of subkeys", n.subkeyCount(), uint32(min(total, nilOffset))}
	}
	return list, nil
}

// leavesBelow appends the leaves of an index root, up to the first that has more entries than there
// are subkeys, and counts all entries.
func (b *binData) leavesBelow(list []leaf, top subkeyList, subkeys uint32) ([]leaf, uint64, error) {
	var total uint64
	for i := range top.count() {
		off := top.offset(i)
		l, err := b.subkeyList(off)
		if err != nil {
			return nil, 0, err
		}
		if l.is(indexRoot) {
			return nil, 0, &FormatError{fileOffset(off), "list below an index root", "a leaf", "another root"}
		}
		if total += uint64(l.count()); total > uint64(subkeys) {
			break
		}
		list = append(list, leaf{off, l})
	}
	return list, total, nil
}

// findSubkey gives the cell of the subkey with that name, or nilOffset.
func (b *binData) findSubkey(n keyNode, name storedName) (uint32, error) {
	var few [4]leaf
	list, err := b.appendLeaves(few[:0], n)
	if err != nil {
		return nilOffset, err
	}
	hash := name.hash()
	for _, leaf := range list {
		hashed := leaf.list.is(hashLeaf)
		for i := range leaf.list.count() {
			if hashed && leaf.list.hint(i) != hash {
				continue
			}
			off := leaf.list.offset(i)
			child, err := b.keyNode(off)
			if err != nil {
				return nilOffset, err
			}
			if child.stored().equal(name) {
				return off, nil
			}
		}
	}
	return nilOffset, nil
}
