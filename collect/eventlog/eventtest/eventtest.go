// Package eventtest makes event logs for tests, as Windows leaves them: whole, or dirty
// after a crash.
//
// The layout is that of package eventlog, written from the same document, and judged
// by programs that are not ours.
package eventtest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"time"
	"unicode/utf16"
)

// Sizes and places of the format.
const (
	FirstChunk  = 0x1000
	ChunkSize   = 0x10000
	FirstRecord = 0x200

	headerSize = 0x80
	names      = 0x80  // the table of names in a chunk: 64 positions
	templates  = 0x180 // the table of templates: 32 positions
	recordHead = 24
	recordTail = 4
)

var le = binary.LittleEndian

// Event is one event to write.
type Event struct {
	Time     time.Time
	Provider string
	ID       uint16
	Computer string // PC where empty
	Data     []Field
	Unnamed  bool // its values lie in one array without names, as those of the old kind do
}

// Field is one value of an event: a string, uint32, uint64 or time.Time.
type Field struct {
	Name  string
	Value any
}

// Named is a field.
func Named(name string, v any) Field { return Field{name, v} }

// Log is an event log under way. The zero value is an empty one.
type Log struct {
	chunks []*chunk
	next   uint64 // number of the next record, less one
}

// Add writes events behind those that are there. Each takes less than 8 KiB.
func (l *Log) Add(events ...Event) {
	for _, e := range events {
		l.next++
		if len(l.chunks) == 0 || l.chunks[len(l.chunks)-1].full() {
			l.chunks = append(l.chunks, newChunk())
		}
		l.chunks[len(l.chunks)-1].add(e, l.next)
	}
}

// Skip makes the next record number n higher, as in a log that has been written for long.
func (l *Log) Skip(n uint64) { l.next += n }

// Bytes is the log as a clean shutdown leaves it.
func (l *Log) Bytes() []byte {
	file := make([]byte, FirstChunk, FirstChunk+len(l.chunks)*ChunkSize)
	copy(file, "ElfFile\x00")
	le.PutUint64(file[0x10:], uint64(max(len(l.chunks)-1, 0)))
	le.PutUint64(file[0x18:], l.next+1)
	le.PutUint32(file[0x20:], headerSize)
	le.PutUint16(file[0x24:], 1) // version 3.1
	le.PutUint16(file[0x26:], 3)
	le.PutUint16(file[0x28:], FirstChunk)
	le.PutUint16(file[0x2A:], uint16(len(l.chunks)))
	le.PutUint32(file[0x7C:], crc32.ChecksumIEEE(file[:0x78]))
	for _, c := range l.chunks {
		file = append(file, c.finish()...)
	}
	return file
}

// Dirty marks a log as one that was not closed: its header is as old as its first
// chunk, and the header of its last chunk knows only the first record there.
func Dirty(file []byte) []byte {
	file = bytes.Clone(file)
	const flagDirty = 1
	le.PutUint64(file[0x10:], 0)
	le.PutUint64(file[0x18:], 2)
	le.PutUint16(file[0x2A:], 1)
	le.PutUint32(file[0x78:], flagDirty)
	le.PutUint32(file[0x7C:], crc32.ChecksumIEEE(file[:0x78]))
	last := file[len(file)-ChunkSize:]
	copy(last[0x10:0x18], last[0x08:0x10]) // last record = first record
	copy(last[0x20:0x28], last[0x18:0x20])
	le.PutUint32(last[0x2C:], FirstRecord)
	le.PutUint32(last[0x30:], FirstRecord+le.Uint32(last[FirstRecord+4:]))
	return file
}

type chunk struct {
	b         [ChunkSize]byte
	pos       int
	first     uint64
	last      uint64
	lastPos   int
	known     map[string]int // positions of names
	templates map[string]int
}

func newChunk() *chunk {
	c := &chunk{pos: FirstRecord, known: map[string]int{}, templates: map[string]int{}}
	copy(c.b[:], "ElfChnk\x00")
	return c
}

func (c *chunk) full() bool {
	const slack = 0x2000
	return c.pos+slack > ChunkSize
}

func (c *chunk) add(e Event, id uint64) {
	start := c.pos
	c.put([]byte("**\x00\x00"))
	c.u32(0)
	c.u64(id)
	c.u64(FileTime(e.Time))
	c.event(e, id)
	for (c.pos+recordTail-start)%8 != 0 {
		c.pos++
	}
	size := uint32(c.pos + recordTail - start)
	c.u32(size)
	le.PutUint32(c.b[start+4:], size)
	if c.first == 0 {
		c.first = id
	}
	c.last, c.lastPos = id, start
}

// finish fills in the header.
func (c *chunk) finish() []byte {
	b := bytes.Clone(c.b[:])
	le.PutUint64(b[0x08:], c.first)
	le.PutUint64(b[0x10:], c.last)
	le.PutUint64(b[0x18:], c.first)
	le.PutUint64(b[0x20:], c.last)
	le.PutUint32(b[0x28:], headerSize)
	le.PutUint32(b[0x2C:], uint32(c.lastPos))
	le.PutUint32(b[0x30:], uint32(c.pos))
	le.PutUint32(b[0x34:], crc32.ChecksumIEEE(b[FirstRecord:c.pos]))
	sum := crc32.ChecksumIEEE(b[:0x78])
	le.PutUint32(b[0x7C:], crc32.Update(sum, crc32.IEEETable, b[names:FirstRecord]))
	return b
}

func (c *chunk) put(b []byte) { c.pos += copy(c.b[c.pos:], b) }
func (c *chunk) u8(v byte)    { c.put([]byte{v}) }
func (c *chunk) u16(v uint16) { c.put(le.AppendUint16(nil, v)) }
func (c *chunk) u32(v uint32) { c.put(le.AppendUint32(nil, v)) }
func (c *chunk) u64(v uint64) { c.put(le.AppendUint64(nil, v)) }

// FileTime counts 100 ns from 1601.
func FileTime(t time.Time) uint64 {
	const unix = 116444736000000000
	return uint64(t.UnixNano()/100) + unix
}

func text(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}
