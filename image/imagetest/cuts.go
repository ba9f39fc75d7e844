package imagetest

import (
	"fmt"
	"iter"

	"hangkit/image"
)

// Cut says where a sequence of recorded operations was cut off.
type Cut struct {
	Op    int   // index of the operation that was not finished; len(ops) at the end
	Bytes int   // bytes of that write that reached the disk
	Total int64 // bytes of all writes that reached it
}

// String says where, for the message of a failing test.
func (c Cut) String() string {
	return fmt.Sprintf("cut in operation %d after %d bytes (%d in all)", c.Op, c.Bytes, c.Total)
}

// Cuts replays recorded operations onto base and yields the disk after each
// step bytes of each write, step boundaries counted from the start of the
// disk: what a power cut leaves behind if writes reach the medium in order.
// The first state has nothing written, the last everything.
//
// Each yielded disk is an overlay of its own, which the loop body may write
// to; it must not be used after the body. base is not written.
func Cuts(base image.Disk, ops []image.Op, step int) iter.Seq2[Cut, *image.Overlay] {
	return func(yield func(Cut, *image.Overlay) bool) {
		state := image.NewOverlay(base)
		var cut Cut
		for i, op := range ops {
			cut.Op = i
			for cut.Bytes = 0; cut.Bytes < len(op.Data); {
				if !yield(cut, image.NewOverlay(state)) {
					return
				}
				at := op.Off + int64(cut.Bytes)
				n := min(step-int(at%int64(step)), len(op.Data)-cut.Bytes)
				mustWrite(state, op.Data[cut.Bytes:cut.Bytes+n], at)
				cut.Bytes += n
				cut.Total += int64(n)
			}
		}
		cut.Op, cut.Bytes = len(ops), 0
		yield(cut, image.NewOverlay(state))
	}
}

// Reorders replays recorded operations onto base and yields states that a
// disk with a write cache may leave behind: between two syncs writes reach
// the medium in any order, so at the cut a single one of them may be there
// already, or a single one missing. The int is the index of that write. The
// rules for the yielded disk are those of [Cuts].
func Reorders(base image.Disk, ops []image.Op) iter.Seq2[int, *image.Overlay] {
	return func(yield func(int, *image.Overlay) bool) {
		synced := image.NewOverlay(base)
		for start := 0; start < len(ops); {
			end := start
			for end < len(ops) && !ops[end].Sync {
				end++
			}
			for i := start; i < end; i++ {
				only := replay(synced, ops[i:i+1])
				rest := replay(replay(synced, ops[start:i]), ops[i+1:end])
				if !yield(i, only) || !yield(i, rest) {
					return
				}
			}
			for _, op := range ops[start:end] {
				mustWrite(synced, op.Data, op.Off)
			}
			start = end + 1
		}
	}
}

// replay lays the writes over d.
func replay(d image.Disk, ops []image.Op) *image.Overlay {
	o := image.NewOverlay(d)
	for _, op := range ops {
		mustWrite(o, op.Data, op.Off)
	}
	return o
}

// mustWrite repeats a write that a disk of the same size has taken before.
func mustWrite(o *image.Overlay, p []byte, off int64) {
	if _, err := o.WriteAt(p, off); err != nil {
		panic(err) //nolint:forbidigo // the base is not the recorded disk: a mistake in the test
	}
}
