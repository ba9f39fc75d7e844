package ntfs

import (
	"fmt"
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

// A FILETIME counts 100 ns ticks since 1601-01-01 UTC.
const ticksPerSecond, secondsTo1970 = 10_000_000, 11_644_473_600

// lastSecond is the end of year 9999, in seconds since 1970.
const lastSecond = 253_402_300_799

// filetime converts the FILETIME b begins with. It is the zero time for what no
// calendar shows.
func filetime(b []byte) time.Time {
	ticks := le.Uint64(b)
	if ticks/ticksPerSecond > secondsTo1970+lastSecond {
		return time.Time{}
	}
	return time.Unix(int64(ticks/ticksPerSecond)-secondsTo1970, int64(ticks%ticksPerSecond)*100).UTC()
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
