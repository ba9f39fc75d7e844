package hive

import "bytes"

// maxRun bounds how many bytes of neighbouring pages become one run.
const maxRun = 64 << 10

// recoveredBins is what the bins held before the edits.
func (h *Hive) recoveredBins() []byte {
	p := append([]byte(nil), h.bins.data[:h.bins.opened]...)
	for page, old := range h.bins.saved {
		if page < h.bins.opened {
			copy(p[page:], old)
		}
	}
	return p
}

// editedRuns gives what the edits changed, in whole units of a page or a sector.
func (h *Hive) editedRuns(unit uint32) []dirtyPage {
	var runs runList
	for _, page := range h.editedPages() {
		for off := page; off < page+pageSize; off += unit {
			now, old := h.bins.data[off:off+unit], h.bins.saved[page][off-page:][:unit]
			if page >= h.bins.opened || !bytes.Equal(now, old) {
				runs.add(off, now)
			}
		}
	}
	return runs
}

// differing gives the units in which want, the bins as they should be, is unlike the primary on
// disk. Only pages that came from a log or an edit may be.
func (p *planner) differing(want []byte, unit uint32) ([]dirtyPage, error) {
	var runs runList
	f := p.h.src.Primary
	buf := make([]byte, chunkSize)
	for start := 0; start < len(want); start += chunkSize {
		now := want[start:min(start+chunkSize, len(want))]
		stored := max(0, min(int64(len(now)), f.Size()-fileOffset(uint32(start))))
		if _, err := readFull(f, buf[:stored], fileOffset(uint32(start))); err != nil {
			return nil, err
		}
		for i := uint32(0); i < uint32(len(now)); i += unit {
			if int64(i+unit) <= stored && bytes.Equal(now[i:i+unit], buf[i:i+unit]) {
				continue
			}
			off := uint32(start) + i
			if !p.h.mayDiffer(off, unit) {
				return nil, ErrStale
			}
			runs.add(off, now[i:i+unit])
		}
	}
	return runs, nil
}

// mayDiffer says whether a unit came from a log or an edit.
func (h *Hive) mayDiffer(off, unit uint32) bool {
	if _, edited := h.bins.saved[off&^(pageSize-1)]; edited || off >= h.bins.opened {
		return true
	}
	for s := off / sectorSize; s < (off+unit)/sectorSize; s++ {
		if _, ok := h.replayed[s]; ok {
			return true
		}
	}
	return false
}

// checkUntouched proves, before a primary is written that is clean by then, that it still holds what
// was read, and that nothing but edited and recovered pages is about to change.
func (p *planner) checkUntouched() error {
	if _, err := p.differing(p.h.bins.data, pageSize); err != nil {
		return err
	}
	if p.h.recovery.Dirty {
		return nil
	}
	runs, err := p.differing(p.h.recoveredBins(), pageSize)
	if err == nil && len(runs) > 0 {
		err = ErrStale
	}
	return err
}

// runList joins neighbouring pages.
type runList []dirtyPage

func (l *runList) add(off uint32, p []byte) {
	if n := len(*l); n > 0 {
		last := &(*l)[n-1]
		if last.off+uint32(len(last.data)) == off && len(last.data)+len(p) <= maxRun {
			last.data = append(last.data[:len(last.data):len(last.data)], p...)
			return
		}
	}
	*l = append(*l, dirtyPage{off, p})
}

// sectorsOf cuts runs into sectors.
func sectorsOf(runs []dirtyPage) []dirtyPage {
	var list []dirtyPage
	for _, r := range runs {
		for i := 0; i < len(r.data); i += sectorSize {
			list = append(list, dirtyPage{r.off + uint32(i), r.data[i : i+sectorSize]})
		}
	}
	return list
}
