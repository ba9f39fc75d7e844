package container

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// Tables are read in pages, of which so many are kept.
const (
	pageSize  = 4096
	pageLimit = 4096 // 16 MiB
)

// deferLimit is how many changes of pointers may wait. More are never
// needed: whoever defers flushes when it is reached.
const deferLimit = 1024

// Tables reads and writes the tables of an image, whatever their size,
// through a cache of bounded size.
//
// A change of a table is either made at once ([Tables.Put]) or waits until
// what it points to is durable ([Tables.Defer], [Tables.Flush]). Readers see
// it in both cases.
type Tables struct {
	storage Storage

	mu    sync.Mutex
	pages map[int64][]byte
	later []Change
}

// Change is bytes of a table that are to be written.
type Change struct {
	Off  int64
	Data []byte
}

// NewTables reads the tables of s.
func NewTables(s Storage) *Tables {
	return &Tables{storage: s, pages: map[int64][]byte{}}
}

// ReadAt fills p with the bytes at off, which must all exist.
func (t *Tables) ReadAt(p []byte, off int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(p) > 0 {
		base := RoundDown(off, pageSize)
		page, err := t.page(base)
		if err != nil {
			return err
		}
		if off-base >= int64(len(page)) {
			return &TruncatedError{Off: off, Len: int64(len(p)), Have: base + int64(len(page))}
		}
		n := copy(p, page[off-base:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// page gives the page at base, shorter where the storage ends.
func (t *Tables) page(base int64) ([]byte, error) {
	if page, ok := t.pages[base]; ok && len(page) == pageSize {
		return page, nil
	}
	page := make([]byte, pageSize)
	n, err := t.storage.ReadAt(page, base)
	if n < pageSize && !isEOF(err) {
		return nil, fmt.Errorf("table at 0x%x: %w", base, err)
	}
	page = page[:n]
	for _, c := range t.later {
		lay(page, base, c)
	}
	if len(t.pages) >= pageLimit {
		clear(t.pages)
	}
	t.pages[base] = page
	return page, nil
}

// lay puts the part of a change that falls into a page there.
func lay(page []byte, base int64, c Change) {
	start, end := max(base, c.Off), min(base+int64(len(page)), c.Off+int64(len(c.Data)))
	if start < end {
		copy(page[start-base:end-base], c.Data[start-c.Off:end-c.Off])
	}
}

// show makes the cached pages what a change makes them.
func (t *Tables) show(c Change) {
	for base := RoundDown(c.Off, pageSize); base < c.Off+int64(len(c.Data)); base += pageSize {
		if page, ok := t.pages[base]; ok {
			lay(page, base, c)
		}
	}
}

// Put writes p at off now. It must not touch a change that waits.
func (t *Tables) Put(p []byte, off int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := t.storage.WriteAt(p, off); err != nil {
		clear(t.pages)
		return fmt.Errorf("table at 0x%x: %w", off, err)
	}
	t.show(Change{off, p})
	return nil
}

// Defer has p written at off by the next Flush.
func (t *Tables) Defer(p []byte, off int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := Change{off, slices.Clone(p)}
	t.later = append(t.later, c)
	t.show(c)
}

// Full says that so many changes wait that they should be flushed.
func (t *Tables) Full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.later) >= deferLimit
}

// Waiting gives the changes that wait, joined where they touch.
func (t *Tables) Waiting() []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	return join(t.later)
}

// Done forgets the changes that waited: they are written.
func (t *Tables) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.later = nil
}

// Flush makes what was written durable, then writes the changes that wait,
// and makes these durable too. A cut in between leaves some of them, in any
// selection: each must be right without the others.
func (t *Tables) Flush() error {
	if err := t.storage.Sync(); err != nil {
		return err
	}
	changes := t.Waiting()
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		if _, err := t.storage.WriteAt(c.Data, c.Off); err != nil {
			return fmt.Errorf("table at 0x%x: %w", c.Off, err)
		}
	}
	if err := t.storage.Sync(); err != nil {
		return err
	}
	t.Done()
	return nil
}

// join makes changes that touch or overlap one, in the order of their places.
// Of two for the same bytes the later one counts, wherever each begins.
func join(changes []Change) []Change {
	var joined []Change
	for _, c := range slices.SortedFunc(slices.Values(changes), func(a, b Change) int { return cmp.Compare(a.Off, b.Off) }) {
		last := len(joined) - 1
		if last < 0 || c.Off > joined[last].end() {
			joined = append(joined, Change{c.Off, slices.Clone(c.Data)})
			continue
		}
		if more := c.end() - joined[last].end(); more > 0 {
			joined[last].Data = append(joined[last].Data, c.Data[int64(len(c.Data))-more:]...)
		}
	}
	for _, c := range changes {
		i := sort.Search(len(joined), func(i int) bool { return joined[i].end() >= c.end() })
		copy(joined[i].Data[c.Off-joined[i].Off:], c.Data)
	}
	return joined
}

func (c Change) end() int64 { return c.Off + int64(len(c.Data)) }
