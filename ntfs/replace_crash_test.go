package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/verify"
)

// A writing is one kind of change, on a volume made for it.
type writing struct {
	name    string
	options func(o *format.Options)
	entry   format.Entry // the hive
	size    int64        // of the new contents
	pieces  int          // if not 0, single clusters are free, and the new contents need so many
	replace ntfs.ReplaceOptions
	// plan makes the change if it is no replacement; it may change the volume first.
	plan func(t *testing.T, m *memory, o ntfs.ReplaceOptions) (*ntfs.Change, error)
}

const kept = "kept"

var writings = []writing{
	{name: "grow", size: 300_000},
	{name: "shrink", size: 5000, entry: format.Entry{Data: patterned(120_000)}},
	{name: "same clusters", size: 40_000},
	{name: "from pieces", size: 60_000, entry: format.Entry{Data: patterned(40_000), Fragments: -1}},
	{name: "keep", size: 60_000, replace: ntfs.ReplaceOptions{KeepAs: kept}},
	{name: "reset journal", size: 60_000, replace: ntfs.ReplaceOptions{ResetJournal: true},
		options: func(o *format.Options) { o.Log = format.LogDirty }},
	{name: "keep and reset journal", size: 60_000, replace: ntfs.ReplaceOptions{KeepAs: kept, ResetJournal: true},
		options: func(o *format.Options) { o.Log = format.LogV2 }},
	{name: "into pieces", pieces: 150},
	{name: "into pieces, keep", pieces: 100, replace: ntfs.ReplaceOptions{KeepAs: kept}},
	{name: "take back", size: 60_000, plan: planTakeBack},
	{name: "put back", size: 60_000, plan: planPutBack},
}

// planTakeBack replaces the contents, keeping them, and plans the way back.
func planTakeBack(t *testing.T, m *memory, o ntfs.ReplaceOptions) (*ntfs.Change, error) {
	t.Helper()
	replaceNow(t, m, 60_000, ntfs.ReplaceOptions{KeepAs: kept})
	return open(t, m).PlanTakeBack(hivePath, kept, o)
}

// planPutBack replaces the contents and plans the way back by the old bytes.
func planPutBack(t *testing.T, m *memory, _ ntfs.ReplaceOptions) (*ntfs.Change, error) {
	t.Helper()
	c := replaceNow(t, m, 60_000, ntfs.ReplaceOptions{Time: changeTime})
	return open(t, m).PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{})
}

// other is contents that differ from patterned everywhere.
func other(n int64) []byte {
	b := patterned(n)
	for i := range b {
		b[i] ^= 0xa5
	}
	return b
}

// replaceNow replaces the hive of a device.
func replaceNow(t *testing.T, dev ntfs.Device, size int64, o ntfs.ReplaceOptions) *ntfs.Change {
	t.Helper()
	c, err := open(t, dev).PlanReplace(hivePath, other(size), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// prepare makes the volume of a writing and plans its change.
func (w writing) prepare(t *testing.T, g volumeGeometry) (*memory, *ntfs.Change) {
	t.Helper()
	o := g.options
	if w.options != nil {
		w.options(&o)
	}
	entry := w.entry
	if entry.Fragments < 0 {
		entry.Fragments = min(6, (len(entry.Data)+g.cluster()-1)/g.cluster())
	}
	m := hiveVolume(t, g.size, o, entry)
	if w.pieces > 0 {
		w.size = int64(w.pieces * g.cluster())
		scatter(t, m, w.pieces+10)
	}
	replace := w.replace
	replace.Time = changeTime
	var c *ntfs.Change
	var err error
	if w.plan != nil {
		c, err = w.plan(t, m, replace)
	} else {
		c, err = open(t, m).PlanReplace(hivePath, other(w.size), replace)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

// scatter marks clusters used until n single ones are free.
func scatter(t *testing.T, m *memory, n int) {
	t.Helper()
	v := open(t, m)
	e := mustExtents(t, v, "$Bitmap")[0]
	b := m.peek(e.DeviceOffset, (v.Info().Clusters+7)/8)
	left := n
	for i := range v.Info().Clusters {
		bit := byte(1) << (i % 8)
		switch {
		case b[i/8]&bit != 0:
		case i%2 == 0 && left > 0:
			left--
		default:
			b[i/8] |= bit
		}
	}
	if left > 0 {
		t.Fatalf("the volume has %d clusters too few", left)
	}
	m.patch(e.DeviceOffset, b...)
}

// possible says whether a volume is large enough for a writing.
func (w writing) possible(g volumeGeometry) bool { return w.pieces == 0 || g.cluster() <= 4096 }

// tornSector is what a device writes whole: that is 512 bytes on volumes with
// longer sectors too, as an image may lie on such a disk.
const tornSector = 512

// record puts a change on a device that records its writes and leaves the
// volume as it is.
func record(m *memory, c *ntfs.Change) (*crashsim.Recorder, *ntfs.Change) {
	r := crashsim.NewRecorder(m, tornSector)
	return r, c.On(r)
}

func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// cuts are few in the quick run and many in the full one.
func cuts() crashsim.Bounds {
	if requireOracles() {
		return crashsim.Bounds{Exhaustive: 10, Prefixes: 24, Random: 48, Seed: 1}
	}
	return crashsim.Bounds{Exhaustive: 6, Prefixes: 2, Random: 2, Seed: 1}
}

// TestCrashReplace plays every cut of every kind of replacement: the file has
// its old contents or its new ones, and our checker finds nothing worse than
// leaks and sizes out of date.
func TestCrashReplace(t *testing.T) {
	t.Parallel()
	for i, g := range geometries {
		for k, w := range writings {
			if !w.possible(g) || !requireOracles() && i != 0 && (i+k)%3 != 0 { // the quick run: each on two geometries or three
				continue
			}
			t.Run(g.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				r, c := record(w.prepare(t, g))
				before := contents(t, r, hivePath)
				if err := c.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				after := contents(t, r, hivePath)
				if bytes.Equal(before, after) {
					t.Fatal("the change changes nothing")
				}
				j := judge{t: t, before: before, after: after, reset: w.replace.ResetJournal, kept: w.replace.KeepAs, full: w.pieces > 0}
				for s := range r.States(cuts()) {
					j.judge(s)
				}
				j.done()
			})
		}
	}
}

// judge holds what it saw of a writing's states.
type judge struct {
	t                                         *testing.T
	before, after                             []byte
	reset                                     bool
	kept                                      string
	full                                      bool // there is no room for more contents
	switched                                  int  // the stretch that made the change
	states, old, new, leaks, stale, halfMarks int
}

func (j *judge) judge(s *crashsim.State) {
	j.t.Helper()
	j.states++
	where := fmt.Sprintf("flush %d, %s", s.Epoch, s.Words)
	switch got := contents(j.t, s, hivePath); {
	case bytes.Equal(got, j.before):
		j.old++
		if j.new > 0 && s.Epoch > j.switched {
			j.t.Errorf("%s: the old contents are back", where)
		}
	case bytes.Equal(got, j.after):
		if j.new++; j.new == 1 {
			j.switched = s.Epoch
		}
		j.keptIs(s, where)
	default:
		j.t.Errorf("%s: the file is neither old nor new (%d bytes)", where, len(got))
	}
	j.findings(check(j.t, s), where)
	if j.states%5 == 0 && !j.full {
		j.again(s, where)
	}
}

// keptIs proves that the alternate stream has the old contents.
func (j *judge) keptIs(s *crashsim.State, where string) {
	if j.kept == "" {
		return
	}
	f, err := open(j.t, s).OpenStream(hivePath, j.kept)
	if err != nil {
		j.t.Errorf("%s: %v", where, err)
		return
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, j.before) {
		j.t.Errorf("%s: the stream is not the old contents (%v)", where, err)
	}
}

func (j *judge) findings(r *verify.Report, where string) {
	j.t.Helper()
	allowed := []verify.Kind{verify.LeakedCluster, verify.StaleSizes}
	if j.reset {
		allowed = append(allowed, verify.LogFile, verify.VolumeFlags, verify.Mirror)
	}
	for _, f := range r.Findings {
		if !slices.Contains(allowed, f.Kind) {
			j.t.Errorf("%s: %v", where, f)
		}
	}
	j.leaks += min(1, int(r.Counts[verify.LeakedCluster]))
	j.stale += min(1, int(r.Counts[verify.StaleSizes]))
	j.halfMarks += min(1, int(r.Counts[verify.Mirror]))
}

// again replaces the file on the volume that a cut left.
func (j *judge) again(s *crashsim.State, where string) {
	j.t.Helper()
	want := other(70_000)
	c, err := open(j.t, s).PlanReplace(hivePath, want, ntfs.ReplaceOptions{ResetJournal: j.reset})
	if err == nil {
		err = c.Run(j.t.Context())
	}
	if err != nil {
		j.t.Errorf("%s: replaced once more: %v", where, err)
		return
	}
	if !bytes.Equal(contents(j.t, s, hivePath), want) {
		j.t.Errorf("%s: replaced once more: other contents than were written", where)
	}
	if n := check(j.t, s).Counts[verify.Mirror]; n > 0 {
		j.t.Errorf("%s: replaced once more: the mirror still differs", where)
	}
}

func (j *judge) done() {
	j.t.Helper()
	if j.old == 0 || j.new == 0 {
		j.t.Errorf("%d states with old and %d with new contents: the cuts miss a side", j.old, j.new)
	}
	if j.reset == (j.halfMarks == 0) {
		j.t.Errorf("%d states in which $Volume and its mirror differ", j.halfMarks)
	}
	j.t.Logf("%d states: %d old, %d new; %d leak clusters, %d show old sizes, %d with the dirty flag in $MFT alone",
		j.states, j.old, j.new, j.leaks, j.stale, j.halfMarks)
}

// prepares says whether a change writes metadata before its commit.
func prepares(c *ntfs.Change) bool {
	return slices.ContainsFunc(c.Steps(), func(s ntfs.Step) bool { return s.Kind == ntfs.StepJournal || s.Kind == ntfs.StepPrepare })
}

var errDevice = errors.New("injected device error")

// TestFaultReplace lets each read, write and flush of a change fail in turn:
// what the error says has been changed is what has been.
func TestFaultReplace(t *testing.T) {
	t.Parallel()
	for _, w := range writings {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			seen := map[ntfs.Outcome]int{}
			m, plan := w.prepare(t, geometries[1])
			before := contents(t, m, hivePath)
			stride := 3
			if requireOracles() {
				stride = 1
			}
			for n := 0; ; n += stride {
				r, failed := failAt(t, m, plan, n)
				if failed == nil {
					break
				}
				seen[failed.Outcome]++
				checkOutcome(t, r, failed.Outcome, before, n)
			}
			for _, o := range []ntfs.Outcome{ntfs.Untouched, ntfs.Before, ntfs.Either, ntfs.After} {
				if seen[o] == 0 && (o != ntfs.Before || prepares(plan)) {
					t.Errorf("no fault leaves: %s", o.Words())
				}
			}
			t.Logf("untouched %d, before %d, either %d, after %d", seen[ntfs.Untouched], seen[ntfs.Before], seen[ntfs.Either], seen[ntfs.After])
		})
	}
}

// failAt carries a plan out on a device that fails at one call. There is no failure if
// the plan makes fewer calls.
func failAt(t *testing.T, m *memory, plan *ntfs.Change, call int) (*crashsim.Recorder, *ntfs.RunError) {
	t.Helper()
	r, c := record(m, plan)
	r.Fail(func(now int) error {
		if now == call {
			return errDevice
		}
		return nil
	})
	err := c.Run(t.Context())
	r.Fail(nil)
	if err == nil {
		return r, nil
	}
	failed, ok := errors.AsType[*ntfs.RunError](err)
	if !ok || !errors.Is(err, errDevice) {
		t.Fatalf("call %d: %T: %v", call, err, err)
	}
	return r, failed
}

// checkOutcome compares what a fault left with what was said of it.
func checkOutcome(t *testing.T, r *crashsim.Recorder, o ntfs.Outcome, before []byte, n int) {
	t.Helper()
	old := bytes.Equal(contents(t, r, hivePath), before)
	switch o {
	case ntfs.Untouched, ntfs.Before:
		if !old {
			t.Errorf("call %d: %s, but the contents are others", n, o.Words())
		}
	case ntfs.After:
		if old {
			t.Errorf("call %d: %s, but the contents are the old ones", n, o.Words())
		}
	case ntfs.Either:
	}
	for _, f := range check(t, r).Findings {
		if f.Severity() > verify.Leak && !slices.Contains([]verify.Kind{verify.LogFile, verify.VolumeFlags, verify.Mirror}, f.Kind) {
			t.Errorf("call %d: %v", n, f)
		}
	}
}

// unsynced loses the flushes.
type unsynced struct{ *crashsim.Recorder }

func (unsynced) Sync() error { return nil }

// TestCrashReplaceNeedsFlushes: without the flushes there are states with
// neither the old nor the new contents, and the cuts find them.
func TestCrashReplaceNeedsFlushes(t *testing.T) {
	t.Parallel()
	m, c := writings[0].prepare(t, geometries[1])
	r, _ := record(m, c)
	before := contents(t, r, hivePath)
	if err := c.On(unsynced{r}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, bad := contents(t, r, hivePath), 0
	for s := range r.States(crashsim.Bounds{Exhaustive: 6, Prefixes: 10, Random: 10, Seed: 1}) {
		got, err := fs.ReadFile(open(t, s), hivePath)
		worst, _ := check(t, s).Worst()
		if err != nil || worst > verify.Leak || !bytes.Equal(got, before) && !bytes.Equal(got, after) {
			bad++
		}
	}
	t.Logf("%d states are neither old nor new, or damaged", bad)
	if bad == 0 {
		t.Error("no cut shows that flushes are missing")
	}
}
