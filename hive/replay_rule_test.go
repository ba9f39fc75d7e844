package hive

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Pages of a rule hive that logs may mark, and where in a page the mark stands: in the data of a
// value, so that a marked hive is as valid as the unmarked one.
const (
	firstMarked = 8
	markedPages = 16
	markOffset  = 0x800
)

// ruleHive has 16 pages that each log entry of a test can mark one of.
func ruleHive(tb testing.TB, seq1, seq2 uint32) []byte {
	tb.Helper()
	h := New(NewOptions{Minor: 5, Now: testTime})
	setValue(tb, h, "Pages", Value{"data", Binary, make([]byte, 110_000)})
	p := mustBytes(tb, h)
	baseBlock(p).setSequences(seq1, seq2)
	baseBlock(p).seal()
	return p
}

// A mark says which entry of which log was applied: "2:11" is the one with sequence 11 in LOG2.
type mark struct {
	id       FileID
	sequence uint32
}

func (m mark) String() string { return fmt.Sprintf("%d:%d", m.id, m.sequence) }

// markedPage is the page an entry changes, with its mark.
func markedPage(primary []byte, m mark) dirtyPage {
	off := (m.sequence%markedPages + firstMarked) * pageSize
	p := bytes.Clone(primary[fileOffset(off):][:pageSize])
	le.PutUint32(p[markOffset:], uint32(m.id))
	le.PutUint32(p[markOffset+4:], m.sequence)
	return dirtyPage{off, p}
}

// marksIn lists the marks in a recovered hive.
func marksIn(tb testing.TB, h *Hive) string {
	tb.Helper()
	var list []string
	for i := range uint32(markedPages) {
		p, err := h.bins.view((i+firstMarked)*pageSize+markOffset, 8)
		if err != nil {
			tb.Fatal(err)
		}
		if m := (mark{FileID(le.Uint32(p)), le.Uint32(p[4:])}); m.id != Primary {
			list = append(list, m.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// logMaker makes a log that fits a primary.
type logMaker func(primary []byte, id FileID) []byte

// ruleLog is a log with the given base sequence and entries, each of which leaves its mark.
func ruleLog(primary []byte, base uint32, sequences ...uint32) []byte {
	return hvle(base, sequences...)(primary, Log1)
}

func hvle(base uint32, sequences ...uint32) logMaker {
	return func(primary []byte, id FileID) []byte {
		log := hvleBase(primary, base)
		for _, s := range sequences {
			log = appendEntry(log, s, 0, baseBlock(primary).binsSize(), markedPage(primary, mark{id, s}))
		}
		return append(log, make([]byte, pageSize)...)
	}
}

func hvleBase(primary []byte, base uint32) []byte {
	b := append(baseBlock(nil), primary[:sectorSize]...)
	b.setFileType(typeLogHvLE)
	b.setSequences(base, base)
	b.seal()
	return b
}

func appendEntry(log []byte, sequence, flags, binsSize uint32, pages ...dirtyPage) []byte {
	return append(log, newLogEntry(sequence, flags, binsSize, pages, int64(len(log)))...)
}

// entryAt gives the n-th entry of a log, for damaging it.
func entryAt(log []byte, n int) logEntry {
	e := logEntry(log[logEntriesStart:])
	for range n {
		e = e[e.size():]
	}
	return e[:e.size()]
}

// rehash makes an entry's hashes right again.
func (e logEntry) rehash() {
	le.PutUint64(e[24:], marvin32(e[logEntryHeader:]))
	le.PutUint64(e[32:], marvin32(e[:logEntryHashed]))
}

// but changes what a maker made.
func (m logMaker) but(change func(log []byte)) logMaker {
	return func(primary []byte, id FileID) []byte {
		log := m(primary, id)
		change(log)
		return log
	}
}

// butEntry changes the n-th entry and leaves its hashes wrong.
func (m logMaker) butEntry(n int, change func(e logEntry)) logMaker {
	return m.but(func(log []byte) { change(entryAt(log, n)) })
}

// butRehashed changes the n-th entry and makes its hashes right again.
func (m logMaker) butRehashed(n int, change func(e logEntry)) logMaker {
	return m.butEntry(n, func(e logEntry) { change(e); e.rehash() })
}

// butBase changes the log's base block and makes its checksum right again.
func (m logMaker) butBase(change func(b baseBlock)) logMaker {
	return m.but(func(log []byte) { change(log); baseBlock(log).seal() })
}

// cut takes bytes off the end: the zeros behind the last entry are a page.
func (m logMaker) cut(n int) logMaker {
	return func(primary []byte, id FileID) []byte {
		log := m(primary, id)
		return log[:len(log)-n]
	}
}

// first keeps the first n bytes.
func (m logMaker) first(n int) logMaker {
	return func(primary []byte, id FileID) []byte { return m(primary, id)[:n] }
}

// then puts entries of another log behind those of this one, wherever they came from.
func (m logMaker) then(other logMaker) logMaker {
	return func(primary []byte, id FileID) []byte {
		return append(m.cut(pageSize)(primary, id), other(primary, id)[logEntriesStart:]...)
	}
}

// emptyLog has a right base block and nothing else.
func emptyLog(base uint32) logMaker { return hvle(base) }

func zeros(n int) logMaker { return func([]byte, FileID) []byte { return make([]byte, n) } }

// replayCase is one state of a hive's files and what Windows does with it.
type replayCase struct {
	name       string
	seq1, seq2 uint32
	primary    func(p []byte) // what else is wrong with the primary
	log1, log2 logMaker
	want       string // the marks
	grown      uint32 // pages by which the hive grows
	err        error
}

func (c replayCase) files(tb testing.TB) files {
	tb.Helper()
	f := files{ruleHive(tb, c.seq1, c.seq2)}
	for id, m := range map[FileID]logMaker{Log1: c.log1, Log2: c.log2} {
		if m != nil {
			f[id] = m(f[Primary], id)
		}
	}
	if c.primary != nil {
		c.primary(f[Primary])
	}
	return f
}

func damageChecksum(p []byte) { p[checksumOffset] ^= 0xFF }

func flipByte(e logEntry) { e[len(e)/2] ^= 1 }

// hvleCases is the rule for logs of Windows 8.1 and later, as experiments with Windows' own code
// showed it.
func hvleCases() []replayCase {
	const top = 0xFFFFFFFF
	return slices.Concat([]replayCase{
		{name: "clean: logs are ignored", seq1: 9, seq2: 9, log1: hvle(9, 9), log2: hvle(10, 10)},
		{name: "one log", seq1: 10, seq2: 9, log1: hvle(9, 9), want: "1:9"},
		{name: "one log, LOG2", seq1: 10, seq2: 9, log2: hvle(9, 9), want: "2:9"},
		{name: "the other log is empty", seq1: 10, seq2: 9, log1: zeros(0), log2: hvle(9, 9), want: "2:9"},
		{name: "the other log is zeros", seq1: 10, seq2: 9, log1: zeros(8192), log2: hvle(9, 9), want: "2:9"},
		{name: "entries beyond the primary's first sequence", seq1: 10, seq2: 9, log1: hvle(9, 9, 10, 11), want: "1:10 1:11 1:9"},
		{name: "base above the second sequence: partial reconcile", seq1: 10, seq2: 9, log1: hvle(20, 20), want: "1:20"},
		{name: "partial reconcile, two logs", seq1: 1622, seq2: 1621, log1: hvle(2107, 2107, 2108), log2: hvle(2109, 2109), want: "1:2107 1:2108 2:2109"},
		{name: "base below the second sequence, though a later entry would fit", seq1: 10, seq2: 9, log1: hvle(8, 8, 9, 10), err: ErrLogsNotApplicable},
		{name: "both bases below", seq1: 10, seq2: 9, log1: hvle(7, 7), log2: hvle(8, 8, 9), err: ErrLogsNotApplicable},
		{name: "first sequence below the second", seq1: 9, seq2: 10, log1: hvle(10, 10), want: "1:10"},
		{name: "first sequence below the second, log between them", seq1: 8, seq2: 10, log1: hvle(9, 9), err: ErrLogsNotApplicable},
		{name: "two contiguous", seq1: 10, seq2: 9, log1: hvle(9, 9, 10), log2: hvle(11, 11), want: "1:10 1:9 2:11"},
		{name: "two contiguous, LOG2 before LOG1", seq1: 10, seq2: 9, log1: hvle(11, 11), log2: hvle(9, 9, 10), want: "1:11 2:10 2:9"},
		{name: "gap between two: the newer only", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: hvle(11, 11, 12), want: "2:11 2:12"},
		{name: "gap between two, LOG1 newer", seq1: 10, seq2: 9, log1: hvle(11, 11, 12), log2: hvle(9, 9), want: "1:11 1:12"},
		{name: "overlap of two: the newer only", seq1: 10, seq2: 9, log1: hvle(9, 9, 10), log2: hvle(10, 10, 11), want: "2:10 2:11"},
		{name: "older log reaches beyond the newer: the newer only", seq1: 10, seq2: 9, log1: hvle(9, 9, 10, 11, 12), log2: hvle(10, 10), want: "2:10"},
		{name: "older not applicable though contiguous", seq1: 10, seq2: 9, log1: hvle(8, 8), log2: hvle(9, 9), want: "2:9"},
		{name: "newer without entries does not count", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: emptyLog(12), want: "1:9"},
		{name: "older without entries does not count", seq1: 10, seq2: 9, log1: emptyLog(9), log2: hvle(12, 12), want: "2:12"},
		{name: "no log", seq1: 10, seq2: 9, err: ErrDirtyNoLog},
		{name: "empty log files", seq1: 10, seq2: 9, log1: zeros(0), log2: zeros(0), err: ErrDirtyNoLog},
		{name: "logs of zeros", seq1: 10, seq2: 9, log1: zeros(8192), log2: zeros(8192), err: ErrLogsNotApplicable},
		{name: "no entries in any log", seq1: 10, seq2: 9, log1: emptyLog(9), log2: emptyLog(10), err: ErrLogsNotApplicable},

		{name: "wrap around inside a log and between two", seq1: 0, seq2: top, log1: hvle(top, top, 0), log2: hvle(1, 1), want: "1:0 1:4294967295 2:1"},
		{name: "wrap around, LOG2 before LOG1", seq1: 0, seq2: top, log1: hvle(1, 1), log2: hvle(top, top, 0), want: "1:1 2:0 2:4294967295"},
		{name: "wrap around: a base before it is below", seq1: 2, seq2: 1, log1: hvle(top, top, 0, 1), err: ErrLogsNotApplicable},
		{name: "wrap around: a base behind it is above", seq1: top, seq2: top - 1, log1: hvle(3, 3), want: "1:3"},
		{name: "wrap around: the newer is the one behind it", seq1: top, seq2: top - 1, log1: hvle(2, 2), log2: hvle(top-1, top-1), want: "1:2"},
	}, chainCases(), damagedBaseCases(), commitOrderCases())
}

// chainCases are about which entries of one log count.
func chainCases() []replayCase {
	return []replayCase{
		{name: "gap in a log ends its chain", seq1: 10, seq2: 9, log1: hvle(9, 9, 11, 12), want: "1:9"},
		{name: "a sequence twice ends the chain", seq1: 10, seq2: 9, log1: hvle(9, 9, 9, 10), want: "1:9"},
		{name: "first entry is not the base's", seq1: 10, seq2: 9, log1: hvle(9, 10), err: ErrLogsNotApplicable},
		{name: "older entries behind the last live one", seq1: 30, seq2: 29, log1: hvle(29, 29, 30, 12, 13, 14), want: "1:29 1:30"},
		{name: "own entry behind the last live one", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: hvle(10, 10).then(hvle(11, 11)), want: "1:9 2:10 2:11"},
		{name: "own entry torn", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: hvle(10, 10, 11).butEntry(1, flipByte), want: "1:9 2:10"},
		{name: "own entry with the sequence behind the right one", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: hvle(10, 10, 12), want: "1:9 2:10"},
		{name: "torn entry in the middle", seq1: 10, seq2: 9, log1: hvle(9, 9, 10, 11).butEntry(1, flipByte), want: "1:9"},
		{name: "torn entry leaves a gap to the other log", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butEntry(1, flipByte), log2: hvle(11, 11), want: "2:11"},
		{name: "torn header", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butEntry(1, func(e logEntry) { e[8] ^= 1 }), want: "1:9"},
		{name: "hash of the header wrong", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butEntry(1, func(e logEntry) { e[32] ^= 1 }), want: "1:9"},
		{name: "hash of the body wrong", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butEntry(1, func(e logEntry) {
			e[24] ^= 1
			le.PutUint64(e[32:], marvin32(e[:logEntryHashed]))
		}), want: "1:9"},
		{name: "first entry torn", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butEntry(0, flipByte), err: ErrLogsNotApplicable},
		{name: "log cut inside its last entry", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).cut(pageSize + sectorSize), want: "1:9"},
		{name: "log ends exactly with its last entry", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).cut(pageSize), want: "1:10 1:9"},
		{name: "size of an entry not a multiple of 512", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butRehashed(1, func(e logEntry) { le.PutUint32(e[4:], e.size()-8) }), want: "1:9"},
		{name: "size of the bins not a multiple of 4096", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butRehashed(1, func(e logEntry) { le.PutUint32(e[16:], e.binsSize()+sectorSize) }), want: "1:9"},
		{name: "entry without pages", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butRehashed(1, func(e logEntry) { le.PutUint32(e[20:], 0) }), want: "1:9"},
		{name: "entry with a flag nobody knows", seq1: 10, seq2: 9, log1: hvle(9, 9, 10).butRehashed(1, func(e logEntry) { le.PutUint32(e[8:], 0x10) }), want: "1:10 1:9"},
		{name: "log's checksum wrong", seq1: 10, seq2: 9, log1: hvle(9, 9).but(damageChecksum), err: ErrLogsNotApplicable},
		{name: "log's sequences differ", seq1: 10, seq2: 9, log1: hvle(9, 9).butBase(func(b baseBlock) { b.setSequences(9, 8) }), err: ErrLogsNotApplicable},
		{name: "log's signature wrong", seq1: 10, seq2: 9, log1: hvle(9, 9).butBase(func(b baseBlock) { b[0] = 'x' }), err: ErrLogsNotApplicable},
		{name: "log's type is a primary's", seq1: 10, seq2: 9, log1: hvle(9, 9).butBase(func(b baseBlock) { b.setFileType(typePrimary) }), err: ErrLogsNotApplicable},
		{name: "newer log's checksum wrong: the older one", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: hvle(10, 10).but(damageChecksum), want: "1:9"},
	}
}

// damagedBaseCases have a primary whose base block does not match its checksum: its sequences are
// not looked at, and the newest log has a copy of the rest.
func damagedBaseCases() []replayCase {
	return []replayCase{
		{name: "damaged base block: its sequences are ignored", seq1: 100, seq2: 99, primary: damageChecksum, log1: hvle(9, 9), log2: hvle(10, 10), want: "1:9 2:10"},
		{name: "damaged base block: even when they are equal", seq1: 9, seq2: 9, primary: damageChecksum, log1: hvle(9, 9), want: "1:9"},
		{name: "damaged base block, LOG2 before LOG1", seq1: 100, seq2: 99, primary: damageChecksum, log1: hvle(10, 10), log2: hvle(9, 9), want: "1:10 2:9"},
		{name: "damaged base block, gap", seq1: 100, seq2: 99, primary: damageChecksum, log1: hvle(7, 7), log2: hvle(10, 10), want: "2:10"},
		{name: "damaged base block, overlap", seq1: 100, seq2: 99, primary: damageChecksum, log1: hvle(9, 9, 10), log2: hvle(10, 10), want: "2:10"},
		{name: "damaged base block, no log", seq1: 9, seq2: 9, primary: damageChecksum, err: ErrDirtyNoLog},
		{name: "damaged base block, logs without entries", seq1: 9, seq2: 9, primary: damageChecksum, log1: emptyLog(9), log2: emptyLog(10), err: ErrLogsNotApplicable},
		{name: "damaged root cell and size come from the log", seq1: 10, seq2: 9, primary: func(p []byte) {
			baseBlock(p).setRootCell(0x7FFFFFF8)
			baseBlock(p).setBinsSize(0x1000)
		}, log1: hvle(9, 9), want: "1:9"},
		{name: "base block of zeros", seq1: 10, seq2: 9, primary: func(p []byte) { clear(p[:sectorSize]) }, log1: hvle(9, 9), log2: hvle(10, 10), want: "1:9 2:10"},
	}
}

// commitOrderCases are the states our own commit to a clean primary goes through: S is 20.
func commitOrderCases() []replayCase {
	return []replayCase{
		{name: "commit: log started anew, primary still clean", seq1: 9, seq2: 9, log1: hvle(20, 20), log2: hvle(8, 8)},
		{name: "commit: base block S+1 and S", seq1: 21, seq2: 20, log1: hvle(20, 20), log2: hvle(19, 19), want: "1:20"},
		{name: "commit: base block S+1 and an older one", seq1: 21, seq2: 9, log1: hvle(20, 20), want: "1:20"},
		{name: "commit: base block S+1 and S+1", seq1: 21, seq2: 21, log1: hvle(20, 20), log2: hvle(30, 30)},
		{name: "commit: the log never came", seq1: 21, seq2: 20, log1: zeros(8192), log2: hvle(19, 19), err: ErrLogsNotApplicable},
	}
}

// growing is an entry of a log that grows the hive from so many pages more than it had to so many.
func growing(base, from, to uint32) logMaker {
	return func(primary []byte, id FileID) []byte {
		size := baseBlock(primary).binsSize()
		pages := []dirtyPage{markedPage(primary, mark{id, base})}
		if from < to {
			pages = append(pages, newBin(size+from*pageSize, to-from))
		}
		log := appendEntry(hvleBase(primary, base), base, 0, size+to*pageSize, pages...)
		return append(log, make([]byte, pageSize)...)
	}
}

// newBin is a bin with one free cell.
func newBin(off, pages uint32) dirtyPage {
	b := make(binHeader, pages*pageSize)
	copy(b, binTag)
	b.setOffset(off)
	b.setSize(uint32(len(b)))
	le.PutUint32(b[binHeaderSize:], uint32(len(b))-binHeaderSize)
	return dirtyPage{off, b}
}

func ruleHiveSize(tb testing.TB) uint32 {
	tb.Helper()
	return baseBlock(ruleHive(tb, 1, 1)).binsSize()
}

// longer makes a base block say that the hive has a page more than it has.
func longer(p []byte) {
	baseBlock(p).setBinsSize(baseBlock(p).binsSize() + pageSize)
	baseBlock(p).seal()
}

// growthCases have logs that change the size of the hive. The file ends with the last bin it had.
func growthCases() []replayCase {
	return []replayCase{
		{name: "growth by a log", seq1: 10, seq2: 9, log1: growing(9, 0, 3), want: "1:9", grown: 3},
		{name: "growth by two logs", seq1: 10, seq2: 9, log1: growing(9, 0, 1), log2: growing(10, 1, 3), want: "1:9 2:10", grown: 3},
		{name: "growth by a log that is skipped", seq1: 10, seq2: 9, log1: growing(8, 0, 1), log2: growing(9, 0, 0), want: "2:9"},
		{name: "growth, then back", seq1: 10, seq2: 9, log1: growing(9, 0, 2), log2: growing(10, 0, 0), want: "1:9 2:10"},
		{name: "growth, damaged base block", seq1: 10, seq2: 9, primary: damageChecksum, log1: growing(9, 0, 1), want: "1:9", grown: 1},
		{name: "growth that reached the base block but not the file", seq1: 10, seq2: 9, primary: longer, log1: growing(9, 0, 1), want: "1:9", grown: 1},
		{name: "DIRT, growth that reached the base block but not the file", seq1: 10, seq2: 9, primary: longer, log1: growingDIRT(0), want: "1:9", grown: 1},
		{name: "DIRT, growth that reached neither", seq1: 10, seq2: 9, log1: growingDIRT(0), want: "1:9"},
	}
}

// growingDIRT is a DIRT log that adds a page to the hive.
func growingDIRT(delta int) logMaker {
	return func(primary []byte, id FileID) []byte {
		b := append(baseBlock(nil), primary[:sectorSize]...)
		b.setFileType(typeLogDIRT)
		b.setSequences(9, 9)
		b.setFileTime(b.fileTime() + uint64(delta))
		size := b.binsSize()
		b.setBinsSize(size + pageSize)
		b.seal()
		return newDIRTLog(b, sectorsOf([]dirtyPage{markedPage(primary, mark{id, 9}), newBin(size, 1)}))
	}
}

func replayCases() []replayCase { return slices.Concat(hvleCases(), dirtCases(), growthCases()) }

// The rule that Windows' own code follows.
func TestReplayRule(t *testing.T) {
	t.Parallel()
	for _, c := range replayCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.files(t)
			h, err := Open(f.source())
			if !errors.Is(err, c.err) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if got := marksIn(t, h); got != c.want {
				t.Errorf("applied %q, want %q", got, c.want)
			}
			if got := h.bins.size(); got != ruleHiveSize(t)+c.grown*pageSize {
				t.Errorf("bins of %#x bytes, want %d more pages", got, c.grown)
			}
			checkReplayed(t, h, f)
		})
	}
}

// checkReplayed tests what holds after every replay.
func checkReplayed(t *testing.T, h *Hive, f files) {
	t.Helper()
	noFindings(t, h)
	r := h.Recovery()
	if r.Dirty != baseBlock(f[Primary]).dirty() || r.Dirty && len(r.Applied) == 0 {
		t.Errorf("recovery: %+v", r)
	}
	if r.Protocol == ProtocolHvLE && h.Sequence() != r.LastSequence+1 {
		t.Errorf("sequence %d after %+v", h.Sequence(), r)
	}
	if b := baseBlock(mustBytes(t, h)); b.dirty() || b.fileType() != typePrimary {
		t.Error("the recovered hive is not a clean primary")
	}
}

// dirt is a log of Windows 8 and earlier that leaves one mark, written for a primary of time delta
// after the hive's own.
func dirt(delta int, sequence uint32) logMaker {
	return func(primary []byte, id FileID) []byte {
		b := append(baseBlock(nil), primary[:sectorSize]...)
		b.setFileType(typeLogDIRT)
		b.setSequences(sequence, sequence)
		b.setFileTime(b.fileTime() + uint64(delta))
		b.seal()
		return newDIRTLog(b, sectorsOf([]dirtyPage{markedPage(primary, mark{id, sequence})}))
	}
}

// dirtCases is the rule for logs of Windows 8 and earlier: base block and log belong together by
// their time.
func dirtCases() []replayCase {
	firstBin := func(delta int) func([]byte) {
		return func(p []byte) {
			damageChecksum(p)
			b := binHeader(p[baseBlockSize:])
			b.setFileTime(b.fileTime() + uint64(delta))
		}
	}
	return []replayCase{
		{name: "DIRT, clean: log is ignored", seq1: 9, seq2: 9, log1: dirt(0, 9)},
		{name: "DIRT, clean: a new log is prepared", seq1: 9, seq2: 9, log1: dirt(5, 9)},
		{name: "DIRT, times agree", seq1: 10, seq2: 9, log1: dirt(0, 9), want: "1:9"},
		{name: "DIRT, log's sequence is the primary's first", seq1: 10, seq2: 9, log1: dirt(0, 10), want: "1:10"},
		{name: "DIRT, log's sequence is beyond the primary's", seq1: 10, seq2: 9, log1: dirt(0, 20), want: "1:20"},
		{name: "DIRT, log's sequence is below the primary's second", seq1: 10, seq2: 9, log1: dirt(0, 8), err: ErrLogsNotApplicable},
		{name: "DIRT, first sequence below the second", seq1: 9, seq2: 10, log1: dirt(0, 10), want: "1:10"},
		{name: "DIRT, first sequence below the second, log between them", seq1: 9, seq2: 10, log1: dirt(0, 9), err: ErrLogsNotApplicable},
		{name: "DIRT, wrap around", seq1: 0, seq2: 0xFFFFFFFF, log1: dirt(0, 0), want: "1:0"},
		{name: "DIRT, log is older", seq1: 10, seq2: 9, log1: dirt(-5, 9), err: ErrLogsNotApplicable},
		{name: "DIRT, log is newer", seq1: 10, seq2: 9, log1: dirt(5, 9), err: ErrLogsNotApplicable},
		{name: "DIRT, old LOG1, matching LOG2", seq1: 10, seq2: 9, log1: dirt(-5, 8), log2: dirt(0, 9), want: "2:9"},
		{name: "DIRT, LOG2 alone", seq1: 10, seq2: 9, log2: dirt(0, 9), want: "2:9"},
		{name: "DIRT, both match: the newer", seq1: 10, seq2: 9, log1: dirt(0, 9), log2: dirt(0, 10), want: "2:10"},
		{name: "DIRT, both match, LOG1 newer", seq1: 10, seq2: 9, log1: dirt(0, 11), log2: dirt(0, 10), want: "1:11"},
		{name: "DIRT, both match and are as new: LOG1", seq1: 10, seq2: 9, log1: dirt(0, 9), log2: dirt(0, 9), want: "1:9"},
		{name: "DIRT, both match, one below the primary's second sequence", seq1: 10, seq2: 9, log1: dirt(0, 8), log2: dirt(0, 9), want: "2:9"},
		{name: "DIRT, torn log that the primary needs", seq1: 10, seq2: 9, log1: dirt(0, 9).cut(sectorSize), err: ErrLogsNotApplicable},
		{name: "DIRT, log's checksum wrong", seq1: 10, seq2: 9, log1: dirt(0, 9).but(damageChecksum), err: ErrLogsNotApplicable},
		{name: "DIRT, log's sequences differ", seq1: 10, seq2: 9, log1: dirt(0, 9).butBase(func(b baseBlock) { b.setSequences(9, 8) }), err: ErrLogsNotApplicable},
		{name: "DIRT, without its tag a log has no sectors", seq1: 10, seq2: 9, log1: dirt(0, 9).but(func(log []byte) { log[sectorSize] = 'x' })},
		{name: "DIRT, without its tag a log may be torn", seq1: 10, seq2: 9, log1: dirt(0, 9).cut(sectorSize).but(func(log []byte) { log[sectorSize] = 'x' })},
		{name: "DIRT, log of one sector", seq1: 10, seq2: 9, log1: dirt(0, 9).first(sectorSize), err: ErrLogsNotApplicable},
		{name: "DIRT, damaged base block, first bin's time is the log's", seq1: 10, seq2: 9, primary: firstBin(0), log1: dirt(0, 9), want: "1:9"},
		{name: "DIRT, damaged base block, first bin's time is another", seq1: 10, seq2: 9, primary: firstBin(1), log1: dirt(0, 9), err: ErrLogsNotApplicable},
		{name: "DIRT, damaged base block: sequences are ignored", seq1: 10, seq2: 9, primary: damageChecksum, log1: dirt(0, 3), want: "1:3"},
		{name: "DIRT, damaged base block, both match: the newer", seq1: 10, seq2: 9, primary: damageChecksum, log1: dirt(0, 8), log2: dirt(0, 9), want: "2:9"},
		{name: "both kinds: DIRT before a contiguous HvLE log", seq1: 10, seq2: 9, log1: dirt(0, 9), log2: hvle(10, 10), want: "1:9 2:10"},
		{name: "both kinds: HvLE before a newer DIRT log is skipped", seq1: 10, seq2: 9, log1: hvle(9, 9), log2: dirt(0, 10), want: "2:10"},
		{name: "both kinds, gap: the newer only", seq1: 10, seq2: 9, log1: dirt(0, 9), log2: hvle(11, 11), want: "2:11"},
		{name: "both kinds, as new: LOG1", seq1: 10, seq2: 9, log1: dirt(0, 9), log2: hvle(9, 9), want: "1:9"},
		{name: "both kinds, DIRT log of another time", seq1: 10, seq2: 9, log1: dirt(5, 9), log2: hvle(9, 9), want: "2:9"},
		{name: "DIRT, no log", seq1: 10, seq2: 9, log1: zeros(0), err: ErrDirtyNoLog},
	}
}
