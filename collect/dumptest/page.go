package dumptest

import "time"

// zeroShare is how many pages there are to one that is all zeros, as free
// pages are.
const zeroShare = 16

// Page fills b, one page long, with the contents of a page frame.
func (d *Reader) Page(pfn uint64, b []byte) {
	clear(b)
	if d.spec.Edit != nil {
		defer d.spec.Edit(pfn, b)
	}
	if frame := d.system[pfn]; frame != nil {
		copy(b, frame)
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

// sharedData writes the fields of KUSER_SHARED_DATA that a header repeats.
func (y *system) sharedData(b []byte) {
	s := y.spec
	systemTime(b[0x08:], uint64(s.UpTime/100))
	systemTime(b[0x14:], filetime(s.Time))
	putText(b[0x30:], `C:\Windows`)
	le.PutUint32(b[0x260:], uint32(s.Build))
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
