package hive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// disk is the files of a hive as a crash test sees them.
type disk files

func (d *disk) clone() *disk {
	c := &disk{}
	for i, p := range d {
		c[i] = slices.Clone(p)
	}
	return c
}

// apply writes the first n bytes of a step.
func (d *disk) apply(w Write, n int) {
	p := &d[w.File]
	if end := int(w.Off) + n; end > len(*p) {
		*p = append(*p, make([]byte, end-len(*p))...)
	}
	copy((*p)[w.Off:], w.Data[:n])
}

func (d *disk) files() files { return files(*d) }

// diskTarget makes one of the files a Target.
type diskTarget struct {
	d    *disk
	id   FileID
	left *int // operations until one fails; nil means never
}

var errFault = errors.New("injected fault")

func (t diskTarget) fault() error {
	if t.left == nil {
		return nil
	}
	if *t.left--; *t.left < 0 {
		return errFault
	}
	return nil
}

func (t diskTarget) WriteAt(p []byte, off int64) (int, error) {
	if err := t.fault(); err != nil {
		return 0, err
	}
	t.d.apply(Write{File: t.id, Off: off, Data: p}, len(p))
	return len(p), nil
}

func (t diskTarget) Sync() error { return t.fault() }

func (d *disk) targets(left *int) Targets {
	return Targets{diskTarget{d, Primary, left}, diskTarget{d, Log1, left}, diskTarget{d, Log2, left}}
}

// contents is what a hive holds, whatever its sequence numbers and times: the bins.
func contents(tb testing.TB, f files) []byte {
	tb.Helper()
	h := mustOpen(tb, f)
	p := mustBytes(tb, h)[baseBlockSize:]
	clear(p[20:28]) // the first bin's time belongs to the log protocol
	return p
}

// smallHive is a hive made here, with a control set, as the files of a Windows generation.
func smallHive(tb testing.TB, minor uint32) files {
	tb.Helper()
	h := New(NewOptions{Minor: minor, Now: testTime})
	for i := range 40 {
		path := fmt.Sprintf(`ControlSet001\Services\service%02d\Parameters`, i)
		if err := h.SetValue(path, Value{"Start", DWORD, EncodeDWORD(uint32(i))}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := h.SetValue(`ControlSet001\Control\CrashControl`, Value{"CrashDumpEnabled", DWORD, EncodeDWORD(7)}); err != nil {
		tb.Fatal(err)
	}
	if err := h.SetValue("Select", Value{"Default", DWORD, EncodeDWORD(1)}); err != nil {
		tb.Fatal(err)
	}
	p := append(mustBytes(tb, h), bytes.Repeat([]byte("stale"), 64<<10/5)...)
	return files{p[:len(p)&^(pageSize-1)], make([]byte, 128<<10), make([]byte, 128<<10)}
}

// arm is the kind of edit the program makes; record is the size of its largest value.
func arm(tb testing.TB, h *Hive, record int) []ValueCheck {
	tb.Helper()
	const crash = `ControlSet001\Control\CrashControl`
	var checks []ValueCheck
	for _, v := range []struct {
		path string
		Value
	}{
		{crash, Value{"CrashDumpEnabled", DWORD, EncodeDWORD(2)}},
		{crash, Value{"NMICrashDump", DWORD, EncodeDWORD(1)}},
		{crash, Value{"AlwaysKeepMemoryDump", DWORD, EncodeDWORD(1)}},
		{crash, Value{"DumpFile", ExpandSZ, EncodeSZ(`%SystemRoot%\MEMORY.DMP`)}},
		{`ControlSet001\Services\kbdhid\Parameters`, Value{"CrashOnCtrlScroll", DWORD, EncodeDWORD(1)}},
		{`hangkit\undo`, Value{"record", Binary, pattern(record)}},
	} {
		if err := h.SetValue(v.path, v.Value); err != nil {
			tb.Fatal(err)
		}
		checks = append(checks, ValueCheck{v.path, v.Name, &v.Value})
	}
	return checks
}

// dirtyAfter crashes a commit behind its dirty base block: a hive that needs its log.
func dirtyAfter(tb testing.TB, f files, g Generation) files {
	tb.Helper()
	h := mustOpen(tb, f)
	if err := h.SetValue(`ControlSet001\Services\unfinished`, Value{"x", Binary, pattern(6000)}); err != nil {
		tb.Fatal(err)
	}
	c, err := h.Commit(CommitOptions{Generation: g, Now: testTime.Add(time.Hour)})
	if err != nil {
		tb.Fatal(err)
	}
	d := disk(f)
	cut := d.clone()
	for _, w := range c.Writes[:3] { // log, base block, some pages
		cut.apply(w, len(w.Data))
	}
	return cut.files()
}

// plantStaleEntry puts a valid entry exactly where the one that the next commit appends will end, with
// the sequence number behind it: an old one that must not come to life.
func plantStaleEntry(tb testing.TB, f files) {
	tb.Helper()
	h := mustOpen(tb, f)
	arm(tb, h, 20000)
	c, err := h.Commit(CommitOptions{Generation: GenerationHvLE, Now: testTime})
	if err != nil {
		tb.Fatal(err)
	}
	w := c.Writes[0]
	end := w.Off + int64(len(w.Data))
	e := newLogEntry(logEntry(w.Data).sequence()+1, 0, h.bins.size(), []dirtyPage{{0, make([]byte, pageSize)}}, end)
	copy(f[Log1][end:], e)
}

type commitCase struct {
	name string
	f    func(tb testing.TB) files
	o    CommitOptions
	want Protocol
	// record is the size of the largest value set: one that needs a new bin where there is room,
	// one for a free cell where there is none.
	record int
}

func commitCases() []commitCase {
	small := func(minor uint32) func(testing.TB) files {
		return func(tb testing.TB) files { tb.Helper(); return smallHive(tb, minor) }
	}
	dirty := func(g Generation) func(testing.TB) files {
		return func(tb testing.TB) files { tb.Helper(); return dirtyAfter(tb, smallHive(tb, 5), g) }
	}
	without := func(f func(testing.TB) files, ids ...FileID) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			set := f(tb)
			for _, id := range ids {
				set[id] = nil
			}
			return set
		}
	}
	set := func(names ...string) func(testing.TB) files {
		return func(tb testing.TB) files { tb.Helper(); return sampleSet(tb, names[0], names[1:]...) }
	}
	withLogs := func(f func(testing.TB) files) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			set := f(tb)
			set[Log1], set[Log2] = make([]byte, 256<<10), make([]byte, 256<<10)
			return set
		}
	}
	full := func(f func(testing.TB) files) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			set := f(tb)
			set[Log1] = set[Log1][:readLog(Log1, set.source().Log1).end]
			return set
		}
	}
	damaged := func(f func(testing.TB) files) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			set := f(tb)
			set[Primary][checksumOffset]++
			return set
		}
	}
	stale := func(f func(testing.TB) files) func(testing.TB) files {
		return func(tb testing.TB) files {
			tb.Helper()
			set := f(tb)
			plantStaleEntry(tb, set)
			return set
		}
	}
	hvle := CommitOptions{Generation: GenerationHvLE, Now: testTime}
	dirt := CommitOptions{Generation: GenerationDIRT, Now: testTime}
	xp := CommitOptions{Generation: GenerationXP, Now: testTime}
	return []commitCase{
		{"new HvLE clean", small(5), hvle, ProtocolHvLE, 20000},
		{"new HvLE clean, large change", small(5), hvle, ProtocolHvLE, 45000},
		{"new HvLE dirty", dirty(GenerationHvLE), hvle, ProtocolHvLE, 20000},
		{"new HvLE 1.3 clean", small(3), hvle, ProtocolHvLE, 20000},
		{"new DIRT clean", small(5), dirt, ProtocolDIRT, 20000},
		{"new DIRT dirty", dirty(GenerationDIRT), dirt, ProtocolDIRT, 20000},
		{"new XP clean", without(small(5), Log2), xp, ProtocolDIRT, 20000},
		{"new XP dirty, its only log still needed", without(dirty(GenerationXP), Log2), xp, ProtocolDIRT, 20000},
		{"new auto, dirty", dirty(GenerationHvLE), CommitOptions{Now: testTime}, ProtocolHvLE, 20000},
		{"new HvLE dirty, no room behind the last entry", full(dirty(GenerationHvLE)), hvle, ProtocolHvLE, 20000},
		{"new HvLE dirty, base block damaged", damaged(dirty(GenerationHvLE)), hvle, ProtocolHvLE, 20000},
		{"new HvLE dirty, stale entry in the way", stale(dirty(GenerationHvLE)), hvle, ProtocolHvLE, 20000},
		{"new DIRT dirty, base block damaged", damaged(dirty(GenerationDIRT)), dirt, ProtocolDIRT, 20000},
		{"SYSTEM_B dirty", set("real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_B/SYSTEM_B.LOG1", "real/SYSTEM_B/SYSTEM_B.LOG2"), hvle, ProtocolHvLE, 1500},
		{"NewDirtyHive1", set("yarp/NewDirtyHive1/NewDirtyHive", "yarp/NewDirtyHive1/NewDirtyHive.LOG1", "yarp/NewDirtyHive1/NewDirtyHive.LOG2"), hvle, ProtocolHvLE, 1500},
		{"OldDirtyHive", set("yarp/OldDirtyHive/OldDirtyHive", "yarp/OldDirtyHive/OldDirtyHive.LOG1"), CommitOptions{GenerationDIRT, testTime, 1 << 20}, ProtocolDIRT, 1500},
		{"Windows 10 small clean", withLogs(set("real/SYSTEM_win10_10240_small")), hvle, ProtocolHvLE, 1500},
		{"Windows 7 clean", withLogs(set("real/SYSTEM_win7sp1_x86")), dirt, ProtocolDIRT, 1500},
		{"Windows 2003 clean", withLogs(set("real/SYSTEM_win2003dc_x86")), xp, ProtocolDIRT, 1500},
	}
}

// quickWork is how many bytes of hives and logs the quick suite reads in one test of crash cuts.
const quickWork = 1 << 28

// cutStates calls visit with the files as every 512-byte step of a commit leaves them. On large
// hives the quick suite looks at some of the steps only: the end of what precedes each flush, and
// evenly between them.
func cutStates(f files, c *Commit, visit func(f files, step string)) {
	total := 0
	for _, w := range c.Writes {
		total += len(w.Data)/sectorSize + 1
	}
	stride := 1
	if size := len(f[Primary]) + len(f[Log1]) + len(f[Log2]); !requireOracles() {
		stride = max(1, total/(quickWork/size))
	}
	d := disk(f)
	state := d.clone()
	visit(state.files(), "before")
	at := 0
	for i, w := range c.Writes {
		for n := sectorSize; n < len(w.Data)+sectorSize; n += sectorSize {
			state.apply(w, min(n, len(w.Data)))
			if at++; at%stride == 0 || w.Sync && n >= len(w.Data) {
				visit(state.files(), fmt.Sprintf("step %d (%s) cut at %d", i, w.Why, n))
			}
		}
	}
}

// A power cut after any sector of a commit leaves the old contents or the new.
func TestCrashCuts(t *testing.T) {
	t.Parallel()
	for _, c := range commitCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.f(t)
			old := contents(t, f)
			h := mustOpen(t, f)
			checks := arm(t, h, c.record)
			commit, err := h.Commit(c.o)
			if err != nil {
				t.Fatal(err)
			}
			if commit.Protocol != c.want {
				t.Fatalf("protocol %v, want %v: %q", commit.Protocol, c.want, commit.Notes)
			}
			d := disk(f)
			final := d.clone()
			if err := commit.Run(final.targets(nil)); err != nil {
				t.Fatal(err)
			}
			now := contents(t, final.files())
			if bytes.Equal(old, now) {
				t.Fatal("the commit changed nothing")
			}
			counts := checkCuts(t, f, commit, old, now)
			t.Logf("%d states in %d writes: %d old, %d new", counts[0]+counts[1], len(commit.Writes), counts[0], counts[1])
			checkFinal(t, final.files(), commit, checks)
		})
	}
}

func checkCuts(t *testing.T, f files, commit *Commit, old, now []byte) (counts [2]int) {
	t.Helper()
	seenNew := false
	cutStates(f, commit, func(f files, step string) {
		switch p := contents(t, f); {
		case bytes.Equal(p, old) && !seenNew:
			counts[0]++
		case bytes.Equal(p, now):
			counts[1]++
			seenNew = true
		default:
			t.Fatalf("%s: a third state, first difference from the new one at %#x", step, firstDifference(p, now))
		}
	})
	return counts
}

// checkFinal looks at the files after a whole commit.
func checkFinal(t *testing.T, f files, c *Commit, checks []ValueCheck) {
	t.Helper()
	h := mustOpen(t, f)
	if h.Recovery().Dirty {
		t.Error("still dirty")
	}
	if h.Sequence() != c.Sequence {
		t.Errorf("sequence %d, planned %d", h.Sequence(), c.Sequence)
	}
	if err := c.Verify(f.source()); err != nil {
		t.Error(err)
	}
	if err := CheckReadBack(f.source().Primary, checks); err != nil {
		t.Error(err)
	}
	for id, p := range map[FileID][]byte{Log1: f[Log1], Log2: f[Log2]} {
		if l := readLog(id, f.source().file(id)); p != nil && l.counts() && !before(l.firstSequence(), h.Sequence()) {
			t.Errorf("%s starts at %d: a later crash could replay it over sequence %d", id, l.firstSequence(), h.Sequence())
		}
	}
}

// Every failing write or flush surfaces, and what is on disk by then is old or new.
func TestCommitFaults(t *testing.T) {
	t.Parallel()
	for _, c := range commitCases()[:9] {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.f(t)
			h := mustOpen(t, f)
			old := contents(t, f)
			arm(t, h, c.record)
			commit, err := h.Commit(c.o)
			if err != nil {
				t.Fatal(err)
			}
			now := clearTime(h.bins.data)
			d := disk(f)
			n := 0
			for ; ; n++ {
				left, state := n, d.clone()
				if err = commit.Run(state.targets(&left)); err == nil {
					break
				}
				if !errors.Is(err, errFault) {
					t.Fatalf("operation %d: %v", n, err)
				}
				if p := contents(t, state.files()); !bytes.Equal(p, old) && !bytes.Equal(p, now) {
					t.Fatalf("operation %d left a third state", n)
				}
			}
			t.Logf("%d operations, each failed once", n)
		})
	}
}

func TestCommitNothing(t *testing.T) {
	t.Parallel()
	f := smallHive(t, 5)
	h := mustOpen(t, f)
	if err := h.SetValue("select", Value{"DEFAULT", DWORD, EncodeDWORD(1)}); err != nil {
		t.Fatal(err)
	}
	c, err := h.Commit(CommitOptions{Generation: GenerationHvLE, Now: testTime})
	if err != nil || len(c.Writes) != 0 || h.Changed() {
		t.Errorf("%d writes, changed %v, error %v", len(c.Writes), h.Changed(), err)
	}
}

// Without edits a commit finishes the recovery, as Windows does when it loads the hive.
func TestCommitFinishesRecovery(t *testing.T) {
	t.Parallel()
	for _, g := range []Generation{GenerationHvLE, GenerationDIRT} {
		f := dirtyAfter(t, smallHive(t, 5), g)
		want := contents(t, f)
		c, err := mustOpen(t, f).Commit(CommitOptions{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		cutStates(f, c, func(f files, step string) {
			if !bytes.Equal(contents(t, f), want) {
				t.Fatalf("%s: contents differ", step)
			}
		})
		d := disk(f)
		if err := c.Run(d.targets(nil)); err != nil {
			t.Fatal(err)
		}
		if h := mustOpen(t, d.files()); h.Recovery().Dirty {
			t.Error("still dirty")
		}
	}
}

func TestCommitDirect(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]files{
		"no logs":    {smallHive(t, 5)[Primary]},
		"small logs": {smallHive(t, 5)[Primary], make([]byte, 1024), make([]byte, 1024)},
	} {
		for _, g := range []Generation{Auto, GenerationHvLE, GenerationDIRT, GenerationXP} {
			h := mustOpen(t, f)
			checks := arm(t, h, 20000)
			c, err := h.Commit(CommitOptions{Generation: g, Now: testTime})
			if err != nil {
				t.Fatal(err)
			}
			if c.Protocol != Direct || len(c.Notes) == 0 {
				t.Errorf("%s: protocol %v, notes %q", name, c.Protocol, c.Notes)
			}
			d := disk(f)
			final := d.clone()
			if err := c.Run(final.targets(nil)); err != nil {
				t.Fatal(err)
			}
			checkFinal(t, final.files(), c, checks)
			for _, w := range slices.Backward(c.Writes) {
				final.apply(Write{File: w.File, Off: w.Off, Data: w.Old}, len(w.Old))
			}
			if !bytes.Equal(final[Primary], f[Primary]) {
				t.Errorf("%s: the old bytes do not bring the old file back", name)
			}
		}
	}
}

func TestCommitGrowsLog(t *testing.T) {
	t.Parallel()
	f := files{smallHive(t, 5)[Primary], make([]byte, 1024)}
	h := mustOpen(t, f)
	arm(t, h, 20000)
	c, err := h.Commit(CommitOptions{Generation: GenerationXP, Now: testTime, MaxLogSize: 1 << 20})
	if err != nil || c.Protocol != ProtocolDIRT {
		t.Fatalf("protocol %v, error %v", c.Protocol, err)
	}
	checkCuts(t, f, c, contents(t, f), clearTime(h.bins.data))
}

func TestCommitRefusals(t *testing.T) {
	t.Parallel()
	f := smallHive(t, 5)
	h := mustOpen(t, f)
	arm(t, h, 20000)
	f[Primary][8]++ // somebody wrote the hive meanwhile
	if _, err := h.Commit(CommitOptions{}); !errors.Is(err, ErrStale) {
		t.Errorf("changed base block: %v", err)
	}
	f[Primary][8]--
	f[Primary][baseBlockSize+100]++
	if _, err := h.Commit(CommitOptions{}); !errors.Is(err, ErrStale) {
		t.Errorf("changed page: %v", err)
	}
	if _, err := New(NewOptions{}).Commit(CommitOptions{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("new hive: %v", err)
	}
	if err := (&Commit{Writes: []Write{{Data: []byte{1}}}}).Run(Targets{}); !errors.Is(err, ErrNotExist) {
		t.Errorf("no target: %v", err)
	}
	short := &Commit{Writes: []Write{{Data: []byte{1, 2}}}}
	if err := short.Run(Targets{Primary: shortTarget{}}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("short write: %v", err)
	}
}

type shortTarget struct{}

func (shortTarget) WriteAt(p []byte, _ int64) (int, error) { return len(p) - 1, nil }
func (shortTarget) Sync() error                            { return nil }
