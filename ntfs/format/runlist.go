package format

import "math/bits"

// run is a piece of an attribute that lies in one piece on the volume.
type run struct {
	lcn LCN
	len int64 // in clusters
}

// hole as the LCN of a run means clusters that were never allocated.
const hole LCN = -1

// runList is where an attribute's clusters lie, in VCN order.
type runList []run

func (l runList) clusters() (n int64) {
	for _, r := range l {
		n += r.len
	}
	return n
}

// allocated counts the clusters that are not in holes.
func (l runList) allocated() (n int64) {
	for _, r := range l {
		if r.lcn != hole {
			n += r.len
		}
	}
	return n
}

// cut returns the list's first n clusters and the rest.
func (l runList) cut(n int64) (head, rest runList) {
	for i, r := range l {
		if n < r.len {
			if n > 0 {
				head = append(head, run{r.lcn, n})
			}
			return head, append(runList{{r.lcn + LCN(n), r.len - n}}, l[i+1:]...)
		}
		head = append(head, r)
		n -= r.len
	}
	return head, nil
}

// appendMappingPairs encodes the list as in a non-resident attribute: per run a
// byte with both field widths, the length, and the LCN's difference from the
// run before; a zero byte ends it.
func (l runList) appendMappingPairs(b []byte) []byte {
	var previous LCN
	for _, r := range l {
		b = r.appendPair(b, previous)
		if r.lcn != hole {
			previous = r.lcn
		}
	}
	return append(b, 0)
}

func (r run) appendPair(b []byte, previous LCN) []byte {
	lenWidth := signedWidth(r.len)
	if r.lcn == hole {
		return appendSigned(append(b, byte(lenWidth)), r.len, lenWidth)
	}
	delta := int64(r.lcn - previous)
	deltaWidth := signedWidth(delta)
	b = append(b, byte(deltaWidth<<4|lenWidth))
	b = appendSigned(b, r.len, lenWidth)
	return appendSigned(b, delta, deltaWidth)
}

// pairSize is the length of the run's encoding behind a run at previous.
func (r run) pairSize(previous LCN) int {
	if r.lcn == hole {
		return 1 + signedWidth(r.len)
	}
	return 1 + signedWidth(r.len) + signedWidth(int64(r.lcn-previous))
}

// mappingPairsSize is the length of the list's encoding, its end included.
func (l runList) mappingPairsSize() int {
	size := 1
	var previous LCN
	for _, r := range l {
		size += r.pairSize(previous)
		if r.lcn != hole {
			previous = r.lcn
		}
	}
	return size
}

// split cuts the list into parts whose encodings have at most room bytes.
func (l runList) split(room int) []runList {
	var parts []runList
	start, size := 0, 1
	var previous LCN
	for i, r := range l {
		if i > start && size+r.pairSize(previous) > room {
			parts = append(parts, l[start:i])
			start, size, previous = i, 1, 0
		}
		size += r.pairSize(previous)
		if r.lcn != hole {
			previous = r.lcn
		}
	}
	return append(parts, l[start:])
}

// signedWidth is the number of bytes v needs with its sign.
func signedWidth(v int64) int {
	if v < 0 {
		v = ^v
	}
	return bits.Len64(uint64(v))/8 + 1
}

func appendSigned(b []byte, v int64, width int) []byte {
	for i := range width {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}
