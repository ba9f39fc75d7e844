package ntfs

import (
	"errors"
	"fmt"
	"slices"
)

var (
	errEntrySize    = errors.New("an index block does not hold the names")
	errEmptiesBlock = errors.New("the name is the last one in its index block")
)

// childSwitch is the change of one pointer in a live block: the eight bytes
// that make a whole rebuilt branch part of the tree.
type childSwitch struct {
	block indexNode
	child VCN
}

// indexEdit plans a change of a directory's tree. A live block is never
// rewritten, because a block is several sectors, and one torn between them
// loses all its names. A node that changes is laid out in a block that is not
// part of the tree; then the pointer to it is switched, in the root or in the
// live block above.
type indexEdit struct {
	x      *index
	taken  []byte // one bit per block: live, or fresh
	blocks int64  // blocks the directory has in the end

	fresh  []indexNode  // blocks to be written before the switch
	dead   []VCN        // blocks that leave the tree with the switch
	root   []indexEntry // the new root, nil if it stays
	parent *childSwitch // nil if the root is what changes
	layout rootLayout
}

// rootLayout says how a root is to take a change it has to take.
type rootLayout int

// The layouts, in the order they are tried: each next one asks less of the
// directory's record and more of its blocks.
const (
	growRoot rootLayout = iota // new entries come into it
	keepRoot                   // a full block shares with its neighbour, whose separator gets another name of the same length
	sinkRoot                   // all it holds moves into a block, even if it need not change; one pointer stays
)

func (x *index) edit(l rootLayout) *indexEdit {
	return &indexEdit{x: x, taken: slices.Clone(x.live), blocks: x.blockCount(), layout: l}
}

// take reserves a block that is not in the tree, a new one behind the last if
// there is none.
func (t *indexEdit) take() VCN {
	n := int64(0)
	for n < t.blocks && bitSet(t.taken, n) {
		n++
	}
	t.blocks = max(t.blocks, n+1)
	t.taken = setBit(t.taken, n)
	return VCN(n * t.x.vcnsPerBlock())
}

// place lays a node out in a block that is not in the tree.
func (t *indexEdit) place(entries []indexEntry) (VCN, error) {
	if !t.x.blockFits(entries) {
		return 0, errEntrySize
	}
	vcn := t.take()
	t.fresh = append(t.fresh, indexNode{vcn: vcn, entries: entries})
	return vcn, nil
}

// insert puts an entry where path, the way to its name, ends.
func (t *indexEdit) insert(path []indexNode, e indexEntry) error {
	own := e
	for i := len(path) - 1; i > 0; i-- {
		n := path[i]
		entries := slices.Insert(slices.Clone(n.entries), n.pos, e)
		t.dead = append(t.dead, n.vcn)
		switch {
		case t.x.blockFits(entries):
			return t.replace(path[:i], entries)
		case i == 1 && t.layout == keepRoot:
			return t.share(path[0], entries, own)
		}
		var err error
		if e, err = t.halve(&path[i-1], entries, own); err != nil {
			return err
		}
	}
	return t.setRoot(slices.Insert(slices.Clone(path[0].entries), path[0].pos, e))
}

// halve lays the entries out in two blocks, of which above gets the upper one
// in the old one's place, and returns the entry that leads to the lower one.
func (t *indexEdit) halve(above *indexNode, entries []indexEntry, own indexEntry) (indexEntry, error) {
	left, separator, right, err := t.x.split(entries, own, 0)
	if err != nil {
		return nil, err
	}
	lower, upper, err := t.placeBoth(left, right)
	if err != nil {
		return nil, err
	}
	above.entries = slices.Clone(above.entries)
	above.entries[above.pos] = above.entries[above.pos].withChild(upper)
	return separator.withChild(lower), nil
}

func (t *indexEdit) placeBoth(left, right []indexEntry) (lower, upper VCN, err error) {
	if lower, err = t.place(left); err == nil {
		upper, err = t.place(right)
	}
	return lower, upper, err
}

// share lays the entries of the full block below root.pos out together with
// those of one beside it, around a separator as long as the one there was.
func (t *indexEdit) share(root indexNode, entries []indexEntry, own indexEntry) error {
	for _, at := range []int{root.pos - 1, root.pos} {
		if at < 0 || root.entries[at].last() {
			continue
		}
		beside, between := root.entries[at], root.entries[at].withoutChild()
		if at == root.pos {
			beside = root.entries[at+1]
		}
		others, err := t.x.block(beside.child())
		if err != nil {
			return err
		}
		if err := t.x.sameLevel(others, entries); err != nil {
			return err
		}
		lower, upper := others, entries
		if at == root.pos {
			lower, upper = entries, others
		}
		left, separator, right, err := t.x.split(joinNodes(lower, between, upper), own, len(between))
		if err != nil {
			continue
		}
		t.dead = append(t.dead, beside.child())
		return t.setShared(root.entries, at, left, separator, right)
	}
	return fmt.Errorf("%w: the directory's root has to grow", ErrNotSingleSector)
}

// sameLevel proves that two nodes are both leaves, or none of them is.
func (x *index) sameLevel(a, b []indexEntry) error {
	for _, e := range a {
		if e.hasChild() != b[0].hasChild() {
			return damaged(x.off, "index tree: leaves", "all at the same depth", "at several")
		}
	}
	return nil
}

// joinNodes puts two nodes together around the entry that separates them.
func joinNodes(left []indexEntry, separator indexEntry, right []indexEntry) []indexEntry {
	names, end := left[:len(left)-1], left[len(left)-1]
	if end.hasChild() {
		separator = separator.withChild(end.child())
	}
	return slices.Concat(names, []indexEntry{separator}, right)
}

func (t *indexEdit) setShared(root []indexEntry, at int, left []indexEntry, separator indexEntry, right []indexEntry) error {
	lower, upper, err := t.placeBoth(left, right)
	if err != nil {
		return err
	}
	root = slices.Clone(root)
	root[at], root[at+1] = separator.withChild(lower), root[at+1].withChild(upper)
	return t.setRoot(root)
}

// setRoot gives the root new entries, or moves them into a block: a record that
// has no room for them has it for the one pointer there.
func (t *indexEdit) setRoot(entries []indexEntry) error {
	if t.layout != sinkRoot {
		t.root = entries
		return nil
	}
	child, err := t.place(entries)
	t.root = []indexEntry{endOfNode(false, child)}
	return err
}

// replace lays a node out anew and lets the last node of path lead to it.
func (t *indexEdit) replace(path []indexNode, entries []indexEntry) error {
	child, err := t.place(entries)
	if err != nil {
		return err
	}
	above := path[len(path)-1]
	if above.vcn != rootNode && t.layout != sinkRoot {
		t.parent = &childSwitch{block: above, child: child}
		return nil
	}
	entries = slices.Clone(above.entries)
	entries[above.pos] = entries[above.pos].withChild(child)
	return t.settle(path, entries)
}

// split cuts entries into two nodes that fit blocks, as even as may be, and the
// entry between them, which is length bytes long if that is not 0. It is never
// own, the entry being inserted: that can then be taken out of its leaf again,
// and no node above changes.
func (x *index) split(entries []indexEntry, own indexEntry, length int) (left []indexEntry, separator indexEntry, right []indexEntry, err error) {
	total, before, best, at := entriesSize(entries), 0, 0, -1
	for i, e := range entries[:len(entries)-1] {
		behind := total - before - len(e)
		possible := i > 0 && i < len(entries)-2 && &e[0] != &own[0] && (length == 0 || len(e.withoutChild()) == length)
		if possible && max(before+endOfNodeSize, behind) <= x.blockRoom() && (at < 0 || max(before, behind) < best) {
			best, at = max(before, behind), i
		}
		before += len(e)
	}
	if at < 0 {
		return nil, nil, nil, errEntrySize
	}
	separator = entries[at]
	end := endOfNode(true, 0)
	if separator.hasChild() {
		end = end.withChild(separator.child())
	}
	left = append(slices.Clone(entries[:at]), end)
	return left, separator.withoutChild(), entries[at+1:], nil
}

// remove takes the entry out that path, the way to its name, ends at. An entry
// that separates two blocks is replaced by the last name before it.
func (t *indexEdit) remove(path []indexNode) error {
	n := path[len(path)-1]
	if n.entries[n.pos].hasChild() {
		return t.removeSeparator(path)
	}
	entries := slices.Delete(slices.Clone(n.entries), n.pos, n.pos+1)
	return t.settle(path, entries)
}

// settle lets the last node of path have other entries.
func (t *indexEdit) settle(path []indexNode, entries []indexEntry) error {
	n := path[len(path)-1]
	if n.vcn == rootNode {
		return t.setRoot(entries)
	}
	t.dead = append(t.dead, n.vcn)
	if len(entries) == 1 {
		return t.drop(path[:len(path)-1])
	}
	return t.replace(path[:len(path)-1], entries)
}

// drop takes the last node of path out, below which there are no more names.
// It goes only with all above it: a directory that is empty is its root.
func (t *indexEdit) drop(path []indexNode) error {
	n := path[len(path)-1]
	switch {
	case len(n.entries) > 1:
		return errEmptiesBlock
	case n.vcn == rootNode:
		t.root = []indexEntry{endOfNode(true, 0)}
		return nil
	}
	t.dead = append(t.dead, n.vcn)
	return t.drop(path[:len(path)-1])
}

// removeSeparator rebuilds the branch down to the last name before the entry
// that path ends at, and puts that name in the entry's place.
func (t *indexEdit) removeSeparator(path []indexNode) error {
	n := path[len(path)-1]
	branch, err := t.x.lastBranch(n.entries[n.pos].child())
	if err != nil {
		return err
	}
	leaf := branch[len(branch)-1]
	names := len(leaf.entries) - 1
	if names < 2 {
		return errEmptiesBlock
	}
	previous := leaf.entries[names-1]
	child, err := t.place(slices.Delete(slices.Clone(leaf.entries), names-1, names))
	if err != nil {
		return err
	}
	for _, above := range slices.Backward(branch[:len(branch)-1]) {
		entries := slices.Clone(above.entries)
		entries[len(entries)-1] = endOfNode(false, child)
		if child, err = t.place(entries); err != nil {
			return err
		}
	}
	for _, b := range branch {
		t.dead = append(t.dead, b.vcn)
	}
	entries := slices.Clone(n.entries)
	entries[n.pos] = previous.withChild(child)
	return t.settle(path, entries)
}

// lastBranch reads the blocks from vcn down to the leaf with the last names.
func (x *index) lastBranch(vcn VCN) ([]indexNode, error) {
	var branch []indexNode
	for range maxIndexDepth {
		entries, err := x.block(vcn)
		if err != nil {
			return nil, err
		}
		branch = append(branch, indexNode{vcn: vcn, entries: entries, pos: len(entries) - 1})
		end := entries[len(entries)-1]
		if !end.hasChild() {
			return branch, nil
		}
		vcn = end.child()
	}
	return nil, damaged(x.off, "index tree: depth", fmt.Sprintf("at most %d", maxIndexDepth), "more")
}

// liveAfter is the bitmap of the tree's blocks once the switch is done.
func (t *indexEdit) liveAfter() []byte {
	b := slices.Clone(t.taken)
	for _, vcn := range t.dead {
		n := int64(vcn) / t.x.vcnsPerBlock()
		b[n/8] &^= 1 << (n % 8)
	}
	return b
}
