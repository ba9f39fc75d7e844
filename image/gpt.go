package image

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"
)

// The GPT header (UEFI specification 2.10, section 5.3.2), little endian, in
// sector 1 and, as a copy with MyLBA and AlternateLBA swapped, in the last.
const (
	gptSignature       = "EFI PART"
	gptRevisionOff     = 8  // u32
	gptHeaderSizeOff   = 12 // u32
	gptHeaderCRCOff    = 16 // u32, of the header with this field zero
	gptMyLBAOff        = 24 // u64
	gptAlternateLBAOff = 32 // u64
	gptDiskGUIDOff     = 56
	gptEntriesLBAOff   = 72 // u64
	gptEntryCountOff   = 80 // u32
	gptEntrySizeOff    = 84 // u32
	gptEntriesCRCOff   = 88 // u32
	gptMinHeaderSize   = 92
	gptRevision1       = 0x00010000
)

// An entry (section 5.3.3).
const (
	gptGUIDOff       = 16
	gptFirstOff      = 32 // u64, sector
	gptLastOff       = 40 // u64, sector, included
	gptAttributesOff = 48 // u64
	gptNameOff       = 56 // UTF-16, 36 units
	gptNameEnd       = 128
	gptMinEntrySize  = 128
	gptBIOSBootable  = 1 << 2
)

// maxEntryArray bounds the array of entries; the usual one has 16 KiB.
const maxEntryArray = 1 << 20

// gptHeader is a view of a header that readGPTHeader has found sound.
type gptHeader []byte

func (h gptHeader) revision() uint32     { return binary.LittleEndian.Uint32(h[gptRevisionOff:]) }
func (h gptHeader) headerSize() uint32   { return binary.LittleEndian.Uint32(h[gptHeaderSizeOff:]) }
func (h gptHeader) headerCRC() uint32    { return binary.LittleEndian.Uint32(h[gptHeaderCRCOff:]) }
func (h gptHeader) myLBA() uint64        { return binary.LittleEndian.Uint64(h[gptMyLBAOff:]) }
func (h gptHeader) alternateLBA() uint64 { return binary.LittleEndian.Uint64(h[gptAlternateLBAOff:]) }
func (h gptHeader) diskGUID() string     { return guidString(h[gptDiskGUIDOff:]) }
func (h gptHeader) entriesLBA() uint64   { return binary.LittleEndian.Uint64(h[gptEntriesLBAOff:]) }
func (h gptHeader) entryCount() uint32   { return binary.LittleEndian.Uint32(h[gptEntryCountOff:]) }
func (h gptHeader) entrySize() uint32    { return binary.LittleEndian.Uint32(h[gptEntrySizeOff:]) }
func (h gptHeader) entriesCRC() uint32   { return binary.LittleEndian.Uint32(h[gptEntriesCRCOff:]) }

// usual says whether the header is of the shape every common tool writes,
// the only one that go-diskfs accepts.
func (h gptHeader) usual() bool {
	return h.revision() == gptRevision1 && h.headerSize() == gptMinHeaderSize && h.entrySize() == gptMinEntrySize
}

// sum computes what headerCRC should be.
func (h gptHeader) sum() uint32 {
	crc := crc32.ChecksumIEEE(h[:gptHeaderCRCOff])
	crc = crc32.Update(crc, crc32.IEEETable, make([]byte, 4))
	return crc32.Update(crc, crc32.IEEETable, h[gptHeaderCRCOff+4:h.headerSize()])
}

// gptEntry is a view of one entry.
type gptEntry []byte

func (e gptEntry) unused() bool       { return allZero(e[:gptGUIDOff]) }
func (e gptEntry) kind() string       { return guidString(e) }
func (e gptEntry) guid() string       { return guidString(e[gptGUIDOff:]) }
func (e gptEntry) first() uint64      { return binary.LittleEndian.Uint64(e[gptFirstOff:]) }
func (e gptEntry) last() uint64       { return binary.LittleEndian.Uint64(e[gptLastOff:]) }
func (e gptEntry) attributes() uint64 { return binary.LittleEndian.Uint64(e[gptAttributesOff:]) }

// name is the entry's name up to the first NUL.
func (e gptEntry) name() string {
	var units []uint16
	for b := e[gptNameOff:gptNameEnd]; len(b) > 0; b = b[2:] {
		unit := binary.LittleEndian.Uint16(b)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}

// guidString writes a GUID as Windows does; its first three fields are
// stored little endian.
func guidString(b []byte) string {
	id := uuid.UUID{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}
	copy(id[8:], b[8:16])
	return strings.ToUpper(id.String())
}

// gptCopy is one of the two copies of a table, sound in header and entries.
type gptCopy struct {
	header  gptHeader
	entries []byte
}

// readGPT reads the table that a protective MBR announces.
func readGPT(d Disk, mbr bootRecord) (*Table, error) {
	sector, err := gptSectorSize(d)
	if err != nil {
		return readHybridRest(d, mbr, err)
	}
	t, err := readGPTCopies(d, sector)
	if err != nil {
		return readHybridRest(d, mbr, err)
	}
	if sector != d.SectorSize() {
		t.warn("the table counts in sectors of %d bytes, the disk has sectors of %d: an image of another disk?", sector, d.SectorSize())
	}
	for i, e := range mbr.entries() {
		if e.kind() != typeProtective {
			t.warn("hybrid MBR: its entry %d, type %s at sector %d, is ignored in favour of the GPT", i+1, mbrType(e.kind()), e.first())
		}
	}
	return t, nil
}

// readOrphanGPT is for disks whose sector 0 is no boot record: nothing there
// contradicts a GPT, if there is one.
func readOrphanGPT(d Disk) (*Table, error) {
	sector, err := gptSectorSize(d)
	if err != nil {
		return nil, fmt.Errorf("sector 0: %w", ErrNoTable)
	}
	t, err := readGPTCopies(d, sector)
	if err != nil {
		return nil, fmt.Errorf("sector 0: %w (%w)", ErrNoTable, err)
	}
	t.warn("the protective MBR in sector 0 is missing: Windows and firmware do not see this table")
	return t, nil
}

// readHybridRest falls back to the other entries of a protective MBR whose
// GPT is lost.
func readHybridRest(d Disk, mbr bootRecord, lost error) (*Table, error) {
	t := readMBR(d, mbr)
	t.Partitions = slices.DeleteFunc(t.Partitions, func(p Partition) bool { return p.Type == mbrType(typeProtective) })
	if len(t.Partitions) == 0 {
		return nil, lost
	}
	t.warn("the MBR announces a GPT, but there is none to be read (%v): its own entries are used", lost)
	return t, nil
}

// gptSectorSize is the sector size of the table on d.
func gptSectorSize(d Disk) (int, error) {
	sizes := []int{d.SectorSize(), minSectorSize, maxSectorSize}
	if sector := findGPT(d, d.Size(), sizes); sector != 0 {
		return sector, nil
	}
	return 0, &FormatError{Off: int64(d.SectorSize()), What: "gpt header", Want: gptSignature, Got: "no signature, here or at the end of the disk"}
}

// findGPT finds the first of the sector sizes at which a header begins with
// the signature: the primary in sector 1 or, if there is none, the backup in
// the last sector. It is 0 if none does.
func findGPT(r io.ReaderAt, size int64, sectors []int) int {
	primary := func(sector int64) int64 { return sector }
	backup := func(sector int64) int64 { return (size/sector - 1) * sector }
	for _, place := range []func(int64) int64{primary, backup} {
		for _, sector := range sectors {
			b, err := readFull(r, place(int64(sector)), len(gptSignature))
			if err == nil && string(b) == gptSignature {
				return sector
			}
		}
	}
	return 0
}

// readGPTCopies reads the primary table, or its backup if that is damaged.
func readGPTCopies(d Disk, sector int) (*Table, error) {
	const primaryLBA = 1
	lastLBA := uint64(d.Size()/int64(sector)) - 1
	primary, errPrimary := readGPTCopy(d, sector, primaryLBA)
	if errPrimary == nil {
		t, err := primary.table(d, sector)
		if err != nil {
			return nil, err
		}
		t.checkBackup(d, primary.header, lastLBA)
		return t, nil
	}
	backup, errBackup := readGPTCopy(d, sector, lastLBA)
	if errBackup != nil {
		return nil, fmt.Errorf("%w; backup: %w", errPrimary, errBackup)
	}
	t := backup.decode(sector)
	t.warn("the primary GPT is damaged (%v): its backup at the end of the disk is used", errPrimary)
	return t, nil
}

// checkBackup warns of a backup that is not where and what it should be.
func (t *Table) checkBackup(d Disk, primary gptHeader, lastLBA uint64) {
	at := primary.alternateLBA()
	switch {
	case at > lastLBA:
		t.warn("the table was made for a disk of %d sectors, this one has %d: an image cut short?", at+1, lastLBA+1)
		return
	case at < lastLBA:
		t.warn("the table was made for a disk of %d sectors, this one has %d: the disk has grown", at+1, lastLBA+1)
	}
	if _, err := readGPTCopy(d, t.SectorSize, at); err != nil {
		t.warn("the backup GPT is damaged (%v)", err)
	}
}

// readGPTCopy reads and checks the header at a sector and its entries.
func readGPTCopy(d Disk, sector int, lba uint64) (*gptCopy, error) {
	header, err := readGPTHeader(d, sector, lba)
	if err != nil {
		return nil, err
	}
	off, ok := sectorsToBytes(header.entriesLBA(), sector)
	size := int64(header.entryCount()) * int64(header.entrySize())
	switch at := int64(lba) * int64(sector); {
	case size > maxEntryArray:
		return nil, &FormatError{Off: at + gptEntryCountOff, What: "gpt header: number of entries", Got: header.entryCount()}
	case !ok || off > d.Size()-size:
		return nil, &FormatError{Off: at + gptEntriesLBAOff, What: "gpt header: sector of the entries", Got: header.entriesLBA()}
	}
	entries, err := readFull(d, off, int(size))
	if err != nil {
		return nil, fmt.Errorf("gpt entries: %w", err)
	}
	if got := crc32.ChecksumIEEE(entries); got != header.entriesCRC() {
		return nil, &FormatError{Off: off, What: "gpt entries: checksum", Want: hex32(header.entriesCRC()), Got: hex32(got)}
	}
	return &gptCopy{header, entries}, nil
}

// readGPTHeader reads the header at a sector and checks everything that does
// not need the entries.
func readGPTHeader(d Disk, sector int, lba uint64) (gptHeader, error) {
	off := int64(lba) * int64(sector)
	b, err := readFull(d, off, sector)
	if err != nil {
		return nil, fmt.Errorf("gpt header: %w", err)
	}
	bad := func(field int, what string, want, got any) error {
		return &FormatError{Off: off + int64(field), What: "gpt header: " + what, Want: want, Got: got}
	}
	h := gptHeader(b)
	switch {
	case string(b[:len(gptSignature)]) != gptSignature:
		return nil, bad(0, "signature", gptSignature, fmt.Sprintf("%q", b[:len(gptSignature)]))
	case h.headerSize() < gptMinHeaderSize || int64(h.headerSize()) > int64(sector):
		return nil, bad(gptHeaderSizeOff, "size", gptMinHeaderSize, h.headerSize())
	case h.sum() != h.headerCRC():
		return nil, bad(gptHeaderCRCOff, "checksum", hex32(h.sum()), hex32(h.headerCRC()))
	case h.myLBA() != lba:
		return nil, bad(gptMyLBAOff, "own sector", lba, h.myLBA())
	case h.entrySize() < gptMinEntrySize || h.entrySize()%8 != 0:
		return nil, bad(gptEntrySizeOff, "size of an entry", gptMinEntrySize, h.entrySize())
	}
	return h, nil
}

func hex32(v uint32) string { return fmt.Sprintf("0x%08x", v) }

// table decodes the sound primary copy: by go-diskfs if it can, which was
// kept from everything it would trip over by the checks before.
func (c *gptCopy) table(d Disk, sector int) (*Table, error) {
	if !c.header.usual() {
		return c.decode(sector), nil
	}
	raw, err := gpt.Read(newStorage(d), sector, sector)
	if err != nil {
		return nil, fmt.Errorf("gpt: %w", err)
	}
	t := &Table{Scheme: GPT, SectorSize: sector, DiskGUID: strings.ToUpper(raw.GUID)}
	for _, p := range raw.Partitions {
		t.addGPT(Partition{
			Number: p.Index, Type: string(p.Type), Name: p.Name, GUID: p.GUID,
			Bootable: p.Attributes&gptBIOSBootable != 0,
		}, p.Start, p.End)
	}
	return t, nil
}

// decode reads the entries of any size by our own means.
func (c *gptCopy) decode(sector int) *Table {
	t := &Table{Scheme: GPT, SectorSize: sector, DiskGUID: c.header.diskGUID()}
	size := int(c.header.entrySize())
	for i := range int(c.header.entryCount()) {
		e := gptEntry(c.entries[i*size : (i+1)*size])
		if e.unused() {
			continue
		}
		t.addGPT(Partition{
			Number: i + 1, Type: e.kind(), Name: e.name(), GUID: e.guid(),
			Bootable: e.attributes()&gptBIOSBootable != 0,
		}, e.first(), e.last())
	}
	return t
}

// addGPT adds a partition that reaches from one sector to another.
func (t *Table) addGPT(p Partition, first, last uint64) {
	p.TypeName = gptTypeNames[p.Type]
	var count uint64
	if last >= first {
		count = last - first + 1
	}
	t.add(p, first, count)
}
