package verify_test

import (
	"bytes"
	"math"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// ward holds what the further corruptions need: lists, streams, short names.
func ward() []format.Entry {
	return append(sickroom(),
		format.Entry{Name: "pieces", Data: noise(3 << 20), Fragments: 700},
		format.Entry{Name: "sparse", Data: noise(300_000), Holes: []format.Range{{Off: 65536, Len: 65536}}},
		format.Entry{Name: "two names.text", ShortName: "TWONAM~1.TEX", Data: noise(10)},
		format.Entry{Name: "link", Reparse: &format.Reparse{Tag: 0xa000000c, Data: make([]byte, 40)}},
		format.Entry{Name: "streams", Streams: []format.Stream{{Name: "a", Data: noise(5)}, {Name: "b", Data: noise(6)}}},
	)
}

// list changes the attribute list of "pieces", which is resident or not.
func (p *patient) list(change func(b []byte)) {
	a := findAttribute(p.unsealed(p.recordAt("pieces"), p.record), 0x20)
	if a[8] == 0 {
		p.attribute("pieces", 0x20, func(a []byte) { change(value(a)) })
		return
	}
	at := p.clusterOf("pieces", 0x20) * p.cluster
	b := p.peek(at, int64(le.Uint64(a[0x30:])))
	change(b)
	p.poke(at, b...)
}

// extension is the number of the last extension record of "pieces".
func (p *patient) extension() (n int64) {
	p.list(func(b []byte) {
		for ; len(b) > 0; b = b[le.Uint16(b[4:]):] {
			n = int64(le.Uint32(b[0x10:]))
		}
	})
	return n
}

// following is the attribute behind a.
func following(b, a []byte) []byte {
	next := b[cap(b)-cap(a)+len(a):]
	return next[:le.Uint32(next[4:])]
}

// innerBlock is where a block of "many" lies that has others below it.
func (p *patient) innerBlock() int64 {
	for at := p.blockAt("many"); ; at += 4096 {
		if b := p.peek(at, 4096); b[0x18+0x0c]&1 != 0 {
			return at
		}
	}
}

// damages are corruptions beyond those of the matrix.
var damages = []damage{
	{"boot sector: bytes per sector", verify.BootSector, func(p *patient) { p.poke(0x0b, 0, 0) }},
	{"boot sector: odd cluster size", verify.BootSector, func(p *patient) { p.poke(0x0d, 3) }},
	{"boot sector: reserved field", verify.BootSector, func(p *patient) { p.poke(0x10, 2) }},
	{"boot sector: signature", verify.BootSector, func(p *patient) { p.poke(0x1fe, 0) }},
	{"boot sector: larger than the device", verify.BootSector, func(p *patient) { p.poke(0x2b, 1) }},
	{"boot sector: $MFT outside", verify.BootSector, func(p *patient) { p.poke(0x37, 0x7f) }},
	{"boot sector: $MFT elsewhere", verify.BadRecord, func(p *patient) { p.poke(0x30, 100, 0) }},
	{"boot sector: $MFTMirr elsewhere", verify.BootSector, func(p *patient) { p.poke(0x38, 100) }},
	{"boot sector: record size", verify.BootSector, func(p *patient) { p.poke(0x40, 0x80) }},
	{"boot sector: index block size", verify.BootSector, func(p *patient) { p.poke(0x44, 0) }},
	{"$MFT torn", verify.BadRecord, func(p *patient) { p.poke(p.mft+1022, 0xee, 0xee) }},
	{"$MFT longer than its clusters", verify.Sizes, func(p *patient) {
		p.attribute("$MFT", 0x80, func(a []byte) { add64(a[0x28:], 1<<60); add64(a[0x30:], 1<<60); add64(a[0x38:], 1<<60) })
	}},
	{"$MFT with a hole", verify.Sizes, func(p *patient) {
		p.attribute("$MFT", 0x80, func(a []byte) { r := mapping(a); r[0] &= 0x0f; r[1+r[0]] = 0 })
	}},
	{"$MFT bitmap resident", verify.Residency, func(p *patient) {
		p.attribute("$MFT", 0xb0, func(a []byte) { a[8] = 0; le.PutUint32(a[0x10:], 8); le.PutUint16(a[0x14:], 0x18) })
	}},
	{"$Bitmap too short", verify.BitmapSize, func(p *patient) { p.attribute("$Bitmap", 0x80, func(a []byte) { le.PutUint64(a[0x30:], 8) }) }},
	{"$Bitmap ends in clear bits", verify.BitmapSize, func(p *patient) {
		p.bitOf("$Bitmap", 0x80, p.size/p.cluster/8*8-1, false)
	}},
	{"record marked bad", verify.BadRecord, func(p *patient) { p.poke(p.recordAt("victim"), []byte("BAAD")...) }},
	{"record overwritten", verify.BadRecord, func(p *patient) { p.poke(p.recordAt("victim"), noise(1024)...) }},
	{"record erased", verify.LeakedRecord, func(p *patient) { p.poke(p.recordAt("victim"), make([]byte, 1024)...) }},
	{"record freed", verify.DanglingEntry, func(p *patient) { p.poke(p.recordAt("victim")+0x16, 0) }},
	{"record: other number", verify.RecordHeader, func(p *patient) { p.poke(p.recordAt("victim")+0x2c, 7) }},
	{"record: other sequence", verify.DanglingEntry, func(p *patient) { p.poke(p.recordAt("victim")+0x10, 77) }},
	{"record: no sequence", verify.RecordHeader, func(p *patient) { p.poke(p.recordAt("victim")+0x10, 0) }},
	{"record: allocated bytes", verify.RecordHeader, func(p *patient) { p.poke(p.recordAt("victim")+0x1c, 8) }},
	{"record: bytes in use beyond it", verify.BadRecord, func(p *patient) { p.poke(p.recordAt("victim")+0x18, 0, 0, 1) }},
	{"record is an extension", verify.OrphanExtension, func(p *patient) { p.poke(p.recordAt("victim")+0x20, 5, 0, 0, 0, 0, 0, 5) }},
	{"record: next instance", verify.Instance, func(p *patient) { p.poke(p.recordAt("victim")+0x28, 1) }},
	{"record is a directory without index", verify.Index, func(p *patient) { p.poke(p.recordAt("victim")+0x16, 3) }},
	{"directory is none", verify.Index, func(p *patient) { p.poke(p.recordAt("many")+0x16, 1) }},
	{"abandoned record", verify.AbandonedRecord, func(p *patient) {
		p.bitOf("$MFT", 0xb0, 60, true)
		p.poke(p.mft+60*p.record, noise(1024)...)
	}},
	{"leaked record", verify.LeakedRecord, func(p *patient) { p.bitOf("$MFT", 0xb0, 60, true) }},
	{"attribute of no length", verify.BadRecord, func(p *patient) { p.attribute("victim", 0x80, func(a []byte) { le.PutUint32(a[4:], 0) }) }},
	{"attribute: unknown type", verify.Attribute, func(p *patient) { p.attribute("victim", 0x80, func(a []byte) { a[0] = 0x84 }) }},
	{"attribute: name outside", verify.Attribute, func(p *patient) { p.attribute("victim", 0x80, func(a []byte) { a[9] = 255 }) }},
	{"attribute: value outside", verify.Attribute, func(p *patient) {
		p.attribute("small", 0x80, func(a []byte) { le.PutUint32(a[0x10:], math.MaxUint32) })
	}},
	{"attribute twice", verify.AttributeOrder, func(p *patient) {
		p.recordOf("streams", func(b []byte) {
			first := following(b, findAttribute(b, 0x80)) // behind the unnamed one
			second := following(b, first)
			copy(second[le.Uint16(second[10:]):], first[le.Uint16(first[10:]):][:2])
		})
	}},
	{"index root non-resident", verify.Attribute, func(p *patient) { p.attribute("nest", 0x90, func(a []byte) { a[8] = 1 }) }},
	{"hole in a file that is not sparse", verify.RunList, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { r := mapping(a); r[0] &= 0x0f; r[1+r[0]] = 0 })
	}},
	{"run list without end", verify.RunList, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) {
			for i := range mapping(a) {
				mapping(a)[i] = 0x01
			}
		})
	}},
	{"run of no clusters", verify.RunList, func(p *patient) { p.attribute("victim", 0x80, func(a []byte) { mapping(a)[1] = 0 }) }},
	{"stored size of a sparse file", verify.Sizes, func(p *patient) {
		p.attribute("sparse", 0x80, func(a []byte) { add64(a[0x40:], 4096) })
	}},
	{"list: entry of no length", verify.AttributeList, func(p *patient) { p.list(func(b []byte) { b[4] = 0 }) }},
	{"list: entry of another attribute", verify.AttributeList, func(p *patient) { p.list(func(b []byte) { b[0x18] ^= 7 }) }},
	{"list: extension of another file", verify.AttributeList, func(p *patient) {
		p.poke(p.mft+p.extension()*p.record+0x20, 70)
	}},
	{"list: extension free", verify.AttributeList, func(p *patient) { p.poke(p.mft+p.extension()*p.record+0x16, 0) }},
	{"list: extension torn", verify.BadRecord, func(p *patient) { p.poke(p.mft+p.extension()*p.record+1022, 0xee, 0xee) }},
	{"list: piece left out", verify.AttributeList, func(p *patient) {
		p.list(func(b []byte) {
			second := b[le.Uint16(b[4:]):]
			b[4] += second[4] // the first entry swallows the second
		})
	}},
	{"extension without a list", verify.OrphanExtension, func(p *patient) {
		p.attribute("pieces", 0x20, func(a []byte) { a[0] = 0x50; a[8] = 0; le.PutUint32(a[0x10:], 0) })
	}},
	{"$STANDARD_INFORMATION too short", verify.StandardInfo, func(p *patient) {
		p.attribute("victim", 0x10, func(a []byte) { le.PutUint32(a[0x10:], 40) })
	}},
	{"8.3 name without a long one", verify.NameMismatch, func(p *patient) {
		p.attribute("two names.text", 0x30, func(a []byte) { value(a)[0x41] = 0 })
	}},
	{"$FILE_NAME: namespace", verify.Attribute, func(p *patient) { p.attribute("victim", 0x30, func(a []byte) { value(a)[0x41] = 9 }) }},
	{"name spelled otherwise", verify.NameMismatch, func(p *patient) {
		p.attribute("victim", 0x30, func(a []byte) { value(a)[0x42] ^= 0x20 })
	}},
	{"directories in a circle", verify.Circle, func(p *patient) {
		p.attribute("nest", 0x30, func(a []byte) { le.PutUint32(value(a), uint32(p.numbers["egg"])) })
	}},
	{"INDX: its own VCN", verify.IndexBlock, func(p *patient) {
		p.sealed(p.blockAt("many"), 4096, func(b []byte) { b[0x10] ^= 1 })
	}},
	{"INDX: entries beyond it", verify.Index, func(p *patient) {
		p.sealed(p.blockAt("many"), 4096, func(b []byte) { le.PutUint32(b[0x1c:], 1<<20) })
	}},
	{"INDX: entry length", verify.Index, func(p *patient) {
		p.sealed(p.blockAt("many"), 4096, func(b []byte) { leafEntries(b)[1][8] = 3 })
	}},
	{"index: block in the tree twice", verify.Index, func(p *patient) {
		p.sealed(p.innerBlock(), 4096, func(b []byte) {
			e := leafEntries(b)
			copy(e[1][len(e[1])-8:], e[0][len(e[0])-8:])
		})
	}},
	{"index: child beyond the blocks", verify.Index, func(p *patient) {
		p.attribute("many", 0x90, func(a []byte) {
			entries := value(a)[0x20:]
			entries[int(le.Uint16(entries[8:]))-7] = 0x7f
		})
	}},
	{"index: block size", verify.Index, func(p *patient) { p.attribute("many", 0x90, func(a []byte) { value(a)[9] = 0x08 }) }},
	{"index: leaked block", verify.LeakedIndexBlock, func(p *patient) {
		p.attribute("stale", 0xb0, func(a []byte) { value(a)[0] |= 0xff })
	}},
	{"index: no bitmap", verify.Index, func(p *patient) { p.attribute("many", 0xb0, func(a []byte) { a[0] = 0xd0 }) }},
	{"index entry of a directory says file", verify.NameMismatch, func(p *patient) {
		p.attribute("nest", 0x90, func(a []byte) { value(a)[0x20+0x10+0x3b] &^= 0x10 })
	}},
	{"security descriptor changed", verify.Security, func(p *patient) {
		p.poke(p.clusterOf("$Secure", 0x80)*p.cluster+0x30, 0xee)
	}},
	{"copy of a security descriptor changed", verify.Security, func(p *patient) {
		p.poke(p.clusterOf("$Secure", 0x80)*p.cluster+0x40000+0x30, 0xee)
	}},
	{"security index disagrees", verify.Security, func(p *patient) {
		p.attribute("$Secure", 0x90, func(a []byte) { value(a)[0x20+0x10] ^= 0xff }) // a hash in $SDH
	}},
	{"$AttrDef damaged", verify.AttrDef, func(p *patient) {
		p.poke(p.clusterOf("$AttrDef", 0x80)*p.cluster+0xa0+0x80, 0x10)
	}},
	{"$BadClus too short", verify.BadClusters, func(p *patient) {
		p.recordOf("$BadClus", func(b []byte) {
			a := following(b, findAttribute(b, 0x80)) // behind the empty unnamed one
			mapping(a)[1]--
			for _, at := range []int{0x28, 0x30} {
				add64(a[at:], -p.cluster)
			}
			add64(a[0x18:], -1)
		})
	}},
	{"$LogFile of bytes that are almost 0xff", verify.LogFile, func(p *patient) {
		p.poke(p.clusterOf("$LogFile", 0x80)*p.cluster, bytes.Repeat([]byte{0xfe}, 64<<10)...)
	}},
	{"reparse point not in its index", verify.Catalog, func(p *patient) {
		p.attribute("$Reparse", 0x90, func(a []byte) { // the end entry alone
			entries := value(a)[0x20:]
			copy(entries, entries[le.Uint16(entries[8:]):])
			le.PutUint32(value(a)[0x14:], 0x20)
		})
	}},
	{"reparse point in the index only", verify.Catalog, func(p *patient) { p.attribute("link", 0xc0, func(a []byte) { a[0] = 0xe0 }) }},
	{"reparse index names another file", verify.Catalog, func(p *patient) {
		p.attribute("$Reparse", 0x90, func(a []byte) { value(a)[0x20+0x10+4] ^= 1 })
	}},
	{"NTFS 1.2", verify.Version, func(p *patient) { p.attribute("$Volume", 0x70, func(a []byte) { value(a)[8] = 1; value(a)[9] = 2 }) }},
}

func TestDamages(t *testing.T) {
	t.Parallel()
	entries := append(ward(), format.Entry{Name: "stale", Dir: []format.Entry{}, Deleted: []string{"a", "b"}})
	healthy := newPatient(t, build(t, 32<<20, format.Options{Root: entries}))
	spotless(t, check(t, healthy))
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			d.do(p)
			verdict(t, d, check(t, p))
		})
	}
}
