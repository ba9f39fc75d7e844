package qcow2

import (
	"fmt"

	"hangkit/image/container"
)

// An entry of the snapshot table, padded to 8 bytes.
const (
	snapshotL1Off    = 0  // u64
	snapshotL1Size   = 8  // u32, entries
	snapshotIDLen    = 12 // u16
	snapshotNameLen  = 14 // u16
	snapshotExtraLen = 36 // u32
	snapshotHead     = 40
)

// Limits: those of QEMU, and of what is kept in mind.
const (
	maxRefcountTable = 8 << 20
	maxSnapshots     = 65536
	maxExtraLen      = 1024
	maxTables        = 4 << 20 // clusters
)

// metadata is the clusters that hold the header and the tables: what lies
// there must not be written as data, nor be let go. It is nil while the
// image is only read.
type metadata map[int64]struct{}

// has says whether one of the n bytes at off lies in a table.
func (m metadata) has(off, n, cluster int64) bool {
	for c := container.RoundDown(off, cluster); m != nil && c < off+n; c += cluster {
		if _, is := m[c]; is {
			return true
		}
	}
	return false
}

// survey finds the metadata of an image that is about to be written, and
// refuses tables that lie over each other.
func (l *layout) survey() error {
	m := metadata{}
	for _, find := range []func(metadata) error{l.surveyHead, l.surveyRefcounts, l.surveySnapshots, l.surveyL2} {
		if err := find(m); err != nil {
			return err
		}
	}
	l.metadata = m
	return nil
}

// claim adds the clusters of a table, which must be nobody else's.
func (l *layout) claim(m metadata, off, n int64, table string) error {
	if m.has(off, n, l.cluster) {
		return &container.FormatError{Off: off, What: "qcow2 " + table, Want: "clusters of its own", Got: "those of another table"}
	}
	for c := container.RoundDown(off, l.cluster); c < off+n; c += l.cluster {
		m[c] = struct{}{}
	}
	if len(m) > maxTables {
		return &container.FormatError{Off: off, What: "qcow2 tables: clusters", Want: fmt.Sprintf("at most %d", maxTables), Got: len(m)}
	}
	return nil
}

func (l *layout) surveyHead(m metadata) error {
	if err := l.claim(m, 0, l.cluster, "header"); err != nil {
		return err
	}
	return l.claim(m, l.h.l1(), l.h.l1Size()*entrySize, "L1 table")
}

// surveyRefcounts finds the refcount table and its blocks.
func (l *layout) surveyRefcounts(m metadata) error {
	size := l.h.refcountClusters() * l.cluster
	if size > maxRefcountTable {
		return wrong(headerRefcountLen, "clusters of the refcount table", fmt.Sprintf("at most %d", maxRefcountTable/l.cluster), l.h.refcountClusters())
	}
	if err := l.claim(m, l.h.refcounts(), size, "refcount table"); err != nil {
		return err
	}
	return l.eachEntry(l.h.refcounts(), size/entrySize, "refcount table", func(block int64) error {
		return l.claim(m, block, l.cluster, "refcount block")
	})
}

// surveyL2 finds the L2 tables of the disk, each of which it has once, and of
// its snapshots, which share some. Only then it looks where the disk's clusters
// lie.
func (l *layout) surveyL2(m metadata) error {
	tables := metadata{}
	for i, l1 := range append([]container.Span{{Off: l.h.l1(), Len: l.h.l1Size()}}, l.snapshots...) {
		err := l.eachEntry(l1.Off, l1.Len, "L1 table", func(table int64) error {
			if _, known := tables[table]; known && i > 0 {
				return nil
			}
			tables[table] = struct{}{}
			return l.claim(m, table, l.cluster, "L2 table")
		})
		if err != nil {
			return err
		}
	}
	return l.surveyData(m)
}

// surveyData looks where the clusters of the disk lie: none may be behind the
// end of the file, where new ones go, nor over a table, nor be two clusters of
// the disk and its own.
func (l *layout) surveyData(m metadata) error {
	size, err := l.storage.Size()
	if err != nil {
		return err
	}
	own := clusterSet{}
	table := make([]byte, l.cluster)
	return l.eachEntry(l.h.l1(), l.h.l1Size(), "L1 table", func(at int64) error {
		if err := l.tables.ReadAt(table, at); err != nil {
			return fmt.Errorf("qcow2 L2 table: %w", err)
		}
		for i := int64(0); i < l.cluster; i += entrySize {
			e := be.Uint64(table[i:])
			off, n, err := l.held(e, at+i)
			switch {
			case err != nil:
				return err
			case off == 0:
				continue
			case off >= size:
				return &container.TruncatedError{Off: off, Len: n, Have: size}
			case m.has(off, n, l.cluster), e&(entryCopied|entryPacked) == entryCopied && !own.add(off/l.cluster):
				return &container.FormatError{Off: at + i, What: "qcow2 L2 table: cluster", Want: "a place of its own", Got: fmt.Sprintf("0x%x", off)}
			}
		}
		return nil
	})
}

// held is what an L2 entry at a place holds of the file, nothing if 0.
func (l *layout) held(e uint64, at int64) (off, n int64, err error) {
	if e&entryPacked != 0 {
		off, n = l.packed(e)
		return off, n, nil
	}
	off, err = l.pointed(e, at, "L2 table")
	return off, l.cluster, err
}

// clusterSet is a set of numbers, of which many lie together.
type clusterSet map[int64]uint64

// add says whether the number is new.
func (s clusterSet) add(n int64) bool {
	const word = 64
	before := s[n/word]
	s[n/word] = before | 1<<(n%word)
	return s[n/word] != before
}

// eachEntry calls do for the clusters that n entries of a table point to.
func (l *layout) eachEntry(off, n int64, table string, do func(int64) error) error {
	for at := off; at < off+n*entrySize; at += entrySize {
		e, err := l.u64(at, table)
		if err != nil {
			return err
		}
		to, err := l.pointed(e, at, table)
		if err != nil {
			return err
		}
		if to == 0 {
			continue
		}
		if err := do(to); err != nil {
			return err
		}
	}
	return nil
}

// surveySnapshots finds the snapshot table and the L1 tables that it names.
func (l *layout) surveySnapshots(m metadata) error {
	count, start := l.h.u32(headerSnapshots), int64(l.h.u64(headerSnapshotOff))
	if count == 0 {
		return nil
	}
	if count > maxSnapshots || start <= 0 || start > maxOffset || start%l.cluster != 0 {
		return wrong(headerSnapshotOff, "snapshot table", "a cluster's", fmt.Sprintf("%d snapshots at 0x%x", count, start))
	}
	end := start
	for range count {
		n, err := l.surveySnapshot(m, end)
		if err != nil {
			return err
		}
		end += n
	}
	return l.claim(m, start, end-start, "snapshot table")
}

// surveySnapshot claims the L1 table of one snapshot and gives the length of
// its entry.
func (l *layout) surveySnapshot(m metadata, at int64) (int64, error) {
	s := make(header, snapshotHead)
	if err := l.tables.ReadAt(s, at); err != nil {
		return 0, fmt.Errorf("qcow2 snapshot table: %w", err)
	}
	off, size, extra := int64(s.u64(snapshotL1Off)), s.u32(snapshotL1Size)*entrySize, s.u32(snapshotExtraLen)
	if off < 0 || off > maxOffset || size > maxL1Bytes || extra > maxExtraLen {
		return 0, &container.FormatError{Off: at, What: "qcow2 snapshot: L1 table", Got: fmt.Sprintf("%d bytes at 0x%x", size, off)}
	}
	names := int64(be.Uint16(s[snapshotIDLen:])) + int64(be.Uint16(s[snapshotNameLen:]))
	l.snapshots = append(l.snapshots, container.Span{Off: off, Len: size / entrySize})
	return container.RoundUp(snapshotHead+extra+names, entrySize), l.claim(m, off, size, "L1 table of a snapshot")
}

// spare says that the n bytes to which the entry at at points hold no
// metadata, as far as that was looked for.
func (l *layout) spare(off, n, at int64) error {
	if l.metadata.has(off, n, l.cluster) {
		return &container.FormatError{Off: at, What: "qcow2 L2 table: cluster", Want: "outside the tables", Got: fmt.Sprintf("0x%x", off)}
	}
	return nil
}

// keep notes a new table.
func (l *layout) keep(off int64) { l.metadata[off] = struct{}{} }
