package qcow2

import (
	"fmt"
	"math"

	"hangkit/image/container"
)

// refcountSize is the width of a counter of order 4.
const refcountSize = 2

// perBlock is how many clusters a refcount block counts.
func (l *layout) perBlock() int64 { return l.cluster / refcountSize }

// refcountAt is where the counter of the cluster at off lies; 0 if the table
// has no block for it.
func (l *layout) refcountAt(off int64) (int64, error) {
	if off >= l.h.counted() {
		return 0, nil
	}
	index := off / l.cluster
	at := l.h.refcounts() + entrySize*(index/l.perBlock())
	e, err := l.u64(at, "refcount table")
	if err != nil {
		return 0, err
	}
	block, err := l.pointed(e, at, "refcount table")
	if err != nil || block == 0 {
		return 0, err
	}
	return block + refcountSize*(index%l.perBlock()), nil
}

// fullRefcounts: there is no larger table.
func fullRefcounts() error {
	return &container.RefusedError{What: "writes to qcow2 images whose refcount table is full", Remedy: "make it anew: qemu-img convert -O qcow2 %s new.qcow2"}
}

// refcount is how often the cluster at off is used.
func (l *layout) refcount(off int64) (uint16, error) {
	at, err := l.refcountAt(off)
	if err != nil || at == 0 {
		return 0, err
	}
	b := make([]byte, refcountSize)
	if err := l.tables.ReadAt(b, at); err != nil {
		return 0, fmt.Errorf("qcow2 refcounts: %w", err)
	}
	return be.Uint16(b), nil
}

// setRefcount writes the counter of the cluster at off, which has one.
func (l *layout) setRefcount(off int64, n uint16) error {
	at, err := l.refcountAt(off)
	if err != nil {
		return err
	}
	if at == 0 {
		return &container.FormatError{Off: off, What: "qcow2 refcounts: cluster in use", Want: "a counter", Got: "none"}
	}
	return l.tables.Put(be.AppendUint16(nil, n), at)
}

// allocate finds a cluster that nobody uses, behind the end of the file, and
// counts it as used.
func (l *layout) allocate() (int64, error) {
	if err := l.start(); err != nil {
		return 0, err
	}
	for range maxUsed {
		if l.free >= l.h.counted() {
			if err := l.grow(); err != nil {
				return 0, err
			}
		}
		if err := l.ensureBlock(l.free); err != nil {
			return 0, err
		}
		n, err := l.refcount(l.free)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			off := l.free
			l.free += l.cluster
			return off, l.setRefcount(off, 1)
		}
		l.free += l.cluster
	}
	return 0, &container.FormatError{Off: l.free, What: "qcow2 refcounts: clusters behind the end of the file", Want: "free ones", Got: "used ones"}
}

// maxUsed bounds how many clusters behind the end of the file may count as
// used: QEMU leaves none.
const maxUsed = 1 << 20

// start looks for the end of the file, once.
func (l *layout) start() error {
	if l.free > 0 {
		return nil
	}
	size, err := l.storage.Size()
	l.free = container.RoundUp(size, l.cluster)
	return err
}

// ensureBlock makes a refcount block for the cluster at off if there is
// none. The new block takes the cluster itself and counts it; it is durable
// before the table points to it.
func (l *layout) ensureBlock(off int64) error {
	at, err := l.refcountAt(off)
	if err != nil || at != 0 {
		return err
	}
	block := make([]byte, l.cluster)
	index := off / l.cluster
	be.PutUint16(block[refcountSize*(index%l.perBlock()):], 1)
	if err := l.tables.Put(block, off); err != nil {
		return err
	}
	l.keep(off)
	if err := l.storage.Sync(); err != nil {
		return err
	}
	return l.tables.Put(be.AppendUint64(nil, uint64(off)), l.h.refcounts()+entrySize*(index/l.perBlock()))
}

// grow makes the refcount table half as long again, or longer: a cut in it leaves
// a file that is longer than what is counted. All clusters from the end of the
// file on are counted by nobody, so where the next block of counters begins there
// go blocks that count themselves and the new table, and the new table. They are
// durable before the header names them, in one sector; the old table is let go
// last.
func (l *layout) grow() error {
	old := l.h.refcountClusters()
	start := container.RoundUp(l.free, l.perBlock()*l.cluster)
	before := start / l.cluster / l.perBlock() // blocks
	clusters := max(old+old/2, before*entrySize/l.cluster+1) + 1
	clusters = min(clusters, maxRefcountTable/l.cluster)
	blocks := int64(1)
	for blocks*l.perBlock() < blocks+clusters {
		blocks++
	}
	if clusters <= old || clusters*l.cluster < (before+blocks)*entrySize {
		return fullRefcounts()
	}
	if err := l.writeCounted(start, blocks, clusters); err != nil {
		return err
	}
	if err := l.storage.Sync(); err != nil {
		return err
	}
	for c := range old {
		l.drop(l.h.refcounts() + c*l.cluster)
	}
	be.PutUint64(l.h[headerRefcountOff:], uint64(start+blocks*l.cluster))
	be.PutUint32(l.h[headerRefcountLen:], uint32(clusters))
	if err := l.tables.Put(l.h[headerRefcountOff:headerSnapshots], headerRefcountOff); err != nil {
		return err
	}
	l.free = start + (blocks+clusters)*l.cluster
	return l.storage.Sync()
}

// writeCounted puts refcount blocks for themselves and the table behind them at
// start, and there the table: the one that counts, and the new blocks.
func (l *layout) writeCounted(start, blocks, clusters int64) error {
	counts := make([]byte, blocks*l.cluster)
	for c := range blocks + clusters {
		be.PutUint16(counts[refcountSize*c:], 1)
		l.keep(start + c*l.cluster)
	}
	table := make([]byte, clusters*l.cluster)
	if err := l.tables.ReadAt(table[:l.h.refcountClusters()*l.cluster], l.h.refcounts()); err != nil {
		return fmt.Errorf("qcow2 refcount table: %w", err)
	}
	for b := range blocks {
		be.PutUint64(table[entrySize*(start/l.cluster/l.perBlock()+b):], uint64(start+b*l.cluster))
	}
	if err := l.tables.Put(counts, start); err != nil {
		return err
	}
	return l.tables.Put(table, start+blocks*l.cluster)
}

// drop lets go of a cluster once the entry that pointed to it is replaced
// for good.
func (l *layout) drop(off int64) { l.dropped = append(l.dropped, off) }

// release lowers the counters of what was dropped.
func (l *layout) release() error {
	for _, off := range l.dropped {
		n, err := l.refcount(off)
		if err != nil {
			return err
		}
		if n == 0 || n == math.MaxUint16 {
			continue // wrong already, or so often used that nobody counts
		}
		if err := l.setRefcount(off, n-1); err != nil {
			return err
		}
	}
	l.dropped = nil
	return nil
}
