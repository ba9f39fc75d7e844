package dumptest

import (
	"time"
	"unicode/utf16"
)

// zeroShare is how many pages there are to one that is all zeros, as free
// pages are.
const zeroShare = 16

// Page fills b, one page long, with the contents of a page frame.
func (d *Reader) Page(pfn uint64, b []byte) {
	clear(b)
	switch {
	case pfn >= SystemFirst && pfn < SystemLast:
		d.pageTable(pfn, b)
		return
	case pfn == SystemLast:
		d.sharedData(b)
		return
	}
	rnd := random(d.spec.Seed ^ pfn*0x9E3779B97F4A7C15)
	if rnd.next()%zeroShare == 0 {
		return
	}
	for i := 0; i < len(b); i += 8 {
		le.PutUint64(b[i:], rnd.next())
	}
}

const (
	entryFlags   = 0x63 // present, writable, accessed, dirty
	selfMapIndex = 0x1ED
)

// pageTable writes one of the four tables that map KUSER_SHARED_DATA:
// 0xFFFFF78000000000 on 64 bits, 0xFFDF0000 with PAE on 32.
func (d *Reader) pageTable(pfn uint64, b []byte) {
	set := func(index int, to uint64, flags uint64) { le.PutUint64(b[index*8:], to*pageSize|flags) }
	level := int(pfn - SystemFirst)
	if d.spec.Bits == 32 {
		index := [...]int{3, -1, 0x1FE, 0x1F0}[level]
		switch level {
		case 0:
			set(index, SystemFirst+2, 1) // entries of this table have no other flags
		case 2, 3:
			set(index, pfn+1, entryFlags)
		}
		return
	}
	set([...]int{0x1EF, 0, 0, 0}[level], pfn+1, entryFlags)
	if level == 0 {
		set(selfMapIndex, SystemFirst, entryFlags)
	}
}

// sharedData writes the fields of KUSER_SHARED_DATA that a header repeats.
func (d *Reader) sharedData(b []byte) {
	s := &d.spec
	systemTime(b[0x08:], uint64(s.UpTime/100))
	systemTime(b[0x14:], filetime(s.Time))
	for i, u := range utf16.Encode([]rune(`C:\Windows`)) {
		le.PutUint16(b[0x30+2*i:], u)
	}
	le.PutUint32(b[0x260:], build)
	le.PutUint32(b[0x264:], 1) // workstation
	le.PutUint32(b[0x26C:], 10)
	le.PutUint32(b[0x2C4:], s.BootID)
}

// systemTime writes a KSYSTEM_TIME: low, high, high again.
func systemTime(b []byte, v uint64) {
	le.PutUint64(b, v)
	le.PutUint32(b[8:], uint32(v>>32))
}

func filetime(t time.Time) uint64 {
	const unixEpoch = 116444736000000000
	return uint64(t.Unix()*10_000_000+int64(t.Nanosecond()/100)) + unixEpoch
}

// random is splitmix64.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
