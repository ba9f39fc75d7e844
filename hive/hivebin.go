package hive

// binHeader is a view of a hive bin's header.
//
// On disk: "hbin" (regf specification, "Hive bin").
type binHeader []byte

const (
	binTag        = "hbin"
	binHeaderSize = 32
)

func (b binHeader) tag() string      { return string(b[:4]) }
func (b binHeader) offset() uint32   { return le.Uint32(b[4:]) }
func (b binHeader) size() uint32     { return le.Uint32(b[8:]) }
func (b binHeader) fileTime() uint64 { return le.Uint64(b[20:]) }

func (b binHeader) setOffset(off uint32) { le.PutUint32(b[4:], off) }
func (b binHeader) setSize(n uint32)     { le.PutUint32(b[8:], n) }
func (b binHeader) setFileTime(t uint64) { le.PutUint64(b[20:], t) }

// bin gives the size of the bin at off, after testing its header.
func (b *binData) bin(off uint32) (uint32, error) {
	p, err := b.view(off, binHeaderSize)
	if err != nil {
		return 0, err
	}
	h := binHeader(p)
	switch {
	case h.tag() != binTag:
		return 0, &FormatError{fileOffset(off), "hive bin signature", binTag, p[:4]}
	case h.offset() != off:
		return 0, &FormatError{fileOffset(off) + 4, "hive bin offset", off, h.offset()}
	case h.size() == 0 || h.size()%pageSize != 0 || uint64(off)+uint64(h.size()) > uint64(b.size()):
		return 0, &FormatError{fileOffset(off) + 8, "hive bin size", "a multiple of 4096 that fits", h.size()}
	}
	return h.size(), nil
}

// binStarts gives the offsets of all bins, and of the end. All of the bins are loaded.
func (b *binData) binStarts() ([]uint32, error) {
	starts := make([]uint32, 0, b.size()/pageSize+1)
	for off := uint32(0); off < b.size(); {
		size, err := b.bin(off)
		if err != nil {
			return nil, err
		}
		starts = append(starts, off)
		off += size
	}
	return append(starts, b.size()), nil
}

// walkBin visits every cell of the bin from start to end, in order.
func (b *binData) walkBin(start, end uint32, visit func(off uint32, s cellSize)) error {
	for off := start + binHeaderSize; off < end; {
		s := cellSize(le.Uint32(b.data[off:]))
		n := s.total()
		switch {
		case n < cellAlign || n%cellAlign != 0:
			return &FormatError{fileOffset(off), "cell size", "a multiple of 8", int32(s)}
		case n > end-off:
			return &FormatError{fileOffset(off), "cell size", "inside its bin", int32(s)}
		}
		visit(off, s)
		off += n
	}
	return nil
}
