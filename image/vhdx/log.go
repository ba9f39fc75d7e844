package vhdx

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"hangkit/image/container"
)

// A log entry (2.3.1): header, descriptors of 32 bytes, padded to a sector,
// then a sector of data for each data descriptor.
const (
	logSector     = 4 * kib
	entryMagic    = "loge"
	entryHeader   = 64
	entryLen      = 8  // u32
	entryTail     = 12 // u32, offset in the log of the first entry that counts
	entrySequence = 16 // u64
	entryCount    = 24 // u32 descriptors
	entryLogID    = 32 // GUID, that of the header
	entryFlushed  = 48 // u64, the file is at least so long
	entryLast     = 56 // u64, and is to become so long
)

// Descriptors: "zero" is a range to clear, "desc" a sector to write. A sector
// of data lacks its first 8 and last 4 bytes, which the descriptor has; in
// their place it has the sequence number.
const (
	descLen      = 32
	zeroMagic    = "zero"
	descMagic    = "desc"
	dataMagic    = "data"
	descTrailing = 4  // 4 bytes
	descLeading  = 8  // 8 bytes; the length of a zero descriptor
	descOff      = 16 // u64, in the file
	descSequence = 24 // u64
	dataSeqHigh  = 4
	dataLead     = 8
	dataTrail    = logSector - 4
)

// patch is a change that the log holds: data at off, or len zeros.
type patch struct {
	off, len int64
	data     []byte
}

// logEntry is an entry of the log.
type logEntry struct {
	b       []byte
	at      int64 // in the log
	patches []patch
}

func (e *logEntry) len() int64       { return int64(le.Uint32(e.b[entryLen:])) }
func (e *logEntry) count() int64     { return int64(le.Uint32(e.b[entryCount:])) }
func (e *logEntry) sequence() uint64 { return le.Uint64(e.b[entrySequence:]) }
func (e *logEntry) tail() int64      { return int64(le.Uint32(e.b[entryTail:])) }
func (e *logEntry) flushed() int64   { return int64(le.Uint64(e.b[entryFlushed:])) }
func (e *logEntry) last() int64      { return int64(le.Uint64(e.b[entryLast:])) }

// data is where the first sector of data lies.
func (e *logEntry) data() int64 { return container.RoundUp(entryHeader+e.count()*descLen, logSector) }

// readLog gives the changes that must be replayed, in order, and the size
// that the file must have then.
func readLog(s container.Storage, h header) ([]patch, int64, error) {
	if isZero(h.logID()) {
		return nil, 0, nil
	}
	size, err := s.Size()
	if err != nil {
		return nil, 0, err
	}
	if end := h.logOff() + h.logLen(); end > size {
		return nil, 0, &container.TruncatedError{Off: h.logOff(), Len: h.logLen(), Have: size}
	}
	log := make([]byte, h.logLen())
	if err := container.ReadFull(s, log, h.logOff()); err != nil {
		return nil, 0, fmt.Errorf("vhdx log: %w", err)
	}
	active, err := activeSequence(log, h.logID())
	if err != nil {
		return nil, 0, &container.FormatError{Off: h.logOff(), What: "vhdx log", Got: err}
	}
	if active == nil {
		return nil, 0, &container.FormatError{Off: h.logOff(), What: "vhdx log", Want: "entries to replay", Got: "none that is whole"}
	}
	head := active[len(active)-1]
	switch last := head.last(); {
	case size < head.flushed():
		return nil, 0, &container.TruncatedError{Off: 0, Len: head.flushed(), Have: size}
	case last < 0 || last > maxFile:
		return nil, 0, &container.FormatError{Off: h.logOff() + head.at + entryLast, What: "vhdx log: size of the file", Want: fmt.Sprintf("at most 0x%x", int64(maxFile)), Got: last}
	}
	var all []patch
	for _, e := range active {
		all = append(all, e.patches...)
	}
	for _, p := range all {
		if end := max(size, head.last()); p.data != nil && p.off+p.len > end {
			return nil, 0, &container.FormatError{Off: h.logOff(), What: "vhdx log: sector", Want: fmt.Sprintf("before the end of the file, 0x%x", end), Got: fmt.Sprintf("0x%x", p.off)}
		}
	}
	return all, head.last(), nil
}

// logReader finds the entries of a log. An entry is hashed only where a run
// needs it, once, and all together at most maxHashed bytes: whole entries do
// not overlap, but nothing keeps a hostile log from claiming some that do.
type logReader struct {
	log    []byte
	id     []byte
	claims []*logEntry // by the sector they begin in, nil where none does
	whole  map[*logEntry]bool
	hashed int64
}

// maxHashed is how often the length of the log may be hashed.
const maxHashed = 4

// errOverlap ends the search in a log whose entries overlap.
var errOverlap = errors.New("entries that overlap")

// activeSequence finds the newest run of entries that is whole: it ends in
// the entry with the highest sequence number whose tail is where a chain of
// entries, each with the number after the one before, begins (2.3.2).
func activeSequence(log, id []byte) ([]*logEntry, error) {
	r := &logReader{log: log, id: id, whole: map[*logEntry]bool{}}
	var heads []*logEntry
	for at := int64(0); at < int64(len(log)); at += logSector {
		e := r.claim(at)
		r.claims = append(r.claims, e)
		if e != nil {
			heads = append(heads, e)
		}
	}
	slices.SortFunc(heads, func(a, b *logEntry) int { return cmp.Compare(b.sequence(), a.sequence()) })
	for _, head := range heads {
		if chain, err := r.chainTo(head); err != nil || chain != nil {
			return chain, err
		}
	}
	return nil, nil
}

// chainTo follows the entries from the head's tail to the head.
func (r *logReader) chainTo(head *logEntry) ([]*logEntry, error) {
	if ok, err := r.isWhole(head); !ok || err != nil {
		return nil, err
	}
	var chain []*logEntry
	at := head.tail()
	for range r.claims {
		e := r.claims[at%int64(len(r.log))/logSector]
		if e == nil || len(chain) > 0 && e.sequence() != chain[len(chain)-1].sequence()+1 {
			return nil, nil
		}
		if ok, err := r.isWhole(e); !ok || err != nil {
			return nil, err
		}
		chain = append(chain, e)
		if e == head {
			return chain, nil
		}
		at = e.at + e.len()
	}
	return nil, nil
}

// claim gives what says that it is an entry of this log, nil if nothing at
// the offset does. Only its header is there yet.
func (r *logReader) claim(at int64) *logEntry {
	e := &logEntry{b: r.log[at:][:logSector], at: at}
	if string(e.b[:len(entryMagic)]) != entryMagic || !bytes.Equal(e.b[entryLogID:][:guidLen], r.id) {
		return nil
	}
	n := e.len()
	if n < logSector || n%logSector != 0 || n > int64(len(r.log)) || e.data() > n || e.sequence() == 0 || e.tail()%logSector != 0 {
		return nil
	}
	return e
}

// isWhole reads the rest of an entry and says whether it is valid.
func (r *logReader) isWhole(e *logEntry) (bool, error) {
	ok, known := r.whole[e]
	if known {
		return ok, nil
	}
	if r.hashed += e.len(); r.hashed > maxHashed*int64(len(r.log)) {
		return false, errOverlap
	}
	e.b = around(r.log, e.at, e.len())
	ok = sealed(e.b, entryMagic) && e.parsePatches()
	r.whole[e] = ok
	return ok, nil
}

// around gives n bytes of the circular log.
func around(log []byte, at, n int64) []byte {
	first := min(n, int64(len(log))-at)
	if first == n {
		return log[at : at+n]
	}
	return slices.Concat(log[at:], log[:n-first])
}

// parsePatches reads the descriptors, and says whether all are valid.
func (e *logEntry) parsePatches() bool {
	data := e.data()
	for i := range e.count() {
		d := e.b[entryHeader+i*descLen:][:descLen]
		if le.Uint64(d[descSequence:]) != e.sequence() {
			return false
		}
		p := patch{off: int64(le.Uint64(d[descOff:])), len: int64(le.Uint64(d[descLeading:]))}
		switch string(d[:4]) {
		case zeroMagic:
		case descMagic:
			if data+logSector > int64(len(e.b)) {
				return false
			}
			p.len = logSector
			if p.data = e.sector(d, e.b[data:data+logSector]); p.data == nil {
				return false
			}
			data += logSector
		default:
			return false
		}
		if p.off < 0 || p.len < 0 || p.off > maxOffset || p.len > maxOffset || p.off%logSector != 0 {
			return false
		}
		e.patches = append(e.patches, p)
	}
	return true
}

// sector puts a sector of data together, nil if it is not of this entry.
func (e *logEntry) sector(d, s []byte) []byte {
	sequence := uint64(le.Uint32(s[dataSeqHigh:]))<<32 | uint64(le.Uint32(s[dataTrail:]))
	if string(s[:4]) != dataMagic || sequence != e.sequence() {
		return nil
	}
	return slices.Concat(d[descLeading:descLeading+dataLead], s[dataLead:dataTrail], d[descTrailing:descTrailing+4])
}

// maxLogged is how many sectors one of our entries has: what the descriptors
// of its first sector can name.
const maxLogged = (logSector - entryHeader) / descLen

// newEntry makes the only entry of a log: the sectors, for a file of size
// bytes.
func newEntry(id []byte, sectors []patch, size int64) []byte {
	const sequence = 1
	b := make([]byte, logSector*(1+len(sectors)))
	copy(b, entryMagic)
	le.PutUint32(b[entryLen:], uint32(len(b)))
	le.PutUint64(b[entrySequence:], sequence)
	le.PutUint32(b[entryCount:], uint32(len(sectors)))
	copy(b[entryLogID:], id)
	le.PutUint64(b[entryFlushed:], uint64(size))
	le.PutUint64(b[entryLast:], uint64(size))
	for i, p := range sectors {
		d, s := b[entryHeader+i*descLen:], b[(1+i)*logSector:]
		copy(d, descMagic)
		copy(d[descTrailing:], p.data[dataTrail:])
		copy(d[descLeading:], p.data[:dataLead])
		le.PutUint64(d[descOff:], uint64(p.off))
		le.PutUint64(d[descSequence:], sequence)
		copy(s, dataMagic)
		copy(s[dataLead:dataTrail], p.data[dataLead:dataTrail])
		le.PutUint32(s[dataTrail:], sequence)
	}
	seal(b)
	return b
}
