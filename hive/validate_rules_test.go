package hive

import (
	"slices"
	"strings"
	"testing"
)

// rulesHive gives views of parts of one hive, for changing.
type rulesHive struct {
	tb testing.TB
	*Hive
}

func newRulesHive(tb testing.TB) rulesHive {
	tb.Helper()
	h := New(NewOptions{})
	setValue(tb, h, `A\B`, Value{"big", Binary, pattern(40000)})
	setValue(tb, h, `A\B`, Value{"plain", Binary, pattern(100)})
	setValue(tb, h, `A\Link`, Value{"SymbolicLinkValue", Link, EncodeSZ(`\Registry\Machine`)})
	if _, err := h.CreateKey(`A\Empty`); err != nil {
		tb.Fatal(err)
	}
	if err := h.SetClass(`A\B`, "class"); err != nil {
		tb.Fatal(err)
	}
	r := rulesHive{tb, h}
	r.flag(`A\Link`, keySymlink)
	noFindings(tb, h)
	return r
}

func (r rulesHive) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatal(err)
	}
}

func (r rulesHive) key(path string) keyNode {
	n, err := r.bins.editKeyNode(mustKey(r.tb, r.Hive, path).off)
	r.must(err)
	return n
}

func (r rulesHive) flag(path string, flag uint16) {
	n := r.key(path)
	n.setFlags(n.flags() | flag)
}

func (r rulesHive) value(path, name string) keyValue {
	off, err := r.bins.findValue(r.key(path), storeName(name))
	r.must(err)
	v, err := r.bins.editKeyValue(off)
	r.must(err)
	return v
}

func (r rulesHive) security() keySecurity {
	s, err := r.bins.editKeySecurity(r.key("").security())
	r.must(err)
	return s
}

// rename gives a key another name of the same length, and its list the hash.
func (r rulesHive) rename(path, name string) {
	copy(r.key(path)[keyNodeSize:], name)
	l, err := r.bins.editSubkeyList(r.key("A").subkeyList())
	r.must(err)
	for i := range l.count() {
		n, err := r.bins.keyNode(l.offset(i))
		r.must(err)
		le.PutUint32(l.entry(i)[4:], n.stored().hash())
	}
}

// addSecurity gives a key a descriptor of its own.
func (r rulesHive) addSecurity(path string) keySecurity {
	s := r.security()
	off, err := r.store(slices.Clone(s), uint32(len(s)))
	r.must(err)
	r.key(path).setSecurity(off)
	r.security().setRefs(s.refs() - 1)
	n, err := r.bins.editKeySecurity(off)
	r.must(err)
	n.setRefs(1)
	n.setFlink(off)
	n.setBlink(off)
	return n
}

// linkSecurity gives a key a descriptor of its own in the ring of two.
func (r rulesHive) linkSecurity(path string) {
	s, n := r.security(), r.addSecurity(path)
	off := r.key(path).security()
	n.setFlink(s.flink())
	n.setBlink(s.blink())
	s.setFlink(off)
	s.setBlink(off)
}

// shareData makes a descriptor the data of a value as well.
func (r rulesHive) shareData(path, name string) {
	v := r.value(path, name)
	r.must(r.free(v.dataOffset()))
	v.setData(v.dataSize(), r.key("").security())
}

// shortenSegment moves the last segment of a big value to a cell of its exact size.
func (r rulesHive) shortenSegment(n int) {
	v := r.value(`A\B`, "big")
	list, cells, err := r.bins.segments(v.dataOffset(), v.dataSize())
	r.must(err)
	off, err := r.store(pattern(n), uint32(n))
	r.must(err)
	p, err := r.bins.editCell(list)
	r.must(err)
	le.PutUint32(p[8:], off)
	r.must(r.free(cells[2]))
}

// Windows 10 refuses every one of these, and loads what the last ones change.
func TestValidateFieldRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   string // in the first finding
		damage func(r rulesHive)
	}{
		{"flags", func(r rulesHive) { r.flag(`A\Empty`, keyNoDelete) }},
		{"flags", func(r rulesHive) { r.flag(`A\Empty`, keyRoot) }},
		{"flags", func(r rulesHive) { r.flag(`A\Empty`, keyExit) }},
		{"flags", func(r rulesHive) { r.flag("", keySymlink) }},
		{"layers", func(r rulesHive) { r.key(`A\Empty`)[13] = 1 }},
		{"key name", func(r rulesHive) { r.rename(`A\Empty`, `Em\ty`) }},
		{"key name", func(r rulesHive) { r.rename(`A\B`, "\x00") }},
		{"class name length", func(r rulesHive) { le.PutUint16(r.key(`A\B`)[74:], 0) }},
		{"class name length", func(r rulesHive) { le.PutUint32(r.key(`A\B`)[48:], nilOffset) }},
		{"value list", func(r rulesHive) { r.key(`A\Empty`).setValueList(0) }},
		{"symbolic link", func(r rulesHive) { r.value(`A\Link`, "SymbolicLinkValue").setKind(SZ) }},
		{"symbolic link", func(r rulesHive) { r.flag(`A\B`, keySymlink) }},
		{"marked as deleted", func(r rulesHive) { r.value(`A\B`, "plain")[16] |= valueTombstone }},
		{"value without data", func(r rulesHive) { le.PutUint32(r.value(`A\B`, "plain")[4:], 0) }},
		{"segment size", func(r rulesHive) { r.shortenSegment(40000 - 2*segmentSize) }},
		{"leaf below an index root", func(r rulesHive) {
			empty, err := r.newList(hashLeaf, nil)
			r.must(err)
			list := le.AppendUint32(le.AppendUint32(nil, r.key("A").subkeyList()), empty)
			off, err := r.newList(indexRoot, list)
			r.must(err)
			r.key("A").setSubkeyList(off)
		}},
		{"security descriptor", func(r rulesHive) { r.security()[keySecuritySize] = 2 }},
		{"security descriptor", func(r rulesHive) { le.PutUint32(r.security()[16:], 0) }},
		{"one ring", func(r rulesHive) { r.addSecurity(`A\Empty`) }},
		{"referred to twice", func(r rulesHive) { r.shareData(`A\B`, "plain") }},
		{"longest name of a subkey", func(r rulesHive) { le.PutUint16(r.key("A")[52:], 9) }},
		{"longest class of a subkey", func(r rulesHive) { le.PutUint32(r.key("A")[56:], 9) }},
		{"longest name of a value", func(r rulesHive) { le.PutUint32(r.key(`A\B`)[60:], 9) }},
		{"longest data of a value", func(r rulesHive) { le.PutUint32(r.key(`A\B`)[64:], 39999) }},
		{"predefined", func(r rulesHive) { r.flag(`A\Empty`, keyPredefined) }},

		{"", func(r rulesHive) { r.flag(`A\Empty`, 0x8080) }},
		{"", func(r rulesHive) { r.rename(`A\Empty`, "Em\x00/\x01") }},
		{"", func(r rulesHive) { r.key(`A\Empty`).setSubkeyList(0) }},
		{"", func(r rulesHive) { r.shortenSegment(segmentSize) }},
		{"", func(r rulesHive) { r.linkSecurity(`A\Empty`) }},
	} {
		r := newRulesHive(t)
		c.damage(r)
		found := r.Findings()
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("findings %v", found)
		case c.want != "" && (len(found) == 0 || !strings.Contains(found[0].String(), c.want)):
			t.Errorf("want %q, findings %v", c.want, found)
		}
		if harmless := strings.Contains(c.want, "longest") || c.want == "predefined" || c.want == ""; harmless != (r.Validate() == nil) {
			t.Errorf("%q: Validate: %v", c.want, r.Validate())
		}
	}
}

// The deepest key Windows loads is 511 below the root.
func TestDeepestKey(t *testing.T) {
	t.Parallel()
	h := New(NewOptions{})
	if _, err := h.CreateKey(strings.Repeat(`x\`, 511)); err != nil {
		t.Fatal(err)
	}
	noFindings(t, h)
	if _, err := h.CreateKey(strings.Repeat(`x\`, 512)); err == nil {
		t.Error("a key 512 below the root")
	}
}
