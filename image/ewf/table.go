package ewf

import (
	"fmt"
	"hash/adler32"
	"io"

	"hangkit/image/container"
)

// The table section: header, entries, Adler-32 of the entries.
const (
	tableCount    = 0  // u32
	tableBase     = 8  // u64, what the offsets count from
	tableChecksum = 20 // u32
	tableHeader   = 24
	entrySize     = 4
	entryPacked   = 1 << 31 // the chunk is compressed
)

// table says where a run of chunks lies in a segment.
type table struct {
	segment *segment
	first   int64 // chunk
	count   int64
	base    int64
	entries int64 // offset of the first entry
	end     int64 // of the last chunk
}

// readTable reads and checks a table section. The last chunk ends at end.
func readTable(seg *segment, s section, end int64) (*table, error) {
	b := make([]byte, tableHeader)
	if err := container.ReadFull(seg.storage, b, s.data()); err != nil {
		return nil, fmt.Errorf("ewf table: %w", err)
	}
	if err := checkSum(b, tableChecksum, s.data(), "table"); err != nil {
		return nil, err
	}
	t := &table{segment: seg, count: int64(le.Uint32(b[tableCount:])), base: int64(le.Uint64(b[tableBase:])), entries: s.data() + tableHeader, end: end}
	if t.base < 0 || t.base > maxOffset || tableHeader+entrySize*t.count > s.len() {
		return nil, &container.FormatError{Off: s.data(), What: "ewf table: entries", Want: fmt.Sprintf("at most %d bytes", s.len()), Got: t.count}
	}
	return t, t.check()
}

// check computes the checksum of the entries, a piece at a time.
func (t *table) check() error {
	sum := adler32.New()
	n := entrySize * t.count
	if _, err := io.Copy(sum, io.NewSectionReader(t.segment.storage, t.entries, n)); err != nil {
		return fmt.Errorf("ewf table: %w", err)
	}
	b := make([]byte, 4)
	if err := container.ReadFull(t.segment.storage, b, t.entries+n); err != nil {
		return fmt.Errorf("ewf table: %w", err)
	}
	if got := le.Uint32(b); got != sum.Sum32() {
		return &container.FormatError{Off: t.entries + n, What: "ewf table: checksum of the entries", Want: sum.Sum32(), Got: got}
	}
	return nil
}

// chunk is where a chunk of the table lies, and whether it is compressed.
func (t *table) chunk(number int64) (off, n int64, packed bool, err error) {
	i := number - t.first
	b := make([]byte, 2*entrySize)
	last := i == t.count-1
	if last {
		b = b[:entrySize]
	}
	if err := t.segment.tables.ReadAt(b, t.entries+entrySize*i); err != nil {
		return 0, 0, false, fmt.Errorf("ewf table: %w", err)
	}
	e := le.Uint32(b)
	off, end := t.base+int64(e&^entryPacked), t.end
	if !last {
		end = t.base + int64(le.Uint32(b[entrySize:])&^uint32(entryPacked))
	}
	if end <= off {
		return 0, 0, false, &container.FormatError{Off: t.entries + entrySize*i, What: "ewf table: end of a chunk", Want: "behind its start", Got: fmt.Sprintf("0x%x-0x%x", off, end)}
	}
	return off, end - off, e&entryPacked != 0, nil
}
