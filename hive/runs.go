package hive

import "bytes"

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

// editedRuns gives the pages that edits changed.
func (h *Hive) editedRuns() []dirtyPage {
	var runs runList
	for _, page := range h.editedPages() {
		runs.add(page)
	}
	return runs.of(h.bins.data)
}

// differing gives the pages in which want, the bins as they should be, is unlike the primary on
// disk. Only pages that came from a log or an edit may be.
func (p *planner) differing(want []byte) ([]dirtyPage, error) {
	var runs runList
	f := p.h.src.Primary
	buf := make([]byte, chunkSize)
	for start := 0; start < len(want); start += chunkSize {
		now := want[start:min(start+chunkSize, len(want))]
		stored := int(max(0, min(int64(len(now)), f.Size()-fileOffset(uint32(start)))))
		if _, err := readFull(f, buf[:stored], fileOffset(uint32(start))); err != nil {
			return nil, err
		}
		for i := 0; i < len(now); i += pageSize {
			if i+pageSize <= stored && bytes.Equal(now[i:i+pageSize], buf[i:i+pageSize]) {
				continue
			}
			off := uint32(start + i)
			if !p.h.mayDiffer(off) {
				return nil, ErrStale
			}
			runs.add(off)
		}
	}
	return runs.of(want), nil
}

// mayDiffer says whether a page came from a log or an edit.
func (h *Hive) mayDiffer(page uint32) bool {
	_, edited := h.bins.saved[page]
	_, replayed := h.replayed[page]
	return edited || replayed || page >= h.bins.opened
}

// checkUntouched proves, before a primary is written that is clean by then, that it still holds what
// was read, and that nothing but edited and recovered pages is about to change.
func (p *planner) checkUntouched() error {
	if _, err := p.differing(p.h.bins.data); err != nil {
		return err
	}
	if p.h.recovery.Dirty {
		return nil
	}
	runs, err := p.differing(p.h.recoveredBins())
	if err == nil && len(runs) > 0 {
		err = ErrStale
	}
	return err
}

// runList is a list of page offsets in which neighbours become one run. Log entries depend on it:
// Windows takes no entry in which one run begins where another ends.
type runList []extent

type extent struct{ off, end uint32 }

func (l *runList) add(page uint32) {
	if n := len(*l); n > 0 && (*l)[n-1].end == page {
		(*l)[n-1].end = page + pageSize
		return
	}
	*l = append(*l, extent{page, page + pageSize})
}

// of gives the runs with what bins holds there.
func (l runList) of(bins []byte) []dirtyPage {
	list := make([]dirtyPage, len(l))
	for i, e := range l {
		list[i] = dirtyPage{e.off, bins[e.off:e.end]}
	}
	return list
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
