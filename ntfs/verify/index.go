package verify

import (
	"fmt"
)

const (
	directoryIndex = "$I30"
	blockMagic     = "INDX"

	rootIndexedType = 0x00
	rootCollation   = 0x04
	rootBlockSize   = 0x08
	rootHeader      = 0x10 // of INDEX_ROOT

	blockVCN    = 0x10
	blockHeader = 0x18 // of an INDX block

	// Of the header both share; offsets count from its start.
	headerEntries   = 0x00
	headerLength    = 0x04
	headerAllocated = 0x08
	headerSize      = 0x10

	minBlockSize = 512
	maxBlockSize = 64 << 10
	// maxDepth is far beyond any tree: each level multiplies by at least two.
	maxDepth = 32
)

const (
	entryDataOffset = 0x00 // of a view index, where a directory has the file
	entryDataLength = 0x02
	entryLength     = 0x08
	entryKeyLength  = 0x0a
	entryFlags      = 0x0c
	entryKey        = 0x10
	childSize       = 8

	entryHasChild = 0x01
	entryLast     = 0x02
)

// indexEntry is one entry of a tree. Its bounds are proven.
type indexEntry []byte

func (e indexEntry) ref() ref       { return ref(le.Uint64(e)) }
func (e indexEntry) last() bool     { return e[entryFlags]&entryLast != 0 }
func (e indexEntry) hasChild() bool { return e[entryFlags]&entryHasChild != 0 }
func (e indexEntry) child() int64   { return int64(le.Uint64(e[len(e)-childSize:])) }
func (e indexEntry) key() []byte    { return e[entryKey:][:le.Uint16(e[entryKeyLength:])] }

// data is the value of an entry of a view index, nil if it is not inside the entry.
func (e indexEntry) data() []byte {
	start, n := int(le.Uint16(e[entryDataOffset:])), int(le.Uint16(e[entryDataLength:]))
	if start < entryKey || start+n > len(e) {
		return nil
	}
	return e[start:][:n]
}

// tree is one index under way.
type tree struct {
	c         *checker
	record    int64
	directory bool
	blockSize int64
	unit      int64 // bytes a child's VCN counts
	blocks    *stream
	live      []byte // the index's $BITMAP
	seen      []byte
	compare   func(a, b []byte) int
	before    []byte // the key visited last
	buffers   [][]byte
	broken    bool // not everything could be visited
	visit     func(e indexEntry, off int64) error
}

// checkIndexAttributes notes which indexes a file has, and that their parts are together.
func (c *checker) checkIndexAttributes(f *file, p *recordPage, i int) {
	directory := len(f.pieces(typeIndexRoot, directoryIndex)) > 0
	if directory != f.base.directory() {
		c.add(f.base.number, Index, f.base.off+recordFlags, "MFT record: directory flag", directory, f.base.directory())
	}
	if directory {
		p.state[i] |= stateDirectory
	}
	for _, a := range f.attrs {
		switch a.kind() {
		case typeIndexRoot:
			p.state[i] |= stateIndexes
		case typeIndexAllocation:
			if !f.has(typeIndexRoot, a) || !f.has(typeBitmap, a) {
				c.add(f.base.number, Index, a.off, a.what("of an index"), "with its $INDEX_ROOT and $BITMAP", "without")
			}
		}
	}
}

// has says whether the file has an attribute of the same name.
func (f *file) has(kind uint32, like attribute) bool {
	for _, a := range f.attrs {
		if a.kind() == kind && string(a.name()) == string(like.name()) {
			return true
		}
	}
	return false
}

// checkIndexes walks every index of the volume.
func (c *checker) checkIndexes() error {
	return c.table.each(stateInUse|stateBase|stateIndexes, func(n int64, p *recordPage, i int) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		f, err := c.metarecord(n)
		if err != nil {
			return c.found(n, err)
		}
		for _, root := range f.attrs {
			if root.kind() != typeIndexRoot || !root.resident() {
				continue
			}
			broken, err := c.checkIndex(f, root)
			if broken {
				p.state[i] |= stateBrokenIndex
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// checkIndex walks one index; broken says that not all of it could be seen.
func (c *checker) checkIndex(f *file, root attribute) (broken bool, err error) {
	t, err := c.openTree(f, root)
	if err != nil {
		return true, c.found(f.base.number, err)
	}
	t.visit = t.checkEntry
	if l := c.catalogOf(root); l != nil {
		t.visit = t.checkListed(l)
	}
	if err := t.walk(root); err != nil {
		return true, err
	}
	c.report.Indexes++
	return t.broken, nil
}

// openTree reads what a walk needs.
func (c *checker) openTree(f *file, root attribute) (*tree, error) {
	b := root.value()
	if len(b) < rootHeader+headerSize {
		return nil, bad(Index, root.off, "$INDEX_ROOT: size", fmt.Sprintf("at least %d", rootHeader+headerSize), len(b))
	}
	t := &tree{c: c, record: f.base.number, directory: root.named(directoryIndex), blockSize: int64(le.Uint32(b[rootBlockSize:]))}
	if !powerOfTwo(t.blockSize, minBlockSize, maxBlockSize) {
		return nil, bad(Index, root.off, "$INDEX_ROOT: block size", "a power of two, 512 bytes to 64 KiB", t.blockSize)
	}
	t.unit = minBlockSize
	if c.geometry.clusterSize <= t.blockSize {
		t.unit = c.geometry.clusterSize
	}
	kind, rule := le.Uint32(b[rootIndexedType:]), le.Uint32(b[rootCollation:])
	if t.directory && (kind != typeFileName || rule != collateFileName || t.blockSize != c.geometry.blockSize) {
		return nil, bad(Index, root.off, "$INDEX_ROOT of a directory", fmt.Sprintf("$FILE_NAME by name in blocks of %d", c.geometry.blockSize),
			fmt.Sprintf("0x%x by rule 0x%x in blocks of %d", kind, rule, t.blockSize))
	}
	if rule != collateFileName || t.directory {
		t.compare = c.ordering(rule)
	}
	return t, t.openBlocks(f, root)
}

func (t *tree) openBlocks(f *file, root attribute) error {
	var allocation, bitmap []attribute
	for _, a := range f.attrs {
		if string(a.name()) != string(root.name()) {
			continue
		}
		switch a.kind() {
		case typeIndexAllocation:
			allocation = append(allocation, a)
		case typeBitmap:
			bitmap = append(bitmap, a)
		}
	}
	if len(allocation) == 0 || len(bitmap) == 0 {
		return nil
	}
	var err error
	if t.blocks, err = t.c.newStream(allocation); err != nil {
		return err
	}
	s, err := t.c.newStream(bitmap)
	if err != nil {
		return err
	}
	if t.blocks.holes() || t.blocks.resident != nil {
		return bad(Index, t.blocks.off, "$INDEX_ALLOCATION", "clusters for all blocks", "holes")
	}
	t.seen = make([]byte, (t.blocks.size/uint64(t.blockSize)+7)/8)
	t.live = make([]byte, min(uint64(len(t.seen)), s.size))
	return s.readAt(t.c, t.live, 0)
}

// walk visits the whole tree and then asks which live blocks it did not meet.
func (t *tree) walk(root attribute) error {
	if err := t.node(root.value()[rootHeader:], root.off+int64(root.valueOffset()+rootHeader), 0); err != nil {
		return err
	}
	if t.broken {
		return nil // what hangs below the damage cannot be known
	}
	for i := range int64(8 * len(t.live)) {
		if t.live[i/8] == 0 || !bit(t.live, i) || bit(t.seen, i) {
			continue
		}
		t.c.add(t.record, LeakedIndexBlock, -1, fmt.Sprintf("$BITMAP of the index: block %d", i), "free: it is not in the tree", "in use")
	}
	return nil
}

// fail records a fault below which nothing can be seen.
func (t *tree) fail(err error) error {
	t.broken = true
	return t.c.found(t.record, err)
}

// node visits the entries of one node; b begins with its header, at off.
func (t *tree) node(b []byte, off int64, depth int) error {
	pos, end := uint64(le.Uint32(b[headerEntries:])), uint64(le.Uint32(b[headerLength:]))
	allocated := uint64(le.Uint32(b[headerAllocated:]))
	if pos < headerSize || pos%8 != 0 || pos > end || end > allocated || allocated > uint64(len(b)) {
		return t.fail(bad(Index, off, "index node: entries", fmt.Sprintf("inside %d bytes", len(b)), fmt.Sprintf("0x%x to 0x%x of 0x%x", pos, end, allocated)))
	}
	inner := false
	for first := true; ; first = false {
		e, err := t.parseEntry(b[pos:end], off+int64(pos))
		if err != nil {
			return t.fail(err)
		}
		if first {
			inner = e.hasChild()
		}
		if e.hasChild() != inner {
			return t.fail(bad(Index, off+int64(pos), "index entry: has a child", inner, !inner))
		}
		if err := t.enter(e, off+int64(pos), depth); err != nil {
			return err
		}
		if pos += uint64(len(e)); e.last() {
			break
		}
	}
	if pos != end {
		t.c.add(t.record, Index, off, "index node: end of its last entry", hex(end), hex(pos))
	}
	return nil
}

// enter goes to what is before an entry, then visits the entry.
func (t *tree) enter(e indexEntry, off int64, depth int) error {
	if e.hasChild() {
		if err := t.child(e.child(), off, depth+1); err != nil {
			return err
		}
	}
	if e.last() {
		return nil
	}
	key := e.key()
	if t.compare != nil && t.before != nil && t.compare(t.before, key) >= 0 {
		t.outOfOrder(off, key)
	}
	t.before = append(t.before[:0], key...)
	t.c.report.Entries++
	return t.visit(e, off)
}

func (t *tree) outOfOrder(off int64, key []byte) {
	var behind, got string
	if !t.c.full() {
		behind, got = "behind "+t.show(t.before), t.show(key)
	}
	t.c.add(t.record, IndexOrder, off, "index entry: key", behind, got)
}

func (t *tree) show(key []byte) string {
	if t.directory {
		return fileName(key).String()
	}
	return fmt.Sprintf("% x", key)
}

// parseEntry checks the entry b begins with.
func (t *tree) parseEntry(b []byte, off int64) (indexEntry, error) {
	if len(b) < entryKey {
		return nil, bad(Index, off, "index node: last entry", "one with the end flag", "none")
	}
	e, need := indexEntry(b), entryKey
	length := int(le.Uint16(b[entryLength:]))
	if !e.last() {
		need += int(le.Uint16(b[entryKeyLength:]))
	}
	if e.hasChild() {
		need += childSize
	}
	if length < need || length%8 != 0 || length > len(b) {
		return nil, bad(Index, off, "index entry: length", fmt.Sprintf("a multiple of 8, %d to %d", need, len(b)), length)
	}
	if e = e[:length]; e.last() || !t.directory {
		return e, nil
	}
	_, err := parseFileName(e.key(), Index, off)
	return e, err
}

// child visits the block an entry points to.
func (t *tree) child(vcn, off int64, depth int) error {
	if depth > maxDepth {
		return t.fail(bad(Index, off, "index tree: depth", fmt.Sprintf("at most %d", maxDepth), depth))
	}
	b, at, err := t.block(vcn, off, depth)
	if err != nil {
		return t.fail(err)
	}
	return t.node(b[blockHeader:], at+blockHeader, depth)
}

// block reads a block and checks everything about it but its entries.
func (t *tree) block(vcn, off int64, depth int) (b []byte, at int64, err error) {
	number := vcn / (t.blockSize / t.unit)
	if t.blocks == nil || vcn < 0 || vcn%(t.blockSize/t.unit) != 0 || number >= int64(t.blocks.size)/t.blockSize {
		return nil, 0, bad(Index, off, "index entry: child VCN", "that of a block", vcn)
	}
	if bit(t.seen, number) {
		return nil, 0, bad(Index, off, "index entry: child", "a block of its own", fmt.Sprintf("block %d, which is in the tree already", number))
	}
	t.seen[number/8] |= 1 << (number % 8)
	at = t.blocks.deviceOffset(number*t.blockSize, t.c.geometry.clusterSize)
	if !bit(t.live, number) {
		t.c.add(t.record, IndexBitmap, at, fmt.Sprintf("$BITMAP of the index: block %d", number), "in use", "free")
	}
	b = t.buffer(depth)
	if err := t.blocks.readAt(t.c, b, number*t.blockSize); err != nil {
		return nil, 0, err
	}
	if err := unseal(b, blockMagic, IndexBlock, at); err != nil {
		return nil, 0, err
	}
	if got := int64(le.Uint64(b[blockVCN:])); got != vcn {
		return nil, 0, bad(IndexBlock, at+blockVCN, "INDX block: its own VCN", vcn, got)
	}
	return b, at, nil
}

// buffer returns the block buffer of a level.
func (t *tree) buffer(depth int) []byte {
	for len(t.buffers) <= depth {
		t.buffers = append(t.buffers, make([]byte, t.blockSize))
	}
	return t.buffers[depth]
}

// checkEntry compares an entry of a directory with the record it names.
func (t *tree) checkEntry(e indexEntry, off int64) error {
	if !t.directory {
		return nil
	}
	c, key, child := t.c, fileName(e.key()), e.ref()
	s := c.table.state(child.number())
	if s&stateInUse == 0 || s&(stateBase|stateUndecided) == 0 {
		t.complain(DanglingEntry, off, key, "its record", "in use", child)
		return nil
	}
	p, i := c.table.at(child.number())
	p.state[i] |= stateReferred
	if s&stateBase == 0 {
		return nil // unreadable: nothing to compare with
	}
	if child.sequence() != p.sequence[i] {
		t.complain(DanglingEntry, off, key, "sequence number", p.sequence[i], child.sequence())
		return nil
	}
	p.entries[i]++
	p.names[i] -= c.nameHash(t.ref(), child, key)
	t.checkCopy(key, off, s, p.sizes[i])
	return nil
}

// complain reports an entry; a tree may have millions, so that what is not kept
// is not put into words either.
func (t *tree) complain(kind Kind, off int64, key fileName, field string, want, got any) {
	what := field
	if !t.c.full() {
		what = "index entry " + key.String() + ": " + field
	}
	t.c.add(t.record, kind, off, what, want, got)
}

// ref is the directory's own reference.
func (t *tree) ref() ref {
	p, i := t.c.table.at(t.record)
	return newRef(t.record, p.sequence[i])
}

// checkCopy checks what an entry repeats from the file.
func (t *tree) checkCopy(key fileName, off int64, s recordState, sizes uint32) {
	c := t.c
	if key.parent() != t.ref() {
		t.complain(NameMismatch, off, key, "parent directory", t.ref(), key.parent())
	}
	if directory := s&stateDirectory != 0; directory != (key.attributes()&attributeDirectory != 0) {
		t.complain(NameMismatch, off, key, "directory", directory, !directory)
	}
	if sizes != 0 && sizes != c.sizeHash(key.size(), key.allocated()) && sizes != c.sizeHash(key.size(), anyAllocation) {
		t.complain(StaleSizes, off, key, "size and allocated size", "those of the file", [2]uint64{key.size(), key.allocated()})
	}
}
