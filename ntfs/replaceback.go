package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// PlanTakeBack plans the way back of a replacement that kept the old contents
// in an alternate stream: its clusters become the file's contents again, the
// stream is gone, and the clusters of the present contents become free. One
// sector of the MFT record does it. o.KeepAs has to be "".
//
// Errors are those of PlanReplace; [fs.ErrNotExist] if there is no such stream.
func (v *Volume) PlanTakeBack(path, stream string, o ReplaceOptions) (*Change, error) {
	c, err := v.planTakeBack(path, stream, o)
	return c, pathError("take back", path+":"+stream, err)
}

func (v *Volume) planTakeBack(path, asked string, o ReplaceOptions) (*Change, error) {
	if o.KeepAs != "" || asked == "" {
		return nil, fs.ErrInvalid
	}
	p, refused := v.newPlanner(o.write())
	t, err := v.replaceTarget(path, "")
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	name, kept, err := t.keptStream(asked)
	if err != nil {
		return nil, err
	}
	p.alsoCheck(func(v *Volume) error { return t.same(v, "") })
	fold, err := v.foldings()
	if err != nil {
		return nil, err
	}
	next := dataStream{runs: v.runsOf(kept.extents), size: kept.size, modified: o.Time}
	if err := p.switchRecord(t, next.modified, func(e *recordEdit) error {
		return e.takeBack(name, next, v.boot.clusterSize, fold)
	}); err != nil {
		return nil, err
	}
	if err := errors.Join(p.free(t.data), p.showSizes(t, next)); err != nil {
		return nil, err
	}
	return p.change(), p.prove(path, func(data *stream) error {
		if data.size != kept.size || !slices.Equal(data.extents, kept.extents) {
			return damaged(data.off, "$DATA", "the clusters that were kept", "others")
		}
		return nil
	})
}

// keptStream opens an alternate stream that may become the contents.
func (t *replaceTarget) keptStream(asked string) (attrName, *stream, error) {
	name, err := t.node.streamNamed(asked)
	if err != nil {
		return "", nil, err
	}
	kept, err := t.plainStream(name)
	if err != nil {
		return "", nil, fmt.Errorf("%w: stream %q: %w", ErrNotReplaceable, asked, err)
	}
	return name, kept, nil
}

// takeBack puts next in the place of the unnamed $DATA and removes the stream
// it was.
func (e *recordEdit) takeBack(name attrName, next dataStream, clusterSize int64, fold upCase) error {
	if err := e.exchangeData(next, clusterSize, fold); err != nil {
		return err
	}
	i, found := e.index(typeData, name, fold)
	if !found {
		return damaged(e.off, "MFT record: the stream that was kept", "present", "none")
	}
	return e.remove(i)
}
