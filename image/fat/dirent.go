package fat

import (
	"io/fs"
	"strings"
	"time"
	"unicode/utf16"
)

// dirent is an entry of a directory: of a file, of a piece of a long name, or of the volume's label.
//
// On disk: "FAT Directory Structure" and "FAT Long Directory Entries".
type dirent []byte

const (
	direntSize = 32

	direntEnd     = 0x00 // as first byte: no entry from here on
	direntDeleted = 0xE5
	direntKanji   = 0x05 // stands for a first byte of 0xE5, which is a letter in Japanese

	attrReadOnly = 0x01
	attrLabel    = 0x08
	attrDir      = 0x10
	attrLongName = 0x0F // all of the low four

	caseLowerName = 0x08
	caseLowerExt  = 0x10

	shortNameLen = 11
	shortBaseLen = 8
)

func (d dirent) attributes() byte { return d[11] }
func (d dirent) cases() byte      { return d[12] }
func (d dirent) time() uint16     { return le.Uint16(d[22:]) }
func (d dirent) date() uint16     { return le.Uint16(d[24:]) }
func (d dirent) size() int64      { return int64(le.Uint32(d[28:])) }
func (d dirent) isLongName() bool { return d.attributes()&0x3F == attrLongName }
func (d dirent) isLabel() bool    { return d.attributes()&(attrLabel|attrDir) == attrLabel }

// cluster is the first one. FAT12 and FAT16 use its upper half for something else.
func (d dirent) cluster(k Kind) uint32 {
	low := uint32(le.Uint16(d[26:]))
	if k != FAT32 {
		return low
	}
	return uint32(le.Uint16(d[20:]))<<16 | low
}

// modified is the time of the last change.
func (d dirent) modified() time.Time {
	date, clock := d.date(), d.time()
	if date == 0 {
		return time.Time{}
	}
	return time.Date(1980+int(date>>9), time.Month(date>>5&0xF), int(date&0x1F),
		int(clock>>11), int(clock>>5&0x3F), int(clock&0x1F)*2, 0, time.UTC)
}

// shortName is the name in 8.3 form, with the case that Windows NT keeps for it.
func (d dirent) shortName() string {
	raw := string(d[:shortNameLen])
	if raw[0] == direntKanji {
		raw = "\xE5" + raw[1:]
	}
	base := fromOEM(strings.TrimRight(raw[:shortBaseLen], " "))
	ext := fromOEM(strings.TrimRight(raw[shortBaseLen:], " "))
	if d.cases()&caseLowerName != 0 {
		base = strings.ToLower(base)
	}
	if d.cases()&caseLowerExt != 0 {
		ext = strings.ToLower(ext)
	}
	if ext != "" {
		base += "." + ext
	}
	return base
}

// label is the volume's name.
func (d dirent) label() string { return strings.TrimRight(fromOEM(string(d[:shortNameLen])), " ") }

// oemUpper is the upper half of code page 437.
var oemUpper = []rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0")

func fromOEM(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; c < 0x80 {
			b.WriteByte(c)
		} else {
			b.WriteRune(oemUpper[c-0x80])
		}
	}
	return b.String()
}

// longEntry is a dirent that holds 13 UTF-16 units of a long name, last piece first.
type longEntry []byte

const (
	longLast     = 0x40 // in the order byte of the piece that stands first
	longOrder    = 0x1F
	longUnits    = 13
	maxLongOrder = 20 // 255 units
)

func (l longEntry) order() int     { return int(l[0] & longOrder) }
func (l longEntry) isLast() bool   { return l[0]&longLast != 0 }
func (l longEntry) checksum() byte { return l[13] }

func (l longEntry) units() []uint16 {
	units := make([]uint16, 0, longUnits)
	for _, part := range [][]byte{l[1:11], l[14:26], l[28:32]} {
		for i := 0; i < len(part); i += 2 {
			units = append(units, le.Uint16(part[i:]))
		}
	}
	return units
}

// longName collects the pieces of a name until its short entry comes.
type longName struct {
	units    []uint16
	next     int // the order the next piece must have; 0 when all are there
	checksum byte
	begun    bool
}

// add takes the next piece. One that does not continue the name drops what came before it.
func (n *longName) add(l longEntry) {
	switch {
	case l.isLast() && l.order() >= 1 && l.order() <= maxLongOrder:
		*n = longName{next: l.order(), checksum: l.checksum(), begun: true}
	case !n.begun || l.order() != n.next || l.checksum() != n.checksum:
		*n = longName{}
		return
	}
	if n.next == 0 {
		*n = longName{}
		return
	}
	n.units = append(l.units(), n.units...)
	n.next--
}

// take gives the name that belongs to a short entry, "" if there is none, and starts anew.
func (n *longName) take(short dirent) string {
	defer func() { *n = longName{} }()
	if !n.begun || n.next != 0 || n.checksum != shortChecksum(short[:shortNameLen]) {
		return ""
	}
	for i, u := range n.units {
		if u == 0 {
			return string(utf16.Decode(n.units[:i]))
		}
	}
	return string(utf16.Decode(n.units))
}

// shortChecksum ties the pieces of a long name to their short one.
func shortChecksum(name []byte) byte {
	var sum byte
	for _, c := range name {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}

// entry is a file or directory as its directory describes it.
type entry struct {
	name     string // long, or short if it has no other
	short    string
	mode     fs.FileMode
	size     int64
	cluster  uint32
	modified time.Time
}

func (d dirent) entry(long string, k Kind) entry {
	e := entry{name: long, short: d.shortName(), mode: 0o666, size: d.size(), cluster: d.cluster(k), modified: d.modified()}
	if e.name == "" {
		e.name = e.short
	}
	if d.attributes()&attrReadOnly != 0 {
		e.mode = 0o444
	}
	if d.attributes()&attrDir != 0 {
		e.mode, e.size = fs.ModeDir|0o777, 0
	}
	return e
}

func (e *entry) is(name string) bool {
	return strings.EqualFold(e.name, name) || strings.EqualFold(e.short, name)
}
