package hive

import "fmt"

// logEntry is a view of one entry of a transaction log: the pages one flush changed.
//
// On disk: "HvLE" (regf specification, "Log entry").
type logEntry []byte

const (
	logEntryTag     = "HvLE"
	logEntryHeader  = 40
	logEntryRefSize = 8
	// logEntryHashed is how much of the header the second hash covers: all but itself.
	logEntryHashed = 32
	// logEntryFlag is the only flag of an entry; it sets the same bit in the base block.
	logEntryFlag = 0x1
)

func (e logEntry) tag() string       { return string(e[:4]) }
func (e logEntry) size() uint32      { return le.Uint32(e[4:]) }
func (e logEntry) flags() uint32     { return le.Uint32(e[8:]) }
func (e logEntry) sequence() uint32  { return le.Uint32(e[12:]) }
func (e logEntry) binsSize() uint32  { return le.Uint32(e[16:]) }
func (e logEntry) pageCount() uint32 { return le.Uint32(e[20:]) }
func (e logEntry) hash1() uint64     { return le.Uint64(e[24:]) }
func (e logEntry) hash2() uint64     { return le.Uint64(e[32:]) }

// dirtyPage is a run of bytes of the bins that a log holds.
type dirtyPage struct {
	off  uint32
	data []byte
}

// headerOK tests what can be told from the first 40 bytes.
func (e logEntry) headerOK() bool {
	return len(e) >= logEntryHeader && e.tag() == logEntryTag &&
		e.size() >= sectorSize && e.size()%sectorSize == 0 &&
		e.binsSize()%pageSize == 0 && e.binsSize() < maxBinsSize &&
		e.hash2() == marvin32(e[:logEntryHashed])
}

// valid tests a whole entry: header, both hashes, and that its pages are all there.
func (e logEntry) valid() bool {
	if !e.headerOK() || len(e) != int(e.size()) || e.hash1() != marvin32(e[logEntryHeader:]) {
		return false
	}
	pages, err := e.pages()
	return err == nil && len(pages) > 0
}

// pages gives the entry's runs of pages. They ascend and do not touch: Windows joins neighbours, and
// takes no entry in which one run begins where another ends.
func (e logEntry) pages() ([]dirtyPage, error) {
	body := uint64(logEntryHeader) + uint64(e.pageCount())*logEntryRefSize
	if body > uint64(len(e)) {
		return nil, &FormatError{20, "log entry: number of pages", fmt.Sprintf("at most %d", len(e)/logEntryRefSize), e.pageCount()}
	}
	refs, rest := e[logEntryHeader:body], e[body:]
	list := make([]dirtyPage, 0, e.pageCount())
	var end uint64
	for ; len(refs) > 0; refs = refs[logEntryRefSize:] {
		off, size := le.Uint32(refs), le.Uint32(refs[4:])
		if uint64(size) > uint64(len(rest)) || uint64(off)+uint64(size) > uint64(e.binsSize()) {
			return nil, &FormatError{int64(body), "log entry: page", "inside the entry and the bins", size}
		}
		if len(list) > 0 && uint64(off) <= end {
			return nil, &FormatError{int64(body), "log entry: page", fmt.Sprintf("behind %#x", end), off}
		}
		end = uint64(off) + uint64(size)
		list = append(list, dirtyPage{off, rest[:size]})
		rest = rest[size:]
	}
	return list, nil
}

// newLogEntry builds an entry that is to stand at a file offset. It ends on a page boundary of the
// file, as those of Windows 10 do.
func newLogEntry(sequence, flags, binsSize uint32, pages []dirtyPage, at int64) logEntry {
	size := int64(logEntryHeader + len(pages)*logEntryRefSize)
	for _, p := range pages {
		size += int64(len(p.data))
	}
	size = roundUp(at+size, pageSize) - at
	e := make(logEntry, 0, size)
	e = append(e, logEntryTag...)
	for _, v := range []uint32{uint32(size), flags, sequence, binsSize, uint32(len(pages)), 0, 0, 0, 0} {
		e = le.AppendUint32(e, v)
	}
	for _, p := range pages {
		e = le.AppendUint32(e, p.off)
		e = le.AppendUint32(e, uint32(len(p.data)))
	}
	for _, p := range pages {
		e = append(e, p.data...)
	}
	e = e[:size]
	le.PutUint64(e[24:], marvin32(e[logEntryHeader:]))
	le.PutUint64(e[32:], marvin32(e[:logEntryHashed]))
	return e
}

func roundUp(n, multiple int64) int64 { return (n + multiple - 1) / multiple * multiple }
