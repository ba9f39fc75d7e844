package ntfs_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/ntfstest"
	"hangkit/ntfs/verify"
)

// TestOracleCrashReplace has a sample of the states that a cut leaves judged by
// programs that are not ours. Where our checker finds nothing, neither may they;
// leaks and sizes out of date they may report; the file has its old or its new
// contents always, as ntfs-3g reads it.
func TestOracleCrashReplace(t *testing.T) {
	ntfstest.Need(t, "ntfs-3g", "ntfsresize")
	for _, g := range geometries {
		for _, w := range writings {
			if w.pieces > 0 { // what makes the pieces is a leak
				continue
			}
			t.Run(g.name+"/"+w.name, func(t *testing.T) {
				m, c := w.prepare(t, g)
				r, c := record(m, c)
				before := contents(t, r, hivePath)
				if err := c.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				o := oracles{t: t, img: imageOf(t, m), before: before, after: contents(t, r, hivePath), m: m, reads: map[string]int{}}
				for s := range r.States(crashsim.Bounds{Exhaustive: 2, Prefixes: 1, Random: 1, Seed: 2}) {
					o.judge(s)
				}
				t.Logf("%d states: %d without findings, %d read by ntfs-3g: %v", o.states, o.clean, o.mounts, o.reads)
				if o.clean < 2 || o.reads["old"] == 0 || o.reads["new"] == 0 {
					t.Error("the sample misses a side")
				}
			})
		}
	}
}

// imageOf writes a volume to a file.
func imageOf(t *testing.T, m *memory) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "volume.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Truncate(m.size); err != nil {
		t.Fatal(err)
	}
	for i, page := range m.pages {
		if _, err := f.WriteAt(page, i*pageSize); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// oracles judge the states of one writing, one after the other in one image.
type oracles struct {
	t                     *testing.T
	img                   *os.File
	m                     *memory
	before, after         []byte
	states, clean, mounts int
	reads                 map[string]int
}

func (o *oracles) judge(s *crashsim.State) {
	o.t.Helper()
	o.states++
	o.put(s)
	defer o.takeAway(s)
	found := check(o.t, s).Counts
	delete(found, verify.LogFile) // none of them minds
	delete(found, verify.VolumeFlags)
	if len(found) == 0 {
		o.clean++
		o.mustPass("ntfsresize", "--info", "--force", "--no-action", "--no-progress-bar")
		if ntfsck := os.Getenv("HANGKIT_NTFSCK"); ntfsck != "" {
			o.mustPass(ntfsck, "-n")
		}
	}
	if found[verify.Mirror] > 0 {
		return // ntfs-3g opens no such volume; we repair it
	}
	o.mounts++
	o.read(slices.Collect(maps.Keys(found)))
}

// put lays the sectors that have arrived into the image, and takeAway what was
// there before.
func (o *oracles) put(s *crashsim.State) {
	o.t.Helper()
	for off, b := range s.Sectors() {
		if _, err := o.img.WriteAt(b, off); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *oracles) takeAway(s *crashsim.State) {
	o.t.Helper()
	for off, b := range s.Sectors() {
		if _, err := o.img.WriteAt(o.m.peek(off, int64(len(b))), off); err != nil {
			o.t.Fatal(err)
		}
	}
}

func (o *oracles) mustPass(name string, args ...string) {
	o.t.Helper()
	out, err := exec.CommandContext(o.t.Context(), name, append(args, o.img.Name())...).CombinedOutput()
	if err != nil {
		o.t.Errorf("state %d: %s: %v\n%s", o.states, name, err, out)
	}
}

// read has ntfs-3g read the file.
func (o *oracles) read(found []verify.Kind) {
	o.t.Helper()
	ntfstest.Mounted(o.t, o.img.Name(), "ro,norecover", func(dir string) {
		b, err := os.ReadFile(filepath.Join(dir, hivePath))
		switch {
		case err != nil:
			o.t.Errorf("state %d (%v): %v", o.states, found, err)
		case bytes.Equal(b, o.before):
			o.reads["old"]++
		case bytes.Equal(b, o.after):
			o.reads["new"]++
		default:
			o.t.Errorf("state %d (%v): ntfs-3g reads neither old nor new contents", o.states, found)
		}
	})
}

// growth is by how much the files of TestOracleReplace grow, and shrink.
var growth = []int64{4 << 10, 256 << 10, 8 << 20, -150_000}

// TestOracleReplace replaces a file on volumes that mkntfs made and ntfs-3g has
// filled, and takes it back: every judge approves, and no byte differs that the
// plan did not name.
func TestOracleReplace(t *testing.T) {
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfsresize", "fls")
	for _, g := range []geometry{
		{512, 512, 48 << 20}, {512, 4096, 64 << 20}, {512, 64 << 10, 128 << 20}, {512, 2 << 20, 512 << 20}, {4096, 4096, 64 << 20},
	} {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			img := mkntfs(t, g)
			ntfstest.Mounted(t, img, "rw", func(dir string) { fill(t, dir, g) })
			before := contents(t, openImage(t, img), hivePath)
			for i, grow := range growth {
				o := ntfs.ReplaceOptions{Time: changeTime, KeepAs: []string{"", kept}[i%2]}
				c := replaceImage(t, img, other(int64(len(before))+grow), o)
				ntfstest.Approve(t, img)
				back := planBack(t, img, c, o)
				runOnImage(t, img, back)
				ntfstest.Approve(t, img)
				if !bytes.Equal(contents(t, openImage(t, img), hivePath), before) {
					t.Errorf("grown by %d and taken back: other contents than before", grow)
				}
			}
		})
	}
}

// replaceImage replaces the file of an image.
func replaceImage(t *testing.T, img string, b []byte, o ntfs.ReplaceOptions) *ntfs.Change {
	t.Helper()
	c, err := open(t, openImage(t, img)).PlanReplace(hivePath, b, o)
	if err != nil {
		t.Fatal(err)
	}
	runOnImage(t, img, c)
	if !bytes.Equal(contents(t, openImage(t, img), hivePath), b) {
		t.Error("other contents than were written")
	}
	return c
}

// planBack plans the way back in whichever manner fits how the old contents were kept.
func planBack(t *testing.T, img string, c *ntfs.Change, o ntfs.ReplaceOptions) *ntfs.Change {
	t.Helper()
	v := open(t, openImage(t, img))
	var back *ntfs.Change
	var err error
	if o.KeepAs != "" {
		back, err = v.PlanTakeBack(hivePath, o.KeepAs, ntfs.ReplaceOptions{Time: changeTime})
	} else {
		back, err = v.PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// runOnImage makes a change in an image, and compares what differs with the plan.
func runOnImage(t *testing.T, img string, c *ntfs.Change) {
	t.Helper()
	was, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.On(openImage(t, img)).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	is, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range c.Steps() {
		for _, w := range step.Writes {
			copy(was[w.Offset:], w.New)
		}
	}
	if !bytes.Equal(was, is) {
		t.Error("bytes differ that the plan did not name")
	}
}
