package hive

import "bytes"

// txLog is a transaction log with a right base block, of either protocol.
type txLog struct {
	id   FileID
	file File
	base baseBlock
	// HvLE only: the entries that continue the base block's sequence without a gap, and the
	// offset behind the last of them.
	entries []logEntry
	end     int64
}

// logEntriesStart is where entries begin: behind the log's one-sector base block.
const logEntriesStart = sectorSize

// readLog reads a log's base block and live entries. It gives nil for a file that is no usable log:
// whatever is wrong with it, Windows passes over it too.
func readLog(id FileID, f File) *txLog {
	if f == nil {
		return nil
	}
	b, err := readBaseBlock(f, f.Size(), sectorSize)
	if err != nil || !b.intact() || b.seq1() != b.seq2() {
		return nil
	}
	l := &txLog{id: id, file: f, base: b, end: logEntriesStart}
	if b.fileType() == typeLogHvLE {
		l.readEntries()
	}
	return l
}

// readEntries collects the run of valid entries with the sequences base, base+1 and so on. Older
// entries that lie behind them do not continue it.
func (l *txLog) readEntries() {
	for want := l.base.seq1(); ; want++ {
		e := readLogEntry(l.file, l.end)
		if e == nil || e.sequence() != want {
			return
		}
		l.entries = append(l.entries, e)
		l.end += int64(len(e))
	}
}

// readLogEntry reads the entry at off, or gives nil where there is no valid one.
func readLogEntry(f File, off int64) logEntry {
	head := make(logEntry, logEntryHeader)
	if _, err := readFull(f, head, off); err != nil || !head.headerOK() || int64(head.size()) > f.Size()-off {
		return nil
	}
	e := make(logEntry, head.size())
	if _, err := readFull(f, e, off); err != nil || !e.valid() {
		return nil
	}
	return e
}

// counts says whether an HvLE log takes part in recovery at all.
func (l *txLog) counts() bool { return l != nil && len(l.entries) > 0 }

func (l *txLog) firstSequence() uint32 { return l.base.seq1() }
func (l *txLog) lastSequence() uint32  { return l.firstSequence() + uint32(max(len(l.entries), 1)) - 1 }
func (l *txLog) lastEntry() logEntry   { return l.entries[len(l.entries)-1] }

// isDIRT says whether the log is one of Windows 8 and earlier.
func (l *txLog) isDIRT() bool {
	return l != nil && (l.base.fileType() == typeLogDIRT || l.base.fileType() == typeLogDIRT2K)
}

// dirtyPages are all that a log changes, in order, and the largest size the bins have on the way.
func (l *txLog) dirtyPages() (pages []dirtyPage, highest uint32, err error) {
	if l.isDIRT() {
		pages, err = l.dirtPages()
		return pages, l.base.binsSize(), err
	}
	for _, e := range l.entries {
		p, err := e.pages()
		if err != nil {
			return nil, 0, err
		}
		pages, highest = append(pages, p...), max(highest, e.binsSize())
	}
	return pages, highest, nil
}

// before compares sequence numbers, which wrap around.
func before(a, b uint32) bool { return int32(a-b) < 0 }

func later(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}

// scanSequences gives the latest sequence number anywhere in a log file, stale entries included:
// a number that was used once must not be used again.
func scanSequences(f File, latest uint32) (uint32, error) {
	if f == nil {
		return latest, nil
	}
	buf := make([]byte, chunkSize)
	for off := int64(0); off < f.Size(); off += chunkSize {
		p := buf[:min(chunkSize, f.Size()-off)]
		if _, err := readFull(f, p, off); err != nil {
			return latest, err
		}
		latest = latestIn(p, off, latest)
	}
	return latest, nil
}

func latestIn(p []byte, off int64, latest uint32) uint32 {
	for ; len(p) >= sectorSize; p, off = p[sectorSize:], off+sectorSize {
		switch {
		case off == 0 && baseBlock(p).intact():
			latest = later(later(latest, baseBlock(p).seq1()), baseBlock(p).seq2())
		case bytes.HasPrefix(p, []byte(logEntryTag)) && logEntry(p[:logEntryHeader]).headerOK():
			latest = later(latest, logEntry(p).sequence())
		}
	}
	return latest
}
