package hive

import (
	"errors"
	"fmt"
	"math/bits"
)

// A Finding is one thing in a hive that is not as the format wants it.
type Finding struct {
	Off int64 // in the primary, as recovered
	Err error
	// Harmless findings occur in hives that Windows loads, some written by Windows itself: lost
	// cells, wrong reference counts of security descriptors, a root key not marked as one.
	Harmless bool
}

func (f Finding) String() string { return f.Err.Error() }

// maxFindings bounds the list: a hive of random bytes is not worth more.
const maxFindings = 100

// Validate reads the whole hive, as recovered and edited, and tests every rule of its structure. It
// gives nil or all findings that are not harmless, joined. Stale hints for the longest names and data
// and whatever the file says about volatile keys are not looked at: Windows itself leaves them wrong.
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
	c := &checker{
		bins: h.bins, minor: h.base.minor(),
		cells: newCellSet(h.bins.size()), used: newCellSet(h.bins.size()),
		keysOf: map[uint32]uint32{},
	}
	c.run(h.base)
	return c.found
}

// cellSet is a set of cell offsets.
type cellSet []uint64

func newCellSet(size uint32) cellSet { return make(cellSet, size/cellAlign/64+1) }

func (s cellSet) has(off uint32) bool { return s[off/cellAlign/64]>>(off/cellAlign%64)&1 != 0 }
func (s cellSet) add(off uint32)      { s[off/cellAlign/64] |= 1 << (off / cellAlign % 64) }

type checker struct {
	bins   *binData
	minor  uint32
	cells  cellSet           // cells in use
	used   cellSet           // cells that something refers to
	keysOf map[uint32]uint32 // how many keys use a security descriptor
	stack  []keyRef
	found  []Finding
}

// keyRef is a key still to be checked.
type keyRef struct {
	off, parent uint32
	depth       int
}

func (c *checker) full() bool { return len(c.found) >= maxFindings }

func (c *checker) add(off uint32, harmless bool, err error) {
	if !c.full() {
		c.found = append(c.found, Finding{fileOffset(off), err, harmless})
	}
}

func (c *checker) fault(off uint32, what string, want, got any) {
	c.add(off, false, &FormatError{fileOffset(off), what, want, got})
}

func (c *checker) harmless(off uint32, what string, want, got any) {
	c.add(off, true, &FormatError{fileOffset(off), what, want, got})
}

func (c *checker) run(base baseBlock) {
	if err := base.check(baseBlockSize + int64(c.bins.size())); err != nil {
		c.add(0, false, err)
		return
	}
	err := c.bins.walkCells(func(_, off uint32, s cellSize) error {
		if s.allocated() {
			c.cells.add(off)
		}
		return nil
	})
	if err != nil {
		c.add(0, false, err)
		return
	}
	c.checkKeys(base.rootCell())
	c.checkSecurity()
	c.checkLost()
}

// claim says that something refers to a cell: it must be in use and nobody else's.
func (c *checker) claim(off uint32, what string) bool {
	switch {
	case off >= c.bins.size() || off%cellAlign != 0 || !c.cells.has(off):
		c.fault(off, what, "a cell in use", off)
		return false
	case c.used.has(off):
		c.fault(off, what, "a cell of its own", "one that is referred to twice")
		return false
	}
	c.used.add(off)
	return true
}

func (c *checker) checkKeys(root uint32) {
	c.stack = append(c.stack, keyRef{root, nilOffset, 0})
	for len(c.stack) > 0 && !c.full() {
		k := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		c.checkKey(k)
	}
}

func (c *checker) checkKey(k keyRef) {
	if !c.claim(k.off, "key") {
		return
	}
	n, err := c.bins.keyNode(k.off)
	if err != nil {
		c.add(k.off, false, err)
		return
	}
	isRoot := k.parent == nilOffset
	switch {
	case k.depth > maxDepth:
		c.fault(k.off, "key", "at most 512 levels deep", k.depth)
		return
	case isRoot && n.flags()&keyRoot == 0:
		c.harmless(k.off, "root key", "marked as root", n.flags())
	case !isRoot && n.parent() != k.parent:
		c.fault(k.off, "parent of key "+n.name(), k.parent, n.parent())
	case !isRoot && n.nameLen() == 0:
		c.fault(k.off, "key name", "not empty", "empty")
	}
	c.keysOf[n.security()]++
	c.checkClass(k.off, n)
	c.checkValues(n)
	c.checkSubkeys(k, n)
}

func (c *checker) checkClass(off uint32, n keyNode) {
	if n.classLen() == 0 || n.class() == nilOffset || !c.claim(n.class(), "class name") {
		return
	}
	if p, err := c.bins.cell(n.class()); err != nil || len(p) < int(n.classLen()) {
		c.fault(off, "class name length", fmt.Sprintf("at most %d", len(p)), n.classLen())
	}
}

func (c *checker) checkValues(n keyNode) {
	if n.valueCount() == 0 || n.flags()&keyPredefined != 0 || !c.claim(n.valueList(), "value list") {
		return
	}
	list, err := c.bins.valueOffsets(n)
	if err != nil {
		c.add(n.valueList(), false, err)
		return
	}
	names := make(map[string]struct{}, len(list))
	for _, off := range list {
		if c.full() || !c.claim(off, "value") {
			return
		}
		v, err := c.bins.keyValue(off)
		if err != nil {
			c.add(off, false, err)
			return
		}
		name := string(bytesOf(v.folded()))
		if _, twice := names[name]; twice {
			c.harmless(off, "value name", "once", fmt.Sprintf("%q again", v.name()))
		}
		names[name] = struct{}{}
		c.checkData(v, off)
	}
}

func (c *checker) checkData(v keyValue, off uint32) {
	size := v.dataSize()
	if v.inline() || size == 0 || !c.claim(v.dataOffset(), "value data") {
		return
	}
	if !big(size, c.minor) {
		if p, err := c.bins.cell(v.dataOffset()); err != nil || uint64(len(p)) < uint64(size) {
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
	for _, cell := range cells {
		n := min(size, segmentSize)
		size -= n
		if p, err := c.bins.cell(cell); !c.claim(cell, "big data segment") || err != nil || uint32(len(p)) < n {
			c.fault(cell, "big data segment size", fmt.Sprintf("at least %d", n), len(p))
			return
		}
	}
}

func (c *checker) checkSubkeys(k keyRef, n keyNode) {
	if n.subkeyCount() == 0 {
		return
	}
	if !c.claim(n.subkeyList(), "subkey list") {
		return
	}
	leaves, err := c.bins.leaves(n)
	if err != nil {
		c.add(k.off, false, err)
		return
	}
	var previous foldedName
	for _, leaf := range leaves {
		if leaf.off != n.subkeyList() && !c.claim(leaf.off, "leaf") {
			return
		}
		for i := range leaf.list.count() {
			name, ok := c.checkEntry(leaf, i)
			if !ok || c.full() {
				return
			}
			if previous != nil && previous.compare(name) >= 0 {
				c.fault(leaf.off, "order of subkeys", fmt.Sprintf("%q behind %q", decodeName(bytesOf(name), false), decodeName(bytesOf(previous), false)), "before it or twice")
			}
			previous = name
			c.stack = append(c.stack, keyRef{leaf.list.offset(i), k.off, k.depth + 1})
		}
	}
}

// checkEntry compares one entry of a leaf with the key it leads to.
func (c *checker) checkEntry(l leaf, i int) (foldedName, bool) {
	off := l.list.offset(i)
	n, err := c.bins.keyNode(off)
	if err != nil {
		c.add(l.off, false, err)
		return nil, false
	}
	name := n.folded()
	switch l.list.kind() {
	case hashLeaf:
		if h := name.hash(); h != l.list.hint(i) {
			c.fault(l.off, "hash of "+n.name(), h, l.list.hint(i))
		}
	case fastLeaf:
		if want := nameHint(n); string(want) != string(l.list.entry(i)[4:]) {
			c.fault(l.off, "hint of "+n.name(), want, l.list.entry(i)[4:])
		}
	}
	return name, true
}

// checkSecurity tests that each descriptor in use is linked with its neighbours and counts its keys.
func (c *checker) checkSecurity() {
	for off := range c.keysOf {
		c.checkRing(off)
	}
	for off, keys := range c.keysOf {
		if s, err := c.bins.keySecurity(off); err == nil && s.refs() != keys {
			c.harmless(off, "references to security descriptor", keys, s.refs())
		}
	}
}

// checkRing walks a ring that has not been walked yet. Descriptors without a key are part of it.
func (c *checker) checkRing(start uint32) {
	for off := start; !c.full(); {
		if off < c.bins.size() && off%cellAlign == 0 && c.used.has(off) && c.isSecurity(off) {
			return
		}
		if !c.claim(off, "security descriptor") {
			return
		}
		s, err := c.bins.keySecurity(off)
		if err != nil {
			c.add(off, false, err)
			return
		}
		next, err := c.bins.keySecurity(s.flink())
		if err != nil {
			c.add(off, false, err)
			return
		}
		if next.blink() != off {
			c.fault(s.flink(), "security descriptor's backward link", off, next.blink())
		}
		off = s.flink()
	}
}

func (c *checker) isSecurity(off uint32) bool {
	_, err := c.bins.keySecurity(off)
	return err == nil
}

// checkLost counts cells in use that nothing refers to.
func (c *checker) checkLost() {
	var first, lost uint32
	for i, word := range c.cells {
		for rest := word &^ c.used[i]; rest != 0; rest &= rest - 1 {
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
