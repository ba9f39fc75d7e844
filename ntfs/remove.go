package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// ErrNotRemovable wraps the reason why a file cannot be removed.
var ErrNotRemovable = errors.New("file cannot be removed")

// RemoveOptions say how a file is removed. The zero value is usable.
type RemoveOptions struct {
	// ResetJournal is what it is in ReplaceOptions.
	ResetJournal bool
}

func (o RemoveOptions) write() writeOptions { return writeOptions{resetJournal: o.ResetJournal} }

// PlanRemove plans that a file such as [Volume.PlanCreate] makes is no more: it
// has one name, and its contents are all that it holds. One sector takes the
// name out of the directory; then the file's record and its clusters become
// free, with the bytes in them left as they are.
//
// All that stands against it is in the error: ErrNotRemovable with the reason
// the file gives, ErrDirectory, and what PlanCreate says else.
func (v *Volume) PlanRemove(name string, o RemoveOptions) (*Change, error) {
	c, err := inOneSector(func(l rootLayout) (*Change, error) { return v.planRemove(name, o, l) })
	return c, pathError("remove", name, err)
}

func (v *Volume) planRemove(name string, o RemoveOptions, l rootLayout) (*Change, error) {
	p, refused := v.newPlanner(o.write())
	f, err := v.removable(name)
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	bitmap, err := v.recordBitmap()
	if err != nil {
		return nil, err
	}
	if err := p.whileDirty(o.write(), func() error { return p.remove(f, bitmap, l) }); err != nil {
		return nil, err
	}
	if err := p.proveDirectory(f.dir, f.names-1); err != nil {
		return nil, err
	}
	return p.change(), p.proveGone(name)
}

// removableFile is a file that may be removed, and where its name is.
type removableFile struct {
	node *node
	data *stream
	dir  *node
	x    *index
	way  []indexNode
	// names is how many names the directory has.
	names int
}

// removable opens a file, after proving that nothing else depends on it.
func (v *Volume) removable(name string) (*removableFile, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fs.ErrInvalid
	}
	n, _, err := v.resolve(name)
	if err != nil {
		return nil, err
	}
	f := &removableFile{node: n}
	if f.dir, err = v.directoryToChange(path.Dir(name)); err != nil {
		return nil, err
	}
	if err := f.check(name); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotRemovable, err)
	}
	return f, f.findName()
}

// check refuses all files but those PlanCreate makes.
func (f *removableFile) check(name string) error {
	n := f.node
	if err := n.plainFile(name); err != nil {
		return err
	}
	if n.list != nil {
		return errors.New("its attributes are spread over several records")
	}
	for _, a := range n.base.attrs {
		known := a.kind() == typeStandardInformation || a.kind() == typeFileName || a.kind() == typeData
		if !known || a.name() != "" {
			return errors.New("it holds more than its contents")
		}
	}
	if names, err := n.names(); err != nil || len(names) != 1 || n.base.links() != 1 {
		return errors.Join(err, errors.New("it has more than one name"))
	}
	return f.findData()
}

// findData proves that the file's clusters are its own.
func (f *removableFile) findData() error {
	n := f.node
	s, ok, err := n.stream(typeData, "")
	if err != nil || !ok {
		return errors.Join(err, errors.New("it has no data"))
	}
	f.data = s
	if s.resident != nil {
		return nil
	}
	if err := s.plain(); err != nil {
		return err
	}
	if err := n.v.clustersInUse(s.extents); err != nil {
		return err
	}
	return n.v.clustersAlone(s.extents)
}

// findName finds the file's name in its directory.
func (f *removableFile) findName() error {
	names, err := f.node.names()
	if err != nil {
		return err
	}
	if f.x, err = f.dir.openIndex(); err != nil {
		return err
	}
	fold, err := f.node.v.foldings()
	if err != nil {
		return err
	}
	way, found, err := f.x.way(fold, names[0].name())
	if err != nil {
		return err
	}
	f.way = way
	last := way[len(way)-1]
	if !found || last.entries[last.pos].ref() != f.node.base.ref {
		return fmt.Errorf("%w: the directory has another file of a name that differs in case alone", ErrNotRemovable)
	}
	f.names, err = f.x.survey(fold)
	return err
}

// remove plans the removal itself.
func (p *planner) remove(f *removableFile, bitmap *stream, l rootLayout) error {
	t := f.x.edit(l)
	if err := t.remove(f.way); err != nil {
		return fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	ip, err := p.prepareIndex(f.dir, t, f.way)
	if err != nil {
		return err
	}
	if err := ip.commit(); err != nil {
		return err
	}
	ref := f.node.base.ref
	p.step(StepFinish, "free the file's MFT record")
	if err := p.editRecord(ref.Number, freeRecordFor); err != nil {
		return err
	}
	p.step(StepFinish, "mark the record and the clusters free")
	if err := p.markBits(bitmap, int64(ref.Number), 1, false); err != nil {
		return fmt.Errorf("$MFT's bitmap: %w", err)
	}
	return p.giveBack(f.data.extents)
}

// freeRecordFor marks a record free for the next file, whose references will
// have another sequence number than those to this one.
func freeRecordFor(e *recordEdit) error {
	le.PutUint16(e.raw[recordFlags:], le.Uint16(e.raw[recordFlags:])&^recordInUse)
	le.PutUint16(e.raw[recordSequence:], max(le.Uint16(e.raw[recordSequence:])+1, 1))
	return nil
}

// proveGone reads the finished plan back: the name is not found any more.
func (p *planner) proveGone(name string) error {
	v, err := p.view()
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	if _, _, err := v.resolve(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the plan read back: %w", errors.Join(err, errors.New("the name is still found")))
	}
	return nil
}
