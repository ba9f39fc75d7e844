package verify

import "math"

// run is clusters that follow each other on the volume.
type run struct {
	vcn, lcn int64 // lcn is hole where nothing is stored
	length   int64
}

const hole = -1

// runReader decodes mapping pairs: a header byte (size of the offset, size of
// the length), the length, the LCN as difference to the run before; a run
// without offset is a hole; a zero byte ends the list.
type runReader struct {
	b        []byte
	vcn, lcn int64
	off      int64 // where b lies
}

// next returns the next run; ok is false at the end of the list.
func (r *runReader) next() (n run, ok bool, err error) {
	if len(r.b) == 0 {
		return run{}, false, bad(RunList, r.off, "run list: end marker", "a zero byte", "the end of the attribute")
	}
	if r.b[0] == 0 {
		return run{}, false, nil
	}
	lenSize, lcnSize := int(r.b[0]&0x0f), int(r.b[0]>>4)
	end := 1 + lenSize + lcnSize
	if lenSize == 0 || lenSize > 8 || lcnSize > 8 || end > len(r.b) {
		return run{}, false, bad(RunList, r.off, "run list: run header", "field sizes that fit", hex(r.b[0]))
	}
	n = run{vcn: r.vcn, lcn: hole, length: signed(r.b[1 : 1+lenSize])}
	if n.length <= 0 || n.length > math.MaxInt64-r.vcn {
		return run{}, false, bad(RunList, r.off, "run list: run length", "positive", n.length)
	}
	if lcnSize > 0 {
		r.lcn += signed(r.b[1+lenSize : end]) // wraps at worst; bounded by the caller
		if r.lcn < 0 {
			return run{}, false, bad(RunList, r.off, "run list: cluster number", "not negative", r.lcn)
		}
		n.lcn = r.lcn
	}
	r.vcn += n.length
	r.b = r.b[end:]
	return n, true, nil
}

// signed reads a little-endian two's complement number of 1 to 8 bytes.
func signed(b []byte) int64 {
	v := int64(int8(b[len(b)-1]))
	for i := len(b) - 2; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	return v
}
