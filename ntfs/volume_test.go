package ntfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// tree is what most tests read: each entry is one way a file can be stored.
func tree(cluster int) []format.Entry {
	zero, half := int64(0), int64(5000)
	return []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: []format.Entry{
				{Name: "config", Dir: []format.Entry{
					{Name: "SYSTEM", Data: patterned(100_000)},
					{Name: "SYSTEM.LOG1", Data: patterned(int64(3*cluster) + 1)},
				}},
			}},
		}},
		{Name: "ünï-日本", Dir: []format.Entry{{Name: "İstanbul", Data: []byte("x")}, {Name: "Straße", Data: patterned(600)}}},
		{Name: "emoji \U0001f600", Data: []byte("y")},
		{Name: "a long name.txt", ShortName: "ALONGN~1.TXT", Data: []byte("both names")},
		{Name: "empty"},
		{Name: "no entries", Dir: []format.Entry{}},
		{Name: "pieces", Data: patterned(int64(40 * cluster)), Fragments: 40},
		{Name: "uninitialized", Data: patterned(20_000), InitializedSize: &half},
		{Name: "written under NTFS", Data: patterned(20_000), InitializedSize: &zero},
		{Name: "thinned", Dir: numbered(300), Deleted: []string{"stale_1.txt", "zzz gone"}},
		{Name: "streams", Data: []byte("main"), Streams: []format.Stream{{Name: "other", Data: []byte("beside")}}},
	}
}

func numbered(n int) []format.Entry {
	var entries []format.Entry
	for i := range n {
		entries = append(entries, format.Entry{Name: fmt.Sprintf("File number %05d.txt", i), Data: fmt.Append(nil, i)})
	}
	return entries
}

func TestGeometries(t *testing.T) {
	t.Parallel()
	for _, g := range []struct{ sector, cluster int }{
		{512, 512}, {512, 1024}, {512, 4096}, {512, 64 << 10}, {512, 2 << 20}, {4096, 4096}, {4096, 64 << 10},
	} {
		t.Run(fmt.Sprintf("%d-%d", g.sector, g.cluster), func(t *testing.T) {
			t.Parallel()
			entries := tree(g.cluster)
			m, layout := build(t, 512<<20, format.Options{SectorSize: g.sector, ClusterSize: g.cluster, Label: "Größe", Serial: 0x1234, Root: entries})
			v := open(t, m)
			checkEntries(t, v, layout, ".", entries)
			want := ntfs.VolumeInfo{Serial: 0x1234, Label: "Größe", Version: "3.1", ClusterSize: int64(g.cluster), SectorSize: int64(g.sector)}
			got := v.Info()
			got.Clusters, got.RecordSize, got.Records = 0, 0, 0
			if got != want {
				t.Errorf("info: got %+v, want %+v", got, want)
			}
		})
	}
}

// checkEntries reads back everything that was formatted, by each way of reading.
func checkEntries(t *testing.T, v *ntfs.Volume, layout *format.Layout, dir string, entries []format.Entry) {
	t.Helper()
	list, err := v.ReadDir(dir)
	if err != nil || len(list) != len(entries) {
		t.Fatalf("%s: %d entries, want %d (%v)", dir, len(list), len(entries), err)
	}
	for _, e := range entries {
		name := strings.TrimPrefix(dir+"/"+e.Name, "./")
		if e.Dir != nil {
			checkEntries(t, v, layout, name, e.Dir)
			continue
		}
		visible := bytes.Clone(e.Data)
		if e.InitializedSize != nil {
			clear(visible[*e.InitializedSize:])
		}
		got, err := fs.ReadFile(v, strings.ToUpper(name))
		if name == "ünï-日本/Straße" { // $UpCase folds ß to itself, Go does not
			got, err = fs.ReadFile(v, name)
		}
		if err != nil || !bytes.Equal(got, visible) {
			t.Errorf("%s: contents differ (%v)", name, err)
		}
		checkRaw(t, v, layout.Files[name], name, e.Data)
	}
}

func checkRaw(t *testing.T, v *ntfs.Volume, where format.File, name string, want []byte) {
	t.Helper()
	raw, err := v.OpenRaw(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(raw)
	if err != nil || len(got) < len(want) || !bytes.Equal(got[:len(want)], want) {
		t.Errorf("%s: raw contents differ (%v)", name, err)
	}
	extents, err := v.Extents(name)
	if err != nil {
		t.Fatal(err)
	}
	var wantExtents []ntfs.Extent
	for _, e := range where.Extents {
		wantExtents = append(wantExtents, ntfs.Extent(e))
	}
	if fmt.Sprint(extents) != fmt.Sprint(wantExtents) {
		t.Errorf("%s: extents %v, want %v", name, extents, wantExtents)
	}
	d, err := v.Detail(name)
	if err != nil || d.Record != uint64(where.Record) || d.Sequence != where.Sequence || d.Resident != where.Resident || d.Fragments != len(where.Extents) {
		t.Errorf("%s: detail %+v, formatted %+v (%v)", name, d, where, err)
	}
}

func TestFS(t *testing.T) {
	t.Parallel()
	root := []format.Entry{
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{Name: "SYSTEM", Data: patterned(5000)}}}}},
		{Name: "ünï-日本", Data: []byte("x")},
		{Name: "a long name.txt", ShortName: "ALONGN~1.TXT", Data: []byte("both names")},
		{Name: "empty"},
		{Name: "none", Dir: []format.Entry{}},
		{Name: "many", Dir: numbered(60), Deleted: []string{"gone"}},
		{Name: "pieces", Data: patterned(12 << 10), Fragments: 3},
	}
	m, _ := build(t, 16<<20, format.Options{Root: root})
	if err := fstest.TestFS(open(t, m), "Windows/System32/SYSTEM", "ünï-日本", "a long name.txt", "empty", "many/File number 00007.txt"); err != nil {
		t.Error(err)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 32<<20, format.Options{Root: tree(4096)})
	v := open(t, m)
	for _, c := range []struct {
		name, asked string
		want        error
	}{
		{"as spelled", "Windows/System32/config/SYSTEM", nil},
		{"in another case", "wINDOWS/sYSTEM32/CONFIG/system", nil},
		{"outside ASCII", "ÜNÏ-日本/Straße", nil},
		{"no full folding", "ünï-日本/STRASSE", fs.ErrNotExist},
		{"8.3 alias", "alongn~1.txt", nil},
		{"metafile", "$Bitmap", nil},
		{"metafile in a directory", "$Extend/$ObjId", nil},
		{"deleted, its index block free", "thinned/stale_1.txt", fs.ErrNotExist},
		{"deleted, in the slack of a block", "thinned/zzz gone", fs.ErrNotExist},
		{"file as directory", "empty/x", fs.ErrNotExist},
		{"prefix of a name", "Window", fs.ErrNotExist},
		{"longer than a name", "Windows2", fs.ErrNotExist},
		{"backslashes", `Windows\System32`, fs.ErrNotExist},
		{"rooted", "/Windows", fs.ErrInvalid},
		{"parent", "Windows/../Windows", fs.ErrInvalid},
		{"empty", "", fs.ErrInvalid},
		{"stream", "streams:other", fs.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Stat(c.asked)
			if !errors.Is(err, c.want) {
				t.Errorf("stat %q: %v, want %v", c.asked, err, c.want)
			}
			if f, err := v.Open(c.asked); !errors.Is(err, c.want) {
				t.Errorf("open %q: %v, want %v", c.asked, err, c.want)
			} else if err == nil && f.Close() != nil {
				t.Error("close")
			}
		})
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 32<<20, format.Options{Root: []format.Entry{{Name: "pieces", Data: patterned(40_000), Fragments: 9}}})
	f, err := open(t, m).Open("pieces")
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(f, patterned(40_000)); err != nil {
		t.Error(err)
	}
	if _, err := f.(io.Seeker).Seek(-1, io.SeekStart); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("seek before the start: %v", err)
	}
	if _, err := f.(io.ReaderAt).ReadAt(make([]byte, 1), -1); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("read before the start: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read when closed: %v", err)
	}
}

func TestInfoMatchesLayout(t *testing.T) {
	t.Parallel()
	when := time.Date(2024, 2, 29, 12, 0, 0, 100, time.UTC)
	m, _ := build(t, 32<<20, format.Options{Time: when, Root: tree(4096)})
	v := open(t, m)
	d, err := v.Detail("uninitialized")
	if err != nil || d.Size != 20_000 || d.Initialized != 5000 || d.Allocated != 20<<10 || !d.Times.Modified.Equal(when) || d.Links != 1 {
		t.Errorf("detail: %+v (%v)", d, err)
	}
	info, err := v.Stat("windows")
	if err != nil || info.Name() != "Windows" || !info.IsDir() || !info.ModTime().Equal(when) {
		t.Errorf("stat: %v (%v)", info, err)
	}
}

// TestReadBudget is a promise: finding a hive costs what the path costs, whatever
// the size of the volume and its MFT, and however scattered they are.
func TestReadBudget(t *testing.T) {
	t.Parallel()
	system32 := numbered(5000)
	system32 = append(system32, format.Entry{Name: "config", Dir: []format.Entry{{Name: "SYSTEM", Data: patterned(1 << 20)}}})
	for _, c := range []struct {
		name        string
		size        int64
		options     format.Options
		indexPieces int // of System32
	}{
		{"$MFT of 10 MiB", 64 << 30, format.Options{}, 0},
		{"$MFT of 2 GiB", 500 << 30, format.Options{ExtraRecords: 2 << 20}, 0},
		{"$MFT of 16 GiB", 8 << 40, format.Options{ExtraRecords: 16 << 20}, 0},
		{"$MFT of 1 GiB in 1000 pieces", 500 << 30, format.Options{ExtraRecords: 1 << 20, MFTFragments: 1000}, 0},
		{"clusters of 512 bytes, everything scattered", 100 << 30, format.Options{ClusterSize: 512, ExtraRecords: 1 << 18, MFTFragments: 800}, 150},
		{"clusters of 2 MiB", 500 << 30, format.Options{ClusterSize: 2 << 20, ExtraRecords: 1 << 20}, 0},
		{"sectors of 4 KiB", 500 << 30, format.Options{SectorSize: 4096, ExtraRecords: 1 << 20, MFTFragments: 1000}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.options.Root = []format.Entry{
				{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: system32, Fragments: c.indexPieces}}},
				{Name: "Users", Dir: numbered(2000)},
			}
			m, _ := build(t, c.size, c.options)
			budget(t, m, "open and find", 64, 2<<20, func() error {
				_, err := open(t, m).Stat("Windows/System32/config/SYSTEM")
				return err
			})
			v := open(t, m)
			budget(t, m, "state", 32, 256<<10, func() error {
				_, err := v.State()
				return err
			})
		})
	}
}

// budget checks how much of a device something reads.
func budget(t *testing.T, m *memory, what string, reads int, bytes int64, do func() error) {
	t.Helper()
	m.reads, m.bytes = 0, 0
	if err := do(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d reads, %d bytes", what, m.reads, m.bytes)
	if m.reads > reads || m.bytes > bytes {
		t.Errorf("%s took %d reads and %d bytes, want at most %d and %d", what, m.reads, m.bytes, reads, bytes)
	}
}

// TestReadErrors makes each read of a walk fail once: every one must surface.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 32<<20, format.Options{Root: tree(4096)})
	walk := func() error {
		v, err := ntfs.Open(m)
		if err != nil {
			return err
		}
		if _, err := v.Free(); err != nil {
			return err
		}
		if _, err := v.State(); err != nil {
			return err
		}
		return readEverything(v)
	}
	total, failing := 0, -1
	m.fault = func(int64, int64) bool { total++; return total == failing }
	if err := walk(); err != nil {
		t.Fatal(err)
	}
	last := total
	for failing = 1; failing <= last; failing += 1 + failing/25 {
		total = 0
		if err := walk(); !errors.Is(err, errFault) {
			t.Fatalf("read %d of %d failed, and the walk says: %v", failing, last, err)
		}
	}
}

// readEverything lists all directories and reads all files.
func readEverything(v *ntfs.Volume) error {
	return fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if _, err := d.Info(); err != nil {
			return err
		}
		f, err := v.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, io.LimitReader(f, 1<<20))
		return err
	})
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 32<<20, format.Options{Root: tree(4096)})
	v := open(t, m)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := readEverything(v); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestProbe(t *testing.T) {
	t.Parallel()
	volume, _ := build(t, 16<<20, format.Options{})
	sector := func(patch func(b []byte)) ntfs.Device {
		m := newMemory(1 << 20)
		b := make([]byte, 512)
		patch(b)
		m.patch(0, b...)
		return m
	}
	toGo := []byte{0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01}
	broken := volume.clone()
	broken.fault = func(int64, int64) bool { return true }
	for _, c := range []struct {
		name string
		dev  ntfs.Device
		want ntfs.Kind
		err  error
	}{
		{"NTFS", volume, ntfs.NTFS, nil},
		{"BitLocker", sector(func(b []byte) { copy(b[3:], "-FVE-FS-") }), ntfs.BitLocker, ntfs.ErrBitLocker},
		{"BitLocker To Go", sector(func(b []byte) { copy(b[3:], "MSWIN4.1"); copy(b[424:], toGo) }), ntfs.BitLocker, ntfs.ErrBitLocker},
		{"FAT", sector(func(b []byte) { copy(b[3:], "MSWIN4.1") }), ntfs.Other, ntfs.ErrNotNTFS},
		{"zeros", newMemory(1 << 20), ntfs.Other, ntfs.ErrNotNTFS},
		{"nothing", newMemory(0), ntfs.Other, ntfs.ErrNotNTFS},
		{"less than a sector", newMemory(100), ntfs.Other, ntfs.ErrNotNTFS},
		{"unreadable", broken, ntfs.Other, errFault},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := ntfs.Probe(c.dev); got != c.want {
				t.Errorf("probe: %v, want %v", got, c.want)
			}
			if _, err := ntfs.Open(c.dev); !errors.Is(err, c.err) {
				t.Errorf("open: %v, want %v", err, c.err)
			}
		})
	}
}
