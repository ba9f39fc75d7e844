package hive

import (
	"bytes"
	"fmt"
	"strings"
)

// MaxDepth is how many levels of keys Windows accepts below the root.
const MaxDepth = 511

// Limits of what Windows accepts.
const (
	maxKeyName    = 255   // UTF-16 units
	maxValueName  = 16383 // UTF-16 units
	maxClassName  = 32767 // UTF-16 units
	maxPlainValue = 1 << 20
	maxBigValue   = 0xFFFF * segmentSize
)

// edit runs one change: as a whole, or, when it fails, not at all.
func (h *Hive) edit(what string, change func() error) error {
	if err := h.prepare(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	h.bins.begin()
	h.touched.begin()
	if err := change(); err != nil {
		h.bins.rollback()
		h.touched.rollback()
		h.space, h.keysOf = nil, nil
		return fmt.Errorf("%s: %w", what, err)
	}
	h.bins.end()
	return nil
}

// prepare loads the hive before the first edit.
func (h *Hive) prepare() error {
	if h.base.layered() {
		return fmt.Errorf("differencing hive: %w", ErrUnsupported)
	}
	if err := h.bins.loadAll(); err != nil {
		return err
	}
	if h.space != nil {
		return nil
	}
	var err error
	h.space, err = newSpace(h.bins)
	return err
}

// SetValue creates or replaces a value, and creates the key and those above it where they are
// missing. Setting what is already there changes nothing, not even the key's time. A failed edit
// leaves the hive as it was; ErrNoRoom means that the primary would have to grow.
func (h *Hive) SetValue(path string, v Value) error {
	return h.edit(fmt.Sprintf("set value %q of key %q", v.Name, path), func() error {
		key, _, err := h.ensureKey(path)
		if err != nil {
			return err
		}
		return h.setValue(key, v)
	})
}

// CreateKey creates a key and those above it where they are missing, with the security of the
// nearest key that exists. It gives the paths of the keys it created, from the top down.
func (h *Hive) CreateKey(path string) (created []string, err error) {
	err = h.edit(fmt.Sprintf("create key %q", path), func() (err error) {
		_, created, err = h.ensureKey(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return created, nil
}

// DeleteValue removes a value.
func (h *Hive) DeleteValue(path, name string) error {
	return h.edit(fmt.Sprintf("delete value %q of key %q", name, path), func() error {
		key, err := h.findKey(splitPath(path))
		if err != nil {
			return err
		}
		return h.deleteValue(key, name)
	})
}

// DeleteKey removes a key and all below it. Trees that hold symbolic links, or keys marked as not
// to be deleted, are refused.
func (h *Hive) DeleteKey(path string) error {
	return h.edit(fmt.Sprintf("delete key %q", path), func() error {
		names := splitPath(path)
		if len(names) == 0 {
			return fmt.Errorf("root key: %w", ErrUnsupported)
		}
		parent, err := h.findKey(names[:len(names)-1])
		if err != nil {
			return err
		}
		if err := h.countKeys(); err != nil {
			return err
		}
		return h.deleteSubkey(parent, names[len(names)-1])
	})
}

// SetClass gives an existing key a class name; "" takes it away.
func (h *Hive) SetClass(path, class string) error {
	return h.edit(fmt.Sprintf("set class of key %q", path), func() error {
		key, err := h.findKey(splitPath(path))
		if err != nil {
			return err
		}
		return h.setClass(key, bytesOf(EncodeUTF16(class)))
	})
}

// setClass replaces the class name of the key at off, and notes its length in the parent as a hint.
func (h *Hive) setClass(key uint32, class []byte) error {
	if len(class) > 2*maxClassName {
		return fmt.Errorf("class name of %d bytes: %w", len(class), ErrUnsupported)
	}
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	old, err := h.bins.classOf(n)
	if err != nil || bytes.Equal(old, class) {
		return err
	}
	if err := h.freeClass(n); err != nil {
		return err
	}
	cell := uint32(nilOffset)
	if len(class) > 0 {
		if cell, err = h.store(class, uint32(len(class))); err != nil {
			return err
		}
	}
	if n, err = h.bins.editKeyNode(key); err != nil {
		return err
	}
	n.setClass(cell, uint16(len(class)))
	h.touched.add(key)
	if key == h.base.rootCell() {
		return nil
	}
	parent, err := h.bins.editKeyNode(n.parent())
	if err != nil {
		return err
	}
	parent.growMaxClass(uint32(len(class)))
	return nil
}

// freeClass frees the cell of a key's class name.
func (h *Hive) freeClass(n keyNode) error {
	if n.classLen() == 0 || n.class() == nilOffset {
		return nil
	}
	return h.free(n.class())
}

// editableKey refuses keys whose fields mean something else.
func (h *Hive) editableKey(off uint32) (keyNode, error) {
	n, err := h.bins.keyNode(off)
	switch {
	case err != nil:
		return nil, err
	case n.flags()&keySymlink != 0:
		return nil, fmt.Errorf("%q is a symbolic link: %w", n.name(), ErrUnsupported)
	case n.flags()&keyPredefined != 0:
		return nil, fmt.Errorf("%q is a predefined handle: %w", n.name(), ErrUnsupported)
	}
	return n, nil
}

// findKey gives the cell of an existing key.
func (h *Hive) findKey(names []string) (uint32, error) {
	off := h.base.rootCell()
	for _, name := range names {
		next, err := h.child(off, name)
		if err != nil {
			return nilOffset, err
		}
		if next == nilOffset {
			return nilOffset, fmt.Errorf("key %q: %w", name, ErrNotExist)
		}
		off = next
	}
	_, err := h.editableKey(off)
	return off, err
}

func (h *Hive) child(off uint32, name string) (uint32, error) {
	n, err := h.editableKey(off)
	if err != nil {
		return nilOffset, err
	}
	return h.bins.findSubkey(n, storeName(name))
}

// ensureKey gives the cell of a key and the paths of the keys it had to create.
func (h *Hive) ensureKey(path string) (off uint32, created []string, err error) {
	names := splitPath(path)
	if len(names) > MaxDepth {
		return nilOffset, nil, fmt.Errorf("path of %d keys: %w", len(names), ErrUnsupported)
	}
	off = h.base.rootCell()
	for i, name := range names {
		next, err := h.child(off, name)
		if err == nil && next == nilOffset {
			next, err = h.createSubkey(off, name)
			created = append(created, joinPath(names[:i+1]))
		}
		if err != nil {
			return nilOffset, nil, err
		}
		off = next
	}
	_, err = h.editableKey(off)
	return off, created, err
}

// createSubkey adds an empty key below parent.
func (h *Hive) createSubkey(parent uint32, name string) (uint32, error) {
	stored := storeName(name)
	if stored.len() == 0 || stored.len() > maxKeyName || strings.ContainsAny(name, "\\\x00") {
		return nilOffset, fmt.Errorf("key name %q: %w", name, ErrUnsupported)
	}
	n, err := h.bins.keyNode(parent)
	if err != nil {
		return nilOffset, err
	}
	off, err := h.newKeyNode(parent, n.security(), stored)
	if err != nil {
		return nilOffset, err
	}
	if err := h.share(n.security()); err != nil {
		return nilOffset, err
	}
	if err := h.insertSubkey(parent, off); err != nil {
		return nilOffset, err
	}
	if n, err = h.bins.editKeyNode(parent); err != nil {
		return nilOffset, err
	}
	n.setSubkeyCount(n.subkeyCount() + 1)
	n.growMaxName(uint16(2 * stored.len()))
	h.touched.add(parent)
	return off, nil
}

func (h *Hive) newKeyNode(parent, security uint32, name storedName) (uint32, error) {
	off, err := h.alloc(uint32(keyNodeSize + len(name.raw)))
	if err != nil {
		return nilOffset, err
	}
	p, err := h.bins.editCell(off)
	if err != nil {
		return nilOffset, err
	}
	initKeyNode(p, parent, security, name)
	h.touched.add(off)
	return off, nil
}

// initKeyNode fills a zeroed cell with a key that has no subkeys and no values.
func initKeyNode(p []byte, parent, security uint32, name storedName) {
	copy(p, "nk")
	n := keyNode(p)
	if name.eightBit {
		n.setFlags(keyName8Bit)
	}
	n.setParent(parent)
	n.setSubkeyList(nilOffset)
	le.PutUint32(n[32:], nilOffset) // volatile subkeys
	n.setValueList(nilOffset)
	n.setSecurity(security)
	le.PutUint32(n[48:], nilOffset) // class name
	le.PutUint16(n[72:], uint16(len(name.raw)))
	copy(n[keyNodeSize:], name.raw)
}

// countKeys counts, before the first deletion, how many keys really use each security descriptor:
// what the descriptors themselves say may be too low, and one that is freed must have no key left.
func (h *Hive) countKeys() error {
	if h.keysOf != nil {
		return nil
	}
	counts, seen := map[uint32]uint32{}, newCellSet(h.bins.size())
	for pending := []uint32{h.base.rootCell()}; len(pending) > 0; {
		off := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		n, err := h.bins.keyNode(off)
		if err != nil {
			return err
		}
		if seen.has(off) {
			return &FormatError{fileOffset(off), "key", "in one list", "in two"}
		}
		seen.add(off)
		counts[n.security()]++
		leaves, err := h.bins.leaves(n)
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			for i := range leaf.list.count() {
				pending = append(pending, leaf.list.offset(i))
			}
		}
	}
	h.keysOf = counts
	return nil
}

// share counts one more key that uses a security descriptor.
func (h *Hive) share(security uint32) error {
	s, err := h.bins.editKeySecurity(security)
	if err != nil {
		return err
	}
	s.setRefs(s.refs() + 1)
	if h.keysOf != nil {
		h.keysOf[security]++
	}
	return nil
}

// unshare counts one less, and frees the descriptor that no key uses any more.
func (h *Hive) unshare(security uint32) error {
	s, err := h.bins.editKeySecurity(security)
	if err != nil {
		return err
	}
	h.keysOf[security]--
	if left := max(h.keysOf[security], max(s.refs(), 1)-1); left > 0 {
		s.setRefs(left)
		return nil
	}
	next, prev := s.flink(), s.blink()
	n, err := h.bins.editKeySecurity(next)
	if err != nil {
		return err
	}
	p, err := h.bins.editKeySecurity(prev)
	if err != nil {
		return err
	}
	n.setBlink(prev)
	p.setFlink(next)
	return h.free(security)
}
