package hive

import (
	"fmt"
	"sort"
)

// maxLeafEntries is how long a leaf may get before it is split; Windows' own stay below.
const maxLeafEntries = 1000

// insertSubkey puts a key into its parent's list at its place in the order. The parent's count is
// the caller's.
func (h *Hive) insertSubkey(parent, child uint32) error {
	n, err := h.bins.keyNode(parent)
	if err != nil {
		return err
	}
	if n.subkeyCount() == 0 {
		return h.firstSubkey(parent, child)
	}
	leaves, err := h.bins.leaves(n)
	if err != nil {
		return err
	}
	c, err := h.bins.keyNode(child)
	if err != nil {
		return err
	}
	name := c.stored()
	i, err := h.chooseLeaf(leaves, name)
	if err != nil {
		return err
	}
	if leaves[i].list.count() >= maxLeafEntries {
		if err := h.splitLeaf(parent, i, leaves[i]); err != nil {
			return err
		}
		return h.insertSubkey(parent, child)
	}
	at, err := h.position(leaves[i].list, name)
	if err != nil {
		return err
	}
	off, err := h.insertEntry(leaves[i].off, at, leafEntry(leaves[i].list.kind(), child, c))
	if err != nil || off == leaves[i].off {
		return err
	}
	return h.relinkLeaf(parent, i, leaves[i].off, off)
}

// firstSubkey gives a key its first list, of the kind its hive uses.
func (h *Hive) firstSubkey(parent, child uint32) error {
	kind := fastLeaf
	if h.base.minor() >= minorHashLeaf {
		kind = hashLeaf
	}
	c, err := h.bins.keyNode(child)
	if err != nil {
		return err
	}
	off, err := h.newList(kind, leafEntry(kind, child, c))
	if err != nil {
		return err
	}
	n, err := h.bins.editKeyNode(parent)
	if err != nil {
		return err
	}
	n.setSubkeyList(off)
	return nil
}

// leafEntry is a key's entry in a leaf: its cell, then the first characters or the hash of its name.
func leafEntry(kind string, off uint32, n keyNode) []byte {
	e := le.AppendUint32(nil, off)
	switch kind {
	case hashLeaf:
		e = le.AppendUint32(e, n.stored().hash())
	case fastLeaf:
		hint := nameHint(n)
		e = append(e, hint[:]...)
	}
	return e
}

// nameHint is the first four characters of a name, one byte each. A character above U+00FF has no
// room there: such a hint begins with zero and says nothing.
func nameHint(n keyNode) (hint [4]byte) {
	name := n.stored()
	for i := range min(len(hint), name.len()) {
		u := name.unit(i)
		if u > 0xFF {
			hint[0] = 0
			break
		}
		hint[i] = byte(u)
	}
	return hint
}

// chooseLeaf gives the first leaf that ends at or behind name, or the last one.
func (h *Hive) chooseLeaf(leaves []leaf, name storedName) (int, error) {
	var failed error
	i := sort.Search(len(leaves)-1, func(i int) bool {
		l := leaves[i].list
		if l.count() == 0 {
			return false
		}
		n, err := h.bins.keyNode(l.offset(l.count() - 1))
		if err != nil {
			failed = err
			return true
		}
		return n.stored().compare(name) >= 0
	})
	return i, failed
}

// position gives the place of name among a leaf's entries.
func (h *Hive) position(l subkeyList, name storedName) (int, error) {
	var failed error
	i := sort.Search(l.count(), func(i int) bool {
		n, err := h.bins.keyNode(l.offset(i))
		if err != nil {
			failed = err
			return true
		}
		return n.stored().compare(name) >= 0
	})
	return i, failed
}

// newList allocates a list of a kind with the given entries.
func (h *Hive) newList(kind string, entries []byte) (uint32, error) {
	p := le.AppendUint16([]byte(kind), uint16(len(entries)/entrySize(kind[1])))
	p = append(p, entries...)
	return h.store(p, uint32(len(p)))
}

// insertEntry puts an entry into a list at position at: in place while the cell has room, else in a
// new cell, whose offset it gives.
func (h *Hive) insertEntry(off uint32, at int, entry []byte) (uint32, error) {
	l, err := h.bins.subkeyList(off)
	if err != nil {
		return nilOffset, err
	}
	if l.count() < l.capacity() {
		l, err = h.bins.editSubkeyList(off)
		if err != nil {
			return nilOffset, err
		}
		count, size := l.count(), l.entrySize()
		l.setCount(count + 1)
		body := l.entries()
		copy(body[(at+1)*size:], body[at*size:count*size])
		copy(body[at*size:], entry)
		return off, nil
	}
	cut := at * l.entrySize()
	entries := append(append(append([]byte(nil), l.entries()[:cut]...), entry...), l.entries()[cut:]...)
	moved, err := h.newList(l.kind(), entries)
	if err != nil {
		return nilOffset, err
	}
	return moved, h.free(off)
}

// relinkLeaf makes what pointed to a leaf's old cell, the parent or its list of leaves, point to the
// new one.
func (h *Hive) relinkLeaf(parent uint32, i int, old, moved uint32) error {
	n, err := h.bins.editKeyNode(parent)
	if err != nil {
		return err
	}
	if n.subkeyList() == old {
		n.setSubkeyList(moved)
		return nil
	}
	top, err := h.bins.editSubkeyList(n.subkeyList())
	if err != nil {
		return err
	}
	le.PutUint32(top.entry(i), moved)
	return nil
}

// splitLeaf moves the upper half of a leaf into a new one. A parent with a single leaf gets an
// index root.
func (h *Hive) splitLeaf(parent uint32, i int, l leaf) error {
	half := l.list.count() / 2
	upper, err := h.newList(l.list.kind(), l.list.entries()[half*l.list.entrySize():])
	if err != nil {
		return err
	}
	lower, err := h.bins.editSubkeyList(l.off)
	if err != nil {
		return err
	}
	clear(lower.entries()[half*lower.entrySize():])
	lower.setCount(half)

	n, err := h.bins.keyNode(parent)
	if err != nil {
		return err
	}
	top := n.subkeyList()
	if top == l.off {
		top, err = h.newList(indexRoot, le.AppendUint32(le.AppendUint32(nil, l.off), upper))
	} else {
		top, err = h.insertEntry(top, i+1, le.AppendUint32(nil, upper))
	}
	if err != nil {
		return err
	}
	if n, err = h.bins.editKeyNode(parent); err != nil {
		return err
	}
	n.setSubkeyList(top)
	return nil
}

// deleteSubkey removes a key and everything below it.
func (h *Hive) deleteSubkey(parent uint32, name string) error {
	off, err := h.child(parent, name)
	if err != nil {
		return err
	}
	if off == nilOffset {
		return fmt.Errorf("key %q: %w", name, ErrNotExist)
	}
	if err := h.unlistSubkey(parent, off); err != nil {
		return err
	}
	h.touched.add(parent)
	return h.freeKey(off, 0)
}

// unlistSubkey takes a key out of its parent's list and count.
func (h *Hive) unlistSubkey(parent, child uint32) error {
	n, err := h.bins.keyNode(parent)
	if err != nil {
		return err
	}
	leaves, err := h.bins.leaves(n)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		for at := range leaf.list.count() {
			if leaf.list.offset(at) == child {
				return h.removeSubkey(parent, i, leaf.off, at)
			}
		}
	}
	return &FormatError{fileOffset(n.subkeyList()), "subkey list", "the key it led to", "nothing"}
}

func (h *Hive) removeSubkey(parent uint32, i int, off uint32, at int) error {
	empty, err := h.removeEntry(off, at)
	if err != nil {
		return err
	}
	n, err := h.bins.editKeyNode(parent)
	if err != nil {
		return err
	}
	n.setSubkeyCount(n.subkeyCount() - 1)
	if empty && n.subkeyList() != off {
		if empty, err = h.removeEntry(n.subkeyList(), i); err != nil {
			return err
		}
	}
	if empty {
		n.setSubkeyList(nilOffset)
		n.clearMaxNames()
	}
	return nil
}

// removeEntry takes an entry out of a list; a list that is then empty is freed.
func (h *Hive) removeEntry(off uint32, at int) (empty bool, err error) {
	l, err := h.bins.editSubkeyList(off)
	if err != nil {
		return false, err
	}
	body, size := l.entries(), l.entrySize()
	copy(body[at*size:], body[(at+1)*size:])
	clear(body[len(body)-size:])
	l.setCount(l.count() - 1)
	if l.count() > 0 {
		return false, nil
	}
	return true, h.free(off)
}

// freeKey frees a key's cells and those of all keys below it.
func (h *Hive) freeKey(off uint32, depth int) error {
	if depth > MaxDepth {
		return &FormatError{fileOffset(off), "key", "at most 511 levels below the root", depth}
	}
	n, err := h.editableKey(off)
	if err != nil {
		return err
	}
	if n.flags()&(keyNoDelete|keyRoot) != 0 {
		return fmt.Errorf("%q is marked as not to be deleted: %w", n.name(), ErrUnsupported)
	}
	if err := h.freeSubkeys(n, depth); err != nil {
		return err
	}
	if err := h.freeValues(n); err != nil {
		return err
	}
	if err := h.freeClass(n); err != nil {
		return err
	}
	if err := h.unshare(n.security()); err != nil {
		return err
	}
	h.touched.remove(off)
	return h.free(off)
}

func (h *Hive) freeSubkeys(n keyNode, depth int) error {
	leaves, err := h.bins.leaves(n)
	if err != nil || len(leaves) == 0 {
		return err
	}
	for _, leaf := range leaves {
		for i := range leaf.list.count() {
			if err := h.freeKey(leaf.list.offset(i), depth+1); err != nil {
				return err
			}
		}
		if err := h.free(leaf.off); err != nil {
			return err
		}
	}
	if leaves[0].off == n.subkeyList() {
		return nil
	}
	return h.free(n.subkeyList())
}

func (h *Hive) freeValues(n keyNode) error {
	list, err := h.bins.valueList(n)
	if err != nil || list.len() == 0 {
		return err
	}
	for i := range list.len() {
		off := list.offset(i)
		if err := h.freeData(off); err != nil {
			return err
		}
		if err := h.free(off); err != nil {
			return err
		}
	}
	h.bins.values = nil
	return h.free(n.valueList())
}
