package format

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

const wordBits = 64

// bitset is a bitmap as $Bitmap and $MFT:$BITMAP store it, in little-endian words.
type bitset []uint64

// newBitset has n clear bits; the rest of its last word is set, as Windows
// leaves the bits behind the end of the volume.
func newBitset(n int64) bitset {
	b := make(bitset, (n+wordBits-1)/wordBits)
	if tail := n % wordBits; tail != 0 {
		b[len(b)-1] = ^uint64(0) << tail
	}
	return b
}

func (b bitset) size() int64 { return int64(len(b)) * wordBits / 8 }

func (b bitset) bytes() []byte {
	p := make([]byte, 0, b.size())
	for _, w := range b {
		p = le.AppendUint64(p, w)
	}
	return p
}

// setRange sets n bits from start.
func (b bitset) setRange(start, n int64) {
	for n > 0 {
		shift := start % wordBits
		count := min(n, wordBits-shift)
		b[start/wordBits] |= (^uint64(0) >> (wordBits - count)) << shift
		start += count
		n -= count
	}
}

// next finds the first bit in [from, limit) whose word, xored with flip, has it
// set; limit if there is none.
func (b bitset) next(from, limit int64, flip uint64) int64 {
	for from < limit {
		w := (b[from/wordBits] ^ flip) >> (from % wordBits)
		if w != 0 {
			return min(from+int64(bits.TrailingZeros64(w)), limit)
		}
		from = (from/wordBits + 1) * wordBits
	}
	return limit
}

func (b bitset) nextSet(from, limit int64) int64   { return b.next(from, limit, 0) }
func (b bitset) nextClear(from, limit int64) int64 { return b.next(from, limit, ^uint64(0)) }

// allocator hands out clusters.
type allocator struct {
	used     bitset
	clusters int64
	cursor   int64 // where the last allocation ended
	rng      *rand.Rand
}

func newAllocator(clusters int64, seed uint64) *allocator {
	return &allocator{used: newBitset(clusters), clusters: clusters, rng: rand.New(rand.NewPCG(seed, fragmentStream))}
}

// fragmentStream separates the random numbers of the allocator from others made of one seed.
const fragmentStream = 0x66726167

// freeRun finds the first n free clusters in one piece at or after from. It
// looks no further than it must: most of a volume is free.
func (a *allocator) freeRun(from, n int64) (start int64, ok bool) {
	for {
		start = a.used.nextClear(from, a.clusters)
		if start+n > a.clusters {
			return 0, false
		}
		from = a.used.nextSet(start, start+n)
		if from == start+n {
			return start, true
		}
	}
}

func (a *allocator) mark(start, n int64) run {
	a.used.setRange(start, n)
	a.cursor = start + n
	return run{LCN(start), n}
}

// contiguous allocates n clusters in one piece, at or after from if it can.
func (a *allocator) contiguous(from, n int64) (run, error) {
	for _, begin := range []int64{from, 0} {
		if start, ok := a.freeRun(begin, n); ok {
			return a.mark(start, n), nil
		}
	}
	return run{}, fmt.Errorf("%w: no %d free clusters in one piece", ErrNoSpace, n)
}

// take allocates n clusters behind the last ones, in one piece if there is one.
func (a *allocator) take(n int64) (runList, error) {
	if n == 0 {
		return nil, nil
	}
	if r, err := a.contiguous(a.cursor, n); err == nil {
		return runList{r}, nil
	}
	return a.gather(n)
}

// gather allocates n clusters from whatever is free, lowest first.
func (a *allocator) gather(n int64) (runList, error) {
	var runs runList
	for from := int64(0); n > 0; {
		start, ok := a.freeRun(from, 1)
		if !ok {
			return nil, fmt.Errorf("%w: %d clusters missing", ErrNoSpace, n)
		}
		from = a.used.nextSet(start, min(start+n, a.clusters))
		runs = append(runs, a.mark(start, from-start))
		n -= from - start
	}
	return runs, nil
}

// maxGap is the largest number of clusters left free between two fragments.
const maxGap = 8

// scatter allocates n pieces of unit clusters as exactly fragments runs in
// shuffled order. Each has a free cluster on both sides when it is placed, so
// no two can join.
func (a *allocator) scatter(n, unit int64, fragments int) (runList, error) {
	runs := make(runList, 0, fragments)
	for i := range int64(fragments) {
		length := n / int64(fragments)
		if i < n%int64(fragments) {
			length++
		}
		r, err := a.fragment(length * unit)
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	a.rng.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	return runs, nil
}

func (a *allocator) fragment(length int64) (run, error) {
	gap := 1 + a.rng.Int64N(maxGap)
	for _, from := range []int64{a.cursor, 0} {
		if start, ok := a.freeRun(from, gap+length+1); ok {
			return a.mark(start+gap, length), nil
		}
	}
	return run{}, fmt.Errorf("%w: no room for a fragment of %d clusters", ErrNoSpace, length)
}
