package hive

import (
	"bytes"
	"fmt"

	"www.velocidex.com/golang/regparser"
)

// ValueCheck says what a value of a committed hive must be; a nil Want means it must not exist.
type ValueCheck struct {
	Path, Name string
	Want       *Value
}

// CheckReadBack reads values out of a committed primary with a second reader, which shares no code
// with this package, and compares. The hive must be clean and valid first: only then is that reader
// known to end. Differences are ErrReadBack.
//
// Only the base block and the bins behind it are read, into memory: byte for byte the second reader
// is many times faster on memory than on a file.
func CheckReadBack(primary File, want []ValueCheck) error {
	h, err := Open(Source{Primary: primary})
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if err := h.Validate(); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	r, err := regparser.NewRegistry(bytes.NewReader(append(h.base, h.bins.data...)))
	if err != nil {
		return fmt.Errorf("read back: second reader: %w", err)
	}
	for _, c := range want {
		if err := c.compare(r); err != nil {
			return fmt.Errorf("read back: key %q value %q: %w", c.Path, c.Name, err)
		}
	}
	return nil
}

func (c ValueCheck) compare(r *regparser.Registry) error {
	v := secondValue(secondKey(r, splitPath(c.Path)), fold(c.Name))
	switch {
	case v == nil && c.Want == nil:
		return nil
	case v == nil:
		return fmt.Errorf("missing: %w", ErrReadBack)
	case c.Want == nil:
		return fmt.Errorf("still there: %w", ErrReadBack)
	case Type(v.Type()) != c.Want.Type:
		return fmt.Errorf("type %v, want %v: %w", Type(v.Type()), c.Want.Type, ErrReadBack)
	case v.DataSize() != int64(len(c.Want.Data)):
		return fmt.Errorf("%d bytes, want %d: %w", v.DataSize(), len(c.Want.Data), ErrReadBack)
	}
	return c.compareData(v)
}

// compareData allows for what the second reader does differently: it gives four bytes for any value
// kept in its key, adds one to a REG_MULTI_SZ of odd length, and takes every cell that begins with
// "db" for big data.
func (c ValueCheck) compareData(v *regparser.CM_KEY_VALUE) error {
	want := c.Want.Data
	if len(want) > maxInline && len(want) <= segmentSize && bytes.HasPrefix(want, []byte("db")) {
		return nil
	}
	got := v.ValueData().Data
	got = got[:min(len(got), len(want))]
	if !bytes.Equal(got, want) {
		return fmt.Errorf("data differ: %w", ErrReadBack)
	}
	return nil
}

// secondKey walks a path in the second reader. Its own look-up cannot tell 8-bit names from 16-bit
// ones.
func secondKey(r *regparser.Registry, path []string) *regparser.CM_KEY_NODE {
	k := r.OpenKey("")
	for _, name := range path {
		if k = secondSubkey(k, fold(name)); k == nil {
			return nil
		}
	}
	return k
}

func secondSubkey(k *regparser.CM_KEY_NODE, name foldedName) *regparser.CM_KEY_NODE {
	if k == nil || k.SubKeyCounts()[0] == 0 {
		return nil
	}
	for _, sub := range k.Subkeys() {
		if foldUnits(nameUnits([]byte(sub.Name()), sub.Flags()&keyName8Bit != 0)).compare(name) == 0 {
			return sub
		}
	}
	return nil
}

func secondValue(k *regparser.CM_KEY_NODE, name foldedName) *regparser.CM_KEY_VALUE {
	if k == nil {
		return nil
	}
	for _, v := range k.Values() {
		if foldUnits(nameUnits([]byte(v.ValueName()), v.Flags()&valueName8Bit != 0)).compare(name) == 0 {
			return v
		}
	}
	return nil
}
