package hive

import (
	"bytes"
	"errors"
	"testing"
)

// refusals are the reasons for which a hive may be refused: callers branch on them.
var refusals = []error{ErrFormat, ErrDirtyNoLog, ErrLogsNotApplicable}

// fuzzOpen opens what a fuzzer made up: a hive, or a refusal with a reason. Of a hive that is valid
// much more is asked.
func fuzzOpen(t *testing.T, f files) {
	t.Helper()
	h, err := Open(f.source())
	if err != nil {
		for _, reason := range refusals {
			if errors.Is(err, reason) {
				return
			}
		}
		t.Fatalf("refused without a known reason: %v", err)
	}
	budget := 500
	walkAll(h, "", &budget)
	if h.Validate() != nil {
		return
	}
	fuzzNoEdit(t, f, h)
	fuzzCommit(t, f)
}

// fuzzNoEdit asks that a hive that nobody edits is left as it is, that a recovery can be finished on
// disk, and that another reader finds in it what ours does.
func fuzzNoEdit(t *testing.T, f files, h *Hive) {
	t.Helper()
	want := bytes.Clone(h.mustBins(t))
	c, err := h.Commit(CommitOptions{})
	switch {
	case err != nil:
		t.Fatalf("commit without an edit: %v", err)
	case len(c.Writes) > 0 && !h.Recovery().Dirty:
		t.Fatalf("%d writes to a clean hive that nobody edited", len(c.Writes))
	case !h.Recovery().Dirty && !bytes.Equal(mustBytes(t, h), f[Primary][:fileOffset(h.bins.size())]):
		t.Fatal("a clean hive is not given back as it was read")
	}
	d := disk(f)
	final := d.clone()
	if err := c.Run(final.targets(nil)); err != nil {
		t.Fatal(err)
	}
	again := mustOpen(t, final.files())
	if again.Recovery().Dirty || !bytes.Equal(again.mustBins(t), want) {
		t.Fatal("the finished recovery is not the recovered hive")
	}
	sameInSecondReader(t, again)
}

// fuzzLogSets are logs that fit the hive fuzzBase gives, when its base block says so.
func fuzzLogSets(tb testing.TB) []files {
	tb.Helper()
	return []files{{}, dirtyAfter(tb, tinyHive(tb), GenerationHvLE), dirtyAfter(tb, tinyHive(tb), GenerationDIRT)}
}

// FuzzBaseBlock puts any base block in front of good bins, alone and beside logs of both kinds.
func FuzzBaseBlock(f *testing.F) {
	primary := tinyHive(f)[Primary]
	sets := fuzzLogSets(f)
	for _, minor := range []uint32{3, 5} {
		b := mustBytes(f, New(NewOptions{Minor: minor, Now: testTime}))[:sectorSize]
		f.Add(b, true)
		f.Add(b, false)
	}
	for _, s := range sets[1:] {
		f.Add(bytes.Clone(s[Primary][:sectorSize]), true)
		f.Add(bytes.Clone(s[Primary][:checksumOffset]), false)
	}
	f.Fuzz(func(t *testing.T, sector []byte, seal bool) {
		p := bytes.Clone(primary)
		copy(p[:sectorSize], sector)
		if seal {
			baseBlock(p).seal()
		}
		for _, s := range sets {
			fuzzOpen(t, files{p, s[Log1], s[Log2]})
		}
	})
}

// FuzzLogs puts any logs beside a good primary that is dirty, or whose base block is damaged. Most
// checksums and hashes are made right first, for a fuzzer never would.
func FuzzLogs(f *testing.F) {
	clean := tinyHive(f)
	for _, s := range fuzzLogSets(f)[1:] {
		b := baseBlock(s[Primary])
		for flags := range byte(8) {
			f.Add(b.seq1(), b.seq2(), flags, s[Log1], s[Log2])
			f.Add(b.seq1(), b.seq2(), flags, s[Log2], s[Log1])
		}
	}
	rule := ruleHive(f, 10, 9)
	f.Add(uint32(10), uint32(9), byte(2), ruleLog(rule, 9, 9, 10), ruleLog(rule, 11, 11, 12))
	f.Add(uint32(0), uint32(0xFFFFFFFF), byte(2), ruleLog(rule, 0xFFFFFFFF, 0xFFFFFFFF, 0), ruleLog(rule, 1, 1))
	f.Fuzz(func(t *testing.T, seq1, seq2 uint32, flags byte, log1, log2 []byte) {
		const damaged, seal, sealTime = 1, 2, 4
		p := bytes.Clone(clean[Primary])
		b := baseBlock(p)
		b.setSequences(seq1, seq2)
		if b.seal(); flags&damaged != 0 {
			b[checksumOffset]++
		}
		set := files{p, bytes.Clone(log1), bytes.Clone(log2)}
		for _, log := range set[Log1:] {
			if flags&seal != 0 && len(log) >= sectorSize {
				sealLog(log, b, flags&sealTime != 0)
			}
		}
		fuzzOpen(t, set)
	})
}

// sealLog makes the checksum of a log right, the hashes of its entries, and, so that a DIRT log may
// fit its primary, its time.
func sealLog(log []byte, primary baseBlock, sealTime bool) {
	b := baseBlock(log)
	copy(b, baseBlockTag)
	b.setSequences(b.seq1(), b.seq1())
	if sealTime {
		b.setFileTime(primary.fileTime())
	}
	b.seal()
	for rest := log[sectorSize:]; len(rest) >= sectorSize && string(rest[:4]) == logEntryTag; {
		e := logEntry(rest)
		if e.size() < sectorSize || uint64(e.size()) > uint64(len(rest)) {
			return
		}
		le.PutUint64(e[24:], marvin32(e[logEntryHeader:e.size()&^3]))
		le.PutUint64(e[32:], marvin32(e[:logEntryHashed]))
		rest = rest[e.size():]
	}
}
