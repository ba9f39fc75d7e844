package bitlocker

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"hangkit/image"
)

// kind says what becomes of the bytes of an extent.
type kind int

const (
	reserved  kind = iota // BitLocker's own: zeros to whoever reads
	plain                 // not encrypted
	encrypted             //
	unknown               // no bitmap says whether they are encrypted
)

// extent is a stretch of the volume as a file system sees it.
type extent struct {
	image.Range
	kind  kind
	below int64 // where its bytes lie
}

// geometry is where on the volume what lies.
type geometry struct {
	size      int64
	sector    int64
	reserved  []image.Range // without relocated
	relocated image.Range   // holds the volume's first relocated.Len bytes
	runs      []stateRun    // sorted; what none covers is unknown
}

// maxRelocated is far more than the 5 MiB that BitLocker To Go keeps elsewhere.
const maxRelocated = 256 << 20

// newGeometry says what a copy of the metadata and encrypt-on-write say.
func newGeometry(d image.Disk, boot bootSector, m metadata) (geometry, error) {
	g := geometry{size: d.Size() - d.Size()%boot.sector, sector: boot.sector, relocated: m.relocated(boot.sector)}
	for i := range metadataCopies {
		g.reserved = append(g.reserved, image.Range{Off: m.copyOffset(i), Len: areaSize})
	}
	switch {
	case boot.onWrite:
		w, err := readOnWrite(d, boot)
		if err != nil {
			return g, err
		}
		g.reserved = append(g.reserved, w.reserved...)
		g.runs = w.runs
	default:
		g.runs = m.runs(g.size)
		if m.current() == SwitchingDirty {
			g.reserved = append(g.reserved, image.Range{Off: m.encrypted(), Len: m.logSize()})
		}
	}
	return g, g.check(m)
}

// runs says what is encrypted where there is one boundary: everything before it.
func (m metadata) runs(size int64) []stateRun {
	boundary := m.encrypted()
	switch {
	case m.current() == Decrypted:
		boundary = 0
	case boundary <= 0 || boundary > size: // 0 stands for everything (dissect.fve)
		boundary = size
	}
	return []stateRun{
		{Range: image.Range{Off: 0, Len: boundary}, encrypted: true},
		{Range: image.Range{Off: boundary, Len: size - boundary}},
	}
}

// check refuses what would not fall on sectors. Areas behind the end are left to images that
// were cut short.
func (g *geometry) check(m metadata) error {
	if r := g.relocated; r.Len <= 0 || r.Len > maxRelocated || r.Off < r.Len || r.Off > g.size-r.Len || r.Len%g.sector != 0 || r.Off%g.sector != 0 {
		return damaged(m.off, "metadata: relocated sectors", "inside the volume", r)
	}
	for _, r := range g.reserved {
		if r.Off < 0 || r.Len < 0 || r.Off+r.Len < r.Off || r.Off%g.sector != 0 || r.Len%g.sector != 0 {
			return damaged(m.off, "metadata: reserved area", "whole sectors", r)
		}
	}
	for _, r := range g.runs {
		if r.Off%g.sector != 0 {
			return damaged(m.off+encryptedOff, "metadata: end of what is encrypted", "whole sectors", fmt.Sprintf("0x%x", r.Off))
		}
	}
	return nil
}

// needsKey tells whether anything is encrypted: encrypt-on-write may say so of a volume that its
// metadata calls decrypted.
func (g *geometry) needsKey() bool {
	return slices.ContainsFunc(g.runs, func(r stateRun) bool { return r.encrypted && r.Len > 0 })
}

// overlap is nil if the relocated sectors lie apart from all that BitLocker keeps for itself:
// else to write the volume's first sectors would be to write its metadata.
func (g *geometry) overlap() error {
	for _, r := range g.reserved {
		if r.Off < g.relocated.End() && g.relocated.Off < r.End() {
			return fmt.Errorf("the volume's first sectors, kept at 0x%x: %w: so is what lies at 0x%x", g.relocated.Off, ErrReserved, r.Off)
		}
	}
	return nil
}

// extents cuts the volume wherever something changes, and says what each piece is.
func (g *geometry) extents() []extent {
	g.reserved = merge(append(g.reserved, g.relocated))
	var list []extent
	cuts := g.cuts()
	for i, at := range cuts[:len(cuts)-1] {
		e := extent{Range: image.Range{Off: at, Len: cuts[i+1] - at}, below: at}
		if at < g.relocated.Len {
			e.below += g.relocated.Off
		}
		e.kind = g.kind(at, e.below)
		if n := len(list); n > 0 && list[n-1].kind == e.kind && list[n-1].below+list[n-1].Len == e.below {
			list[n-1].Len += e.Len
			continue
		}
		list = append(list, e)
	}
	return list
}

// merge sorts ranges and joins those that touch.
func merge(ranges []image.Range) []image.Range {
	slices.SortFunc(ranges, func(a, b image.Range) int { return cmp.Compare(a.Off, b.Off) })
	var merged []image.Range
	for _, r := range ranges {
		if n := len(merged); n > 0 && r.Off <= merged[n-1].End() {
			merged[n-1].Len = max(merged[n-1].End(), r.End()) - merged[n-1].Off
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// cuts are the offsets where an extent may begin, and the end of the volume.
func (g *geometry) cuts() []int64 {
	cuts := []int64{0, g.relocated.Len, g.size}
	add := func(off int64) {
		for _, at := range []int64{off, off - g.relocated.Off} { // seen at its place, and from the start
			if at > 0 && at < g.size {
				cuts = append(cuts, at)
			}
		}
	}
	for _, r := range g.reserved {
		add(r.Off)
		add(r.End())
	}
	for _, r := range g.runs {
		add(r.Off)
		add(r.End())
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// kind is what the bytes at an offset are, which lie below at another.
func (g *geometry) kind(off, below int64) kind {
	at := sort.Search(len(g.reserved), func(i int) bool { return g.reserved[i].End() > off })
	if at < len(g.reserved) && g.reserved[at].Off <= off {
		return reserved
	}
	i := sort.Search(len(g.runs), func(i int) bool { return g.runs[i].End() > below })
	switch {
	case i == len(g.runs) || below < g.runs[i].Off:
		return unknown
	case g.runs[i].encrypted:
		return encrypted
	}
	return plain
}
