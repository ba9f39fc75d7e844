package hive

import (
	"fmt"
	"slices"
)

// setValue creates or replaces a value of the key at off.
func (h *Hive) setValue(key uint32, v Value) error {
	if err := h.checkValue(v); err != nil {
		return err
	}
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	off, err := h.bins.findValue(n, fold(v.Name))
	if err != nil {
		return err
	}
	if off == nilOffset {
		off, err = h.addValue(key, v.Name)
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
	n.growMaxValue(uint32(2*len(EncodeUTF16(v.Name))), uint32(len(v.Data)))
	h.touch(key)
	return nil
}

func (h *Hive) checkValue(v Value) error {
	if len(EncodeUTF16(v.Name)) > maxValueName {
		return fmt.Errorf("value name of %d bytes: %w", len(v.Name), ErrUnsupported)
	}
	limit := maxBigValue
	if h.base.minor() < minorBigData {
		limit = maxPlainValue
	}
	if len(v.Data) > limit {
		return fmt.Errorf("%d bytes of data: %w", len(v.Data), ErrUnsupported)
	}
	return nil
}

// addValue appends an empty value to a key's list.
func (h *Hive) addValue(key uint32, name string) (uint32, error) {
	raw, eightBit := encodeName(name)
	off, err := h.alloc(uint32(keyValueSize + len(raw)))
	if err != nil {
		return nilOffset, err
	}
	p, err := h.bins.editCell(off)
	if err != nil {
		return nilOffset, err
	}
	copy(p, "vk")
	v := keyValue(p)
	le.PutUint16(v[2:], uint16(len(raw)))
	if eightBit && len(raw) > 0 {
		le.PutUint16(v[16:], valueName8Bit)
	}
	copy(v[keyValueSize:], raw)
	v.setData(inlineData, 0)
	return off, h.appendValue(key, off)
}

// appendValue puts a value's cell at the end of the key's list, which moves if it is full.
func (h *Hive) appendValue(key, value uint32) error {
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	list, err := h.bins.valueOffsets(n)
	if err != nil {
		return err
	}
	old, at := n.valueList(), n.valueList()
	room := 0
	if len(list) > 0 {
		p, err := h.bins.cell(old)
		if err != nil {
			return err
		}
		room = len(p) / 4
	}
	if room <= len(list) {
		if at, err = h.moveValueList(list, old); err != nil {
			return err
		}
	}
	p, err := h.bins.editCell(at)
	if err != nil {
		return err
	}
	le.PutUint32(p[4*len(list):], value)
	return h.setValueList(key, at, len(list)+1)
}

// moveValueList copies a key's list to a cell with room for one more.
func (h *Hive) moveValueList(list []uint32, old uint32) (uint32, error) {
	at, err := h.alloc(uint32(4 * (len(list) + 1)))
	if err != nil {
		return nilOffset, err
	}
	p, err := h.bins.editCell(at)
	if err != nil {
		return nilOffset, err
	}
	for i, off := range list {
		le.PutUint32(p[4*i:], off)
	}
	if len(list) > 0 {
		err = h.free(old)
	}
	return at, err
}

func (h *Hive) setValueList(key, at uint32, count int) error {
	n, err := h.bins.editKeyNode(key)
	if err != nil {
		return err
	}
	n.setValueList(at)
	n.setValueCount(uint32(count))
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
	off, err := h.bins.findValue(n, fold(name))
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
	h.touch(key)
	return h.free(off)
}

// unlistValue takes a value out of the key's list and frees a list that is empty.
func (h *Hive) unlistValue(key, value uint32) error {
	n, err := h.bins.keyNode(key)
	if err != nil {
		return err
	}
	list, err := h.bins.valueOffsets(n)
	if err != nil {
		return err
	}
	at := n.valueList()
	i := slices.Index(list, value)
	list = slices.Delete(list, i, i+1)
	if len(list) == 0 {
		if err := h.free(at); err != nil {
			return err
		}
		return h.setValueList(key, nilOffset, 0)
	}
	p, err := h.bins.editCell(at)
	if err != nil {
		return err
	}
	for i, off := range list {
		le.PutUint32(p[4*i:], off)
	}
	le.PutUint32(p[4*len(list):], 0)
	return h.setValueList(key, at, len(list))
}
