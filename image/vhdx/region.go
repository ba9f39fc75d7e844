package vhdx

import (
	"fmt"
	"io"

	"hangkit/image/container"
)

// The regions (2.2.3).
const (
	batRegion      = "2dc27766-f623-4200-9d64-115e9bfd4a08"
	metadataRegion = "8b7ca206-4790-4b9a-b8fe-575f050f886e"
)

// A region table: magic, checksum, u32 count at 8, then the entries.
const (
	regionCount    = 8
	regionEntries  = 16
	regionEntryLen = 32 // GUID, u64 offset, u32 length, u32 flags
	regionRequired = 1
	maxEntries     = 2047 // of a region or metadata table
)

// region is a part of the file.
type region struct{ off, len int64 }

func (r region) overlaps(off, n int64) bool { return off < r.off+r.len && r.off < off+n }

// apart says that no region lies over another: what is written into one would
// destroy the other.
func apart(regions []region) error {
	for i, r := range regions {
		for _, other := range regions[:i] {
			if r.len > 0 && other.len > 0 && r.overlaps(other.off, other.len) {
				return &container.FormatError{Off: r.off, What: "vhdx regions", Want: "apart", Got: fmt.Sprintf("0x%x bytes over those at 0x%x", r.len, other.off)}
			}
		}
	}
	return nil
}

// readRegions finds BAT and metadata.
func readRegions(r io.ReaderAt) (bat, metadata region, err error) {
	table, err := regionTable(r)
	if err != nil {
		return bat, metadata, err
	}
	count := int(le.Uint32(table[regionCount:]))
	for i := range min(count, maxEntries) {
		e := table[regionEntries+i*regionEntryLen:][:regionEntryLen]
		found := region{int64(le.Uint64(e[16:])), int64(le.Uint32(e[24:]))}
		switch id := guid(e); {
		case id == batRegion:
			bat = found
		case id == metadataRegion:
			metadata = found
		case le.Uint32(e[28:])&regionRequired != 0:
			return bat, metadata, &container.RefusedError{What: "VHDX images with the unknown region " + id}
		}
	}
	for _, found := range []region{bat, metadata} {
		if found.off < mib || found.off%mib != 0 || found.off > maxOffset || found.len < regionsLen {
			return bat, metadata, &container.FormatError{Off: regions1Off, What: "vhdx region table", Want: "BAT and metadata at some MiB", Got: fmt.Sprintf("%d bytes at 0x%x", found.len, found.off)}
		}
	}
	return bat, metadata, nil
}

// regionTable gives the first copy of the table that is whole.
func regionTable(r io.ReaderAt) ([]byte, error) {
	b := make([]byte, regionsLen)
	for _, off := range []int64{regions1Off, regions2Off} {
		if err := container.ReadFull(r, b, off); err != nil {
			return nil, fmt.Errorf("vhdx region table: %w", err)
		}
		if sealed(b, regionsMagic) {
			return b, nil
		}
	}
	return nil, &container.FormatError{Off: regions1Off, What: "vhdx region tables", Want: "one with a right checksum", Got: "none"}
}
