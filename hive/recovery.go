package hive

import "fmt"

// Protocol is a way of making changes to a hive survive a power cut.
type Protocol int

// The protocols.
const (
	NoProtocol   Protocol = iota // nothing to recover or write
	ProtocolHvLE                 // log entries with hashes: Windows 8.1 and later
	ProtocolDIRT                 // log with a bitmap of sectors: Windows 8 and earlier
	Direct                       // straight into the primary: nothing protects against a power cut
)

func (p Protocol) String() string {
	return [...]string{"none", "HvLE", "DIRT", "direct"}[p]
}

// Recovery is what Open found about unfinished writes, and what it did in memory.
type Recovery struct {
	Dirty         bool
	BadBaseBlock  bool // the primary's base block was damaged and comes from a log
	Protocol      Protocol
	Entries       int      // log entries applied (HvLE)
	Pages         int      // runs of bytes taken from logs
	FirstSequence uint32   // of the entries applied
	LastSequence  uint32   //
	Applied       []FileID // the logs used, in order
	Notes         []string // one line for each log that was not used, and why
}

// recover replays the logs of a dirty hive.
func (h *Hive) recover() error {
	h.recovery = Recovery{Dirty: true, BadBaseBlock: !h.onDisk.intact()}
	chain := h.chooseLogs([]*txLog{readLog(Log1, h.src.Log1), readLog(Log2, h.src.Log2)})
	if len(chain) == 0 {
		return h.refuse()
	}
	if newest := chain[len(chain)-1]; newest.isDIRT() {
		return h.replayDIRT(newest)
	}
	return h.replayHvLE(chain)
}

func (h *Hive) refuse() error {
	if h.onDisk.signature() != baseBlockTag {
		return &FormatError{0, "base block signature", baseBlockTag, []byte(h.onDisk.signature())}
	}
	reason := fmt.Sprintf("sequence numbers %d and %d", h.onDisk.seq1(), h.onDisk.seq2())
	if h.recovery.BadBaseBlock {
		reason = (&FormatError{checksumOffset, "base block checksum", h.onDisk.checksum(), h.onDisk.storedChecksum()}).Error()
	}
	if empty(h.src.Log1) && empty(h.src.Log2) {
		return fmt.Errorf("hive: %w (%s)", ErrDirtyNoLog, reason)
	}
	return fmt.Errorf("hive: %w (%s)", ErrLogsNotApplicable, reason)
}

func empty(f File) bool { return f == nil || f.Size() == 0 }

// chooseLogs picks the logs to apply, in order, as the Windows kernel does: the applicable log with
// the highest base sequence, and before it the other one if the two are contiguous and the newest is
// not a DIRT log, which stands alone.
func (h *Hive) chooseLogs(logs []*txLog) []*txLog {
	var newest, other *txLog
	for _, l := range logs {
		switch {
		case !l.isDIRT() && !l.counts(), !h.applicable(l):
		case newest == nil:
			newest = l
		case before(newest.firstSequence(), l.firstSequence()):
			newest, other = l, newest
		default:
			other = l
		}
	}
	switch {
	case newest == nil:
		return nil
	case other == nil:
		return []*txLog{newest}
	case newest.isDIRT() || other.lastSequence()+1 != newest.firstSequence():
		h.note("%s ends at %d and %s starts at %d: only the newer one is applied",
			other.id, other.lastSequence(), newest.id, newest.firstSequence())
		return []*txLog{newest}
	}
	return []*txLog{other, newest}
}

// applicable says whether a log belongs to the primary's present state. While the primary's base
// block is right, one that starts below its second sequence number does not, even where a later
// entry of it would fit. A DIRT log must have been written for the primary's time, too.
func (h *Hive) applicable(l *txLog) bool {
	if !h.recovery.BadBaseBlock && before(l.firstSequence(), h.onDisk.seq2()) {
		h.note("%s starts at %d, before the primary's %d: not applicable", l.id, l.firstSequence(), h.onDisk.seq2())
		return false
	}
	if t := h.primaryTime(); l.isDIRT() && l.base.fileTime() != t {
		h.note("%s was written at %v, the primary at %v: not applicable", l.id, timeOf(l.base.fileTime()), timeOf(t))
		return false
	}
	return true
}

func (h *Hive) note(format string, args ...any) {
	h.recovery.Notes = append(h.recovery.Notes, fmt.Sprintf(format, args...))
}

// primaryTime is the time in the primary's base block, or, when that is damaged, its copy in the first
// bin; 0 if there is none.
func (h *Hive) primaryTime() uint64 {
	if !h.recovery.BadBaseBlock {
		return h.onDisk.fileTime()
	}
	p := make([]byte, binHeaderSize)
	if _, err := readFull(h.src.Primary, p, baseBlockSize); err != nil {
		return 0
	}
	return binHeader(p).fileTime()
}

// restoredBase is the base block before its sequences and sizes are set: the primary's, or, when
// that is damaged, the log's with the rest of the primary's.
func (h *Hive) restoredBase(l *txLog) baseBlock {
	b := append(baseBlock(nil), h.onDisk...)
	if h.recovery.BadBaseBlock {
		copy(b, l.base[:sectorSize])
		b.setFileType(typePrimary)
	}
	return b
}

func (h *Hive) replayHvLE(chain []*txLog) error {
	var pages []dirtyPage
	var room int64
	var highest uint32
	for _, l := range chain {
		p, size, err := l.dirtyPages()
		if err != nil {
			return fmt.Errorf("%s: %w", l.id, err)
		}
		pages, highest = append(pages, p...), max(highest, size)
		room += l.file.Size()
		h.recovery.Applied = append(h.recovery.Applied, l.id)
		h.recovery.Entries += len(l.entries)
	}
	newest := chain[len(chain)-1]
	last := newest.lastEntry()
	h.recovery.Protocol = ProtocolHvLE
	h.recovery.FirstSequence, h.recovery.LastSequence = chain[0].firstSequence(), newest.lastSequence()

	h.base = h.restoredBase(newest)
	h.base.setSequences(last.sequence()+1, last.sequence()+1)
	h.base.setFlags(h.base.flags()&^logEntryFlag | last.flags()&logEntryFlag)
	return h.replay(pages, highest, last.binsSize(), room)
}

// replayDIRT applies a log of the older kind. The size of the bins is the base block's, not the log's.
func (h *Hive) replayDIRT(l *txLog) error {
	pages, err := l.dirtPages()
	if err != nil {
		return fmt.Errorf("hive: %w: %w", ErrLogsNotApplicable, err)
	}
	h.recovery.Protocol = ProtocolDIRT
	h.recovery.Applied = []FileID{l.id}
	h.base = h.restoredBase(l)
	next := later(later(h.base.seq1(), h.base.seq2()), l.base.seq1()) + 1
	h.base.setSequences(next, next)
	final := h.base.binsSize()
	return h.replay(pages, max(final, l.base.binsSize()), final, int64(len(pages))*sectorSize)
}

// replay puts pages of the logs over those of the primary. highest is the largest size the bins
// have on the way, final the one they end with; room is what the logs hold, which bounds how far
// they can make the hive grow.
func (h *Hive) replay(pages []dirtyPage, highest, final uint32, room int64) error {
	stored := (h.src.Primary.Size() - baseBlockSize) &^ (sectorSize - 1)
	if int64(highest) > max(stored, 0)+room {
		return &FormatError{16, "log: size of hive bins", "within the primary and the logs", highest}
	}
	h.base.setBinsSize(final)
	h.base.seal()
	if err := h.base.check(baseBlockSize + int64(final)); err != nil {
		return fmt.Errorf("recovered: %w", err)
	}
	h.bins = newBinData(h.src.Primary, highest)
	h.bins.stored = uint32(min(int64(highest), max(stored, 0)))
	for _, p := range pages {
		if err := h.replayPage(p); err != nil {
			return err
		}
	}
	h.bins.resize(final)
	h.bins.opened = final
	h.recovery.Pages = len(pages)
	return nil
}

func (h *Hive) replayPage(p dirtyPage) error {
	if len(p.data) == 0 {
		return nil
	}
	dst, err := h.bins.view(p.off, uint32(len(p.data)))
	if err != nil {
		return fmt.Errorf("log page: %w", err)
	}
	copy(dst, p.data)
	for page := p.off &^ (pageSize - 1); page < p.off+uint32(len(p.data)); page += pageSize {
		h.replayed[page] = struct{}{}
	}
	return nil
}
