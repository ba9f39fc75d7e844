package format

import (
	"bufio"
	"fmt"
	"slices"
)

// Records with a fixed place in $MFT.
const (
	recordMFT recordNumber = iota
	recordMirror
	recordLogFile
	recordVolume
	recordAttrDef
	recordRoot
	recordBitmap
	recordBoot
	recordBadClus
	recordSecure
	recordUpCase
	recordExtendDir
	recordFirstReserved // to 15: in use, without a name
)

const (
	recordFirstUnused recordNumber = 16 // to 23: kept for more extents of $MFT itself
	recordFirstExtend recordNumber = 24 // children of $Extend
	recordFirstUser   recordNumber = 64 // Windows adds more children of $Extend below
)

// sequenceOf is the sequence number of a fresh record: that of a system file
// is its own record number.
func sequenceOf(n recordNumber) uint16 {
	if n > 0 && n < recordFirstExtend {
		return uint16(n)
	}
	return 1
}

// placeMFT reserves clusters for all records the volume can need: a bound for
// the extension records of scattered files is known before they are placed.
func (v *volume) placeMFT() error {
	v.sizeMFT()
	dataStart := v.alloc.cursor
	bitmapSize := v.mftRecords / 8
	size := v.mftRecords * int64(v.g.recordSize)
	bitmap, err := v.alloc.contiguous(v.mftStart(size), v.g.clustersFor(bitmapSize))
	if err != nil {
		return fmt.Errorf("$MFT bitmap: %w", err)
	}
	runs, err := v.mftRuns()
	if err != nil {
		return fmt.Errorf("$MFT of %d bytes: %w", size, err)
	}
	v.alloc.cursor = dataStart
	v.mftBitmap = runList{bitmap}
	v.mft = &stream{size: size, initialized: size, runs: runs}
	n := v.system[recordMFT]
	n.streams = []*stream{v.mft}
	n.extra = []attribute{v.g.newNonResident(typeBitmap, "", v.mftBitmap, bitmapSize)}
	if attributesSize(n.recordAttributes(v.g)) > v.g.recordRoom() {
		return v.packMFT(n)
	}
	return nil
}

// packMFT spreads the extents of $MFT over its own record and those kept for it.
// Record 0 lists the first of them, by which a reader finds all others.
func (v *volume) packMFT(n *node) error {
	next := recordFirstUnused
	data := v.mft.attribute(v.g)
	p := &packer{g: v.g, next: &next}
	p.records = []record{{number: n.number, sequence: sequenceOf(n.number), flags: n.flags, attrs: append(n.head(v.g), n.extra...)}}
	p.room = []int{v.g.recordRoom() - listReserve - attributesSize(p.records[0].attrs)}
	first, rest := data.cut(p.room[0])
	p.add(0, first)
	for _, part := range rest.split(v.g.recordRoom()) {
		p.extend(part)
	}
	if next > recordFirstExtend {
		return fmt.Errorf("%w: $MFT in %d extents needs more than the %d records kept for it",
			ErrOptions, len(v.mft.runs), recordFirstExtend-recordFirstUnused)
	}
	base := &p.records[0]
	slices.SortStableFunc(base.attrs, func(a, b attribute) int { return compareAttributes(&a, &b) })
	n.packed = p.records
	return v.addAttributeList(n.packed)
}

// minMFTExtent keeps the records that a driver reads before it knows the
// extents of $MFT in its first one.
const minMFTExtent = int64(recordFirstExtend)

// mftRuns allocates $MFT; no record is cut in two.
func (v *volume) mftRuns() (runList, error) {
	recordSize := int64(v.g.recordSize)
	fragments := v.options.MFTFragments
	if fragments <= 1 {
		return v.alloc.take(v.g.clustersFor(v.mftRecords * recordSize))
	}
	unit := max(1, recordSize/v.g.clusterSize)
	units := v.g.clustersFor(v.mftRecords*recordSize) / unit
	if units/int64(fragments)*unit*v.g.clusterSize < minMFTExtent*recordSize {
		return nil, fmt.Errorf("%w: %d extents of %d records", ErrOptions, fragments, v.mftRecords)
	}
	return v.alloc.scatter(units, unit, fragments)
}

const (
	usualMFTStart    = 0xc0000 // the cluster where Windows puts $MFT on large volumes
	spareRecords     = 32      // free, and room for what the bound does not know
	smallVolumeThird = 3       // on small volumes $MFT begins at a third
)

func (v *volume) sizeMFT() {
	needed := int64(v.next) + spareRecords
	for _, n := range v.users {
		needed += v.g.extensionBound(n)
	}
	step := max(wordBits, v.g.mirrorRecords()) // whole words of the bitmap, whole clusters
	v.mftFormatted = align(needed, step)
	v.mftRecords = v.mftFormatted + align(v.options.ExtraRecords, step)
}

// extensionBound is the most extension records the node can need.
func (g geometry) extensionBound(n *node) (bound int64) {
	bound += g.piecesBound(int64(n.indexFragments), directoryIndex)
	for _, s := range n.streams {
		bound += g.piecesBound(int64(s.fragments)+2*int64(len(s.holes)), s.name)
	}
	if len(n.streams) > 1 || n.shortName != "" || n.reparseTag != 0 {
		bound += int64(len(n.streams)) + 1
	}
	return bound
}

// piecesBound is the most extension records an attribute in so many pieces needs.
func (g geometry) piecesBound(pieces int64, name string) int64 {
	if pieces <= 1 {
		return 0
	}
	pair := 1 + 2*int64(signedWidth(g.clusters))
	room := int64(g.recordRoom() - compressedHeaderSize - 2*utf16Len(name) - 2*attrAlign)
	return pieces/(room/pair) + 2
}

func (v *volume) mftStart(size int64) int64 {
	if usualMFTStart+2*v.g.clustersFor(size) < v.g.clusters {
		return usualMFTStart
	}
	return v.g.clusters / smallVolumeThird
}

// writeMFT writes every formatted record, the mirror of the first, and the
// bitmap of those in use.
func (v *volume) writeMFT(dev Device) error {
	inUse := newBitset(v.mftRecords)
	var mirror []byte
	w := bufio.NewWriterSize(&sequentialWriter{newRunWriter(dev, v.g, v.mft.runs), 0}, copyBuffer)
	for n := range recordNumber(v.mftFormatted) {
		r := v.record(n)
		b, err := r.encode(v.g)
		if err != nil {
			return err
		}
		if r.flags&recordInUse != 0 {
			inUse.setRange(int64(n), 1)
		}
		if int64(n) < v.g.mirrorRecords() {
			copied, err := v.mirrored(r, b)
			if err != nil {
				return err
			}
			mirror = append(mirror, copied...)
		}
		if v.torn(n) {
			tear(b)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := newRunWriter(dev, v.g, v.mirror.runs).writeAt(mirror, 0); err != nil {
		return err
	}
	return newRunWriter(dev, v.g, v.mftBitmap).writeAt(inUse.bytes(), 0)
}

// record is what stands in $MFT at number n.
func (v *volume) record(n recordNumber) record {
	firstExtension := recordFirstUser + recordNumber(len(v.users))
	switch {
	case v.system[n] != nil:
		return v.nodeRecord(v.system[n])
	case n >= recordFirstUnused && n < recordFirstUnused+recordNumber(len(v.mftExtensions())):
		return v.mftExtensions()[n-recordFirstUnused]
	case n >= firstExtension && n < v.next:
		return v.extensions[n-firstExtension]
	case n >= recordFirstUser && n < firstExtension:
		return v.nodeRecord(v.users[n-recordFirstUser])
	}
	return record{number: n, sequence: sequenceOf(n)}
}

// mftExtensions are the records behind the first that list extents of $MFT.
func (v *volume) mftExtensions() []record {
	packed := v.system[recordMFT].packed
	return packed[min(1, len(packed)):]
}

// torn tells whether record n was not written to its end.
func (v *volume) torn(n recordNumber) bool {
	if s := v.system[n]; s != nil {
		return s.tornRecord
	}
	i := int(n - recordFirstUser)
	return i >= 0 && i < len(v.users) && v.users[i].tornRecord
}

func (v *volume) nodeRecord(n *node) record {
	if n.packed != nil {
		return n.packed[0]
	}
	r := record{number: n.number, sequence: sequenceOf(n.number), flags: n.flags, attrs: n.recordAttributes(v.g)}
	if n.flags&recordInUse == 0 {
		r.sequence++ // as NTFS does when it frees a record
	}
	return r
}
