// Package eventlog reads from an event log of Windows (.evtx) when the machine was
// started, shut down and crashed, and why a crash left no dump.
//
// The log of a machine that crashed is dirty: its header and the headers of its last
// chunks are older than their contents, its last record may be torn, and behind the
// last record stands what is left of an earlier round. So nothing is taken from a
// header but its signature, and a record counts when it is whole and newer than the
// one before it. The format is libyal's "Windows XML Event Log (EVTX) format"; a file
// is
//
//	0x0000  file header: "ElfFile\0", …
//	0x1000  chunks of 64 KiB, each by itself: names and templates of its records lie in it
//
// a chunk is
//
//	0x000  "ElfChnk\0", numbers of its records (0x18: of the first), checksums
//	0x080  where names begin, where templates begin
//	0x200  records, oldest first
//
// and a record is
//
//	0  "**\0\0"    8  number          24  the event in binary XML
//	4  its size   16  time written   -4  its size once more
package eventlog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"
)

const (
	fileSignature   = "ElfFile\x00"
	chunkSignature  = "ElfChnk\x00"
	recordSignature = "**\x00\x00"

	firstChunk  = 0x1000
	chunkSize   = 0x10000
	chunkHeader = 0x200 // its tables too
	chunkFirst  = 0x18  // the number of its first record
	recordHead  = 24
	recordTail  = 4
	recordAlign = 8

	// maxChunks is what 4 GiB hold, more than Windows lets a log grow to, and maxRead
	// how many of them are read: the newest 128 MiB.
	maxChunks = 1 << 16
	maxRead   = 2048
	// bytesPerToken bounds the work for one log, whatever its templates make of each
	// other: a log that is read in full has one token or value in seven bytes.
	bytesPerToken = 4
)

var le = binary.LittleEndian

// ErrFormat is what every [FormatError] is.
var ErrFormat = errors.New("not an event log")

// FormatError is something that an event log cannot be, and where.
type FormatError struct {
	Off       int64
	What      string
	Want, Got any
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("event log: %s at %#x: want %v, got %v", e.What, e.Off, e.Want, e.Got)
}

// Unwrap returns ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

// Log is an event log open for reading.
type Log struct {
	// Problems are parts of the log that could not be read.
	Problems []error

	r      io.ReaderAt
	size   int64
	chunks []chunkRef // newest first
	tokens int        // left to spend
}

// chunkRef is a chunk and the number of its first record.
type chunkRef struct {
	off   int64
	first uint64
}

// Open looks through the chunks of a log. A log whose first page is lost is read all
// the same.
func Open(ctx context.Context, r io.ReaderAt, size int64) (*Log, error) {
	l := &Log{r: r, size: size, tokens: int(min(size, maxRead*chunkSize) / bytesPerToken)}
	headErr := l.header()
	for off := int64(firstChunk); off < size && off < firstChunk+maxChunks*chunkSize; off += chunkSize {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("event log: %w", err)
		}
		l.addChunk(off)
	}
	if headErr != nil && len(l.chunks) == 0 {
		return nil, headErr
	}
	if headErr != nil {
		l.Problems = append(l.Problems, headErr)
	}
	slices.SortStableFunc(l.chunks, func(a, b chunkRef) int { return cmp.Compare(b.first, a.first) })
	return l, nil
}

func (l *Log) header() error {
	var b [len(fileSignature)]byte
	if n, err := l.r.ReadAt(b[:], 0); n < len(b) && !errors.Is(err, io.EOF) {
		return fmt.Errorf("event log: read the header: %w", err)
	}
	if string(b[:]) != fileSignature {
		return &FormatError{What: "signature", Want: fmt.Sprintf("%q", fileSignature), Got: fmt.Sprintf("%q", b[:])}
	}
	return nil
}

// addChunk lists a chunk that has been used: it begins as one, or its first record does.
func (l *Log) addChunk(off int64) {
	var b [chunkHeader + recordHead]byte
	if n, err := l.r.ReadAt(b[:], off); n < len(b) {
		if !errors.Is(err, io.EOF) {
			l.Problems = append(l.Problems, fmt.Errorf("event log: read the chunk at %#x: %w", off, err))
		}
		return
	}
	switch record := b[chunkHeader:]; {
	case bytes.HasPrefix(record, []byte(recordSignature)):
		l.chunks = append(l.chunks, chunkRef{off, le.Uint64(record[8:])})
	case bytes.HasPrefix(b[:], []byte(chunkSignature)):
		l.chunks = append(l.chunks, chunkRef{off, le.Uint64(b[chunkFirst:])})
	}
}

// Record is one record of a log, valid until the next is asked for.
type Record struct {
	ID      uint64
	Written time.Time

	log   *Log
	chunk []byte
	pos   int // of its binary XML in the chunk
	end   int
}

// Records goes through the log, newest records first, with one chunk in memory. A
// chunk that cannot be read is a problem of the log and hides no other.
func (l *Log) Records(ctx context.Context) iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		buf := make([]byte, chunkSize)
		for i, c := range l.chunks {
			if i == maxRead {
				l.Problems = append(l.Problems, fmt.Errorf("event log: only the newest %d MiB were read", maxRead*chunkSize>>20))
				return
			}
			for _, r := range slices.Backward(l.readChunk(c, buf)) {
				if ctx.Err() != nil || !yield(r) {
					return
				}
			}
		}
	}
}

func (l *Log) readChunk(c chunkRef, buf []byte) []*Record {
	n, err := l.r.ReadAt(buf, c.off)
	if err != nil && !errors.Is(err, io.EOF) {
		l.Problems = append(l.Problems, fmt.Errorf("event log: read the chunk at %#x: %w", c.off, err))
	}
	return l.records(buf[:n], c.first)
}

// records lists the records of a chunk. Each is newer than the one before it: what an
// earlier round of the log left behind them is older.
func (l *Log) records(chunk []byte, first uint64) []*Record {
	var list []*Record
	last := uint64(0)
	for pos := chunkHeader; pos+recordHead+recordTail <= len(chunk); {
		r, size := record(chunk, pos)
		if r == nil || r.ID < first || len(list) > 0 && (r.ID <= last || r.ID-last > chunkSize) {
			pos += recordAlign
			continue
		}
		r.log, last = l, r.ID
		list = append(list, r)
		pos += size
	}
	return list
}

// record returns the record at pos, or nil if there is no whole one.
func record(chunk []byte, pos int) (*Record, int) {
	b := chunk[pos:]
	if !bytes.HasPrefix(b, []byte(recordSignature)) {
		return nil, 0
	}
	size := int64(le.Uint32(b[4:]))
	if size < recordHead+recordTail || size > int64(len(b)) || int64(le.Uint32(b[size-recordTail:])) != size {
		return nil, 0
	}
	return &Record{
		ID: le.Uint64(b[8:]), Written: fileTime(le.Uint64(b[16:])),
		chunk: chunk, pos: pos + recordHead, end: pos + int(size) - recordTail,
	}, int(size)
}
