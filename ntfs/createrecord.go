package ntfs

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	recordFixup          = 0x30 // where the update sequence array of an MFT record begins
	recordBytesAllocated = 0x1c
	recordNumber         = 0x2c

	// firstFreeRecord is behind those a volume keeps for itself: 16 to 23 are
	// for extension records of metafiles.
	firstFreeRecord = 24

	attrIndexed = 0x16 // of a resident attribute: it is a key of an index

	siSecurityID = 0x34
	siSize       = 0x48 // the form of NTFS 3.0 and later

	fileNameTimes = 0x08

	attributeArchive = 0x00000020
)

// onDisk is the reference as structures hold it.
func (r RecordRef) onDisk() uint64 { return r.Number | uint64(r.Sequence)<<recordNumberBits }

// blankAttribute makes an attribute without value or clusters.
func blankAttribute(kind uint32, name attrName, instance uint16, resident bool) attribute {
	header := nonResidentHeaderSize
	if resident {
		header = residentHeaderSize
	}
	raw := make([]byte, align8(header+len(name)))
	le.PutUint32(raw, kind)
	le.PutUint32(raw[attrLength:], uint32(len(raw)))
	raw[attrNameLength] = byte(len(name.units()))
	le.PutUint16(raw[attrNameOffset:], uint16(header))
	le.PutUint16(raw[attrInstance:], instance)
	copy(raw[header:], name)
	if resident {
		le.PutUint16(raw[attrValueOffset:], uint16(len(raw)))
	} else {
		raw[attrNonResident] = 1
		le.PutUint16(raw[attrMappingPairs:], uint16(len(raw)))
	}
	return attribute{raw: raw}
}

// withValue encodes a resident attribute with another value.
func (a attribute) withValue(value []byte) []byte {
	start := int(a.valueOffset())
	b := make([]byte, align8(start+len(value)))
	copy(b, a.raw[:start])
	copy(b[start:], value)
	le.PutUint32(b[attrLength:], uint32(len(b)))
	le.PutUint32(b[attrValueLength:], uint32(len(value)))
	return b
}

// withClusters encodes a non-resident attribute that is size bytes long, all of
// them initialized, and lies in runs.
func (v *Volume) withClusters(a attribute, runs RunList, size int64) []byte {
	clusters := int64(0)
	for _, r := range runs {
		clusters += r.Length
	}
	b := appendRunList(slices.Clone(a.raw[:a.mappingPairs()]), runs)
	le.PutUint32(b[attrLength:], uint32(len(b)))
	le.PutUint64(b[attrHighestVCN:], uint64(clusters-1))
	le.PutUint64(b[attrAllocated:], uint64(clusters*v.boot.clusterSize))
	le.PutUint64(b[attrDataSize:], uint64(size))
	le.PutUint64(b[attrInitialized:], uint64(size))
	return b
}

// newFile is a file about to be made.
type newFile struct {
	ref      RecordRef
	parent   RecordRef
	name     []uint16
	security uint32
	time     time.Time
	contents []byte
	runs     RunList // nil if the contents are in the record
}

// key is the file's $FILE_NAME, in its record and in the directory's index.
func (f *newFile) key(clusterSize int64) fileName {
	b := make([]byte, fileNameName, fileNameName+2*len(f.name))
	le.PutUint64(b[fileNameParent:], f.parent.onDisk())
	f.putTimes(b[fileNameTimes:])
	allocated := int64(align8(len(f.contents)))
	if f.runs != nil {
		allocated = 0
		for _, r := range f.runs {
			allocated += r.Length * clusterSize
		}
	}
	le.PutUint64(b[fileNameAllocated:], uint64(allocated))
	le.PutUint64(b[fileNameSize:], uint64(len(f.contents)))
	le.PutUint32(b[fileNameAttributes:], attributeArchive)
	b[fileNameLength] = byte(len(f.name))
	b[fileNameNamespace] = byte(namespaceOf(f.name))
	for _, u := range f.name {
		b = le.AppendUint16(b, u)
	}
	return fileName(b)
}

// putTimes writes the four times, which are one.
func (f *newFile) putTimes(b []byte) {
	for i := range 4 {
		le.PutUint64(b[8*i:], ticks(f.time))
	}
}

func (f *newFile) standardInformation() []byte {
	b := make([]byte, siSize)
	f.putTimes(b)
	le.PutUint32(b[siAttributes:], attributeArchive)
	le.PutUint32(b[siSecurityID:], f.security)
	return b
}

// record encodes the file's MFT record, sealed with usn.
func (f *newFile) record(v *Volume, usn uint16) ([]byte, error) {
	b := make([]byte, v.boot.recordSize)
	copy(b, recordMagic)
	start := v.firstAttribute()
	le.PutUint16(b[recordSequence:], f.ref.Sequence)
	le.PutUint16(b[recordAttributes:], uint16(start))
	le.PutUint16(b[recordFlags:], recordInUse)
	le.PutUint32(b[recordBytesAllocated:], uint32(len(b)))
	le.PutUint32(b[recordNumber:], uint32(f.ref.Number))
	attrs := f.attributes(v)
	le.PutUint16(b[recordLinks:], 1)
	le.PutUint16(b[recordNextInstance:], uint16(len(attrs)))
	e := &recordEdit{&record{raw: b}}
	if err := e.lay(attrs); err != nil {
		return nil, err
	}
	seal(b, recordFixup, usn)
	return b, nil
}

// firstAttribute is where the attributes of a record begin, behind its update
// sequence array.
func (v *Volume) firstAttribute() int {
	return align8(recordFixup + 2*(int(v.boot.recordSize)/fixupStride+1))
}

func (f *newFile) attributes(v *Volume) [][]byte {
	info := blankAttribute(typeStandardInformation, "", 0, true).withValue(f.standardInformation())
	name := blankAttribute(typeFileName, "", 1, true).withValue(f.key(v.boot.clusterSize))
	name[attrIndexed] = 1
	data := blankAttribute(typeData, "", 2, true).withValue(f.contents)
	if f.runs != nil {
		data = v.withClusters(blankAttribute(typeData, "", 2, false), f.runs, int64(len(f.contents)))
	}
	return [][]byte{info, name, data}
}

// resident says whether the record has room for the contents.
func (f *newFile) resident(v *Volume) bool {
	if int64(len(f.contents)) >= v.boot.recordSize {
		return false
	}
	used := v.firstAttribute() + endMarkerSize
	for _, a := range f.attributes(v) {
		used += len(a)
	}
	return int64(used) <= v.boot.recordSize
}

// errNoRecord says that $MFT would have to grow.
var errNoRecord = fmt.Errorf("%w: no MFT record is free, and $MFT is not made longer", ErrNoSpace)

// freeRecord is an MFT record nobody uses.
type freeRecord struct {
	ref RecordRef // with the sequence number of the next file in it
	usn uint16    // to seal it with
}

// freeRecord finds the first record that is free in $MFT's bitmap and says so
// itself. One that cannot be read is passed over.
func (p *planner) freeRecord(bitmap *stream) (freeRecord, error) {
	end := min(p.v.mft.initialized/p.v.boot.recordSize, bitmap.initialized*8)
	for n := int64(firstFreeRecord); n < end; n++ {
		var err error
		if n, err = firstFree(bitmap, n, end); err != nil || n < 0 {
			return freeRecord{}, errors.Join(err, errNoRecord)
		}
		free, ok, err := p.inspect(uint64(n))
		if err != nil || ok {
			return free, err
		}
	}
	return freeRecord{}, errNoRecord
}

// inspect looks at a record that is free in the bitmap. One in use all the
// same makes the bitmap, and with it the volume, unfit to be written to.
func (p *planner) inspect(number uint64) (f freeRecord, ok bool, err error) {
	size := p.v.boot.recordSize
	off, b := int64(number)*size, make([]byte, size)
	if _, err := readExtents(&p.dev, p.v.mft.extents, b, off); err != nil {
		return f, false, err
	}
	f = freeRecord{ref: RecordRef{Number: number, Sequence: 1}, usn: nextUSN(b, recordMagic)}
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return f, true, nil // never used
	}
	if errors.Is(unseal(b, recordMagic, off), ErrFormat) {
		return f, false, nil
	}
	if le.Uint16(b[recordFlags:])&recordInUse != 0 {
		return f, false, damaged(deviceOffset(p.v.mft.extents, off), fmt.Sprintf("MFT record %d: in use", number), "false, as $MFT's bitmap says", true)
	}
	f.ref.Sequence = max(le.Uint16(b[recordSequence:]), 1)
	return f, true, nil
}

// recordBitmap opens the bitmap of $MFT's records.
func (v *Volume) recordBitmap() (*stream, error) {
	n, err := v.metanode(recordMFT)
	if err != nil {
		return nil, err
	}
	s, ok, err := n.stream(typeBitmap, "")
	if err != nil {
		return nil, err
	}
	if !ok || s.resident != nil {
		return nil, damaged(n.base.off, "MFT record 0: $BITMAP", "non-resident", "none")
	}
	return s, s.decodable()
}
