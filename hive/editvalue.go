package hive

import (
	"fmt"
	"slices"
)

// setValue creates or replaces a value of the key at off.
func (h *Hive) setValue(key uint32, v Value) error {
	name := storeName(v.Name)
	if err := h.checkValue(name, v.Data); err != nil {
		return err
	}
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	off, err := h.bins.findValue(n, name)
	if err != nil {
		return err
	}
	if off == nilOffset {
		off, err = h.addValue(key, name)
	} else if old, err := h.valueAt(off); err == nil && old.Equal(v) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := h.setData(off, v); err != nil {
		return err
	}
	if n, err = h.bins.editKeyNode(key); err != nil {
		return err
	}
	n.growMaxValue(uint32(2*name.len()), uint32(len(v.Data)))
	h.touched.add(key)
	return nil
}

func (h *Hive) checkValue(name storedName, data []byte) error {
	if name.len() > maxValueName {
		return fmt.Errorf("value name of %d characters: %w", name.len(), ErrUnsupported)
	}
	limit := maxBigValue
	if h.base.minor() < minorBigData {
		limit = maxPlainValue
	}
	if len(data) > limit {
		return fmt.Errorf("%d bytes of data: %w", len(data), ErrUnsupported)
	}
	return nil
}

// addValue appends an empty value to a key's list.
func (h *Hive) addValue(key uint32, name storedName) (uint32, error) {
	off, err := h.alloc(uint32(keyValueSize + len(name.raw)))
	if err != nil {
		return nilOffset, err
	}
	p, err := h.bins.editCell(off)
	if err != nil {
		return nilOffset, err
	}
	copy(p, "vk")
	v := keyValue(p)
	le.PutUint16(v[2:], uint16(len(name.raw)))
	if name.eightBit && len(name.raw) > 0 {
		le.PutUint16(v[16:], valueName8Bit)
	}
	copy(v[keyValueSize:], name.raw)
	v.setData(inlineData, 0)
	return off, h.appendValue(key, off)
}

// appendValue puts a value's cell at the end of the key's list, which moves if it is full.
func (h *Hive) appendValue(key, value uint32) error {
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	list, err := h.bins.valueList(n)
	if err != nil {
		return err
	}
	at, err := h.roomForValue(n.valueList(), list)
	if err != nil {
		return err
	}
	p, err := h.bins.edit(at+cellHeaderSize+uint32(len(list)), 4)
	if err != nil {
		return err
	}
	le.PutUint32(p, value)
	if h.bins.values.of(n) {
		v, err := h.bins.keyValue(value)
		if err != nil {
			return err
		}
		h.bins.values.listed(v, value, at)
	}
	return h.setValueList(key, at, list.len()+1)
}

// roomForValue gives a cell that holds the list and has room for one more: its own or a new one. A long
// list gets room for an eighth more, so that it seldom moves.
func (h *Hive) roomForValue(old uint32, list valueList) (uint32, error) {
	if list.len() > 0 {
		if p, err := h.bins.cell(old); err != nil || len(p) >= len(list)+4 {
			return old, err
		}
	}
	room := len(list) + 4
	if list.len() >= manyValues {
		room += len(list) / 8
	}
	at, err := h.store(list, uint32(room))
	if err != nil || list.len() == 0 {
		return at, err
	}
	return at, h.free(old)
}

func (h *Hive) setValueList(key, at uint32, count int) error {
	n, err := h.bins.editKeyNode(key)
	if err != nil {
		return err
	}
	n.setValueList(at)
	n.setValueCount(uint32(count))
	if count == 0 {
		n.clearMaxValue()
	}
	return nil
}

// setData gives a value its type and data, in place where they fit the cell exactly as a new one
// would, and frees what held the old data.
func (h *Hive) setData(off uint32, v Value) error {
	old, err := h.bins.keyValue(off)
	if err != nil {
		return err
	}
	size := uint32(len(v.Data))
	if h.fitsInPlace(old, size) {
		p, err := h.bins.editCell(old.dataOffset())
		if err != nil {
			return err
		}
		clear(p[copy(p, v.Data):])
		return h.pointTo(off, v.Type, size, old.dataOffset())
	}
	rawSize, at, err := h.storeData(v.Data)
	if err != nil {
		return err
	}
	if err := h.freeData(off); err != nil {
		return err
	}
	return h.pointTo(off, v.Type, rawSize, at)
}

func (h *Hive) pointTo(off uint32, t Type, rawSize, at uint32) error {
	k, err := h.bins.editKeyValue(off)
	if err != nil {
		return err
	}
	k.setKind(t)
	k.setData(rawSize, at)
	return nil
}

// fitsInPlace says whether the value's plain data cell is the size a new one would have.
func (h *Hive) fitsInPlace(old keyValue, size uint32) bool {
	minor := h.base.minor()
	if old.inline() || old.dataSize() == 0 || size <= maxInline || big(old.dataSize(), minor) || big(size, minor) {
		return false
	}
	_, n, err := h.bins.allocated(old.dataOffset())
	return err == nil && int64(n)+cellHeaderSize == roundUp(int64(size)+cellHeaderSize, cellAlign)
}

// storeData puts data where a value of this size keeps them: in the value itself, in a cell, or in
// segments.
func (h *Hive) storeData(data []byte) (rawSize, at uint32, err error) {
	size := uint32(len(data))
	if size <= maxInline {
		var field [maxInline]byte
		copy(field[:], data)
		return size | inlineData, le.Uint32(field[:]), nil
	}
	if big(size, h.base.minor()) {
		at, err = h.storeBig(data)
		return size, at, err
	}
	at, err = h.store(data, size)
	return size, at, err
}

// store allocates a cell with room for n bytes and begins it with data.
func (h *Hive) store(data []byte, n uint32) (uint32, error) {
	off, err := h.alloc(n)
	if err != nil {
		return nilOffset, err
	}
	p, err := h.bins.editCell(off)
	if err != nil {
		return nilOffset, err
	}
	copy(p, data)
	return off, nil
}

// storeBig stores data in segments, each in a cell of the same size, the last too, as Windows does.
func (h *Hive) storeBig(data []byte) (uint32, error) {
	var list []byte
	for part := range slices.Chunk(data, segmentSize) {
		off, err := h.store(part, segmentRoom)
		if err != nil {
			return nilOffset, err
		}
		list = le.AppendUint32(list, off)
	}
	at, err := h.store(list, uint32(len(list)))
	if err != nil {
		return nilOffset, err
	}
	head := le.AppendUint16([]byte("db"), uint16(len(list)/4))
	head = le.AppendUint32(head, at)
	return h.store(head, bigDataSize)
}

// freeData frees the cells that hold a value's data.
func (h *Hive) freeData(off uint32) error {
	v, err := h.bins.keyValue(off)
	if err != nil {
		return err
	}
	if v.inline() || v.dataSize() == 0 {
		return nil
	}
	if big(v.dataSize(), h.base.minor()) {
		list, cells, err := h.bins.segments(v.dataOffset(), v.dataSize())
		if err != nil {
			return err
		}
		if err := h.freeAll(append(cells, list)); err != nil {
			return err
		}
	}
	return h.free(v.dataOffset())
}

func (h *Hive) freeAll(cells []uint32) error {
	for _, off := range cells {
		if err := h.free(off); err != nil {
			return err
		}
	}
	return nil
}

// deleteValue removes a value of the key at off.
func (h *Hive) deleteValue(key uint32, name string) error {
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	off, err := h.bins.findValue(n, storeName(name))
	if err != nil {
		return err
	}
	if off == nilOffset {
		return fmt.Errorf("value: %w", ErrNotExist)
	}
	if err := h.unlistValue(key, off); err != nil {
		return err
	}
	if err := h.freeData(off); err != nil {
		return err
	}
	h.touched.add(key)
	return h.free(off)
}

// forgetValue takes a value of the key out of the index.
func (h *Hive) forgetValue(n keyNode, value uint32) error {
	if !h.bins.values.of(n) {
		return nil
	}
	v, err := h.bins.keyValue(value)
	if err == nil && !h.bins.values.unlisted(v) {
		h.bins.values = nil
	}
	return err
}

// unlistValue takes a value out of the key's list and frees a list that is empty.
func (h *Hive) unlistValue(key, value uint32) error {
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	list, err := h.bins.valueList(n)
	if err != nil {
		return err
	}
	at, last := n.valueList(), list.len()-1
	if err := h.forgetValue(n, value); err != nil {
		return err
	}
	if last == 0 {
		if err := h.free(at); err != nil {
			return err
		}
		return h.setValueList(key, nilOffset, 0)
	}
	p, err := h.bins.editCell(at)
	if err != nil {
		return err
	}
	i := 4 * list.find(value)
	copy(p[i:], list[i+4:])
	le.PutUint32(p[4*last:], 0)
	return h.setValueList(key, at, last)
}
