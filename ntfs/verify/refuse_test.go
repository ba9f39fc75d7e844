package verify_test

import (
	"bytes"
	"io/fs"
	"maps"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// writer changes a volume of the sickroom in one of the ways there are.
type writer struct {
	name string
	file string // whose contents it may change
	run  func(t *testing.T, v *ntfs.Volume) error
}

// carryOut runs a planned change.
func carryOut(t *testing.T, c *ntfs.Change, err error) error {
	t.Helper()
	if err != nil {
		return err
	}
	return c.Run(t.Context())
}

var writers = []writer{
	{"in place", "victim", func(_ *testing.T, v *ntfs.Volume) error {
		f, err := v.OpenInPlace("victim")
		if err != nil {
			return err
		}
		_, err = f.WriteAt(noise(10_000), 100)
		return err
	}},
	{"replace", "victim", func(t *testing.T, v *ntfs.Volume) error {
		t.Helper()
		c, err := v.PlanReplace("victim", noise(100_000), ntfs.ReplaceOptions{})
		return carryOut(t, c, err)
	}},
	{"create", "many/file 00007a.txt", func(t *testing.T, v *ntfs.Volume) error {
		t.Helper()
		c, err := v.PlanCreate("many/file 00007a.txt", noise(50_000), ntfs.CreateOptions{})
		return carryOut(t, c, err)
	}},
	{"remove", "many/file 00007.txt", func(t *testing.T, v *ntfs.Volume) error {
		t.Helper()
		c, err := v.PlanRemove("many/file 00007.txt", ntfs.RemoveOptions{})
		return carryOut(t, c, err)
	}},
}

// refusals say which writers refuse which corruption by themselves: those that need
// what is corrupt. What only a look at the whole volume finds they leave to the
// checker, whose findings from Dangerous on rule every change of metadata out.
var refusals = map[string][]string{
	"used cluster marked free":       {"in place", "replace"},
	"run past the end of the volume": {"in place", "replace"},
	"data size > allocated":          {"in place", "replace"},
	"allocated size wrong":           {"in place", "replace"},
	"last VCN wrong":                 {"in place", "replace"},
	"initialized > data size":        {"in place", "replace"},
	"MFT record torn":                {"in place", "replace"},
	"INDX torn":                      {"create", "remove"},
	"index entries out of order":     {"create", "remove"},
	"index bitmap bit cleared":       {"create", "remove"},
	"entry of a free record":         {"remove"},
	"entry with wrong sequence":      {"remove"},
	"$FILE_NAME parent wrong":        {"in place", "replace"},
	"$MFTMirr differs":               {"in place", "replace", "create", "remove"},
	"$LogFile garbage":               {"replace", "create", "remove"},
	"dirty flag":                     {"replace", "create", "remove"},
}

// flushed is a volume in memory that can be flushed.
type flushed struct{ *memory }

func (flushed) Sync() error { return nil }

// TestWritersOfDamagedVolumes has every writer write to a volume with every
// corruption. It refuses without changing anything where it needs what is corrupt;
// else it makes nothing worse, and leaves the other files alone.
func TestWritersOfDamagedVolumes(t *testing.T) {
	t.Parallel()
	healthy := newPatient(t, build(t, 32<<20, format.Options{Root: sickroom()}))
	for name := range refusals {
		if !slices.ContainsFunc(matrix, func(d damage) bool { return d.name == name }) {
			t.Errorf("there is no corruption %q", name)
		}
	}
	for _, d := range matrix {
		sick := healthy.clone()
		d.do(sick)
		before := check(t, sick)
		for _, w := range writers {
			t.Run(d.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				p := sick.clone()
				v, err := ntfs.Open(flushed{p.memory})
				if err == nil {
					err = w.run(t, v)
				}
				if slices.Contains(refusals[d.name], w.name) {
					refused(t, err, sick.memory, p.memory)
				} else if err != nil {
					t.Errorf("refused: %v", err)
				} else if worst, _ := before.Worst(); worst < verify.Dangerous {
					noWorse(t, before, check(t, p))
					leftAlone(t, sick.memory, p.memory, w.file)
				}
			})
		}
	}
}

func refused(t *testing.T, err error, before, after *memory) {
	t.Helper()
	if err == nil {
		t.Error("not refused")
	}
	if !maps.EqualFunc(before.pages, after.pages, bytes.Equal) {
		t.Errorf("refused (%v) and changed", err)
	}
}

// noWorse demands that there are no more findings than before.
func noWorse(t *testing.T, before, after *verify.Report) {
	t.Helper()
	for kind, n := range after.Counts {
		if n > before.Counts[kind] {
			t.Errorf("%v: %d findings before, %d afterwards: %v", kind, before.Counts[kind], n, after.Findings)
		}
	}
	if after.Incomplete != before.Incomplete {
		t.Errorf("incomplete: %q", after.Incomplete)
	}
}

// leftAlone demands that all files but one read as before, wherever they did.
func leftAlone(t *testing.T, before, after *memory, except string) {
	t.Helper()
	was, is := contents(t, before), contents(t, after)
	delete(was, except)
	delete(is, except)
	if !maps.EqualFunc(was, is, bytes.Equal) {
		t.Error("another file changed")
	}
}

// contents are those of every file that can be read.
func contents(t *testing.T, m *memory) map[string][]byte {
	t.Helper()
	v, err := ntfs.Open(m)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	_ = fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if b, err := fs.ReadFile(v, name); err == nil {
				all[name] = b
			}
		}
		return nil
	})
	return all
}
