package hive

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// A Finding is one thing in a hive that is not as the format wants it.
type Finding struct {
	Off int64 // in the primary, as recovered
	Err error
	// Harmless findings occur in hives that Windows loads, some written by Windows itself: lost
	// cells, wrong reference counts of security descriptors, a root key not marked as one, predefined
	// handles, and what Windows XP left too small that Windows 10 would refuse.
	Harmless bool
}

func (f Finding) String() string { return f.Err.Error() }

// maxFindings bounds the list: a hive of random bytes is not worth more.
const maxFindings = 100

// Validate reads the whole hive, as recovered and edited, and tests every rule of its structure. It
// gives nil or all findings that are not harmless, joined. Whatever the file says about volatile keys
// is not looked at: Windows itself leaves it wrong.
func (h *Hive) Validate() error {
	var list []error
	for _, f := range h.Findings() {
		if !f.Harmless {
			list = append(list, f.Err)
		}
	}
	return errors.Join(list...)
}

// Findings is Validate with the harmless findings and one entry each, at most 100.
func (h *Hive) Findings() []Finding {
	if err := h.bins.loadAll(); err != nil {
		return []Finding{{0, err, false}}
	}
	if err := h.base.check(baseBlockSize + int64(h.bins.size())); err != nil {
		return []Finding{newFinding(0, false, err)}
	}
	cells, err := h.bins.cellsInUse()
	if err != nil {
		return []Finding{newFinding(0, false, err)}
	}
	c := newChecker(h, cells)
	if c.runParallel(h.base.rootCell()); len(c.found) == 0 {
		return nil
	}
	// Workers find things in an order that differs from run to run: one alone says it in order.
	c = newChecker(h, cells)
	c.run(h.base.rootCell())
	return c.found
}

// newFinding is about the cell at off, unless the error knows a place of its own.
func newFinding(off uint32, harmless bool, err error) Finding {
	if format, ok := errors.AsType[*FormatError](err); ok {
		return Finding{format.Off, err, harmless}
	}
	return Finding{fileOffset(off), err, harmless}
}

// cellSet is a set of cell offsets.
type cellSet []uint64

func newCellSet(size uint32) cellSet { return make(cellSet, size/cellAlign/64+1) }

func (s cellSet) has(off uint32) bool { return s[off/cellAlign/64]>>(off/cellAlign%64)&1 != 0 }
func (s cellSet) add(off uint32)      { s[off/cellAlign/64] |= 1 << (off / cellAlign % 64) }
func (s cellSet) remove(off uint32)   { s[off/cellAlign/64] &^= 1 << (off / cellAlign % 64) }

// cellsInUse walks over all cells.
func (b *binData) cellsInUse() (cellSet, error) {
	starts, err := b.binStarts()
	if err != nil {
		return nil, err
	}
	const binsAtOnce = 64
	cells := newCellSet(b.size())
	err = inParallel(len(starts)/binsAtOnce+1, func(_, piece int) error {
		first := piece * binsAtOnce
		for i := first; i < min(first+binsAtOnce, len(starts)-1); i++ {
			err := b.walkBin(starts[i], starts[i+1], func(off uint32, s cellSize) {
				if s.allocated() {
					cells.add(off) // bins share no words of the set
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return cells, err
}

// checker walks the keys of a hive from the root down.
type checker struct {
	bins    *binData
	minor   uint32
	layered bool              // a differencing hive
	cells   cellSet           // cells in use
	left    cellSet           // those of them that nothing has referred to yet
	keysOf  map[uint32]uint32 // how many keys use a security descriptor
	pending []keyRef
	found   []Finding

	security, keys uint32 // a descriptor, and how many of its keys are not in keysOf yet

	leaves []leaf   // of the key being checked
	names  []uint32 // hashes of the names of its values
}

// keyRef is a key still to be checked.
type keyRef struct {
	off, parent uint32
	depth       int
}

func (k keyRef) isRoot() bool { return k.parent == nilOffset }

func newChecker(h *Hive, cells cellSet) *checker {
	return &checker{
		bins: h.bins, minor: h.base.minor(), layered: h.base.layered(),
		cells: cells, left: slices.Clone(cells), keysOf: map[uint32]uint32{},
	}
}

// run checks everything, in an order that depends on the hive alone.
func (c *checker) run(root uint32) {
	c.pending = append(c.pending, keyRef{root, nilOffset, 0})
	c.checkKeys()
	c.checkSecurity()
	c.checkLost()
}

// enoughSubtrees is how many subtrees it takes to keep workers busy: most of a SYSTEM hive is below
// a handful of keys.
const enoughSubtrees = 500

// runParallel is run by several workers. Each takes subtrees of its own and notes which cells these
// use; no cell may be in the notes of two.
func (c *checker) runParallel(root uint32) {
	c.pending = append(c.pending, keyRef{root, nilOffset, 0})
	for len(c.pending) > 0 && len(c.pending) < enoughSubtrees && !c.full() {
		k := c.pending[0]
		c.pending = c.pending[1:]
		c.checkKey(k)
	}
	for _, w := range c.share() {
		if !c.merge(w.left) {
			c.fault(0, "cells", "referred to once", "referred to twice")
		}
		w.flushKeys()
		for off, keys := range w.keysOf {
			c.keysOf[off] += keys
		}
		c.found = append(c.found, w.found...)
	}
	c.checkSecurity()
	c.checkLost()
}

// merge takes out of c.left the cells a worker found a use for, and says whether all were still there.
func (c *checker) merge(left cellSet) bool {
	var twice uint64
	for i, word := range left {
		used := c.cells[i] &^ word
		twice |= used &^ c.left[i]
		c.left[i] &^= used
	}
	return twice == 0
}

// share lets workers check the subtrees that are left.
func (c *checker) share() []*checker {
	list := make([]*checker, workers())
	for i := range list {
		list[i] = &checker{bins: c.bins, minor: c.minor, layered: c.layered, cells: c.cells, left: slices.Clone(c.cells), keysOf: map[uint32]uint32{}}
	}
	_ = inParallel(len(c.pending), func(worker, piece int) error {
		w := list[worker]
		w.pending = append(w.pending, c.pending[piece])
		w.checkKeys()
		return nil
	})
	return list
}

func (c *checker) full() bool { return len(c.found) >= maxFindings }

func (c *checker) add(off uint32, harmless bool, err error) {
	if !c.full() {
		c.found = append(c.found, newFinding(off, harmless, err))
	}
}

func (c *checker) fault(off uint32, what string, want, got any) {
	c.add(off, false, &FormatError{fileOffset(off), what, want, got})
}

func (c *checker) harmless(off uint32, what string, want, got any) {
	c.add(off, true, &FormatError{fileOffset(off), what, want, got})
}

// claim says that something refers to a cell, which must be in use and nobody else's, and gives what
// it holds.
func (c *checker) claim(off uint32, what string) ([]byte, bool) {
	if off >= c.bins.size() || off%cellAlign != 0 || !c.left.has(off) {
		c.refuse(off, what)
		return nil, false
	}
	c.left.remove(off)
	return c.contents(off), true
}

func (c *checker) refuse(off uint32, what string) {
	if c.inUse(off) {
		c.fault(off, what, "a cell of its own", "one that is referred to twice")
		return
	}
	c.fault(off, what, "a cell in use", off)
}

func (c *checker) inUse(off uint32) bool {
	return off < c.bins.size() && off%cellAlign == 0 && c.cells.has(off)
}

// contents is what a cell in use holds: that its size is right is known from the walk over all cells.
func (c *checker) contents(off uint32) []byte {
	size := cellSize(le.Uint32(c.bins.data[off:])).total()
	return c.bins.data[off+cellHeaderSize : off+size]
}

// checkKeys checks the keys still to be checked and all below them.
func (c *checker) checkKeys() {
	for len(c.pending) > 0 && !c.full() {
		k := c.pending[len(c.pending)-1]
		c.pending = c.pending[:len(c.pending)-1]
		c.checkKey(k)
	}
}

func (c *checker) checkKey(k keyRef) {
	p, ok := c.claim(k.off, "key")
	if !ok {
		return
	}
	n, err := checkKeyNode(p, k.off)
	if err != nil {
		c.add(k.off, false, err)
		return
	}
	if k.depth > MaxDepth {
		c.fault(k.off, "key", fmt.Sprintf("at most %d levels below the root", MaxDepth), k.depth)
		return
	}
	if !k.isRoot() && n.parent() != k.parent {
		c.fault(k.off, fmt.Sprintf("parent of key %q", n.name()), k.parent, n.parent())
	}
	c.checkFlags(k, n)
	c.checkKeyName(k.off, n)
	c.countKey(n.security())
	c.checkClass(k.off, n)
	c.checkValues(k.off, n)
	c.checkSubkeys(k, n)
}

// countKey counts one more key of a security descriptor. Neighbours often share one: only changes
// reach the map.
func (c *checker) countKey(security uint32) {
	if security != c.security {
		c.flushKeys()
		c.security = security
	}
	c.keys++
}

func (c *checker) flushKeys() {
	if c.keys > 0 {
		c.keysOf[c.security] += c.keys
	}
	c.keys = 0
}

func (c *checker) checkClass(off uint32, n keyNode) {
	if (n.classLen() == 0) != (n.class() == nilOffset) {
		c.fault(off, "class name length", "0 where there is no cell, and only there", n.classLen())
		return
	}
	if n.classLen() == 0 {
		return
	}
	if p, ok := c.claim(n.class(), "class name"); ok && len(p) < int(n.classLen()) {
		c.fault(off, "class name length", fmt.Sprintf("at most %d", len(p)), n.classLen())
	}
}

func (c *checker) checkValues(key uint32, n keyNode) {
	switch {
	case n.flags()&keyPredefined != 0:
		return
	case n.valueCount() == 0:
		if n.valueList() != nilOffset {
			c.fault(key, "value list of a key without values", uint32(nilOffset), n.valueList())
		}
		return
	}
	p, ok := c.claim(n.valueList(), "value list")
	if !ok {
		return
	}
	list, err := checkValueList(p, n)
	if err != nil {
		c.add(n.valueList(), false, err)
		return
	}
	c.names = c.names[:0]
	var most longest
	for i := range list.len() {
		off := list.offset(i)
		p, ok := c.claim(off, "value")
		if !ok || c.full() {
			return
		}
		v, err := checkKeyValue(p, off)
		if err != nil {
			c.add(off, false, err)
			return
		}
		if list.len() > 1 {
			c.names = append(c.names, v.stored().hash())
		}
		if n.flags()&keySymlink != 0 {
			c.checkLink(off, v, list.len())
		}
		most.see(v.stored(), v.dataSize())
		c.checkData(v, off)
	}
	c.checkLongest(key, "value", "data", most, n.maxValueName(), n.maxValueData())
	c.checkValueNames(list)
}

// checkValueNames looks for names that are there twice, first by their hashes.
func (c *checker) checkValueNames(list valueList) {
	slices.Sort(c.names)
	for i := 1; i < len(c.names); i++ {
		if c.names[i-1] == c.names[i] {
			c.compareValueNames(list)
			return
		}
	}
}

func (c *checker) compareValueNames(list valueList) {
	known := make(map[string]struct{}, list.len())
	for i := range list.len() {
		off := list.offset(i)
		v, _ := c.bins.keyValue(off) // has been read before
		name := v.stored().upper()
		if _, twice := known[name]; twice {
			c.harmless(off, "value name", "once", fmt.Sprintf("%q again", v.name()))
		}
		known[name] = struct{}{}
	}
}

func (c *checker) checkData(v keyValue, off uint32) {
	size := v.dataSize()
	if v.flags()&valueTombstone != 0 && !c.layered {
		c.fault(off, "value", "there", "marked as deleted")
	}
	if v.inline() || size == 0 {
		c.checkNoData(off, v)
		return
	}
	p, ok := c.claim(v.dataOffset(), "value data")
	if !ok {
		return
	}
	if !big(size, c.minor) {
		if uint64(len(p)) < uint64(size) {
			c.fault(off, "value data size", fmt.Sprintf("at most %d", len(p)), size)
		}
		return
	}
	list, cells, err := c.bins.segments(v.dataOffset(), size)
	if err != nil {
		c.add(off, false, err)
		return
	}
	c.claim(list, "big data segment list")
	for _, cell := range cells { // the last is as long as the others
		if p, ok := c.claim(cell, "big data segment"); !ok || len(p) < segmentSize {
			c.fault(cell, "big data segment size", fmt.Sprintf("at least %d", segmentSize), len(p))
			return
		}
	}
}

func (c *checker) checkSubkeys(k keyRef, n keyNode) {
	if n.subkeyCount() == 0 {
		return
	}
	if _, ok := c.claim(n.subkeyList(), "subkey list"); !ok {
		return
	}
	leaves, err := c.bins.appendLeaves(c.leaves[:0], n)
	if err != nil {
		c.add(k.off, false, err)
		return
	}
	c.leaves = leaves
	var previous keyNode
	var most longest
	for _, leaf := range leaves {
		if leaf.off != n.subkeyList() {
			if _, ok := c.claim(leaf.off, "leaf"); !ok {
				return
			}
			if leaf.list.count() == 0 {
				c.fault(leaf.off, "leaf below an index root", "at least one subkey", "none")
			}
		}
		for i := range leaf.list.count() {
			child, ok := c.checkEntry(leaf, i)
			if !ok || c.full() {
				return
			}
			if previous != nil && previous.stored().compare(child.stored()) >= 0 {
				c.fault(leaf.off, "order of subkeys", fmt.Sprintf("%q behind %q", child.stored().upper(), previous.stored().upper()), "before it or twice")
			}
			previous = child
			most.see(child.stored(), uint32(child.classLen()))
			c.pending = append(c.pending, keyRef{leaf.list.offset(i), k.off, k.depth + 1})
		}
	}
	c.checkLongest(k.off, "subkey", "class", most, uint32(n.maxName()), n.maxClass())
}

// checkEntry compares one entry of a leaf with the key it leads to.
func (c *checker) checkEntry(l leaf, i int) (keyNode, bool) {
	n, err := c.keyNode(l.list.offset(i))
	if err != nil {
		c.add(l.off, false, err)
		return nil, false
	}
	switch {
	case l.list.is(hashLeaf):
		if h := n.stored().hash(); h != l.list.hint(i) {
			c.fault(l.off, fmt.Sprintf("hash of %q", n.name()), h, l.list.hint(i))
		}
	case l.list.is(fastLeaf):
		if want, got := nameHint(n), [4]byte(l.list.entry(i)[4:]); want != got && (n.eightBit() || got[0] != 0) {
			c.fault(l.off, fmt.Sprintf("hint of %q", n.name()), want[:], got[:])
		}
	}
	return n, true
}

func (c *checker) keyNode(off uint32) (keyNode, error) {
	if c.inUse(off) {
		return checkKeyNode(c.contents(off), off)
	}
	return c.bins.keyNode(off)
}

// checkSecurity tests that each descriptor in use is linked with its neighbours and counts its keys.
func (c *checker) checkSecurity() {
	c.flushKeys()
	descriptors := slices.Sorted(maps.Keys(c.keysOf))
	walked := map[uint32]struct{}{}
	for i, off := range descriptors {
		if another := c.checkRing(off, walked); another && i > 0 {
			c.fault(off, "security descriptor", "in one ring with the others", "in another")
		}
	}
	for _, off := range descriptors {
		keys := c.keysOf[off]
		if s, err := c.bins.keySecurity(off); err == nil && s.refs() != keys {
			c.harmless(off, "references to security descriptor", keys, s.refs())
		}
	}
}

// checkRing walks a ring and says whether it is one that had not been walked yet. Descriptors without
// a key are part of it.
func (c *checker) checkRing(start uint32, walked map[uint32]struct{}) (another bool) {
	for off := start; !c.full(); {
		if _, known := walked[off]; known {
			return another
		}
		if _, ok := c.claim(off, "security descriptor"); !ok {
			return another
		}
		walked[off] = struct{}{}
		s, err := c.bins.keySecurity(off)
		if err != nil {
			c.add(off, false, err)
			return another
		}
		if !s.usable() {
			c.fault(off, "security descriptor", "self-relative and of revision 1", s.descriptor()[:min(4, len(s.descriptor()))])
		}
		another = true
		next, err := c.bins.keySecurity(s.flink())
		if err != nil {
			c.add(off, false, err)
			return another
		}
		if next.blink() != off {
			c.fault(s.flink(), "security descriptor's backward link", off, next.blink())
		}
		off = s.flink()
	}
	return another
}

// checkLost counts cells in use that nothing refers to.
func (c *checker) checkLost() {
	var first, lost uint32
	for i, word := range c.left {
		for rest := word; rest != 0; rest &= rest - 1 {
			if lost == 0 {
				first = uint32(i*64+bits.TrailingZeros64(rest)) * cellAlign
			}
			lost++
		}
	}
	if lost > 0 {
		c.harmless(first, "cells in use", "referred to", fmt.Sprintf("%d that nothing refers to", lost))
	}
}
