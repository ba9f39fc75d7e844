package hive

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Type is the type of a value: how its data are meant to be read.
type Type uint32

// The types Windows defines.
const (
	None Type = iota
	SZ
	ExpandSZ
	Binary
	DWORD
	DWORDBigEndian
	Link
	MultiSZ
	ResourceList
	FullResourceDescriptor
	ResourceRequirementsList
	QWORD
)

var typeNames = [...]string{
	"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD", "REG_DWORD_BIG_ENDIAN", "REG_LINK", "REG_MULTI_SZ",
	"REG_RESOURCE_LIST", "REG_FULL_RESOURCE_DESCRIPTOR", "REG_RESOURCE_REQUIREMENTS_LIST", "REG_QWORD",
}

// String is the name Windows gives the type, as in "REG_DWORD".
func (t Type) String() string {
	if uint64(t) < uint64(len(typeNames)) {
		return typeNames[t]
	}
	return fmt.Sprintf("REG_%#x", uint32(t))
}

// A Value is one named value of a key. The key's default value has the name "".
type Value struct {
	Name string
	Type Type
	Data []byte
}

// Uint32 is the number a REG_DWORD of either byte order holds.
func (v Value) Uint32() (uint32, bool) {
	switch {
	case len(v.Data) != 4:
		return 0, false
	case v.Type == DWORD:
		return le.Uint32(v.Data), true
	case v.Type == DWORDBigEndian:
		return binary.BigEndian.Uint32(v.Data), true
	}
	return 0, false
}

// Uint64 is the number a REG_QWORD or REG_DWORD holds.
func (v Value) Uint64() (uint64, bool) {
	if v.Type == QWORD && len(v.Data) == 8 {
		return le.Uint64(v.Data), true
	}
	n, ok := v.Uint32()
	return uint64(n), ok
}

// Text is the string the data hold, up to the first NUL: not every writer stores one.
func (v Value) Text() string {
	units := unitsOf(v.Data)
	if end := slices.Index(units, 0); end >= 0 {
		units = units[:end]
	}
	return DecodeUTF16(units)
}

// Strings are the strings of a REG_MULTI_SZ, up to the empty one that ends it.
func (v Value) Strings() []string {
	var list []string
	for units := unitsOf(v.Data); len(units) > 0; {
		end := slices.Index(units, 0)
		if end == 0 {
			break
		}
		if end < 0 {
			return append(list, DecodeUTF16(units))
		}
		list = append(list, DecodeUTF16(units[:end]))
		units = units[end+1:]
	}
	return list
}

// Equal says whether type and data are the same; names are not compared.
func (v Value) Equal(w Value) bool { return v.Type == w.Type && string(v.Data) == string(w.Data) }

// String shows the value as people write it.
func (v Value) String() string {
	switch v.Type {
	case SZ, ExpandSZ:
		return fmt.Sprintf("%s %q", v.Type, v.Text())
	case MultiSZ:
		return fmt.Sprintf("%s [%s]", v.Type, strings.Join(v.Strings(), "; "))
	default:
	}
	if n, ok := v.Uint64(); ok {
		return fmt.Sprintf("%s %#x (%d)", v.Type, n, n)
	}
	return fmt.Sprintf("%s (%d bytes) % x", v.Type, len(v.Data), v.Data[:min(len(v.Data), 32)])
}

// EncodeSZ gives the data of a REG_SZ or REG_EXPAND_SZ: UTF-16 with its ending NUL.
func EncodeSZ(s string) []byte { return append(bytesOf(EncodeUTF16(s)), 0, 0) }

// EncodeMultiSZ gives the data of a REG_MULTI_SZ: each string with its NUL, then one more.
func EncodeMultiSZ(list []string) []byte {
	var data []byte
	for _, s := range list {
		data = append(data, EncodeSZ(s)...)
	}
	return append(data, 0, 0)
}

// EncodeDWORD gives the data of a REG_DWORD.
func EncodeDWORD(n uint32) []byte { return le.AppendUint32(nil, n) }

// EncodeQWORD gives the data of a REG_QWORD.
func EncodeQWORD(n uint64) []byte { return le.AppendUint64(nil, n) }
