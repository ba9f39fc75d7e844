package live

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// The ISO 9660 volume (ECMA-119) is written here and not by go-diskfs, which takes owners, inode
// numbers and the times of a folder on this machine into it: no two of its volumes are alike.
const (
	isoBlock       = 2048
	isoDescriptors = 16 // block of the first volume descriptor
	isoPVD         = isoDescriptors
	isoBootRecord  = isoDescriptors + 1
	isoTerminator  = isoDescriptors + 2
	isoPathL       = isoDescriptors + 3 // path tables, little and big endian
	isoPathM       = isoDescriptors + 4
	isoCatalog     = isoDescriptors + 5
	isoFirstDir    = isoDescriptors + 6
)

// isoFile is a file of the volume.
type isoFile struct {
	path  string // with slashes, no leading one
	data  []byte
	block uint32 // where it lies: set by the layout, unless it asks for a place
}

// isoDir is a folder of the volume.
type isoDir struct {
	path   string
	parent *isoDir
	dirs   []*isoDir
	files  []*isoFile
	number uint16 // in the path table, from 1
	block  uint32
}

// isoVolume lays out and writes a volume.
type isoVolume struct {
	label string
	set   string // volume set identifier
	date  time.Time
	files []*isoFile
	dirs  []*isoDir
	end   uint32 // block behind the last file
}

// layout builds the tree and gives everything a block. A file that asks for a block gets it, and
// the others follow behind it.
func (v *isoVolume) layout() error {
	v.buildTree()
	next := uint32(isoFirstDir)
	for _, d := range v.dirs {
		if len(d.records(v)) > isoBlock {
			return fmt.Errorf("iso: folder %q does not fit a block: %w", d.path, ErrFormat)
		}
		d.block = next
		next++
	}
	for _, f := range v.files {
		if f.block == 0 {
			continue
		}
		if f.block < next {
			return fmt.Errorf("iso: %q wants block %d, which is taken: %w", f.path, f.block, ErrFormat)
		}
		next = f.block + blocks(len(f.data))
	}
	for _, f := range v.files {
		if f.block == 0 {
			f.block = next
			next += blocks(len(f.data))
		}
	}
	v.end = next
	return nil
}

func blocks(n int) uint32 { return uint32((n + isoBlock - 1) / isoBlock) }

// buildTree makes the folders of all files, in the order that path tables have: by depth, then
// by the number of the parent, then by name.
func (v *isoVolume) buildTree() {
	root := &isoDir{}
	root.parent = root
	byPath := map[string]*isoDir{"": root}
	slices.SortFunc(v.files, func(a, b *isoFile) int { return strings.Compare(a.path, b.path) })
	for _, f := range v.files {
		d := dirOf(byPath, path.Dir(f.path))
		d.files = append(d.files, f)
	}
	v.dirs = []*isoDir{root}
	for i := 0; i < len(v.dirs); i++ {
		d := v.dirs[i]
		d.number = uint16(i + 1)
		slices.SortFunc(d.dirs, func(a, b *isoDir) int { return strings.Compare(a.name(), b.name()) })
		v.dirs = append(v.dirs, d.dirs...)
	}
}

func dirOf(byPath map[string]*isoDir, name string) *isoDir {
	if name == "." {
		name = ""
	}
	if d := byPath[name]; d != nil {
		return d
	}
	d := &isoDir{path: name, parent: dirOf(byPath, path.Dir(name))}
	d.parent.dirs = append(d.parent.dirs, d)
	byPath[name] = d
	return d
}

// name is the folder's name as ISO 9660 has it; the root's is one zero byte.
func (d *isoDir) name() string {
	if d.path == "" {
		return "\x00"
	}
	return isoName(path.Base(d.path))
}

// isoName is a name in the letters of ISO 9660.
func isoName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return '_'
	}, name)
}

// fileName is a file's name with the version that ISO 9660 wants.
func (f *isoFile) fileName() string {
	name := isoName(path.Base(f.path))
	if !strings.Contains(name, ".") {
		name += "."
	}
	return name + ";1"
}

// records are the directory records of a folder, sorted by their names.
func (d *isoDir) records(v *isoVolume) []byte {
	list := []isoRecord{
		{id: "\x00", block: d.block, size: isoBlock, dir: true, root: d.path == ""},
		{id: "\x01", block: d.parent.block, size: isoBlock, dir: true},
	}
	for _, sub := range d.dirs {
		list = append(list, isoRecord{id: sub.name(), name: path.Base(sub.path), block: sub.block, size: isoBlock, dir: true})
	}
	for _, f := range d.files {
		list = append(list, isoRecord{id: f.fileName(), name: path.Base(f.path), block: f.block, size: uint32(len(f.data))})
	}
	slices.SortStableFunc(list, func(a, b isoRecord) int { return cmp.Compare(a.id, b.id) })
	var raw []byte
	for _, r := range list {
		raw = append(raw, r.bytes(v.date)...)
	}
	return raw
}

// isoRecord is one directory record (ECMA-119 9.1) with its Rock Ridge fields.
type isoRecord struct {
	id, name    string
	block, size uint32
	dir, root   bool
}

func (r isoRecord) bytes(date time.Time) []byte {
	b := make([]byte, 33, 128)
	putBoth32(b[2:], r.block)
	putBoth32(b[10:], r.size)
	copy(b[18:], shortDate(date))
	if r.dir {
		b[25] = 2
	}
	putBoth16(b[28:], 1)
	b[32] = byte(len(r.id))
	b = append(b, r.id...)
	if len(b)%2 != 0 {
		b = append(b, 0)
	}
	b = append(b, r.rockRidge(date)...)
	if len(b)%2 != 0 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	return b
}

// rockRidge is what IEEE P1282 adds: the name in its own letters, mode and owner, time. The
// root's own record says that the fields are there (SP, ER of IEEE P1281).
func (r isoRecord) rockRidge(date time.Time) []byte {
	var b []byte
	if r.root {
		b = append(b, 'S', 'P', 7, 1, 0xBE, 0xEF, 0)
	}
	mode, links := uint32(modeRegular|0o444), uint32(1)
	if r.dir {
		mode, links = modeDir|0o555, 2
	}
	b = append(b, 'P', 'X', 36, 1)
	for _, n := range []uint32{mode, links, 0, 0} {
		b = append(b, both32(n)...)
	}
	b = append(append(b, 'T', 'F', 12, 1, 2), shortDate(date)...)
	if r.name != "" {
		b = append(append(b, 'N', 'M', byte(5+len(r.name)), 1, 0), r.name...)
	}
	if r.root {
		const id = "RRIP_1991A"
		b = append(append(b, 'E', 'R', byte(8+len(id)), 1, byte(len(id)), 0, 0, 1), id...)
	}
	return b
}

// write puts the volume into disk, which must have room for it.
func (v *isoVolume) write(disk []byte) {
	at := func(block uint32) []byte { return disk[int(block)*isoBlock:] }
	for _, d := range v.dirs {
		copy(at(d.block), d.records(v))
	}
	for _, f := range v.files {
		copy(at(f.block), f.data)
	}
	little, big := v.pathTable(binary.LittleEndian), v.pathTable(binary.BigEndian)
	copy(at(isoPathL), little)
	copy(at(isoPathM), big)
	copy(at(isoPVD), v.primary(len(little)))
	copy(at(isoBootRecord), bootRecord())
	copy(at(isoTerminator), "\xffCD001\x01")
}

// pathTable lists the folders (ECMA-119 9.4).
func (v *isoVolume) pathTable(order binary.AppendByteOrder) []byte {
	var b []byte
	for _, d := range v.dirs {
		name := d.name()
		b = append(b, byte(len(name)), 0)
		b = order.AppendUint32(b, d.block)
		b = order.AppendUint16(b, d.parent.number)
		b = append(b, name...)
		if len(name)%2 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// Offsets in the primary volume descriptor (ECMA-119 8.4).
const (
	pvdVolumeID = 40
	pvdSpace    = 80
	pvdSetID    = 190
)

// primary is the primary volume descriptor.
func (v *isoVolume) primary(pathTable int) []byte {
	b := make([]byte, isoBlock)
	copy(b, "\x01CD001\x01")
	fill := func(from, to int, text string) {
		copy(b[from:to], bytes.Repeat([]byte{' '}, to-from))
		copy(b[from:to], text)
	}
	fill(8, pvdVolumeID, "")
	fill(pvdVolumeID, 72, v.label)
	putBoth32(b[pvdSpace:], v.end)
	putBoth16(b[120:], 1) // volumes in the set, number of this one
	putBoth16(b[124:], 1)
	putBoth16(b[128:], isoBlock)
	putBoth32(b[132:], uint32(pathTable))
	binary.LittleEndian.PutUint32(b[140:], isoPathL)
	binary.BigEndian.PutUint32(b[148:], isoPathM)
	root := isoRecord{id: "\x00", block: v.dirs[0].block, size: isoBlock, dir: true}
	copy(b[156:190], root.plain(v.date))
	fill(pvdSetID, 318, v.set)
	fill(318, 446, "")
	fill(446, 574, "HANGKIT")
	fill(574, 813, "HANGKIT")
	for _, off := range []int{813, 830} { // made, changed
		copy(b[off:], longDate(v.date))
	}
	for _, off := range []int{847, 864} { // expires, holds from: never said
		copy(b[off:], "0000000000000000\x00")
	}
	b[881] = 1
	return b
}

// plain is the record without Rock Ridge: the copy in the volume descriptor has 34 bytes.
func (r isoRecord) plain(date time.Time) []byte {
	b := r.bytes(date)[:34]
	b[0] = 34
	return b
}

func putBoth32(b []byte, n uint32) { copy(b, both32(n)) }

func both32(n uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, n), n)
}

func putBoth16(b []byte, n uint16) {
	binary.LittleEndian.PutUint16(b, n)
	binary.BigEndian.PutUint16(b[2:], n)
}

// shortDate is a time in seven bytes, UTC (ECMA-119 9.1.5).
func shortDate(t time.Time) []byte {
	t = t.UTC()
	return []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0}
}

// longDate is a time in digits, UTC (ECMA-119 8.4.26.1).
func longDate(t time.Time) []byte { return append([]byte(t.UTC().Format("20060102150405")+"00"), 0) }
