package verify_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// oddNames are legal ones that are folded, sorted or stored in unusual ways.
var oddNames = []string{
	"a", "Z", "ß", "İ", "K", "ſ", "ǅ", "e\u0301", "\U0001F600", "日本語.dat", "FILE.TXT", ".dot", "$MFTx", "{guid}",
	strings.Repeat("x", 255), strings.Repeat("ä", 255),
}

// TestWritersForALongTime makes, exchanges and removes files at random, on volumes of
// every sort that are almost full: after each change the checker finds nothing, not
// even sizes out of date, and every file holds what it should.
func TestWritersForALongTime(t *testing.T) {
	t.Parallel()
	volumes := uint64(3)
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		volumes = 30
	}
	for seed := range volumes {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			u := newUser(t, seed)
			u.fill(t)
			for range 20 {
				u.change(t)
			}
			if u.changes < 2 {
				t.Errorf("%d changes only", u.changes)
			}
		})
	}
}

// user changes a volume at random and knows what should be on it.
type user struct {
	*memory
	rng     *rand.Rand
	files   map[string][]byte
	changes int
}

func newUser(t *testing.T, seed uint64) *user {
	t.Helper()
	geometries := [][2]int{{512, 512}, {512, 1024}, {512, 4096}, {512, 65536}, {4096, 4096}, {4096, 65536}, {512, 8192}}
	g := geometries[seed%uint64(len(geometries))]
	u := &user{rng: rand.New(rand.NewPCG(seed, 0))}
	u.memory = build(t, 24<<20, format.Options{SectorSize: g[0], ClusterSize: g[1], Seed: seed, MFTFragments: 1 + int(seed%3), Root: []format.Entry{
		{Name: "large", Dir: numbered("n", u.rng.IntN(60))},
		{Name: "small", Dir: numbered("n", 3)},
		{Name: "empty", Dir: []format.Entry{}},
		{Name: "filling", Data: noise(4000)},
		{Name: "pieces", Data: noise(600_000), Fragments: 9},
	}})
	u.files = contents(t, u.memory)
	return u
}

// fill leaves little room.
func (u *user) fill(t *testing.T) {
	t.Helper()
	free, err := u.open(t).Free()
	if err != nil {
		t.Fatal(err)
	}
	u.replace(t, "filling", noise(int(free)-u.rng.IntN(3<<20)-256<<10))
}

// change does one thing, unless it is refused.
func (u *user) change(t *testing.T) {
	t.Helper()
	names := slices.Sorted(maps.Keys(u.files))
	name := names[u.rng.IntN(len(names))]
	data := noise(1 + u.rng.IntN([]int{100, 5000, 200_000, 1_000_000}[u.rng.IntN(4)]))
	switch u.rng.IntN(3) {
	case 0:
		dir := []string{"large/", "small/", "empty/", ""}[u.rng.IntN(4)]
		u.create(t, dir+oddNames[u.rng.IntN(len(oddNames))], data)
	case 1:
		u.replace(t, name, data)
	case 2:
		u.remove(t, name)
	}
	spotless(t, check(t, u))
	if !maps.EqualFunc(contents(t, u.memory), u.files, bytes.Equal) {
		t.Fatalf("after %d changes other files are there than should be", u.changes)
	}
}

func (u *user) open(t *testing.T) *ntfs.Volume {
	t.Helper()
	v, err := ntfs.Open(flushed{u.memory})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (u *user) create(t *testing.T, name string, data []byte) {
	t.Helper()
	c, err := u.open(t).PlanCreate(name, data, ntfs.CreateOptions{})
	if u.ran(t, c, err) {
		u.files[name] = data
	}
}

func (u *user) replace(t *testing.T, name string, data []byte) {
	t.Helper()
	c, err := u.open(t).PlanReplace(name, data, ntfs.ReplaceOptions{})
	if u.ran(t, c, err) {
		u.files[name] = data
	}
}

func (u *user) remove(t *testing.T, name string) {
	t.Helper()
	c, err := u.open(t).PlanRemove(name, ntfs.RemoveOptions{})
	if u.ran(t, c, err) {
		delete(u.files, name)
	}
}

// ran carries a change out that was not refused.
func (u *user) ran(t *testing.T, c *ntfs.Change, refused error) bool {
	t.Helper()
	if refused != nil {
		return false
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.changes++
	return true
}
