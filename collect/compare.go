package collect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"sort"

	"hangkit/collect/dumpfile"
	"hangkit/collect/seekable"
)

// What is kept of a copy is compared with the disk before more is put behind it: a page
// at so many places, and the end of it. That finds another dump. Where the volume was
// written to since, all of it is compared, for less may have changed.
const (
	keptSpots = 256
	keptEnd   = 512 << 10
)

// spots are the places of a dump of size bytes that are compared, in order. None crosses
// the border of a chunk.
func spots(size int64) []Range {
	var all []Range
	add := func(off int64) {
		if n := len(all); n == 0 || all[n-1].Off < off {
			all = append(all, Range{off, min(dumpfile.PageSize, size-off)})
		}
	}
	tail := max(size-keptEnd, 0) &^ (dumpfile.PageSize - 1)
	for i := range int64(keptSpots) {
		if off := size / keptSpots * i &^ (dumpfile.PageSize - 1); off < tail {
			add(off)
		}
	}
	for off := tail; off < size; off += dumpfile.PageSize {
		add(off)
	}
	return all
}

// The log of NTFS. Whoever mounts a volume to write to it, as Windows does when it
// starts, leaves changed restart pages; only ntfs-3g finds nothing to change where it was
// the last that mounted it, and writes through the file system, which changes times.
const (
	logFile      = "$LogFile"
	restartPages = 2 * 4096
)

// logState tells one state of a volume from another, by the restart pages of its log. It
// is empty where there is no log.
func logState(v Volume) string {
	r, err := v.OpenRaw(logFile)
	if err != nil {
		return ""
	}
	b := make([]byte, restartPages)
	if !readSpot(r, b, 0) {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// differs tells whether what the checkpoints have is not what src holds now.
func (a *attempt) differs(ctx context.Context, rec *record, n int, src io.ReaderAt) (bool, error) {
	points := rec.points[:n]
	last := points[n-1]
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
	differ := a.comparison(rec)
	if !a.id.Compress {
		return differ(ctx, src, r, last.At, bad.ranges)
	}
	unpacked, err := seekable.NewFramesReader(r, frames)
	if err != nil {
		return true, nil // whatever it is, it is not this dump
	}
	defer unpacked.Close()
	return differ(ctx, src, unpacked, last.At, bad.ranges)
}

// doneDiffers is the same for a finished copy.
func (a *attempt) doneDiffers(ctx context.Context, rec *record, r, src io.ReaderAt) (bool, error) {
	done, differ := rec.done, a.comparison(rec)
	if a.id.EncryptTo != "" {
		return a.secretDiffers(ctx, rec, src)
	}
	if !a.id.Compress {
		return differ(ctx, src, r, done.Size, done.BadRanges)
	}
	unpacked, err := seekable.NewReader(r, done.FileSize)
	if err != nil {
		return true, nil // whatever it is, it is not this dump
	}
	defer unpacked.Close()
	return differ(ctx, src, unpacked, done.Size, done.BadRanges)
}

// secretDiffers is the same for a finished copy that only its recipients can read: the
// journal has sums of its spots, and the digest of all of it.
func (a *attempt) secretDiffers(ctx context.Context, rec *record, src io.ReaderAt) (bool, error) {
	done := rec.done
	if rec.id.Log == a.id.Log {
		return sumsDiffer(ctx, src, done.Spots, done.Size, done.BadRanges)
	}
	if done.SHA256 == "" {
		return true, nil // nothing proves it
	}
	sum, err := sumWithout(ctx, src, done.Size, done.BadRanges)
	return err == nil && sum != done.SHA256, err
}

// sumWithout is the SHA-256 of a dump with zeros in its bad places, as its copy has.
func sumWithout(ctx context.Context, src io.ReaderAt, size int64, bad []Range) (string, error) {
	h, b := sha256.New(), make([]byte, chunkSize)
	for off := int64(0); off < size; off += chunkSize {
		part := b[:min(chunkSize, size-off)]
		if _, err := readAround(ctx, src, part, off); err != nil {
			return "", err
		}
		for _, r := range bad {
			if from, to := max(r.Off, off), min(end(r), off+int64(len(part))); from < to {
				clear(part[from-off : to-off])
			}
		}
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// comparison is how closely a copy is compared with the disk.
func (a *attempt) comparison(rec *record) func(ctx context.Context, src, kept io.ReaderAt, size int64, bad []Range) (bool, error) {
	if rec.id.Log == a.id.Log {
		return spotsDiffer
	}
	return chunksDiffer
}

// spotsDiffer compares the spots of a dump of size bytes with those of its copy. A place
// that cannot be read from the disk, now or when it was copied, tells nothing.
func spotsDiffer(ctx context.Context, src, kept io.ReaderAt, size int64, bad []Range) (bool, error) {
	for _, spot := range spots(size) {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		if spotDiffers(src, kept, spot, bad) {
			return true, nil
		}
	}
	return false, nil
}

// chunksDiffer compares all of it. Where more than that tells nothing, pages do alone.
func chunksDiffer(ctx context.Context, src, kept io.ReaderAt, size int64, bad []Range) (bool, error) {
	want, got := make([]byte, chunkSize), make([]byte, chunkSize)
	for off := int64(0); off < size; off += chunkSize {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		n := min(chunkSize, size-off)
		if readSpot(src, want[:n], off) && readSpot(kept, got[:n], off) && bytes.Equal(want[:n], got[:n]) {
			continue
		}
		for at := off; at < off+n; at += dumpfile.PageSize {
			if spotDiffers(src, kept, Range{at, min(dumpfile.PageSize, size-at)}, bad) {
				return true, nil
			}
		}
	}
	return false, nil
}

func spotDiffers(src, kept io.ReaderAt, spot Range, bad []Range) bool {
	if overlaps(spot, bad) {
		return false
	}
	want, got := make([]byte, spot.Len), make([]byte, spot.Len)
	if !readSpot(src, want, spot.Off) {
		return false
	}
	return !readSpot(kept, got, spot.Off) || !bytes.Equal(want, got)
}

func overlaps(spot Range, bad []Range) bool {
	i := sort.Search(len(bad), func(i int) bool { return spot.Off < end(bad[i]) })
	return i < len(bad) && bad[i].Off < end(spot)
}

// sumsDiffer compares spots with their sums.
func sumsDiffer(ctx context.Context, src io.ReaderAt, sums []uint32, size int64, bad []Range) (bool, error) {
	all := spots(size)
	if len(sums) != len(all) {
		return true, nil
	}
	for i, spot := range all {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		b := make([]byte, spot.Len)
		if !overlaps(spot, bad) && readSpot(src, b, spot.Off) && crc32.Checksum(b, castagnoli) != sums[i] {
			return true, nil
		}
	}
	return false, nil
}

// spotSums takes the sums of a dump's spots while its chunks pass.
type spotSums struct {
	left []Range
	sums []uint32
}

func (s *spotSums) take(c *chunk) {
	for len(s.left) > 0 && s.left[0].Off < c.off+int64(len(c.b)) {
		page := c.b[s.left[0].Off-c.off:][:s.left[0].Len]
		s.sums, s.left = append(s.sums, crc32.Checksum(page, castagnoli)), s.left[1:]
	}
}
