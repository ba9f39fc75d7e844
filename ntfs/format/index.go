package format

import "slices"

// collation is the order of an index's keys.
type collation uint32

const (
	collationFileName     collation = 0x01
	collationULong        collation = 0x10
	collationSID          collation = 0x11
	collationSecurityHash collation = 0x12
	collationULongs       collation = 0x13
)

// directoryIndex is the name of a directory's index attributes.
const directoryIndex = "$I30"

// Fields of the value of $INDEX_ROOT.
const (
	rootIndexedType = 0x00
	rootCollation   = 0x04
	rootBlockSize   = 0x08
	rootBlockVCNs   = 0x0c
	rootHeader      = 0x10 // the index header
	rootEntries     = rootHeader + headerSize
)

// Fields of the index header; its offsets count from its own start.
const (
	headerFirstEntry = 0x00
	headerLength     = 0x04
	headerAllocated  = 0x08
	headerFlags      = 0x0c
	headerSize       = 0x10

	headerHasChildren = 1
)

// Fields of an INDX block.
const (
	blockVCN     = 0x10
	blockHeader  = 0x18 // the index header
	blockFixup   = 0x28
	blockEntries = 0x40 // behind the update sequence array of a 4 KiB block

	blockCapacity  = indexBlockSize - blockEntries
	blockFillLimit = blockCapacity - maxFileEntry - endEntrySize // one entry more still fits
)

// Fields of an index entry.
const (
	entryReference  = 0x00 // of a file; in a view index, where its data lies
	entryDataOffset = 0x00
	entryDataLength = 0x02
	entryLength     = 0x08
	entryKeyLength  = 0x0a
	entryFlags      = 0x0c
	entryKey        = 0x10

	entryHasChild = 1
	entryIsLast   = 2

	entryAlign    = 8
	viewDataAlign = 4
	childSize     = 8
	endEntrySize  = entryKey + childSize
	maxFileEntry  = (entryKey+nameText+2*maxNameLength+entryAlign-1)&^(entryAlign-1) + childSize
)

// noChild is the child of an entry in a leaf.
const noChild VCN = -1

// indexEntry is a key with the file it names, or with the data of a view index.
type indexEntry struct {
	ref   recordRef
	key   []byte
	data  []byte // of a view index
	tail  []byte // behind the data, not counted as such: Windows has one in $SDH
	child VCN    // the block with the keys before this one
	last  bool   // no key; ends its node
}

func endEntry(child VCN) indexEntry { return indexEntry{child: child, last: true} }

func (e *indexEntry) dataOffset() int { return align(entryKey+len(e.key), viewDataAlign) }

func (e *indexEntry) size() int {
	size := entryKey + len(e.key)
	if e.data != nil {
		size = e.dataOffset() + len(e.data) + len(e.tail)
	}
	size = align(size, entryAlign)
	if e.child != noChild {
		size += childSize
	}
	return size
}

func (e *indexEntry) append(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, e.size())...)
	p := b[start:]
	if e.data != nil {
		le.PutUint16(p[entryDataOffset:], uint16(e.dataOffset()))
		le.PutUint16(p[entryDataLength:], uint16(len(e.data)))
		copy(p[e.dataOffset():], e.data)
		copy(p[e.dataOffset()+len(e.data):], e.tail)
	} else {
		le.PutUint64(p[entryReference:], uint64(e.ref))
	}
	le.PutUint16(p[entryLength:], uint16(len(p)))
	le.PutUint16(p[entryKeyLength:], uint16(len(e.key)))
	le.PutUint16(p[entryFlags:], e.flags())
	copy(p[entryKey:], e.key)
	if e.child != noChild {
		le.PutUint64(p[len(p)-childSize:], uint64(e.child))
	}
	return b
}

func (e *indexEntry) flags() (f uint16) {
	if e.child != noChild {
		f |= entryHasChild
	}
	if e.last {
		f |= entryIsLast
	}
	return f
}

func entriesSize(entries []indexEntry) (n int) {
	for i := range entries {
		n += entries[i].size()
	}
	return n
}

// putIndexHeader fills the index header at h for a node whose entries begin at
// first and end at length, in room for allocated bytes, all counted from h.
func putIndexHeader(h []byte, first, length, allocated int, hasChildren bool) {
	le.PutUint32(h[headerFirstEntry:], uint32(first))
	le.PutUint32(h[headerLength:], uint32(length))
	le.PutUint32(h[headerAllocated:], uint32(allocated))
	if hasChildren {
		h[headerFlags] = headerHasChildren
	}
}

// indexRoot makes the $INDEX_ROOT of an index with these entries, end included.
func (g geometry) indexRoot(name string, indexed attrType, c collation, entries []indexEntry) attribute {
	b := make([]byte, rootEntries)
	le.PutUint32(b[rootIndexedType:], uint32(indexed))
	le.PutUint32(b[rootCollation:], uint32(c))
	le.PutUint32(b[rootBlockSize:], indexBlockSize)
	b[rootBlockVCNs] = byte(g.vcnsPerIndexBlock())
	hasChildren := false
	for i := range entries {
		b = entries[i].append(b)
		hasChildren = hasChildren || entries[i].child != noChild
	}
	length := len(b) - rootHeader
	putIndexHeader(b[rootHeader:], headerSize, length, length, hasChildren)
	return attribute{typ: typeIndexRoot, name: name, value: b}
}

// viewIndex makes the attribute of an index that is not a directory and fits
// its root.
func (g geometry) viewIndex(name string, c collation, entries ...indexEntry) attribute {
	for i := range entries {
		entries[i].child = noChild
	}
	return g.indexRoot(name, 0, c, append(entries, endEntry(noChild)))
}

// bTree grows a B+tree bottom-up from sorted entries. Entries between two
// blocks move up a level; they are files like any other.
type bTree struct {
	vcnsPerBlock VCN
	blocks       [][]byte     // not yet protected by update sequence arrays
	live         int          // blocks of the tree; stale ones lie behind
	root         []indexEntry // end entry included
}

// newBTree packs entries into blocks, level by level, until what is left takes
// at most rootRoom bytes. A large tree has a block even if none is needed.
func newBTree(entries []indexEntry, rootRoom int, large bool, vcnsPerBlock VCN) *bTree {
	t := &bTree{vcnsPerBlock: vcnsPerBlock}
	lastChild := noChild
	for large || len(entries) > 0 && entriesSize(entries)+endEntrySize > rootRoom {
		entries, lastChild = t.addLevel(entries, lastChild)
		large = false
	}
	t.root = slices.Concat(entries, []indexEntry{endEntry(lastChild)})
	t.live = len(t.blocks)
	return t
}

// addLevel packs entries into blocks and returns those that separate them.
func (t *bTree) addLevel(entries []indexEntry, lastChild VCN) (separators []indexEntry, last VCN) {
	var node []indexEntry
	size := 0
	for i, e := range entries {
		full := size+e.size() > blockFillLimit && len(node) > 0
		if full && i < len(entries)-1 {
			child := t.addBlock(append(node, endEntry(e.child)))
			e.child = child
			separators = append(separators, e)
			node, size = node[:0], 0
			continue
		}
		node = append(node, e)
		size += e.size()
	}
	return separators, t.addBlock(append(node, endEntry(lastChild)))
}

// addBlock appends an INDX block with these entries, end included.
func (t *bTree) addBlock(entries []indexEntry) VCN {
	vcn := VCN(len(t.blocks)) * t.vcnsPerBlock
	b := make([]byte, blockEntries, indexBlockSize)
	copy(b, "INDX")
	le.PutUint64(b[blockVCN:], uint64(vcn))
	for i := range entries {
		b = entries[i].append(b)
	}
	putIndexHeader(b[blockHeader:], blockEntries-blockHeader,
		len(b)-blockHeader, indexBlockSize-blockHeader, entries[len(entries)-1].child != noChild)
	t.blocks = append(t.blocks, b)
	return vcn
}

// addStale leaves entries behind that no longer belong to the index: in blocks
// of their own, which the bitmap says are free, and in the slack of a live one.
func (t *bTree) addStale(entries []indexEntry) {
	if t.live > 0 {
		t.blocks[0] = appendFitting(t.blocks[0], entries)
	}
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && size <= blockFillLimit {
			size += entries[n].size()
			n++
		}
		t.addBlock(append(entries[:n:n], endEntry(noChild)))
		entries = entries[n:]
	}
}

// appendFitting puts entries behind the end of a block while there is room.
func appendFitting(block []byte, entries []indexEntry) []byte {
	for i := range entries {
		if len(block)+entries[i].size() > indexBlockSize {
			break
		}
		block = entries[i].append(block)
	}
	return block
}

// bytes is the contents of $INDEX_ALLOCATION.
func (t *bTree) bytes() []byte {
	b := make([]byte, 0, len(t.blocks)*indexBlockSize)
	for _, block := range t.blocks {
		block = block[:indexBlockSize]
		protect(block, blockFixup)
		b = append(b, block...)
	}
	return b
}

// bitmap is the contents of the index's $BITMAP: which blocks are in use.
func (t *bTree) bitmap() []byte {
	words := make(bitset, (len(t.blocks)+wordBits-1)/wordBits)
	words.setRange(0, int64(t.live))
	return words.bytes()
}
