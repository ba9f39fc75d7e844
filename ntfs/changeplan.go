package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// planner works a Change out. It collects writes in steps and shows the volume
// as the steps so far leave it, so that each next one is planned on top of them
// and the finished plan can be read back before anything is written:
//
//	p, err := v.newPlanner(options)            // refuses what must not be written to
//	p.step(StepContents, "write the contents to free clusters")
//	p.contents(runs, b)
//	p.step(StepPrepare, "mark them used in $Bitmap")
//	p.mark(runs, true)
//	p.step(StepCommit, "switch the file's record over")
//	p.editRecord(number, func(r *recordEdit) error { … })
//	p.view()                                   // a Volume that sees all of that
//	p.change()
//
// Metadata is written in whole sectors of the volume's own size. A structure
// sealed by an update sequence keeps its number: a sector that reaches the
// device alone then fits those around it, old or new.
type planner struct {
	v       *Volume // as it is
	dev     staged
	steps   []Step
	guards  []guard
	freed   Contents
	recheck func(v *Volume) error
}

// newPlanner begins a plan, after proving that the volume may be changed. All
// that stands against it is in the error.
func (v *Volume) newPlanner(o writeOptions) (*planner, error) {
	if err := v.changeable(o); err != nil {
		return nil, err
	}
	p := &planner{
		v:       v,
		dev:     staged{below: v.dev, sectorSize: v.boot.sectorSize, sectors: map[int64][]byte{}},
		recheck: func(v *Volume) error { return v.changeable(o) },
	}
	if o.resetJournal {
		return p, p.resetJournal()
	}
	return p, nil
}

// alsoCheck makes Run prove one more thing of the volume before it writes.
func (p *planner) alsoCheck(check func(v *Volume) error) {
	before := p.recheck
	p.recheck = func(v *Volume) error { return errors.Join(before(v), check(v)) }
}

// view opens the volume as the steps so far leave it.
func (p *planner) view() (*Volume, error) { return Open(&p.dev) }

// step begins the next step: whatever is written from now on reaches the device
// behind everything before. A step nothing is written in is dropped.
func (p *planner) step(kind StepKind, what string) {
	p.steps = append(p.steps, Step{Kind: kind, What: what})
}

// change ends the plan.
func (p *planner) change() *Change {
	steps := slices.DeleteFunc(p.steps, func(s Step) bool { return len(s.Writes) == 0 })
	return &Change{dev: p.v.dev, steps: steps, guards: p.guards, recheck: p.recheck, freed: p.freed}
}

// guard makes Run prove that the device still holds what it holds now, where
// the plan relies on bytes it does not overwrite. It looks at the volume as it
// is, without the steps so far; off counts in the stream that extents map.
func (p *planner) guard(extents []Extent, off, length int64) error {
	b := make([]byte, length)
	if _, err := readExtents(p.v.dev, extents, b, off); err != nil {
		return err
	}
	p.guards = append(p.guards, guard{extents, off, b})
	return nil
}

// guard is bytes of a stream that have to stay as they are until a change runs.
type guard struct {
	extents []Extent
	off     int64
	bytes   []byte
}

// stands proves that the device still holds the bytes.
func (g guard) stands(dev io.ReaderAt) error {
	b := make([]byte, len(g.bytes))
	if _, err := readExtents(dev, g.extents, b, g.off); err != nil {
		return err
	}
	if !bytes.Equal(b, g.bytes) {
		return fmt.Errorf("%w: %d bytes at 0x%x", ErrChanged, len(b), deviceOffset(g.extents, g.off))
	}
	return nil
}

// contents plans b, and zeros behind it, into clusters that are free. b is kept, not copied.
func (p *planner) contents(runs RunList, b []byte) {
	size := p.v.boot.clusterSize
	for _, run := range runs {
		at := int64(run.LCN) * size
		whole := min(int64(len(b))/size, run.Length) * size
		if whole > 0 {
			p.data(at, b[:whole])
		}
		b = b[whole:]
		if rest := run.Length*size - whole; rest > 0 {
			last := make([]byte, rest)
			b = b[copy(last, b):]
			p.data(at+whole, last)
		}
	}
}

// data plans bytes of which nobody needs the old ones.
func (p *planner) data(off int64, b []byte) {
	w := Write{Offset: off, New: b}
	p.dev.data = append(p.dev.data, w)
	p.add(w)
}

func (p *planner) add(w Write) {
	last := &p.steps[len(p.steps)-1]
	last.Writes = append(last.Writes, w)
}

// metadata plans b over what lies at off: the sectors of it that change.
func (p *planner) metadata(b []byte, off int64) error {
	size := p.v.boot.sectorSize
	for len(b) > 0 {
		at := off % size
		piece := b[:min(int64(len(b)), size-at)]
		if err := p.sector(off-at, at, piece); err != nil {
			return err
		}
		b, off = b[len(piece):], off+int64(len(piece))
	}
	return nil
}

// sector plans b into the sector at off, skip bytes from its start.
func (p *planner) sector(off, skip int64, b []byte) error {
	old := make([]byte, p.v.boot.sectorSize)
	if _, err := readFull(&p.dev, old, off); err != nil {
		return err
	}
	sector := slices.Clone(old)
	copy(sector[skip:], b)
	if bytes.Equal(old, sector) {
		return nil
	}
	p.dev.sectors[off] = sector
	writes := p.steps[len(p.steps)-1].Writes
	for i, w := range writes {
		if w.Offset == off && w.Old != nil {
			writes[i].New = sector
			return nil
		}
	}
	p.add(Write{Offset: off, Old: old, New: sector})
	return nil
}

// metadataAt is metadata for bytes of a mapped stream: off counts in the stream.
func (p *planner) metadataAt(extents []Extent, b []byte, off int64) error {
	for i := extentAt(extents, off); len(b) > 0; i++ {
		if i == len(extents) || extents[i].DeviceOffset == hole {
			return damaged(0, "extents: end of the mapped data", "behind "+hex(off).String(), "before")
		}
		skip := off - extents[i].FileOffset
		piece := b[:min(int64(len(b)), extents[i].Length-skip)]
		if err := p.metadata(piece, extents[i].DeviceOffset+skip); err != nil {
			return err
		}
		b, off = b[len(piece):], off+int64(len(piece))
	}
	return nil
}

// staged is the device as the planned writes leave it.
type staged struct {
	below      Device
	sectorSize int64
	data       []Write          // contents and journal, which no metadata overlaps
	sectors    map[int64][]byte // metadata, by offset
}

// Size is that of the device below.
func (s *staged) Size() int64 { return s.below.Size() }

// ReadAt reads what is planned, and the device below elsewhere.
func (s *staged) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.below.ReadAt(b, off)
	for _, w := range s.data {
		overlay(b[:n], off, w.New, w.Offset)
	}
	if int64(n)/s.sectorSize > int64(len(s.sectors)) {
		for at, sector := range s.sectors {
			overlay(b[:n], off, sector, at)
		}
		return n, err
	}
	for at := off - off%s.sectorSize; at < off+int64(n); at += s.sectorSize {
		overlay(b[:n], off, s.sectors[at], at)
	}
	return n, err
}

// overlay copies the part of src, which lies at srcOff, that b, which lies at
// off, covers.
func overlay(b []byte, off int64, src []byte, srcOff int64) {
	from, to := max(off, srcOff), min(off+int64(len(b)), srcOff+int64(len(src)))
	if from < to {
		copy(b[from-off:to-off], src[from-srcOff:])
	}
}

// mark plans the bits of clusters in $Bitmap to be set or cleared. Each has to
// be the other way round now.
func (p *planner) mark(runs RunList, used bool) error {
	bitmap, err := p.v.clusterBitmap()
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := p.markBits(bitmap, int64(run.LCN), run.Length, used); err != nil {
			return fmt.Errorf("$Bitmap: %w", err)
		}
	}
	return nil
}

// markBits plans count bits of a non-resident bitmap from first on to be used
// or not.
func (p *planner) markBits(bitmap *stream, first, count int64, used bool) error {
	from, to := first/8, (first+count+7)/8
	if to > bitmap.initialized {
		return damaged(bitmap.off, "bitmap: size", fmt.Sprintf("at least %d", to), bitmap.initialized)
	}
	b := make([]byte, to-from)
	if _, err := readExtents(&p.dev, bitmap.extents, b, from); err != nil {
		return err
	}
	for n := first; n < first+count; n++ {
		mask := byte(1) << (n % 8)
		if was := b[n/8-from]&mask != 0; was == used {
			return fmt.Errorf("%w: bit %d is %v already", ErrChanged, n, used)
		}
		b[n/8-from] ^= mask
	}
	return p.metadataAt(bitmap.extents, b, from)
}
