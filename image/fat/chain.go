package fat

import (
	"errors"
	"fmt"
	"io"
)

// run is clusters that lie one behind the other, as bytes of the volume.
type run struct {
	off, len int64
}

// ends is the smallest entry that ends a chain; the one below it marks a bad cluster.
func (k Kind) ends() uint32 {
	switch k {
	case FAT12:
		return 0xFF8
	case FAT16:
		return 0xFFF8
	default:
		return 0x0FFFFFF8
	}
}

// table reads the file allocation table. It keeps the piece last read, since chains mostly run on.
type table struct {
	r     io.ReaderAt
	g     *geometry
	start int64
	piece []byte
}

// pieceSize is a multiple of every sector and, by 3, of FAT12's pairs of entries.
const pieceSize = 3 * 4096

// next is the table's entry of a cluster, which must be valid.
func (t *table) next(cluster uint32) (uint32, error) {
	switch t.g.kind {
	case FAT12:
		pair, err := t.bytes(int64(cluster)*3/2, 2)
		if err != nil {
			return 0, err
		}
		return uint32(le.Uint16(pair)) >> (cluster % 2 * 4) & 0xFFF, nil
	case FAT16:
		b, err := t.bytes(int64(cluster)*2, 2)
		if err != nil {
			return 0, err
		}
		return uint32(le.Uint16(b)), nil
	default:
		b, err := t.bytes(int64(cluster)*4, 4)
		if err != nil {
			return 0, err
		}
		return le.Uint32(b) & 0x0FFFFFFF, nil // the upper bits are reserved
	}
}

// bytes are n bytes of the table, of one entry.
func (t *table) bytes(off int64, n int) ([]byte, error) {
	start := off - off%pieceSize
	if t.piece == nil || start != t.start {
		piece := make([]byte, min(pieceSize, t.g.fatSize-start))
		if _, err := readFull(t.r, piece, t.g.fatStart+start); err != nil {
			return nil, fmt.Errorf("file allocation table: %w", err)
		}
		t.piece, t.start = piece, start
	}
	return t.piece[off-start:][:n], nil
}

// chain lists where the clusters from first on lie, until there are size bytes of them or, if size
// is negative, until the chain ends. A chain longer than the volume has clusters runs in a circle.
func (v *Volume) chain(first uint32, size int64) ([]run, error) {
	t := &table{r: v.dev, g: &v.g}
	var runs []run
	for have, cluster, steps := int64(0), first, uint32(0); size < 0 || have < size; steps++ {
		if cluster >= v.g.kind.ends() && size < 0 {
			break
		}
		if !v.g.valid(cluster) {
			return nil, damaged(v.g.fatStart, "chain of clusters", fmt.Sprintf("a cluster from 2 to %d", v.g.clusters+1), cluster)
		}
		if steps == v.g.clusters {
			return nil, damaged(v.g.fatStart, "chain of clusters", fmt.Sprintf("%d clusters at most", v.g.clusters), "a circle")
		}
		runs = appendRun(runs, run{v.g.offset(cluster), v.g.clusterSize})
		have += v.g.clusterSize
		next, err := t.next(cluster)
		if err != nil {
			return nil, err
		}
		cluster = next
	}
	return runs, nil
}

func appendRun(runs []run, r run) []run {
	if n := len(runs); n > 0 && runs[n-1].off+runs[n-1].len == r.off {
		runs[n-1].len += r.len
		return runs
	}
	return append(runs, r)
}

// stream is the bytes of some runs, read as one.
type stream struct {
	r    io.ReaderAt
	runs []run
	size int64
}

func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > s.size-off
	if short {
		p = p[:s.size-off]
	}
	n := 0
	for _, r := range s.runs {
		if off >= r.len {
			off -= r.len
			continue
		}
		want := int(min(r.len-off, int64(len(p)-n)))
		got, err := readFull(s.r, p[n:n+want], r.off+off)
		if n += got; err != nil {
			return n, err
		}
		if off = 0; n == len(p) {
			break
		}
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

// readFull fills p. What a device that was cut short lacks is an unexpected end.
func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("read %d bytes at 0x%x: %w", len(p), off, err)
}

// free counts the clusters that no chain has.
func (v *Volume) free() (int64, error) {
	t := &table{r: v.dev, g: &v.g}
	count := int64(0)
	for i := range v.g.clusters {
		next, err := t.next(firstCluster + i)
		if err != nil {
			return 0, err
		}
		if next == 0 {
			count++
		}
	}
	return count, nil
}
