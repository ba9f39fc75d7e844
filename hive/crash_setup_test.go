package hive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// crashEdit is one kind of edit. Those that need it work on a hive with crowded keys, or on one whose
// file ends with its last bin.
type crashEdit struct {
	name        string
	crowded     bool
	withoutTail bool
	change      func(h *Hive) error
}

func setting(path string, v Value) func(h *Hive) error {
	return func(h *Hive) error { return h.SetValue(path, v) }
}

func creating(path string) func(h *Hive) error {
	return func(h *Hive) error { _, err := h.CreateKey(path); return err }
}

// crashEdits are all kinds of edits.
func crashEdits() []crashEdit {
	return []crashEdit{
		{name: "inline value", change: setting("Edits", Value{"inline", DWORD, EncodeDWORD(2)})},
		{name: "plain value", change: setting("Edits", Value{"new", Binary, pattern(900)})},
		{name: "big value", change: setting("Edits", Value{"new", Binary, pattern(40_000)})},
		{name: "value shrinks", change: setting("Edits", Value{"big", DWORD, EncodeDWORD(3)})},
		{name: "value grows", change: setting("Edits", Value{"plain", Binary, pattern(17_000)})},
		{name: "value deleted", change: func(h *Hive) error { return h.DeleteValue("Edits", "plain") }},
		{name: "big value deleted", change: func(h *Hive) error { return h.DeleteValue("Edits", "big") }},
		{name: "key created", change: creating(`Tree\new`)},
		{name: "keys created", change: creating(`Tree\a\b\c\d\e\f\g\h`)},
		{name: "key deleted", change: func(h *Hive) error { return h.DeleteKey(`Tree\Branch2\Leaf3`) }},
		{name: "subtree deleted", change: func(h *Hive) error { return h.DeleteKey("Tree") }},
		{name: "class set", change: func(h *Hive) error { return h.SetClass("Edits", "another class") }},
		{name: "index root made", crowded: true, change: creating(`Crowd1000\member0500x`)},
		{name: "leaf of an index root split", crowded: true, change: creating(`Crowd1500\zzz`)},
		{name: "key below an index root deleted", crowded: true, change: func(h *Hive) error { return h.DeleteKey(`Crowd1500\member0700`) }},
		{name: "growth into the tail", change: setting("Edits", Value{"new", Binary, pattern(16_000)})},
		{name: "growth past the end of the file", withoutTail: true, change: setting("Edits", Value{"new", Binary, pattern(30_000)})},
	}
}

// crashHive is a clean primary with something for each edit, and behind its last bin stale bytes.
func crashHive(tb testing.TB, crowded, tail bool) []byte {
	tb.Helper()
	h := New(NewOptions{Minor: 5, Now: testTime})
	for _, v := range []Value{{"inline", DWORD, EncodeDWORD(1)}, {"plain", Binary, pattern(600)}, {"big", Binary, pattern(20_000)}} {
		setValue(tb, h, "Edits", v)
	}
	if err := h.SetClass("Edits", "class"); err != nil {
		tb.Fatal(err)
	}
	for i := range 24 {
		setValue(tb, h, fmt.Sprintf(`Tree\Branch%d\Leaf%d`, i/6, i%6), Value{"v", Binary, pattern(10 * i)})
	}
	for _, n := range []int{1000, 1500} {
		for i := range n * map[bool]int{true: 1}[crowded] {
			if _, err := h.CreateKey(fmt.Sprintf(`Crowd%d\member%04d`, n, i)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	p := mustBytes(tb, h)
	if tail {
		p = append(p, bytes.Repeat([]byte("stale..."), 128<<10/8)...)
	}
	return p
}

// logState is the state of a hive's log files, and of its primary, before an edit.
type logState struct {
	name string
	o    CommitOptions
	// make turns a clean primary into a hive's files.
	make func(tb testing.TB, p []byte) files
	// direct says that no log can protect the edits.
	direct bool
}

const roomyLog = 256 << 10

// sizedLogs are logs of zeros; below 0 means absent.
func sizedLogs(size1, size2 int) func(testing.TB, []byte) files {
	return func(_ testing.TB, p []byte) files {
		f := files{p}
		for id, size := range map[FileID]int{Log1: size1, Log2: size2} {
			if size >= 0 {
				f[id] = make([]byte, size)
			}
		}
		return f
	}
}

// roomy makes a log as long as the edits may need.
func roomy(log []byte) []byte { return append(log, make([]byte, max(0, roomyLog-len(log)))...) }

// unfinished are the pages that two changes leave behind, one after the other, and the size of the
// bins after each: what Windows was about to write when the power failed.
func unfinished(tb testing.TB, p []byte) (pages [2][]dirtyPage, sizes [2]uint32) {
	tb.Helper()
	h := mustOpen(tb, files{p})
	h.AllowGrowth(int64(len(p)) + 1<<20)
	before := bytes.Clone(h.mustBins(tb))
	for i, size := range []int{6000, 30_000} {
		setValue(tb, h, fmt.Sprintf("Unfinished%d", i), Value{"x", Binary, pattern(size)})
		after := bytes.Clone(h.bins.data)
		pages[i], sizes[i] = changedPages(before, after), uint32(len(after))
		before = after
	}
	return pages, sizes
}

// changedPages gives the runs of pages in which bins differ.
func changedPages(before, after []byte) (runs []dirtyPage) {
	for off := 0; off < len(after); off += pageSize {
		page := after[off : off+pageSize]
		if off < len(before) && bytes.Equal(page, before[off:off+pageSize]) {
			continue
		}
		if n := len(runs); n > 0 && int(runs[n-1].off)+len(runs[n-1].data) == off {
			runs[n-1].data = append(runs[n-1].data, page...)
			continue
		}
		runs = append(runs, dirtyPage{uint32(off), slices.Clone(page)})
	}
	return runs
}

// dirtyHvLE is a primary of sequences seq1 and seq2 whose changes are in LOG1 and, where split, LOG2.
// Some of the pages may have reached the primary.
func dirtyHvLE(seq1, seq2, base uint32, split bool, written int) func(testing.TB, []byte) files {
	return func(tb testing.TB, p []byte) files {
		tb.Helper()
		pages, sizes := unfinished(tb, p)
		first, second := hvleBase(p, base), hvleBase(p, base+1)
		first = appendEntry(first, base, 0, sizes[0], pages[0]...)
		if !split {
			first = appendEntry(first, base+1, 0, sizes[1], pages[1]...)
		}
		second = appendEntry(second, base+1, 0, sizes[1], pages[1]...)
		f := files{p, roomy(first), roomy(nil)}
		if split {
			f[Log2] = roomy(second)
		}
		f[Primary] = withPages(p, slices.Concat(pages[0], pages[1])[:written])
		b := baseBlock(f[Primary])
		b.setSequences(seq1, seq2)
		b.seal()
		return f
	}
}

// withPages is a primary that some pages of a log have reached.
func withPages(p []byte, pages []dirtyPage) []byte {
	d := disk{slices.Clone(p)}
	for _, page := range pages {
		d.apply(Write{Off: fileOffset(page.off), Data: page.data}, len(page.data))
	}
	return d[Primary]
}

// dirtyDIRT is a primary whose changes are in a DIRT log, in the file of that log; the other, if it
// is there, holds an older one.
func dirtyDIRT(id FileID, other bool) func(testing.TB, []byte) files {
	return func(tb testing.TB, p []byte) files {
		tb.Helper()
		pages, sizes := unfinished(tb, p)
		f := files{slices.Clone(p)}
		f[id] = roomy(dirtLog(p, 5, 0, sizes[0], pages[0]))
		if other {
			f[Log1+Log2-id] = roomy(dirtLog(p, 3, -5*time.Second, sizes[0], pages[0]))
		}
		b := baseBlock(f[Primary])
		b.setSequences(5, 4)
		b.setBinsSize(sizes[0])
		b.seal()
		f[Primary] = withPages(f[Primary], newPages(pages[0], p))
		return f
	}
}

// newPages are those behind the end of a primary's bins: a primary is never shorter than it says.
func newPages(pages []dirtyPage, p []byte) []dirtyPage {
	return slices.DeleteFunc(slices.Clone(pages), func(d dirtyPage) bool { return d.off < baseBlock(p).binsSize() })
}

func dirtLog(p []byte, sequence uint32, age time.Duration, size uint32, pages []dirtyPage) []byte {
	b := append(baseBlock(nil), p[:sectorSize]...)
	b.setFileType(typeLogDIRT)
	b.setSequences(sequence, sequence)
	b.setFileTime(b.fileTime() + uint64(age/100))
	b.setBinsSize(size)
	b.seal()
	return newDIRTLog(b, sectorsOf(pages))
}

// then changes what a maker of files made.
func then(first func(testing.TB, []byte) files, change func(f *files)) func(testing.TB, []byte) files {
	return func(tb testing.TB, p []byte) files {
		tb.Helper()
		f := first(tb, p)
		change(&f)
		return f
	}
}

// full cuts the last log that applies right behind its last entry.
func full(id FileID) func(f *files) {
	return func(f *files) { f[id] = f[id][:readLog(id, newMemFile(f[id])).end] }
}

// stale fills both logs with entries that were live once: their pages are of a hive of long ago.
func stale(base uint32) func(testing.TB, []byte) files {
	return func(_ testing.TB, p []byte) files {
		old := dirtyPage{0, bytes.Repeat([]byte{0xAA}, pageSize)}
		f := files{p}
		for id := Log1; id <= Log2; id++ {
			log := hvleBase(p, base)
			for range 20 {
				log = appendEntry(log, base, 0, baseBlock(p).binsSize(), old)
				base++
			}
			f[id] = roomy(log)
		}
		return f
	}
}

// staleDIRT are logs that an earlier flush left behind: the primary they belong to is clean by now.
func staleDIRT(size int) func(testing.TB, []byte) files {
	return func(_ testing.TB, p []byte) files {
		old := []dirtyPage{{0, bytes.Repeat([]byte{0xAA}, sectorSize)}}
		log := dirtLog(p, baseBlock(p).seq1(), 0, baseBlock(p).binsSize(), old)
		return files{p, append(log, make([]byte, size)...), append(slices.Clone(log), make([]byte, size)...)}
	}
}

// crashStates are the states of log files, by the generation that writes them.
func crashStates() map[Generation][]logState {
	grow := CommitOptions{MaxLogSize: roomyLog}
	both := []logState{
		{name: "both logs", make: sizedLogs(roomyLog, roomyLog)},
		{name: "LOG1 only", make: sizedLogs(roomyLog, -1)},
		{name: "LOG2 only", make: sizedLogs(-1, roomyLog)},
		{name: "LOG1 too small", make: sizedLogs(1024, roomyLog)},
		{name: "empty logs that may grow", o: grow, make: sizedLogs(0, 0)},
		{name: "no logs", make: sizedLogs(-1, -1), direct: true},
		{name: "empty logs", make: sizedLogs(0, 0), direct: true},
		{name: "logs too small", make: sizedLogs(1024, 2048), direct: true},
		{name: "stale HvLE logs", make: stale(500)},
		{name: "stale HvLE logs about to wrap", make: stale(0xFFFFFFFF - 39)},
		{name: "stale DIRT logs of the same time", make: staleDIRT(roomyLog)},
		{name: "stale DIRT logs of the same time, too small", make: staleDIRT(0), direct: true},
	}
	single := []logState{
		{name: "log", make: sizedLogs(roomyLog, -1)},
		{name: "empty log that may grow", o: grow, make: sizedLogs(0, -1)},
		{name: "empty log", make: sizedLogs(0, -1), direct: true},
		{name: "dirty", make: dirtyDIRT(Log1, false)},
	}
	hvle := []logState{
		{name: "dirty", make: dirtyHvLE(6, 5, 5, false, 0)},
		{name: "dirty, some pages written", make: dirtyHvLE(7, 5, 5, false, 2)},
		{name: "dirty, both logs", make: dirtyHvLE(7, 5, 5, true, 0)},
		{name: "dirty, both logs, LOG2 first", make: then(dirtyHvLE(7, 5, 5, true, 1), func(f *files) { f[Log1], f[Log2] = f[Log2], f[Log1] })},
		{name: "dirty, no room", make: then(dirtyHvLE(6, 5, 5, false, 0), full(Log1))},
		{name: "dirty, both logs, no room", make: then(dirtyHvLE(6, 5, 5, true, 0), full(Log2))},
		{name: "dirty, no room, but it may grow", o: grow, make: then(dirtyHvLE(6, 5, 5, false, 0), full(Log1))},
		{name: "dirty, no room in the only log", make: then(dirtyHvLE(6, 5, 5, false, 1), func(f *files) { full(Log1)(f); f[Log2] = nil })},
		{name: "partially reconciled", make: dirtyHvLE(1622, 1621, 2107, true, 2)},
		{name: "about to wrap", make: dirtyHvLE(0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFE, true, 1)},
		{name: "damaged base block", make: then(dirtyHvLE(6, 5, 5, true, 0), func(f *files) { damageChecksum(f[Primary]) })},
	}
	dirt := []logState{
		{name: "dirty, LOG1", make: dirtyDIRT(Log1, true)},
		{name: "dirty, LOG2", make: dirtyDIRT(Log2, true)},
		{name: "dirty, LOG1 alone", make: dirtyDIRT(Log1, false)},
		{name: "damaged base block", make: then(dirtyDIRT(Log1, true), func(f *files) { damageChecksum(f[Primary]) })},
	}
	auto := []logState{
		{name: "HvLE logs", make: stale(500)},
		{name: "DIRT logs", make: staleDIRT(roomyLog)},
		{name: "logs of zeros", make: sizedLogs(roomyLog, roomyLog), direct: true},
		{name: "dirty", make: dirtyHvLE(6, 5, 5, true, 1)},
		{name: "dirty, DIRT", make: dirtyDIRT(Log2, true)},
	}
	return map[Generation][]logState{
		GenerationHvLE: slices.Concat(both, hvle),
		GenerationDIRT: slices.Concat(both, dirt),
		GenerationXP:   single,
		Auto:           auto,
	}
}

var generationNames = map[Generation]string{Auto: "auto", GenerationHvLE: "HvLE", GenerationDIRT: "DIRT", GenerationXP: "XP"}

// powerCut is one state in which a power cut may leave a hive's files.
type powerCut struct {
	f       files
	step    string
	inOrder bool // writes reached the disk one after the other
}

// powerCuts visits the states that a power cut during a commit may leave: every 512-byte sector in
// order, and between two flushes any of the sectors, however they are torn out of pages or
// reordered. The quick suite looks at some of them.
func powerCuts(f files, c *Commit, visit func(powerCut)) {
	stride, subsets := 1, 8
	if !requireOracles() {
		stride, subsets = 29, 2
	}
	d := disk(f)
	state := d.clone()
	visit(powerCut{state.files(), "before", true})
	random := rand.New(rand.NewPCG(uint64(len(c.Writes)), 3))
	for start := 0; start < len(c.Writes); {
		end := start
		for end < len(c.Writes)-1 && !c.Writes[end].Sync {
			end++
		}
		end++
		flushed := state.clone()
		inOrder(state, c.Writes[start:end], stride, visit)
		if sectors := sectorWrites(c.Writes[start:end]); len(sectors) > 1 {
			for range subsets {
				visit(powerCut{torn(flushed, sectors, random).files(), fmt.Sprintf("torn in steps %d to %d", start, end-1), false})
			}
		}
		start = end
	}
}

func inOrder(state *disk, writes []Write, stride int, visit func(powerCut)) {
	for i, w := range writes {
		for n := sectorSize; n < len(w.Data)+sectorSize; n += sectorSize {
			state.apply(w, min(n, len(w.Data)))
			if n/sectorSize%stride == 1%stride || i == len(writes)-1 && n >= len(w.Data) {
				visit(powerCut{state.files(), fmt.Sprintf("%s cut at %d", w.Why, n), true})
			}
		}
	}
}

// sectorWrites cuts writes into sectors.
func sectorWrites(writes []Write) (list []Write) {
	for _, w := range writes {
		for n := 0; n < len(w.Data); n += sectorSize {
			list = append(list, Write{File: w.File, Off: w.Off + int64(n), Data: w.Data[n:min(n+sectorSize, len(w.Data))]})
		}
	}
	return list
}

// torn applies a random part of the sectors: many, few, or all but one run.
func torn(flushed *disk, sectors []Write, random *rand.Rand) *disk {
	d := flushed.clone()
	share, gap, length := random.IntN(100), random.IntN(len(sectors)), 1+random.IntN(8)
	if random.IntN(2) == 0 {
		share = 100
	}
	for i, s := range sectors {
		if random.IntN(100) < share && (i < gap || i >= gap+length) {
			d.apply(s, len(s.Data))
		}
	}
	return d
}
