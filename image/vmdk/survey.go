package vmdk

import (
	"bytes"
	"fmt"

	"hangkit/image/container"
)

// survey looks at all that an extent about to be written holds: grains that lie
// behind the end of the file, over tables or over each other are refused, for a
// write would change more than it says. Where a cut left a redundant table
// without a grain it is given that.
func (s *sparse) survey() error {
	size, err := s.storage.Size()
	if err != nil {
		return err
	}
	spans := []container.Span{{Off: 0, Len: headerLen}}
	if n := int64(s.h.u64(headerTextLen)); n > 0 && s.h.u64(headerText) > 0 {
		spans = append(spans, container.Span{Off: int64(s.h.u64(headerText)) * sectorSize, Len: n * sectorSize})
	}
	covered := s.h.grain() * s.h.perTable() // by a table
	tables := container.RoundUp(s.h.size(), covered) / covered
	spans = append(spans, s.directory(headerDirectory, tables))
	if s.hasCopy() {
		spans = append(spans, s.directory(headerCopy, tables))
	}
	held := holdings{spans: spans}
	for table := range tables {
		if err := s.surveyTable(&held, table*s.h.perTable(), size); err != nil {
			return err
		}
		if held.bytes > size+s.h.grain() { // only the last grain may reach behind the end
			return &container.FormatError{What: "vmdk grains and tables: bytes", Want: fmt.Sprintf("at most the file's %d", size), Got: held.bytes}
		}
	}
	for _, span := range held.spans {
		s.end = max(s.end, span.Off+span.Len)
	}
	s.end = max(s.end, int64(s.h.u64(headerOverhead))*sectorSize)
	return container.Apart("vmdk grain", held.spans)
}

// holdings are the places of what an extent holds, and the bytes of its tables
// and grains: that they are more than the file has is known before all are kept
// in mind, of tables that are named again and again.
type holdings struct {
	spans []container.Span
	bytes int64
}

// add notes a place, with the one before it where it goes on from there.
func (h *holdings) add(off, n int64) {
	h.bytes += n
	if last := len(h.spans) - 1; h.spans[last].Off+h.spans[last].Len == off {
		h.spans[last].Len += n
		return
	}
	h.spans = append(h.spans, container.Span{Off: off, Len: n})
}

// directory is where one of the directories lies.
func (s *sparse) directory(field int, tables int64) container.Span {
	return container.Span{Off: int64(s.h.u64(field)) * sectorSize, Len: entrySize * tables}
}

// surveyTable adds what the table that begins with a grain names, and the table
// and its copy.
func (s *sparse) surveyTable(held *holdings, grain, size int64) error {
	main, at, err := s.table(s.h.u64(headerDirectory), grain)
	if err != nil || main == nil {
		return err
	}
	held.add(at, int64(len(main)))
	if s.hasCopy() {
		redundant, copyAt, err := s.table(s.h.u64(headerCopy), grain)
		if err != nil {
			return err
		}
		if redundant != nil {
			held.add(copyAt, int64(len(redundant)))
			if err := s.complete(main, redundant, copyAt); err != nil {
				return err
			}
		}
	}
	for i := 0; i < len(main); i += entrySize {
		if !s.isGrain(main[i:]) {
			continue
		}
		off := int64(le.Uint32(main[i:])) * sectorSize
		if off >= size {
			return &container.TruncatedError{Off: off, Len: s.h.grain(), Have: size}
		}
		held.add(off, s.h.grain())
	}
	return nil
}

// isGrain says whether an entry names a grain.
func (s *sparse) isGrain(entry []byte) bool {
	n := le.Uint32(entry)
	return n > zeroGrain || n == zeroGrain && !s.h.flag(flagZeroGrains)
}

// table reads the table of a directory that has the grain, nil if there is none.
func (s *sparse) table(directory uint64, grain int64) ([]byte, int64, error) {
	at, err := s.entryAt(directory, grain)
	if err != nil || at == 0 {
		return nil, 0, err
	}
	b := make([]byte, entrySize*s.h.perTable())
	if err := s.tables.ReadAt(b, at); err != nil {
		return nil, 0, fmt.Errorf("vmdk grain table: %w", err)
	}
	return b, at, nil
}

// complete puts grains that only the table has into its copy. Other differences
// are none of ours.
func (s *sparse) complete(main, redundant []byte, at int64) error {
	if bytes.Equal(main, redundant) {
		return nil
	}
	for i := 0; i < len(main); i += entrySize {
		switch entry := main[i:][:entrySize]; {
		case bytes.Equal(entry, redundant[i:][:entrySize]):
		case s.isGrain(entry) && !s.isGrain(redundant[i:]):
			s.copies = append(s.copies, container.Change{Off: at + int64(i), Data: entry})
		default:
			return &container.RefusedError{
				What:   "writes to VMDK extents whose two grain tables differ",
				Remedy: "repair it first (vmware-vdiskmanager -R), or make it anew: qemu-img convert -O vmdk %s new.vmdk",
			}
		}
	}
	return nil
}
