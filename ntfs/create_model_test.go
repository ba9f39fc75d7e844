package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// TestCreateModel makes and removes files at random, hundreds of them, and
// compares the directory with a map. Names of very different lengths make its
// tree split, share, sink and shrink in every way it can.
func TestCreateModel(t *testing.T) {
	t.Parallel()
	seeds, rounds := 2, 150
	if requireOracles() {
		seeds, rounds = 6, 800
	}
	for seed := range seeds {
		for _, g := range geometries[:2] {
			t.Run(fmt.Sprintf("%s/%d", g.name, seed), func(t *testing.T) {
				t.Parallel()
				o := g.options
				o.ExtraRecords = int64(rounds)
				dir := namingDir
				if seed%2 == 1 { // its index lies in the second sector of its record
					dir = strings.Repeat("directory ", 20) + "x"
				}
				o.Root = []format.Entry{{Name: dir, Dir: evenFiles(seed * 40)}}
				m, _ := build(t, 64<<20, o)
				d := &modelDirectory{t: t, m: m, dir: dir, rng: rand.New(rand.NewPCG(uint64(seed), 0)), files: map[string][]byte{}}
				for range rounds {
					d.round()
				}
				d.check(seed * 40)
			})
		}
	}
}

type modelDirectory struct {
	t                        *testing.T
	dir                      string
	m                        *memory
	rng                      *rand.Rand
	files                    map[string][]byte
	made, removed, notSector int
	notEmptied               int
}

func (d *modelDirectory) round() {
	d.t.Helper()
	if d.rng.IntN(3) == 0 && len(d.files) > 0 {
		d.remove(slices.Sorted(maps.Keys(d.files))[d.rng.IntN(len(d.files))])
		return
	}
	name := fmt.Sprintf("file %05d %s", d.rng.IntN(100_000), strings.Repeat("x", d.rng.IntN(12)*d.rng.IntN(18)))
	name = strings.TrimSpace(name)
	if _, there := d.files[name]; there {
		return
	}
	d.create(name, patterned(int64(d.rng.IntN(3))*900))
}

func (d *modelDirectory) create(name string, contents []byte) {
	d.t.Helper()
	c, err := open(d.t, d.m).PlanCreate(d.dir+"/"+name, contents, ntfs.CreateOptions{})
	if errors.Is(err, ntfs.ErrNotSingleSector) || errors.Is(err, ntfs.ErrRecordFull) {
		d.notSector++
		return
	}
	if err == nil {
		err = c.Run(d.t.Context())
	}
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	d.files[name] = contents
	d.made++
}

func (d *modelDirectory) remove(name string) {
	d.t.Helper()
	c, err := open(d.t, d.m).PlanRemove(d.dir+"/"+name, ntfs.RemoveOptions{})
	switch {
	case errors.Is(err, ntfs.ErrNotSingleSector), errors.Is(err, ntfs.ErrRecordFull):
		d.notSector++
		return
	case errors.Is(err, ntfs.ErrDirectory):
		d.notEmptied++
		return
	case err == nil:
		err = c.Run(d.t.Context())
	}
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	delete(d.files, name)
	d.removed++
}

// check compares the directory with the model and has the volume verified.
func (d *modelDirectory) check(others int) {
	d.t.Helper()
	v := open(d.t, d.m)
	if got := list(d.t, v, d.dir); len(got) != len(d.files)+others {
		d.t.Errorf("%d names, want %d", len(got), len(d.files)+others)
	}
	for name, want := range d.files {
		if got, err := fs.ReadFile(v, d.dir+"/"+name); err != nil || !bytes.Equal(got, want) {
			d.t.Errorf("%s: %d bytes (%v)", name, len(got), err)
		}
	}
	sound(d.t, d.m)
	d.t.Logf("%d made, %d removed; refused %d for more than a sector, %d as the last in their block", d.made, d.removed, d.notSector, d.notEmptied)
	if d.notSector+d.notEmptied > (d.made+d.removed)/4 {
		d.t.Error("too many were refused")
	}
}
