package ntfs_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

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
