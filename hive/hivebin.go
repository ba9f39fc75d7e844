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

// walkCells visits every cell of every bin in order.
func (b *binData) walkCells(visit func(bin, off uint32, s cellSize) error) error {
	for bin := uint32(0); bin < b.size(); {
		size, err := b.bin(bin)
		if err != nil {
			return err
		}
		if err := b.walkBin(bin, size, visit); err != nil {
			return err
		}
		bin += size
	}
	return nil
}

func (b *binData) walkBin(bin, size uint32, visit func(bin, off uint32, s cellSize) error) error {
	end := bin + size
	for off := bin + binHeaderSize; off < end; {
		s, err := b.sizeAt(off)
		if err != nil {
			return err
		}
		if s.total() > end-off {
			return &FormatError{fileOffset(off), "cell size", "inside its bin", int32(s)}
		}
		if err := visit(bin, off, s); err != nil {
			return err
		}
		off += s.total()
	}
	return nil
}
