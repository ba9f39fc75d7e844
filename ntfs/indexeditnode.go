package ntfs

import (
	"fmt"
	"slices"
)

// rootNode stands for the VCN of the node in the directory's record.
const rootNode VCN = -1

const (
	headerAllocated   = 0x08
	headerFlags       = 0x0c
	headerHasChildren = 0x01

	blockFixup = 0x28 // where the update sequence array of an INDX block begins

	endOfNodeSize = entryKey + childSize // at most
)

// indexNode is one node of a directory's tree.
type indexNode struct {
	vcn     VCN
	entries []indexEntry
	pos     int // of the entry a name was found at, or would come before
}

// way leads from the root down to a name, or to the leaf it would be in. Each
// node on it is proven to be in order and between the names above it.
func (x *index) way(fold upCase, name []uint16) (path []indexNode, found bool, err error) {
	n := indexNode{vcn: rootNode, entries: x.root}
	var low, high indexEntry
	for len(path) <= maxIndexDepth {
		if err := x.checkNode(fold, n.entries, low, high); err != nil {
			return nil, false, err
		}
		n.pos = slices.IndexFunc(n.entries, func(e indexEntry) bool { return e.last() || fold.compare(e.key().name(), name) >= 0 })
		path = append(path, n)
		e := n.entries[n.pos]
		if !e.last() && fold.compare(e.key().name(), name) == 0 {
			return path, true, nil
		}
		if !e.hasChild() {
			return path, false, nil
		}
		low, high = bounds(n, low, high)
		n.vcn = e.child()
		if n.entries, err = x.block(n.vcn); err != nil {
			return nil, false, err
		}
	}
	return nil, false, damaged(x.off, "index tree: depth", fmt.Sprintf("at most %d", maxIndexDepth), len(path))
}

// survey counts the names of the whole directory, after proving that its tree
// is sound: no block is in it twice or marked free, and all names ascend. A tree
// that is not would lose names to a change of it.
func (x *index) survey(fold upCase) (names int, err error) {
	var before indexEntry
	ascending := true
	err = x.run(&walker{visit: func(e indexEntry) bool {
		ascending = before == nil || fold.compare(before.key().name(), e.key().name()) <= 0
		before = e
		names++
		return ascending
	}})
	if err == nil && !ascending {
		err = damaged(x.off, "index tree: order of names", "ascending", escapeName(before.key().name())+" too late")
	}
	return names, err
}

// bounds are the entries between whose names all names below the node's entry
// at pos lie.
func bounds(n indexNode, low, high indexEntry) (indexEntry, indexEntry) {
	if n.pos > 0 {
		low = n.entries[n.pos-1]
	}
	if e := n.entries[n.pos]; !e.last() {
		high = e
	}
	return low, high
}

// checkNode proves that a node's names ascend and lie between two others, where
// there are any, and that either all of its entries have children or none has.
func (x *index) checkNode(fold upCase, entries []indexEntry, low, high indexEntry) error {
	w := walker{x: x, fold: fold}
	if err := w.ordered(entries); err != nil {
		return err
	}
	names, end := entries[:len(entries)-1], entries[len(entries)-1]
	if slices.ContainsFunc(names, func(e indexEntry) bool { return e.hasChild() != end.hasChild() }) {
		return damaged(x.off, "index node: children", "of all entries or of none", "of some")
	}
	if len(names) == 0 {
		return nil
	}
	first, last := names[0].key().name(), names[len(names)-1].key().name()
	if low != nil && fold.compare(low.key().name(), first) > 0 || high != nil && fold.compare(last, high.key().name()) > 0 {
		return damaged(x.off, "index node: names", "between those above it", escapeName(first)+" to "+escapeName(last))
	}
	return nil
}

// newIndexEntry makes an entry of a leaf.
func newIndexEntry(ref RecordRef, key fileName) indexEntry {
	e := make(indexEntry, align8(entryKey+len(key)))
	le.PutUint64(e, ref.onDisk())
	le.PutUint16(e[entryLength:], uint16(len(e)))
	le.PutUint16(e[entryKeyLength:], uint16(len(key)))
	copy(e[entryKey:], key)
	return e
}

// endOfNode makes the entry that ends a node, in a leaf without a child.
func endOfNode(leaf bool, child VCN) indexEntry {
	e := make(indexEntry, entryKey)
	le.PutUint16(e[entryLength:], entryKey)
	e[entryFlags] = entryLast
	if leaf {
		return e
	}
	return e.withChild(child)
}

// withChild is a copy of the entry that leads to another child.
func (e indexEntry) withChild(vcn VCN) indexEntry {
	e = le.AppendUint64(slices.Clone(e.withoutChild()), uint64(vcn))
	e[entryFlags] |= entryHasChild
	le.PutUint16(e[entryLength:], uint16(len(e)))
	return e
}

// withoutChild is a copy of the entry as a leaf has it.
func (e indexEntry) withoutChild() indexEntry {
	e = slices.Clone(e)
	if e.hasChild() {
		e = e[:len(e)-childSize]
		e[entryFlags] &^= entryHasChild
		le.PutUint16(e[entryLength:], uint16(len(e)))
	}
	return e
}

func entriesSize(entries []indexEntry) (n int) {
	for _, e := range entries {
		n += len(e)
	}
	return n
}

// putNode writes a node's header and entries to b, which begins at the header;
// first is where the entries begin. What is behind the entries stays.
func putNode(b []byte, first int, entries []indexEntry) {
	end := first
	for _, e := range entries {
		end += copy(b[end:], e)
	}
	le.PutUint32(b[headerEntries:], uint32(first))
	le.PutUint32(b[headerLength:], uint32(end))
	le.PutUint32(b[headerAllocated:], uint32(len(b)))
	le.PutUint32(b[headerFlags:], 0)
	if entries[len(entries)-1].hasChild() {
		b[headerFlags] = headerHasChildren
	}
}

// firstInBlock is where the entries of an INDX block begin, behind its update
// sequence array.
func (x *index) firstInBlock() int {
	return align8(blockFixup + 2*(int(x.blockSize)/fixupStride+1))
}

// encodeBlock makes an INDX block, still to be sealed.
func (x *index) encodeBlock(n indexNode) []byte {
	b := make([]byte, x.blockSize)
	copy(b, indexMagic)
	le.PutUint64(b[blockVCN:], uint64(n.vcn))
	putNode(b[blockHeader:], x.firstInBlock()-blockHeader, n.entries)
	return b
}

// blockRoom is how many bytes of entries a block holds.
func (x *index) blockRoom() int { return int(x.blockSize) - x.firstInBlock() }

func (x *index) blockFits(entries []indexEntry) bool { return entriesSize(entries) <= x.blockRoom() }

// vcnsPerBlock is how far the VCNs of two neighbouring blocks are apart.
func (x *index) vcnsPerBlock() int64 { return x.blockSize / x.vcnUnit }

// blockCount is how many blocks the directory has, those in use and free ones.
func (x *index) blockCount() int64 {
	if x.blocks == nil {
		return 0
	}
	return x.blocks.size / x.blockSize
}

func bitSet(b []byte, n int64) bool { return n/8 < int64(len(b)) && b[n/8]>>(n%8)&1 != 0 }

// setBit sets a bit of a bitmap, which grows by eight bytes if it has to, as
// NTFS' own do.
func setBit(b []byte, n int64) []byte {
	for n/8 >= int64(len(b)) {
		b = append(b, make([]byte, bitmapWord)...)
	}
	b[n/8] |= 1 << (n % 8)
	return b
}

// bitmapWord is what the size of a bitmap is a multiple of.
const bitmapWord = 8

// align8 rounds up to what index entries, attributes and their values begin at.
func align8(n int) int { return (n + 7) &^ 7 }
