package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// sickroom is what the volume to be damaged holds.
func sickroom() []format.Entry {
	return []format.Entry{
		{Name: "victim", Data: noise(40_000)},
		{Name: "other", Data: noise(40_000)},
		{Name: "half", Data: noise(20_000)},
		{Name: "small", Data: []byte("resident")},
		{Name: "many", Dir: numbered("file", 400)},
		{Name: "nest", Dir: []format.Entry{{Name: "egg", Dir: []format.Entry{}}}},
	}
}

func add64(b []byte, n int64) { le.PutUint64(b, le.Uint64(b)+uint64(n)) }

// damage is one corruption, and what it is called when it is found.
type damage struct {
	name string
	want verify.Kind
	do   func(p *patient)
}

// tolerated is what nobody may complain about: Windows leaves it behind.
const tolerated = verify.Kind(-1)

// matrix are the corruptions whose detection by other programs is known.
var matrix = []damage{
	{"used cluster marked free", verify.UnmarkedCluster, func(p *patient) {
		p.bitOf("$Bitmap", 0x80, p.clusterOf("victim", 0x80), false)
	}},
	{"leaked cluster", verify.LeakedCluster, func(p *patient) { p.bitOf("$Bitmap", 0x80, p.freeCluster(), true) }},
	{"cross-linked clusters", verify.CrossLink, func(p *patient) {
		other := mapping(findAttribute(p.unsealed(p.recordAt("other"), p.record), 0x80))
		p.attribute("victim", 0x80, func(a []byte) { copy(mapping(a), other) })
	}},
	{"run past the end of the volume", verify.OutsideRun, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { r := mapping(a); r[r[0]&15+r[0]>>4] = 0x7f })
	}},
	{"data size > allocated", verify.Sizes, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { add64(a[0x30:], 1<<20) })
	}},
	{"data size off by one", verify.StaleSizes, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { add64(a[0x30:], -1); add64(a[0x38:], -1) })
	}},
	{"allocated size wrong", verify.Sizes, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { add64(a[0x28:], p.cluster) })
	}},
	{"last VCN wrong", verify.RunList, func(p *patient) { p.attribute("victim", 0x80, func(a []byte) { a[0x18]++ }) }},
	{"initialized > data size", verify.Sizes, func(p *patient) {
		p.attribute("victim", 0x80, func(a []byte) { add64(a[0x38:], 100) })
	}},
	{"MFT record torn", verify.BadRecord, func(p *patient) { p.poke(p.recordAt("victim")+p.record-2, 0xee, 0xee) }},
	{"INDX torn", verify.IndexBlock, func(p *patient) { p.poke(p.blockAt("many")+4094, 0xee, 0xee) }},
	{"index entries out of order", verify.IndexOrder, func(p *patient) {
		p.sealed(p.blockAt("many"), 4096, func(b []byte) {
			e := leafEntries(b)
			swap(e[3], e[4])
		})
	}},
	{"index sizes stale", verify.StaleSizes, func(p *patient) {
		p.entryOf("many", "file 00007.txt", func(e []byte) { add64(e[0x10+0x30:], 4096) })
	}},
	{"index times stale", tolerated, func(p *patient) {
		p.entryOf("many", "file 00007.txt", func(e []byte) { add64(e[0x10+0x10:], 1<<32) })
	}},
	{"$FILE_NAME sizes stale", tolerated, func(p *patient) {
		p.attribute("victim", 0x30, func(a []byte) { add64(value(a)[0x30:], -4096) })
	}},
	{"index bitmap bit cleared", verify.IndexBitmap, func(p *patient) {
		p.attribute("many", 0xb0, func(a []byte) { value(a)[0] &^= 1 })
	}},
	{"orphan record", verify.Orphan, func(p *patient) {
		p.sealed(p.blockAt("many"), 4096, func(b []byte) { cutEntry(b, 2) })
	}},
	{"entry of a free record", verify.DanglingEntry, func(p *patient) {
		p.entryOf("many", "file 00007.txt", func(e []byte) { le.PutUint32(e, 40) })
	}},
	{"entry with wrong sequence", verify.DanglingEntry, func(p *patient) {
		p.entryOf("many", "file 00007.txt", func(e []byte) { e[6]++ })
	}},
	{"$MFT bitmap bit cleared", verify.UnmarkedRecord, func(p *patient) {
		p.bitOf("$MFT", 0xb0, p.numbers["victim"], false)
	}},
	{"$FILE_NAME parent wrong", verify.NameMismatch, func(p *patient) {
		p.attribute("victim", 0x30, func(a []byte) { le.PutUint32(value(a), uint32(p.numbers["many"])) })
	}},
	{"attribute order wrong", verify.AttributeOrder, func(p *patient) {
		p.recordOf("victim", func(b []byte) {
			first, second := findAttribute(b, 0x10), findAttribute(b, 0x30)
			both := append(append([]byte{}, second...), first...)
			copy(b[le.Uint16(b[0x14:]):], both)
		})
	}},
	{"bytes in use wrong", verify.RecordHeader, func(p *patient) {
		p.recordOf("victim", func(b []byte) { le.PutUint32(b[0x18:], le.Uint32(b[0x18:])+8) })
	}},
	{"duplicate attribute instance", verify.Instance, func(p *patient) {
		p.recordOf("victim", func(b []byte) { findAttribute(b, 0x80)[0x0e] = findAttribute(b, 0x10)[0x0e] })
	}},
	{"link count wrong", verify.LinkCount, func(p *patient) { p.recordOf("victim", func(b []byte) { b[0x12]++ }) }},
	{"$MFTMirr differs", verify.Mirror, func(p *patient) {
		p.poke(p.clusterOf("$MFTMirr", 0x80)*p.cluster+3*p.record+0x60, 0xee)
	}},
	{"backup boot sector differs", verify.BackupBoot, func(p *patient) { p.poke(p.size-512+0x40, 0xee) }},
	{"$LogFile garbage", verify.LogFile, func(p *patient) {
		p.poke(p.clusterOf("$LogFile", 0x80)*p.cluster, []byte("no log, no log, no log")...)
	}},
	{"dirty flag", verify.VolumeFlags, func(p *patient) {
		p.attribute("$Volume", 0x70, func(a []byte) { value(a)[0x0a] |= 1 })
		p.poke(p.clusterOf("$MFTMirr", 0x80)*p.cluster+3*p.record, p.peek(p.recordAt("$Volume"), p.record)...)
	}},
	{"$UpCase damaged", verify.UpCase, func(p *patient) {
		p.poke(p.clusterOf("$UpCase", 0x80)*p.cluster+2*0xe4, 0xe4) // ä stays what it is
	}},
	{"security id unknown", verify.SecurityID, func(p *patient) {
		// ntfs-3g gives its files none.
		p.attribute("$UpCase", 0x10, func(a []byte) { le.PutUint32(value(a)[0x34:], 0x4711) })
	}},
}

func swap(a, b []byte) {
	for i := range min(len(a), len(b)) {
		a[i], b[i] = b[i], a[i]
	}
}

// TestCrossLinkNamesBoth proves that both files that claim a cluster are named.
func TestCrossLinkNamesBoth(t *testing.T) {
	t.Parallel()
	p := newPatient(t, build(t, 32<<20, format.Options{Root: sickroom()}))
	for _, d := range matrix {
		if d.want == verify.CrossLink {
			d.do(p)
		}
	}
	numbers := []int64{p.numbers["victim"], p.numbers["other"]}
	for _, f := range check(t, p).Findings {
		if f.Kind == verify.CrossLink {
			for i, n := range numbers {
				if f.Record == n && strings.Contains(f.Got, fmt.Sprintf("record %d owns", numbers[1-i])) {
					return
				}
			}
			t.Error(f)
		}
	}
	t.Errorf("records %d are not named as the owners", numbers)
}

// cutEntry takes an entry out of a leaf.
func cutEntry(b []byte, i int) {
	header := b[0x18:]
	end := le.Uint32(header[4:])
	e := leafEntries(b)[i]
	start := end
	for pos := le.Uint32(header); pos < end; pos += uint32(le.Uint16(header[pos+8:])) {
		if &header[pos] == &e[0] {
			start = pos
			break
		}
	}
	n := uint32(len(e))
	copy(header[start:end], header[start+n:end])
	le.PutUint32(header[4:], end-n)
}

// TestMatrix proves that every corruption is found, and called by its name.
func TestMatrix(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t, build(t, 32<<20, format.Options{Root: sickroom()}))
	spotless(t, check(t, healthy))
	for _, d := range matrix {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := healthy.clone()
			d.do(p)
			verdict(t, d, check(t, p))
		})
	}
}

func verdict(t *testing.T, d damage, r *verify.Report) {
	t.Helper()
	switch {
	case d.want == tolerated:
		spotless(t, r)
	case r.Counts[d.want] == 0:
		t.Errorf("not found: %v; incomplete %q", r.Counts, r.Incomplete)
		for _, f := range r.Findings[:min(len(r.Findings), 5)] {
			t.Log(f)
		}
	}
	if worst, found := r.Worst(); found && d.want != tolerated && worst < d.want.Severity() {
		t.Errorf("worst is %v, want at least %v", worst, d.want.Severity())
	}
}
