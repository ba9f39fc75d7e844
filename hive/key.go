package hive

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// Key is one key of a hive. It is good until the hive's next edit.
type Key struct {
	h    *Hive
	off  uint32
	node keyNode
}

func (h *Hive) keyAt(off uint32) (*Key, error) {
	n, err := h.bins.keyNode(off)
	if err != nil {
		return nil, err
	}
	return &Key{h, off, n}, nil
}

// Hive is the hive the key is in.
func (k *Key) Hive() *Hive { return k.h }

// Name is the key's own name, without those above it.
func (k *Key) Name() string { return k.node.name() }

// LastWritten is when the key, its values or its list of subkeys last changed.
func (k *Key) LastWritten() time.Time { return timeOf(k.node.fileTime()) }

// NumSubkeys is the number of keys directly below.
func (k *Key) NumSubkeys() int { return int(k.node.subkeyCount()) }

// NumValues is the number of values.
func (k *Key) NumValues() int {
	if k.node.flags()&keyPredefined != 0 {
		return 0
	}
	return int(k.node.valueCount())
}

// IsLink says whether the key is a symbolic link to another. Links are shown, not followed.
func (k *Key) IsLink() bool { return k.node.flags()&keySymlink != 0 }

// Offset is where the key's cell stands in the primary, in bytes.
func (k *Key) Offset() int64 { return fileOffset(k.off) }

// Class is the key's class name: a second, seldom used string.
func (k *Key) Class() (string, error) {
	p, err := k.h.bins.classOf(k.node)
	return DecodeUTF16(unitsOf(p)), err
}

// Security is the key's security descriptor, self-relative ([MS-DTYP] 2.4.6).
func (k *Key) Security() ([]byte, error) {
	s, err := k.h.bins.keySecurity(k.node.security())
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.descriptor()), nil
}

// Path is the key's path below the root, as [Hive.Key] takes it: "" for the root.
func (k *Key) Path() (string, error) {
	var names []string
	for n, off := k.node, k.off; off != k.h.base.rootCell(); {
		if len(names) > MaxDepth {
			return "", &FormatError{k.Offset(), "key", "at most 511 levels below the root", "deeper"}
		}
		names = append(names, n.name())
		off = n.parent()
		var err error
		if n, err = k.h.bins.keyNode(off); err != nil {
			return "", fmt.Errorf("parent of key %q: %w", names[len(names)-1], err)
		}
	}
	slices.Reverse(names)
	return joinPath(names), nil
}

// Subkeys walks the keys directly below, in the hive's order. It ends at the first error.
func (k *Key) Subkeys() iter.Seq2[*Key, error] {
	return func(yield func(*Key, error) bool) {
		list, err := k.h.bins.leaves(k.node)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, leaf := range list {
			for i := range leaf.list.count() {
				child, err := k.h.keyAt(leaf.list.offset(i))
				if !yield(child, err) || err != nil {
					return
				}
			}
		}
	}
}

// Subkey finds a key directly below, in any case.
func (k *Key) Subkey(name string) (*Key, error) {
	off, err := k.h.bins.findSubkey(k.node, storeName(name))
	if err != nil {
		return nil, err
	}
	if off == nilOffset {
		return nil, fmt.Errorf("key %q: %w", name, ErrNotExist)
	}
	return k.h.keyAt(off)
}

// Values walks the key's values in the hive's order. It ends at the first error.
func (k *Key) Values() iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		list, err := k.h.bins.valueList(k.node)
		if err != nil {
			yield(Value{}, err)
			return
		}
		for i := range list.len() {
			v, err := k.h.valueAt(list.offset(i))
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Value finds a value by name, in any case; "" is the default value.
func (k *Key) Value(name string) (Value, error) {
	off, err := k.h.bins.findValue(k.node, storeName(name))
	if err != nil {
		return Value{}, fmt.Errorf("value %q: %w", name, err)
	}
	if off == nilOffset {
		return Value{}, fmt.Errorf("value %q: %w", name, ErrNotExist)
	}
	return k.h.valueAt(off)
}

func (h *Hive) valueAt(off uint32) (Value, error) {
	v, err := h.bins.keyValue(off)
	if err != nil {
		return Value{}, err
	}
	data, err := h.bins.valueData(v, off, h.base.minor())
	if err != nil {
		return Value{}, fmt.Errorf("value %q: %w", v.name(), err)
	}
	return Value{v.name(), v.kind(), data}, nil
}
