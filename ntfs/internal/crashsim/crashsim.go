// Package crashsim plays what a power cut during writing leaves on a device.
//
// The model is that of a disk with a write cache: a sector is written whole or
// not at all, writes between two flushes arrive in any order, and what was
// written before a flush has arrived behind it. So the states are, for each
// stretch between two flushes, everything before it together with any set of
// its sectors.
package crashsim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
)

// Device is what the writes go to.
type Device interface {
	io.ReaderAt
	Size() int64
}

// sectorWrite is one sector on its way to the device.
type sectorWrite struct {
	off  int64
	data []byte
}

// Recorder is a device that keeps writes in memory, over another one that stays
// as it is, and remembers them with the flushes between.
type Recorder struct {
	below  Device
	sector int64
	fail   func(call int) error

	mu     sync.Mutex
	calls  int
	now    map[int64][]byte
	epochs [][]sectorWrite // the last one is not flushed
}

// NewRecorder records writes over below, cut into sectors.
func NewRecorder(below Device, sector int64) *Recorder {
	return &Recorder{below: below, sector: sector, now: map[int64][]byte{}, epochs: make([][]sectorWrite, 1)}
}

// Fail makes calls fail: fail is asked with the number of each read, write and
// sync, from 0, before it is carried out.
func (r *Recorder) Fail(fail func(call int) error) { r.fail, r.calls = fail, 0 }

// Calls is how many reads, writes and syncs there were since Fail.
func (r *Recorder) Calls() int { return r.calls }

func (r *Recorder) call() error {
	r.calls++
	if r.fail == nil {
		return nil
	}
	return r.fail(r.calls - 1)
}

// Size is that of the device below.
func (r *Recorder) Size() int64 { return r.below.Size() }

// ReadAt reads what has been written so far.
func (r *Recorder) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call(); err != nil {
		return 0, err
	}
	return readOver(r.below, r.now, r.sector, p, off)
}

// WriteAt takes whole sectors.
func (r *Recorder) WriteAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call(); err != nil {
		return 0, err
	}
	if off%r.sector != 0 || int64(len(p))%r.sector != 0 || off < 0 || off+int64(len(p)) > r.Size() {
		return 0, fmt.Errorf("write of %d bytes at 0x%x: not whole sectors of the device", len(p), off)
	}
	for at := int64(0); at < int64(len(p)); at += r.sector {
		w := sectorWrite{off + at, bytes.Clone(p[at : at+r.sector])}
		r.now[w.off] = w.data
		last := len(r.epochs) - 1
		r.epochs[last] = append(r.epochs[last], w)
	}
	return len(p), nil
}

// Sync ends a stretch of writes.
func (r *Recorder) Sync() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.call(); err != nil {
		return err
	}
	if len(r.epochs[len(r.epochs)-1]) > 0 {
		r.epochs = append(r.epochs, nil)
	}
	return nil
}

// State is a device as a cut left it.
type State struct {
	below   Device
	sector  int64
	sectors map[int64][]byte
	// Epoch is the number of flushes before the cut, Words which sectors behind
	// the last of them arrived.
	Epoch int
	Words string
}

// Sectors are those that have arrived, by their offset.
func (s *State) Sectors() iter.Seq2[int64, []byte] { return maps.All(s.sectors) }

// Size is that of the device below.
func (s *State) Size() int64 { return s.below.Size() }

// ReadAt reads what has arrived.
func (s *State) ReadAt(p []byte, off int64) (int, error) {
	return readOver(s.below, s.sectors, s.sector, p, off)
}

// WriteAt changes this state alone, as a repair would.
func (s *State) WriteAt(p []byte, off int64) (int, error) {
	for done := int64(0); done < int64(len(p)); {
		at := (off + done) / s.sector * s.sector
		b := make([]byte, s.sector)
		if _, err := s.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
			return int(done), err
		}
		n := int64(copy(b[off+done-at:], p[done:]))
		s.sectors[at] = b
		done += n
	}
	return len(p), nil
}

// Sync has nothing to do.
func (s *State) Sync() error { return nil }

// Bounds limit how many states are played.
type Bounds struct {
	// Exhaustive is up to how many sectors of a stretch all sets are played;
	// of longer stretches, all prefixes, all single ones, all but one, and Random
	// ones more.
	Exhaustive int
	// Prefixes is how many prefixes and single sectors of a longer stretch are
	// played at most, evenly spread.
	Prefixes int
	Random   int
	Seed     uint64
}

// States plays all cuts of what was recorded, the one before everything and the
// one behind it among them.
func (r *Recorder) States(b Bounds) iter.Seq[*State] {
	return func(yield func(*State) bool) {
		flushed := map[int64][]byte{}
		rng := rand.New(rand.NewPCG(b.Seed, 0))
		for epoch, writes := range r.epochs {
			for _, set := range b.sets(len(writes), rng) {
				s := &State{below: r.below, sector: r.sector, sectors: maps.Clone(flushed), Epoch: epoch, Words: set.words}
				for _, i := range set.members {
					s.sectors[writes[i].off] = writes[i].data
				}
				if !yield(s) {
					return
				}
			}
			for _, w := range writes {
				flushed[w.off] = w.data
			}
		}
		if last := len(r.epochs) - 1; len(r.epochs[last]) > 0 { // else the stretch behind the last flush was this state
			yield(&State{below: r.below, sector: r.sector, sectors: flushed, Epoch: last, Words: "everything"})
		}
	}
}

// set is some of a stretch's sectors, in the order they were written.
type set struct {
	members []int
	words   string
}

// sets chooses which sets of n sectors are played. The full one is left to the
// stretch that follows, which begins with none of its own.
func (b Bounds) sets(n int, rng *rand.Rand) []set {
	if n <= b.Exhaustive {
		return allSets(n)
	}
	sets := []set{{nil, "nothing"}}
	step := max(1, n/max(1, b.Prefixes))
	for i := step; i < n; i += step {
		sets = append(sets, set{upTo(i), fmt.Sprintf("the first %d of %d", i, n)})
		sets = append(sets, set{[]int{i}, fmt.Sprintf("only number %d of %d", i, n)})
		sets = append(sets, set{slices.Delete(upTo(n), i, i+1), fmt.Sprintf("all but number %d of %d", i, n)})
	}
	for k := range b.Random {
		var members []int
		for i := range n {
			if rng.IntN(2) == 0 {
				members = append(members, i)
			}
		}
		sets = append(sets, set{members, fmt.Sprintf("random set %d of %d", k, n)})
	}
	return sets
}

func allSets(n int) []set {
	sets := make([]set, 0, 1<<n)
	for bits := range max(1, 1<<n-1) {
		var members []int
		for i := range n {
			if bits>>i&1 != 0 {
				members = append(members, i)
			}
		}
		sets = append(sets, set{members, fmt.Sprintf("numbers %v of %d", members, n)})
	}
	return sets
}

func upTo(n int) []int {
	members := make([]int, n)
	for i := range members {
		members[i] = i
	}
	return members
}

// readOver reads sectors over the device below.
func readOver(below Device, sectors map[int64][]byte, sector int64, p []byte, off int64) (int, error) {
	n, err := below.ReadAt(p, off)
	for at := off / sector * sector; at < off+int64(n); at += sector {
		b, ok := sectors[at]
		if !ok {
			continue
		}
		if at < off {
			copy(p[:n], b[off-at:])
			continue
		}
		copy(p[at-off:n], b)
	}
	return n, err
}
