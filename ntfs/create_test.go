package ntfs_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// createGeometry is a volume new files are made on.
type createGeometry struct {
	sector, cluster int
	size            int64
}

func (g createGeometry) String() string { return fmt.Sprintf("%d-%d", g.sector, g.cluster) }

// createGeometries are some in the quick run and all in the full one.
func createGeometries() []createGeometry {
	clusters := []int{512, 4 << 10, 2 << 20}
	if requireOracles() {
		clusters = []int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 64 << 10, 128 << 10, 2 << 20}
	}
	var all []createGeometry
	for _, cluster := range clusters {
		all = append(all, createGeometry{512, cluster, max(24<<20, int64(cluster)*80)})
	}
	for _, cluster := range []int{4 << 10, 64 << 10}[:min(2, len(clusters)-2)] {
		all = append(all, createGeometry{4096, cluster, 32 << 20})
	}
	return all
}

// createDirectories are directories of all shapes a tree can have.
var createDirectories = []struct {
	name  string
	files int
}{{"empty", 0}, {"one", 1}, {"few", 4}, {"block", 12}, {"level", 100}, {"full", 400}, {"three levels", 1500}}

func buildDirectories(tb testing.TB, g createGeometry) *memory {
	tb.Helper()
	o := format.Options{SectorSize: g.sector, ClusterSize: g.cluster, ExtraRecords: 40}
	for _, d := range createDirectories {
		o.Root = append(o.Root, format.Entry{Name: d.name, Dir: evenFiles(d.files)})
	}
	m, _ := build(tb, g.size, o)
	return m
}

// evenFiles are n small files with even numbers, so that others fit between.
func evenFiles(n int) []format.Entry {
	entries := make([]format.Entry, n)
	for i := range entries {
		entries[i] = format.Entry{Name: fmt.Sprintf("file %05d.dat", 2*i), Data: []byte{byte(i)}}
	}
	return entries
}

// sound fails for everything verify finds on a device, except what the volume
// had before.
func sound(tb testing.TB, dev ntfs.Device) {
	tb.Helper()
	r, err := verify.Check(tb.Context(), dev, dev.Size(), verify.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range r.Findings {
		tb.Error(f)
	}
	if !r.Clean() {
		tb.Error("not clean")
	}
}

func mustCreate(tb testing.TB, dev ntfs.Device, name string, contents []byte) {
	tb.Helper()
	c, err := open(tb, dev).PlanCreate(name, contents, ntfs.CreateOptions{Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func mustRemove(tb testing.TB, dev ntfs.Device, name string) {
	tb.Helper()
	c, err := open(tb, dev).PlanRemove(name, ntfs.RemoveOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Run(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

func TestCreateAndRemove(t *testing.T) {
	t.Parallel()
	for _, g := range createGeometries() {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			healthy := buildDirectories(t, g)
			sound(t, healthy)
			for i, d := range createDirectories {
				if !requireOracles() && i%2 != 0 {
					continue
				}
				t.Run(d.name, func(t *testing.T) { createAndRemove(t, healthy.clone(), d.name) })
			}
			t.Run("root", func(t *testing.T) { createAndRemove(t, healthy.clone(), ".") })
		})
	}
}

func createAndRemove(t *testing.T, dev *memory, dir string) {
	t.Helper()
	before := list(t, open(t, dev), dir)
	free := freeBytes(t, dev)
	names := map[string][]byte{
		"file 00001.dat": patterned(100_000),
		"Aaa first":      nil,
		"ZZZ.LST":        patterned(300),
		"zzzz last <d800> of a long name, which takes much room in every node of a tree it comes into": patterned(5000),
	}
	for name, contents := range names {
		mustCreate(t, dev, inDir(dir, name), contents)
	}
	sound(t, dev)
	v := open(t, dev)
	for name, contents := range names {
		if got, err := fs.ReadFile(v, inDir(dir, name)); err != nil || !bytes.Equal(got, contents) {
			t.Errorf("%s: %d bytes, want %d (%v)", name, len(got), len(contents), err)
		}
	}
	if got := list(t, v, dir); len(got) != len(before)+len(names) {
		t.Errorf("%d names, want %d", len(got), len(before)+len(names))
	}
	if len(before) < 200 || requireOracles() { // it opens all of them several times
		if sub, err := fs.Sub(v, dir); err != nil || fstest.TestFS(sub, "ZZZ.LST") != nil {
			t.Error(err, fstest.TestFS(sub, "ZZZ.LST"))
		}
	}
	for name := range names {
		mustRemove(t, dev, inDir(dir, name))
	}
	sound(t, dev)
	if got := list(t, open(t, dev), dir); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("%v, want %v", got, before)
	}
	if got := freeBytes(t, dev); got > free {
		t.Errorf("%d bytes free, before %d", got, free)
	}
}

// TestCreateWithoutTime: a file without a time has the first one there is.
func TestCreateWithoutTime(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{})
	c, err := open(t, m).PlanCreate("NEW", patterned(5000), ntfs.CreateOptions{SecurityOf: hivePath})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	none := time.Date(1601, time.January, 1, 0, 0, 0, 0, time.UTC)
	if d, err := open(t, m).Detail("NEW"); err != nil || !d.Times.Created.Equal(none) || !d.Times.Modified.Equal(none) {
		t.Errorf("%+v (%v)", d.Times, err)
	}
}

func inDir(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

func list(tb testing.TB, v *ntfs.Volume, dir string) []string {
	tb.Helper()
	entries, err := v.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func freeBytes(tb testing.TB, dev ntfs.Device) int64 {
	tb.Helper()
	n, err := open(tb, dev).Free()
	if err != nil {
		tb.Fatal(err)
	}
	return n
}
