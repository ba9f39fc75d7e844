package format_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"hangkit/ntfs/format"
)

func file(name string) format.Entry { return format.Entry{Name: name, Data: []byte("x")} }

func reparsePoints(n int) []format.Entry {
	entries := numbered(n)
	for i := range entries {
		entries[i].Reparse = &format.Reparse{Tag: 7}
	}
	return entries
}

func TestRefused(t *testing.T) {
	t.Parallel()
	negative, beyond := int64(-1), int64(2)
	root := func(e ...format.Entry) format.Options { return format.Options{Root: e} }
	for _, c := range []struct {
		name    string
		options format.Options
		want    error
	}{
		{"sector size 1024", format.Options{SectorSize: 1024}, format.ErrOptions},
		{"cluster size 3000", format.Options{ClusterSize: 3000}, format.ErrOptions},
		{"cluster size 4 MiB", format.Options{ClusterSize: 4 << 20}, format.ErrOptions},
		{"negative cluster size", format.Options{ClusterSize: -4096}, format.ErrOptions},
		{"cluster below sector", format.Options{SectorSize: 4096, ClusterSize: 512}, format.ErrOptions},
		{"part of a sector", format.Options{Size: 32<<20 + 100}, format.ErrOptions},
		{"larger than the device", format.Options{Size: 1 << 30}, format.ErrOptions},
		{"half a megabyte", format.Options{Size: 512 << 10}, format.ErrNoSpace},
		{"no room for system files", format.Options{Size: 16 << 20, ClusterSize: 2 << 20}, format.ErrNoSpace},
		{"long label", format.Options{Label: strings.Repeat("x", 33)}, format.ErrOptions},
		{"unknown log state", format.Options{Log: 77}, format.ErrOptions},
		{"negative log size", format.Options{LogSize: -1}, format.ErrOptions},
		{"log larger than the volume", format.Options{LogSize: 1 << 30}, format.ErrNoSpace},
		{"negative extra records", format.Options{ExtraRecords: -1}, format.ErrOptions},
		{"$MFT larger than the volume", format.Options{ExtraRecords: 1 << 20}, format.ErrNoSpace},

		{"$MFT in too many extents", format.Options{MFTFragments: 20}, format.ErrOptions},
		{"negative extents of $MFT", format.Options{MFTFragments: -1}, format.ErrOptions},

		{"no name", root(file("")), format.ErrOptions},
		{"dot", root(file(".")), format.ErrOptions},
		{"dot dot", root(file("..")), format.ErrOptions},
		{"slash", root(file("a/b")), format.ErrOptions},
		{"backslash", root(file(`a\b`)), format.ErrOptions},
		{"colon", root(file("a:b")), format.ErrOptions},
		{"control character", root(file("a\x1fb")), format.ErrOptions},
		{"trailing space", root(file("a ")), format.ErrOptions},
		{"trailing dot", root(file("a.")), format.ErrOptions},
		{"not UTF-8", root(file("a\xff")), format.ErrOptions},
		{"256 units", root(file(strings.Repeat("😀", 128))), format.ErrOptions},
		{"same name", root(file("a"), file("a")), format.ErrOptions},
		{"same name in another case", root(file("straße Ä"), file("STRAßE ä")), format.ErrOptions},
		{"name of a system file", root(file("$mft")), format.ErrOptions},
		{"short name taken", root(file("LONGNA~1"), format.Entry{Name: "long name", ShortName: "LONGNA~1"}), format.ErrOptions},
		{"short name in lower case", root(format.Entry{Name: "long name", ShortName: "longna~1"}), format.ErrOptions},
		{"short name too long", root(format.Entry{Name: "long name", ShortName: "LONGNAM~1"}), format.ErrOptions},
		{"deep inside", root(format.Entry{Name: "a", Dir: []format.Entry{{Name: "b", Dir: []format.Entry{file("c:")}}}}), format.ErrOptions},

		{"directory with data", root(format.Entry{Name: "a", Dir: []format.Entry{}, Data: []byte("x")}), format.ErrOptions},
		{"negative fragments of a directory", root(format.Entry{Name: "a", Dir: []format.Entry{}, Fragments: -1}), format.ErrOptions},
		{"more fragments than index blocks", root(format.Entry{Name: "a", Dir: []format.Entry{}, Fragments: 2}), format.ErrOptions},
		{"torn record of nothing", format.Options{Torn: format.Torn{Records: []string{"a"}}}, format.ErrOptions},
		{"torn index of a file", format.Options{Root: []format.Entry{file("a")}, Torn: format.Torn{Indexes: []string{"a"}}}, format.ErrOptions},
		{"negative leak", format.Options{Torn: format.Torn{Leaked: -1}}, format.ErrOptions},
		{"leak larger than the volume", format.Options{Torn: format.Torn{Leaked: 1 << 40}}, format.ErrNoSpace},
		{"deleted entries in a file", root(format.Entry{Name: "a", Deleted: []string{"b"}}), format.ErrOptions},
		{"bad deleted name", root(format.Entry{Name: "a", Dir: []format.Entry{}, Deleted: []string{"b/c"}}), format.ErrOptions},
		{"attribute of a directory", root(format.Entry{Name: "a", Attributes: 0x10}), format.ErrOptions},
		{"data and content", root(format.Entry{Name: "a", Data: []byte("x"), Content: pattern{1}}), format.ErrOptions},
		{"ranges without content", root(format.Entry{Name: "a", Data: []byte("x"), Written: []format.Range{}}), format.ErrOptions},
		{"range outside", root(format.Entry{Name: "a", Content: pattern{9}, Size: 9, Written: []format.Range{{Off: 5, Len: 5}}}), format.ErrOptions},
		{"range that overflows", root(format.Entry{Name: "a", Content: pattern{9}, Size: 9, Written: []format.Range{{Off: 5, Len: 1<<63 - 1}}}), format.ErrOptions},
		{"size below data", root(format.Entry{Name: "a", Data: []byte("xyz"), Size: 2}), format.ErrOptions},
		{"negative size", root(format.Entry{Name: "a", Size: -1}), format.ErrOptions},
		{"negative initialized size", root(format.Entry{Name: "a", Data: []byte("x"), InitializedSize: &negative}), format.ErrOptions},
		{"initialized beyond size", root(format.Entry{Name: "a", Data: []byte("x"), InitializedSize: &beyond}), format.ErrOptions},
		{"negative fragments", root(format.Entry{Name: "a", Data: []byte("x"), Fragments: -1}), format.ErrOptions},
		{"more fragments than clusters", root(format.Entry{Name: "a", Data: make([]byte, 8192), Fragments: 3}), format.ErrOptions},
		{"fragments of nothing", root(format.Entry{Name: "a", Fragments: 1}), format.ErrOptions},
		{"file larger than the volume", root(format.Entry{Name: "a", Size: 1 << 40}), format.ErrNoSpace},
		{"no room for gaps", root(format.Entry{Name: "a", Size: 24 << 20, Fragments: 6 << 10}), format.ErrNoSpace},
		{"hole not of whole units", root(format.Entry{Name: "a", Size: 1 << 20, Holes: []format.Range{{Off: 4096, Len: 65536}}}), format.ErrOptions},
		{"holes that overlap", root(format.Entry{Name: "a", Size: 1 << 20, Holes: []format.Range{{Len: 1 << 17}, {Off: 1 << 16, Len: 1 << 16}}}), format.ErrOptions},
		{"hole in nothing", root(format.Entry{Name: "a", Holes: []format.Range{{Len: 1 << 16}}}), format.ErrOptions},
		{"hole beyond the end", root(format.Entry{Name: "a", Size: 1 << 20, Holes: []format.Range{{Len: 1 << 21}}}), format.ErrOptions},
		{"empty hole", root(format.Entry{Name: "a", Size: 1 << 20, Holes: []format.Range{{}}}), format.ErrOptions},
		{"compressed with large clusters", format.Options{ClusterSize: 8192, Root: []format.Entry{{Name: "a", Size: 9, Compressed: true}}}, format.ErrOptions},
		{"reparse point without a tag", root(format.Entry{Name: "a", Reparse: &format.Reparse{}}), format.ErrOptions},
		{"reparse data too long", root(format.Entry{Name: "a", Reparse: &format.Reparse{Tag: 1, Data: make([]byte, 17000)}}), format.ErrOptions},
		{"reparse data too long for a record", root(format.Entry{Name: "a", Reparse: &format.Reparse{Tag: 1, Data: make([]byte, 900)}}), format.ErrOptions},
		{"too many reparse points", root(reparsePoints(100)...), format.ErrOptions},
		{"stream twice", root(format.Entry{Name: "a", Streams: []format.Stream{{Name: "s"}, {Name: "S"}}}), format.ErrOptions},
		{"stream without a name", root(format.Entry{Name: "a", Streams: []format.Stream{{}}}), format.ErrOptions},
		{"content that ends early", root(format.Entry{Name: "a", Content: pattern{9}, Size: 10}), io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMemory(32 << 20)
			err := format.Write(m, c.options)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if m.writes != 0 {
				t.Errorf("%d writes before the refusal", m.writes)
			}
		})
	}
}

// TestTooManyFragments needs an attribute list longer than Windows takes.
func TestTooManyFragments(t *testing.T) {
	t.Parallel()
	m := newMemory(96 << 30)
	err := format.Write(m, format.Options{Root: []format.Entry{{Name: "a", Size: 8 << 30, Fragments: 2 << 20}}})
	if !errors.Is(err, format.ErrOptions) || m.writes != 0 {
		t.Errorf("got %v and %d writes", err, m.writes)
	}
}

func TestContentEndsEarly(t *testing.T) {
	t.Parallel()
	m := newMemory(32 << 20)
	err := format.Write(m, format.Options{Root: []format.Entry{{Name: "a", Content: pattern{1 << 20}, Size: 2 << 20}}})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// TestFaults fails each write in turn: the error comes back, and what is left
// is not taken for a volume.
func TestFaults(t *testing.T) {
	t.Parallel()
	o := format.Options{LogSize: 256 << 10, Root: []format.Entry{
		{Name: "Windows", Dir: numbered(60), Deleted: []string{"old.txt"}},
		{Name: "pagefile.sys", Data: noise(1, 1<<20), Fragments: 50},
	}}
	whole := newMemory(16 << 20)
	if err := format.Write(whole, o); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.writes; n++ {
		m := newMemory(16 << 20)
		if err := format.Write(m, format.Options{Root: []format.Entry{file("an older volume")}}); err != nil {
			t.Fatal(err)
		}
		m.failAt = m.writes + n
		if err := format.Write(m, o); !errors.Is(err, errInjected) {
			t.Fatalf("write %d: got %v", n, err)
		}
		if _, err := checkVolume(m); n > 1 && err == nil {
			t.Errorf("write %d failed, but there is a volume", n)
		}
	}
	t.Logf("%d writes", whole.writes)
}

// TestOverOldVolume formats a device full of another volume.
func TestOverOldVolume(t *testing.T) {
	t.Parallel()
	m := newMemory(128 << 20)
	if err := format.Write(m, format.Options{ClusterSize: 1024, Root: numbered(1000), Log: format.LogGarbage}); err != nil {
		t.Fatal(err)
	}
	entries := []format.Entry{{Name: "many", Dir: numbered(500)}, {Name: "a.bin", Data: noise(1, 1<<20), Fragments: 9}}
	l, c := buildChecked(t, m, format.Options{Root: entries})
	checkContents(t, c, l, entries)
}

// TestRandomVolumes tries options nobody thought of: each is refused for a
// reason, or makes a volume that is right.
func TestRandomVolumes(t *testing.T) {
	t.Parallel()
	made := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := allSizes[rng.IntN(len(allSizes))]
		entries := randomEntries(rng, s.cluster, 3)
		m := newMemory(max(1<<20, int64(s.cluster)) << rng.IntN(7))
		l, err := format.Build(m, format.Options{
			SectorSize: s.sector, ClusterSize: s.cluster, Seed: seed, Root: entries,
			ExtraRecords: int64(rng.IntN(2) * rng.IntN(1000)), Log: format.LogState(rng.IntN(6)),
		})
		if err != nil {
			if !errors.Is(err, format.ErrNoSpace) {
				t.Errorf("seed %d: %v", seed, err)
			}
			continue
		}
		made++
		c, err := checkVolume(m)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		checkContents(t, c, l, entries)
	}
	if made < 20 {
		t.Errorf("only %d volumes had room", made)
	}
}

func randomStreams(rng *rand.Rand) (streams []format.Stream) {
	for _, name := range []string{"a", "b", "C", "d"}[:rng.IntN(5)] {
		streams = append(streams, format.Stream{Name: name, Data: noise(rng.Uint64(), rng.IntN(900))})
	}
	return streams
}

func randomEntries(rng *rand.Rand, cluster, depth int) []format.Entry {
	entries := numbered(rng.IntN(1 << (2 * depth)))
	for i := range entries {
		e := &entries[i]
		switch rng.IntN(5) {
		case 0:
			e.Data = noise(rng.Uint64(), rng.IntN(1<<rng.IntN(19)))
			e.Fragments = rng.IntN(1 + min(60, (len(e.Data)+cluster-1)/cluster))
		case 1:
			initialized := rng.Int64N(1 + int64(len(e.Data)))
			e.InitializedSize = &initialized
			e.Compressed = cluster <= 4096 && rng.IntN(2) == 0
		case 2:
			e.Streams = randomStreams(rng)
		case 3:
			if depth > 0 {
				e.Data, e.Dir = nil, append([]format.Entry{}, randomEntries(rng, cluster, depth-1)...)
				e.Deleted = []string{"x.txt", "y.txt"}[:rng.IntN(3)]
				e.Streams = randomStreams(rng)
			}
		}
	}
	return entries
}
