package report

import (
	"fmt"
	"strings"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
)

// Memory is the physical memory of the machine and which of its page frames a
// dump holds.
type Memory struct {
	End     uint64 // the first frame number behind all
	Known   bool   // which frames the machine had is known
	Machine uint64 // frames the machine had, where that is known
	Stored  uint64 // frames the dump holds
	Missing uint64 // frames the dump announces and does not hold
	Bad     uint64 // frames with bytes that could not be read
	Runs    uint64 // stretches of frames the dump announces

	PerCell uint64 // frames a cell stands for, a power of two
	Cells   []Cell // of the picture, in the order of the frames
	Lost    []Frames
	More    uint64 // further stretches of lost frames
	Problem string // why this is not all
}

// Cell counts the frames of a stretch of the memory.
type Cell struct{ Machine, Stored, Missing, Bad uint64 }

// Frames are page frames that follow one another.
type Frames struct{ First, Count uint64 }

const (
	memoryColumns = 48
	memoryRows    = 24
	maxLost       = 8 // stretches of lost frames that are listed
)

// machineRuns are the frames the machine had, in order, nil where they are not
// known. The header of a full dump has them; recent kernels leave that of other
// dumps empty, and what the kernel itself kept is in its memory.
func machineRuns(h *dumpfile.Header, m *dumpfile.Memory) []dumpfile.Run {
	if h.Memory.Plausible {
		return h.Memory.Runs
	}
	if m == nil {
		return nil
	}
	var runs []dumpfile.Run
	for _, r := range m.Physical.Value {
		runs = append(runs, dumpfile.Run(r))
	}
	return runs
}

// newMemory draws the memory of a machine and a dump of it, of which the first have
// bytes exist, save for the bad ranges. Runs and ranges are in order.
func newMemory(machine []dumpfile.Run, pages *dumpfile.PageSet, have int64, bad []collect.Range) *Memory {
	m := &Memory{End: pages.EndFrame(), PerCell: 1}
	if len(machine) > 0 {
		m.Known = true
		m.End = max(m.End, machine[len(machine)-1].End())
	}
	for m.PerCell*memoryColumns*memoryRows < m.End {
		m.PerCell *= 2
	}
	m.Cells = make([]Cell, (m.End+m.PerCell-1)/m.PerCell)
	for _, r := range machine {
		m.Machine += r.Count
		m.add(r.Base, r.Count, func(c *Cell) *uint64 { return &c.Machine })
	}
	m.read(pages, have, bad)
	return m
}

// read goes through the stored pages once.
func (m *Memory) read(pages *dumpfile.PageSet, have int64, bad []collect.Range) {
	stored := uint64(max(have-pages.First, 0)) / dumpfile.PageSize
	var before uint64
	for run, err := range pages.Runs() {
		if err != nil {
			m.Problem = fmt.Sprintf("the list of pages: %v", err)
			return
		}
		m.Runs++
		n := min(run.Count, stored-min(stored, before))
		m.Stored += n
		m.add(run.Base, n, func(c *Cell) *uint64 { return &c.Stored })
		m.lose(run.Base+n, run.Count-n, &m.Missing, func(c *Cell) *uint64 { return &c.Missing })
		bad = m.spoil(run.Base, before, n, pages.First, bad)
		before += run.Count
	}
}

// spoil takes the frames that lie in bad ranges of the dump, of the n that are
// stored from page number before on. It returns the ranges that reach further.
func (m *Memory) spoil(base, before, n uint64, first int64, bad []collect.Range) []collect.Range {
	for len(bad) > 0 {
		start, end := pageNumber(bad[0].Off-first), pageNumber(bad[0].Off+bad[0].Len-first+dumpfile.PageSize-1)
		from, to := max(start, before), min(end, before+n)
		if from < to {
			m.lose(base+from-before, to-from, &m.Bad, func(c *Cell) *uint64 { return &c.Bad })
		}
		if end > before+n {
			break
		}
		bad = bad[1:]
	}
	return bad
}

func pageNumber(off int64) uint64 { return uint64(max(off, 0)) / dumpfile.PageSize }

// lose counts frames that are not to be had.
func (m *Memory) lose(base, n uint64, sum *uint64, of func(*Cell) *uint64) {
	if n == 0 {
		return
	}
	*sum += n
	m.add(base, n, of)
	switch last := len(m.Lost) - 1; {
	case last >= 0 && m.Lost[last].First+m.Lost[last].Count == base:
		m.Lost[last].Count += n
	case len(m.Lost) < maxLost:
		m.Lost = append(m.Lost, Frames{base, n})
	default:
		m.More++
	}
}

// add counts frames in the cells they lie in.
func (m *Memory) add(base, n uint64, of func(*Cell) *uint64) {
	for n > 0 && base/m.PerCell < uint64(len(m.Cells)) {
		part := min(n, m.PerCell-base%m.PerCell)
		*of(&m.Cells[base/m.PerCell]) += part
		base, n = base+part, n-part
	}
}

// class is how a cell is drawn. A single lost page shows.
func (m *Memory) class(c *Cell) string {
	switch {
	case c.Missing+c.Bad > 0 && c.Stored-min(c.Stored, c.Bad) == 0:
		return "lost"
	case c.Missing+c.Bad > 0:
		return "lost some"
	case c.Stored == 0 && m.Known && c.Machine == 0:
		return ""
	case c.Stored == 0:
		return "hole"
	}
	const levels = 4
	return [...]string{"m1", "m2", "m3", "m4"}[(c.Stored*levels-1)/max(m.PerCell, c.Stored)]
}

// Where the picture of the memory begins, and how large a cell is.
const (
	memoryLeft = 88
	memoryTop  = 4
	cellSize   = 12
)

// picture draws the memory row by row, from address 0 at the top left.
func (m *Memory) picture(id string) *picture {
	rows := (len(m.Cells) + memoryColumns - 1) / memoryColumns
	p := &picture{
		ID: id, W: memoryLeft + memoryColumns*cellSize + 4, H: memoryTop + rows*cellSize + 4,
		Title: "Physical memory",
		Desc:  fmt.Sprintf("From address 0 at the top left, row by row; each square is %s. %s", size(int64(m.PerCell*dumpfile.PageSize)), m.words()),
	}
	p.fillGrid(memoryLeft, memoryTop, cellSize, cellSize, memoryColumns, len(m.Cells), func(i int) string { return m.class(&m.Cells[i]) })
	for row := 0; row < rows; row += 4 {
		at := uint64(row*memoryColumns) * m.PerCell * dumpfile.PageSize
		p.label(memoryLeft-8, memoryTop+row*cellSize+cellSize-1, "end", "%s", strings.TrimSuffix(size(int64(at)), " bytes"))
	}
	return p
}

// words counts the memory.
func (m *Memory) words() string {
	s := fmt.Sprintf("The dump holds %s (%s) in %s.", count(m.Stored, "page", "pages"), size(int64(m.Stored*dumpfile.PageSize)), count(m.Runs, "stretch", "stretches"))
	if m.Known {
		s += fmt.Sprintf(" The machine had %s: %s of that is in the dump.", size(int64(m.Machine*dumpfile.PageSize)), percent(m.Stored, m.Machine))
	}
	if m.Missing > 0 {
		s += fmt.Sprintf(" %s it announces are missing.", count(m.Missing, "page", "pages"))
	}
	if m.Bad > 0 {
		s += fmt.Sprintf(" %s could not be read from the disk and hold zeros.", count(m.Bad, "page", "pages"))
	}
	return s
}

// legend explains the classes of the picture.
func (m *Memory) legend() []key {
	keys := []key{
		{"m4", "in the dump"},
		{"m2", "in the dump in part, the stronger the colour the more"},
		{"hole", "not in the dump: memory a dump of this kind leaves out"},
	}
	if m.Known {
		keys = append(keys, key{"none", "no memory at these addresses"})
	} else {
		keys[2].Text = "not in the dump: left out by a dump of this kind, or no memory there"
	}
	if m.Missing+m.Bad > 0 {
		keys = append(keys, key{"lost", "missing: announced and not to be had"}, key{"lost some", "missing in part"})
	}
	return keys
}
