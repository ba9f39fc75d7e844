package hive

import (
	"bytes"
	"fmt"
	"strings"
)

// The rules of single fields. Each was tried on Windows 10's own code: it loads a hive up to the
// bound, and refuses it beyond.

// checkFlags looks for flags that a key cannot have. Predefined handles were taken out of Windows;
// older ones wrote them.
func (c *checker) checkFlags(k keyRef, n keyNode) {
	bad := uint16(keyExit | keyRoot | keyNoDelete)
	if k.isRoot() {
		bad = keyExit | keySymlink | keyPredefined
	}
	switch {
	case n.flags()&bad != 0:
		c.fault(k.off, fmt.Sprintf("flags of key %q", n.name()), fmt.Sprintf("none of %#x", bad), n.flags())
	case n.layers() != 0 && !c.layered:
		c.fault(k.off, fmt.Sprintf("layers of key %q", n.name()), "none outside a differencing hive", n.layers())
	case k.isRoot() && n.flags()&keyRoot == 0:
		c.harmless(k.off, "root key", "marked as root", n.flags())
	case n.flags()&keyPredefined != 0:
		c.harmless(k.off, fmt.Sprintf("key %q", n.name()), "a plain key", "a predefined handle")
	}
}

// checkKeyName allows any character but a backslash, and a NUL behind others.
func (c *checker) checkKeyName(off uint32, n keyNode) {
	name := n.stored()
	if name.len() == 0 || name.unit(0) == 0 || bytes.IndexByte(name.raw, '\\') >= 0 && strings.ContainsRune(n.name(), '\\') {
		c.fault(off, "key name", "characters, none of them a backslash", fmt.Sprintf("%q", n.name()))
	}
}

// longest is the longest names and data of what a key holds, in bytes, names as UTF-16.
type longest struct{ name, other uint32 }

func (l *longest) see(name storedName, other uint32) {
	l.name, l.other = max(l.name, 2*uint32(name.len())), max(l.other, other)
}

// checkLongest compares with the key's own fields. If these are too small Windows 10 refuses the
// hive; Windows XP left them so.
func (c *checker) checkLongest(off uint32, what, other string, l longest, name, otherField uint32) {
	if l.name > name {
		c.harmless(off, "field for the longest name of a "+what, fmt.Sprintf("at least %d", l.name), fmt.Sprint(name))
	}
	if l.other > otherField {
		c.harmless(off, "field for the longest "+other+" of a "+what, fmt.Sprintf("at least %d", l.other), fmt.Sprint(otherField))
	}
}

// checkLink tests a value of a symbolic link: where it leads to, and nothing else.
func (c *checker) checkLink(off uint32, v keyValue, values int) {
	const name = "SymbolicLinkValue"
	if values != 1 || v.kind() != Link || v.dataSize() == 0 || v.dataSize()%2 != 0 || !v.stored().equal(storeName(name)) {
		c.fault(off, "value of a symbolic link", name+" alone", fmt.Sprintf("%q", v.name()))
	}
}

// checkNoData tests what a value has instead of data.
func (c *checker) checkNoData(off uint32, v keyValue) {
	if !v.inline() && v.dataSize() == 0 && v.dataOffset() != nilOffset {
		c.fault(off, "data offset of a value without data", uint32(nilOffset), v.dataOffset())
	}
}
