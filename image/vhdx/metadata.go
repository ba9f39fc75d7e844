package vhdx

import (
	"fmt"
	"io"
	"unicode/utf16"

	"hangkit/image/container"
)

// The metadata items (2.6.2).
const (
	fileParameters = "caa16737-fa36-4d43-b3b6-33f0aa44e76b" // u32 block size, u32 flags
	diskSize       = "2fa54224-cd1b-4876-b211-5dbed83bf4b8" // u64
	diskID         = "beca12ab-b2e6-4523-93ef-c309e000c746" // GUID
	logicalSector  = "8141bf1d-a96f-4709-ba47-f233a8faab5f" // u32
	physicalSector = "cda348c7-445d-4471-9cc9-e9885251c556" // u32
	parentLocator  = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c"
)

// The metadata table: magic, u16 count at 10, entries from 32 on: GUID, u32
// offset, u32 length, u32 flags, u32.
const (
	metadataMagic    = "metadata"
	metadataCount    = 10
	metadataEntries  = 32
	metadataEntryLen = 32
	metadataRequired = 4
	metadataTableLen = 64 * kib
	maxItem          = 64 * kib // no known item is larger
	hasParent        = 2        // flag of the file parameters
)

// metadata is what the items say.
type metadata struct {
	blockSize int64
	parent    bool
	size      int64
	sector    int64
	locator   []byte
}

// readMetadata reads the items of the region.
func readMetadata(r io.ReaderAt, at region) (metadata, error) {
	var m metadata
	table := make([]byte, metadataTableLen)
	if err := container.ReadFull(r, table, at.off); err != nil {
		return m, fmt.Errorf("vhdx metadata: %w", err)
	}
	if string(table[:len(metadataMagic)]) != metadataMagic {
		return m, &container.FormatError{Off: at.off, What: "vhdx metadata: signature", Want: metadataMagic, Got: fmt.Sprintf("%q", table[:len(metadataMagic)])}
	}
	for i := range min(int(le.Uint16(table[metadataCount:])), maxEntries) {
		e := table[metadataEntries+i*metadataEntryLen:][:metadataEntryLen]
		item, err := readItem(r, at, e)
		if err != nil {
			return m, err
		}
		if known := m.take(guid(e), item); !known && le.Uint32(e[24:])&metadataRequired != 0 {
			return m, &container.RefusedError{What: "VHDX images with the unknown metadata " + guid(e)}
		}
	}
	return m, m.validate(at.off)
}

// readItem reads the item of a table entry. It is at least 16 bytes long,
// zeros behind its own.
func readItem(r io.ReaderAt, at region, e []byte) ([]byte, error) {
	off, n := int64(le.Uint32(e[16:])), int64(le.Uint32(e[20:]))
	if n > maxItem || off+n > at.len {
		return nil, &container.FormatError{Off: at.off, What: "vhdx metadata: item " + guid(e), Want: "inside the region", Got: fmt.Sprintf("%d bytes at 0x%x", n, off)}
	}
	item := make([]byte, max(n, guidLen))
	if n == 0 {
		return item, nil
	}
	if err := container.ReadFull(r, item[:n], at.off+off); err != nil {
		return nil, fmt.Errorf("vhdx metadata: %w", err)
	}
	return item, nil
}

// take notes what an item says, and whether it is known.
func (m *metadata) take(id string, item []byte) bool {
	switch id {
	case fileParameters:
		m.blockSize = int64(le.Uint32(item))
		m.parent = le.Uint32(item[4:])&hasParent != 0
	case diskSize:
		m.size = int64(le.Uint64(item))
	case logicalSector:
		m.sector = int64(le.Uint32(item))
	case parentLocator:
		m.locator = item
	case diskID, physicalSector:
	default:
		return false
	}
	return true
}

// Limits of the format (2.6.2).
const (
	minBlock = mib
	maxBlock = 256 * mib
	maxSize  = 64 << 40
)

func (m metadata) validate(off int64) error {
	fault := func(what string, want, got any) error {
		return &container.FormatError{Off: off, What: "vhdx metadata: " + what, Want: want, Got: got}
	}
	switch {
	case m.blockSize < minBlock || m.blockSize > maxBlock || m.blockSize&(m.blockSize-1) != 0:
		return fault("block size", "a power of two from 1 to 256 MiB", m.blockSize)
	case m.sector != 512 && m.sector != 4096:
		return fault("logical sector", "512 or 4096", m.sector)
	case m.size <= 0 || m.size > maxSize || m.size%m.sector != 0:
		return fault("disk size", "whole sectors, at most 64 TiB", m.size)
	}
	return nil
}

// A parent locator (2.6.2.6): GUID, u16, u16 count, then entries of u32 and
// u32 offsets of key and value, u16 and u16 their lengths.
const (
	locatorCount    = 18
	locatorEntries  = 20
	locatorEntryLen = 12
)

// parents reads the keys and values of the locator.
func (m metadata) parents() map[string]string {
	values := map[string]string{}
	l := m.locator
	if len(l) < locatorEntries {
		return values
	}
	for i := range int(le.Uint16(l[locatorCount:])) {
		at := locatorEntries + i*locatorEntryLen
		if at+locatorEntryLen > len(l) {
			break
		}
		e := l[at:]
		key := text(l, le.Uint32(e), le.Uint16(e[8:]))
		values[key] = text(l, le.Uint32(e[4:]), le.Uint16(e[10:]))
	}
	return values
}

// text is the n bytes of UTF-16 at off, empty if they are not there.
func text(b []byte, off uint32, n uint16) string {
	if uint64(off)+uint64(n) > uint64(len(b)) {
		return ""
	}
	b = b[off:][:n/2*2]
	units := make([]uint16, 0, n/2)
	for ; len(b) > 0; b = b[2:] {
		units = append(units, le.Uint16(b))
	}
	return string(utf16.Decode(units))
}
