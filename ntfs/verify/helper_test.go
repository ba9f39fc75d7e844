package verify_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"unicode/utf16"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

var le = binary.LittleEndian

const pageSize = 64 << 10

// memory is a sparse device in memory.
type memory struct {
	size  int64
	pages map[int64][]byte
}

func newMemory(size int64) *memory { return &memory{size: size, pages: map[int64][]byte{}} }

func (m *memory) Size() int64 { return m.size }

func (m *memory) each(off int64, p []byte, write bool, do func(page, part []byte)) {
	for len(p) > 0 {
		at := off % pageSize
		part := p[:min(int64(len(p)), pageSize-at)]
		page := m.pages[off/pageSize]
		if page == nil && write {
			page = make([]byte, pageSize)
			m.pages[off/pageSize] = page
		}
		if page == nil {
			clear(part)
		} else {
			do(page[at:], part)
		}
		off, p = off+int64(len(part)), p[len(part):]
	}
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= m.size {
		return 0, io.EOF
	}
	var eof error
	if rest := m.size - off; int64(len(p)) > rest {
		p, eof = p[:rest], io.EOF
	}
	m.each(off, p, false, func(page, part []byte) { copy(part, page) })
	return len(p), eof
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, errors.New("write outside the device")
	}
	m.each(off, p, true, func(page, part []byte) { copy(page, part) })
	return len(p), nil
}

func (m *memory) clone() *memory {
	c := newMemory(m.size)
	for i, p := range m.pages {
		c.pages[i] = slices.Clone(p)
	}
	return c
}

// noise is reproducible contents of any size.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((uint64(i)/8*0x9e3779b1 + 1) >> (i % 8 * 4))
	}
	return b
}

func numbered(stem string, n int) []format.Entry {
	entries := make([]format.Entry, n)
	for i := range entries {
		entries[i] = format.Entry{Name: fmt.Sprintf("%s %05d.txt", stem, i), Data: noise(i % 900)}
	}
	return entries
}

// build formats a volume in memory.
func build(tb testing.TB, size int64, o format.Options) *memory {
	tb.Helper()
	m := newMemory(size)
	if err := format.Write(m, o); err != nil {
		tb.Fatal(err)
	}
	return m
}

// check checks a volume that can be checked.
func check(tb testing.TB, dev interface {
	io.ReaderAt
	Size() int64
}) *verify.Report {
	tb.Helper()
	r, err := verify.Check(tb.Context(), dev, dev.Size(), verify.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// spotless fails for whatever was found, notes too.
func spotless(tb testing.TB, r *verify.Report) {
	tb.Helper()
	for _, f := range r.Findings[:min(len(r.Findings), 10)] {
		tb.Error(f)
	}
	if len(r.Counts) > 0 || r.Incomplete != "" || !r.Clean() {
		tb.Errorf("found %v, incomplete: %q", r.Counts, r.Incomplete)
	}
	if r.RecordsInUse < 16 || r.Owned == 0 || r.Indexes < 2 || r.Entries < 10 {
		tb.Errorf("hardly anything was checked: %+v", *r)
	}
}

// patient is a volume that is damaged, one field at a time. It finds its way by
// itself: $MFT lies in one piece, and names are known once.
type patient struct {
	*memory
	cluster, record int64
	mft             int64
	numbers         map[string]int64
}

func newPatient(tb testing.TB, m *memory) *patient {
	tb.Helper()
	p := &patient{memory: m, numbers: map[string]int64{}}
	b := p.peek(0, 512)
	p.cluster = int64(le.Uint16(b[0x0b:])) * int64(b[0x0d])
	p.mft = int64(le.Uint64(b[0x30:])) * p.cluster
	p.record = 1 << -int8(b[0x40])
	size := int64(le.Uint64(findAttribute(p.unsealed(p.mft, p.record), 0x80)[0x30:]))
	for n := range size / p.record {
		r := p.peek(p.mft+n*p.record, p.record)
		if string(r[:4]) != "FILE" || r[0x16]&1 == 0 || le.Uint64(r[0x20:]) != 0 {
			continue
		}
		if a := findAttribute(p.unsealed(p.mft+n*p.record, p.record), 0x30); a != nil {
			v := a[le.Uint16(a[0x14:]):]
			p.numbers[decode(v[0x42:][:2*int(v[0x40])])] = n
		}
	}
	return p
}

func decode(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

func (p *patient) clone() *patient {
	c := *p
	c.memory = p.memory.clone()
	return &c
}

func (p *patient) peek(off, n int64) []byte {
	b := make([]byte, n)
	_, _ = p.ReadAt(b, off)
	return b
}

func (p *patient) poke(off int64, b ...byte) { _, _ = p.WriteAt(b, off) }

// recordAt says where the MFT record of a file lies.
func (p *patient) recordAt(name string) int64 {
	n, ok := p.numbers[name]
	if !ok {
		panic("no file " + name)
	}
	return p.mft + n*p.record
}

func (p *patient) unsealed(off, size int64) []byte {
	b := p.peek(off, size)
	usa := b[le.Uint16(b[4:]):]
	for i := range size / 512 {
		copy(b[(i+1)*512-2:], usa[2+2*i:4+2*i])
	}
	return b
}

// sealed changes a record or index block as its owner sees it.
func (p *patient) sealed(off, size int64, change func(b []byte)) {
	b := p.unsealed(off, size)
	usa := b[le.Uint16(b[4:]):]
	change(b)
	for i := range size / 512 {
		copy(usa[2+2*i:4+2*i], b[(i+1)*512-2:])
		copy(b[(i+1)*512-2:(i+1)*512], usa[:2])
	}
	p.poke(off, b...)
}

func (p *patient) recordOf(name string, change func(b []byte)) {
	p.sealed(p.recordAt(name), p.record, change)
}

// attribute changes the first attribute of a type in a file's base record.
func (p *patient) attribute(name string, kind uint32, change func(a []byte)) {
	p.recordOf(name, func(b []byte) { change(findAttribute(b, kind)) })
}

func findAttribute(b []byte, kind uint32) []byte {
	for pos := int(le.Uint16(b[0x14:])); le.Uint32(b[pos:]) != 0xffffffff; pos += int(le.Uint32(b[pos+4:])) {
		if le.Uint32(b[pos:]) == kind {
			return b[pos:][:le.Uint32(b[pos+4:])]
		}
	}
	return nil
}

func value(a []byte) []byte { return a[le.Uint16(a[0x14:]):] }

func mapping(a []byte) []byte { return a[le.Uint16(a[0x20:]):] }

// clusterOf is the first cluster of an attribute.
func (p *patient) clusterOf(name string, kind uint32) int64 {
	runs := mapping(findAttribute(p.unsealed(p.recordAt(name), p.record), kind))
	lenSize, lcnSize := int(runs[0]&15), int(runs[0]>>4)
	var lcn [8]byte
	copy(lcn[:], runs[1+lenSize:][:lcnSize])
	return int64(le.Uint64(lcn[:]))
}

// bitOf changes a bit of a bitmap that is the attribute of a system file.
func (p *patient) bitOf(name string, kind uint32, bit int64, set bool) {
	at := p.clusterOf(name, kind)*p.cluster + bit/8
	b := p.peek(at, 1)[0] &^ (1 << (bit % 8))
	if set {
		b |= 1 << (bit % 8)
	}
	p.poke(at, b)
}

func (p *patient) freeCluster() int64 {
	bits := p.peek(p.clusterOf("$Bitmap", 0x80)*p.cluster, p.size/p.cluster/8)
	for n := int64(len(bits)) * 8 / 2; ; n++ {
		if bits[n/8]>>(n%8)&1 == 0 {
			return n
		}
	}
}

// blockAt says where the first index block of a directory lies.
func (p *patient) blockAt(name string) int64 { return p.clusterOf(name, 0xa0) * p.cluster }

// node returns the entries of a leaf block.
func leafEntries(block []byte) (entries [][]byte) {
	header := block[0x18:]
	for e := header[le.Uint32(header):le.Uint32(header[4:])]; e[0x0c]&2 == 0; e = e[le.Uint16(e[8:]):] {
		entries = append(entries, e[:le.Uint16(e[8:])])
	}
	return entries
}

// entryOf changes the index entry of a file in the block of a directory it is in.
func (p *patient) entryOf(dir, name string, change func(e []byte)) {
	for i := range int64(32) {
		at, found := p.blockAt(dir)+i*4096, false
		if string(p.peek(at, 4)) != "INDX" {
			break
		}
		p.sealed(at, 4096, func(b []byte) {
			for _, e := range leafEntries(b) {
				if decode(e[0x10+0x42:][:2*int(e[0x10+0x40])]) == name {
					change(e)
					found = true
					return
				}
			}
		})
		if found {
			return
		}
	}
	panic("no entry of " + name)
}
