package format

import (
	"cmp"
	"fmt"
	"slices"
)

// Fields of $REPARSE_POINT.
const (
	reparseTag        = 0x00
	reparseDataLength = 0x04
	reparseData       = 0x08

	maxReparseData = 16384 - reparseData
)

// setReparse makes the node a reparse point.
func (n *node) setReparse(r *Reparse) error {
	if r == nil {
		return nil
	}
	if r.Tag == 0 || len(r.Data) > maxReparseData {
		return fmt.Errorf("%w: reparse tag %#x with %d bytes", ErrOptions, r.Tag, len(r.Data))
	}
	value := make([]byte, reparseData, reparseData+len(r.Data))
	le.PutUint32(value[reparseTag:], r.Tag)
	le.PutUint16(value[reparseDataLength:], uint16(len(r.Data)))
	n.attributes |= attrReparse
	n.reparseTag = r.Tag
	n.extra = append(n.extra, attribute{typ: typeReparsePoint, value: append(value, r.Data...)})
	return nil
}

// addReparseIndex fills $Reparse:$R, which lists all reparse points by tag and
// file. It stays in its record, which limits their number.
func (v *volume) addReparseIndex() error {
	var points []*node
	for _, n := range v.users {
		if n.reparseTag != 0 {
			points = append(points, n)
		}
		if attributesSize(n.head(v.g))+attributesSize(n.extra) > v.g.recordRoom()-listReserve {
			return fmt.Errorf("entry %q: %w: reparse data does not fit the record", n.path(), ErrOptions)
		}
	}
	slices.SortStableFunc(points, func(a, b *node) int { return cmp.Compare(a.reparseTag, b.reparseTag) })
	var entries []indexEntry
	for _, n := range points {
		key := le.AppendUint64(le.AppendUint32(nil, n.reparseTag), uint64(n.ref()))
		entries = append(entries, indexEntry{key: key, data: []byte{}})
	}
	file := v.system[recordReparse]
	file.extra = []attribute{v.g.viewIndex("$R", collationULongs, entries...)}
	if attributesSize(file.recordAttributes(v.g)) > v.g.recordRoom() {
		return fmt.Errorf("%w: %d reparse points are too many for the record of their index", ErrOptions, len(points))
	}
	return nil
}
