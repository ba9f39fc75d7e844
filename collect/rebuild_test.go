package collect_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// TestRebuild collects dumps of every form whose first page a later boot zeroed: the
// copy is the dump as it was as far as a debugger looks, and called rebuilt.
func TestRebuild(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]dumptest.Spec{
		"kernel":       {BugCheck: 0x133},
		"complete":     {Type: dumpfile.TypeBitmapFull, FullMark: true, Blobs: []int{40}},
		"ARM64":        {Machine: dumpfile.MachineARM64},
		"five levels":  {Levels: 5},
		"32-bit":       {Bits: 32, Type: dumpfile.TypeBitmapFull},
		"32-bit plain": {Bits: 32, Type: dumpfile.TypeBitmapFull, NoPAE: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Pages = 64
			whole := build(t, s)
			p := windows(files(map[string][]byte{"pagefile.sys": pad(wipe(whole), 5000)}))
			p.BootID = 8
			c := findOne(t, p)
			if err := collect.Rebuild(t.Context(), []*collect.Candidate{c}, nil); err != nil || c.Rebuilt == nil {
				t.Fatalf("%v: %s, %v", err, c.Why, c.Problems)
			}
			if c.State != collect.StateHeaderWiped || !c.Wanted() || c.Have != int64(len(whole)) || c.Stale == "" || len(c.Rebuilt.Origins) < 18 {
				t.Errorf("%s, wanted %t, %d of %d bytes, stale %q, %d origins", c.State, c.Wanted(), c.Have, len(whole), c.Stale, len(c.Rebuilt.Origins))
			}
			res, err := collect.Extract(t.Context(), c, collect.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(res.Name, ".rebuilt.dmp") || !res.Partial {
				t.Errorf("%q, partial %t", res.Name, res.Partial)
			}
			f, err := collect.OpenCopy(res.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got := make([]byte, f.Size())
			if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got[4096:], whole[4096:]) {
				t.Errorf("the pages behind the header are not what they were: %v", err)
			}
			if r := dumpfile.Verify(f, f.Size()); r.Verdict != dumpfile.Usable {
				t.Errorf("%s %v", r.Verdict, r.Reasons)
			}
		})
	}
}

// TestNotRebuilt: what has no header to be had is taken as it is, if there is nothing
// better.
func TestNotRebuilt(t *testing.T) {
	t.Parallel()
	lost := build(t, dumptest.Spec{Pages: 64, WipeFirst: true, Lost: []uint64{dumptest.FrameData}})
	other := build(t, dumptest.Spec{Pages: 64, BootID: 3})
	live := build(t, dumptest.Spec{Pages: 64, BugCheck: 0x161})
	for name, c := range map[string]struct {
		beside map[string][]byte
		taken  bool
	}{
		"alone":                {nil, true},
		"beside another crash": {map[string][]byte{"Windows/MEMORY.DMP": other}, false},
		"beside a live dump":   {map[string][]byte{"Windows/LiveKernelReports/a.dmp": live}, true},
		"beside a program's":   {map[string][]byte{"Windows/Temp/a.dmp": []byte("MDMP of a program")}, true},
	} {
		all := map[string][]byte{"pagefile.sys": lost}
		maps.Copy(all, c.beside)
		for _, f := range rebuilt(t, windows(files(all))) {
			if f.Path != "pagefile.sys" {
				continue
			}
			if f.Wanted() != c.taken || f.Rebuilt != nil || !strings.Contains(f.Why, "cannot be rebuilt") || len(f.Problems) == 0 {
				t.Errorf("%s: wanted %t, %s, %v", name, f.Wanted(), f.Why, f.Problems)
			}
			if got := extractAll(t, f); !bytes.Equal(got, lost) {
				t.Errorf("%s: %d bytes that are not those of the disk", name, len(got))
			}
		}
	}
}

func rebuilt(t *testing.T, p collect.Place) []*collect.Candidate {
	t.Helper()
	found := find(t, p)
	if err := collect.Rebuild(t.Context(), found, nil); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestRebuildTellsAndStops shows its progress and obeys.
func TestRebuildTellsAndStops(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{Pages: 4096, Lost: []uint64{dumptest.SystemFirst}, WipeFirst: true})
	ctx, cancel := context.WithCancel(t.Context())
	c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": b})))
	finished := false
	err := collect.Rebuild(ctx, []*collect.Candidate{c}, func(got *collect.Candidate) (func(done, total int64), func()) {
		if got != c {
			t.Errorf("told of %s", got.Path)
		}
		return func(int64, int64) { cancel() }, func() { finished = true }
	})
	if !errors.Is(err, context.Canceled) || !finished || c.Rebuilt != nil {
		t.Errorf("%v, finished %t", err, finished)
	}
	if !c.Wanted() {
		t.Error("what was not tried to the end is given up")
	}
}

// TestRebuildUnreadable loses the page file between the look and the rebuilding.
func TestRebuildUnreadable(t *testing.T) {
	t.Parallel()
	v := files(map[string][]byte{"pagefile.sys": build(t, dumptest.Spec{Pages: 64, WipeFirst: true})})
	found := find(t, windows(v))
	v.broken["pagefile.sys"] = errBadSector
	if err := collect.Rebuild(t.Context(), found, nil); err != nil || !errors.Is(errors.Join(found[0].Problems...), errBadSector) {
		t.Errorf("%v, %v", err, found[0].Problems)
	}
}

// TestResumeRebuilt: a copy that was interrupted goes on with a header that was
// rebuilt a second time.
func TestResumeRebuilt(t *testing.T) {
	t.Parallel()
	whole := build(t, dumptest.Spec{Pages: 4096})
	wiped := wipe(whole)
	fresh := func() *collect.Candidate {
		return rebuilt(t, windows(files(map[string][]byte{"pagefile.sys": wiped})))[0]
	}
	c := fresh()
	o := collect.Options{Dir: t.TempDir(), Journal: true}.WithInterval(interval)
	if err := interrupt(t, c, o, 2*interval); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	o.Resume = true
	o.Notice = func(text string) { t.Error(text) }
	res, err := collect.Extract(t.Context(), fresh(), o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(res.Path)
	if want := append(bytes.Clone(c.Rebuilt.Page), wiped[4096:]...); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
