package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// CreateOptions say how a file is made. The zero value is usable.
type CreateOptions struct {
	// SecurityOf is a file or directory of the volume whose owner and access
	// rights the new file gets. "" is the first file in its directory, or the
	// directory itself if there is none.
	SecurityOf string
	// Time is when the file was made and changed. The zero time shows as none.
	Time time.Time
	// ResetJournal is what it is in ReplaceOptions.
	ResetJournal bool
}

func (o CreateOptions) write() writeOptions { return writeOptions{resetJournal: o.ResetJournal} }

// ErrDirectory wraps the reason why a directory cannot get or lose a name.
var ErrDirectory = errors.New("directory cannot be changed")

// PlanCreate plans a new file. Its contents, its clusters and its MFT record
// are written while nothing refers to them; one sector then gives the directory
// the name. Before that there is no such file, and behind it it is whole. The
// volume is marked dirty meanwhile: a cut leaves a record without name, which
// chkdsk finds. The directory's own times stay as they are. contents is kept by
// the plan.
//
// All that stands against it is in the error: ErrName, fs.ErrExist for a name
// that is taken, in whatever case, ErrDirectory, and what [Volume.PlanReplace]
// says of the volume. A directory that would have to change in more than one
// sector at once is ErrNotSingleSector.
func (v *Volume) PlanCreate(name string, contents []byte, o CreateOptions) (*Change, error) {
	c, err := inOneSector(func(l rootLayout) (*Change, error) { return v.planCreate(name, contents, o, l) })
	return c, pathError("create", name, err)
}

// inOneSector plans a change of a directory in the first layout of its root
// that can be switched to by one sector.
func inOneSector(plan func(l rootLayout) (*Change, error)) (*Change, error) {
	var first error
	for _, l := range []rootLayout{growRoot, keepRoot, sinkRoot} {
		c, err := plan(l)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if !errors.Is(err, ErrNotSingleSector) && !errors.Is(err, ErrRecordFull) {
			break
		}
	}
	return nil, first
}

func (v *Volume) planCreate(name string, contents []byte, o CreateOptions, l rootLayout) (*Change, error) {
	p, refused := v.newPlanner(o.write())
	place, err := v.newPlace(name)
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	f := &newFile{parent: place.dir.base.ref, name: place.name, time: o.Time, contents: contents}
	if f.security, err = v.securityFor(place.dir, o.SecurityOf); err != nil {
		return nil, err
	}
	bitmap, err := v.recordBitmap()
	if err != nil {
		return nil, err
	}
	free, err := p.freeRecord(bitmap)
	if err != nil {
		return nil, err
	}
	f.ref = free.ref
	if !f.resident(v) {
		if f.runs, err = p.place(f.contents); err != nil {
			return nil, err
		}
	}
	if err := p.whileDirty(o.write(), func() error { return p.create(f, free, bitmap, place, l) }); err != nil {
		return nil, err
	}
	if err := p.proveDirectory(place.dir, place.names+1); err != nil {
		return nil, err
	}
	return p.change(), p.proveFile(name, f.ref, contents)
}

// place is where a new file is to be.
type place struct {
	dir  *node
	name []uint16
	x    *index
	way  []indexNode
	// names is how many names the directory has.
	names int
}

// newPlace finds where a file that is not there yet would be.
func (v *Volume) newPlace(name string) (*place, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fs.ErrInvalid
	}
	dir, base := path.Split(name)
	units, ok := unescapeName(base)
	if !ok {
		return nil, fmt.Errorf("%w: %q is no name of a path", ErrName, base)
	}
	if err := checkNewName(units); err != nil {
		return nil, err
	}
	n, err := v.directoryToChange(path.Clean(dir))
	if err != nil {
		return nil, err
	}
	return n.placeFor(units)
}

// directoryToChange opens a directory, after proving that it may get or lose
// names.
func (v *Volume) directoryToChange(dir string) (*node, error) {
	if dir != "." {
		if err := v.outsideProtected(dir); err != nil {
			return nil, err
		}
	}
	n, _, err := v.resolve(dir)
	if err != nil {
		return nil, err
	}
	if err := n.searchable(); err != nil {
		return nil, err
	}
	if number := n.base.ref.Number; number < firstFreeRecord && number != recordRoot {
		return nil, fmt.Errorf("%w: it belongs to NTFS itself", ErrDirectory)
	}
	if n.list != nil {
		return nil, fmt.Errorf("%w: its attributes are spread over several records", ErrDirectory)
	}
	return n, nil
}

// placeFor finds where a name belongs in the directory.
func (n *node) placeFor(name []uint16) (*place, error) {
	x, err := n.openIndex()
	if err != nil {
		return nil, err
	}
	fold, err := n.v.foldings()
	if err != nil {
		return nil, err
	}
	way, found, err := x.way(fold, name)
	if err != nil {
		return nil, err
	}
	if found {
		return nil, fmt.Errorf("%w: %w", ErrExists, fs.ErrExist)
	}
	names, err := x.survey(fold)
	return &place{n, name, x, way, names}, err
}

// securityFor is the security id of a file in whose place a new one stands.
// Each id names a descriptor in $Secure, which does not change.
func (v *Volume) securityFor(dir *node, of string) (uint32, error) {
	if of != "" {
		n, _, err := v.resolve(of)
		if err != nil {
			return 0, pathError("security of", of, err)
		}
		return n.securityID()
	}
	sibling, err := dir.firstFile()
	if err != nil {
		return 0, err
	}
	if id, err := sibling.securityID(); err == nil {
		return id, nil
	}
	return dir.securityID()
}

// firstFile opens the first file of a directory, or the directory itself if it
// has none.
func (n *node) firstFile() (*node, error) {
	x, err := n.openIndex()
	if err != nil {
		return nil, err
	}
	var first indexEntry
	err = x.run(&walker{visit: func(e indexEntry) bool {
		if e.ref().Number >= firstFreeRecord && e.key().attributes()&(attributeIndexDirectory|attributeReparse) == 0 {
			first = e
		}
		return first == nil
	}})
	if err != nil || first == nil {
		return n, err
	}
	return n.v.openEntry(first, n.base.ref)
}

// errNoSecurityID says that a file has a security descriptor of its own.
var errNoSecurityID = errors.New("there is no file whose access rights the new one could get: name one")

func (n *node) securityID() (uint32, error) {
	a, ok, err := n.first(typeStandardInformation, "")
	if err != nil {
		return 0, err
	}
	if !ok || !a.resident() || len(a.value()) < siSize || le.Uint32(a.value()[siSecurityID:]) == 0 {
		return 0, errNoSecurityID
	}
	return le.Uint32(a.value()[siSecurityID:]), nil
}

// create plans all of the file but its contents.
func (p *planner) create(f *newFile, free freeRecord, bitmap *stream, at *place, l rootLayout) error {
	t := at.x.edit(l)
	if err := t.insert(at.way, newIndexEntry(f.ref, f.key(p.v.boot.clusterSize))); err != nil {
		return fmt.Errorf("%w: %w", ErrDirectory, err)
	}
	ip, err := p.prepareIndex(at.dir, t, at.way)
	if err != nil {
		return err
	}
	p.step(StepPrepare, "mark the file's MFT record used")
	if err := p.markBits(bitmap, int64(f.ref.Number), 1, true); err != nil {
		return fmt.Errorf("$MFT's bitmap: %w", err)
	}
	b, err := f.record(p.v, free.usn)
	if err != nil {
		return err
	}
	p.step(StepPrepare, "write the file's MFT record")
	if err := p.metadataAt(p.v.mft.extents, b, int64(f.ref.Number)*p.v.boot.recordSize); err != nil {
		return err
	}
	return ip.commit()
}

// prepareIndex plans what of an index edit the directory does not see yet.
func (p *planner) prepareIndex(dir *node, t *indexEdit, way []indexNode) (*indexPlan, error) {
	ip, err := p.newIndexPlan(dir, t)
	if err != nil {
		return nil, err
	}
	if err := ip.guard(way); err != nil {
		return nil, err
	}
	if err := ip.grow(); err != nil {
		return nil, err
	}
	return ip, ip.fresh()
}

// whileDirty plans steps of which a cut may leave something for chkdsk: the
// volume is marked dirty before and, if it was not, clean behind.
func (p *planner) whileDirty(o writeOptions, steps func() error) error {
	if o.resetJournal {
		return steps() // the flag is set, and stays
	}
	if err := p.flag(StepPrepare, "mark the volume dirty", setDirty); err != nil {
		return err
	}
	if err := steps(); err != nil {
		return err
	}
	return p.flag(StepFinish, "mark the volume clean again", clearDirty)
}

// flag plans the flags of $Volume, in its record and then in the mirror.
func (p *planner) flag(kind StepKind, what string, edit func(*recordEdit) error) error {
	p.step(kind, what+" in $MFT")
	if err := p.editRecord(recordVolume, edit); err != nil {
		return err
	}
	p.step(kind, what+" in $MFTMirr")
	c, err := p.recordChange(p.v.mirrorExtents(), recordVolume, edit)
	if err != nil {
		return fmt.Errorf("$MFTMirr: %w", err)
	}
	return p.commit(c)
}

func clearDirty(e *recordEdit) error {
	b, err := volumeInformation(e.record)
	if err != nil {
		return err
	}
	le.PutUint16(b[volumeInfoFlags:], le.Uint16(b[volumeInfoFlags:])&^uint16(VolumeDirty))
	return nil
}

// proveDirectory reads the directory of the finished plan back: its tree is
// sound and has so many names.
func (p *planner) proveDirectory(dir *node, names int) error {
	v, err := p.view()
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	n, err := v.openNode(dir.base.ref)
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	got, err := n.countNames()
	if err == nil && got != names {
		err = damaged(n.base.off, "directory: names", names, got)
	}
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	return nil
}

func (n *node) countNames() (int, error) {
	x, err := n.openIndex()
	if err != nil {
		return 0, err
	}
	fold, err := n.v.foldings()
	if err != nil {
		return 0, err
	}
	return x.survey(fold)
}

// proveFile reads the finished plan back: the file is found by its name, in
// the planned record and with its contents.
func (p *planner) proveFile(name string, ref RecordRef, contents []byte) error {
	v, err := p.view()
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	n, _, err := v.resolve(name)
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	if n.base.ref != ref {
		return fmt.Errorf("the plan read back: %w", damaged(n.base.off, name+": MFT record", ref, n.base.ref))
	}
	got, err := fs.ReadFile(v, name)
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	if !bytes.Equal(got, contents) {
		return fmt.Errorf("the plan read back: %w", damaged(n.base.off, name+": contents", "those planned", "others"))
	}
	return nil
}
