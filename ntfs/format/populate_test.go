package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// populated is a volume with everything a population can have.
func populated(seed uint64) format.Options {
	return format.Options{
		Seed: seed, MFTFragments: 150, ExtraRecords: 5000,
		Root: format.Populate(format.Population{
			Seed: seed, Names: 3000, Pieces: []int{1, 2, 30, 700},
			PageFile: 9 << 20, PageFilePieces: 2000, Hiberfil: format.HiberfilAwake,
		}),
	}
}

const populatedSize = 128 << 20

// TestPopulate: two builds have one hash, another seed another, and all of it is whole.
func TestPopulate(t *testing.T) {
	t.Parallel()
	sum := func(seed uint64) (*memory, [32]byte) {
		m := newMemory(populatedSize)
		if err := format.Write(m, populated(seed)); err != nil {
			t.Fatal(err)
		}
		return m, m.sum()
	}
	m, first := sum(1)
	_, again := sum(1)
	_, other := sum(2)
	if first != again {
		t.Error("two builds of one population differ")
	}
	if first == other {
		t.Error("the seed makes no difference")
	}
	wholesome(t, m)
	v, err := ntfs.Open(m)
	if err != nil {
		t.Fatal(err)
	}
	list, err := v.ReadDir("names")
	if err != nil || len(list) != 3000 {
		t.Errorf("%d names (%v)", len(list), err)
	}
	for i, pieces := range []int{1, 2, 30, 700} {
		d, err := v.Detail(fmt.Sprintf("pieces/%d in %d pieces.bin", i, pieces))
		if err != nil || d.Fragments != pieces {
			t.Errorf("%d pieces, want %d (%v)", d.Fragments, pieces, err)
		}
	}
	checkWhole(t, v)
}

// wholesome proves that the checker has nothing to say about a volume.
func wholesome(t *testing.T, m *memory) *verify.Report {
	t.Helper()
	r, err := verify.Check(t.Context(), m, m.Size(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Errorf("%v", f)
	}
	return r
}

// checkWhole reads all files of a volume, and the page file raw.
func checkWhole(t *testing.T, v *ntfs.Volume) {
	t.Helper()
	err := fs.WalkDir(v, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, err = fs.ReadFile(v, name)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	raw, err := v.OpenRaw("pagefile.sys")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(raw)
	if err != nil || bytes.Count(b, []byte{0}) > len(b)/100 {
		t.Errorf("%d of %d bytes of the page file are zero (%v)", bytes.Count(b, []byte{0}), len(b), err)
	}
}

// TestHiberfil: the reader takes each state for what it is.
func TestHiberfil(t *testing.T) {
	t.Parallel()
	for state, want := range map[format.HiberfilState]ntfs.Hibernation{
		format.NoHiberfil:         ntfs.HibernationNone,
		format.HiberfilHibernated: ntfs.Hibernated,
		format.HiberfilOld:        ntfs.Hibernated,
		format.HiberfilResuming:   ntfs.Resuming,
		format.HiberfilAwake:      ntfs.Awake,
		format.HiberfilZeros:      ntfs.Awake,
		format.HiberfilShort:      ntfs.Hibernated,
		format.HiberfilUnknown:    ntfs.HibernationUnknown,
	} {
		m := newMemory(32 << 20)
		if err := format.Write(m, format.Options{Root: format.Populate(format.Population{Hiberfil: state})}); err != nil {
			t.Fatal(err)
		}
		v, err := ntfs.Open(m)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := v.State(); err != nil || s.Hibernation != want {
			t.Errorf("state %d: %v, want %v (%v)", state, s.Hibernation, want, err)
		}
	}
}

// TestTorn: what is torn is found torn, and nothing else is.
func TestTorn(t *testing.T) {
	t.Parallel()
	root := []format.Entry{
		{Name: "a.txt", Data: []byte("whole")}, {Name: "b.txt", Data: []byte("torn")},
		{Name: "small", Dir: []format.Entry{{Name: "c.txt"}}}, {Name: "large", Dir: numbered(500)},
	}
	m := newMemory(64 << 20)
	if err := format.Write(m, format.Options{
		Root: root, Torn: format.Torn{Records: []string{"b.txt"}, Indexes: []string{"small", "large"}, Mirror: true, Leaked: 77},
	}); err != nil {
		t.Fatal(err)
	}
	v, err := ntfs.Open(m)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := fs.ReadFile(v, "a.txt"); err != nil || string(b) != "whole" {
		t.Errorf("a.txt: %q (%v)", b, err)
	}
	if _, err := fs.ReadFile(v, "b.txt"); !errors.Is(err, ntfs.ErrFormat) {
		t.Errorf("b.txt: %v", err)
	}
	for _, dir := range []string{"small", "large"} {
		if _, err := v.ReadDir(dir); !errors.Is(err, ntfs.ErrFormat) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if s, err := v.State(); err != nil || s.MirrorOK || s.Dirty {
		t.Errorf("state %+v (%v)", s, err)
	}
	r, err := verify.Check(t.Context(), m, m.Size(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for kind, n := range r.Counts {
		got[fmt.Sprint(kind)] = n
	}
	want := map[string]int64{"$MFTMirr": 1, "index block": 2, "leaked clusters": 1, "unreadable record": 1}
	if !maps.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestIndexPieces: a directory's index blocks lie in as many extents as asked for,
// listed in records of their own if they must be.
func TestIndexPieces(t *testing.T) {
	t.Parallel()
	for _, s := range []sizes{{512, 512}, {512, 2048}, {512, 4096}, {512, 8192}, {4096, 65536}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			pieces := 400
			if s.cluster > 4096 {
				pieces = 20
			}
			entries := []format.Entry{
				{Name: "many", Dir: numbered(12_000), Fragments: pieces},
				{Name: "few", Dir: numbered(3), Fragments: 1}, {Name: "none", Dir: []format.Entry{}, Fragments: 1},
			}
			m := newMemory(max(256<<20, 4000*int64(s.cluster)))
			l, c := buildChecked(t, m, format.Options{SectorSize: s.sector, ClusterSize: s.cluster, Root: entries})
			checkContents(t, c, l, entries)
			if s.cluster <= 4096 && l.Files["many"].Extensions == 0 {
				t.Error("no extension records")
			}
			wholesome(t, m)
			v, err := ntfs.Open(m)
			if err != nil {
				t.Fatal(err)
			}
			compareNames(t, v, ".", entries)
		})
	}
}

// TestMFTPieces: $MFT in more extents than its own record lists.
func TestMFTPieces(t *testing.T) {
	t.Parallel()
	for _, s := range []sizes{{512, 512}, {512, 4096}} {
		m := newMemory(256 << 20)
		entries := []format.Entry{{Name: "many", Dir: numbered(2000)}}
		l, c := buildChecked(t, m, format.Options{
			SectorSize: s.sector, ClusterSize: s.cluster, Root: entries, MFTFragments: 800, ExtraRecords: 20_000,
		})
		checkContents(t, c, l, entries)
		if f := l.Files["$MFT"]; len(f.Extents) != 800 || f.Extensions == 0 {
			t.Errorf("%v: $MFT has %d extents, %d extension records", s, len(f.Extents), f.Extensions)
		}
		wholesome(t, m)
	}
	m := newMemory(2 << 30)
	err := format.Write(m, format.Options{MFTFragments: 3000, ExtraRecords: 80_000})
	if !errors.Is(err, format.ErrOptions) || m.writes != 0 {
		t.Errorf("more extents than its records can list: %v, %d writes", err, m.writes)
	}
}
