package ntfs

// Run is a piece of an attribute: clusters that follow each other on disk.
type Run struct {
	LCN    LCN   // first cluster, -1 for a hole
	Length int64 // clusters
}

// RunList is the allocation of one attribute record, in VCN order.
type RunList []Run

const hole = -1

// parseRunList decodes mapping pairs: a header byte (size of the offset, size
// of the length), the length, the LCN as difference to the run before; a run
// without offset is a hole; a zero byte ends the list. off is where b lies.
func parseRunList(b []byte, off int64) (RunList, error) {
	var (
		runs RunList
		lcn  int64
	)
	for pos := 0; pos < len(b); {
		lenSize, lcnSize := int(b[pos]&0x0f), int(b[pos]>>4)
		if b[pos] == 0 {
			return runs, nil
		}
		next := pos + 1 + lenSize + lcnSize
		if lenSize == 0 || lenSize > 8 || lcnSize > 8 || next > len(b) {
			return nil, damaged(off, "run list: run header", "field sizes that fit", hex(b[pos]))
		}
		length := signed(b[pos+1 : pos+1+lenSize])
		if length <= 0 {
			return nil, damaged(off, "run list: run length", "positive", length)
		}
		run := Run{LCN: hole, Length: length}
		if lcnSize > 0 {
			lcn += signed(b[pos+1+lenSize : next]) // wraps at worst; bounded by the caller
			if lcn < 0 {
				return nil, damaged(off, "run list: cluster number", "not negative", lcn)
			}
			run.LCN = LCN(lcn)
		}
		runs = append(runs, run)
		pos = next
	}
	return nil, damaged(off, "run list: end marker", "a zero byte", "end of the attribute")
}

// signed reads a little-endian two's complement number of 1 to 8 bytes.
func signed(b []byte) int64 {
	v := int64(int8(b[len(b)-1]))
	for i := len(b) - 2; i >= 0; i-- {
		v = v<<8 | int64(b[i])
	}
	return v
}
