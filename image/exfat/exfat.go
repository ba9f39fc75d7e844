// Package exfat makes empty exFAT volumes (exFAT file system specification 1.00, Microsoft).
//
//	sector 0    boot sector, 8 more, OEM parameters, reserved, checksum
//	sector 12   the same twelve again
//	1 MiB       FAT
//	then        cluster heap: allocation bitmap, up-case table, root directory
//
// It only makes them: reading and writing files on them is left to operating systems.
package exfat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"unicode"
	"unicode/utf16"
)

// Options describe a volume.
type Options struct {
	Label  string // at most 11 UTF-16 units
	Serial uint32
	Offset int64 // of the volume on its disk
	Sector int   // bytes of a sector: 512 or 4096
}

// ErrUnsupported is a volume that the format, or this package, has no form for.
var ErrUnsupported = errors.New("not supported as exFAT")

var le = binary.LittleEndian

const (
	mib       = 1 << 20
	minSize   = 16 * mib
	maxLabel  = 11
	entrySize = 32

	bootSectors  = 11 // that the checksum in the twelfth covers
	extendedBoot = 8
	regionSize   = bootSectors + 1

	firstCluster = 2
	endOfChain   = 0xFFFFFFFF
	fatAt        = mib // behind the start of the volume; the heap is aligned to the same
)

// geometry is where things lie, in bytes from the start of the volume.
type geometry struct {
	size, cluster, fatSize, heap int64
	clusters                     int64

	bitmap, upcase, root int64 // first clusters
	bitmapSize           int64
	used                 int64 // clusters
}

// clusterSize is what Windows chooses by default.
func clusterSize(size int64) int64 {
	switch {
	case size <= 256*mib:
		return 4 << 10
	case size <= 32<<30:
		return 32 << 10
	}
	return 128 << 10
}

func layOut(size int64, table int) geometry {
	g := geometry{size: size, cluster: clusterSize(size)}
	most := (size - fatAt) / g.cluster
	g.fatSize = roundUp((most+firstCluster)*4, mib)
	g.heap = fatAt + g.fatSize
	g.clusters = (size - g.heap) / g.cluster
	g.bitmapSize = (g.clusters + 7) / 8
	g.bitmap = firstCluster
	g.upcase = g.bitmap + g.count(g.bitmapSize)
	g.root = g.upcase + g.count(int64(table))
	g.used = g.root + 1 - firstCluster
	return g
}

// count is how many clusters so many bytes take.
func (g geometry) count(n int64) int64 { return (n + g.cluster - 1) / g.cluster }

// at is where a cluster lies.
func (g geometry) at(cluster int64) int64 { return g.heap + (cluster-firstCluster)*g.cluster }

// Format makes an empty volume of size bytes on w. Whatever was there is lost; clusters that hold
// nothing are not written.
func Format(w io.WriterAt, size int64, o Options) error {
	size -= size % int64(max(o.Sector, 1))
	label := utf16.Encode([]rune(o.Label))
	if o.Sector != 512 && o.Sector != 4096 || size < minSize || len(label) > maxLabel {
		return fmt.Errorf("%d bytes in sectors of %d, label %q: %w", size, o.Sector, o.Label, ErrUnsupported)
	}
	table := upcaseTable()
	g := layOut(size, len(table))
	if err := g.writeHeap(w, table, label); err != nil {
		return fmt.Errorf("make exFAT volume: %w", err)
	}
	boot := g.bootRegion(o)
	// The boot sectors come last: until then this is no volume.
	for _, off := range []int64{int64(len(boot)), 0} {
		if _, err := w.WriteAt(boot, off); err != nil {
			return fmt.Errorf("make exFAT volume: %w", err)
		}
	}
	return nil
}

// writeHeap writes the FAT and what an empty volume holds.
func (g geometry) writeHeap(w io.WriterAt, table []byte, label []uint16) error {
	fat := make([]byte, (g.used+firstCluster)*4)
	le.PutUint32(fat, 0xFFFFFFF8) // media type of a disk
	le.PutUint32(fat[4:], endOfChain)
	for _, chain := range [][2]int64{{g.bitmap, g.upcase}, {g.upcase, g.root}, {g.root, g.root + 1}} {
		for c := chain[0]; c < chain[1]; c++ {
			next := uint32(c + 1)
			if c+1 == chain[1] {
				next = endOfChain
			}
			le.PutUint32(fat[c*4:], next)
		}
	}
	bitmap := make([]byte, g.bitmapSize)
	for c := range g.used {
		bitmap[c/8] |= 1 << (c % 8)
	}
	for _, part := range []struct {
		off, size int64
		data      []byte
	}{
		{fatAt, g.fatSize, fat},
		{g.at(g.bitmap), g.count(g.bitmapSize) * g.cluster, bitmap},
		{g.at(g.upcase), g.count(int64(len(table))) * g.cluster, table},
		{g.at(g.root), g.cluster, g.rootDirectory(table, label)},
	} {
		if err := writePadded(w, part.data, part.off, part.size); err != nil {
			return err
		}
	}
	return nil
}

// writePadded writes data and zeros behind it, size bytes in all, in pieces.
func writePadded(w io.WriterAt, data []byte, off, size int64) error {
	piece := make([]byte, mib)
	for done := int64(0); done < size; done += mib {
		n := copy(piece, data[min(done, int64(len(data))):])
		clear(piece[n:])
		if _, err := w.WriteAt(piece[:min(mib, size-done)], off+done); err != nil {
			return err
		}
	}
	return nil
}

// Types of the root directory's entries (section 7).
const (
	typeBitmap = 0x81
	typeUpcase = 0x82
	typeLabel  = 0x83
)

func (g geometry) rootDirectory(table []byte, label []uint16) []byte {
	b := make([]byte, 3*entrySize)
	b[0], b[1] = typeLabel, byte(len(label))
	for i, unit := range label {
		le.PutUint16(b[2+2*i:], unit)
	}
	e := b[entrySize:]
	e[0] = typeBitmap
	le.PutUint32(e[20:], uint32(g.bitmap))
	le.PutUint64(e[24:], uint64(g.bitmapSize))
	e = b[2*entrySize:]
	e[0] = typeUpcase
	le.PutUint32(e[4:], checksum(0, table))
	le.PutUint32(e[20:], uint32(g.upcase))
	le.PutUint64(e[24:], uint64(len(table)))
	return b
}

// bootRegion is the twelve sectors that the volume begins with (section 3).
func (g geometry) bootRegion(o Options) []byte {
	sector := int64(o.Sector)
	b := make([]byte, regionSize*sector)
	copy(b, "\xEB\x76\x90EXFAT   ")
	le.PutUint64(b[64:], uint64(o.Offset/sector))
	le.PutUint64(b[72:], uint64(g.size/sector))
	le.PutUint32(b[80:], uint32(fatAt/sector))
	le.PutUint32(b[84:], uint32(g.fatSize/sector))
	le.PutUint32(b[88:], uint32(g.heap/sector))
	le.PutUint32(b[92:], uint32(g.clusters))
	le.PutUint32(b[96:], uint32(g.root))
	le.PutUint32(b[100:], o.Serial)
	le.PutUint16(b[104:], 0x0100) // revision
	b[108] = byte(bits.TrailingZeros64(uint64(sector)))
	b[109] = byte(bits.TrailingZeros64(uint64(g.cluster / sector)))
	b[110] = 1    // FATs
	b[111] = 0x80 // drive
	b[112] = byte(g.used * 100 / g.clusters)
	for i := 120; i < 510; i++ {
		b[i] = 0xF4 // hlt: there is nothing to boot
	}
	b[510], b[511] = 0x55, 0xAA
	for s := int64(1); s <= extendedBoot; s++ {
		le.PutUint32(b[(s+1)*sector-4:], 0xAA550000)
	}
	sum := bootChecksum(b[:bootSectors*sector])
	for off := bootSectors * sector; off < int64(len(b)); off += 4 {
		le.PutUint32(b[off:], sum)
	}
	return b
}

// bootChecksum leaves out what changes while the volume is in use: flags and percentage.
func bootChecksum(b []byte) uint32 {
	sum := checksum(0, b[:106])
	sum = checksum(sum, b[108:112])
	return checksum(sum, b[113:])
}

// checksum is the format's own: rotate right, add.
func checksum(sum uint32, data []byte) uint32 {
	for _, b := range data {
		sum = bits.RotateLeft32(sum, -1) + uint32(b)
	}
	return sum
}

// sameMark stands for a run of letters that are their own capitals.
const sameMark = 0xFFFF

// upcaseTable maps every UTF-16 unit to its capital, in the packed form (section 7.2.5.1).
func upcaseTable() []byte {
	var table []byte
	for c := 0; c < 0x10000; {
		run := 0
		for c+run < 0x10000 && upper(c+run) == c+run {
			run++
		}
		if run == 0 {
			table = le.AppendUint16(table, uint16(upper(c)))
			c++
			continue
		}
		n := min(run, 0xFFFF)
		table = le.AppendUint16(le.AppendUint16(table, sameMark), uint16(n))
		c += n
	}
	return table
}

// upper is the one capital that has this letter as its small one.
func upper(c int) int {
	u := unicode.ToUpper(rune(c))
	if u > 0xFFFE || unicode.ToLower(u) != rune(c) {
		return c
	}
	return int(u)
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
