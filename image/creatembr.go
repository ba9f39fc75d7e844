package image

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"hangkit/image/container"
)

// CreateMBR writes an MBR onto d, with a chain of extended boot records if
// there are logical partitions, and returns the table as it then reads. The
// disk signature is the low half of the seed. Logical partitions must follow
// each other in parts, since one extended partition holds them. What the
// disk held before is lost.
func CreateMBR(d Disk, parts []NewPartition, seed uint64) (*Table, error) {
	w, err := newMBRWriter(d, parts)
	if err != nil {
		return nil, fmt.Errorf("create mbr: %w", err)
	}
	w.mbr.setDiskSignature(uint32(seed))
	if err := w.write(); err != nil {
		return nil, fmt.Errorf("create mbr: %w", err)
	}
	return ReadTable(d)
}

// mbrWriter collects the records of a new table.
type mbrWriter struct {
	disk     Disk
	mbr      bootRecord
	used     int // entries of mbr
	logicals []placed
}

// newMBRWriter lays the partitions out and fills the primary entries.
func newMBRWriter(d Disk, parts []NewPartition) (*mbrWriter, error) {
	if d.Size()/int64(d.SectorSize()) > math.MaxUint32 {
		return nil, fmt.Errorf("%w: an MBR cannot count %d sectors", ErrUnsupported, d.Size()/int64(d.SectorSize()))
	}
	all, err := place(parts, d.SectorSize(), container.RoundDown(d.Size(), int64(d.SectorSize())))
	if err != nil {
		return nil, err
	}
	w := &mbrWriter{disk: d, mbr: newBootRecord()}
	for i, p := range all {
		if err := w.add(all, i, p); err != nil {
			return nil, fmt.Errorf("partition %d: %w", i+1, err)
		}
	}
	return w, nil
}

// add puts a partition into the MBR or, if it is logical, into the chain,
// whose extended partition gets an entry when the chain begins.
func (w *mbrWriter) add(all []placed, i int, p placed) error {
	kind, err := parseMBRType(p.Type)
	if err != nil {
		return err
	}
	switch {
	case !p.Logical:
		return w.addPrimary(kind, p.Active, p.start, p.end)
	case len(w.logicals) == 0:
		n := slices.IndexFunc(all[i:], func(p placed) bool { return !p.Logical })
		if n < 0 {
			n = len(all) - i
		}
		w.logicals = all[i : i+n]
		return w.addPrimary(typeExtendedLBA, false, ebrOf(p), all[i+n-1].end)
	case !all[i-1].Logical:
		return fmt.Errorf("%w: logical partitions apart from each other", ErrUnsupported)
	}
	return nil
}

// addPrimary fills the next entry of the MBR.
func (w *mbrWriter) addPrimary(kind byte, active bool, start, end int64) error {
	if w.used == mbrEntryCount {
		return fmt.Errorf("%w: more than %d entries in an MBR", ErrUnsupported, mbrEntryCount)
	}
	e := w.mbr.entry(w.used)
	e.set(kind, w.sectors(start), w.sectors(end-start))
	if active {
		e[0] = statusActive
	}
	w.used++
	return nil
}

// sectors converts bytes; the disk was checked to have few enough.
func (w *mbrWriter) sectors(n int64) uint32 { return uint32(n / int64(w.disk.SectorSize())) }

// ebrOf is where the boot record of a logical partition lies.
func ebrOf(p placed) int64 { return p.start - partitionAlign }

// write writes the chain and then the MBR that leads to it.
func (w *mbrWriter) write() error {
	for i, p := range w.logicals {
		kind, err := parseMBRType(p.Type)
		if err != nil {
			return err
		}
		ebr := newBootRecord()
		ebr.entry(0).set(kind, w.sectors(p.start-ebrOf(p)), w.sectors(p.end-p.start))
		if i+1 < len(w.logicals) {
			next := w.logicals[i+1]
			ebr.entry(1).set(typeExtended, w.sectors(ebrOf(next)-ebrOf(w.logicals[0])), w.sectors(next.end-ebrOf(next)))
		}
		if err := writeSector(w.disk, ebrOf(p), ebr); err != nil {
			return err
		}
	}
	if err := writeSector(w.disk, 0, w.mbr); err != nil {
		return err
	}
	return w.disk.Sync()
}

// parseMBRType reads what mbrType writes.
func parseMBRType(s string) (byte, error) {
	kind, err := strconv.ParseUint(s, 0, 8)
	if err != nil || kind == typeEmpty {
		return 0, fmt.Errorf("%w: partition type %q", ErrUnsupported, s)
	}
	return byte(kind), nil
}

// newBootRecord is an empty one with its mark.
func newBootRecord() bootRecord {
	b := make(bootRecord, bootSectorSize)
	b[mbrMarkOff], b[mbrMarkOff+1] = 0x55, 0xaa
	return b
}

// setDiskSignature is the write side of diskSignature.
func (b bootRecord) setDiskSignature(v uint32) {
	binary.LittleEndian.PutUint32(b[mbrSignatureOff:], v)
}

// set fills an entry. Its addresses by cylinder say "see the sectors".
func (e mbrEntry) set(kind byte, first, count uint32) {
	copy(e[1:4], []byte{0xfe, 0xff, 0xff})
	e[4] = kind
	copy(e[5:8], []byte{0xfe, 0xff, 0xff})
	binary.LittleEndian.PutUint32(e[8:], first)
	binary.LittleEndian.PutUint32(e[12:], count)
}

// writeSector writes a boot record, the rest of its sector zero.
func writeSector(d Disk, off int64, b bootRecord) error {
	sector := make([]byte, d.SectorSize())
	copy(sector, b)
	_, err := d.WriteAt(sector, off)
	return err
}
