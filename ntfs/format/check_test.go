package format_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf16"
)

// This file reads a volume back, with code of its own, and checks that
// everything in it agrees. Offsets are those of the NTFS documentation.

var le = binary.LittleEndian

type diskRun struct{ vcn, lcn, length int64 }

type diskAttr struct {
	typ         uint32
	name        string
	instance    uint16
	resident    bool
	value       []byte
	lowest      int64
	highest     int64
	allocated   int64
	size        int64
	initialized int64
	runs        []diskRun
}

type diskRecord struct {
	number   int64
	sequence uint16
	links    int
	flags    uint16
	base     uint64
	attrs    []diskAttr // of extension records too, once assembled
	list     bool
}

type checker struct {
	dev        io.ReaderAt
	sectorSize int64
	cluster    int64
	clusters   int64
	recordSize int64
	mft        diskAttr
	upcase     []uint16
	usedBits   []byte
	recordBits []byte
	records    map[int64]*diskRecord
	problems   []error
}

func (c *checker) bad(format string, args ...any) {
	if len(c.problems) < 20 {
		c.problems = append(c.problems, fmt.Errorf(format, args...))
	}
}

func (c *checker) read(off, n int64) []byte {
	b := make([]byte, n)
	if _, err := c.dev.ReadAt(b, off); err != nil {
		c.bad("read %d at %#x: %w", n, off, err)
	}
	return b
}

// checkVolume returns what is wrong with the volume on dev.
func checkVolume(dev io.ReaderAt) (*checker, error) {
	c := &checker{dev: dev, records: map[int64]*diskRecord{}}
	c.boot()
	if len(c.problems) == 0 {
		c.loadRecords()
		c.checkClusters()
		c.checkMirror()
		c.checkTree()
	}
	return c, errors.Join(c.problems...)
}

func (c *checker) boot() {
	b := c.read(0, 512)
	if string(b[3:11]) != "NTFS    " || le.Uint16(b[0x1fe:]) != 0xaa55 {
		c.bad("boot sector: % x", b[:16])
		return
	}
	c.sectorSize = int64(le.Uint16(b[0x0b:]))
	perCluster := int64(b[0x0d])
	if perCluster > 128 {
		perCluster = 1 << (256 - perCluster)
	}
	c.cluster = c.sectorSize * perCluster
	sectors := int64(le.Uint64(b[0x28:]))
	c.clusters = sectors / perCluster
	c.recordSize = c.decodeSize(int8(b[0x40]))
	if n := c.decodeSize(int8(b[0x44])); n != 4096 {
		c.bad("index block size %d", n)
	}
	if !bytes.Equal(c.read(0, c.sectorSize), c.read(sectors*c.sectorSize, c.sectorSize)) {
		c.bad("the copy of the boot sector differs")
	}
	first := c.parseRecord(0, c.read(int64(le.Uint64(b[0x30:]))*c.cluster, c.recordSize))
	if first == nil {
		return
	}
	for _, a := range first.attrs {
		if a.typ == 0x80 {
			c.mft = a
		}
	}
	mirror := c.read(int64(le.Uint64(b[0x38:]))*c.cluster, c.recordSize)
	if !bytes.Equal(mirror[:4], []byte("FILE")) {
		c.bad("no mirror where the boot sector says")
	}
}

func (c *checker) decodeSize(code int8) int64 {
	if code < 0 {
		return 1 << -code
	}
	return int64(code) * c.cluster
}

func unfix(b []byte) error {
	offset, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	if count != len(b)/512+1 || offset+2*count > 510 {
		return fmt.Errorf("update sequence array of %d at %#x", count, offset)
	}
	for i := 1; i < count; i++ {
		last := b[i*512-2 : i*512]
		if !bytes.Equal(last, b[offset:offset+2]) {
			return fmt.Errorf("update sequence number in piece %d is % x", i, last)
		}
		copy(last, b[offset+2*i:])
	}
	return nil
}

func (c *checker) parseRecord(n int64, b []byte) *diskRecord {
	if string(b[:4]) != "FILE" {
		c.bad("record %d: magic %q", n, b[:4])
		return nil
	}
	if err := unfix(b); err != nil {
		c.bad("record %d: %w", n, err)
		return nil
	}
	r := &diskRecord{
		number: n, sequence: le.Uint16(b[0x10:]), links: int(le.Uint16(b[0x12:])),
		flags: le.Uint16(b[0x16:]), base: le.Uint64(b[0x20:]),
	}
	if int64(le.Uint32(b[0x2c:])) != n {
		c.bad("record %d says it is %d", n, le.Uint32(b[0x2c:]))
	}
	offset := int(le.Uint16(b[0x14:]))
	for le.Uint32(b[offset:]) != 0xffffffff {
		length := int(le.Uint32(b[offset+4:]))
		if length == 0 || length%8 != 0 || offset+length+8 > len(b) {
			c.bad("record %d: attribute of %d bytes at %#x", n, length, offset)
			return nil
		}
		r.attrs = append(r.attrs, c.parseAttr(n, b[offset:offset+length]))
		offset += length
	}
	c.checkRecord(r, b, offset)
	return r
}

// checkRecord checks the order and instances of attributes, and the length.
func (c *checker) checkRecord(r *diskRecord, b []byte, end int) {
	if used := int(le.Uint32(b[0x18:])); used != end+8 || int64(le.Uint32(b[0x1c:])) != c.recordSize {
		c.bad("record %d: %d bytes in use, want %d", r.number, used, end+8)
	}
	for i, a := range r.attrs {
		if a.instance >= le.Uint16(b[0x28:]) {
			c.bad("record %d: instance %d is not below the next", r.number, a.instance)
		}
		if i > 0 && a.typ < r.attrs[i-1].typ {
			c.bad("record %d: attribute %#x behind %#x", r.number, a.typ, r.attrs[i-1].typ)
		}
		for _, other := range r.attrs[:i] {
			if other.instance == a.instance {
				c.bad("record %d: instance %d twice", r.number, a.instance)
			}
		}
	}
}

func (c *checker) parseAttr(record int64, b []byte) diskAttr {
	name := int(le.Uint16(b[0x0a:]))
	a := diskAttr{typ: le.Uint32(b), instance: le.Uint16(b[0x0e:]), name: decodeUTF16(b[name:][:2*int(b[9])])}
	if b[8] == 0 {
		offset, length := int(le.Uint16(b[0x14:])), int(le.Uint32(b[0x10:]))
		a.resident, a.size, a.value = true, int64(length), bytes.Clone(b[offset:offset+length])
		return a
	}
	a.lowest, a.highest = int64(le.Uint64(b[0x10:])), int64(le.Uint64(b[0x18:]))
	a.allocated, a.size, a.initialized = int64(le.Uint64(b[0x28:])), int64(le.Uint64(b[0x30:])), int64(le.Uint64(b[0x38:]))
	a.runs = c.parseRuns(record, b[le.Uint16(b[0x20:]):], a.lowest)
	if n := clusterCount(a.runs); a.highest != a.lowest+n-1 {
		c.bad("record %d: attribute %#x ends at VCN %d, its runs at %d", record, a.typ, a.highest, a.lowest+n-1)
	}
	return a
}

func clusterCount(runs []diskRun) (n int64) {
	for _, r := range runs {
		n += r.length
	}
	return n
}

func (c *checker) parseRuns(record int64, b []byte, vcn int64) (runs []diskRun) {
	lcn := int64(0)
	for len(b) > 0 && b[0] != 0 {
		lengthWidth, lcnWidth := int(b[0]&15), int(b[0]>>4)
		length := signed(b[1 : 1+lengthWidth])
		run := diskRun{vcn, -1, length}
		if lcnWidth > 0 {
			lcn += signed(b[1+lengthWidth : 1+lengthWidth+lcnWidth])
			run.lcn = lcn
		}
		if length <= 0 || run.lcn+length > c.clusters {
			c.bad("record %d: run of %d clusters at %d", record, length, run.lcn)
		}
		runs = append(runs, run)
		vcn += length
		b = b[1+lengthWidth+lcnWidth:]
	}
	if len(b) == 0 {
		c.bad("record %d: run list without end", record)
	}
	return runs
}

func signed(b []byte) (v int64) {
	for _, c := range slices.Backward(b) {
		v = v<<8 | int64(c)
	}
	return v << (64 - 8*len(b)) >> (64 - 8*len(b))
}

func decodeUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// contents reads an attribute's data as NTFS shows it: zeros behind the
// initialized size.
func (c *checker) contents(a diskAttr) []byte {
	if a.resident {
		return a.value
	}
	b := make([]byte, a.size)
	c.readRuns(a, b[:a.initialized])
	return b
}

func (c *checker) readRuns(a diskAttr, b []byte) {
	for _, r := range a.runs {
		start := r.vcn * c.cluster
		if start >= int64(len(b)) {
			return
		}
		if r.lcn >= 0 {
			part := b[start:min(int64(len(b)), start+r.length*c.cluster)]
			copy(part, c.read(r.lcn*c.cluster, int64(len(part))))
		}
	}
}

func bit(b []byte, n int64) bool { return b[n/8]>>(n%8)&1 != 0 }

func (c *checker) loadRecords() {
	table := make([]byte, c.mft.initialized)
	c.readRuns(c.mft, table)
	for n := range c.mft.initialized / c.recordSize {
		if !slices.ContainsFunc(table[n*c.recordSize:][:c.recordSize], func(b byte) bool { return b != 0 }) {
			c.records[n] = &diskRecord{number: n} // never used
			continue
		}
		if r := c.parseRecord(n, table[n*c.recordSize:][:c.recordSize]); r != nil {
			c.records[n] = r
		}
	}
	for _, r := range c.records {
		if r.flags&1 != 0 && r.base == 0 {
			c.assemble(r)
		}
	}
	if upcase := c.attr(10, 0x80, ""); upcase != nil {
		for b := c.contents(*upcase); len(b) > 0; b = b[2:] {
			c.upcase = append(c.upcase, le.Uint16(b))
		}
	}
	if bits := c.attr(0, 0xb0, ""); bits != nil {
		c.recordBits = c.contents(*bits)
	}
	if bits := c.attr(6, 0x80, ""); bits != nil {
		c.usedBits = c.contents(*bits)
	}
	for n, r := range c.records {
		if bit(c.recordBits, n) != (r.flags&1 != 0) {
			c.bad("record %d: flags %#x, bitmap %v", n, r.flags, bit(c.recordBits, n))
		}
	}
}

// attr finds an attribute of a record.
func (c *checker) attr(record int64, typ uint32, name string) *diskAttr {
	r := c.records[record]
	if r == nil {
		c.bad("no record %d", record)
		return nil
	}
	for i := range r.attrs {
		if r.attrs[i].typ == typ && r.attrs[i].name == name {
			return &r.attrs[i]
		}
	}
	return nil
}

// assemble gathers the attributes an attribute list names, in its order.
func (c *checker) assemble(r *diskRecord) {
	i := slices.IndexFunc(r.attrs, func(a diskAttr) bool { return a.typ == 0x20 })
	if i < 0 {
		return
	}
	r.list = true
	whole := []diskAttr{r.attrs[i]}
	for b := c.contents(r.attrs[i]); len(b) >= 26; b = b[le.Uint16(b[4:]):] {
		ref := le.Uint64(b[16:])
		number := int64(ref & (1<<48 - 1))
		from := c.records[number]
		if from == nil || from.sequence != uint16(ref>>48) || number != r.number && int64(from.base&(1<<48-1)) != r.number {
			c.bad("record %d: its list names record %d", r.number, number)
			return
		}
		j := slices.IndexFunc(from.attrs, func(a diskAttr) bool { return a.instance == le.Uint16(b[24:]) && a.typ != 0x20 })
		if j < 0 || from.attrs[j].typ != le.Uint32(b) || from.attrs[j].lowest != int64(le.Uint64(b[8:])) {
			c.bad("record %d: its list names an attribute record %d does not have", r.number, number)
			return
		}
		whole = c.join(whole, from.attrs[j])
	}
	r.attrs = whole
}

// join appends an attribute, or the next part of the last one.
func (c *checker) join(whole []diskAttr, a diskAttr) []diskAttr {
	last := &whole[len(whole)-1]
	if a.lowest == 0 {
		return append(whole, a)
	}
	if a.typ != last.typ || a.name != last.name || a.lowest != last.highest+1 {
		c.bad("attribute %#x: part at VCN %d behind VCN %d", a.typ, a.lowest, last.highest)
	}
	last.runs = append(last.runs, a.runs...)
	last.highest = a.highest
	return whole
}

// checkClusters checks sizes, and that $Bitmap says of each cluster what the
// run lists do.
func (c *checker) checkClusters() {
	owner := make([]byte, len(c.usedBits))
	for n, r := range c.records {
		if r.flags&1 == 0 || r.base != 0 {
			continue
		}
		for _, a := range r.attrs {
			if !a.resident {
				c.checkSizes(n, a)
				c.own(n, a, owner)
			}
		}
	}
	for i := c.clusters; i < int64(len(owner))*8; i++ {
		owner[i/8] |= 1 << (i % 8)
	}
	for i := range owner {
		if owner[i] != c.usedBits[i] {
			c.bad("clusters %d on: owned %08b, in $Bitmap %08b", i*8, owner[i], c.usedBits[i])
		}
	}
}

func (c *checker) checkSizes(n int64, a diskAttr) {
	if a.initialized > a.size || a.size > a.allocated || a.allocated != clusterCount(a.runs)*c.cluster {
		c.bad("record %d: attribute %#x: initialized %d, size %d, allocated %d, in runs %d",
			n, a.typ, a.initialized, a.size, a.allocated, clusterCount(a.runs)*c.cluster)
	}
}

func (c *checker) own(n int64, a diskAttr, owner []byte) {
	for _, r := range a.runs {
		if r.lcn < 0 {
			continue
		}
		for i := r.lcn; i < r.lcn+r.length; i++ {
			if bit(owner, i) {
				c.bad("record %d: cluster %d has two owners", n, i)
				return
			}
			owner[i/8] |= 1 << (i % 8)
		}
	}
}

func (c *checker) checkMirror() {
	mirror := c.attr(1, 0x80, "")
	if mirror == nil {
		return
	}
	first := make([]byte, mirror.size)
	c.readRuns(c.mft, first)
	if !bytes.Equal(first, c.contents(*mirror)) {
		c.bad("$MFTMirr differs from $MFT")
	}
}

// checkTree walks all directories: each entry leads to a record that has the
// same name in the same directory, and each name is found once.
func (c *checker) checkTree() {
	found := map[string]int{}
	for n, r := range c.records {
		if r.flags&3 == 3 {
			for _, key := range c.walkIndex(n) {
				found[key]++
			}
		}
	}
	names := 0
	for n, r := range c.records {
		if r.flags&1 == 0 || r.base != 0 {
			continue
		}
		links := 0
		for _, a := range r.attrs {
			if a.typ == 0x30 {
				links++
				if key := indexKey(uint64(n)|uint64(r.sequence)<<48, a.value); found[key] != 1 {
					c.bad("record %d: name %q is in its directory %d times", n, decodeUTF16(a.value[0x42:]), found[key])
				}
			}
		}
		if names += links; links != r.links {
			c.bad("record %d: %d names, %d links", n, links, r.links)
		}
	}
	if names != len(found) {
		c.bad("%d names in records, %d in directories", names, len(found))
	}
}

// indexKey is a file reference and its $FILE_NAME in full: the copies in the
// record and in the index must agree in every byte.
func indexKey(ref uint64, name []byte) string { return fmt.Sprint(ref, " ") + string(name) }

// walkIndex returns the keys of a directory's index, in order.
func (c *checker) walkIndex(n int64) (keys []string) {
	root := c.attr(n, 0x90, "$I30")
	if root == nil {
		c.bad("record %d: directory without an index", n)
		return nil
	}
	w := indexWalk{c: c, dir: n, seen: map[int64]bool{}}
	if a := c.attr(n, 0xa0, "$I30"); a != nil {
		w.blocks, w.bitmap = c.contents(*a), c.contents(*c.attr(n, 0xb0, "$I30"))
	}
	w.unit = 512
	if c.cluster <= 4096 {
		w.unit = c.cluster
	}
	w.node(root.value[16:], 0)
	for i := range int64(len(w.blocks)) / 4096 {
		if bit(w.bitmap, i) != w.seen[i] {
			c.bad("directory %d: block %d: in the tree %v, in the bitmap %v", n, i, w.seen[i], bit(w.bitmap, i))
		}
	}
	if !slices.IsSortedFunc(w.names, c.compareNames) {
		c.bad("directory %d: entries are out of order", n)
	}
	return w.keys
}

func (c *checker) compareNames(a, b []byte) int {
	for i := 0; i < min(len(a), len(b)); i += 2 {
		x, y := c.upcase[le.Uint16(a[i:])], c.upcase[le.Uint16(b[i:])]
		if x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

type indexWalk struct {
	c      *checker
	dir    int64
	blocks []byte
	bitmap []byte
	unit   int64
	seen   map[int64]bool
	keys   []string
	names  [][]byte
}

// node visits the entries behind an index header.
func (w *indexWalk) node(header []byte, depth int) {
	offset, end := int(le.Uint32(header)), int(le.Uint32(header[4:]))
	if end > int(le.Uint32(header[8:])) || end > len(header) || depth > 10 {
		w.c.bad("directory %d: node of %d bytes at depth %d", w.dir, end, depth)
		return
	}
	for entry := header[offset:end]; ; entry = entry[le.Uint16(entry[8:]):] {
		flags := le.Uint16(entry[12:])
		if hasChild := flags&1 != 0; hasChild != (header[12]&1 != 0) {
			w.c.bad("directory %d: entry flags %#x, node flags %#x", w.dir, flags, header[12])
		} else if hasChild {
			w.block(int64(le.Uint64(entry[le.Uint16(entry[8:])-8:])), depth)
		}
		if flags&2 != 0 {
			if len(entry) != int(le.Uint16(entry[8:])) {
				w.c.bad("directory %d: %d bytes behind the last entry", w.dir, len(entry))
			}
			return
		}
		key := entry[16 : 16+le.Uint16(entry[10:])]
		w.keys = append(w.keys, indexKey(le.Uint64(entry), key))
		w.names = append(w.names, key[0x42:])
	}
}

func (w *indexWalk) block(vcn int64, depth int) {
	number := vcn * w.unit / 4096
	if w.seen[number] || (number+1)*4096 > int64(len(w.blocks)) {
		w.c.bad("directory %d: block %d is twice in the tree or does not exist", w.dir, number)
		return
	}
	w.seen[number] = true
	b := bytes.Clone(w.blocks[number*4096:][:4096])
	if err := unfix(b); err != nil || string(b[:4]) != "INDX" || int64(le.Uint64(b[16:])) != vcn {
		w.c.bad("directory %d: block %d: magic %q, VCN %d: %w", w.dir, number, b[:4], le.Uint64(b[16:]), err)
		return
	}
	w.node(b[0x18:], depth+1)
}
