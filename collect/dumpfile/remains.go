package dumpfile

import "io"

// ParseRemains reads what is left of the header of a dump whose first page a
// later boot zeroed, of the kind that Identify told: of a DUMP_HEADER64 the
// second half, with the boot counter, the up time and the attributes, and the
// type where a page bitmap follows. Every other field of the lost page is
// unknown. A DUMP_HEADER32 is lost whole: nil.
func ParseRemains(r io.ReaderAt, size int64, kind Kind) (*Header, error) {
	if kind != KindWiped64 || size < headerSize64 {
		return nil, nil
	}
	b, err := readFull(r, size, 0, headerSize64, "dump header")
	if err != nil {
		return nil, err
	}
	for off := 0; off < PageSize; off += 4 {
		le.PutUint32(b[off:], fill32)
	}
	h := headerView{b, &header64}.decode()
	if bm, err := parseBitmapHeader(r, size, headerSize64, TypeBitmapKernel, 64); err == nil {
		h.Type = bm.dumpType(h.Attributes.Value)
	}
	return h, nil
}

// dumpType follows from the mark of the bitmap header, and for an active dump from
// the attributes, of which an unwritten field has none.
func (b *BitmapHeader) dumpType(a Attributes) Type {
	if b.Full || a&AttrFiltered != 0 {
		return TypeBitmapFull
	}
	return TypeBitmapKernel
}
