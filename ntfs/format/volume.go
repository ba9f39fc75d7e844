package format

import (
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
	mftRecords                int64 // records $MFT has
	mftFormatted              int64 // records that are written, in use or not

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
		v.addNodes, v.markTorn, v.placeSystemFiles, v.placeMFT, v.placeContents, v.leak, v.placeIndexes, v.packRecords,
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
	le.PutUint64(key[:], seed)
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

// placeContents finds room for the streams of all entries.
func (v *volume) placeContents() error {
	for _, n := range v.users {
		room := v.g.recordRoom() - attributesSize(n.head(v.g)) - attributesSize(n.extra)
		if n.directory {
			room -= rootOverhead + endEntrySize + indexReserve
		}
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

// placeMetadata allocates clusters for data and remembers to write it.
func (v *volume) placeMetadata(data []byte, allocate func(n int64) (runList, error)) (runList, error) {
	runs, err := allocate(v.g.clustersFor(int64(len(data))))
	if err != nil {
		return nil, err
	}
	v.metadata = append(v.metadata, metadata{runs, data})
	return runs, nil
}
