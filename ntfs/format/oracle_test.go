package format_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
)

// ask runs a program that must find nothing wrong.
func ask(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, tail(stdout.Bytes()), stderr.Bytes())
	}
	return stdout.Bytes()
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// image is a volume in a sparse file.
type image struct {
	*os.File
	size int64
}

func (f image) Size() int64 { return f.size }

func newImage(t *testing.T, size int64) image {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "volume.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return image{f, size}
}

func build(t *testing.T, dev format.Device, o format.Options) *format.Layout {
	t.Helper()
	l, err := format.Build(dev, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// compareTree compares what is mounted with what went in.
func compareTree(t *testing.T, dir string, entries []format.Entry) {
	t.Helper()
	if names, err := os.ReadDir(dir); err != nil || len(names) != len(entries) {
		t.Errorf("%s: %d entries, want %d (%v)", dir, len(names), len(entries), err)
	}
	for i := range entries {
		e := &entries[i]
		path := filepath.Join(dir, e.Name)
		if e.Dir != nil {
			compareTree(t, path, e.Dir)
			continue
		}
		if isLink(e) {
			if target, err := os.Readlink(path); err != nil || target != "one.bin" {
				t.Errorf("%q leads to %q (%v)", path, target, err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, visible(e)) {
			t.Errorf("%q differs (%v)", path, err)
		}
	}
}

// TestOracleSizes has the sample tree read by programs we did not write, for
// every combination of sizes they take.
func TestOracleSizes(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfscat")
	for _, s := range []sizes{{512, 512}, {512, 1024}, {512, 4096}, {512, 65536}, {512, 2 << 20}, {4096, 4096}, {4096, 65536}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			entries := sampleTree(s.cluster)
			img := newImage(t, max(256<<20, 4000*int64(s.cluster)))
			build(t, img, format.Options{SectorSize: s.sector, ClusterSize: s.cluster, Label: "Größe", Root: entries})
			ntfstest.Approve(t, img.Name())
			compareWithCat(t, img.Name(), entries)
			if s.cluster <= 65536 { // sleuthkit 4.11 reads no larger clusters
				compareWithFls(t, img.Name(), entries)
			}
			ntfstest.Mounted(t, img.Name(), "ro,norecover", func(dir string) { compareTree(t, dir, entries) })
		})
	}
}

// compareWithCat reads all files, but the small ones of which there are many,
// and all streams.
func compareWithCat(t *testing.T, path string, entries []format.Entry) {
	t.Helper()
	walkEntries("", entries, func(name string, e *format.Entry) {
		for _, s := range e.Streams {
			if got := ask(t, "ntfscat", "-n", s.Name, path, name); !bytes.Equal(got, s.Data) {
				t.Errorf("ntfscat: stream %q of %q differs", s.Name, name)
			}
		}
		if e.Dir != nil || strings.Contains(name, "many/") {
			return
		}
		if got := ask(t, "ntfscat", path, name); !bytes.Equal(got, visible(e)) {
			t.Errorf("ntfscat: %q differs", name)
		}
	})
}

// compareWithFls compares the names sleuthkit finds. It reads index blocks that
// are not in use, too, and so finds the deleted ones.
func compareWithFls(t *testing.T, path string, entries []format.Entry) {
	t.Helper()
	out := string(ask(t, "fls", "-r", "-p", "-f", "ntfs", path))
	walkEntries("", entries, func(name string, e *format.Entry) {
		if !strings.Contains(out, "\t"+name+"\n") {
			t.Errorf("fls does not find %q", name)
		}
		for _, deleted := range e.Deleted {
			if !strings.Contains(out, "\t"+name+"/"+deleted+"\n") {
				t.Errorf("fls does not find the deleted %q in %q", deleted, name)
			}
		}
	})
}

// TestOracleLarge has programs we did not write read 20,000 extents and
// 100,000 names.
func TestOracleLarge(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfscat")
	entries := []format.Entry{
		{Name: "pagefile.sys", Content: pattern{90 << 20}, Size: 90 << 20, Fragments: 20_000},
		{Name: "many", Dir: numbered(100_000)},
	}
	img := newImage(t, 1<<30)
	build(t, img, format.Options{Root: entries, ExtraRecords: 100_000, MFTFragments: 20})
	ntfstest.ApproveStructure(t, img.Name())
	if got := ask(t, "ntfscat", img.Name(), "pagefile.sys"); !bytes.Equal(got, visible(&entries[0])) {
		t.Error("ntfscat: pagefile.sys differs")
	}
	ntfstest.Mounted(t, img.Name(), "ro,norecover", func(dir string) { compareMany(t, filepath.Join(dir, "many"), entries[1].Dir) })
}

// compareMany counts the files of a directory and compares some of them.
func compareMany(t *testing.T, dir string, entries []format.Entry) {
	t.Helper()
	if names, err := os.ReadDir(dir); err != nil || len(names) != len(entries) {
		t.Errorf("%d names (%v)", len(names), err)
	}
	for i := 0; i < len(entries); i += 997 {
		if got, err := os.ReadFile(filepath.Join(dir, entries[i].Name)); err != nil || !bytes.Equal(got, entries[i].Data) {
			t.Errorf("%q differs (%v)", entries[i].Name, err)
		}
	}
}

// TestOraclePopulate has a population read, its $MFT and an index in more extents than
// a record lists.
func TestOraclePopulate(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfscat")
	for _, cluster := range []int{512, 4096} {
		t.Run(fmt.Sprint(cluster), func(t *testing.T) {
			t.Parallel()
			o := populated(3)
			o.ClusterSize, o.MFTFragments, o.ExtraRecords = cluster, 350, 9000
			o.Root[0].Dir = append(o.Root[0].Dir, numbered(4000)...)
			o.Root[0].Fragments = 300 // of its index
			img := newImage(t, populatedSize)
			l := build(t, img, o)
			if l.Files["$MFT"].Extensions == 0 || l.Files["names"].Extensions == 0 {
				t.Error("no extension records")
			}
			ntfstest.Approve(t, img.Name())
			compareWithFls(t, img.Name(), o.Root)
			ntfstest.Mounted(t, img.Name(), "ro,norecover", func(dir string) { compareTree(t, dir, o.Root) })
		})
	}
}

// TestOracleHuge has a 500 GB volume with two million MFT records checked.
func TestOracleHuge(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfscat")
	entries := windowsDisk(160 << 30)
	img := newImage(t, 500<<30)
	build(t, img, format.Options{Root: entries, ExtraRecords: 2 << 20, VolumeFlags: format.VolumeMounted})
	ntfstest.ApproveStructure(t, img.Name())
	hive := entries[0].Dir[0].Dir
	if got := ask(t, "ntfscat", img.Name(), "Windows/System32/config/SYSTEM"); !bytes.Equal(got, hive[len(hive)-1].Dir[0].Data) {
		t.Error("ntfscat: SYSTEM differs")
	}
}

// TestOracleLogState has ntfs-3g judge whether the log lets it write.
func TestOracleLogState(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfs-3g.probe")
	const (
		writable   = 0
		hibernated = 14 // "metadata kept in Windows cache"
		unclean    = 15
	)
	for state, want := range map[format.LogState]int{
		format.LogEmpty: writable, format.LogClean: writable, format.LogDirty: unclean,
		format.LogV2: hibernated, format.LogV2Clean: hibernated, format.LogGarbage: unclean,
	} {
		img := newImage(t, 16<<20)
		build(t, img, format.Options{Log: state})
		cmd := exec.CommandContext(t.Context(), "ntfs-3g.probe", "--readwrite", img.Name())
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("log %v: status %d, want %d: %s", state, got, want, out)
		}
	}
}

// TestOracleWritable has ntfs-3g change the volume: what the formatter left
// must be what a driver can allocate from, insert into and delete from.
func TestOracleWritable(t *testing.T) {
	t.Parallel()
	for _, s := range []sizes{{512, 1024}, {512, 4096}, {512, 65536}, {4096, 4096}} {
		for _, extra := range []int64{0, 5000} {
			t.Run(fmt.Sprintf("%v extra %d", s, extra), func(t *testing.T) {
				t.Parallel()
				img := newImage(t, 128<<20)
				build(t, img, format.Options{
					SectorSize: s.sector, ClusterSize: s.cluster, Root: sampleTree(s.cluster),
					ExtraRecords: extra, MFTFragments: int(extra / 1000),
				})
				ntfstest.Mounted(t, img.Name(), "rw", func(dir string) { change(t, dir) })
				ntfstest.Approve(t, img.Name())
				ntfstest.Mounted(t, img.Name(), "ro", func(dir string) { checkChanged(t, dir) })
			})
		}
	}
}

// changedFiles is how many files change creates in the large directory.
const changedFiles = 600

func change(t *testing.T, dir string) {
	t.Helper()
	many := filepath.Join(dir, "Windows", "many")
	for i := range changedFiles {
		write(t, filepath.Join(many, fmt.Sprintf("new %d.txt", i)), noise(uint64(i), i*10))
	}
	for _, e := range numbered(2500)[:1200] {
		if err := os.Remove(filepath.Join(many, e.Name)); err != nil {
			t.Error(err)
		}
	}
	write(t, filepath.Join(dir, "new.bin"), noise(99, 5<<20))
	write(t, filepath.Join(dir, "Windows", "System32", "config", "SYSTEM"), noise(98, 4<<20))
	write(t, filepath.Join(dir, "stale", "a.txt"), []byte("born again"))
	if err := os.RemoveAll(filepath.Join(dir, "Program Files")); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Error(err)
	}
}

func checkChanged(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(dir, "Windows", "many"))
	if want := 2500 - 1200 + changedFiles; err != nil || len(names) != want {
		t.Errorf("%d names, want %d (%v)", len(names), want, err)
	}
	for name, want := range map[string][]byte{
		"new.bin":                        noise(99, 5<<20),
		"Windows/System32/config/SYSTEM": noise(98, 4<<20),
		"stale/a.txt":                    []byte("born again"),
		"pagefile.sys":                   noise(4, 8<<20),
		"Windows/many/new 599.txt":       noise(599%256|599>>8<<8, 5990),
		"Windows/many/" + numbered(2500)[2499].Name: noise(2499, 2499%800),
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q differs (%v)", name, err)
		}
	}
}
