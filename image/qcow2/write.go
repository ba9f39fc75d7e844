package qcow2

import (
	"fmt"

	"hangkit/image/container"
)

// Begin implements [container.Writer]. From here on nothing is taken for data
// that lies where a table does. Features that a program which does
// not know them makes wrong by writing are switched off: dirty bitmaps among
// them.
func (l *layout) Begin() error {
	if err := l.survey(); err != nil {
		return err
	}
	if l.h.version() < 3 || l.h.u64(headerAutoclear) == 0 {
		return nil
	}
	clear(l.h[headerAutoclear:headerOrder])
	if err := l.tables.Put(l.h[headerAutoclear:headerOrder], headerAutoclear); err != nil {
		return err
	}
	return l.storage.Sync()
}

// Allocate implements [container.Writer]: it puts the cluster, with p in it,
// at a new place.
func (l *layout) Allocate(p []byte, off int64) (int, error) {
	cluster, at := off/l.cluster, off%l.cluster
	p = p[:min(int64(len(p)), l.cluster-at)]
	data, err := l.compose(p, cluster, at)
	if err != nil {
		return 0, err
	}
	entryAt, err := l.ownTable(cluster)
	if err != nil {
		return 0, err
	}
	old, err := l.u64(entryAt, "L2 table")
	if err != nil {
		return 0, err
	}
	place, err := l.allocate()
	if err != nil {
		return 0, err
	}
	if _, err := l.storage.WriteAt(data, place); err != nil {
		return 0, fmt.Errorf("cluster at 0x%x: %w", place, err)
	}
	l.tables.Defer(be.AppendUint64(nil, uint64(place)|entryCopied), entryAt)
	l.dropOld(old)
	if l.tables.Full() {
		err = l.Flush()
	}
	return len(p), err
}

// dropOld lets go of what an entry pointed to.
func (l *layout) dropOld(old uint64) {
	if old&entryPacked == 0 {
		if off := int64(old & entryOffset); off != 0 {
			l.drop(off)
		}
		return
	}
	off, n := l.packed(old)
	for c := container.RoundDown(off, l.cluster); c < off+n; c += l.cluster {
		l.drop(c) // compressed clusters share clusters, each counts itself in all it touches
	}
}

// compose is the whole cluster as it will be: p at the place at, the rest as
// it is now.
func (l *layout) compose(p []byte, cluster, at int64) ([]byte, error) {
	data := make([]byte, l.cluster)
	if int64(len(p)) < l.cluster {
		if err := l.current(data, cluster); err != nil {
			return nil, err
		}
	}
	copy(data[at:], p)
	return data, nil
}

// current fills data with the cluster as it is.
func (l *layout) current(data []byte, cluster int64) error {
	for off := int64(0); off < l.cluster; {
		e, err := l.Extent(cluster*l.cluster+off, l.cluster-off)
		if err != nil {
			return err
		}
		piece := data[off : off+e.Len]
		switch e.Kind {
		case container.Data, container.Shared:
			err = container.ReadFull(l.storage, piece, e.Off)
		case container.Below:
			err = container.ReadBelow(l.below, piece, cluster*l.cluster+off)
		case container.Packed:
			var whole []byte
			whole, err = l.Unpack(cluster)
			copy(piece, whole)
		case container.Zero:
		}
		if err != nil {
			return err
		}
		off += e.Len
	}
	return nil
}

// ownTable gives the place of a cluster's L2 entry in a table that is the
// disk's alone: a new one where there was none, a copy where a snapshot has
// it too.
func (l *layout) ownTable(cluster int64) (int64, error) {
	at, own, err := l.l2At(cluster)
	if err != nil || own && at != 0 {
		return at, err
	}
	table := make([]byte, l.cluster)
	old := int64(0)
	if at != 0 {
		old = container.RoundDown(at, l.cluster)
		if err := l.copyTable(table, old); err != nil {
			return 0, err
		}
	}
	place, err := l.allocate()
	if err != nil {
		return 0, err
	}
	if err := l.tables.Put(table, place); err != nil {
		return 0, err
	}
	l.keep(place)
	l.tables.Defer(be.AppendUint64(nil, uint64(place)|entryCopied), l.l1At(cluster))
	if old != 0 {
		l.drop(old)
	}
	return place + entrySize*(cluster%l.perL2), nil
}

// copyTable copies the shared L2 table at off. Its clusters are counted for
// the snapshot and for the disk already; none of them is the disk's alone.
func (l *layout) copyTable(table []byte, off int64) error {
	if err := l.tables.ReadAt(table, off); err != nil {
		return fmt.Errorf("qcow2 L2 table: %w", err)
	}
	for i := 0; i < len(table); i += entrySize {
		be.PutUint64(table[i:], be.Uint64(table[i:])&^entryCopied)
	}
	return nil
}

// Flush implements [container.Writer]. What was dropped is let go last: a
// cluster that something points to must never count as free.
func (l *layout) Flush() error {
	if err := l.tables.Flush(); err != nil {
		return err
	}
	if len(l.dropped) == 0 {
		return nil
	}
	if err := l.release(); err != nil {
		return err
	}
	return l.storage.Sync()
}
