package format

import (
	"fmt"
	"slices"
)

// Fields of an entry of $ATTRIBUTE_LIST.
const (
	listType       = 0x00
	listLength     = 0x04
	listNameLength = 0x06
	listNameOffset = 0x07
	listLowestVCN  = 0x08
	listRecord     = 0x10
	listInstance   = 0x18
	listName       = 0x1a

	maxAttributeList = 256 << 10 // Windows takes no longer one
	// listReserve is kept free in a base record for a non-resident list: the
	// header and the mapping pairs of one run.
	listReserve = nonResidentHeaderSize + 24
)

// packer spreads a file's attributes over records.
type packer struct {
	g       geometry
	next    *recordNumber // where extension records come from
	records []record      // the base record first
	room    []int         // left in each
}

// pack spreads the node's attributes over its base record and as many
// extension records as they need. The base has room left for the list of them.
func (g geometry) pack(n *node, next *recordNumber) []record {
	p := &packer{g: g, next: next}
	p.records = []record{{number: n.number, sequence: sequenceOf(n.number), flags: n.flags | recordInUse}}
	p.room = []int{g.recordRoom() - listReserve}
	for _, a := range n.recordAttributes(g) {
		if a.size() <= g.recordRoom() {
			p.put(a)
			continue
		}
		for _, part := range a.split(g.recordRoom()) {
			p.extend(part)
		}
	}
	return p.records
}

// put adds an attribute to the base record, or to the last one, or to a new one.
func (p *packer) put(a attribute) {
	for _, i := range []int{0, len(p.records) - 1} {
		if a.size() <= p.room[i] {
			p.add(i, a)
			return
		}
	}
	p.extend(a)
}

// extend starts a new extension record with an attribute.
func (p *packer) extend(a attribute) {
	p.records = append(p.records, record{
		number: *p.next, sequence: sequenceOf(*p.next), flags: recordInUse, base: p.records[0].ref(),
	})
	*p.next++
	p.room = append(p.room, p.g.recordRoom())
	p.add(len(p.records)-1, a)
}

func (p *packer) add(i int, a attribute) {
	p.records[i].attrs = append(p.records[i].attrs, a)
	p.room[i] -= a.size()
}

// listEntry is one line of an attribute list.
type listEntry struct {
	a        *attribute
	record   recordRef
	instance uint16
}

func (e listEntry) append(b []byte) []byte {
	start := len(b)
	name := utf16Bytes(e.a.name)
	b = append(b, make([]byte, align(listName+len(name), attrAlign))...)
	p := b[start:]
	le.PutUint32(p[listType:], uint32(e.a.typ))
	le.PutUint16(p[listLength:], uint16(len(p)))
	p[listNameLength] = byte(len(name) / 2)
	p[listNameOffset] = listName
	le.PutUint64(p[listLowestVCN:], uint64(e.a.lowest))
	le.PutUint64(p[listRecord:], uint64(e.record))
	le.PutUint16(p[listInstance:], e.instance)
	copy(p[listName:], name)
	return b
}

// attributeList encodes the list of all attributes in records but the list's own.
func attributeList(records []record) ([]byte, error) {
	var entries []listEntry
	for _, r := range records {
		for i := range r.attrs {
			if r.attrs[i].typ != typeAttributeList {
				entries = append(entries, listEntry{&r.attrs[i], r.ref(), uint16(i)})
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b listEntry) int { return compareAttributes(a.a, b.a) })
	var b []byte
	for _, e := range entries {
		b = e.append(b)
	}
	if len(b) > maxAttributeList {
		return nil, fmt.Errorf("%w: attribute list of %d bytes, at most %d (too many fragments)", ErrOptions, len(b), maxAttributeList)
	}
	return b, nil
}

// packRecords spreads files too large for one record over several.
func (v *volume) packRecords() error {
	for _, n := range v.users {
		if attributesSize(n.recordAttributes(v.g)) <= v.g.recordRoom() {
			continue
		}
		n.packed = v.g.pack(n, &v.next)
		if err := v.addAttributeList(n.packed); err != nil {
			return fmt.Errorf("records of %q: %w", n.path(), err)
		}
		v.extensions = append(v.extensions, n.packed[1:]...)
	}
	if int64(v.next) > v.mftFormatted {
		return fmt.Errorf("%w: contents are in so many pieces that %d records do not suffice", ErrNoSpace, v.mftFormatted)
	}
	return nil
}

// addAttributeList puts the list of all records' attributes into the first.
func (v *volume) addAttributeList(records []record) error {
	base := &records[0]
	const place = 1 // behind $STANDARD_INFORMATION, where its type code puts it
	base.attrs = append(base.attrs[:place:place], append([]attribute{{typ: typeAttributeList}}, base.attrs[place:]...)...)
	list, err := attributeList(records)
	if err != nil {
		return err
	}
	resident := attribute{typ: typeAttributeList, value: list}
	if attributesSize(base.attrs)-base.attrs[place].size()+resident.size() <= v.g.recordRoom() {
		base.attrs[place] = resident
		return nil
	}
	runs, err := v.placeMetadata(list, func(n int64) (runList, error) {
		r, err := v.alloc.contiguous(v.alloc.cursor, n)
		return runList{r}, err
	})
	base.attrs[place] = v.g.newNonResident(typeAttributeList, "", runs, int64(len(list)))
	return err
}
