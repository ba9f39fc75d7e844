package ntfs

import (
	"fmt"
	"io/fs"
	"time"
)

// Times are the four times of a file, to 100 ns.
type Times struct {
	Created  time.Time
	Modified time.Time // of the contents
	Changed  time.Time // of the MFT record
	Accessed time.Time
}

// FileDetail is what the MFT records of a file say about it and its unnamed data stream.
type FileDetail struct {
	Record      uint64
	Sequence    uint16
	Directory   bool
	Size        int64 // data size in bytes
	Initialized int64 // bytes that were written; the rest reads as zeros
	Allocated   int64 // bytes in clusters, holes counted
	Resident    bool  // the data is inside the MFT record
	Compressed  bool
	Sparse      bool
	Encrypted   bool
	ReparseTag  uint32 // 0 if the file is no reparse point
	Links       int    // names, 8.3 aliases counted
	Fragments   int    // pieces on the device
	Times       Times
}

const (
	siCreated    = 0x00
	siModified   = 0x08
	siChanged    = 0x10
	siAccessed   = 0x18
	siAttributes = 0x20
	siMinSize    = 0x30 // the form of NTFS 1.2, which system files keep
)

// Reparse tags and their parts ([MS-FSCC] 2.1.2.1).
const (
	tagMountPoint    = 0xa0000003
	tagSymlink       = 0xa000000c
	tagWOF           = 0x80000017
	tagNameSurrogate = 0x20000000

	reparseMinSize = 8
)

// linkTag says that what carries the tag stands for another place.
func linkTag(tag uint32) bool { return tag&tagNameSurrogate != 0 }

// File attribute bits that index entries carry.
const (
	attributeReparse        = 0x00000400
	attributeIndexDirectory = 0x10000000
)

// times reads $STANDARD_INFORMATION.
func (n *node) times() (Times, error) {
	a, ok, err := n.first(typeStandardInformation, "")
	if err != nil {
		return Times{}, err
	}
	if !ok || !a.resident() || len(a.value()) < siMinSize {
		return Times{}, damaged(n.base.off, "$STANDARD_INFORMATION", fmt.Sprintf("at least %d resident bytes", siMinSize), "none")
	}
	b := a.value()
	return Times{
		Created:  filetime(b[siCreated:]),
		Modified: filetime(b[siModified:]),
		Changed:  filetime(b[siChanged:]),
		Accessed: filetime(b[siAccessed:]),
	}, nil
}

// filetime converts 100 ns ticks since 1601-01-01 UTC.
func filetime(b []byte) time.Time {
	const ticksPerSecond, secondsTo1970 = 10_000_000, 11_644_473_600
	ticks := le.Uint64(b)
	return time.Unix(int64(ticks/ticksPerSecond)-secondsTo1970, int64(ticks%ticksPerSecond)*100).UTC()
}

// reparseTag returns the tag of $REPARSE_POINT, 0 without one.
func (n *node) reparseTag() (uint32, error) {
	a, ok, err := n.first(typeReparsePoint, "")
	if err != nil || !ok {
		return 0, err
	}
	if a.resident() {
		if len(a.value()) < reparseMinSize {
			return 0, damaged(a.off, "$REPARSE_POINT: size", "at least 8", len(a.value()))
		}
		return le.Uint32(a.value()), nil
	}
	s, _, err := n.stream(typeReparsePoint, "")
	if err != nil {
		return 0, err
	}
	b := make([]byte, reparseMinSize)
	if _, err := s.ReadAt(b, 0); err != nil {
		return 0, fmt.Errorf("$REPARSE_POINT: %w", err)
	}
	return le.Uint32(b), nil
}

// info is what [fs.FileInfo] needs: the base record and, at most, the first
// record of the data.
func (n *node) info(name string) (*fileInfo, error) {
	times, err := n.times()
	if err != nil {
		return nil, err
	}
	tag, err := n.reparseTag()
	if err != nil {
		return nil, err
	}
	i := &fileInfo{name: name, modified: times.Modified, mode: fileMode(n.base.directory(), tag)}
	if a, ok, err := n.first(typeData, ""); err != nil {
		return nil, err
	} else if ok && !n.base.directory() {
		if _, i.size, _, err = a.sizes(); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// fileMode shows symbolic links and junctions as links, other stand-ins as
// irregular. Nothing is writable: contents change through OpenInPlace alone.
func fileMode(directory bool, tag uint32) fs.FileMode {
	switch {
	case tag == tagSymlink || tag == tagMountPoint:
		return fs.ModeSymlink | 0o777
	case linkTag(tag):
		return fs.ModeIrregular | 0o444
	case directory:
		return fs.ModeDir | 0o555
	}
	return 0o444
}

// Detail describes a file, reading all records that map its data.
func (v *Volume) Detail(name string) (FileDetail, error) {
	n, _, err := v.resolve(name)
	if err != nil {
		return FileDetail{}, pathError("detail", name, err)
	}
	d, err := n.detail()
	return d, pathError("detail", name, err)
}

func (n *node) detail() (d FileDetail, err error) {
	d = FileDetail{
		Record: n.base.ref.Number, Sequence: n.base.ref.Sequence,
		Directory: n.base.directory(), Links: n.base.links(),
	}
	if d.Times, err = n.times(); err != nil {
		return d, err
	}
	if d.ReparseTag, err = n.reparseTag(); err != nil {
		return d, err
	}
	s, ok, err := n.stream(typeData, "")
	if err != nil || !ok {
		return d, err
	}
	d.Size, d.Initialized, d.Allocated = s.size, s.initialized, s.allocated
	d.Resident = s.resident != nil
	d.Compressed = s.flags&flagCompressed != 0
	d.Sparse = s.flags&flagSparse != 0
	d.Encrypted = s.flags&flagEncrypted != 0
	for _, e := range s.extents {
		if e.DeviceOffset != hole {
			d.Fragments++
		}
	}
	return d, nil
}
