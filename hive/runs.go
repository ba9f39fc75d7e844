package hive

import "bytes"

// recoveredPage is what a page held before the edits.
func (h *Hive) recoveredPage(page uint32) []byte {
	if old, ok := h.bins.saved[page]; ok {
		return old
	}
	return h.editedPage(page)
}

// editedPage is what a page holds after the edits.
func (h *Hive) editedPage(page uint32) []byte { return h.bins.data[page : page+pageSize] }

// editedRuns gives the pages that edits changed.
func (h *Hive) editedRuns() []dirtyPage {
	var runs runList
	for _, page := range h.editedPages() {
		runs.add(page)
	}
	return runs.of(h.editedPage)
}

// differing gives the pages in which the first size bytes of the bins, as want has them, are unlike
// the primary on disk. Only pages that came from a log or an edit may be.
func (p *planner) differing(size uint32, want func(page uint32) []byte) ([]dirtyPage, error) {
	var runs runList
	f := p.h.src.Primary
	buf := make([]byte, chunkSize)
	for start := uint32(0); start < size; start += chunkSize {
		stored := buf[:max(0, min(chunkSize, int64(size-start), f.Size()-fileOffset(start)))]
		if _, err := readFull(f, stored, fileOffset(start)); err != nil {
			return nil, err
		}
		for page := start; page < min(start+chunkSize, size); page += pageSize {
			now := stored[min(int(page-start), len(stored)):]
			if bytes.HasPrefix(now, want(page)) {
				continue
			}
			if !p.h.mayDiffer(page) {
				return nil, ErrStale
			}
			runs.add(page)
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

// checkUntouched proves, before the pages of a clean primary are changed, that they still hold what
// was read. A dirty primary has been compared as a whole by then.
func (p *planner) checkUntouched() error {
	if p.h.recovery.Dirty {
		return nil
	}
	now := make([]byte, pageSize)
	for _, page := range p.h.editedPages() {
		if page >= p.h.bins.opened {
			continue
		}
		if _, err := readFull(p.h.src.Primary, now, fileOffset(page)); err != nil {
			return err
		}
		if !bytes.Equal(now, p.h.recoveredPage(page)) {
			return ErrStale
		}
	}
	return nil
}

// runList is a list of page offsets in which neighbours become one run. Log entries depend on it:
// Windows takes no entry in which one run begins where another ends.
type runList []extent

func (l *runList) add(page uint32) {
	if n := len(*l); n > 0 && (*l)[n-1].end == page {
		(*l)[n-1].end = page + pageSize
		return
	}
	*l = append(*l, extent{page, page + pageSize})
}

// of gives the runs with what their pages hold.
func (l runList) of(contents func(page uint32) []byte) []dirtyPage {
	list := make([]dirtyPage, len(l))
	for i, e := range l {
		list[i] = dirtyPage{e.off, make([]byte, 0, e.end-e.off)}
		for page := e.off; page < e.end; page += pageSize {
			list[i].data = append(list[i].data, contents(page)...)
		}
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
