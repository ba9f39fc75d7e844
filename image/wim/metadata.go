package wim

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
)

// The security data at the start of a metadata resource (offsets in bytes).
const (
	securityLengthOff = 0
	minSecurity       = 8
)

// A directory entry (offsets in bytes). Its names follow, then its streams.
const (
	dentrySize = 102

	dentryLengthOff   = 0
	attributesOff     = 8
	subdirOff         = 16
	createdOff        = 40
	modifiedOff       = 56
	dentryHashOff     = 64
	hardLinkOff       = 88
	streamsOff        = 96
	shortNameLenOff   = 98
	nameLenOff        = 100
	nameOff           = 102
	endOfDirectory    = 8 // a length of at most this ends a directory
	nameTerminator    = 2
	metadataAlignment = 8
)

// A stream of a directory entry (offsets in bytes).
const (
	streamSize = 38

	streamLengthOff  = 0
	streamHashOff    = 16
	streamNameLenOff = 36
	streamNameOff    = 38
)

// File attributes ([MS-FSCC] 2.6).
const (
	attrDirectory = 0x10
	attrReparse   = 0x400
	attrEncrypted = 0x4000
)

// metadata is a view of a metadata resource.
type metadata []byte

// dentry is a view of a directory entry and its streams.
type dentry struct {
	at    int64 // in the metadata
	bytes []byte
	name  string
	short string
	next  int64 // where the next one of the directory is
}

func (d *dentry) attributes() uint32 { return le.Uint32(d.bytes[attributesOff:]) }
func (d *dentry) subdir() uint64     { return le.Uint64(d.bytes[subdirOff:]) }
func (d *dentry) isDir() bool        { return d.attributes()&(attrDirectory|attrReparse) == attrDirectory }
func (d *dentry) modified() time.Time {
	return fromFileTime(le.Uint64(d.bytes[modifiedOff:]))
}

// hardLink is the group of the entries that are one file; 0 for a file with one name. A
// reparse point has something else there.
func (d *dentry) hardLink() uint64 { return le.Uint64(d.bytes[hardLinkOff:]) }

// align rounds up to where the next structure is.
func align(off int64) int64 { return (off + metadataAlignment - 1) &^ (metadataAlignment - 1) }

// root finds the root directory behind the security data.
func (m metadata) root() (*dentry, error) {
	if len(m) < minSecurity {
		return nil, damaged(0, "metadata: size", "security data", len(m))
	}
	length := int64(le.Uint32(m[securityLengthOff:]))
	d, err := m.dentry(align(max(length, minSecurity)))
	if err != nil {
		return nil, err
	}
	if d == nil || !d.isDir() {
		return nil, damaged(length, "metadata: first directory entry", "the root directory", "none")
	}
	return d, nil
}

// dentry reads the entry at an offset of the metadata; nil ends a directory.
func (m metadata) dentry(at int64) (*dentry, error) {
	if at < 0 || at > int64(len(m))-endOfDirectory {
		return nil, damaged(at, "directory entry", fmt.Sprintf("within %d bytes of metadata", len(m)), "an offset outside")
	}
	length := le.Uint64(m[at+dentryLengthOff:])
	if length <= endOfDirectory {
		return nil, nil
	}
	if length < dentrySize || length > uint64(int64(len(m))-at) {
		return nil, damaged(at, "directory entry: length", fmt.Sprintf("%d to %d", dentrySize, int64(len(m))-at), length)
	}
	d := &dentry{at: at, bytes: m[at:][:length]}
	if err := d.readNames(); err != nil {
		return nil, err
	}
	next, err := m.streamsEnd(d)
	d.next = next
	return d, err
}

// readNames reads the long name and the short one behind it.
func (d *dentry) readNames() error {
	long, short := int(le.Uint16(d.bytes[nameLenOff:])), int(le.Uint16(d.bytes[shortNameLenOff:]))
	shortAt := nameOff + long
	if long > 0 {
		shortAt += nameTerminator
	}
	end := max(nameOff+long, shortAt*min(short, 1)+short)
	if long%2 != 0 || short%2 != 0 || end > len(d.bytes) {
		return damaged(d.at+shortNameLenOff, "directory entry: lengths of its names", fmt.Sprintf("within %d bytes", len(d.bytes)), fmt.Sprintf("%d and %d", long, short))
	}
	d.name = decodeUTF16(d.bytes[nameOff:][:long])
	if short > 0 {
		d.short = decodeUTF16(d.bytes[shortAt:][:short])
	}
	return nil
}

// streamsEnd is where the streams of an entry end.
func (m metadata) streamsEnd(d *dentry) (int64, error) {
	at := align(d.at + int64(len(d.bytes)))
	for range le.Uint16(d.bytes[streamsOff:]) {
		s, err := m.stream(at)
		if err != nil {
			return 0, err
		}
		at = align(at + int64(len(s)))
	}
	return at, nil
}

// stream is a view of a stream of a directory entry.
type stream []byte

func (s stream) name() string {
	return decodeUTF16(s[streamNameOff:][:le.Uint16(s[streamNameLenOff:])])
}

func (m metadata) stream(at int64) (stream, error) {
	left := int64(len(m)) - at
	if left < streamSize {
		return nil, damaged(at, "stream", fmt.Sprintf("within %d bytes of metadata", len(m)), "an offset outside")
	}
	length := le.Uint64(m[at+streamLengthOff:])
	if length < streamSize || length > uint64(left) {
		return nil, damaged(at, "stream: length", fmt.Sprintf("%d to %d", streamSize, left), length)
	}
	s := stream(m[at:][:length])
	if n := int64(le.Uint16(s[streamNameLenOff:])); n%2 != 0 || n > int64(length)-streamNameOff {
		return nil, damaged(at+streamNameLenOff, "stream: length of its name", fmt.Sprintf("within %d bytes", length), n)
	}
	return s, nil
}

// streams visits the streams of an entry with the place of each one's hash: the one of
// the entry itself, which has no name, and those behind it.
func (m metadata) streams(d *dentry, visit func(name string, hashAt int64)) error {
	visit("", d.at+dentryHashOff)
	at := align(d.at + int64(len(d.bytes)))
	for range le.Uint16(d.bytes[streamsOff:]) {
		s, err := m.stream(at)
		if err != nil {
			return err
		}
		visit(s.name(), at+streamHashOff)
		at = align(at + int64(len(s)))
	}
	return nil
}

// hashAt is where the hash of a stream is, 0 if there is no such stream. An entry with
// named streams may have its unnamed one among them; its own hash is then zeros.
func (m metadata) hashAt(d *dentry, name string) (int64, error) {
	found := int64(0)
	err := m.streams(d, func(n string, at int64) {
		if strings.EqualFold(n, name) && (found == 0 || m.hash(found) == Hash{}) {
			found = at
		}
	})
	return found, err
}

func (m metadata) hash(at int64) Hash { return Hash(m[at:]) }

// each visits the entries of a directory in their order until the visitor returns false.
func (m metadata) each(dir *dentry, visit func(*dentry) bool) error {
	sub := dir.subdir()
	if sub == 0 {
		return nil
	}
	if sub > uint64(len(m)) {
		return damaged(dir.at+subdirOff, "directory entry: offset of the directory", fmt.Sprintf("within %d bytes of metadata", len(m)), sub)
	}
	for at := int64(sub); ; {
		d, err := m.dentry(at)
		if err != nil || d == nil || !visit(d) {
			return err
		}
		at = d.next
	}
}

// decodeUTF16 reads a name. What is no UTF-16 becomes U+FFFD.
func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = le.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// FILETIME: 100 ns since 1601.
const (
	fileTimeUnit  = 100 * time.Nanosecond
	fileTimeEpoch = 116444736000000000 // of the Unix epoch
	fileTimePerS  = int64(time.Second / fileTimeUnit)
)

func fromFileTime(t uint64) time.Time {
	n := int64(t) - fileTimeEpoch
	return time.Unix(n/fileTimePerS, n%fileTimePerS*int64(fileTimeUnit)).UTC()
}

func toFileTime(t time.Time) uint64 {
	return uint64(t.Unix()*fileTimePerS + int64(t.Nanosecond())/int64(fileTimeUnit) + fileTimeEpoch)
}
