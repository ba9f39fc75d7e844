package hive

import "fmt"

// keyValue is a view of a value's cell.
//
// On disk: "vk" (regf specification, "Key value").
type keyValue []byte

const (
	keyValueSize   = 20 // before the name
	valueName8Bit  = 0x0001
	valueTombstone = 0x0002

	inlineData = 0x80000000 // in the size: the data stand where their offset would
	maxInline  = 4
)

func (v keyValue) nameLen() uint16    { return le.Uint16(v[2:]) }
func (v keyValue) rawSize() uint32    { return le.Uint32(v[4:]) }
func (v keyValue) dataSize() uint32   { return v.rawSize() &^ inlineData }
func (v keyValue) inline() bool       { return v.rawSize()&inlineData != 0 }
func (v keyValue) dataOffset() uint32 { return le.Uint32(v[8:]) }
func (v keyValue) kind() Type         { return Type(le.Uint32(v[12:])) }
func (v keyValue) flags() uint16      { return le.Uint16(v[16:]) }
func (v keyValue) rawName() []byte    { return v[keyValueSize:][:v.nameLen()] }
func (v keyValue) eightBit() bool     { return v.flags()&valueName8Bit != 0 }
func (v keyValue) stored() storedName { return storedName{v.rawName(), v.eightBit()} }
func (v keyValue) name() string       { return v.stored().String() }

func (v keyValue) setKind(t Type) { le.PutUint32(v[12:], uint32(t)) }

func (v keyValue) setData(rawSize, off uint32) {
	le.PutUint32(v[4:], rawSize)
	le.PutUint32(v[8:], off)
}

func checkKeyValue(p []byte, off uint32) (keyValue, error) {
	if err := checkTagged(p, off, "vk", keyValueSize); err != nil {
		return nil, err
	}
	v := keyValue(p)
	switch {
	case int(v.nameLen()) > len(p)-keyValueSize:
		return nil, &FormatError{fileOffset(off), "value name length", fmt.Sprintf("at most %d", len(p)-keyValueSize), v.nameLen()}
	case !v.eightBit() && v.nameLen()%2 != 0:
		return nil, &FormatError{fileOffset(off), "value name length", "an even number of bytes", v.nameLen()}
	case v.inline() && v.dataSize() > maxInline:
		return nil, &FormatError{fileOffset(off), "inline data size", "at most 4", v.dataSize()}
	}
	return v, nil
}

func (b *binData) keyValue(off uint32) (keyValue, error) {
	p, err := b.cell(off)
	if err != nil {
		return nil, fmt.Errorf("key value: %w", err)
	}
	return checkKeyValue(p, off)
}

func (b *binData) editKeyValue(off uint32) (keyValue, error) {
	p, err := b.editCell(off)
	if err != nil {
		return nil, fmt.Errorf("key value: %w", err)
	}
	return checkKeyValue(p, off)
}

// valueList is a view of a key's list of values: the offsets of their cells.
type valueList []byte

func (l valueList) len() int            { return len(l) / 4 }
func (l valueList) offset(i int) uint32 { return le.Uint32(l[4*i:]) }

// find gives the position of a value's cell, or the length of the list.
func (l valueList) find(off uint32) int {
	i := 0
	for i < l.len() && l.offset(i) != off {
		i++
	}
	return i
}

// valueList gives the cells of a key's values.
func (b *binData) valueList(n keyNode) (valueList, error) {
	if n.valueCount() == 0 || n.flags()&keyPredefined != 0 {
		return nil, nil
	}
	p, err := b.cell(n.valueList())
	if err != nil {
		return nil, fmt.Errorf("value list: %w", err)
	}
	return checkValueList(p, n)
}

func checkValueList(p []byte, n keyNode) (valueList, error) {
	count := n.valueCount()
	if uint64(count)*4 > uint64(len(p)) {
		return nil, &FormatError{fileOffset(n.valueList()), "number of values", fmt.Sprintf("at most %d", len(p)/4), count}
	}
	return valueList(p[:4*count]), nil
}

// findValue gives the cell of the value with that name, or nilOffset.
func (b *binData) findValue(n keyNode, name storedName) (uint32, error) {
	list, err := b.valueList(n)
	if err != nil {
		return nilOffset, err
	}
	if list.len() < manyValues {
		return b.searchValues(list, name)
	}
	if !b.values.of(n) {
		if b.values, err = b.indexValues(n, list); err != nil {
			return b.searchValues(list, name) // what is wrong may lie behind the value
		}
	}
	if off, ok := b.values.cells[name.upper()]; ok {
		return off, nil
	}
	return nilOffset, nil
}

func (b *binData) searchValues(list valueList, name storedName) (uint32, error) {
	for i := range list.len() {
		v, err := b.keyValue(list.offset(i))
		if err != nil {
			return nilOffset, err
		}
		if v.stored().equal(name) {
			return list.offset(i), nil
		}
	}
	return nilOffset, nil
}
