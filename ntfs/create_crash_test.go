package ntfs_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/verify"
)

// A naming gives a directory a name or takes one from it.
type naming struct {
	files  int    // in the directory before
	name   string // of the file made or removed
	size   int64  // of its contents
	remove bool
	reset  bool // the journal
}

func (n naming) String() string {
	word := "create"
	if n.remove {
		word = "remove"
	}
	if n.reset {
		word += " with journal"
	}
	return fmt.Sprintf("%s %d in %d, name of %d", word, n.size, n.files, len(n.name))
}

const namingDir = "some directory"

func (n naming) path() string { return namingDir + "/" + n.name }

// longName takes much room in every node it comes into.
var longName = "file 00007 " + strings.Repeat("long ", 40) + "name"

// namings have directories of all shapes: in the record, with a level of
// blocks, with two; and names that fit where they belong and that do not.
func namings() []naming {
	sizes := []int{0, 3, 7, 60, 125, 1500}
	if requireOracles() {
		sizes = []int{0, 2, 4, 6, 7, 30, 60, 90, 125, 400, 1500}
	}
	var all []naming
	for _, files := range sizes {
		for _, name := range []string{"file 00007.dat", longName} {
			all = append(all, naming{files: files, name: name, size: 5000}, naming{files: files, name: name, size: 5000, remove: true})
		}
	}
	return append(all, naming{files: 60, name: "x", reset: true}, naming{files: 60, name: "x", reset: true, remove: true})
}

// prepare makes the volume and plans the change.
func (n naming) prepare(t *testing.T, g volumeGeometry) (*memory, *ntfs.Change) {
	t.Helper()
	o := g.options
	o.ExtraRecords = 8
	o.Root = []format.Entry{{Name: namingDir, Dir: evenFiles(n.files)}}
	m, _ := build(t, g.size, o)
	if n.remove {
		mustCreate(t, m, n.path(), patterned(n.size))
	}
	v := open(t, m)
	c, err := v.PlanCreate(n.path(), patterned(n.size), ntfs.CreateOptions{ResetJournal: n.reset})
	if n.remove {
		c, err = v.PlanRemove(n.path(), ntfs.RemoveOptions{ResetJournal: n.reset})
	}
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

// played says whether the i-th naming is played on a geometry: all of them are
// on one in the full run.
func (naming) played(g volumeGeometry, i int) bool {
	if requireOracles() {
		return g.name == "4K" || i%5 == 0
	}
	return g.name == "4K" && i%3 == 1 || i%8 == 0
}

// namingCuts are fewer for each naming than [cuts], because there are more of these.
func namingCuts() crashsim.Bounds {
	if requireOracles() {
		return crashsim.Bounds{Exhaustive: 7, Prefixes: 8, Random: 16, Seed: 1}
	}
	return cuts()
}

// TestCrashCreate plays every cut of making and of removing files: the file is
// there as a whole or not at all, every other name is there, and our checker
// finds nothing worse than leaks.
func TestCrashCreate(t *testing.T) {
	t.Parallel()
	for _, g := range geometries {
		for i, n := range namings() {
			if !n.played(g, i) {
				continue
			}
			t.Run(g.name+"/"+n.String(), func(t *testing.T) {
				t.Parallel()
				m, c := n.prepare(t, g)
				r := crashsim.NewRecorder(m, cmp.Or(int64(g.options.SectorSize), tornSector))
				c = c.On(r)
				j := &namingJudge{t: t, n: n, others: othersOf(t, r, n), found: map[verify.Kind]int{}}
				if err := c.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				for s := range r.States(namingCuts()) {
					j.judge(s)
				}
				j.done()
			})
		}
	}
}

// othersOf lists the directory without the file in question.
func othersOf(t *testing.T, dev ntfs.Device, n naming) []string {
	t.Helper()
	return slices.DeleteFunc(list(t, open(t, dev), namingDir), func(name string) bool { return name == n.name })
}

// namingJudge holds what it saw of a naming's states.
type namingJudge struct {
	t                     *testing.T
	n                     naming
	others                []string
	states, there, absent int
	found                 map[verify.Kind]int // states by what was found in them
}

func (j *namingJudge) judge(s *crashsim.State) {
	j.t.Helper()
	j.states++
	where := fmt.Sprintf("flush %d, %s", s.Epoch, s.Words)
	got, err := fs.ReadFile(open(j.t, s), j.n.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		j.absent++
	case err != nil:
		j.t.Errorf("%s: %v", where, err)
	case !bytes.Equal(got, patterned(j.n.size)):
		j.t.Errorf("%s: the file is not whole", where)
	default:
		j.there++
	}
	if others := othersOf(j.t, s, j.n); !slices.Equal(others, j.others) {
		j.t.Errorf("%s: %d other names, want %d", where, len(others), len(j.others))
	}
	j.findings(check(j.t, s), where)
	if j.states%7 == 0 {
		j.again(s, where)
	}
}

func (j *namingJudge) findings(r *verify.Report, where string) {
	j.t.Helper()
	allowed := []verify.Kind{verify.VolumeFlags, verify.Mirror}
	if j.n.reset {
		allowed = append(allowed, verify.LogFile)
	}
	for _, f := range r.Findings {
		if f.Severity() > verify.Leak && !slices.Contains(allowed, f.Kind) {
			j.t.Errorf("%s: %v", where, f)
		}
	}
	for k := range r.Counts {
		j.found[k]++
	}
}

// again makes another file on the volume that a cut left.
func (j *namingJudge) again(s *crashsim.State, where string) {
	j.t.Helper()
	c, err := open(j.t, s).PlanCreate(namingDir+"/again", patterned(3000), ntfs.CreateOptions{ResetJournal: true})
	if err == nil {
		err = c.Run(j.t.Context())
	}
	if err != nil {
		j.t.Errorf("%s: another file: %v", where, err)
		return
	}
	j.findings(check(j.t, s), where+", another file")
}

func (j *namingJudge) done() {
	j.t.Helper()
	if j.there == 0 || j.absent == 0 {
		j.t.Errorf("%d states with and %d without the file: the cuts miss a side", j.there, j.absent)
	}
	j.t.Logf("%d states: %d with the file, %d without; found %v", j.states, j.there, j.absent, j.found)
}
