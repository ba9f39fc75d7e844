package hive

import "fmt"

// keyNode is a view of a key's cell.
//
// On disk: "nk" (regf specification, "Key node").
type keyNode []byte

const keyNodeSize = 76 // before the name

// Key node flags (offset 2).
const (
	keyExit       = 0x0002 // leads to another hive: in memory only
	keyRoot       = 0x0004
	keyNoDelete   = 0x0008
	keySymlink    = 0x0010
	keyName8Bit   = 0x0020
	keyPredefined = 0x0040
)

func (n keyNode) flags() uint16        { return le.Uint16(n[2:]) }
func (n keyNode) fileTime() uint64     { return le.Uint64(n[4:]) }
func (n keyNode) layers() byte         { return n[13] } // of differencing hives
func (n keyNode) parent() uint32       { return le.Uint32(n[16:]) }
func (n keyNode) subkeyCount() uint32  { return le.Uint32(n[20:]) }
func (n keyNode) subkeyList() uint32   { return le.Uint32(n[28:]) }
func (n keyNode) valueCount() uint32   { return le.Uint32(n[36:]) }
func (n keyNode) valueList() uint32    { return le.Uint32(n[40:]) }
func (n keyNode) security() uint32     { return le.Uint32(n[44:]) }
func (n keyNode) class() uint32        { return le.Uint32(n[48:]) }
func (n keyNode) maxName() uint16      { return le.Uint16(n[52:]) }
func (n keyNode) maxClass() uint32     { return le.Uint32(n[56:]) }
func (n keyNode) maxValueName() uint32 { return le.Uint32(n[60:]) }
func (n keyNode) maxValueData() uint32 { return le.Uint32(n[64:]) }
func (n keyNode) nameLen() uint16      { return le.Uint16(n[72:]) }
func (n keyNode) classLen() uint16     { return le.Uint16(n[74:]) }

func (n keyNode) setFlags(f uint16)        { le.PutUint16(n[2:], f) }
func (n keyNode) setFileTime(t uint64)     { le.PutUint64(n[4:], t) }
func (n keyNode) setParent(off uint32)     { le.PutUint32(n[16:], off) }
func (n keyNode) setSubkeyCount(c uint32)  { le.PutUint32(n[20:], c) }
func (n keyNode) setSubkeyList(off uint32) { le.PutUint32(n[28:], off) }
func (n keyNode) setValueCount(c uint32)   { le.PutUint32(n[36:], c) }
func (n keyNode) setValueList(off uint32)  { le.PutUint32(n[40:], off) }
func (n keyNode) setSecurity(off uint32)   { le.PutUint32(n[44:], off) }

// growMaxName raises the longest subkey name, in bytes of UTF-16. The upper half of the field
// holds other flags.
func (n keyNode) growMaxName(size uint16) { le.PutUint16(n[52:], max(n.maxName(), size)) }

func (n keyNode) setClass(off uint32, size uint16) {
	le.PutUint32(n[48:], off)
	le.PutUint16(n[74:], size)
}

// clearMaxNames forgets the longest names of subkeys when the last is gone, clearMaxValue those of
// values, as Windows does.
func (n keyNode) clearMaxNames() { le.PutUint16(n[52:], 0); le.PutUint32(n[56:], 0) }
func (n keyNode) clearMaxValue() { clear(n[60:68]) }

// growMaxClass raises the longest class name of a subkey, in bytes.
func (n keyNode) growMaxClass(size uint32) { le.PutUint32(n[56:], max(n.maxClass(), size)) }

func (n keyNode) growMaxValue(nameSize, dataSize uint32) {
	le.PutUint32(n[60:], max(n.maxValueName(), nameSize))
	le.PutUint32(n[64:], max(n.maxValueData(), dataSize))
}

func (n keyNode) rawName() []byte    { return n[keyNodeSize:][:n.nameLen()] }
func (n keyNode) eightBit() bool     { return n.flags()&keyName8Bit != 0 }
func (n keyNode) stored() storedName { return storedName{n.rawName(), n.eightBit()} }
func (n keyNode) name() string       { return n.stored().String() }

func checkKeyNode(p []byte, off uint32) (keyNode, error) {
	if err := checkTagged(p, off, "nk", keyNodeSize); err != nil {
		return nil, err
	}
	n := keyNode(p)
	if int(n.nameLen()) > len(p)-keyNodeSize {
		return nil, &FormatError{fileOffset(off), "key name length", fmt.Sprintf("at most %d", len(p)-keyNodeSize), n.nameLen()}
	}
	if !n.eightBit() && n.nameLen()%2 != 0 {
		return nil, &FormatError{fileOffset(off), "key name length", "an even number of bytes", n.nameLen()}
	}
	return n, nil
}

func (b *binData) keyNode(off uint32) (keyNode, error) {
	p, err := b.cell(off)
	if err != nil {
		return nil, fmt.Errorf("key node: %w", err)
	}
	return checkKeyNode(p, off)
}

func (b *binData) editKeyNode(off uint32) (keyNode, error) {
	p, err := b.editCell(off)
	if err != nil {
		return nil, fmt.Errorf("key node: %w", err)
	}
	return checkKeyNode(p, off)
}

// classOf gives a key's class name: UTF-16 without a NUL.
func (b *binData) classOf(n keyNode) ([]byte, error) {
	size := int(n.classLen())
	if size == 0 || n.class() == nilOffset {
		return nil, nil
	}
	p, err := b.cell(n.class())
	if err != nil {
		return nil, fmt.Errorf("class name: %w", err)
	}
	if size > len(p) || size%2 != 0 {
		return nil, &FormatError{fileOffset(n.class()), "class name", fmt.Sprintf("%d bytes", size), len(p)}
	}
	return p[:size], nil
}
