package hive

import "fmt"

// bigData is a view of the cell that lists the segments of a long value.
//
// On disk: "db" (regf specification, "Big data").
type bigData []byte

const (
	bigDataSize = 8
	segmentSize = 16344           // data bytes in every segment but the last
	segmentRoom = segmentSize + 4 // what Windows allocates for each, the last too
)

func (d bigData) count() uint16 { return le.Uint16(d[2:]) }
func (d bigData) list() uint32  { return le.Uint32(d[4:]) }

// segmentCount is how many segments size bytes need.
func segmentCount(size uint32) uint32 { return (size + segmentSize - 1) / segmentSize }

// big says whether a value of size bytes is kept in segments in a hive of this minor version.
// Its size decides, not what its cell begins with.
func big(size, minor uint32) bool { return size > segmentSize && minor >= minorBigData }

// segments gives the cells of a long value's segments.
func (b *binData) segments(off, size uint32) (list uint32, cells []uint32, err error) {
	p, err := b.cell(off)
	if err != nil {
		return 0, nil, fmt.Errorf("big data: %w", err)
	}
	if err := checkTagged(p, off, "db", bigDataSize); err != nil {
		return 0, nil, err
	}
	d := bigData(p)
	want := segmentCount(size)
	if uint32(d.count()) != want {
		return 0, nil, &FormatError{fileOffset(off), "number of data segments", want, d.count()}
	}
	q, err := b.cell(d.list())
	if err != nil {
		return 0, nil, fmt.Errorf("big data segment list: %w", err)
	}
	if uint64(want)*4 > uint64(len(q)) {
		return 0, nil, &FormatError{fileOffset(d.list()), "big data segment list", fmt.Sprintf("%d entries", want), len(q) / 4}
	}
	for i := range want {
		cells = append(cells, le.Uint32(q[4*i:]))
	}
	return d.list(), cells, nil
}

// valueData copies a value's data together.
func (b *binData) valueData(v keyValue, off, minor uint32) ([]byte, error) {
	size := v.dataSize()
	switch {
	case v.inline():
		return append([]byte{}, v[8:8+size]...), nil
	case size == 0:
		return []byte{}, nil
	case uint64(size) > uint64(b.size()):
		return nil, &FormatError{fileOffset(off), "value data size", fmt.Sprintf("below %#x", b.size()), size}
	case big(size, minor):
		return b.bigValueData(v.dataOffset(), size)
	}
	p, err := b.cell(v.dataOffset())
	if err != nil {
		return nil, fmt.Errorf("value data: %w", err)
	}
	if uint64(size) > uint64(len(p)) {
		return nil, &FormatError{fileOffset(v.dataOffset()), "value data cell", fmt.Sprintf("%d bytes", size), len(p)}
	}
	return append([]byte{}, p[:size]...), nil
}

func (b *binData) bigValueData(off, size uint32) ([]byte, error) {
	_, cells, err := b.segments(off, size)
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, cell := range cells {
		p, err := b.cell(cell)
		if err != nil {
			return nil, fmt.Errorf("big data segment: %w", err)
		}
		n := min(size-uint32(len(data)), segmentSize)
		if uint64(n) > uint64(len(p)) {
			return nil, &FormatError{fileOffset(cell), "big data segment", fmt.Sprintf("%d bytes", n), len(p)}
		}
		data = append(data, p[:n]...)
	}
	return data, nil
}
