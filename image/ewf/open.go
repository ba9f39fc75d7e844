package ewf

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/image/container"
)

// Files opens another segment file, by its number.
type Files func(number int) (container.Storage, error)

// segment is one file.
type segment struct {
	storage container.Storage
	tables  *container.Tables
	number  int
}

// layout is where the chunks of a disk lie.
type layout struct {
	volume volume
	tables []*table // in the order of their chunks
	chunks int64
}

// Open opens the disk whose first segment is s.
func Open(s container.Storage, files Files) (*container.Disk, error) {
	l := &layout{}
	for number := 1; ; number++ {
		seg := &segment{s, container.NewTables(s), number}
		more, err := l.readSegment(seg)
		if err != nil {
			return nil, fmt.Errorf("segment %d: %w", number, err)
		}
		if !more {
			break
		}
		if number == maxSegments || files == nil {
			return nil, fmt.Errorf("more segments than %d: %w", number, container.ErrFormat)
		}
		if s, err = files(number + 1); err != nil {
			return nil, fmt.Errorf("segment %d: %w", number+1, err)
		}
	}
	if l.volume.chunk == 0 || l.volume.size > l.chunks*l.volume.chunk {
		return nil, &container.FormatError{What: "ewf tables: chunks", Want: fmt.Sprintf("enough for %d bytes", l.volume.size), Got: l.chunks}
	}
	refusal := &container.RefusedError{What: "writes to E01 images", Remedy: "export it first: ewfexport -f raw -t disk %s"}
	return container.NewDisk(container.Config{Storage: s, Layout: l, Size: l.volume.size, Sector: int(l.volume.sector), Refusal: refusal}), nil
}

// readSegment walks the sections of a segment, and says whether another one
// follows.
func (l *layout) readSegment(seg *segment) (more bool, err error) {
	if err := checkFile(seg.storage, seg.number); err != nil {
		return false, err
	}
	var damaged error // a table whose copy may be whole
	end := int64(0)   // of the chunks
	off := int64(fileHeader)
	for range maxSections {
		s, err := readSection(seg.storage, off)
		if err != nil {
			return false, err
		}
		switch s.kind {
		case "volume", "disk":
			if l.volume, err = readVolume(seg.storage, s); err != nil {
				return false, err
			}
		case "sectors":
			end = s.off + s.size
		case "table":
			damaged = l.add(seg, s, end)
		case "table2":
			if damaged != nil {
				damaged = l.add(seg, s, end)
			}
		case "next", "done":
			return s.kind == "next", damaged
		}
		if damaged != nil && s.kind == "table2" || s.next == off {
			return false, errors.Join(damaged, fmt.Errorf("section %q at 0x%x is the last: %w", s.kind, off, container.ErrTruncated))
		}
		off = s.next
	}
	return false, fmt.Errorf("more than %d sections: %w", maxSections, container.ErrFormat)
}

// add takes up a table. Old writers put the chunks behind it in its own
// section; then there is no other one.
func (l *layout) add(seg *segment, s section, end int64) error {
	if end == 0 {
		end = s.off + s.size
	}
	t, err := readTable(seg, s, end)
	if err != nil || t.count == 0 {
		return err
	}
	t.first = l.chunks
	l.chunks += t.count
	l.tables = append(l.tables, t)
	return nil
}

// Extent implements [container.Layout].
func (l *layout) Extent(off, limit int64) (container.Extent, error) {
	chunk, at := off/l.volume.chunk, off%l.volume.chunk
	return container.Extent{Kind: container.Packed, Block: chunk, Start: at, Len: min(limit, l.volume.chunk-at)}, nil
}

// Unpack implements [container.Unpacker].
func (l *layout) Unpack(chunk int64) ([]byte, error) {
	i, found := slices.BinarySearchFunc(l.tables, chunk, func(t *table, chunk int64) int {
		switch {
		case chunk < t.first:
			return 1
		case chunk >= t.first+t.count:
			return -1
		}
		return 0
	})
	if !found {
		return nil, fmt.Errorf("ewf chunk %d: %w", chunk, container.ErrTruncated)
	}
	data, err := l.read(l.tables[i], chunk)
	if err != nil {
		return nil, fmt.Errorf("segment %d: %w", l.tables[i].segment.number, err)
	}
	return data, nil
}

// slack is what a chunk may need more than its bytes: a checksum, the
// overhead of zlib, and the padding of some writers.
const slack = 64 << 10

// read reads a chunk and checks it.
func (l *layout) read(t *table, chunk int64) ([]byte, error) {
	off, n, packed, err := t.chunk(chunk)
	if err != nil {
		return nil, err
	}
	want := min(l.volume.chunk, l.volume.size-chunk*l.volume.chunk)
	raw := make([]byte, min(n, l.volume.chunk+slack))
	if err := container.ReadFull(t.segment.storage, raw, off); err != nil {
		return nil, fmt.Errorf("ewf chunk: %w", err)
	}
	if packed {
		return l.inflate(raw, want, off)
	}
	if int64(len(raw)) < want+4 {
		return nil, &container.FormatError{Off: off, What: "ewf chunk: length", Want: want + 4, Got: n}
	}
	if err := checkSum(raw, int(want), off, "chunk"); err != nil {
		if err = checkSum(raw, int(min(l.volume.chunk, int64(len(raw))-4)), off, "chunk"); err != nil {
			return nil, err // neither as long as the disk goes nor as long as all chunks
		}
	}
	return raw[:want], nil
}

// inflate unpacks a chunk, the last of which may be longer than the disk.
func (l *layout) inflate(raw []byte, want, off int64) ([]byte, error) {
	data := make([]byte, l.volume.chunk)
	n, err := container.Unzlib(data, raw)
	if err == nil && int64(n) < want {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, &container.FormatError{Off: off, What: "ewf compressed chunk", Got: err}
	}
	return data[:want], nil
}

// SegmentName is the name of a segment beside the first: E01 to E99, then EAA
// to EZZ, FAA and on, in the letters of the first.
func SegmentName(first string, number int) string {
	ext := filepath.Ext(first)
	if len(ext) != len(".E01") {
		return first
	}
	stem, letter := strings.TrimSuffix(first, ext), ext[1]
	if number < 100 {
		return fmt.Sprintf("%s.%c%02d", stem, letter, number)
	}
	const letters = 26
	a := letter &^ ('a' - 'A') // the base letter, large
	small := letter &^ a
	n := number - 100
	name := []byte{a + byte(n/(letters*letters)), 'A' + byte(n/letters%letters), 'A' + byte(n%letters)}
	for i := range name {
		name[i] |= small
	}
	return stem + "." + string(name)
}
