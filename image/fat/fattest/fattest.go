// Package fattest makes FAT volumes for tests and sample disks, with nothing on them but what is
// asked for, and every structure where the formats put it.
package fattest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf16"

	"hangkit/image/fat"
)

// Entry is a file or, if Dir is not nil, a directory.
type Entry struct {
	Name string
	Data []byte
	Dir  []Entry
}

// Options describe a volume.
type Options struct {
	Kind       fat.Kind
	Label      string
	Root       []Entry
	Fragmented bool // no two clusters of a file lie together

	HiddenSectors uint32 // in front of the volume on its disk
	Serial        uint32 // of the volume; 0 is one like any other
}

// Geometry that firmware without one of its own believes in.
const (
	sectorsPerTrack = 63
	heads           = 255
	someSerial      = 0x1234ABCD
)

var le = binary.LittleEndian

const (
	sectorSize  = 512
	rootEntries = 512
	fats        = 2
	direntSize  = 32
	reserved32  = 32

	infoSector   = 1
	backupSector = 6
)

// Write makes a volume of size bytes on d, which must be zero.
func Write(d io.WriterAt, size int64, o Options) error {
	w := newWriter(size, o)
	root := w.directory(o.Root, label(o.Label))
	if w.o.Kind == fat.FAT32 {
		w.rootCluster = w.store(root.raw)
		w.put(sectorSize*infoSector, w.infoSector())
		w.put(sectorSize*backupSector, w.bootSector())
		w.put(sectorSize*(backupSector+infoSector), w.infoSector())
	} else {
		w.put(w.rootAt, root.raw)
	}
	w.put(0, w.bootSector())
	for i := range int64(fats) {
		w.put(w.fatAt+i*int64(len(w.table)), w.table)
	}
	if w.err != nil {
		return w.err
	}
	for _, off := range slices.Sorted(maps.Keys(w.pieces)) {
		if _, err := d.WriteAt(w.pieces[off], off); err != nil {
			return fmt.Errorf("make FAT volume: %w", err)
		}
	}
	return nil
}

// writer holds what is to be written, by offset.
type writer struct {
	o                    Options
	sectors              int64
	clusterSize          int64
	fatAt, rootAt, data  int64
	table                []byte
	next                 uint32 // free cluster
	clusters, shortNames int
	used                 int // clusters
	rootCluster          uint32
	pieces               map[int64][]byte
	err                  error
}

func newWriter(size int64, o Options) *writer {
	w := &writer{o: o, sectors: size / sectorSize, clusterSize: sectorSize, next: 2, pieces: map[int64][]byte{}}
	// As many clusters as the kind may have: larger clusters where there would be more.
	limit := map[fat.Kind]int64{fat.FAT12: 4000, fat.FAT16: 65000, fat.FAT32: 1 << 28}[o.Kind]
	for size/w.clusterSize > limit {
		w.clusterSize *= 2
	}
	entries := size/w.clusterSize + 2
	w.table = make([]byte, (entries*int64(o.Kind)/8+sectorSize)/sectorSize*sectorSize)
	w.fatAt = sectorSize
	if o.Kind == fat.FAT32 {
		w.fatAt = reserved32 * sectorSize
	}
	w.rootAt = w.fatAt + fats*int64(len(w.table))
	w.data = w.rootAt
	if o.Kind != fat.FAT32 {
		w.data += rootEntries * direntSize
	}
	w.clusters = int((size - w.data) / w.clusterSize)
	w.link(0, 0x0FFFFFF8)
	w.link(1, 0x0FFFFFFF)
	return w
}

func (w *writer) put(off int64, p []byte) { w.pieces[off] = p }

func (w *writer) bootSector() []byte {
	b := make([]byte, sectorSize)
	copy(b, "\xEB\x58\x90MSDOS5.0")
	le.PutUint16(b[11:], sectorSize)
	b[13] = byte(w.clusterSize / sectorSize)
	le.PutUint16(b[14:], uint16(w.fatAt/sectorSize))
	b[16] = fats
	b[21] = 0xF8
	le.PutUint16(b[24:], sectorsPerTrack)
	le.PutUint16(b[26:], heads)
	le.PutUint32(b[28:], w.o.HiddenSectors)
	le.PutUint32(b[32:], uint32(w.sectors))
	b[510], b[511] = 0x55, 0xAA
	fatSectors := uint32(len(w.table) / sectorSize)
	if w.o.Kind == fat.FAT32 {
		le.PutUint32(b[36:], fatSectors)
		le.PutUint32(b[44:], w.rootCluster)
		le.PutUint16(b[48:], infoSector)
		le.PutUint16(b[50:], backupSector)
		b[66] = 0x29
		le.PutUint32(b[67:], cmp.Or(w.o.Serial, someSerial))
		copy(b[71:], fmt.Sprintf("%-11s", w.o.Label))
		copy(b[82:], "FAT32   ")
		return b
	}
	le.PutUint16(b[17:], rootEntries)
	le.PutUint16(b[22:], uint16(fatSectors))
	b[38] = 0x29
	le.PutUint32(b[39:], cmp.Or(w.o.Serial, someSerial))
	copy(b[43:], fmt.Sprintf("%-11s", w.o.Label))
	copy(b[54:], fmt.Sprintf("%-8s", w.o.Kind))
	return b
}

// infoSector is an FSInfo that knows how many clusters are free, and from where on.
func (w *writer) infoSector() []byte {
	b := make([]byte, sectorSize)
	copy(b, "RRaA")
	copy(b[484:], "rrAa")
	le.PutUint32(b[488:], uint32(w.clusters-w.used))
	le.PutUint32(b[492:], w.next)
	b[510], b[511] = 0x55, 0xAA
	return b
}

// link sets an entry of the table.
func (w *writer) link(cluster, next uint32) {
	switch w.o.Kind {
	case fat.FAT12:
		at := cluster * 3 / 2
		old := uint32(le.Uint16(w.table[at:]))
		shift := cluster % 2 * 4
		le.PutUint16(w.table[at:], uint16(old&^(0xFFF<<shift)|next&0xFFF<<shift))
	case fat.FAT16:
		le.PutUint16(w.table[cluster*2:], uint16(next))
	case fat.FAT32:
		le.PutUint32(w.table[cluster*4:], next&0x0FFFFFFF)
	}
}

// store puts data into clusters of its own, one at least, and returns the first.
func (w *writer) store(data []byte) uint32 {
	first, last := uint32(0), uint32(0)
	for (first == 0 || len(data) > 0) && w.err == nil {
		n := min(int64(len(data)), w.clusterSize)
		c := w.take()
		w.put(w.data+int64(c-2)*w.clusterSize, data[:n])
		data = data[n:]
		if last != 0 {
			w.link(last, c)
		} else {
			first = c
		}
		w.link(c, 0x0FFFFFFF)
		last = c
	}
	return first
}

func (w *writer) take() uint32 {
	c := w.next
	w.next++
	w.used++
	if w.o.Fragmented {
		w.next++
	}
	if int(c)-2 >= w.clusters {
		w.err = fmt.Errorf("make FAT volume: no room in %d clusters", w.clusters)
	}
	return c
}

func label(name string) []byte {
	if name == "" {
		return nil
	}
	d := make([]byte, direntSize)
	copy(d, fmt.Sprintf("%-11s", name))
	d[11] = 0x08
	return d
}

// directory is the entries of one, and those below it, whose entries ".." wait for its place.
type directory struct {
	raw   []byte
	below []directory
}

// directory lays out the entries of a directory behind what raw holds already.
func (w *writer) directory(list []Entry, raw []byte) directory {
	d := directory{raw: raw}
	for _, e := range list {
		w.shortNames++
		short := shortName(e.Name, w.shortNames)
		dirent := make([]byte, direntSize)
		copy(dirent, short)
		le.PutUint16(dirent[24:], 45<<9|11<<5|1) // 1 November 2025
		first := uint32(0)
		switch {
		case e.Dir != nil:
			dirent[11] = attrDir
			below := w.directory(e.Dir, dots())
			first = w.store(below.raw)
			below.settle(first)
			d.below = append(d.below, below)
		case len(e.Data) > 0:
			first = w.store(e.Data)
			le.PutUint32(dirent[28:], uint32(len(e.Data)))
		}
		setCluster(dirent, first)
		d.raw = append(append(d.raw, longEntries(e.Name, short)...), dirent...)
	}
	return d
}

const attrDir = 0x10

// dots are the two entries that every directory but the root begins with.
func dots() []byte {
	raw := make([]byte, 2*direntSize)
	copy(raw, fmt.Sprintf("%-11s", "."))
	copy(raw[direntSize:], fmt.Sprintf("%-11s", ".."))
	raw[11], raw[direntSize+11] = attrDir, attrDir
	return raw
}

// settle tells a directory, and those directly in it, where it begins. What was stored of them are
// these same bytes.
func (d *directory) settle(first uint32) {
	setCluster(d.raw, first)
	for _, below := range d.below {
		setCluster(below.raw[direntSize:], first)
	}
}

func setCluster(dirent []byte, cluster uint32) {
	le.PutUint16(dirent[26:], uint16(cluster))
	le.PutUint16(dirent[20:], uint16(cluster>>16))
}

// shortName is a name in the form of its 11 bytes on disk: its own if it has that form, or one
// made up.
func shortName(name string, n int) string {
	base, ext, _ := strings.Cut(name, ".")
	plain := strings.ToUpper(name) == name && len(base) <= 8 && len(ext) <= 3 && !strings.ContainsAny(ext, ". ")
	if plain {
		return fmt.Sprintf("%-8s%-3s", base, ext)
	}
	return fmt.Sprintf("N%05d~1TXT", n)
}

// longEntries are the pieces of a long name, the last one first.
func longEntries(name, short string) []byte {
	if strings.TrimRight(short[:8], " ")+dotted(short) == name {
		return nil
	}
	units := append(utf16.Encode([]rune(name)), 0)
	for len(units)%13 != 0 {
		units = append(units, 0xFFFF)
	}
	var raw []byte
	pieces := len(units) / 13
	for i := pieces; i > 0; i-- {
		raw = append(raw, longEntry(units[(i-1)*13:], i, i == pieces, checksum(short))...)
	}
	return raw
}

func dotted(short string) string {
	if ext := strings.TrimRight(short[8:], " "); ext != "" {
		return "." + ext
	}
	return ""
}

func longEntry(units []uint16, order int, last bool, sum byte) []byte {
	d := make([]byte, direntSize)
	d[0], d[11], d[13] = byte(order), 0x0F, sum
	if last {
		d[0] |= 0x40
	}
	for i, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
		le.PutUint16(d[at:], units[i])
	}
	return d
}

func checksum(short string) byte {
	var sum byte
	for i := range 11 {
		sum = sum>>1 | sum<<7
		sum += short[i]
	}
	return sum
}
