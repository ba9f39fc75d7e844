package verify

import (
	"bytes"
	"fmt"
)

// maxAttributeList is what Windows allows an $ATTRIBUTE_LIST to grow to.
const maxAttributeList = 256 << 10

const (
	listLength     = 0x04
	listNameLength = 0x06
	listNameOffset = 0x07
	listLowestVCN  = 0x08
	listRef        = 0x10
	listInstance   = 0x18
	minListEntry   = 0x1a
)

// listEntry is one entry of an $ATTRIBUTE_LIST: which record holds which
// attribute record of the file.
type listEntry []byte

func (e listEntry) kind() uint32     { return le.Uint32(e) }
func (e listEntry) lowestVCN() int64 { return int64(le.Uint64(e[listLowestVCN:])) }
func (e listEntry) ref() ref         { return ref(le.Uint64(e[listRef:])) }
func (e listEntry) instance() uint16 { return le.Uint16(e[listInstance:]) }
func (e listEntry) nameSize() int    { return 2 * int(e[listNameLength]) }
func (e listEntry) name() []byte {
	if e.nameSize() == 0 {
		return nil
	}
	return e[e[listNameOffset]:][:e.nameSize()]
}

func (e listEntry) String() string {
	return fmt.Sprintf("attribute 0x%x instance %d from VCN %d in record %v", e.kind(), e.instance(), e.lowestVCN(), e.ref())
}

// attributeList returns the entries of a record's list, nil if it has none.
func (c *checker) attributeList(r *record) ([]listEntry, error) {
	a, ok := r.find(typeAttributeList, "")
	if !ok {
		return nil, nil
	}
	s, err := c.newStream([]attribute{a})
	if err != nil {
		return nil, err
	}
	b, err := s.readAll(c, maxAttributeList)
	if err != nil {
		return nil, err
	}
	return parseList(b, a.off)
}

// parseList cuts an $ATTRIBUTE_LIST into entries. off is where the attribute lies.
func parseList(b []byte, off int64) (list []listEntry, err error) {
	for len(b) > 0 {
		if len(b) < minListEntry {
			return nil, bad(AttributeList, off, "attribute list: bytes left for an entry", fmt.Sprintf("at least %d", minListEntry), len(b))
		}
		length := int(le.Uint16(b[listLength:]))
		if length < minListEntry || length%attrAlign != 0 || length > len(b) {
			return nil, bad(AttributeList, off, "attribute list: entry length", "a multiple of 8 inside the list", length)
		}
		e := listEntry(b[:length])
		if e.nameSize() > 0 && int(e[listNameOffset])+e.nameSize() > length {
			return nil, bad(AttributeList, off, "attribute list: entry name", "inside the entry", e.nameSize())
		}
		list = append(list, e)
		b = b[length:]
	}
	return list, nil
}

// listed returns the attribute record a list entry stands for.
func (r *record) listed(e listEntry) (attribute, bool) {
	for _, a := range r.attrs {
		if a.kind() == e.kind() && a.instance() == e.instance() && bytes.Equal(a.name(), e.name()) && a.firstVCN() == e.lowestVCN() {
			return a, true
		}
	}
	return attribute{}, false
}

// file is a base record with the attributes of all its records, in order; the
// attribute list itself is not among them if there is one.
type file struct {
	base  *record
	attrs []attribute
}

// assembly gathers a file's records.
type assembly struct {
	c       *checker
	base    *record
	claim   bool // the extension records are this file's from now on
	records map[int64]*record
	left    int // attribute records that no entry has named yet
}

// assemble reads the extension records of a base record.
func (c *checker) assemble(r *record, claim bool) (*file, error) {
	list, err := c.attributeList(r)
	if err != nil {
		return nil, err
	}
	if list == nil {
		return &file{r, r.attrs}, nil
	}
	s := assembly{c: c, base: r, claim: claim, records: map[int64]*record{r.number: r}, left: len(r.attrs) - 1}
	f := &file{base: r, attrs: make([]attribute, 0, len(list))}
	for i, e := range list {
		a, err := s.resolve(e)
		if err != nil {
			return nil, err
		}
		if i > 0 && c.compareAttributes(f.attrs[i-1], a) > 0 && claim {
			c.add(r.number, AttributeList, r.off, "attribute list: order", "by type, name and VCN", e)
		}
		f.attrs = append(f.attrs, a)
		s.left--
	}
	if s.left != 0 {
		return nil, bad(AttributeList, r.off, "attribute list: attributes of its records", fmt.Sprintf("%d entries", len(list)+s.left), len(list))
	}
	return f, nil
}

func (s *assembly) resolve(e listEntry) (attribute, error) {
	r, ok := s.records[e.ref().number()]
	if !ok {
		var err error
		if r, err = s.extension(e.ref()); err != nil {
			return attribute{}, err
		}
		s.records[r.number] = r
		s.left += len(r.attrs)
	}
	a, ok := r.listed(e)
	if !ok || e.kind() == typeAttributeList || r.ref() != e.ref() {
		return a, bad(AttributeList, r.off, "attribute the attribute list promises", e, "none")
	}
	return a, nil
}

// extension reads an extension record, which must belong to this file.
func (s *assembly) extension(n ref) (*record, error) {
	claimed := s.c.table.state(n.number())&stateClaimed != 0
	if s.claim && n.number() < s.c.records {
		s.c.table.set(n.number(), stateClaimed)
	}
	r, err := s.c.readRecord(n.number())
	if err != nil {
		return nil, err
	}
	if !r.inUse() || r.ref() != n || r.base() != s.base.ref() || s.claim && claimed {
		return nil, bad(AttributeList, r.off, fmt.Sprintf("extension record %v: base record", n), s.base.ref(),
			fmt.Sprintf("%v (record %v, in use %v)", r.base(), r.ref(), r.inUse()))
	}
	return r, nil
}

// pieces returns the attribute records of one stream, in VCN order.
func (f *file) pieces(kind uint32, name string) []attribute {
	var found []attribute
	for _, a := range f.attrs {
		if a.kind() == kind && a.named(name) {
			found = append(found, a)
		}
	}
	return found
}

// metafile reads a record of a fixed number with all that belongs to it.
func (c *checker) metarecord(number int64) (*file, error) {
	r, err := c.readRecord(number)
	if err != nil {
		return nil, err
	}
	if !r.inUse() || r.base() != 0 {
		return nil, bad(BadRecord, r.off, "record of a system file", "in use", "free or an extension record")
	}
	return c.assemble(r, false)
}

func (c *checker) metafile(number int64) (*stream, error) {
	return c.metastream(number, typeData, "")
}

// metastream opens one stream of a system file.
func (c *checker) metastream(number int64, kind uint32, name string) (*stream, error) {
	f, err := c.metarecord(number)
	if err != nil {
		return nil, err
	}
	pieces := f.pieces(kind, name)
	if len(pieces) == 0 {
		return nil, bad(Attribute, f.base.off, fmt.Sprintf("attribute 0x%x %q of a system file", kind, name), "present", "none")
	}
	return c.newStream(pieces)
}

// checkFile checks what the attributes of one file have to do with each other.
func (c *checker) checkFile(f *file, p *recordPage, i int) error {
	for rest := f.attrs; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[0].sameStream(rest[n]) && rest[n].firstVCN() > 0 {
			n++
		}
		if !rest[0].resident() {
			c.checkStream(f.base.number, rest[:n])
		}
		rest = rest[n:]
	}
	c.checkStandardInfo(f)
	c.checkIndexAttributes(f, p, i)
	noteCatalogs(f, p, i)
	c.noteSizes(f, p, i)
	return c.noteNames(f, p, i)
}

// checkStream checks that the pieces of a stream follow each other, and its sizes.
func (c *checker) checkStream(record int64, pieces []attribute) {
	first, next := pieces[0], int64(0)
	for _, a := range pieces {
		if a.resident() || a.lowestVCN() != next {
			c.add(record, RunList, a.off, a.what("first VCN"), next, a.firstVCN())
			return
		}
		if next = a.highestVCN() + 1; a.unallocated() {
			next = 0
		}
	}
	s := first.sizes()
	for _, rule := range []struct {
		what      string
		got, most uint64
		exact     bool
	}{
		{"allocated size", s.allocated, uint64(next) * uint64(c.geometry.clusterSize), true},
		{"data size", s.size, s.allocated, false},
		{"initialized size", s.initialized, s.size, false},
		{"stored size", s.stored, c.storedSize(pieces), true},
	} {
		if rule.got > rule.most || rule.exact && rule.got != rule.most {
			c.add(record, Sizes, first.off, first.what(rule.what), wanted(rule.most, rule.exact), rule.got)
		}
	}
}

func wanted(n uint64, exact bool) string {
	if exact {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("at most %d", n)
}

// storedSize is what the clusters of a stream hold, where its header counts
// that apart from the holes; else the allocated size.
func (c *checker) storedSize(pieces []attribute) uint64 {
	if !pieces[0].partial() || pieces[0].mappingPairs() < storedHeaderSize {
		return pieces[0].sizes().allocated
	}
	var clusters int64
	for _, a := range pieces {
		runs := a.runs()
		for r, ok, err := runs.next(); ok && err == nil; r, ok, err = runs.next() {
			if r.lcn != hole {
				clusters += r.length
			}
		}
	}
	return uint64(clusters) * uint64(c.geometry.clusterSize)
}

const (
	infoSecurityID = 0x34
	infoSize1      = 0x30 // the form of NTFS 1.2, which system files keep
	infoSize3      = 0x48
)

func (c *checker) checkStandardInfo(f *file) {
	a := f.attrs
	if len(a) == 0 || a[0].kind() != typeStandardInformation || !a[0].resident() {
		c.add(f.base.number, StandardInfo, f.base.off, "$STANDARD_INFORMATION", "first of the attributes", "none")
		return
	}
	v := a[0].value()
	if len(v) != infoSize1 && len(v) < infoSize3 {
		c.add(f.base.number, StandardInfo, a[0].off, "$STANDARD_INFORMATION: size", "48 or 72", len(v))
		return
	}
	if len(v) < infoSize3 || c.security == nil {
		return
	}
	id := le.Uint32(v[infoSecurityID:])
	if _, known := c.security[id]; id != 0 && !known {
		c.add(f.base.number, SecurityID, a[0].off, "$STANDARD_INFORMATION: security id", "one of $Secure", hex(id))
	}
}
