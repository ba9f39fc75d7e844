package ntfs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
)

// Contents are clusters and what lay in them.
type Contents struct {
	Extents []Extent
	SHA256  [sha256.Size]byte
}

// sum reads clusters, whole.
func (v *Volume) sum(extents []Extent) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, e := range extents {
		r := io.NewSectionReader(v.dev, e.DeviceOffset, e.Length)
		if _, err := io.CopyBuffer(h, r, make([]byte, min(runPiece, e.Length))); err != nil {
			return sum, err
		}
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// PutBackOptions say what putting metadata back may do beside.
type PutBackOptions struct {
	// ResetJournal is what it is in [ReplaceOptions].
	ResetJournal bool
}

// PlanPutBack plans the way back of a change, whole or cut short: the old bytes
// of all metadata it overwrote, in the opposite order. steps are the change's
// own; their contents and what they did to the journal stay as they are.
//
// It is possible as long as nothing else has written there: every sector has to
// hold a version the change gave it, and the clusters it freed what they held.
// Else it is ErrChanged, and the old contents have to come by PlanReplace from
// where they were kept.
func (v *Volume) PlanPutBack(steps []Step, freed Contents, o PutBackOptions) (*Change, error) {
	c, err := v.planPutBack(steps, freed, o)
	if err != nil {
		return nil, fmt.Errorf("put metadata back: %w", err)
	}
	return c, nil
}

func (v *Volume) planPutBack(steps []Step, freed Contents, o PutBackOptions) (*Change, error) {
	if err := v.boot.checkPutBack(steps, freed.Extents); err != nil {
		return nil, err
	}
	p, err := v.newPlanner(writeOptions{resetJournal: o.ResetJournal})
	if err != nil {
		return nil, err
	}
	intact := func(v *Volume) error { return v.stillHolds(freed, "clusters the change freed") }
	if err := intact(v); err != nil {
		return nil, err
	}
	p.alsoCheck(intact)
	for i, step := range slices.Backward(steps) {
		if step.Kind == StepJournal {
			continue
		}
		p.step(step.Kind.opposite(), "take back: "+step.What)
		for _, w := range step.Writes {
			if o.ResetJournal && p.holdsFlags(w.Offset) {
				continue // the dirty flag is set, and stays
			}
			if err := p.putBack(w, steps[:i]); err != nil {
				return nil, err
			}
		}
	}
	return p.change(), nil
}

// checkPutBack proves that steps, which may come from a file, are about whole
// sectors of this volume.
func (s *bootSector) checkPutBack(steps []Step, freed []Extent) error {
	end := s.clusters * s.clusterSize
	for _, step := range steps {
		for _, w := range step.Writes {
			if w.Old == nil {
				continue
			}
			length := int64(len(w.Old))
			if length != s.sectorSize || len(w.New) != len(w.Old) || w.Offset < 0 || w.Offset%length != 0 || w.Offset > end-length {
				return fmt.Errorf("%w: %d bytes at 0x%x are no sector of this volume", ErrChanged, length, w.Offset)
			}
		}
	}
	for _, e := range freed {
		if e.DeviceOffset < 0 || e.Length < 0 || e.Length > end || e.DeviceOffset > end-e.Length {
			return fmt.Errorf("%w: %d bytes at 0x%x are no clusters of this volume", ErrChanged, e.Length, e.DeviceOffset)
		}
	}
	return nil
}

// stillHolds proves that clusters, which words name, hold what they held.
func (v *Volume) stillHolds(c Contents, words string) error {
	sum, err := v.sum(c.Extents)
	if err != nil {
		return err
	}
	if len(c.Extents) > 0 && sum != c.SHA256 {
		return fmt.Errorf("%w: %s hold something else by now", ErrChanged, words)
	}
	return nil
}

// holdsFlags tells whether a sector is one of the volume's record or of its
// mirror. A change writes the flags there, and nothing else.
func (p *planner) holdsFlags(off int64) bool {
	size := p.v.boot.recordSize
	for _, table := range [][]Extent{p.v.mft.extents, p.v.mirrorExtents()} {
		record := &blockChange{extents: table, off: recordVolume * size}
		for at := int64(0); at < size; at += fixupStride {
			if p.sectorOf(record, at) == off/p.v.boot.sectorSize {
				return true
			}
		}
	}
	return false
}

// opposite is what a step is on the way back.
func (k StepKind) opposite() StepKind {
	switch k {
	case StepFinish:
		return StepPrepare
	case StepPrepare:
		return StepFinish
	default:
		return k
	}
}

// putBack plans one sector, unless a version from before the write is there:
// then the change was cut short of it.
func (p *planner) putBack(w Write, before []Step) error {
	if w.Old == nil {
		return nil
	}
	now := make([]byte, len(w.New))
	if _, err := readFull(&p.dev, now, w.Offset); err != nil {
		return err
	}
	switch {
	case bytes.Equal(now, w.New):
		return p.metadata(w.Old, w.Offset)
	case bytes.Equal(now, w.Old), heldBefore(before, w.Offset, now):
		return nil
	}
	return fmt.Errorf("%w: the sector at 0x%x has been written since", ErrChanged, w.Offset)
}

// heldBefore says whether steps find b at off.
func heldBefore(steps []Step, off int64, b []byte) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		return slices.ContainsFunc(s.Writes, func(w Write) bool {
			return w.Offset == off && w.Old != nil && bytes.Equal(w.Old, b)
		})
	})
}
