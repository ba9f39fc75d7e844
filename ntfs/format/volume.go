package format

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// volume is the plan of a volume: everything that will be written, and where.
type volume struct {
	g       geometry
	options Options
	times   fileTimes // of system files
	alloc   *allocator

	root       *node
	system     map[recordNumber]*node
	users      []*node  // of entries, from recordFirstUser on, deleted ones too
	extensions []record // behind the users' records
	next       recordNumber

	boot, mirror, bitmap, mft *stream
	mftBitmap                 runList
	mftRecords                int64 // records in $MFT's data size
	mftFormatted              int64 // records in its initialized size

	metadata []metadata
}

// metadata is an index or an attribute list to be written.
type metadata struct {
	runs runList
	data []byte
}

// defaultTime makes volumes reproducible when no time is given.
var defaultTime = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// maxLabelLength is the longest volume label, in UTF-16 units.
const maxLabelLength = 32

// plan lays out the volume without writing anything.
func plan(deviceSize int64, o Options) (*volume, error) {
	g, err := newGeometry(o, deviceSize)
	if err != nil {
		return nil, err
	}
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	v := &volume{g: g, options: o, system: map[recordNumber]*node{}, alloc: newAllocator(g.clusters, o.Seed)}
	t := filetime(o.Time)
	v.times = fileTimes{t, t, t, t}
	for _, step := range []func() error{
		v.addNodes, v.placeSystemFiles, v.placeMFT, v.placeContents, v.placeIndexes, v.packRecords,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (o *Options) setDefaults() error {
	if o.Time.IsZero() {
		o.Time = defaultTime
	}
	if o.Serial == 0 {
		o.Serial = serialFrom(o.Seed)
	}
	switch {
	case utf16Len(o.Label) > maxLabelLength:
		return fmt.Errorf("%w: label is longer than %d UTF-16 units", ErrOptions, maxLabelLength)
	case o.ExtraRecords < 0 || o.ExtraRecords > 1<<32:
		return fmt.Errorf("%w: %d extra records", ErrOptions, o.ExtraRecords)
	case o.MFTFragments < 0:
		return fmt.Errorf("%w: $MFT in %d extents", ErrOptions, o.MFTFragments)
	case o.LogSize < 0 || o.LogSize > 4<<30:
		return fmt.Errorf("%w: log of %d bytes", ErrOptions, o.LogSize)
	}
	return nil
}

func serialFrom(seed uint64) uint64 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key).Uint64() | 1
}

func (v *volume) addNodes() error {
	v.addSystemFiles()
	b := &treeBuilder{defaultTime: v.options.Time, next: recordFirstUser}
	if err := b.add(v.root, v.options.Root); err != nil {
		return err
	}
	v.users, v.next = b.nodes, b.next
	return v.addReparseIndex()
}

// placeMFT reserves clusters for all records the volume can need: a bound for
// the extension records of scattered files is known before they are placed.
func (v *volume) placeMFT() error {
	v.sizeMFT()
	dataStart := v.alloc.cursor
	bitmapSize := newBitset(v.mftRecords).size()
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
	v.mft = &stream{size: size, initialized: v.mftFormatted * int64(v.g.recordSize), runs: runs}
	n := v.system[recordMFT]
	n.streams = []*stream{v.mft}
	n.extra = []attribute{v.g.newNonResident(typeBitmap, "", v.mftBitmap, bitmapSize)}
	if attributesSize(n.recordAttributes(v.g)) > v.g.recordRoom() {
		return fmt.Errorf("%w: $MFT in %d extents does not fit its own record", ErrOptions, len(runs))
	}
	return nil
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
	recordsGrowBy    = 64      // $MFT has a multiple of so many
	smallVolumeThird = 3       // on small volumes $MFT begins at a third
)

func (v *volume) sizeMFT() {
	needed := int64(v.next) + spareRecords
	for _, n := range v.users {
		needed += v.g.extensionBound(n)
	}
	step := max(recordsGrowBy, v.g.mirrorRecords()) // whole clusters, whole words of the bitmap
	v.mftFormatted = align(needed, step)
	v.mftRecords = v.mftFormatted + align(v.options.ExtraRecords, step)
}

// extensionBound is the most extension records the node can need.
func (g geometry) extensionBound(n *node) (bound int64) {
	for _, s := range n.streams {
		if pieces := int64(s.fragments) + 2*int64(len(s.holes)); pieces > 1 {
			pair := 1 + 2*int64(signedWidth(g.clusters))
			room := int64(g.recordRoom() - compressedHeaderSize - 2*utf16Len(s.name) - 2*attrAlign)
			bound += pieces/(room/pair) + 2
		}
	}
	if len(n.streams) > 1 || n.shortName != "" || n.reparseTag != 0 {
		bound += int64(len(n.streams)) + 1
	}
	return bound
}

func (v *volume) mftStart(size int64) int64 {
	if usualMFTStart+2*v.g.clustersFor(size) < v.g.clusters {
		return usualMFTStart
	}
	return v.g.clusters / smallVolumeThird
}

// placeContents finds room for the streams of all entries.
func (v *volume) placeContents() error {
	for _, n := range v.users {
		room := v.g.recordRoom() - attributesSize(n.head(v.g))
		for i, s := range n.streams {
			later := len(n.streams) - 1 - i
			if err := s.place(v.g, v.alloc, room-later*streamReserve); err != nil {
				return fmt.Errorf("place %q: %w", n.path(), err)
			}
			a := s.attribute(v.g)
			room -= a.size()
		}
	}
	return nil
}

// streamReserve is the room in a record kept for each stream still to come.
const streamReserve = nonResidentHeaderSize + 2*attrAlign

// placeIndexes builds the index of every directory.
func (v *volume) placeIndexes() error {
	directories := []*node{v.root, v.system[recordExtendDir]}
	for _, n := range v.users {
		if n.directory {
			directories = append(directories, n)
		}
	}
	for _, n := range directories {
		if err := v.placeIndex(n); err != nil {
			return fmt.Errorf("index of %q: %w", n.path(), err)
		}
	}
	return nil
}

const (
	// indexReserve is the room in a record for the attributes beside the root
	// of a large index: $INDEX_ALLOCATION, and $BITMAP at its largest.
	indexReserve      = nonResidentHeaderSize + 24 + residentHeaderSize + 8 + maxResidentBitmap
	maxResidentBitmap = 64
	rootOverhead      = residentHeaderSize + 8 + rootEntries // $INDEX_ROOT but for its entries
)

// placeIndex builds a directory's index: in the record alone if it fits, else
// as a tree. The root directory always has a tree, as Windows makes it.
func (v *volume) placeIndex(n *node) error {
	entries := n.indexEntries(v.g)
	room := v.g.recordRoom() - attributesSize(n.recordAttributes(v.g)) - rootOverhead
	if n != v.root && len(n.deleted) == 0 && entriesSize(entries)+endEntrySize <= room {
		n.extra = append(n.extra, v.directoryRoot(append(entries, endEntry(noChild))))
		return nil
	}
	t := newBTree(entries, room-indexReserve, n == v.root, v.g.vcnsPerIndexBlock())
	t.addStale(sortedEntries(n.deleted, v.g))
	return v.placeBTree(n, t)
}

func (v *volume) directoryRoot(entries []indexEntry) attribute {
	return v.g.indexRoot(directoryIndex, typeFileName, collationFileName, entries)
}

func (v *volume) placeBTree(n *node, t *bTree) error {
	blocks, err := v.placeMetadata(t.bytes(), v.alloc.take)
	if err != nil {
		return err
	}
	size := int64(len(t.blocks)) * indexBlockSize
	n.extra = append(n.extra,
		v.directoryRoot(t.root),
		v.g.newNonResident(typeIndexAllocation, directoryIndex, blocks, size))
	bitmap := t.bitmap()
	if len(bitmap) <= maxResidentBitmap {
		n.extra = append(n.extra, attribute{typ: typeBitmap, name: directoryIndex, value: bitmap})
		return nil
	}
	runs, err := v.placeMetadata(bitmap, v.alloc.take)
	n.extra = append(n.extra, v.g.newNonResident(typeBitmap, directoryIndex, runs, int64(len(bitmap))))
	return err
}

// placeMetadata allocates clusters for data and remembers to write it.
func (v *volume) placeMetadata(data []byte, allocate func(n int64) (runList, error)) (runList, error) {
	runs, err := allocate(v.g.clustersFor(int64(len(data))))
	if err != nil {
		return nil, err
	}
	v.metadata = append(v.metadata, metadata{runs, data})
	return runs, nil
}

// packRecords spreads files too large for one record over several.
func (v *volume) packRecords() error {
	for _, n := range v.users {
		if attributesSize(n.recordAttributes(v.g)) <= v.g.recordRoom() {
			continue
		}
		n.packed = v.g.pack(n, &v.next)
		if err := v.addAttributeList(n.packed); err != nil {
			return fmt.Errorf("records of %q: %w", n.path(), err)
		}
		v.extensions = append(v.extensions, n.packed[1:]...)
	}
	if int64(v.next) > v.mftFormatted {
		return fmt.Errorf("%w: contents are in so many pieces that %d records do not suffice", ErrNoSpace, v.mftFormatted)
	}
	return nil
}

// addAttributeList puts the list of all records' attributes into the first.
func (v *volume) addAttributeList(records []record) error {
	base := &records[0]
	const place = 1 // behind $STANDARD_INFORMATION, where its type code puts it
	base.attrs = append(base.attrs[:place:place], append([]attribute{{typ: typeAttributeList}}, base.attrs[place:]...)...)
	list, err := attributeList(records)
	if err != nil {
		return err
	}
	resident := attribute{typ: typeAttributeList, value: list}
	if attributesSize(base.attrs)-base.attrs[place].size()+resident.size() <= v.g.recordRoom() {
		base.attrs[place] = resident
		return nil
	}
	runs, err := v.placeMetadata(list, func(n int64) (runList, error) {
		r, err := v.alloc.contiguous(v.alloc.cursor, n)
		return runList{r}, err
	})
	base.attrs[place] = v.g.newNonResident(typeAttributeList, "", runs, int64(len(list)))
	return err
}
