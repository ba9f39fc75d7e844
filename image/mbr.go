package image

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// The boot record, alike in an MBR, in each link of an EBR chain, and (the
// last two bytes) in the boot sector of a volume. Little endian.
const (
	mbrSignatureOff = 440 // u32, the disk signature of Windows
	mbrEntriesOff   = 446
	mbrEntrySize    = 16
	mbrEntryCount   = 4
	mbrMarkOff      = 510 // 55 AA
)

// bootRecord is a view of the first 512 bytes of a sector.
type bootRecord []byte

// signed says whether the mark of a boot record is there.
func (b bootRecord) signed() bool { return b[mbrMarkOff] == 0x55 && b[mbrMarkOff+1] == 0xaa }

// diskSignature is by what Windows knows the disk.
func (b bootRecord) diskSignature() uint32 { return binary.LittleEndian.Uint32(b[mbrSignatureOff:]) }

// entry is the i-th entry from 0.
func (b bootRecord) entry(i int) mbrEntry {
	off := mbrEntriesOff + i*mbrEntrySize
	return mbrEntry(b[off : off+mbrEntrySize])
}

// entries are those in use, with their index from 0.
func (b bootRecord) entries() iter.Seq2[int, mbrEntry] {
	return func(yield func(int, mbrEntry) bool) {
		for i := range mbrEntryCount {
			if e := b.entry(i); e.kind() != typeEmpty && !yield(i, e) {
				return
			}
		}
	}
}

// protective says whether the record announces a GPT.
func (b bootRecord) protective() bool {
	for _, e := range b.entries() {
		if e.kind() == typeProtective {
			return true
		}
	}
	return false
}

// plausible says whether the entries are without fault: what the text in the
// boot sector of a volume never is. At least one must be in use.
func (b bootRecord) plausible(diskSize int64, sector int) bool {
	if !b.signed() {
		return false
	}
	used := 0
	for i := range mbrEntryCount {
		e := b.entry(i)
		switch {
		case allZero(e):
			continue
		case e.status()&^statusActive != 0, e.kind() == typeEmpty, e.first() == 0, e.count() == 0:
			return false
		case (int64(e.first())+int64(e.count()))*int64(sector) > diskSize:
			return false
		}
		used++
	}
	return used > 0
}

// statusActive marks the partition that a BIOS boots.
const statusActive = 0x80

// mbrEntry is a view of one entry. The addresses by cylinder are ignored, as
// every system of this century does.
type mbrEntry []byte

func (e mbrEntry) status() byte  { return e[0] }
func (e mbrEntry) kind() byte    { return e[4] }
func (e mbrEntry) first() uint32 { return binary.LittleEndian.Uint32(e[8:]) }
func (e mbrEntry) count() uint32 { return binary.LittleEndian.Uint32(e[12:]) }

// extended says whether the entry holds a chain of logical partitions.
func (e mbrEntry) extended() bool {
	switch e.kind() {
	case typeExtended, typeExtendedLBA, typeExtendedLinux:
		return true
	}
	return false
}

// partition is the entry without its place.
func (e mbrEntry) partition(number int, signature uint32) Partition {
	return Partition{
		Number:        number,
		Type:          mbrType(e.kind()),
		TypeName:      mbrTypeNames[e.kind()],
		DiskSignature: signature,
		Bootable:      e.status()&statusActive != 0,
	}
}

// mbrType writes a type as a user finds it in manuals.
func mbrType(kind byte) string { return fmt.Sprintf("0x%02x", kind) }

// readMBR reads the primary partitions and the chains of logical ones.
func readMBR(d Disk, mbr bootRecord) *Table {
	t := &Table{Scheme: MBR, SectorSize: d.SectorSize(), DiskSignature: mbr.diskSignature()}
	chain := ebrChain{disk: d, table: t, seen: map[uint64]bool{}, next: mbrEntryCount + 1}
	for i, e := range mbr.entries() {
		if e.status()&^statusActive != 0 {
			t.warn("partition %d has the status byte 0x%02x, which means nothing", i+1, e.status())
		}
		if e.extended() {
			chain.walk(uint64(e.first()))
			continue
		}
		t.add(e.partition(i+1, t.DiskSignature), uint64(e.first()), uint64(e.count()))
	}
	slices.SortFunc(t.Partitions, func(a, b Partition) int { return a.Number - b.Number })
	return t
}

// maxLogical bounds a chain; Windows gives letters to far fewer.
const maxLogical = 256

// ebrChain walks the linked list of extended boot records. Each holds one
// logical partition, its start counted from that record, and the place of
// the next record, counted from the start of the extended partition.
type ebrChain struct {
	disk  Disk
	table *Table
	seen  map[uint64]bool // sectors of records, against cycles
	next  int             // number of the next logical partition
}

// walk follows the chain of the extended partition at sector base.
func (c *ebrChain) walk(base uint64) {
	for at, more := base, true; more; {
		if c.seen[at] {
			c.table.warn("the chain of logical partitions comes back to sector %d", at)
			return
		}
		if len(c.seen) == maxLogical {
			c.table.warn("more than %d logical partitions: the rest is left out", maxLogical)
			return
		}
		c.seen[at] = true
		ebr, err := c.read(at)
		if err != nil {
			c.table.warn("the chain of logical partitions breaks off: %v", err)
			return
		}
		at, more = c.link(ebr, base, at)
	}
}

// read reads the record at a sector.
func (c *ebrChain) read(at uint64) (bootRecord, error) {
	off, ok := sectorsToBytes(at, c.table.SectorSize)
	if !ok || off >= c.disk.Size() {
		return nil, &TruncatedError{Off: off, Len: bootSectorSize, Have: c.disk.Size()}
	}
	b, err := readFull(c.disk, off, bootSectorSize)
	if err != nil {
		return nil, err
	}
	if !bootRecord(b).signed() {
		return nil, &FormatError{Off: off + mbrMarkOff, What: "extended boot record", Want: "55 aa", Got: fmt.Sprintf("% x", b[mbrMarkOff:])}
	}
	return b, nil
}

// link adds the logical partition of one record and says where the next
// record is, if there is one.
func (c *ebrChain) link(ebr bootRecord, base, at uint64) (next uint64, more bool) {
	for _, e := range ebr.entries() {
		switch {
		case e.extended() && !more:
			next, more = base+uint64(e.first()), true
		case !e.extended():
			p := e.partition(c.next, c.table.DiskSignature)
			p.Logical = true
			c.table.add(p, at+uint64(e.first()), uint64(e.count()))
			c.next++
		}
	}
	return next, more
}
