package dumptest

import (
	"hangkit/collect/dumpfile"
)

// The builds of the default Windows: an update raised the number, and left the kernel's name alone.
const (
	defaultBuild = 19045
	updatedBuild = 19041
)

// kernelBuild is the build that the kernel itself is called by.
func (s *Spec) kernelBuild() uint32 {
	if s.Build == defaultBuild {
		return updatedBuild
	}
	return uint32(s.Build)
}

// makeHead writes everything that stands before the pages.
func (d *Reader) makeHead() []byte {
	if d.spec.Bits == 32 {
		return d.makeHead32()
	}
	return d.makeHead64()
}

// filled is n bytes of 'PAGE', which is what unwritten fields hold.
func filled(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "PAGE"[i%4]
	}
	return b
}

func (d *Reader) makeHead64() []byte {
	s := &d.spec
	h := filled(0x2000)
	u32 := func(off int, v uint32) { le.PutUint32(h[off:], v) }
	u64 := func(off int, v uint64) { le.PutUint64(h[off:], v) }
	copy(h[4:], "DU64")
	u32(0x08, 0xF)
	u32(0x0C, uint32(s.Build))
	u64(0x10, SystemFirst*pageSize|2)
	u64(0x18, places64.pfnDatabase)
	u64(0x20, places64.modules)
	u64(0x28, places64.processes)
	u32(0x30, uint32(s.Machine))
	u32(0x34, uint32(places64.cpus))
	u32(0x38, s.BugCheck)
	for i, p := range s.Parameters {
		u64(0x40+8*i, p)
	}
	u64(0x80, places64.debugger)
	clear(h[0x88:0x344])
	clear(h[0x348 : 0x348+0x4D0])
	d.kernel.context(h[0x348:], 0)
	u32(0xF00, 0x80000003)
	u32(0xF04, 1)
	u64(0xF08, 0)
	u64(0xF10, d.kernel.programCounter(0))
	u32(0xF18, 0)
	u32(0xF98, uint32(s.Type))
	u64(0xFA8, filetime(s.Time))
	clear(h[0xFB0:0x1030])
	u64(0x1030, uint64(s.UpTime/100))
	u32(0x1038, 0xCFF)
	u32(0x103C, 0)
	u32(0x1040, 1)
	u32(0x1044, 0x110)
	u32(0x1048, 0)
	h[0x104D], h[0x104E] = 0, byte(s.Levels)
	u32(0x1050, s.Attributes)
	u32(0x1054, s.BootID)
	h = d.addBody64(h)
	d.setSpace(h[0xFA0:], int64(len(h)))
	return h
}

// addBody64 writes what says which pages follow.
func (d *Reader) addBody64(h []byte) []byte {
	switch d.spec.Type {
	case dumpfile.TypeFull:
		le.PutUint32(h[0x88:], uint32(len(d.runs)))
		le.PutUint64(h[0x90:], uint64(d.pages()))
		for i, r := range d.runs {
			le.PutUint64(h[0x98+16*i:], r.Base)
			le.PutUint64(h[0xA0+16*i:], r.Count)
		}
	case dumpfile.TypeTriage:
		copy(h[0x88:0x344], filled(700))
		h = append(h, d.triage(0x2000, 0x70)...)
	case dumpfile.TypeDebugKernel, dumpfile.TypeDebugKernelA, dumpfile.TypeDebugFull:
		h = append(h, d.ranges()...)
	default:
		h = append(h, d.bitmap(0x2000, 0x28)...)
	}
	return h
}

func (d *Reader) makeHead32() []byte {
	s := &d.spec
	h := filled(0x1000)
	u32 := func(off int, v uint32) { le.PutUint32(h[off:], v) }
	u64 := func(off int, v uint64) { le.PutUint64(h[off:], v) }
	copy(h[4:], "DUMP")
	u32(0x08, 0xF)
	u32(0x0C, uint32(s.Build))
	u32(0x10, SystemFirst*pageSize+paeRoot)
	h[0x5C], h[0x5D] = 1, 0 // PAE
	if s.NoPAE {
		u32(0x10, SystemFirst*pageSize)
		h[0x5C] = 0
	}
	u32(0x14, uint32(places32.pfnDatabase))
	u32(0x18, uint32(places32.modules))
	u32(0x1C, uint32(places32.processes))
	u32(0x20, 0x14C)
	u32(0x24, uint32(places32.cpus))
	u32(0x28, s.BugCheck)
	for i, p := range s.Parameters {
		u32(0x2C+4*i, uint32(p))
	}
	u32(0x60, uint32(places32.debugger))
	clear(h[0x64:0x320])
	clear(h[0x320 : 0x320+0x2CC])
	d.kernel.context(h[0x320:], 0)
	u32(0x7D0, 0x80000003)
	u32(0x7D4, 1)
	u32(0x7D8, 0)
	u32(0x7DC, uint32(d.kernel.programCounter(0)))
	u32(0x7E0, 0)
	clear(h[0x820:0x8A0])
	u32(0x8A0, s.Attributes)
	u32(0x8A4, s.BootID)
	u32(0xF88, uint32(s.Type))
	u32(0xF8C, 0xCFF)
	u32(0xF90, 0)
	u32(0xF94, 1)
	u32(0xF98, 0x110)
	u32(0xF9C, 0)
	u64(0xFB8, uint64(s.UpTime/100))
	u64(0xFC0, filetime(s.Time))
	h = d.addBody32(h)
	d.setSpace(h[0xFA0:], int64(len(h)))
	return h
}

// addBody32 is addBody64 with fields of 32 bits.
func (d *Reader) addBody32(h []byte) []byte {
	switch d.spec.Type {
	case dumpfile.TypeFull:
		le.PutUint32(h[0x64:], uint32(len(d.runs)))
		le.PutUint32(h[0x68:], uint32(d.pages()))
		for i, r := range d.runs {
			le.PutUint32(h[0x6C+8*i:], uint32(r.Base))
			le.PutUint32(h[0x70+8*i:], uint32(r.Count))
		}
	case dumpfile.TypeTriage:
		copy(h[0x64:0x320], filled(700))
		h = append(h, d.triage(0x1000, 0x58)...)
	default:
		h = append(h, d.bitmap(0x1000, 0x20)...)
	}
	return h
}

// setSpace writes RequiredDumpSpace for a dump with a head of n bytes.
func (d *Reader) setSpace(b []byte, n int64) {
	switch s := &d.spec; {
	case s.SpaceBytes != 0:
		le.PutUint64(b, s.SpaceBytes)
	case s.Space == SpaceAbsurd:
		le.PutUint64(b, 1<<60)
	case s.Space == SpaceRight && s.Type == dumpfile.TypeTriage:
		// Windows asks for more than a small dump takes.
		le.PutUint64(b, uint64(n)+uint64(len(d.tail))+0x36000)
	case s.Space == SpaceRight:
		le.PutUint64(b, uint64(n+d.pages()*pageSize)+uint64(len(d.tail)))
	}
}

// bitmap writes the header at file offset base and the bitmap, padded to the
// first page. A summary dump has its bits at summaryBits.
func (d *Reader) bitmap(base, summaryBits int) []byte {
	s := &d.spec
	nbits := (d.runs[len(d.runs)-1].End() + 63) &^ 63
	bits := 0x38
	if s.Type == dumpfile.TypeSummary {
		bits = summaryBits
	}
	b := make([]byte, (bits+int(nbits/8)+pageSize-1)&^(pageSize-1))
	copy(b, filled(0x38))
	copy(b, "SDMPDUMP")
	if s.FullMark {
		copy(b, "FDMP")
	}
	le.PutUint32(b[0x08:], 1) // kernel addresses
	first := uint64(base + len(b))
	if s.Type == dumpfile.TypeSummary {
		le.PutUint32(b[0x0C:], uint32(first))
		le.PutUint32(b[0x10:], uint32(nbits))
		le.PutUint32(b[0x14:], uint32(d.pages()))
		le.PutUint32(b[0x18:], uint32(nbits))
		clear(b[0x1C:0x38])
	} else {
		le.PutUint64(b[0x20:], first)
		le.PutUint64(b[0x28:], uint64(d.pages()))
		le.PutUint64(b[0x30:], nbits)
	}
	for _, r := range d.runs {
		for pfn := r.Base; pfn < r.End(); pfn++ {
			b[bits+int(pfn/8)] |= 1 << (pfn % 8)
		}
	}
	return b
}

// ranges writes the 'RDMP' header of a debugger's dump and its page ranges,
// padded to the first page.
func (d *Reader) ranges() []byte {
	b := make([]byte, 0x30, 0x30+16*len(d.runs))
	le.PutUint32(b, 0x40)
	copy(b[4:], "RDMPDUMP")
	for _, r := range d.runs {
		b = le.AppendUint64(b, r.Base)
		b = le.AppendUint64(b, r.Count)
	}
	if d.spec.Type == dumpfile.TypeDebugFull {
		le.PutUint32(b[0x20:], uint32(len(d.runs)))
		le.PutUint64(b[0x28:], uint64(d.pages()))
	} else {
		b = append(b, make([]byte, 16)...) // ends the list, which nothing counts
	}
	b = append(b, make([]byte, -len(b)&(pageSize-1))...)
	first := uint64(0x2000 + len(b))
	le.PutUint64(b[0x18:], first)
	le.PutUint64(b[0x10:], first-0x2040+0x20)
	return b
}

func seeded(n int, seed uint64) []byte {
	b := make([]byte, n)
	rnd := random(seed)
	for i := 0; i < n; i += 8 {
		le.PutUint64(b[i:], rnd.next())
	}
	return b
}

// blobs writes the secondary data.
func blobs(s *Spec) []byte {
	if len(s.Blobs) == 0 {
		return nil
	}
	b := []byte("DumpBlob\x10\x00\x00\x00")
	b = le.AppendUint32(b, 0xF0000000|uint32(s.Build))
	for i, size := range s.Blobs {
		post := -size & 7
		b = le.AppendUint32(b, 0x20)
		b = append(b, seeded(16, s.Seed+uint64(i)+1)...)
		b = le.AppendUint32(b, uint32(size))
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(post))
		b = append(b, seeded((size+7)&^7, s.Seed)[:size]...)
		b = append(b, make([]byte, post)...)
	}
	return b
}
