package ntfs_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"testing"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/woftest"
)

var le = binary.LittleEndian

// patient is the volume that is damaged, one field at a time.
type patient struct {
	*memory
	layout *format.Layout
}

func newPatient(tb testing.TB) *patient {
	tb.Helper()
	m, layout := build(tb, 32<<20, format.Options{Root: []format.Entry{
		{Name: "victim", Data: patterned(40_000), Fragments: 3},
		{Name: "small", Data: []byte("resident")},
		{Name: "many", Dir: numbered(400)},
		{Name: "pieces", Data: patterned(3 << 20), Fragments: 700},
		{Name: "bystander", Data: patterned(40_000), Fragments: 2},
		{Name: "packed", Data: woftest.Contents(200_000), Compressed: true},
		overlayEntry("overlay", woftest.Formats[1].Algorithm, woftest.SampleSize, woftest.Formats[1].Sample(tb)),
	}})
	return &patient{m, layout}
}

func (p *patient) clone() *patient { return &patient{p.memory.clone(), p.layout} }

// recordAt says where the MFT record of a file lies.
func (p *patient) recordAt(name string) int64 {
	off := p.layout.Files[name].Record * int64(p.layout.RecordSize)
	for _, e := range p.layout.Files["$MFT"].Extents {
		if off < e.FileOffset+e.Length {
			return e.DeviceOffset + off - e.FileOffset
		}
	}
	return -1
}

// sealed changes a record or index block as its owner sees it, seal and all.
func (p *patient) sealed(off, size int64, change func(b []byte)) {
	b := p.peek(off, size)
	usa := b[le.Uint16(b[4:]):]
	for i := range size / 512 {
		copy(b[(i+1)*512-2:], usa[2+2*i:4+2*i])
	}
	change(b)
	for i := range size / 512 {
		copy(usa[2+2*i:4+2*i], b[(i+1)*512-2:])
		copy(b[(i+1)*512-2:(i+1)*512], usa[:2])
	}
	p.patch(off, b...)
}

func (p *patient) record(name string, change func(b []byte)) {
	p.sealed(p.recordAt(name), int64(p.layout.RecordSize), change)
}

// attribute changes the first attribute of a type in a file's base record.
func (p *patient) attribute(name string, kind uint32, change func(a []byte)) {
	p.record(name, func(b []byte) { change(findAttribute(b, kind)) })
}

func findAttribute(b []byte, kind uint32) []byte {
	for pos := int(le.Uint16(b[0x14:])); ; pos += int(le.Uint32(b[pos+4:])) {
		switch le.Uint32(b[pos:]) {
		case kind:
			return b[pos:][:le.Uint32(b[pos+4:])]
		case 0xffffffff:
			panic("no such attribute")
		}
	}
}

// runs changes the mapping pairs of a file's data.
func (p *patient) runs(name string, change func(runs []byte)) {
	p.attribute(name, 0x80, func(a []byte) { change(a[le.Uint16(a[0x20:]):]) })
}

// block changes an index block of the directory "many"; 0 is its first.
func (p *patient) block(n int64, change func(b []byte)) {
	p.sealed(p.blockAt()+n*4096, 4096, change)
}

// blockAt finds the first index block of "many" by its run list, which is one run.
func (p *patient) blockAt() int64 {
	var at int64
	p.attribute("many", 0xa0, func(a []byte) {
		runs := a[le.Uint16(a[0x20:]):]
		lenSize, lcnSize := int(runs[0]&15), int(runs[0]>>4)
		var lcn [8]byte
		copy(lcn[:], runs[1+lenSize:][:lcnSize])
		at = int64(le.Uint64(lcn[:])) * 4096
	})
	return at
}

// damages are the mutations, what is done then, and the error that must come.
var damages = []struct {
	name   string
	file   string // "" when opening the volume must fail
	want   error
	damage func(p *patient)
}{
	{"boot sector: bytes per sector", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x0b, 0, 0) }},
	{"boot sector: odd cluster size", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x0d, 3) }},
	{"boot sector: cluster of 2^16 sectors", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x0d, 200) }},
	{"boot sector: no sectors", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x28, make([]byte, 8)...) }},
	{"boot sector: 2^63 sectors", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x2f, 0x80) }},
	{"boot sector: volume longer than the device", "", ntfs.ErrTruncated, func(p *patient) { p.patch(0x2b, 1) }},
	{"boot sector: $MFT outside", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x37, 0x7f) }},
	{"boot sector: $MFT where none is", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x30, 1, 0) }},
	{"boot sector: record size", "", ntfs.ErrFormat, func(p *patient) { p.patch(0x40, 0x80) }},
	{"image cut short", "", ntfs.ErrTruncated, func(p *patient) { p.size = 8 << 20 }},
	{"$MFT record torn", "", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("$MFT")+1022, 0xee, 0xee) }},
	{"$MFT record marked bad", "", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("$MFT"), []byte("BAAD")...) }},
	{"$MFT runs elsewhere", "", ntfs.ErrFormat, func(p *patient) {
		p.runs("$MFT", func(r []byte) { r[1+r[0]&15]++ })
	}},
	{"$MFT without end", "", ntfs.ErrFormat, func(p *patient) {
		p.attribute("$MFT", 0x80, func(a []byte) { le.PutUint64(a[0x28:], 1<<62); le.PutUint64(a[0x30:], 1<<62) })
	}},
	{"$Volume without information", "", ntfs.ErrFormat, func(p *patient) {
		p.attribute("$Volume", 0x70, func(a []byte) { le.PutUint32(a[0x10:], 4) })
	}},

	{"record torn", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+510, 0xee, 0xee) }},
	{"record overwritten", "victim", ntfs.ErrFormat, func(p *patient) {
		p.patch(p.recordAt("victim"), make([]byte, 1024)...)
	}},
	{"record: update sequence outside", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+4, 0xff, 0xff) }},
	{"record: update sequence too short", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+6, 0, 0) }},
	{"record free", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x16, 0) }},
	{"record: sequence", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x10, 77) }},
	{"record is an extension", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x20, 5, 0, 0, 0, 0, 0, 5) }},
	{"record: attributes outside", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x14, 0xf8, 0xff) }},
	{"record: attributes unaligned", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x14, 0x39) }},
	{"record: 4 GiB in use", "victim", ntfs.ErrFormat, func(p *patient) { p.patch(p.recordAt("victim")+0x18, 0xff, 0xff, 0xff, 0xff) }},
	{"name of another file", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x30, func(a []byte) { a[0x18+0x42] ^= 3 })
	}},
	{"parent is another directory", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x30, func(a []byte) { a[0x18] ^= 3 })
	}},
	{"attribute of no length", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint32(a[4:], 0) })
	}},
	{"attribute of 4 GiB", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint32(a[4:], 0xfffffff8) })
	}},
	{"attribute: name outside", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { a[9] = 255 })
	}},
	{"attribute: value outside", "small", ntfs.ErrFormat, func(p *patient) {
		p.attribute("small", 0x80, func(a []byte) { le.PutUint32(a[0x10:], 1<<31) })
	}},
	{"attribute: mapping pairs outside", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint16(a[0x20:], 0xfff0) })
	}},
	{"attribute: allocated 2^63", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint64(a[0x28:], 1<<63) })
	}},
	{"attribute: data size 2^62", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint64(a[0x30:], 1<<62) })
	}},
	{"attribute: all sizes 2^62", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) {
			for _, at := range []int{0x28, 0x30, 0x38} {
				le.PutUint64(a[at:], 1<<62)
			}
		})
	}},
	{"attribute: initialized beyond the data", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { le.PutUint64(a[0x38:], 1<<40) })
	}},
	{"attribute: first VCN", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { a[0x10] = 1 })
	}},
	{"attribute: last VCN", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { a[0x18]++ })
	}},
	{"runs: header", "victim", ntfs.ErrFormat, func(p *patient) { p.runs("victim", func(r []byte) { r[0] = 0x9f }) }},
	{"runs: no length", "victim", ntfs.ErrFormat, func(p *patient) { p.runs("victim", func(r []byte) { r[1] = 0 }) }},
	{"runs: negative length", "victim", ntfs.ErrFormat, func(p *patient) { p.runs("victim", func(r []byte) { r[1] = 0x80 }) }},
	{"runs: too long for the volume", "victim", ntfs.ErrFormat, func(p *patient) {
		p.runs("victim", func(r []byte) { copy(r, []byte{0x18, 0, 0, 0, 0, 0, 0, 0, 0x7f, 1, 0}) })
	}},
	{"runs: past the end", "victim", ntfs.ErrFormat, func(p *patient) {
		p.runs("victim", func(r []byte) { copy(r, []byte{0x41, 10, 0, 0, 0, 0x7f, 0}) })
	}},
	{"runs: before the start", "victim", ntfs.ErrFormat, func(p *patient) {
		p.runs("victim", func(r []byte) { copy(r, []byte{0x11, 10, 0x80, 0}) })
	}},
	{"runs: cut off", "victim", ntfs.ErrFormat, func(p *patient) { p.runs("victim", func(r []byte) { r[0] = 0 }) }},
	{"runs: no end", "victim", ntfs.ErrFormat, func(p *patient) {
		p.runs("victim", func(r []byte) { copy(r, slices.Repeat([]byte{0x01, 0x01}, len(r))) })
	}},

	{"attribute list: entry of no length", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { le.PutUint16(listEntry(a, 1)[4:], 0) })
	}},
	{"attribute list: entry too long", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { le.PutUint16(listEntry(a, 1)[4:], 0xfff8) })
	}},
	{"attribute list: name outside", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { listEntry(a, 1)[6] = 200 })
	}},
	{"attribute list: points to itself", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { copy(listEntry(a, 3)[0x10:], listEntry(a, 0)[0x10:0x18]) })
	}},
	{"attribute list: the same piece twice", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { copy(listEntry(a, 3), listEntry(a, 2)) })
	}},
	{"attribute list: another file's record", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { listEntry(a, 3)[0x10] = byte(p.layout.Files["victim"].Record) })
	}},
	{"attribute list: record outside the MFT", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { listEntry(a, 3)[0x15] = 0xff })
	}},
	{"attribute list: old sequence", "pieces", ntfs.ErrFormat, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { listEntry(a, 3)[0x16]++ })
	}},

	{"directory without $INDEX_ROOT", "many/x", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { le.PutUint32(a, 0x98) })
	}},
	{"index root: block size 2^31", "many/x", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { le.PutUint32(a[0x20+8:], 1<<31) })
	}},
	{"index root: entries outside", "many/x", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { le.PutUint32(a[0x20+0x10+4:], 1<<31) })
	}},
	{"index root: entry of no length", "many/x", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { le.PutUint16(a[0x20+0x20+8:], 0) })
	}},
	{"index allocation: 2^62 bytes", "many/x", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0xa0, func(a []byte) { le.PutUint64(a[0x28:], 1<<62); le.PutUint64(a[0x30:], 1<<62) })
	}},
	{"index: child outside", "many/File number 00000.txt", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { eachEntry(a[0x20+0x10:], func(e []byte) { le.PutUint64(e[len(e)-8:], 1<<40) }) })
	}},
	{"index: child VCN negative", "many/File number 00000.txt", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) { eachEntry(a[0x20+0x10:], func(e []byte) { le.PutUint64(e[len(e)-8:], 1<<63) }) })
	}},
	{"index: block is its own child", "many", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0xa0, func(a []byte) {
			for n := range int64(le.Uint64(a[0x30:])) / 4096 {
				p.block(n, func(b []byte) {
					eachEntry(b[0x18:], func(e []byte) {
						if e[0x0c]&1 != 0 {
							le.PutUint64(e[len(e)-8:], uint64(n))
						}
					})
				})
			}
		})
	}},
	{"index: bitmap says the blocks are free", "many", ntfs.ErrFormat, func(p *patient) {
		p.attribute("many", 0xb0, func(a []byte) { clear(a[0x20:]) })
	}},
	{"index block torn", "many", ntfs.ErrFormat, func(p *patient) { p.patch(p.blockAt()+4094, 0xee, 0xee) }},
	{"index block of another place", "many", ntfs.ErrFormat, func(p *patient) { p.block(0, func(b []byte) { b[0x10]++ }) }},
	{"index block: names out of order", "many", ntfs.ErrFormat, func(p *patient) {
		p.block(0, func(b []byte) {
			first := true
			eachEntry(b[0x18:], func(e []byte) {
				if first {
					le.PutUint16(e[0x10+0x42:], 0xff5a)
					first = false
				}
			})
		})
	}},
	{"index block: entry longer than the block", "many", ntfs.ErrFormat, func(p *patient) {
		p.block(0, func(b []byte) { eachEntry(b[0x18:], func(e []byte) { le.PutUint16(e[8:], 0xfff8) }) })
	}},
	{"index block: key longer than its entry", "many", ntfs.ErrFormat, func(p *patient) {
		p.block(0, func(b []byte) { eachEntry(b[0x18:], func(e []byte) { le.PutUint16(e[10:], 0x1000) }) })
	}},
	{"index block: no last entry", "many", ntfs.ErrFormat, func(p *patient) {
		p.block(0, func(b []byte) { eachEntry(b[0x18:], func(e []byte) { e[0x0c] &^= 2 }) })
	}},
	{"$UpCase shortened", "victim", ntfs.ErrFormat, func(p *patient) {
		p.attribute("$UpCase", 0x80, func(a []byte) { le.PutUint64(a[0x38:], 0); le.PutUint64(a[0x30:], 100) })
	}},
}

// listEntry is the n-th entry of a resident attribute list that has no names.
func listEntry(a []byte, n int) []byte {
	b := a[le.Uint16(a[0x14:]):]
	for ; n > 0; n-- {
		b = b[le.Uint16(b[4:]):]
	}
	return b
}

// eachEntry visits the entries of an index node whose header b begins with.
func eachEntry(b []byte, do func(e []byte)) {
	pos, end := int(le.Uint32(b)), int(le.Uint32(b[4:]))
	for pos < end {
		length := int(le.Uint16(b[pos+8:]))
		do(b[pos : pos+length])
		pos += length
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t)
	if err := readEverything(open(t, healthy)); err != nil {
		t.Fatal(err)
	}
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			d.damage(p)
			start := time.Now()
			err := consult(p, d.file)
			t.Log(err)
			if !errors.Is(err, d.want) {
				t.Errorf("got %v, want %v", err, d.want)
			}
			if _, ok := errors.AsType[*ntfs.FormatError](err); !ok && errors.Is(d.want, ntfs.ErrFormat) {
				t.Errorf("%v is no *FormatError", err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			checkBystander(t, p, d.file)
		})
	}
}

// consult does to a damaged volume what a user would.
func consult(p *patient, file string) error {
	v, err := ntfs.Open(p)
	if err != nil || file == "" {
		return err
	}
	info, err := v.Stat(file)
	if err == nil && info.IsDir() {
		_, err = v.ReadDir(file)
	}
	if err == nil {
		_, err = v.Extents(file)
	}
	return err
}

// checkBystander: damage in one file must not spread to the next.
func checkBystander(t *testing.T, p *patient, file string) {
	t.Helper()
	if file == "" {
		return
	}
	v := open(t, p)
	if _, err := v.State(); err != nil {
		t.Log("state:", err)
	}
	b, err := fs.ReadFile(v, "bystander")
	if ok := err == nil && slices.Equal(b, patterned(40_000)); !ok && !errors.Is(err, ntfs.ErrFormat) {
		t.Errorf("bystander: %v", err)
	}
}

// TestDamageAllocatesLittle: no length field decides how much memory is taken.
func TestDamageAllocatesLittle(t *testing.T) {
	healthy := newPatient(t)
	for _, d := range damages {
		p := healthy.clone()
		d.damage(p)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = consult(p, d.file)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: %d bytes allocated", d.name, n)
		}
	}
}

func TestFormatError(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.patch(p.recordAt("victim")+0x10, 77)
	_, err := open(t, p).Stat("victim")
	e, ok := errors.AsType[*ntfs.FormatError](err)
	if !ok || e.Off != p.recordAt("victim") || fmt.Sprint(e.Got) != "77" {
		t.Errorf("%+v", e)
	}
}
