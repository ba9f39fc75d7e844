package format

import (
	"cmp"
	"fmt"
	"slices"
)

// placeIndexes builds the index of every directory.
func (v *volume) placeIndexes() error {
	directories := []*node{v.root, v.system[recordExtendDir]}
	for _, n := range v.users {
		if n.directory {
			directories = append(directories, n)
		}
	}
	for _, n := range directories {
		if err := v.placeIndex(n); err != nil {
			return fmt.Errorf("index of %q: %w", n.path(), err)
		}
	}
	return nil
}

const (
	// indexReserve is the room in a record for the attributes beside the root
	// of a large index: $INDEX_ALLOCATION, and $BITMAP at its largest.
	indexReserve      = nonResidentHeaderSize + 24 + residentHeaderSize + 8 + maxResidentBitmap
	maxResidentBitmap = 64
	rootOverhead      = residentHeaderSize + 8 + rootEntries // $INDEX_ROOT but for its entries
)

// placeIndex builds a directory's index: in the record alone if it fits, else
// as a tree. The root directory always has a tree, as Windows makes it.
func (v *volume) placeIndex(n *node) error {
	entries := n.indexEntries(v.g)
	room := v.g.recordRoom() - attributesSize(n.recordAttributes(v.g)) - rootOverhead
	fits := len(entries) == 0 || entriesSize(entries)+endEntrySize <= room
	if fits && n != v.root && len(n.deleted) == 0 && !n.hasBlocks() {
		n.extra = append(n.extra, v.directoryRoot(append(entries, endEntry(noChild))))
		return nil
	}
	room -= indexReserve
	if n.indexFragments > 1 {
		room -= listReserve // the extents may need records of their own
	}
	t := newBTree(entries, room, n == v.root || n.hasBlocks(), v.g.vcnsPerIndexBlock())
	t.addStale(sortedEntries(n.deleted, v.g))
	return v.placeBTree(n, t)
}

// hasBlocks tells whether a directory is to have index blocks in any case.
func (n *node) hasBlocks() bool { return n.indexFragments > 0 || n.tornIndex }

func (v *volume) directoryRoot(entries []indexEntry) attribute {
	return v.g.indexRoot(directoryIndex, typeFileName, collationFileName, entries)
}

func (v *volume) placeBTree(n *node, t *bTree) error {
	b := t.bytes()
	if n.tornIndex {
		tear(b[:indexBlockSize])
	}
	blocks, err := v.placeMetadata(b, v.indexAllocator(n))
	if err != nil {
		return err
	}
	size := int64(len(t.blocks)) * indexBlockSize
	n.extra = append(n.extra,
		v.directoryRoot(t.root),
		v.g.newNonResident(typeIndexAllocation, directoryIndex, blocks, size))
	bitmap := t.bitmap()
	if len(bitmap) <= maxResidentBitmap {
		n.extra = append(n.extra, attribute{typ: typeBitmap, name: directoryIndex, value: bitmap})
		return nil
	}
	runs, err := v.placeMetadata(bitmap, v.alloc.take)
	n.extra = append(n.extra, v.g.newNonResident(typeBitmap, directoryIndex, runs, int64(len(bitmap))))
	return err
}

// indexAllocator allocates clusters for a directory's index blocks, none of which
// is cut in two.
func (v *volume) indexAllocator(n *node) func(clusters int64) (runList, error) {
	if n.indexFragments <= 1 {
		return v.alloc.take
	}
	return func(clusters int64) (runList, error) {
		unit := max(1, indexBlockSize/v.g.clusterSize)
		pieces := clusters / unit
		if int64(n.indexFragments) > pieces {
			return nil, fmt.Errorf("%w: %d fragments of an index of %d", ErrOptions, n.indexFragments, pieces)
		}
		return v.alloc.scatter(pieces, unit, n.indexFragments)
	}
}

// indexEntries are the sorted entries of the directory's index.
func (n *node) indexEntries(g geometry) []indexEntry {
	nodes := n.children
	if n.number == recordRoot {
		nodes = append([]*node{n}, nodes...) // its "." entry
	}
	return sortedEntries(nodes, g)
}

func sortedEntries(nodes []*node, g geometry) []indexEntry {
	type keyed struct {
		key   string
		entry indexEntry
	}
	all := make([]keyed, 0, len(nodes))
	for _, n := range nodes {
		for _, f := range n.fileNames(g) {
			all = append(all, keyed{collationKey(f.name), indexEntry{ref: n.ref(), key: f.encode(), child: noChild}})
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	entries := make([]indexEntry, len(all))
	for i := range all {
		entries[i] = all[i].entry
	}
	return entries
}
