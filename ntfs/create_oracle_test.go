package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/ntfstest"
	"hangkit/ntfs/verify"
)

// oracleNames are the files made in each directory the oracles look at.
var oracleNames = []string{"file 00001.dat", "AAA.TXT", longName, "zzz"}

// TestOracleCreate has volumes of our own judged by others behind making files
// in directories of all shapes, and behind removing them again.
func TestOracleCreate(t *testing.T) {
	for i, g := range createGeometries() {
		if i != 1 && !requireOracles() {
			continue
		}
		t.Run(g.String(), func(t *testing.T) {
			m := buildDirectories(t, g)
			dirs := []string{"."}
			for _, d := range createDirectories {
				dirs = append(dirs, d.name)
			}
			for _, dir := range dirs {
				for i, name := range oracleNames {
					mustCreate(t, m, inDir(dir, name), patterned(int64(i)*30_000))
				}
			}
			ntfstest.Approve(t, imageOf(t, m).Name())
			for _, dir := range dirs {
				for _, name := range oracleNames {
					mustRemove(t, m, inDir(dir, name))
				}
			}
			ntfstest.Approve(t, imageOf(t, m).Name())
		})
	}
}

// TestOracleCreateBesideDriver makes and removes files between those of
// ntfs-3g, on volumes of mkntfs.
func TestOracleCreateBesideDriver(t *testing.T) {
	ntfstest.Need(t, "mkntfs", "ntfs-3g")
	counts, geometries := []int{0, 5, 40, 300}, []geometry{{512, 4096, 64 << 20}, {512, 512, 32 << 20}, {512, 64 << 10, 128 << 20}}
	if requireOracles() {
		counts = append(counts, 2000)
	} else {
		geometries = geometries[:1]
	}
	for _, g := range geometries {
		t.Run(g.String(), func(t *testing.T) {
			img := mkntfs(t, g)
			ntfstest.Mounted(t, img, "rw,permissions", func(dir string) {
				for _, n := range counts {
					for i := range n {
						put(t, filepath.Join(dir, fmt.Sprintf("dir %d", n), fmt.Sprintf("a file with number %d", i*7%n)), patterned(int64(i%900)))
					}
				}
				if err := os.Mkdir(filepath.Join(dir, "dir 0"), 0o755); err != nil {
					t.Fatal(err)
				}
				for i := range 30 { // free MFT records
					put(t, filepath.Join(dir, "gone", fmt.Sprint(i)), nil)
				}
				if err := os.RemoveAll(filepath.Join(dir, "gone")); err != nil {
					t.Fatal(err)
				}
			})
			f := openImage(t, img)
			o := ntfs.CreateOptions{SecurityOf: "dir 5/a file with number 0"}
			made := createBeside(t, f, counts, o)
			ntfstest.Approve(t, img)
			ntfstest.Mounted(t, img, "rw", func(dir string) { useMade(t, dir, made) })
			ntfstest.Approve(t, img)
			for name := range made {
				mustRemove(t, f, name)
			}
			ntfstest.Approve(t, img)
		})
	}
}

// createBeside makes files in all directories; some records of theirs may have
// no room for it.
func createBeside(t *testing.T, f *image, counts []int, o ntfs.CreateOptions) map[string][]byte {
	t.Helper()
	made, refused := map[string][]byte{}, 0
	for _, n := range counts {
		for i, base := range oracleNames {
			name, contents := fmt.Sprintf("dir %d/%s", n, base), patterned(int64(i)*20_000)
			c, err := open(t, f).PlanCreate(name, contents, o)
			if errors.Is(err, ntfs.ErrNotSingleSector) {
				refused++
				continue
			}
			if err == nil {
				err = c.Run(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			made[name] = contents
		}
	}
	t.Logf("%d files made, %d refused", len(made), refused)
	if refused > len(made)/4 {
		t.Error("too many were refused")
	}
	return made
}

// useMade reads and changes our files and their directories as a driver does.
func useMade(t *testing.T, dir string, made map[string][]byte) {
	t.Helper()
	for name, want := range made {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes (%v)", name, len(got), err)
		}
		put(t, path, append(want, "more"...))
		put(t, path+" beside", want)
		if err := os.Remove(path + " beside"); err != nil {
			t.Error(err)
		}
	}
}

// TestOracleCreateAmongMany makes files in a directory of 100,000: at its ends,
// in the middle, and so many at one place that blocks split.
func TestOracleCreateAmongMany(t *testing.T) {
	many := 100_000
	if !requireOracles() {
		many = 10_000
	}
	m, _ := build(t, 1<<30, format.Options{ExtraRecords: 100, Root: []format.Entry{{Name: "many", Dir: evenFiles(many)}}})
	names := []string{"AAA", "zzz", "file 00000 1"}
	for i := range 12 {
		names = append(names, fmt.Sprintf("file %05d.dat", many+1+2*i))
	}
	for _, name := range names {
		mustCreate(t, m, "many/"+name, []byte(name))
	}
	v := open(t, m)
	if got := len(list(t, v, "many")); got != many+len(names) {
		t.Errorf("%d names, want %d", got, many+len(names))
	}
	for _, name := range names {
		if got, err := fs.ReadFile(v, "many/"+name); err != nil || string(got) != name {
			t.Errorf("%s: %q (%v)", name, got, err)
		}
	}
	ntfstest.ApproveStructure(t, imageOf(t, m).Name())
	for _, name := range names {
		mustRemove(t, m, "many/"+name)
	}
	ntfstest.ApproveStructure(t, imageOf(t, m).Name())
}

// TestOracleCrashCreate has a sample of the states that cuts leave judged by
// others. Where our checker finds nothing but the dirty flag, neither may they;
// ntfs-3g sees the file as a whole or not at all, and every other name.
func TestOracleCrashCreate(t *testing.T) {
	ntfstest.Need(t, "ntfs-3g", "ntfsresize")
	g := geometries[1]
	for i, n := range namings() {
		if !requireOracles() && i%9 != 0 || n.reset {
			continue
		}
		t.Run(n.String(), func(t *testing.T) {
			m, c := n.prepare(t, g)
			r, c := record(m, c)
			others := othersOf(t, r, n)
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			o := oracles{t: t, img: imageOf(t, m), m: m, reads: map[string]int{}}
			for s := range r.States(crashsim.Bounds{Exhaustive: 2, Prefixes: 1, Random: 1, Seed: 3}) {
				o.judgeNaming(s, n, others)
			}
			t.Logf("%d states: %d without findings; ntfs-3g: %v", o.states, o.clean, o.reads)
			if o.clean < 2 || o.reads["there"] == 0 || o.reads["absent"] == 0 {
				t.Error("the sample misses a side")
			}
		})
	}
}

// judgeNaming asks the oracles about one state.
func (o *oracles) judgeNaming(s *crashsim.State, n naming, others []string) {
	o.t.Helper()
	o.states++
	o.put(s)
	defer o.takeAway(s)
	found := check(o.t, s).Counts
	delete(found, verify.VolumeFlags) // none of them minds
	if len(found) == 0 {
		o.clean++
		o.mustPass("ntfsresize", "--info", "--force", "--no-action", "--no-progress-bar")
		if ntfsck := os.Getenv("HANGKIT_NTFSCK"); ntfsck != "" {
			o.mustPass(ntfsck, "-n")
		}
	}
	if found[verify.Mirror] > 0 {
		return // ntfs-3g opens no such volume
	}
	ntfstest.Mounted(o.t, o.img.Name(), "ro,norecover", func(dir string) { o.seeNaming(os.DirFS(dir), n, others) })
}

// seeNaming compares the directory as a driver sees it. ntfs-3g lists all blocks
// that are marked in use, not those of the tree: between the marks of the new
// ones and the end of the old ones it shows names twice.
func (o *oracles) seeNaming(fsys fs.FS, n naming, others []string) {
	o.t.Helper()
	entries, err := fs.ReadDir(fsys, namingDir)
	if err != nil {
		o.t.Errorf("state %d: %v", o.states, err)
	}
	var seen []string
	for _, e := range entries {
		if e.Name() != n.name {
			seen = append(seen, e.Name())
		}
	}
	slices.Sort(seen)
	if seen = slices.Compact(seen); !slices.Equal(seen, others) {
		o.t.Errorf("state %d: ntfs-3g sees %d other names, want %d", o.states, len(seen), len(others))
	}
	switch b, err := fs.ReadFile(fsys, n.path()); {
	case errors.Is(err, fs.ErrNotExist):
		o.reads["absent"]++
	case err != nil || !bytes.Equal(b, patterned(n.size)):
		o.t.Errorf("state %d: the file is not whole (%v)", o.states, err)
	default:
		o.reads["there"]++
	}
}
