package qcow2

import (
	"fmt"

	"hangkit/image/container"
)

// An entry of the L1 and L2 tables.
const (
	entrySize      = 8
	entryOffset    = 0x00fffffffffffe00
	entryCopied    = 1 << 63 // the refcount is one: it may be written in place
	entryPacked    = 1 << 62
	entryZero      = 1 << 0 // version 3: the cluster is zeros
	packedSector   = 512
	packedBase     = 8 // the wider the cluster, the more bits say how long it is packed
	packedOffWidth = 62
)

// layout is where the clusters of a disk lie.
type layout struct {
	storage container.Storage
	tables  *container.Tables
	h       header
	cluster int64
	perL2   int64 // entries of an L2 table
	below   container.Source

	metadata  metadata         // of an image that is written
	snapshots []container.Span // their L1 tables, with the number of entries

	free    int64   // where the next new cluster is looked for; 0 before the first
	dropped []int64 // clusters that are let go once nothing points to them
}

// Open opens an image. Its backing file is asked for with backing.
func Open(s container.Storage, backing container.Opener) (*container.Disk, error) {
	h, err := readHeader(s)
	if err != nil {
		return nil, err
	}
	l := &layout{storage: s, tables: container.NewTables(s), h: h, cluster: h.cluster(), perL2: h.cluster() / entrySize}
	ref, err := h.backing(s)
	if err != nil {
		return nil, err
	}
	if len(ref.Names) > 0 {
		if l.below, err = backing.Open(ref); err != nil {
			return nil, fmt.Errorf("qcow2 backing file: %w", err)
		}
	}
	size, err := s.Size()
	if err != nil {
		return nil, err
	}
	return container.NewDisk(container.Config{Storage: s, Layout: l, Below: l.below, Size: h.size(), Loses: h.loses(), Refusal: h.writeRefusal(size)}), nil
}

// u64 reads an entry of a table.
func (l *layout) u64(off int64, table string) (uint64, error) {
	b := make([]byte, entrySize)
	if err := l.tables.ReadAt(b, off); err != nil {
		return 0, fmt.Errorf("qcow2 %s: %w", table, err)
	}
	return be.Uint64(b), nil
}

// pointed is the cluster that an entry points to, 0 for none.
func (l *layout) pointed(entry uint64, at int64, table string) (int64, error) {
	off := int64(entry & entryOffset)
	if off%l.cluster != 0 {
		return 0, &container.FormatError{Off: at, What: "qcow2 " + table + ": offset", Want: "a cluster's", Got: fmt.Sprintf("0x%x", off)}
	}
	return off, nil
}

// l1At is where the L1 table has the entry for a cluster of the disk.
func (l *layout) l1At(cluster int64) int64 { return l.h.l1() + entrySize*(cluster/l.perL2) }

// l2At is where the L2 entry of a cluster of the disk lies, 0 if there is no
// table for it, and whether that table is the disk's alone.
func (l *layout) l2At(cluster int64) (at int64, own bool, err error) {
	e, err := l.u64(l.l1At(cluster), "L1 table")
	if err != nil {
		return 0, false, err
	}
	table, err := l.pointed(e, l.l1At(cluster), "L1 table")
	if err != nil || table == 0 {
		return 0, false, err
	}
	own, err = l.alone(e, table)
	return table + entrySize*(cluster%l.perL2), own, err
}

// alone says whether what an entry points to is the disk's alone. Before it is
// written the refcount must say so too: a snapshot may have it nevertheless.
func (l *layout) alone(entry uint64, off int64) (bool, error) {
	if entry&entryCopied == 0 || l.metadata == nil {
		return entry&entryCopied != 0, nil
	}
	n, err := l.refcount(off)
	return n == 1, err
}

// entry is the L2 entry of a cluster of the disk, 0 if it has none.
func (l *layout) entry(cluster int64) (e uint64, at int64, own bool, err error) {
	at, own, err = l.l2At(cluster)
	if err != nil || at == 0 {
		return 0, 0, false, err
	}
	e, err = l.u64(at, "L2 table")
	return e, at, own, err
}

// Extent implements [container.Layout].
func (l *layout) Extent(off, limit int64) (container.Extent, error) {
	cluster, at := off/l.cluster, off%l.cluster
	limit = min(limit, l.cluster-at)
	e, where, own, err := l.entry(cluster)
	if err != nil {
		return container.Extent{}, err
	}
	if where == 0 {
		return container.Extent{Kind: container.Below, Len: min(limit, l.tableEnd(cluster)-off)}, nil
	}
	if e&entryPacked != 0 {
		packed, n := l.packed(e)
		return container.Extent{Kind: container.Packed, Len: limit, Block: cluster, Start: at}, l.spare(packed, n, where)
	}
	data, err := l.pointed(e, where, "L2 table")
	if err == nil && data != 0 {
		err = l.spare(data, l.cluster, where)
	}
	switch {
	case err != nil:
		return container.Extent{}, err
	case l.zero(e):
		return container.Extent{Kind: container.Zero, Len: limit}, nil
	case data == 0:
		return container.Extent{Kind: container.Below, Len: limit}, nil
	}
	kind := container.Shared
	if alone, err := l.alone(e, data); err != nil {
		return container.Extent{}, err
	} else if own && alone {
		kind = container.Data
	}
	return l.insideFile(container.Extent{Kind: kind, Len: limit, Off: data + at}, data)
}

// tableEnd is the offset on the disk of the first cluster behind an L2 table.
func (l *layout) tableEnd(cluster int64) int64 {
	return (cluster/l.perL2 + 1) * l.perL2 * l.cluster
}

// zero says whether an entry's cluster reads as zeros, whatever is in it.
func (l *layout) zero(e uint64) bool { return e&entryZero != 0 && l.h.version() > 2 }

// insideFile cuts an extent of the cluster at data where the file ends: QEMU
// does not write the rest of the last cluster, it is zeros.
func (l *layout) insideFile(e container.Extent, data int64) (container.Extent, error) {
	size, err := l.storage.Size()
	if err != nil || e.Off+e.Len <= size {
		return e, err
	}
	switch {
	case data >= size:
		return e, &container.TruncatedError{Off: data, Len: l.cluster, Have: size}
	case e.Off >= size:
		return container.Extent{Kind: container.Zero, Len: e.Len}, nil
	}
	e.Len = size - e.Off
	return e, nil
}
