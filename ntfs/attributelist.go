package ntfs

import (
	"fmt"
	"sort"
)

const (
	// maxAttributeList is what Windows allows an $ATTRIBUTE_LIST to grow to.
	maxAttributeList = 256 << 10

	listLength     = 0x04
	listNameLength = 0x06
	listNameOffset = 0x07
	listLowestVCN  = 0x08
	listRef        = 0x10
	listInstance   = 0x18
	minListEntry   = 0x1a
)

// listEntry is one entry of an $ATTRIBUTE_LIST: which record holds which
// attribute record of the file.
type listEntry []byte

func (e listEntry) kind() uint32     { return le.Uint32(e) }
func (e listEntry) lowestVCN() VCN   { return VCN(le.Uint64(e[listLowestVCN:])) }
func (e listEntry) ref() RecordRef   { return recordRef(le.Uint64(e[listRef:])) }
func (e listEntry) instance() uint16 { return le.Uint16(e[listInstance:]) }
func (e listEntry) name() attrName {
	start, length := int(e[listNameOffset]), int(e[listNameLength])
	if length == 0 {
		return ""
	}
	return attrName(e[start : start+2*length])
}
func (e listEntry) named(name attrName) bool { return e.name() == name }

// parseAttributeList cuts an $ATTRIBUTE_LIST into entries. off is where the base record lies.
func parseAttributeList(b []byte, off int64) ([]listEntry, error) {
	var list []listEntry
	for len(b) > 0 {
		if len(b) < minListEntry {
			return nil, damaged(off, "$ATTRIBUTE_LIST: bytes left for an entry", fmt.Sprintf("at least %d", minListEntry), len(b))
		}
		length := int(le.Uint16(b[listLength:]))
		if length < minListEntry || length%8 != 0 || length > len(b) {
			return nil, damaged(off, "$ATTRIBUTE_LIST: entry length", "a multiple of 8 inside the list", length)
		}
		e := listEntry(b[:length])
		if int(e[listNameOffset])+2*int(e[listNameLength]) > length && e[listNameLength] != 0 {
			return nil, damaged(off, "$ATTRIBUTE_LIST: entry name", "inside the entry", e[listNameLength])
		}
		list = append(list, e)
		b = b[length:]
	}
	return list, nil
}

// node is a file or directory: its base record and those its attribute list adds.
type node struct {
	v          *Volume
	base       *record
	list       []listEntry // nil if everything is in the base record
	extensions map[uint64]*record
}

// openNode reads the base record of the file a reference names.
func (v *Volume) openNode(ref RecordRef) (*node, error) {
	r, err := v.readRef(ref)
	if err != nil {
		return nil, err
	}
	return v.newNode(r)
}

// newNode takes a base record and reads its attribute list, if it has one.
func (v *Volume) newNode(r *record) (*node, error) {
	if base := r.base(); base != (RecordRef{}) {
		return nil, fmt.Errorf("MFT record %d: %w", r.ref.Number, damaged(r.off, "MFT record: base record of a file", "none", base))
	}
	n := &node{v: v, base: r, extensions: map[uint64]*record{}}
	a, ok := r.find(typeAttributeList, "")
	if !ok {
		return n, nil
	}
	s, err := v.newStream([]attribute{a})
	if err != nil {
		return nil, fmt.Errorf("attribute list of record %d: %w", r.ref.Number, err)
	}
	b, err := s.readAll(maxAttributeList)
	if err != nil {
		return nil, fmt.Errorf("attribute list of record %d: %w", r.ref.Number, err)
	}
	if n.list, err = parseAttributeList(b, r.off); err != nil {
		return nil, fmt.Errorf("record %d: %w", r.ref.Number, err)
	}
	return n, nil
}

// extension reads a record the attribute list names; it must belong to this file.
func (n *node) extension(ref RecordRef) (*record, error) {
	if ref == n.base.ref {
		return n.base, nil
	}
	r, ok := n.extensions[ref.Number]
	if !ok {
		var err error
		if r, err = n.v.readRecord(ref.Number); err != nil {
			return nil, err
		}
		n.extensions[ref.Number] = r
	}
	if !r.inUse() || r.ref != ref || r.base() != n.base.ref {
		return nil, damaged(r.off, fmt.Sprintf("extension record %d: owner", ref.Number), n.base.ref,
			fmt.Sprintf("%v (sequence %d, in use %v)", r.base(), r.ref.Sequence, r.inUse()))
	}
	return r, nil
}

// resolve fetches the attribute record a list entry stands for.
func (n *node) resolve(e listEntry, name attrName) (attribute, error) {
	r, err := n.extension(e.ref())
	if err != nil {
		return attribute{}, err
	}
	for _, a := range r.attrs {
		if a.kind() == e.kind() && a.instance() == e.instance() && a.named(name) {
			return a, nil
		}
	}
	return attribute{}, damaged(r.off, "MFT record: attribute the attribute list promises",
		fmt.Sprintf("type 0x%x instance %d", e.kind(), e.instance()), "none")
}

// attributes returns all attribute records of a type and name, in VCN order.
func (n *node) attributes(kind uint32, name attrName) ([]attribute, error) {
	var attrs []attribute
	if n.list == nil {
		for _, a := range n.base.attrs {
			if a.kind() == kind && a.named(name) {
				attrs = append(attrs, a)
			}
		}
		return attrs, nil
	}
	for _, e := range n.entries(kind, name) {
		a, err := n.resolve(e, name)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, a)
	}
	return attrs, nil
}

// entries returns the list entries of a type and name, in VCN order.
func (n *node) entries(kind uint32, name attrName) []listEntry {
	var found []listEntry
	for _, e := range n.list {
		if e.kind() == kind && e.named(name) {
			found = append(found, e)
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].lowestVCN() < found[j].lowestVCN() })
	return found
}

// first returns the attribute record that carries the sizes, without reading the others.
func (n *node) first(kind uint32, name attrName) (attribute, bool, error) {
	if n.list == nil {
		a, ok := n.base.find(kind, name)
		return a, ok, nil
	}
	found := n.entries(kind, name)
	if len(found) == 0 {
		return attribute{}, false, nil
	}
	a, err := n.resolve(found[0], name)
	return a, err == nil, err
}

// stream joins all records of a stream; ok is false if the file has none of that name.
func (n *node) stream(kind uint32, name attrName) (s *stream, ok bool, err error) {
	attrs, err := n.attributes(kind, name)
	if err == nil && len(attrs) > 0 {
		s, err = n.v.newStream(attrs)
	}
	if err != nil {
		return nil, false, fmt.Errorf("record %d: %w", n.base.ref.Number, err)
	}
	return s, s != nil, nil
}
