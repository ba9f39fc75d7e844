package collect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sort"

	"hangkit/collect/dumpfile"
	"hangkit/collect/seekable"
)

// What is kept of a copy is compared with the disk before more is put behind it: a page
// at so many places, and the end of it.
const (
	keptSpots = 256
	keptEnd   = 512 << 10
)

// differs tells whether what the checkpoints have is not what src holds now.
func (a *attempt) differs(ctx context.Context, points []checkpoint, src io.ReaderAt) (bool, error) {
	last := points[len(points)-1]
	r, err := a.out.openRead(a.out.temp(), last.Size)
	if err != nil {
		return false, fmt.Errorf("unfinished output: %w", err)
	}
	defer r.Close()
	var bad badRanges
	var frames []seekable.Frame
	for _, p := range points {
		bad.add(p.Bad...)
		frames = append(frames, p.Frames...)
	}
	if !a.id.Compress {
		return spotsDiffer(ctx, src, r, last.At, bad.ranges)
	}
	unpacked, err := seekable.NewFramesReader(r, frames)
	if err != nil {
		return true, nil // whatever it is, it is not this dump
	}
	defer unpacked.Close()
	return spotsDiffer(ctx, src, unpacked, last.At, bad.ranges)
}

// doneDiffers is the same for a finished copy. Of one that only its recipients can read
// no more is known than the journal says.
func (a *attempt) doneDiffers(ctx context.Context, done *finished, r, src io.ReaderAt) (bool, error) {
	if a.id.EncryptTo != "" {
		return false, nil
	}
	if !a.id.Compress {
		return spotsDiffer(ctx, src, r, done.Size, done.BadRanges)
	}
	unpacked, err := seekable.NewReader(r, done.FileSize)
	if err != nil {
		return true, nil // whatever it is, it is not this dump
	}
	defer unpacked.Close()
	return spotsDiffer(ctx, src, unpacked, done.Size, done.BadRanges)
}

// spotsDiffer compares the first size bytes of a dump with their copy, spread over all
// of them and at the end. A place that cannot be read from the disk, now or when it was
// copied, tells nothing.
func spotsDiffer(ctx context.Context, src, kept io.ReaderAt, size int64, bad []Range) (bool, error) {
	for i := range int64(keptSpots) {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		off := size / keptSpots * i &^ (dumpfile.PageSize - 1)
		if spotDiffers(src, kept, Range{off, min(dumpfile.PageSize, size-off)}, bad) {
			return true, nil
		}
	}
	tail := min(size, keptEnd)
	for off := size - tail; off < size; off += dumpfile.PageSize {
		if spotDiffers(src, kept, Range{off, min(dumpfile.PageSize, size-off)}, bad) {
			return true, nil
		}
	}
	return false, nil
}

func spotDiffers(src, kept io.ReaderAt, spot Range, bad []Range) bool {
	i := sort.Search(len(bad), func(i int) bool { return spot.Off < end(bad[i]) })
	if i < len(bad) && bad[i].Off < end(spot) {
		return false
	}
	want, got := make([]byte, spot.Len), make([]byte, spot.Len)
	if !readSpot(src, want, spot.Off) {
		return false
	}
	return !readSpot(kept, got, spot.Off) || !bytes.Equal(want, got)
}
