package ntfs

import (
	"bytes"
	"fmt"
	"slices"
)

// resetJournal plans that Windows does not replay $LogFile over the change: the
// volume is marked dirty, so that Windows checks it at the next boot, and the
// journal is filled with 0xff, which everybody takes for an empty one.
//
// The flag comes first. A cut behind it leaves a whole journal, which Windows
// replays as it would have done anyway; a journal that is gone without the flag
// would leave unfinished metadata to be believed. The restart pages go before
// the rest, for the same reason: half a journal is never replayed.
func (p *planner) resetJournal() error {
	p.step(StepJournal, "mark the volume dirty in $MFT")
	if err := p.editRecord(recordVolume, setDirty); err != nil {
		return err
	}
	p.step(StepJournal, "mark the volume dirty in $MFTMirr")
	if err := p.markMirrorDirty(); err != nil {
		return err
	}
	return p.emptyJournal()
}

func setDirty(e *recordEdit) error {
	b, err := volumeInformation(e.record)
	if err != nil {
		return err
	}
	flags := VolumeFlags(le.Uint16(b[volumeInfoFlags:])) | VolumeDirty
	le.PutUint16(b[volumeInfoFlags:], uint16(flags))
	return nil
}

// mirrorExtents maps the records every mirror holds.
func (v *Volume) mirrorExtents() []Extent {
	return []Extent{{DeviceOffset: int64(v.boot.mftMirr) * v.boot.clusterSize, Length: mirrored * v.boot.recordSize}}
}

func (p *planner) markMirrorDirty() error {
	c, err := p.recordChange(p.v.mirrorExtents(), recordVolume, setDirty)
	if err != nil {
		return fmt.Errorf("$MFTMirr: %w", err)
	}
	return p.commit(c)
}

// mirrorLags says whether record 3 alone differs from its mirror, and only in the dirty
// flag.
func (v *Volume) mirrorLags(differ []int) bool {
	return slices.Equal(differ, []int{recordVolume}) && v.mirrorLacksDirtyFlag() == nil
}

// mirrorLacksDirtyFlag proves that record 3 and its mirror would be equal with
// the dirty flag in both.
func (v *Volume) mirrorLacksDirtyFlag() error {
	var with [2][]byte
	for i, extents := range [][]Extent{v.mft.extents, v.mirrorExtents()} {
		off := recordVolume * v.boot.recordSize
		b := make([]byte, v.boot.recordSize)
		if _, err := readExtents(v.dev, extents, b, off); err != nil {
			return err
		}
		r, err := parseRecord(b, recordVolume, deviceOffset(extents, off))
		if err != nil {
			return err
		}
		if err := setDirty(&recordEdit{r}); err != nil {
			return err
		}
		with[i] = r.raw[:le.Uint32(r.raw[recordBytesInUse:])]
	}
	if !bytes.Equal(with[0], with[1]) {
		return fmt.Errorf("%w: record %d, in more than the dirty flag", ErrMirror, recordVolume)
	}
	return nil
}

// bothRestartPages is where the restart pages lie: two of at most 64 KiB.
const bothRestartPages = logHead

func (p *planner) emptyJournal() error {
	log, err := p.v.metafile(recordLogFile)
	if err != nil {
		return fmt.Errorf("$LogFile: %w", err)
	}
	if log.resident != nil {
		return damaged(log.off, "$LogFile: $DATA", "non-resident", "resident")
	}
	restart := min(bothRestartPages, log.size)
	p.step(StepJournal, "empty the journal: its restart pages")
	if err := p.fillJournal(log, 0, restart); err != nil {
		return err
	}
	p.step(StepJournal, "empty the journal: its records")
	return p.fillJournal(log, restart, log.size)
}

// fillJournal plans 0xff into a part of the journal, all of it from the same
// few bytes.
func (p *planner) fillJournal(log *stream, from, to int64) error {
	empty := bytes.Repeat([]byte{0xff}, int(min(runPiece, to-from)))
	for from < to {
		i := extentAt(log.extents, from)
		if i == len(log.extents) || log.extents[i].DeviceOffset == hole {
			return damaged(log.off, "$LogFile: run list", "clusters for all of it", "a hole at "+hex(from).String())
		}
		e := log.extents[i]
		skip := from - e.FileOffset
		n := min(int64(len(empty)), to-from, e.Length-skip)
		p.data(e.DeviceOffset+skip, empty[:n])
		from += n
	}
	return nil
}
