package verify

import (
	"fmt"
	"math/bits"
)

// clusterSet has a bit per cluster, in chunks that appear when one of their
// clusters is taken: a huge volume that is mostly empty costs little.
type clusterSet struct{ chunks []*[chunkWords]uint64 }

const (
	wordBits      = 64
	chunkWords    = 1 << 12
	chunkClusters = chunkWords * wordBits
	chunkBytes    = chunkWords * 8
)

func newClusterSet(clusters int64) clusterSet {
	return clusterSet{make([]*[chunkWords]uint64, (clusters+chunkClusters-1)/chunkClusters)}
}

// add sets the bits of a range and calls overlap for each piece already set;
// where that returns false the rest is left out.
func (s clusterSet) add(first, n int64, overlap func(first, n int64) bool) {
	for n > 0 {
		chunk := &s.chunks[first/chunkClusters]
		if *chunk == nil {
			*chunk = new([chunkWords]uint64)
		}
		word := &(*chunk)[first%chunkClusters/wordBits]
		take := min(n, wordBits-first%wordBits)
		mask := ^uint64(0) >> (wordBits - take) << (first % wordBits)
		if both := *word & mask; both != 0 {
			start := first&^(wordBits-1) + int64(bits.TrailingZeros64(both))
			if !overlap(start, int64(bits.OnesCount64(both))) {
				return
			}
		}
		*word |= mask
		first, n = first+take, n-take
	}
}

// words are the bits of the chunk, nil if none is set.
func (s clusterSet) words(chunk int64) *[chunkWords]uint64 { return s.chunks[chunk] }

// inside says whether a run is a hole or on the volume.
func (c *checker) inside(r run) bool {
	return r.lcn == hole || r.lcn <= c.geometry.clusters && r.length <= c.geometry.clusters-r.lcn
}

// take gives the clusters of a run to their owner.
func (c *checker) take(a attribute, r run) error {
	if !c.inside(r) {
		return bad(OutsideRun, a.off, a.what("run"), fmt.Sprintf("inside the volume's %d clusters", c.geometry.clusters),
			fmt.Sprintf("%d clusters at %d", r.length, r.lcn))
	}
	if a.record == recordBadClus && a.kind() == typeData && r.lcn != r.vcn {
		c.add(a.record, BadClusters, a.off, "bad cluster", fmt.Sprintf("at VCN %d, its own number", r.lcn), r.vcn)
	}
	var first, shared int64
	c.owned.add(r.lcn, r.length, func(at, n int64) bool {
		if shared == 0 {
			first = at
		}
		shared += n
		// Runs that all claim the same clusters must not make this quadratic.
		c.overlaps += n
		return c.overlaps <= c.geometry.clusters
	})
	c.report.Owned += r.length - shared
	if shared > 0 {
		c.crossings = append(c.crossings, crossing{a.record, a.off, first, shared, noRecord})
		c.boundCrossings()
	}
	return nil
}

// checkBitmap compares $Bitmap with what the run lists own.
func (c *checker) checkBitmap() error {
	f, err := c.metafile(recordBitmap)
	if err != nil {
		return c.found(recordBitmap, err)
	}
	if f.resident != nil {
		c.add(recordBitmap, Residency, f.off, "$Bitmap: residency", "non-resident", "resident")
		return nil
	}
	if need := (c.geometry.clusters + 7) / 8; f.size < uint64(need) {
		c.add(recordBitmap, BitmapSize, f.off, "$Bitmap: size", fmt.Sprintf("at least %d", need), f.size)
		return nil
	}
	d := bitmapDiff{c: c, s: f}
	buf := make([]byte, chunkBytes)
	for chunk := range c.owned.chunks {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := d.chunk(int64(chunk), buf); err != nil {
			return c.found(recordBitmap, err)
		}
	}
	d.flush()
	return nil
}

// bitmapDiff gathers clusters that follow each other and differ in the same way.
type bitmapDiff struct {
	c        *checker
	s        *stream
	first, n int64
	leaked   bool

	shortTail bool // found and reported
}

func (d *bitmapDiff) chunk(chunk int64, buf []byte) error {
	start := chunk * chunkClusters
	b := buf[:min(chunkBytes, int64(d.s.size)-start/8)]
	if err := d.s.readAt(d.c, b, start/8); err != nil {
		return err
	}
	clear(buf[len(b):])
	owned := d.c.owned.words(chunk)
	for i := range chunkWords {
		var own uint64
		if owned != nil {
			own = owned[i]
		}
		at := start + int64(i)*wordBits
		if on := le.Uint64(buf[8*i:]); on != own || at+wordBits > d.c.geometry.clusters {
			d.word(at, own, on)
		}
	}
	return nil
}

// word compares the bits of 64 clusters.
func (d *bitmapDiff) word(start int64, own, on uint64) {
	if rest := max(d.c.geometry.clusters-start, 0); rest < wordBits {
		d.tail(start, rest, on)
		own, on = own&(1<<rest-1), on&(1<<rest-1)
	}
	for diff := own ^ on; diff != 0; diff &= diff - 1 {
		i := int64(bits.TrailingZeros64(diff))
		d.cluster(start+i, on>>i&1 != 0)
	}
}

// tail wants the bits behind the last cluster set, as far as the bitmap goes:
// nobody must allocate what is not there.
func (d *bitmapDiff) tail(start, first int64, on uint64) {
	want := ^uint64(0) << first
	if end := max(int64(d.s.size)*8-start, 0); end < wordBits {
		want &= 1<<end - 1
	}
	if on&want != want && !d.shortTail {
		d.shortTail = true
		d.c.add(recordBitmap, BitmapSize, d.s.off, "$Bitmap: bits behind the last cluster", hex(want), hex(on&want))
	}
}

func (d *bitmapDiff) cluster(n int64, leaked bool) {
	if d.n > 0 && d.first+d.n == n && d.leaked == leaked {
		d.n++
		return
	}
	d.flush()
	d.first, d.n, d.leaked = n, 1, leaked
}

func (d *bitmapDiff) flush() {
	if d.n == 0 {
		return
	}
	at, which := d.first*d.c.geometry.clusterSize, fmt.Sprintf("$Bitmap: %d clusters from %d", d.n, d.first)
	if d.leaked {
		d.c.add(noRecord, LeakedCluster, at, which, "free: nothing owns them", "in use")
		return
	}
	d.c.add(noRecord, UnmarkedCluster, at, which, "in use: a file owns them", "free")
}
