package vmdk

import (
	"encoding/binary"
	"fmt"
	"io"

	"hangkit/image/container"
)

var le = binary.LittleEndian

const sectorSize = 512

// The header of a sparse extent.
const (
	headerMagic      = "KDMV"
	headerVersion    = 4  // u32
	headerFlags      = 8  // u32
	headerCapacity   = 12 // u64, sectors of the disk
	headerGrain      = 20 // u64, sectors of a grain
	headerText       = 28 // u64, sector of the descriptor, 0 for none
	headerTextLen    = 36 // u64, sectors
	headerPerTable   = 44 // u32, entries of a grain table
	headerCopy       = 48 // u64, sector of the redundant grain directory
	headerDirectory  = 56 // u64, sector of the grain directory
	headerOverhead   = 64 // u64, sectors before the first grain
	headerCompressed = 77 // u16, 1 for deflate
	headerLen        = 512

	flagCopy       = 1 << 1  // there is a redundant directory
	flagZeroGrains = 1 << 2  // an entry of 1 is a grain of zeros
	flagCompressed = 1 << 16 // grains lie behind markers
	flagMarkers    = 1 << 17

	// directoryAtEnd says that a second header near the end of the file
	// knows where the directory is.
	directoryAtEnd = 1<<64 - 1
	footerBack     = 2 * sectorSize
)

// header is the first sector of a sparse extent, or its footer.
type header []byte

func (h header) u32(off int) int64  { return int64(le.Uint32(h[off:])) }
func (h header) u64(off int) uint64 { return le.Uint64(h[off:]) }
func (h header) flag(f uint32) bool { return le.Uint32(h[headerFlags:])&f != 0 }
func (h header) size() int64        { return int64(h.u64(headerCapacity)) * sectorSize }
func (h header) grain() int64       { return int64(h.u64(headerGrain)) * sectorSize }
func (h header) perTable() int64    { return h.u32(headerPerTable) }

// readSparseHeader reads and checks the header, the footer's if that counts.
func readSparseHeader(s container.Storage) (header, error) {
	h, err := headerAt(s, 0)
	if err != nil || h.u64(headerDirectory) != directoryAtEnd {
		return h, err
	}
	size, err := s.Size()
	if err != nil {
		return nil, err
	}
	if h, err = headerAt(s, size-footerBack); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	if h.u64(headerDirectory) == directoryAtEnd {
		return nil, &container.FormatError{Off: size - footerBack, What: "vmdk footer: grain directory", Got: "none"}
	}
	return h, nil
}

func headerAt(r io.ReaderAt, off int64) (header, error) {
	if off < 0 {
		return nil, &container.TruncatedError{Off: 0, Len: footerBack, Have: off + footerBack}
	}
	h := make(header, headerLen)
	if err := container.ReadFull(r, h, off); err != nil {
		return nil, fmt.Errorf("vmdk header: %w", err)
	}
	return h, h.validate(off)
}

// Limits: what VMware and QEMU take.
const (
	minGrain    = 8         // sectors
	maxGrain    = 2048 * 64 // sectors
	maxPerTable = 1 << 16   //
	maxSector   = 1<<54 - 1 // so that bytes fit 63 bits
	maxMarker   = 1 << 20   // what deflate may add to a grain
	grainMarker = 12        // u64 sector, u32 length
	deflated    = 1         //
	entrySize   = 4         //
)

func (h header) validate(off int64) error {
	fault := func(field int64, what string, want, got any) error {
		return &container.FormatError{Off: off + field, What: "vmdk header: " + what, Want: want, Got: got}
	}
	version := h.u32(headerVersion)
	grain := h.u64(headerGrain)
	switch {
	case string(h[:len(headerMagic)]) != headerMagic:
		return fault(0, "magic", headerMagic, fmt.Sprintf("%q", h[:4]))
	case version < 1 || version > 3:
		return fault(headerVersion, "version", "1 to 3", version)
	case h.u64(headerCapacity) == 0 || h.u64(headerCapacity) > maxSectors:
		return fault(headerCapacity, "capacity", "at most 64 TiB", h.u64(headerCapacity))
	case grain < minGrain || grain > maxGrain || grain&(grain-1) != 0:
		return fault(headerGrain, "sectors of a grain", "a power of two", grain)
	case h.perTable() == 0 || h.perTable() > maxPerTable:
		return fault(headerPerTable, "entries of a table", "512", h.perTable())
	case h.u64(headerDirectory) > maxSector && h.u64(headerDirectory) != directoryAtEnd, h.u64(headerCopy) > maxSector && h.flag(flagCopy):
		return fault(headerDirectory, "grain directory", "a sector", h.u64(headerDirectory))
	case h.flag(flagCompressed) && le.Uint16(h[headerCompressed:]) != deflated:
		return fault(headerCompressed, "compression", deflated, le.Uint16(h[headerCompressed:]))
	}
	return nil
}

// sparse is where the grains of an extent lie.
type sparse struct {
	storage container.Storage
	tables  *container.Tables
	h       header
	below   container.Source
	shared  *shared

	end    int64              // behind everything that the tables name
	copies []container.Change // of the redundant tables, that wait
}

// hasCopy says that there is a redundant directory with tables of its own.
func (s *sparse) hasCopy() bool { return s.h.flag(flagCopy) && s.h.u64(headerCopy) != 0 }

// entryAt is where the entry of a grain lies in the tables of a directory; 0
// if that has no table for it.
func (s *sparse) entryAt(directory uint64, grain int64) (int64, error) {
	b := make([]byte, entrySize)
	if err := s.tables.ReadAt(b, int64(directory)*sectorSize+entrySize*(grain/s.h.perTable())); err != nil {
		return 0, fmt.Errorf("vmdk grain directory: %w", err)
	}
	table := int64(le.Uint32(b))
	if table == 0 {
		return 0, nil
	}
	return table*sectorSize + entrySize*(grain%s.h.perTable()), nil
}

// entry is the sector of a grain, 0 if it has none.
func (s *sparse) entry(grain int64) (sector, at int64, err error) {
	at, err = s.entryAt(s.h.u64(headerDirectory), grain)
	if err != nil || at == 0 {
		return 0, 0, err
	}
	b := make([]byte, entrySize)
	if err := s.tables.ReadAt(b, at); err != nil {
		return 0, 0, fmt.Errorf("vmdk grain table: %w", err)
	}
	return int64(le.Uint32(b)), at, nil
}

// zeroGrain is the entry of a grain that reads as zeros, parent or not.
const zeroGrain = 1

// Extent implements [container.Layout].
func (s *sparse) Extent(off, limit int64) (container.Extent, error) {
	size := s.h.grain()
	grain, at := off/size, off%size
	e := container.Extent{Kind: container.Below, Len: min(limit, size-at)}
	sector, where, err := s.entry(grain)
	switch {
	case err != nil || sector == 0:
		return e, err
	case sector == zeroGrain && s.h.flag(flagZeroGrains):
		e.Kind = container.Zero
		return e, nil
	case s.h.flag(flagCompressed):
		e.Kind, e.Block, e.Start = container.Packed, grain, at
		return e, nil
	case uint64(sector) < s.h.u64(headerOverhead):
		return e, &container.FormatError{Off: where, What: "vmdk grain table: grain", Want: "behind the tables", Got: sector}
	}
	e.Kind, e.Off = container.Data, sector*sectorSize+at
	return e, nil
}

// Unpack implements [container.Unpacker].
func (s *sparse) Unpack(grain int64) ([]byte, error) {
	sector, _, err := s.entry(grain)
	if err != nil {
		return nil, err
	}
	off := sector * sectorSize
	marker := make([]byte, grainMarker)
	if err := container.ReadFull(s.storage, marker, off); err != nil {
		return nil, fmt.Errorf("vmdk grain marker: %w", err)
	}
	n := int64(le.Uint32(marker[8:]))
	if n > s.h.grain()+maxMarker {
		return nil, &container.FormatError{Off: off, What: "vmdk grain marker: length", Want: s.h.grain(), Got: n}
	}
	packed := make([]byte, n)
	if err := container.ReadFull(s.storage, packed, off+grainMarker); err != nil {
		return nil, fmt.Errorf("vmdk grain: %w", err)
	}
	data := make([]byte, s.h.grain()) // the last grain of a disk may be packed shorter
	if _, err := container.Unzlib(data, packed); err != nil {
		return nil, &container.FormatError{Off: off, What: "vmdk compressed grain", Got: err}
	}
	return data, nil
}
