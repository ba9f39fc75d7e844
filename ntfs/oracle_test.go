package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/ntfs"
	"hangkit/ntfs/ntfstest"
)

// The oracles are ntfs-3g, its tools and sleuthkit: their mkntfs makes the
// volumes, their driver fills them, and their readers say what is on them.

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out
}

// geometry of a volume made by mkntfs.
type geometry struct {
	sector, cluster int
	size            int64
}

func (g geometry) String() string { return fmt.Sprintf("%d-%d", g.sector, g.cluster) }

func mkntfs(t *testing.T, g geometry) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "volume.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, g.size); err != nil {
		t.Fatal(err)
	}
	run(t, "mkntfs", "-F", "-Q", "-q", "-L", "Größe", "-s", fmt.Sprint(g.sector), "-c", fmt.Sprint(g.cluster),
		"-p", "0", "-H", "16", "-S", "63", img)
	return img
}

// image is an open image file.
type image struct {
	*os.File
	size int64
}

func (i *image) Size() int64 { return i.size }

func openImage(tb testing.TB, path string) *image {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	return &image{f, info.Size()}
}

// counting counts what is read.
type counting struct {
	ntfs.Device
	reads int
	bytes int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += len(p)
	return c.Device.ReadAt(p, off)
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// interleave appends to two files by turns, so that both end up in pieces of
// one cluster.
func interleave(t *testing.T, dir string, names [2]string, cluster, pieces int) {
	t.Helper()
	var files [2]*os.File
	for i, name := range names {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	data := patterned(int64(cluster * pieces))
	for i := range pieces {
		for _, f := range files {
			if _, err := f.Write(data[i*cluster:][:cluster]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fill writes the tree every geometry is tried with.
func fill(t *testing.T, dir string, g geometry) {
	t.Helper()
	put(t, filepath.Join(dir, "Windows/System32/config/SYSTEM"), patterned(300_000))
	put(t, filepath.Join(dir, "ünï-日本/İstanbul/Straße.txt"), []byte("grüße"))
	put(t, filepath.Join(dir, "emoji \U0001f600.bin"), patterned(int64(g.cluster)+1))
	put(t, filepath.Join(dir, "empty"), nil)
	put(t, filepath.Join(dir, "resident"), patterned(200))
	put(t, filepath.Join(dir, "case"), []byte("lower"))
	put(t, filepath.Join(dir, "CASE"), []byte("upper"))
	for i := range 400 {
		put(t, filepath.Join(dir, "thinned", fmt.Sprintf("file_number_%04d.txt", i)), fmt.Append(nil, i))
	}
	for i := range 400 {
		if i%50 != 0 {
			if err := os.Remove(filepath.Join(dir, "thinned", fmt.Sprintf("file_number_%04d.txt", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	sparse, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	for _, off := range []int64{0, 1 << 20, 5<<20 + 77} {
		if _, err := sparse.WriteAt(patterned(5000), off); err != nil {
			t.Fatal(err)
		}
	}
	interleave(t, dir, [2]string{"pieces", "others"}, g.cluster, min(300, 16<<20/g.cluster))
	if err := os.Link(filepath.Join(dir, "resident"), filepath.Join(dir, "ünï-日本", "second name")); err != nil {
		t.Fatal(err)
	}
}

func TestOracleGeometries(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	for _, g := range []geometry{
		{512, 512, 48 << 20}, {512, 1024, 48 << 20}, {512, 2048, 48 << 20}, {512, 4096, 64 << 20}, {512, 8192, 64 << 20},
		{512, 32768, 96 << 20}, {512, 65536, 128 << 20}, {1024, 4096, 64 << 20}, {4096, 4096, 64 << 20}, {4096, 65536, 128 << 20},
		{512, 128 << 10, 256 << 20}, {512, 1 << 20, 2 << 30},
	} {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			img := mkntfs(t, g)
			ntfstest.Mounted(t, img, "rw", func(dir string) { fill(t, dir, g) })
			v := open(t, openImage(t, img))
			ntfstest.Approve(t, img)
			// All of a volume takes minutes: TestFS reads each file byte by byte.
			for dir, file := range map[string]string{"ünï-日本": "İstanbul/Straße.txt", "thinned": "file_number_0050.txt"} {
				if sub, err := fs.Sub(v, dir); err != nil || fstest.TestFS(sub, file) != nil {
					t.Error(dir, err, fstest.TestFS(sub, file))
				}
			}
			checkVolume(t, v, img, g)
		})
	}
}

func checkVolume(t *testing.T, v *ntfs.Volume, img string, g geometry) {
	t.Helper()
	info := v.Info()
	if info.Label != "Größe" || info.Version != "3.1" || info.ClusterSize != int64(g.cluster) || info.SectorSize != int64(g.sector) {
		t.Errorf("info: %+v", info)
	}
	if _, err := v.Stat("thinned/file_number_0112.txt"); !os.IsNotExist(err) {
		t.Errorf("deleted file: %v", err)
	}
	for asked, want := range map[string]string{"case": "lower", "CASE": "upper", "ÜNÏ-日本/i\u0307STANBUL": "", "WINDOWS/system32/CONFIG/system": "-"} {
		b, err := fs.ReadFile(v, asked)
		switch {
		case want == "" && !os.IsNotExist(err):
			t.Errorf("%q: %v", asked, err)
		case len(want) > 1 && string(b) != want:
			t.Errorf("%q: %q (%v)", asked, b, err)
		case want == "-" && !bytes.Equal(b, patterned(300_000)):
			t.Errorf("%q differs (%v)", asked, err)
		}
	}
	for _, name := range []string{"pieces", "sparse", "resident"} {
		checkAgainstTools(t, v, img, name)
	}
	free, err := v.Free()
	if err != nil {
		t.Error(err)
	}
	if want := freeByNtfsinfo(t, img, int64(g.cluster)); free != want {
		t.Errorf("free: %d, ntfsinfo says %d", free, want)
	}
}

// freeByNtfsinfo takes the number of free clusters from ntfsinfo.
func freeByNtfsinfo(t *testing.T, img string, cluster int64) int64 {
	t.Helper()
	for line := range strings.Lines(string(run(t, "ntfsinfo", "-f", "-m", img))) {
		var free int64
		if i := strings.Index(line, "Free Clusters:"); i >= 0 {
			if _, err := fmt.Sscanf(line[i:], "Free Clusters: %d", &free); err == nil {
				return free * cluster
			}
		}
	}
	t.Fatal("ntfsinfo names no free clusters")
	return 0
}

// checkAgainstTools compares one file with ntfscat and icat, read through the
// file system and through its extents.
func checkAgainstTools(t *testing.T, v *ntfs.Volume, img, name string) {
	t.Helper()
	d, err := v.Detail(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(v, name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, run(t, "ntfscat", "-f", img, name)) {
		t.Errorf("%s: ntfscat differs", name)
	}
	if info := v.Info(); info.ClusterSize <= 64<<10 && !bytes.Equal(got, run(t, "icat", img, fmt.Sprint(d.Record))) {
		t.Errorf("%s: icat differs", name)
	}
	raw, err := v.OpenRaw(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(raw)
	if err != nil || !bytes.Equal(all[:len(got)], got) {
		t.Errorf("%s: raw contents differ (%v)", name, err)
	}
}

// TestOracleManyPieces makes a file of thousands of extents, in dozens of MFT
// records, by leaving ntfs-3g nothing but single free clusters.
func TestOracleManyPieces(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	const count = 12_000
	g := geometry{512, 1024, 64 << 20}
	img := mkntfs(t, g)
	filler := func(i int) string { return fmt.Sprintf("filler/%d", i) }
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			put(t, filepath.Join(dir, filler(i)), patterned(int64(g.cluster)))
		}
		writeUntilFull(t, filepath.Join(dir, "rest"))
	})
	v := open(t, openImage(t, img))
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			extents, err := v.Extents(filler(i))
			if err != nil {
				t.Fatal(err)
			}
			if extents[0].DeviceOffset/int64(g.cluster)%2 == 0 {
				if err := os.Remove(filepath.Join(dir, filler(i))); err != nil {
					t.Fatal(err)
				}
			}
		}
		writeUntilFull(t, filepath.Join(dir, "pieces"))
	})
	v = open(t, openImage(t, img))
	d, err := v.Detail("pieces")
	if err != nil || d.Fragments < 5_000 {
		t.Fatalf("%+v (%v)", d, err)
	}
	t.Logf("%d fragments", d.Fragments)
	checkAgainstTools(t, v, img, "pieces")
	ntfstest.Approve(t, img)
	p, err := v.OpenInPlace("pieces")
	if err != nil || p.Size() != d.Size {
		t.Fatal(err)
	}
}

// TestOracleFragmentedMetadata leaves ntfs-3g nothing but single free clusters
// for a growing $MFT and a growing directory: both end up in hundreds of
// pieces, mapped by several MFT records.
func TestOracleFragmentedMetadata(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	const count, names = 12_000, 8_000
	g := geometry{512, 4096, 96 << 20}
	img := mkntfs(t, g)
	filler := func(i int) string { return fmt.Sprintf("filler/%d", i) }
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			put(t, filepath.Join(dir, filler(i)), patterned(int64(g.cluster)))
		}
		writeUntilFull(t, filepath.Join(dir, "rest"))
	})
	v := open(t, openImage(t, img))
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			if extents := mustExtents(t, v, filler(i)); extents[0].DeviceOffset/int64(g.cluster)%2 == 0 {
				if err := os.Truncate(filepath.Join(dir, filler(i)), 0); err != nil { // its record stays in use
					t.Fatal(err)
				}
			}
		}
		for i := range names {
			put(t, filepath.Join(dir, "many", fmt.Sprintf("a rather long name so that the tree grows %06d", i)), fmt.Append(nil, i))
		}
	})
	dev := &counting{Device: openImage(t, img)}
	v = open(t, dev)
	if _, err := v.Stat("many/a rather long name so that the tree grows 001234"); err != nil || dev.reads > 64 {
		t.Errorf("open and find took %d reads (%v)", dev.reads, err)
	}
	t.Logf("%d reads, %d bytes to open and find", dev.reads, dev.bytes)
	pieces := mustExtents(t, v, "$MFT")
	t.Logf("$MFT in %d pieces", len(pieces))
	records := bytes.Count(run(t, "ntfsinfo", "-f", "-F", "/many", img), []byte("Dumping attribute $INDEX_ALLOCATION"))
	t.Logf("the directory's index in %d records", records)
	if len(pieces) < 500 || records < 2 {
		t.Error("not fragmented enough")
	}
	if list, err := v.ReadDir("many"); err != nil || len(list) != names {
		t.Fatalf("%d names (%v)", len(list), err)
	}
	ntfstest.Approve(t, img)
}

func writeUntilFull(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := 64 << 10; chunk >= 512; {
		if _, err := f.Write(patterned(int64(chunk))); err != nil {
			chunk /= 2
		}
	}
}

func TestOracleManyNames(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "ntfscat", "ntfsinfo", "icat")
	const count = 20_000
	img := mkntfs(t, geometry{512, 4096, 96 << 20})
	name := func(i int) string {
		return fmt.Sprintf("a rather long name so that the tree grows %06d.dat", i*7919%count)
	}
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			put(t, filepath.Join(dir, "many", name(i)), nil)
		}
	})
	v := open(t, openImage(t, img))
	if list, err := v.ReadDir("many"); err != nil || len(list) != count {
		t.Fatalf("%d names (%v)", len(list), err)
	}
	ntfstest.Mounted(t, img, "rw", func(dir string) {
		for i := range count {
			if i%500 != 0 {
				if err := os.Remove(filepath.Join(dir, "many", name(i))); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	v = open(t, openImage(t, img))
	if list, err := v.ReadDir("many"); err != nil || len(list) != count/500 {
		t.Errorf("%d names left (%v)", len(list), err)
	}
	for i := range 2_000 {
		_, err := v.Stat("many/" + strings.ToUpper(name(i)))
		if i%500 == 0 && err != nil || i%500 != 0 && !os.IsNotExist(err) {
			t.Errorf("%s: %v", name(i), err)
		}
	}
}

// changedBytes returns the offsets cmp says differ.
func changedBytes(t *testing.T, a, b string) []int64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "cmp", "-l", a, b).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) {
		t.Fatal(err)
	}
	var offsets []int64
	for line := range bytes.Lines(out) {
		n, err := strconv.ParseInt(string(bytes.Fields(line)[0]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		offsets = append(offsets, n-1) // cmp counts from one
	}
	if len(offsets) == 0 {
		t.Fatal("nothing changed")
	}
	return offsets
}
