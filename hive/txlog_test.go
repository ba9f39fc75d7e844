package hive

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

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
		if got := marksIn(t, h); strings.Contains(got, "1:10") && at > 2*pageSize {
			t.Errorf("byte %#x: applied %q", at, got)
		}
	}
	for cut := sectorSize; cut < len(whole)-pageSize; cut += sectorSize {
		h, err := Open(files{primary, whole[:cut]}.source())
		if err == nil && strings.Contains(marksIn(t, h), "1:10") {
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
