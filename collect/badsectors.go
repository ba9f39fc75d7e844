package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"hangkit/collect/dumpfile"
)

// sectorSize is the least that a disk is asked for again. A disk with larger
// sectors refuses it, and has refused the page before.
const sectorSize = 512

// retrySizes are the reads that follow one that failed, each piece of it alone:
// one bad sector must not cost its neighbours.
var retrySizes = [...]int{64 << 10, dumpfile.PageSize, sectorSize}

// readAround fills b from off. What cannot be read becomes zeros and is listed.
// It is an error only when ctx is done or the source has gone.
func readAround(ctx context.Context, src io.ReaderAt, b []byte, off int64) ([]Range, error) {
	var bad badRanges
	err := bad.read(ctx, src, b, off, retrySizes[:])
	return bad.ranges, err
}

// badRanges are the places that could not be read, in order.
type badRanges struct {
	ranges []Range
	bytes  int64
}

func (r *badRanges) read(ctx context.Context, src io.ReaderAt, b []byte, off int64, smaller []int) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	n, err := src.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if isGone(err) {
		return fmt.Errorf("read at %#x: %w: %w", off, ErrSourceGone, err)
	}
	if len(smaller) == 0 {
		clear(b)
		r.add(Range{off, int64(len(b))})
		return nil
	}
	for at := 0; at < len(b); at += smaller[0] {
		piece := b[at:min(at+smaller[0], len(b))]
		if err := r.read(ctx, src, piece, off+int64(at), smaller[1:]); err != nil {
			return err
		}
	}
	return nil
}

// maxBadRanges bounds the list. On a disk that is worse, what lies between bad
// places counts as bad too.
const maxBadRanges = 100000

// add takes the next range in. Neighbours become one.
func (r *badRanges) add(next ...Range) {
	for _, n := range next {
		last := len(r.ranges) - 1
		if last < 0 || len(r.ranges) < maxBadRanges && end(r.ranges[last]) < n.Off {
			r.ranges = append(r.ranges, n)
			r.bytes += n.Len
			continue
		}
		r.bytes += end(n) - end(r.ranges[last])
		r.ranges[last].Len = end(n) - r.ranges[last].Off
	}
}

func end(r Range) int64 { return r.Off + r.Len }

// after lists what of the ranges lies behind an offset.
func (r *badRanges) after(off int64) []Range {
	var out []Range
	for i := len(r.ranges) - 1; i >= 0 && end(r.ranges[i]) > off; i-- {
		start := max(r.ranges[i].Off, off)
		out = append(out, Range{start, end(r.ranges[i]) - start})
	}
	slices.Reverse(out)
	return out
}

// errUnread is the answer for bytes that were zeros only because their place on
// the disk could not be read.
var errUnread = errors.New("this place could not be read when the dump was copied")

// gaps is a copy whose unreadable places are errors again, not zeros.
type gaps struct {
	r   io.ReaderAt
	bad []Range
}

func (g gaps) ReadAt(b []byte, off int64) (int, error) {
	i := sort.Search(len(g.bad), func(i int) bool { return off < end(g.bad[i]) })
	if i == len(g.bad) || g.bad[i].Off >= off+int64(len(b)) {
		return g.r.ReadAt(b, off)
	}
	n, err := g.r.ReadAt(b[:max(g.bad[i].Off-off, 0)], off)
	if err != nil {
		return n, err
	}
	return n, errUnread
}
