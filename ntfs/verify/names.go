package verify

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf16"
)

const (
	fileNameParent     = 0x00
	fileNameAllocated  = 0x28
	fileNameSize       = 0x30
	fileNameAttributes = 0x38
	fileNameLength     = 0x40
	fileNameNamespace  = 0x41
	fileNameName       = 0x42

	attributeDirectory = 0x10000000

	namespaceWin32 = 1
	namespaceDOS   = 2
	namespaceBoth  = 3
)

// fileName is a $FILE_NAME: an attribute of the file, and the key of its index entry.
type fileName []byte

func parseFileName(b []byte, kind Kind, off int64) (fileName, error) {
	if len(b) < fileNameName || b[fileNameLength] == 0 || len(b) < fileNameName+2*int(b[fileNameLength]) {
		return nil, bad(kind, off, "$FILE_NAME: length", "room for a name of at least one character", len(b))
	}
	if b[fileNameNamespace] > namespaceBoth {
		return nil, bad(kind, off, "$FILE_NAME: namespace", "0 to 3", b[fileNameNamespace])
	}
	return fileName(b), nil
}

func (f fileName) parent() ref        { return ref(le.Uint64(f[fileNameParent:])) }
func (f fileName) allocated() uint64  { return le.Uint64(f[fileNameAllocated:]) }
func (f fileName) size() uint64       { return le.Uint64(f[fileNameSize:]) }
func (f fileName) attributes() uint32 { return le.Uint32(f[fileNameAttributes:]) }
func (f fileName) namespace() byte    { return f[fileNameNamespace] }
func (f fileName) name() []byte       { return f[fileNameName:][:2*int(f[fileNameLength])] }
func (f fileName) String() string     { return quoted(f.name()) }

// quoted shows a name of UTF-16 bytes.
func quoted(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = le.Uint16(b[2*i:])
	}
	return fmt.Sprintf("%q", string(utf16.Decode(u)))
}

// nameHash stands for a file having a name in a directory.
func (c *checker) nameHash(dir, child ref, f fileName) uint64 {
	const head, maxName = 17, 2 * 255
	var b [head + maxName]byte
	le.PutUint64(b[:], uint64(dir))
	le.PutUint64(b[8:], uint64(child))
	b[16] = f.namespace()
	n := copy(b[head:], f.name())
	return maphash.Bytes(c.seed, b[:head+n])
}

// sizeHash stands for the sizes an entry shows; it is never 0. A resident value
// has no allocated size that everybody agrees on.
func (c *checker) sizeHash(size, allocated uint64) uint32 {
	var b [16]byte
	le.PutUint64(b[:], size)
	le.PutUint64(b[8:], allocated)
	return uint32(maphash.Bytes(c.seed, b[:])) | 1
}

const anyAllocation = ^uint64(0)

// noteSizes remembers which sizes the entries of a file should show.
func (c *checker) noteSizes(f *file, p *recordPage, i int) {
	if f.base.directory() || f.base.number < firstShown {
		return
	}
	for _, a := range f.attrs {
		if a.kind() != typeData || a.nameSize() != 0 {
			continue
		}
		s := a.sizes()
		if p.sizes[i] = c.sizeHash(s.size, s.stored); a.resident() {
			p.sizes[i] = c.sizeHash(s.size, anyAllocation)
		}
		return
	}
}

// noteNames adds the names of a file to its sum, and checks their number.
func (c *checker) noteNames(f *file, p *recordPage, i int) error {
	links, long, short := 0, 0, 0
	for _, a := range f.attrs {
		if a.kind() != typeFileName || !a.resident() {
			continue
		}
		name, err := parseFileName(a.value(), Attribute, a.off)
		if err != nil {
			p.state[i] |= stateUndecided
			return c.found(f.base.number, err)
		}
		if links == 0 {
			p.parent[i] = uint32(name.parent().number())
		}
		links++
		switch name.namespace() {
		case namespaceWin32:
			long++
		case namespaceDOS:
			short++
		}
		p.names[i] += c.nameHash(name.parent(), f.base.ref(), name)
	}
	p.links[i] = uint16(min(links, 1<<16-1))
	if links != f.base.links() {
		c.add(f.base.number, LinkCount, f.base.off+recordLinks, "MFT record: link count", fmt.Sprintf("%d names", links), f.base.links())
	}
	// Links made later are in the Win32 namespace without a short name of their own.
	if short > min(long, 1) {
		c.add(f.base.number, NameMismatch, f.base.off, "8.3 names", "one at most, and only beside a name of the Win32 namespace", fmt.Sprintf("%d beside %d", short, long))
	}
	return nil
}

// checkNames compares each file's names with the entries directories have for it.
func (c *checker) checkNames() error {
	return c.table.each(stateInUse|stateBase, func(n int64, p *recordPage, i int) error {
		off := c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize)
		parent := c.table.state(int64(p.parent[i]))
		switch {
		case p.state[i]&stateUndecided != 0 || parent&(stateBrokenIndex|stateUndecided) != 0:
		case p.links[i] == 0 && p.entries[i] == 0 && n >= firstUserRecord:
			c.add(n, Orphan, off, "$FILE_NAME", "at least one", "none")
		case p.names[i] == 0 && p.links[i] == p.entries[i]:
		case p.entries[i] == 0:
			c.add(n, Orphan, off, "index entries for the file", c.namesOf(n), "none")
		default:
			c.add(n, NameMismatch, off, "index entries for the file", c.namesOf(n), fmt.Sprintf("%d entries that differ", p.entries[i]))
		}
		return nil
	})
}

// namesOf reads the names of a file once more, for a finding that is kept.
func (c *checker) namesOf(n int64) string {
	if c.full() {
		return ""
	}
	f, err := c.metarecord(n)
	if err != nil {
		return "its names"
	}
	var names []string
	for _, a := range f.pieces(typeFileName, "") {
		if name, err := parseFileName(a.value(), Attribute, a.off); err == nil {
			names = append(names, fmt.Sprintf("%v in directory %v", name, name.parent()))
		}
	}
	return strings.Join(names, ", ")
}

// checkReach climbs from every directory to the root. A way that ends at an
// orphan is that orphan's finding; one that leads back to itself is found here.
func (c *checker) checkReach() error {
	c.table.set(recordRoot, stateClimbed)
	return c.table.each(stateInUse|stateBase|stateDirectory, func(n int64, _ *recordPage, _ int) error {
		if c.circular(n) {
			c.add(n, Circle, c.mft.deviceOffset(n*c.geometry.recordSize, c.geometry.clusterSize), "directory", "a way up to the root", "a circle")
		}
		return nil
	})
}

// circular goes up until it meets a directory it has climbed from before, and
// says whether that was on this very way.
func (c *checker) circular(n int64) bool {
	var way []int64
	at := n
	for s := c.table.state(at); s&stateClimbed == 0; s = c.table.state(at) {
		if s&stateDirectory == 0 || s&stateUndecided != 0 {
			return false // reported for what it is
		}
		c.table.set(at, stateClimbed)
		way = append(way, at)
		p, i := c.table.at(at)
		at = int64(p.parent[i])
	}
	return slices.Contains(way, at)
}
