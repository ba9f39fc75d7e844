package ntfs

import (
	"fmt"
	"io/fs"
	"slices"
)

// indexName is the index of a directory by name.
var indexName = asciiName("$I30")

const (
	indexMagic = "INDX"

	collationFileName = 1

	rootIndexedType = 0x00
	rootCollation   = 0x04
	rootBlockSize   = 0x08
	rootHeader      = 0x10 // of INDEX_ROOT

	blockVCN    = 0x10
	blockHeader = 0x18 // of an INDX block

	// Of the header both share.
	headerEntries = 0x00
	headerLength  = 0x04
	headerSize    = 0x10

	minIndexBlock = 512
	maxIndexBlock = 64 << 10
	// maxIndexDepth is far beyond any tree: each level multiplies by at least two.
	maxIndexDepth = 32
	// maxIndexBitmap marks 2^26 blocks, a directory of some billion names.
	maxIndexBitmap = 8 << 20
)

// Index entry flags.
const (
	entryHasChild = 0x01
	entryLast     = 0x02
)

const (
	entryLength    = 0x08
	entryKeyLength = 0x0a
	entryFlags     = 0x0c
	entryKey       = 0x10
	childSize      = 8
)

// indexEntry is one entry of a directory's tree.
type indexEntry []byte

func (e indexEntry) ref() RecordRef { return recordRef(le.Uint64(e)) }
func (e indexEntry) last() bool     { return e[entryFlags]&entryLast != 0 }
func (e indexEntry) hasChild() bool { return e[entryFlags]&entryHasChild != 0 }
func (e indexEntry) child() VCN     { return VCN(le.Uint64(e[len(e)-childSize:])) }
func (e indexEntry) key() fileName {
	return fileName(e[entryKey:][:le.Uint16(e[entryKeyLength:])])
}

const (
	fileNameParent     = 0x00
	fileNameAttributes = 0x38
	fileNameReparse    = 0x3c
	fileNameLength     = 0x40
	fileNameNamespace  = 0x41
	fileNameName       = 0x42
)

// fileName is a $FILE_NAME: an attribute of the file, and the key of its index entry.
type fileName []byte

// parseFileName checks that the name lies inside b.
func parseFileName(b []byte, off int64) (fileName, error) {
	if len(b) < fileNameName || len(b) < fileNameName+2*int(b[fileNameLength]) || b[fileNameLength] == 0 {
		return nil, damaged(off, "$FILE_NAME: length", "room for a name of at least one character", len(b))
	}
	return fileName(b), nil
}

func (f fileName) parent() RecordRef    { return recordRef(le.Uint64(f[fileNameParent:])) }
func (f fileName) attributes() uint32   { return le.Uint32(f[fileNameAttributes:]) }
func (f fileName) reparseTag() uint32   { return le.Uint32(f[fileNameReparse:]) }
func (f fileName) namespace() namespace { return namespace(f[fileNameNamespace]) }
func (f fileName) name() []uint16 {
	return units(f[fileNameName:][:2*int(f[fileNameLength])])
}

// parseIndexEntries cuts a node into its entries. b begins with the node's
// header; off is where its record or block lies.
func parseIndexEntries(b []byte, off int64) ([]indexEntry, error) {
	if len(b) < headerSize {
		return nil, damaged(off, "index node: size", fmt.Sprintf("at least %d", headerSize), len(b))
	}
	pos, end := uint64(le.Uint32(b[headerEntries:])), uint64(le.Uint32(b[headerLength:]))
	if pos < headerSize || pos%8 != 0 || end > uint64(len(b)) || pos > end {
		return nil, damaged(off, "index node: entries", "inside the node", fmt.Sprintf("0x%x to 0x%x", pos, end))
	}
	var entries []indexEntry
	for {
		e, err := parseIndexEntry(b[pos:end], off)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		if e.last() {
			return entries, nil
		}
		pos += uint64(len(e))
	}
}

// parseIndexEntry checks the entry b begins with.
func parseIndexEntry(b []byte, off int64) (indexEntry, error) {
	if len(b) < entryKey {
		return nil, damaged(off, "index node: last entry", "one with the end flag", "none")
	}
	length, need := int(le.Uint16(b[entryLength:])), entryKey
	e := indexEntry(b)
	if !e.last() {
		need += int(le.Uint16(b[entryKeyLength:]))
	}
	if e.hasChild() {
		need += childSize
	}
	if length < need || length%8 != 0 || length > len(b) {
		return nil, damaged(off, "index entry: length", fmt.Sprintf("a multiple of 8, %d to %d", need, len(b)), length)
	}
	e = e[:length]
	if e.last() {
		return e, nil
	}
	_, err := parseFileName(e.key(), off)
	return e, err
}

// index is the tree of one directory.
type index struct {
	v         *Volume
	dir       RecordRef
	root      []indexEntry
	blockSize int64
	vcnUnit   int64   // bytes a child's VCN counts
	blocks    *stream // nil if everything is in the root
	live      []byte  // one bit per block
	off       int64   // of the directory's record
}

// openIndex reads what a walk through the directory needs.
func (n *node) openIndex() (*index, error) {
	a, ok, err := n.first(typeIndexRoot, indexName)
	if err != nil {
		return nil, err
	}
	if !ok || !a.resident() || len(a.value()) < rootHeader+headerSize {
		return nil, damaged(n.base.off, "directory record: $INDEX_ROOT", "resident", "none")
	}
	b := a.value()
	x := &index{v: n.v, dir: n.base.ref, blockSize: int64(le.Uint32(b[rootBlockSize:])), off: n.base.off}
	if t, c := le.Uint32(b[rootIndexedType:]), le.Uint32(b[rootCollation:]); t != typeFileName || c != collationFileName {
		return nil, damaged(a.off, "$INDEX_ROOT: indexed attribute", "$FILE_NAME by name", fmt.Sprintf("0x%x by rule 0x%x", t, c))
	}
	if !powerOfTwo(x.blockSize, minIndexBlock, maxIndexBlock) {
		return nil, damaged(a.off, "$INDEX_ROOT: block size", "a power of two, 512 bytes to 64 KiB", x.blockSize)
	}
	x.vcnUnit = minIndexBlock
	if n.v.boot.clusterSize <= x.blockSize {
		x.vcnUnit = n.v.boot.clusterSize
	}
	if x.root, err = parseIndexEntries(b[rootHeader:], a.off); err != nil {
		return nil, err
	}
	return x, x.openBlocks(n)
}

// openBlocks finds the INDX blocks and the bitmap of the live ones.
func (x *index) openBlocks(n *node) error {
	blocks, ok, err := n.stream(typeIndexAllocation, indexName)
	if err != nil || !ok {
		return err
	}
	if err := blocks.decodable(); err != nil {
		return err
	}
	bitmap, ok, err := n.stream(typeBitmap, indexName)
	if err != nil {
		return err
	}
	if !ok {
		return damaged(x.off, "directory record: $BITMAP of its index", "present", "none")
	}
	x.blocks = blocks
	x.live, err = bitmap.readAll(min(maxIndexBitmap, blocks.allocated/x.blockSize/8+bitmapSlack))
	return err
}

// bitmapSlack is how much longer than needed an index bitmap may be: it grows
// by eight bytes and never shrinks with its directory below what it had.
const bitmapSlack = 64 << 10

// block reads the INDX block a child pointer names.
func (x *index) block(vcn VCN) ([]indexEntry, error) {
	if x.blocks == nil {
		return nil, damaged(x.off, "index entry: child", "none in a directory without blocks", int64(vcn))
	}
	count := x.blocks.size / x.blockSize
	if vcn < 0 || int64(vcn) >= count*(x.blockSize/x.vcnUnit) || int64(vcn)*x.vcnUnit%x.blockSize != 0 {
		return nil, damaged(x.off, "index entry: child VCN", fmt.Sprintf("a block of %d", count), int64(vcn))
	}
	off := int64(vcn) * x.vcnUnit
	if i := off / x.blockSize; i/8 >= int64(len(x.live)) || x.live[i/8]>>(i%8)&1 == 0 {
		return nil, damaged(x.off, "index entry: child block", "in use in the index bitmap", "free")
	}
	b, at := make([]byte, x.blockSize), deviceOffset(x.blocks.extents, off)
	if _, err := readExtents(x.blocks.dev, x.blocks.extents, b, off); err != nil {
		return nil, err
	}
	if err := unseal(b, indexMagic, at); err != nil {
		return nil, err
	}
	if got := VCN(le.Uint64(b[blockVCN:])); got != vcn {
		return nil, damaged(at, "INDX block: own VCN", int64(vcn), int64(got))
	}
	return parseIndexEntries(b[blockHeader:], at)
}

// walker visits the tree in order; it ends whatever the pointers say, because
// no block is read twice.
type walker struct {
	x       *index
	fold    upCase
	visited map[VCN]bool
	// from decides whether the names before an entry can matter; nil means all do.
	from func(key fileName) bool
	// visit gets the entries in order and says whether to go on.
	visit func(e indexEntry) (more bool)
}

// walk visits a node and what hangs below it; more is false once visit wanted no more.
func (w *walker) walk(entries []indexEntry, depth int) (more bool, err error) {
	if depth > maxIndexDepth {
		return false, damaged(w.x.off, "index tree: depth", fmt.Sprintf("at most %d", maxIndexDepth), depth)
	}
	if err := w.ordered(entries); err != nil {
		return false, err
	}
	for _, e := range entries {
		if !e.last() && w.from != nil && !w.from(e.key()) {
			continue
		}
		if e.hasChild() {
			if more, err := w.descend(e.child(), depth); err != nil || !more {
				return false, err
			}
		}
		if !e.last() && !w.visit(e) {
			return false, nil
		}
	}
	return true, nil
}

func (w *walker) descend(vcn VCN, depth int) (more bool, err error) {
	if w.visited[vcn] {
		return false, damaged(w.x.off, "index tree: block referenced twice", "once", int64(vcn))
	}
	w.visited[vcn] = true
	entries, err := w.x.block(vcn)
	if err != nil {
		return false, err
	}
	return w.walk(entries, depth+1)
}

// ordered proves that a node's names ascend: a search in one that is not would
// miss names without a word.
func (w *walker) ordered(entries []indexEntry) error {
	var prev []uint16
	for _, e := range entries {
		if e.last() {
			break
		}
		name := e.key().name()
		if prev != nil && w.fold.compare(prev, name) > 0 {
			return damaged(w.x.off, "index node: order of names", "ascending", escapeName(prev)+" before "+escapeName(name))
		}
		prev = name
	}
	return nil
}

// run walks the whole tree.
func (x *index) run(w *walker) error {
	var err error
	if w.fold, err = x.v.foldings(); err != nil {
		return err
	}
	w.x, w.visited = x, map[VCN]bool{}
	if _, err = w.walk(x.root, 0); err != nil {
		return fmt.Errorf("directory record %d: %w", x.dir.Number, err)
	}
	return nil
}

// lookup finds the entry of a name. Names of the POSIX namespace may differ in
// case alone: the one spelled as asked for wins, else the first.
func (x *index) lookup(name []uint16) (indexEntry, error) {
	var found indexEntry
	w := &walker{}
	w.from = func(key fileName) bool { return w.fold.compare(key.name(), name) >= 0 }
	w.visit = func(e indexEntry) bool {
		got := e.key().name()
		if w.fold.compare(got, name) != 0 {
			return false
		}
		exact := slices.Equal(got, name)
		if found == nil || exact {
			found = e
		}
		return !exact
	}
	if err := x.run(w); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fs.ErrNotExist
	}
	return found, nil
}

// entries lists the directory in the order of its tree.
func (x *index) entries() ([]indexEntry, error) {
	var all []indexEntry
	err := x.run(&walker{visit: func(e indexEntry) bool {
		all = append(all, e)
		return true
	}})
	return all, err
}
