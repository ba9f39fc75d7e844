package hive

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

// crash is one edit of a hive in one state of its files, planned but not written.
type crash struct {
	f        files
	edit     crashEdit
	state    logState
	o        CommitOptions
	commit   *Commit
	old, now *hiveContents
}

// hiveContents is everything a hive holds, whatever its sequences and times are: those belong to the
// log protocol.
type hiveContents struct{ base, bins []byte }

func contentsOf(tb testing.TB, h *Hive) *hiveContents {
	tb.Helper()
	b := baseBlock(bytes.Clone(h.base))
	b.setSequences(0, 0)
	b.setFileTime(0)
	b.setBinsSize(h.bins.size())
	clear(b[checksumOffset:][:4])
	return &hiveContents{b, h.mustBins(tb)}
}

const firstBinTime, firstBinTimeEnd = 20, 28

func (c *hiveContents) equal(d *hiveContents) bool {
	return bytes.Equal(c.base, d.base) && bytes.Equal(c.bins[:firstBinTime], d.bins[:firstBinTime]) &&
		bytes.Equal(c.bins[firstBinTimeEnd:], d.bins[firstBinTimeEnd:])
}

// planCrash makes an edit and plans its commit. Both contents pass the full check: a state that equals
// one of them, byte for byte, does too.
func planCrash(tb testing.TB, g Generation, s logState, e crashEdit, primary []byte) *crash {
	tb.Helper()
	c := &crash{f: s.make(tb, slices.Clone(primary)), edit: e, state: s, o: s.o}
	c.o.Generation, c.o.Now = g, testTime
	h := c.open(tb)
	noFindings(tb, h)
	c.old = contentsOf(tb, h)
	c.old.bins = slices.Clone(c.old.bins)
	if err := e.change(h); err != nil {
		tb.Fatal(err)
	}
	var err error
	if c.commit, err = h.Commit(c.o); err != nil {
		tb.Fatal(err)
	}
	if got := c.commit.Protocol == Direct; got != s.direct {
		tb.Fatalf("protocol %v: %q", c.commit.Protocol, c.commit.Notes)
	}
	noFindings(tb, h)
	if c.now = contentsOf(tb, h); c.now.equal(c.old) {
		tb.Fatal("the edit changed nothing")
	}
	return c
}

func (c *crash) open(tb testing.TB) *Hive {
	tb.Helper()
	h := mustOpen(tb, c.f)
	h.AllowGrowth(int64(len(c.f[Primary])) + 1<<20)
	return h
}

// crashTally counts states by what was found in them.
type crashTally struct{ old, now, undone atomic.Int64 }

func (t *crashTally) String() string {
	return fmt.Sprintf("%d states: %d old, %d new, %d refused and undone",
		t.old.Load()+t.now.Load()+t.undone.Load(), t.old.Load(), t.now.Load(), t.undone.Load())
}

// errThirdState is what no power cut may leave.
var errThirdState = errors.New("neither the old contents nor the new")

// judge opens what a power cut left. Only a commit that nothing protects may leave a hive that is
// refused, and then the bytes noted in the commit bring the old one back.
func (c *crash) judge(tb testing.TB, f files, tally *crashTally) (isNew bool, err error) {
	tb.Helper()
	h, err := Open(f.source())
	if err != nil {
		if !c.state.direct || !errors.Is(err, ErrDirtyNoLog) && !errors.Is(err, ErrLogsNotApplicable) {
			return false, err
		}
		tally.undone.Add(1)
		return false, c.undo(f)
	}
	switch got := contentsOf(tb, h); {
	case got.equal(c.old):
		tally.old.Add(1)
	case got.equal(c.now):
		tally.now.Add(1)
		isNew = true
	default:
		return false, fmt.Errorf("%w: the first byte unlike the new ones is at %#x", errThirdState, firstDifference(got.bins, c.now.bins))
	}
	return isNew, nil
}

// undo puts the old bytes back, last write first.
func (c *crash) undo(f files) error {
	d := disk(f)
	restored := d.clone()
	for _, w := range slices.Backward(c.commit.Writes) {
		restored.apply(Write{File: w.File, Off: w.Off, Data: w.Old}, len(w.Old))
	}
	for id := range f {
		if !bytes.HasPrefix(restored[id], c.f[id]) {
			return fmt.Errorf("%s: the old bytes do not bring the old file back", FileID(id))
		}
	}
	return nil
}

// eachCrash runs a test for every generation, state of log files and kind of edit; the quick suite
// for each third of these.
func eachCrash(t *testing.T, test func(t *testing.T, c *crash, tally *crashTally)) {
	t.Helper()
	primaries := map[[2]bool][]byte{}
	for _, crowded := range []bool{false, true} {
		for _, tail := range []bool{false, true} {
			primaries[[2]bool{crowded, tail}] = crashHive(t, crowded, tail)
		}
	}
	for g, states := range crashStates() {
		tally := &crashTally{}
		t.Run(generationNames[g], func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { t.Log(generationNames[g], tally) })
			for i, s := range states {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					for j, e := range crashEdits() {
						if quickSkips := 3; !requireOracles() && (i+j)%quickSkips != 0 {
							continue
						}
						t.Run(e.name, func(t *testing.T) {
							test(t, planCrash(t, g, s, e, primaries[[2]bool{e.crowded, !e.withoutTail}]), tally)
						})
					}
				})
			}
		})
	}
}

// A power cut during the commit of any kind of edit, for any Windows and whatever its logs are like,
// leaves the old contents or the new. Once the new ones are there they stay.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	eachCrash(t, func(t *testing.T, c *crash, tally *crashTally) {
		t.Helper()
		seenNew := false
		powerCuts(c.f, c.commit, func(p powerCut) {
			isNew, err := c.judge(t, p.f, tally)
			switch {
			case err != nil:
				t.Fatalf("%s: %v", p.step, err)
			case p.inOrder && seenNew && !isNew:
				t.Fatalf("%s: the new contents are gone again", p.step)
			case p.inOrder:
				seenNew = isNew
			}
		})
		if !seenNew {
			t.Error("the whole commit does not leave the new contents")
		}
	})
}

// failingTarget takes so many writes and flushes; then the next fails, a write with some of its
// sectors on the disk, and so does everything behind it.
type failingTarget struct {
	diskTarget
	short bool // the write that fails does not say so
}

func (t failingTarget) WriteAt(p []byte, off int64) (int, error) {
	if err := t.fault(); err == nil {
		t.d.apply(Write{File: t.id, Off: off, Data: p}, len(p))
		return len(p), nil
	}
	n := 0
	if *t.left == -1 {
		n = len(p) / 2 / sectorSize * sectorSize
		t.d.apply(Write{File: t.id, Off: off, Data: p}, n)
	}
	if t.short {
		return n, nil
	}
	return n, errFault
}

// When the disk fails at any write or flush, the error is told, what is on the disk is old or new,
// and once the disk works again the same edit succeeds.
func TestDeviceFaults(t *testing.T) {
	t.Parallel()
	eachCrash(t, func(t *testing.T, c *crash, tally *crashTally) {
		t.Helper()
		d := disk(c.f)
		for n, failed := 0, true; failed; n++ {
			if !requireOracles() && n%3 != 0 {
				continue
			}
			for _, short := range []bool{false, true} {
				left, state := n, d.clone()
				target := func(id FileID) Target { return failingTarget{diskTarget{state, id, &left}, short} }
				err := c.commit.Run(Targets{target(Primary), target(Log1), target(Log2)})
				if failed = left < 0; failed != (err != nil) {
					t.Fatalf("operation %d: error %v", n, err)
				}
				isNew, err := c.judge(t, state.files(), tally)
				if err != nil || !failed && !isNew {
					t.Fatalf("operation %d: %v, new %v", n, err, isNew)
				}
				c.retry(t, state, isNew)
			}
		}
	})
}

// retry makes the edit again after a fault, where it has not come through.
func (c *crash) retry(t *testing.T, state *disk, isNew bool) {
	t.Helper()
	h, err := Open(state.files().source())
	if err != nil { // judge has seen that this may be
		for _, w := range slices.Backward(c.commit.Writes) {
			state.apply(Write{File: w.File, Off: w.Off, Data: w.Old}, len(w.Old))
		}
		h = mustOpen(t, state.files())
	}
	h.AllowGrowth(int64(len(c.f[Primary])) + 1<<20)
	if !isNew {
		if err := c.edit.change(h); err != nil {
			t.Fatalf("again: %v", err)
		}
	}
	again, err := h.Commit(c.o)
	if err != nil {
		t.Fatalf("again: %v", err)
	}
	if err := again.Run(state.targets(nil)); err != nil {
		t.Fatalf("again: %v", err)
	}
	h = mustOpen(t, state.files())
	if h.Recovery().Dirty || !contentsOf(t, h).equal(c.now) {
		t.Fatalf("after another try: dirty %v, or not the new contents", h.Recovery().Dirty)
	}
}
