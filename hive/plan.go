package hive

import (
	"errors"
	"fmt"
	"strings"
)

// planner builds a Commit.
type planner struct {
	h    *Hive
	o    CommitOptions
	c    *Commit
	last uint32 // the latest sequence number used anywhere, by this commit too
}

// errLogTooSmall means that no log has room for the changes.
var errLogTooSmall = errors.New("no log has room")

func (p *planner) plan() error {
	if !p.h.recovery.Dirty && !p.h.Changed() {
		return nil
	}
	if end, limit := fileOffset(p.h.bins.size()), max(p.h.limit, p.h.src.Primary.Size()); end > limit {
		return &NoRoomError{Primary, limit, end}
	}
	if err := p.scan(); err != nil {
		return err
	}
	if p.h.recovery.Dirty {
		done, err := p.planDirty()
		if err != nil || done {
			return err
		}
	}
	return p.planClean()
}

// scan finds the latest sequence number in all files, stale log entries included. A log that
// starts above it can never be mistaken for one of them.
func (p *planner) scan() error {
	h := p.h
	now, err := readBaseBlock(h.src.Primary, h.src.Primary.Size(), baseBlockSize)
	if err != nil {
		return err
	}
	if string(now) != string(h.onDisk) {
		return ErrStale
	}
	p.last = later(h.base.seq1(), h.base.seq2())
	if h.onDisk.intact() {
		p.last = later(p.last, later(h.onDisk.seq1(), h.onDisk.seq2()))
	}
	for _, f := range []File{h.src.Log1, h.src.Log2} {
		if p.last, err = scanSequences(f, p.last); err != nil {
			return fmt.Errorf("scan log: %w", err)
		}
	}
	return nil
}

// planDirty deals with a primary that needs its logs. The changes go behind the last live log entry
// if they can: then they are committed with it. Otherwise, and with DIRT logs always, what Windows
// began is finished first, and the rest is a commit to a clean primary: no log has to hold both, and
// a single log is enough.
func (p *planner) planDirty() (done bool, err error) {
	h := p.h
	p.c.Protocol = h.recovery.Protocol
	if h.recovery.Protocol == ProtocolHvLE && h.Changed() {
		err := p.planAppend()
		if !errors.Is(err, errLogTooSmall) {
			return true, err
		}
	}
	p.note("the primary is dirty and needs %s: what Windows left there is written to the primary first, and only then the log is free", joined(h.recovery.Applied))
	return !h.Changed(), p.planFinish()
}

func joined(files []FileID) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.String()
	}
	return strings.Join(names, " and ")
}

// planFinish completes the recovery on disk. While pages are written the logs still apply.
func (p *planner) planFinish() error {
	runs, err := p.differing(p.h.bins.opened, p.h.recoveredPage)
	if err != nil {
		return err
	}
	p.addRuns(runs, "finish what the log holds")
	p.last++
	p.addBase(p.h.base, p.last, p.last, p.h.bins.opened, "primary is clean")
	return p.oldBytes()
}

// planAppend puts one entry behind the last live one of the log Windows would apply last. The
// primary stays dirty until everything is in it.
func (p *planner) planAppend() error {
	h := p.h
	l := readLog(h.recovery.Applied[len(h.recovery.Applied)-1], h.src.file(h.recovery.Applied[len(h.recovery.Applied)-1]))
	if !l.counts() || l.lastSequence() != h.recovery.LastSequence {
		return ErrStale
	}
	sequence := l.lastSequence() + 1
	e := newLogEntry(sequence, h.base.flags()&logEntryFlag, h.bins.size(), h.editedRuns(), l.end)
	end := l.end + int64(len(e))
	if room := p.logRoom(l.file); end > room {
		p.note("%s has no room behind its last entry: %d bytes are missing", l.id, end-room)
		return errLogTooSmall
	}
	p.note("the primary is dirty and needs %s: the changes go behind the last entry of %s and are replayed with it after a power cut", joined(h.recovery.Applied), l.id)
	if next := readLogEntry(l.file, end); next != nil && next.sequence() == sequence+1 {
		p.add(Write{File: l.id, Off: end, Data: make([]byte, sectorSize), Sync: true, Why: "a stale log entry must not follow ours"})
	}
	p.addGrowth()
	p.add(Write{File: l.id, Off: l.end, Data: e, Sync: true, Why: fmt.Sprintf("log entry %d behind the last live one", sequence)})
	runs, err := p.differing(h.bins.size(), h.editedPage)
	if err != nil {
		return err
	}
	p.addRuns(runs, "changed and recovered pages")
	p.last = later(p.last, sequence) + 1
	p.addBase(h.base, p.last, p.last, h.bins.size(), "primary is clean")
	return p.oldBytes()
}

// planClean commits the edits to a primary that is clean by then.
func (p *planner) planClean() error {
	err, unused := errLogTooSmall, "no log can hold the changes"
	g, why := p.generation()
	p.note("%s", why)
	switch g {
	case GenerationHvLE:
		err = p.planHvLE()
	case GenerationDIRT, GenerationXP:
		err = p.planDIRT()
	default:
		unused = "the changes go into no log"
	}
	if errors.Is(err, errLogTooSmall) {
		p.note("%s: a power cut while they are written leaves a hive that only the saved old bytes make whole", unused)
		err = p.planDirect()
	}
	if err != nil {
		return err
	}
	return p.oldBytes()
}

// generation is the caller's, or goes by the log written last when the caller does not know. It says
// why.
func (p *planner) generation() (g Generation, why string) {
	switch p.o.Generation {
	case GenerationHvLE:
		return GenerationHvLE, "Windows 8.1 and later: logs have HvLE entries"
	case GenerationDIRT:
		return GenerationDIRT, "Windows Vista to 8: logs have a DIRT bitmap"
	case GenerationXP:
		return GenerationXP, "Windows XP and Server 2003: one log with a DIRT bitmap"
	default:
	}
	switch l := p.latestLog(); {
	case l.isDIRT():
		return GenerationDIRT, fmt.Sprintf("%s is a DIRT log, as Windows 8 and earlier write them", l.id)
	case l != nil:
		return GenerationHvLE, fmt.Sprintf("%s is an HvLE log, as Windows 8.1 and later write them", l.id)
	}
	return Auto, "there is no log that tells which kind this Windows writes"
}

// latestLog gives the log of a known kind that was written last, or nil. Of two kinds the later one is
// that of the Windows that has the hive now.
func (p *planner) latestLog() (latest *txLog) {
	for _, l := range []*txLog{readLog(Log1, p.h.src.Log1), readLog(Log2, p.h.src.Log2)} {
		known := l.isDIRT() || l != nil && l.base.fileType() == typeLogHvLE
		if known && (latest == nil || before(latest.lastSequence(), l.lastSequence())) {
			latest = l
		}
	}
	return latest
}

// planHvLE starts a log anew with one entry. The log counts only from the moment the base block
// says, in one sector, that the primary is dirty; its second sequence number shuts out every
// older log.
func (p *planner) planHvLE() error {
	h := p.h
	s := p.last + 1
	log := append(baseBlock(nil), h.base[:sectorSize]...)
	log.setFileType(typeLogHvLE)
	log.setSequences(s, s)
	log.setBinsSize(h.bins.size())
	log.seal()
	e := newLogEntry(s, h.base.flags()&logEntryFlag, h.bins.size(), h.editedRuns(), logEntriesStart)
	id, err := p.chooseLog(int64(len(log) + len(e)))
	if err != nil {
		return err
	}
	p.c.Protocol = ProtocolHvLE
	p.addGrowth()
	p.add(Write{File: id, Data: append(log, e...), Sync: true, Why: fmt.Sprintf("new log with entry %d", s)})
	p.last = s + 1
	p.addBase(h.base, s+1, s, h.bins.opened, "primary needs the log")
	return p.addEdited(h.base)
}

// planDIRT writes a log of the older kind. Base block and log belong together by their time, so
// both get a new one that no older log has. The log could name single sectors, but Windows only ever
// writes whole pages and newer versions refuse anything else.
func (p *planner) planDIRT() error {
	h := p.h
	base, err := p.newTime()
	if err != nil {
		return err
	}
	s := p.last + 1
	log := append(baseBlock(nil), base[:sectorSize]...)
	log.setFileType(typeLogDIRT)
	log.setSequences(s, s)
	log.setBinsSize(h.bins.size())
	log.seal()
	data := newDIRTLog(log, sectorsOf(h.editedRuns()))
	id, err := p.chooseLog(int64(len(data)))
	if err != nil {
		return err
	}
	p.c.Protocol = ProtocolDIRT
	p.addGrowth()
	p.add(Write{File: id, Data: data, Sync: true, Why: "new log"})
	p.last = s + 1
	p.addBase(base, s+1, s, h.bins.size(), "primary needs the log")
	return p.addEdited(base)
}

// planDirect marks the primary as dirty, writes the pages and marks it as clean. After a power cut
// in between Windows refuses the hive rather than load half of the changes.
func (p *planner) planDirect() error {
	base, err := p.newTime()
	if err != nil {
		return err
	}
	p.c.Protocol = Direct
	s := p.last + 1
	p.last = s + 1
	p.addGrowth()
	p.addBase(base, s+1, s, p.h.bins.opened, "primary is being written")
	return p.addEdited(base)
}

// newTime gives the base block, and the copy in the first bin, a time later than any log's. Hives of
// Windows 8.1 and later have no such time.
func (p *planner) newTime() (baseBlock, error) {
	h := p.h
	base := append(baseBlock(nil), h.base...)
	t := h.base.fileTime()
	if g, _ := p.generation(); g == GenerationHvLE || g == Auto && t == 0 {
		return base, nil
	}
	for _, l := range []*txLog{readLog(Log1, h.src.Log1), readLog(Log2, h.src.Log2)} {
		if l != nil {
			t = max(t, l.base.fileTime())
		}
	}
	t++
	if !p.o.Now.IsZero() {
		t = max(t, fileTimeOf(p.o.Now))
	}
	base.setFileTime(t)
	first, err := h.bins.edit(0, binHeaderSize)
	if err != nil {
		return nil, err
	}
	binHeader(first).setFileTime(t)
	return base, nil
}

// chooseLog gives a log with room for size bytes, and notes what speaks against the other.
func (p *planner) chooseLog(size int64) (FileID, error) {
	for _, id := range []FileID{Log1, Log2} {
		f := p.h.src.file(id)
		switch {
		case f == nil && (id == Log1 || p.o.Generation != GenerationXP):
			p.note("%s is absent", id)
		case f == nil:
		case size > p.logRoom(f):
			p.note("%s may have %d bytes, the changes need %d: %d too few", id, p.logRoom(f), size, size-p.logRoom(f))
		default:
			p.note("%s has room for the %d bytes of the changes", id, size)
			return id, nil
		}
	}
	return Primary, errLogTooSmall
}

func (p *planner) logRoom(f File) int64 { return max(f.Size(), p.o.MaxLogSize) }

func (p *planner) note(format string, args ...any) {
	p.c.Notes = append(p.c.Notes, fmt.Sprintf(format, args...))
}

func (p *planner) add(w Write) { p.c.Writes = append(p.c.Writes, w) }

// addBase writes the sector of the base block that holds everything that changes.
func (p *planner) addBase(base baseBlock, seq1, seq2, binsSize uint32, why string) {
	b := append(baseBlock(nil), base[:sectorSize]...)
	b.setSequences(seq1, seq2)
	b.setBinsSize(binsSize)
	b.seal()
	p.c.Sequence = seq2
	p.add(Write{Data: b, Sync: true, Why: why})
}

// addGrowth writes new bins that lie behind the end of the file before anything refers to them:
// Windows refuses a file shorter than its base block says, whatever the log holds.
func (p *planner) addGrowth() {
	h := p.h
	if fileOffset(h.bins.size()) <= h.src.Primary.Size() {
		return
	}
	var runs runList
	for _, page := range h.editedPages() {
		if page >= h.bins.opened {
			runs.add(page)
		}
	}
	p.addRuns(runs.of(h.editedPage), "new bins at the end of the file")
	p.addPadding()
}

// growthStep is what Windows makes files of hives a multiple of.
const growthStep = 256 << 10

// addPadding keeps a file a multiple of growthStep if it was one and may grow that far.
func (p *planner) addPadding() {
	end := fileOffset(p.h.bins.size())
	padded := roundUp(end, growthStep)
	if p.h.src.Primary.Size()%growthStep != 0 || padded > p.h.limit || padded == end {
		return
	}
	p.add(Write{Off: end, Data: make([]byte, padded-end), Sync: true, Why: "room behind the last bin, as Windows leaves it"})
}

// addEdited writes what the edits changed and ends the commit.
func (p *planner) addEdited(base baseBlock) error {
	if err := p.checkUntouched(); err != nil {
		return err
	}
	p.addRuns(p.h.editedRuns(), "changed pages")
	p.addBase(base, p.last, p.last, p.h.bins.size(), "primary is clean")
	return nil
}

func (p *planner) addRuns(runs []dirtyPage, why string) {
	for i, r := range runs {
		p.add(Write{Off: fileOffset(r.off), Data: r.data, Sync: i == len(runs)-1, Why: why})
	}
}

// oldBytes fills in what the files hold where the commit writes.
func (p *planner) oldBytes() error {
	for i := range p.c.Writes {
		w := &p.c.Writes[i]
		f := p.h.src.file(w.File)
		w.Old = make([]byte, max(0, min(int64(len(w.Data)), f.Size()-w.Off)))
		if _, err := readFull(f, w.Old, w.Off); err != nil {
			return fmt.Errorf("read %s: %w", w.File, err)
		}
	}
	return nil
}
