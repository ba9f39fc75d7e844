package hive

import (
	"errors"
	"slices"
	"testing"
)

// ruleHive has 32 pages, so that each log entry of a test can mark one of its own.
func ruleHive(tb testing.TB, seq1, seq2 uint32) []byte {
	tb.Helper()
	h := New(NewOptions{Minor: 5, Now: testTime})
	setValue(tb, h, "Pages", Value{"data", Binary, make([]byte, 110_000)})
	p := mustBytes(tb, h)
	baseBlock(p).setSequences(seq1, seq2)
	baseBlock(p).seal()
	return p
}

// ruleLog is a log with the given base sequence and entries; each marks page sequence%16+8.
func ruleLog(primary []byte, base uint32, sequences ...uint32) []byte {
	b := append(baseBlock(nil), primary[:sectorSize]...)
	b.setFileType(typeLogHvLE)
	b.setSequences(base, base)
	b.seal()
	log := []byte(b)
	for _, s := range sequences {
		page := make([]byte, pageSize)
		le.PutUint32(page, s)
		e := newLogEntry(s, 0, b.binsSize(), []dirtyPage{{markedPage(s), page}}, int64(len(log)))
		log = append(log, e...)
	}
	return append(log, make([]byte, pageSize)...)
}

func markedPage(sequence uint32) uint32 { return (sequence%16 + 8) * pageSize }

// applied lists which of the sequences left their mark.
func applied(tb testing.TB, h *Hive, candidates []uint32) (list []uint32) {
	tb.Helper()
	for _, s := range candidates {
		p, err := h.bins.view(markedPage(s), 4)
		if err != nil {
			tb.Fatal(err)
		}
		if le.Uint32(p) == s {
			list = append(list, s)
		}
	}
	return list
}

// The rule Windows' own code follows, as experiments with it showed.
func TestReplayRule(t *testing.T) {
	t.Parallel()
	const top = 0xFFFFFFFF
	type log struct {
		base      uint32
		sequences []uint32
	}
	for _, c := range []struct {
		name       string
		seq1, seq2 uint32
		bad        bool // base block checksum
		log1, log2 *log
		want       []uint32
		err        error
	}{
		{"clean ignores logs", 9, 9, false, &log{9, []uint32{9}}, nil, nil, nil},
		{"one log", 10, 9, false, &log{9, []uint32{9}}, nil, []uint32{9}, nil},
		{"entries beyond the primary's first sequence", 10, 9, false, &log{9, []uint32{9, 10, 11}}, nil, []uint32{9, 10, 11}, nil},
		{"base above the second sequence", 10, 9, false, &log{20, []uint32{20}}, nil, []uint32{20}, nil},
		{"base below, though a later entry would fit", 10, 9, false, &log{8, []uint32{8, 9, 10}}, nil, nil, ErrLogsNotApplicable},
		{"first sequence below the second", 9, 10, false, &log{10, []uint32{10}}, nil, []uint32{10}, nil},
		{"gap ends the chain", 10, 9, false, &log{9, []uint32{9, 11}}, nil, []uint32{9}, nil},
		{"first entry is not the base's", 10, 9, false, &log{9, []uint32{10}}, nil, nil, ErrLogsNotApplicable},
		{"two contiguous", 10, 9, false, &log{9, []uint32{9, 10}}, &log{11, []uint32{11}}, []uint32{9, 10, 11}, nil},
		{"two contiguous, names swapped", 10, 9, false, &log{11, []uint32{11}}, &log{9, []uint32{9, 10}}, []uint32{9, 10, 11}, nil},
		{"gap between two: the newer only", 10, 9, false, &log{9, []uint32{9}}, &log{11, []uint32{11, 12}}, []uint32{11, 12}, nil},
		{"overlap of two: the newer only", 10, 9, false, &log{9, []uint32{9, 10}}, &log{10, []uint32{10, 11}}, []uint32{10, 11}, nil},
		{"older not applicable though contiguous", 10, 9, false, &log{8, []uint32{8}}, &log{9, []uint32{9}}, []uint32{9}, nil},
		{"newer not a log", 10, 9, false, &log{9, []uint32{9}}, &log{12, nil}, []uint32{9}, nil},
		{"wrap around", 0, top, false, &log{top, []uint32{top, 0}}, &log{1, []uint32{1}}, []uint32{top, 0, 1}, nil},
		{"bad base block ignores its sequences", 100, 99, true, &log{9, []uint32{9}}, &log{10, []uint32{10}}, []uint32{9, 10}, nil},
		{"bad base block, gap", 100, 99, true, &log{7, []uint32{7}}, &log{10, []uint32{10}}, []uint32{10}, nil},
		{"no log", 10, 9, false, nil, nil, nil, ErrDirtyNoLog},
		{"no log, bad base block", 9, 9, true, nil, nil, nil, ErrDirtyNoLog},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := files{ruleHive(t, c.seq1, c.seq2)}
			var all []uint32
			for id, l := range map[FileID]*log{Log1: c.log1, Log2: c.log2} {
				if l != nil {
					f[id] = ruleLog(f[Primary], l.base, l.sequences...)
					all = append(all, l.sequences...)
				}
			}
			if c.bad {
				f[Primary][checksumOffset] ^= 0xFF
			}
			h, err := Open(f.source())
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			got := applied(t, h, all)
			slices.Sort(got)
			got = slices.Compact(got)
			want := slices.Sorted(slices.Values(c.want))
			if !slices.Equal(got, want) {
				t.Errorf("applied %d, want %d", got, want)
			}
			if n := len(c.want); n > 0 && (h.Sequence() != c.want[n-1]+1 || h.Recovery().LastSequence != c.want[n-1]) {
				t.Errorf("sequence %d after %d", h.Sequence(), c.want)
			}
		})
	}
}

// A torn entry is as if it were not there.
func TestReplayTornEntry(t *testing.T) {
	t.Parallel()
	primary := ruleHive(t, 10, 9)
	whole := ruleLog(primary, 9, 9, 10)
	second := pageSize + sectorSize/2 // inside the entry's body
	for _, at := range []int{second + pageSize, 2*pageSize + 4, len(whole) - pageSize - 1} {
		log := slices.Clone(whole)
		log[at] ^= 1
		h := mustOpen(t, files{primary, log})
		if r := h.Recovery(); r.Entries > 2 || r.LastSequence > 10 {
			t.Errorf("byte %#x: %+v", at, r)
		}
		if got := applied(t, h, []uint32{9, 10}); slices.Contains(got, 10) && at > 2*pageSize {
			t.Errorf("byte %#x: applied %d", at, got)
		}
	}
	for cut := sectorSize; cut < len(whole)-pageSize; cut += sectorSize {
		h, err := Open(files{primary, whole[:cut]}.source())
		if err == nil && slices.Contains(applied(t, h, []uint32{10}), 10) {
			t.Errorf("cut at %#x: the torn entry was applied", cut)
		}
	}
}

// A log cannot make the hive larger than primary and log together.
func TestReplayBoundsGrowth(t *testing.T) {
	t.Parallel()
	primary := ruleHive(t, 10, 9)
	log := ruleLog(primary, 9)[:sectorSize]
	log = append(log, newLogEntry(9, 0, 0x40000000, []dirtyPage{{0, make([]byte, pageSize)}}, sectorSize)...)
	if _, err := Open(files{primary, log}.source()); !errors.Is(err, ErrFormat) {
		t.Errorf("error %v", err)
	}
}

func TestScanSequencesSeesStaleEntries(t *testing.T) {
	t.Parallel()
	primary := ruleHive(t, 10, 9)
	log := ruleLog(primary, 9, 9, 500, 20)
	if got, err := scanSequences(newMemFile(log), 3); err != nil || got != 500 {
		t.Errorf("%d, %v", got, err)
	}
	if got, _ := scanSequences(newMemFile(log), 0xF0000000); got != 500 {
		t.Errorf("across the wrap: %#x", got)
	}
}

// Windows takes no entry whose runs touch, overlap or go back; a commit must join neighbours.
func TestLogEntryRuns(t *testing.T) {
	t.Parallel()
	page := make([]byte, pageSize)
	for _, c := range []struct {
		name  string
		offs  []uint32
		valid bool
	}{
		{"one", []uint32{0}, true},
		{"apart", []uint32{0, 2 * pageSize}, true},
		{"touching", []uint32{0, pageSize}, false},
		{"twice", []uint32{pageSize, pageSize}, false},
		{"backwards", []uint32{2 * pageSize, 0}, false},
		{"outside", []uint32{16 * pageSize}, false},
		{"none", nil, false},
	} {
		var pages []dirtyPage
		for _, off := range c.offs {
			pages = append(pages, dirtyPage{off, page})
		}
		if e := newLogEntry(1, 0, 16*pageSize, pages, logEntriesStart); e.valid() != c.valid {
			t.Errorf("%s: valid %v", c.name, e.valid())
		}
	}
	h := mustOpen(t, smallHive(t, 5))
	setValue(t, h, "Big", Value{"v", Binary, pattern(45_000)})
	for i, r := range h.editedRuns() {
		if i > 0 && h.editedRuns()[i-1].off+uint32(len(h.editedRuns()[i-1].data)) >= r.off {
			t.Errorf("run %d touches the one before it", i)
		}
	}
}
