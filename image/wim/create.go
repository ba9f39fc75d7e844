package wim

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// NewImage is an image of an archive that is made.
type NewImage struct {
	Name    string
	Entries []Entry // the folders above each are made too
	Windows string  // version, such as 10.0.22621.1; empty for none
}

// Entry is a file or a folder of an image that is made.
type Entry struct {
	Path       string // with slashes
	ShortName  string
	Data       []byte
	Streams    []NewStream
	Dir        bool
	Attributes uint32 // further ones
	Modified   time.Time
	HardLink   uint64 // entries with the same number, not 0, are one file
}

// NewStream is a named stream of a file.
type NewStream struct {
	Name string
	Data []byte
}

// CreateOptions are what an archive has beside its images.
type CreateOptions struct {
	Boot      int // the image that boots, 0 for none
	Integrity bool
	GUID      [16]byte
}

const (
	guidOff       = 24
	noSecurity    = 0xffffffff
	securityIDOff = 12
	accessedOff   = 48
	attrNormal    = 0x80
)

var errEntry = errors.New("wim: entry that no image can have")

// Create makes an archive with nothing compressed: small ones for tests and samples. The
// same images make the same bytes.
func Create(images []NewImage, o CreateOptions) ([]byte, error) {
	b := &builder{out: make([]byte, headerSize), seen: map[Hash]int{}}
	for _, image := range images {
		if err := b.add(image); err != nil {
			return nil, fmt.Errorf("image %q: %w", image.Name, err)
		}
	}
	h := header(b.out[:headerSize:headerSize])
	copy(h, magic)
	copy(h[guidOff:], o.GUID[:])
	le.PutUint32(h[sizeOff:], headerSize)
	le.PutUint32(h[versionOff:], versionPlain)
	le.PutUint16(h[partOff:], 1)
	le.PutUint16(h[partsOff:], 1)
	le.PutUint32(h[imagesOff:], uint32(len(images)))
	le.PutUint32(h[bootIndexOff:], uint32(o.Boot))
	if o.Boot > 0 {
		copy(h.bootMetadata(), b.metadata[o.Boot-1].resource())
	}
	return b.finish(h, o)
}

// builder collects the parts of an archive.
type builder struct {
	out      []byte
	blobs    []blob
	metadata []blob
	seen     map[Hash]int // contents to their entry in blobs
	xml      bytes.Buffer
}

// store keeps contents once and counts who has them.
func (b *builder) store(data []byte) Hash {
	if len(data) == 0 {
		return Hash{}
	}
	h := hashOf(data)
	if i, ok := b.seen[h]; ok {
		b.blobs[i].setRefs(b.blobs[i].refs() + 1)
		return h
	}
	b.seen[h] = len(b.blobs)
	b.blobs = append(b.blobs, newBlob(h, 0, int64(len(b.out)), int64(len(data))))
	b.out = append(b.out, data...)
	return h
}

// node is a file or folder of the tree that is built.
type node struct {
	Entry
	name     string
	children []*node
	hash     Hash
	streams  []Hash
	subdir   int
}

func (b *builder) add(image NewImage) error {
	root := &node{Entry: Entry{Dir: true}}
	index := map[string]*node{".": root}
	for _, e := range image.Entries {
		if err := insert(index, e); err != nil {
			return err
		}
	}
	var total, files, dirs int
	for _, n := range index {
		slices.SortFunc(n.children, func(x, y *node) int { return cmp.Compare(strings.ToUpper(x.name), strings.ToUpper(y.name)) })
	}
	root.walk(func(n *node) {
		n.hash = b.store(n.Data)
		for _, s := range n.Streams {
			n.streams = append(n.streams, b.store(s.Data))
		}
		if n.Dir {
			dirs++
		} else {
			files++
		}
		total += len(n.Data)
	})
	m := root.marshal()
	entry := newBlob(hashOf(m), resMetadata, int64(len(b.out)), int64(len(m)))
	b.out, b.metadata = append(b.out, m...), append(b.metadata, entry)
	b.describe(image, total, files, dirs-1)
	return nil
}

// insert puts an entry into the tree, with the folders above it.
func insert(index map[string]*node, e Entry) error {
	if e.Path != path.Clean(e.Path) || e.Path == "." || strings.HasPrefix(e.Path, "/") || strings.HasPrefix(e.Path, "..") {
		return fmt.Errorf("%w: path %q", errEntry, e.Path)
	}
	if n := index[e.Path]; n != nil {
		if !n.Dir || !e.Dir {
			return fmt.Errorf("%w: %q twice", errEntry, e.Path)
		}
		n.Entry = e
		return nil
	}
	up := path.Dir(e.Path)
	if index[up] == nil {
		if err := insert(index, Entry{Path: up, Dir: true}); err != nil {
			return err
		}
	}
	if !index[up].Dir {
		return fmt.Errorf("%w: %q below a file", errEntry, e.Path)
	}
	n := &node{Entry: e, name: path.Base(e.Path)}
	index[e.Path] = n
	index[up].children = append(index[up].children, n)
	return nil
}

func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, c := range n.children {
		c.walk(visit)
	}
}

// marshal lays the metadata out: no security descriptors, the root, and behind it the
// directories from the root down.
func (n *node) marshal() []byte {
	at := minSecurity + n.size() + endOfDirectory
	n.walk(func(d *node) {
		if !d.Dir {
			return
		}
		d.subdir = at
		for _, c := range d.children {
			at += c.size()
		}
		at += endOfDirectory
	})
	out := make([]byte, minSecurity, at)
	le.PutUint32(out[securityLengthOff:], minSecurity)
	out = append(n.append(out), make([]byte, endOfDirectory)...)
	n.walk(func(d *node) {
		if !d.Dir {
			return
		}
		for _, c := range d.children {
			out = c.append(out)
		}
		out = append(out, make([]byte, endOfDirectory)...)
	})
	return out
}

// size is that of the entry with its streams.
func (n *node) size() int { return len(n.append(nil)) }

// append adds the entry and its streams. One with named streams has its unnamed one
// among them, as Windows writes it.
func (n *node) append(out []byte) []byte {
	d := make([]byte, dentrySize)
	attributes := n.Attributes
	switch {
	case n.Dir:
		attributes |= attrDirectory
	case attributes == 0:
		attributes = attrNormal
	}
	le.PutUint32(d[attributesOff:], attributes)
	le.PutUint32(d[securityIDOff:], noSecurity)
	le.PutUint64(d[subdirOff:], uint64(n.subdir))
	le.PutUint64(d[createdOff:], toFileTime(n.Modified))
	le.PutUint64(d[accessedOff:], toFileTime(n.Modified))
	le.PutUint64(d[modifiedOff:], toFileTime(n.Modified))
	le.PutUint64(d[hardLinkOff:], n.HardLink)
	name, short := encodeUTF16(n.name), encodeUTF16(n.ShortName)
	le.PutUint16(d[nameLenOff:], uint16(len(name)))
	le.PutUint16(d[shortNameLenOff:], uint16(len(short)))
	for _, s := range [][]byte{name, short} {
		if len(s) > 0 {
			d = append(append(d, s...), make([]byte, nameTerminator)...)
		}
	}
	if len(n.Streams) == 0 {
		copy(d[dentryHashOff:], n.hash[:])
	} else {
		le.PutUint16(d[streamsOff:], uint16(1+len(n.Streams)))
	}
	d = padded(d)
	le.PutUint64(d[dentryLengthOff:], uint64(len(d)))
	out = append(out, d...)
	if len(n.Streams) == 0 {
		return out
	}
	out = appendStream(out, "", n.hash)
	for i, s := range n.Streams {
		out = appendStream(out, s.Name, n.streams[i])
	}
	return out
}

func appendStream(out []byte, name string, h Hash) []byte {
	text := encodeUTF16(name)
	s := make([]byte, streamSize)
	copy(s[streamHashOff:], h[:])
	le.PutUint16(s[streamNameLenOff:], uint16(len(text)))
	if len(text) > 0 {
		s = append(append(s, text...), make([]byte, nameTerminator)...)
	}
	s = padded(s)
	le.PutUint64(s[streamLengthOff:], uint64(len(s)))
	return append(out, s...)
}

// padded ends where the next structure of metadata can begin.
func padded(b []byte) []byte { return append(b, make([]byte, align(int64(len(b)))-int64(len(b)))...) }

func encodeUTF16(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// describe adds an image to the XML.
func (b *builder) describe(image NewImage, total, files, dirs int) {
	fmt.Fprintf(&b.xml, `<IMAGE INDEX="%d"><DIRCOUNT>%d</DIRCOUNT><FILECOUNT>%d</FILECOUNT><TOTALBYTES>%d</TOTALBYTES>`, len(b.metadata), dirs, files, total)
	if v := strings.Split(image.Windows, "."); image.Windows != "" {
		b.xml.WriteString("<WINDOWS><ARCH>9</ARCH><VERSION>")
		for i, name := range []string{"MAJOR", "MINOR", "BUILD", "SPBUILD"}[:min(len(v), 4)] {
			fmt.Fprintf(&b.xml, "<%s>%s</%s>", name, v[i], name)
		}
		b.xml.WriteString("</VERSION><SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS>")
	}
	b.xml.WriteString("<NAME>")
	_ = xml.EscapeText(&b.xml, []byte(image.Name)) // a Buffer takes all
	b.xml.WriteString("</NAME></IMAGE>")
}

// finish adds the tables and writes the header.
func (b *builder) finish(h header, o CreateOptions) ([]byte, error) {
	var table []byte
	for _, e := range append(b.blobs, b.metadata...) {
		table = append(table, e...)
	}
	t := tail{table: table, at: int64(len(b.out))}
	t.xml = encodeUTF16(fmt.Sprintf("%s<WIM><TOTALBYTES>%d</TOTALBYTES>%s</WIM>", byteOrderMark, t.tableEnd(), b.xml.String()))
	if o.Integrity {
		if err := t.sum(bytes.NewReader(append(b.out[headerSize:], table...)), integrityPiece, nil); err != nil {
			return nil, err
		}
	}
	t.describe(h)
	copy(b.out, h)
	return append(b.out, t.bytes()...), nil
}
