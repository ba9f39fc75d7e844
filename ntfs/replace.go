package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// ErrNotReplaceable wraps the reason why a file's contents cannot be exchanged.
var ErrNotReplaceable = errors.New("file cannot be replaced")

// ReplaceOptions say how a file's contents are exchanged.
type ReplaceOptions struct {
	// KeepAs, if not "", is the name of a new alternate stream that keeps the
	// old contents in the clusters they are in. Else these become free.
	KeepAs string
	// ResetJournal empties $LogFile and marks the volume dirty first, so that a
	// journal that is to be replayed, and a dirty flag, do not rule the change
	// out. Windows checks the volume at the next boot; what the journal knew of
	// unfinished changes is lost.
	ResetJournal bool
	// Time is when the contents changed. The zero time leaves the file's times alone.
	Time time.Time
}

func (o ReplaceOptions) write() writeOptions { return writeOptions{resetJournal: o.ResetJournal} }

// PlanReplace plans new contents for a file, of any length but none: they go to
// free clusters, and one sector of the file's MFT record switches it over. The
// old contents are whole until then, and the new ones from then on. contents is
// kept by the plan.
//
// It looks at the file, its directory and the metafiles. That no other file
// claims the clusters marked free is what ntfs/verify can say: a volume with
// worse findings than leaks is not to be changed.
//
// All that stands against it is in the error: ErrNotReplaceable with the
// reasons the file gives, ErrJournal, ErrHibernated, ErrVolumeDirty,
// ErrVolumeFlags, ErrMirror, ErrVersion, ErrReadOnly, ErrProtected, ErrExists,
// ErrNoSpace, ErrRecordFull, ErrNotSingleSector.
func (v *Volume) PlanReplace(path string, contents []byte, o ReplaceOptions) (*Change, error) {
	c, err := v.planReplace(path, contents, o)
	return c, pathError("replace", path, err)
}

func (v *Volume) planReplace(path string, contents []byte, o ReplaceOptions) (*Change, error) {
	if len(contents) == 0 {
		return nil, fmt.Errorf("%w: the new contents are empty", ErrNotReplaceable)
	}
	p, refused := v.newPlanner(o.write())
	t, err := v.replaceTarget(path, o.KeepAs)
	if err := errors.Join(refused, err); err != nil {
		return nil, err
	}
	p.alsoCheck(func(v *Volume) error { return t.same(v, o.KeepAs) })
	runs, err := p.place(contents)
	if err != nil {
		return nil, err
	}
	next := dataStream{runs: runs, size: int64(len(contents)), modified: o.Time}
	if err := p.switchData(t, next, o.KeepAs); err != nil {
		return nil, err
	}
	return p.change(), p.prove(path, func(data *stream) error { return holdsAll(data, contents) })
}

// switchData plans everything behind the contents: the switch, what becomes of
// the old clusters, and what the directory shows.
func (p *planner) switchData(t *replaceTarget, next dataStream, keepAs string) error {
	fold, err := p.v.foldings()
	if err != nil {
		return err
	}
	err = p.switchRecord(t, next.modified, func(e *recordEdit) error {
		if keepAs != "" {
			if err := e.keepData(keepAs, fold); err != nil {
				return err
			}
		}
		return e.exchangeData(next, p.v.boot.clusterSize, fold)
	})
	if err != nil {
		return err
	}
	if keepAs == "" {
		err = p.free(t.data)
	} else {
		_, err = p.mustStay(t.data)
	}
	if err != nil {
		return err
	}
	return p.showSizes(t, next)
}

// place plans contents into free clusters, which become used.
func (p *planner) place(contents []byte) (RunList, error) {
	runs, err := p.allocate(p.v.clusterCount(int64(len(contents))))
	if err != nil {
		return nil, err
	}
	extents, err := p.v.extents(runs)
	if err != nil {
		return nil, err
	}
	if err := p.v.clustersAlone(extents); err != nil {
		return nil, fmt.Errorf("free clusters: %w", err)
	}
	p.step(StepContents, "write the contents to free clusters")
	p.contents(runs, contents)
	p.step(StepPrepare, "mark these clusters used in $Bitmap")
	return runs, p.mark(runs, true)
}

// free plans the clusters of a stream to be given back.
func (p *planner) free(s *stream) (err error) {
	if p.freed, err = p.mustStay(s); err != nil {
		return err
	}
	p.step(StepFinish, "mark the clusters of the old contents free in $Bitmap")
	return p.mark(p.v.runsOf(s.extents), false)
}

// mustStay makes Run prove that a stream still holds what it holds now: what
// somebody else writes to old contents meanwhile would be lost in the new ones.
func (p *planner) mustStay(s *stream) (Contents, error) {
	sum, err := p.v.sum(s.extents)
	c := Contents{Extents: s.extents, SHA256: sum}
	p.alsoCheck(func(v *Volume) error { return v.stillHolds(c, "the clusters of the old contents") })
	return c, err
}

// dataStream is an unnamed $DATA to be: non-resident, all of it initialized.
type dataStream struct {
	runs     RunList
	size     int64
	modified time.Time // zero: the times stay
}

func (d dataStream) clusters() (n int64) {
	for _, run := range d.runs {
		n += run.Length
	}
	return n
}

// switchRecord plans the commit: the file's record names other clusters. Times
// that lie in another sector than these follow behind.
func (p *planner) switchRecord(t *replaceTarget, modified time.Time, change func(e *recordEdit) error) error {
	p.step(StepCommit, "switch the file's record over")
	number := t.node.base.ref.Number
	times := func(e *recordEdit) error { return e.setTimes(modified) }
	if err := p.guard(p.v.mft.extents, int64(number)*p.v.boot.recordSize, p.v.boot.recordSize); err != nil {
		return err
	}
	err := p.editRecord(number, func(e *recordEdit) error { return errors.Join(change(e), times(e)) })
	if !errors.Is(err, ErrNotSingleSector) {
		return err
	}
	if err := p.editRecord(number, change); err != nil {
		return err
	}
	p.step(StepFinish, "set the file's times")
	return p.editRecordLoosely(number, times)
}

// exchangeData puts next in the place of the unnamed $DATA.
func (e *recordEdit) exchangeData(next dataStream, clusterSize int64, fold upCase) error {
	i, found := e.index(typeData, "", fold)
	if !found {
		return damaged(e.off, "MFT record: $DATA", "present", "none")
	}
	return e.replace(i, next.attribute(e.attrs[i].raw, clusterSize))
}

// keepData copies the unnamed $DATA into an alternate stream: as long as both
// are there, they are the same clusters.
func (e *recordEdit) keepData(keepAs string, fold upCase) error {
	data, found := e.find(typeData, "")
	units, ok := unescapeName(keepAs)
	if !found || !ok {
		return damaged(e.off, "MFT record: $DATA", "present", "none")
	}
	instance, err := e.takeInstance()
	if err != nil {
		return err
	}
	name := newAttrName(units)
	i, _ := e.index(typeData, name, fold)
	return e.insert(i, renamed(data.raw, name, instance))
}

// attribute encodes the stream with the header of another one without name.
func (d dataStream) attribute(header []byte, clusterSize int64) []byte {
	b := append(bytes.Clone(header[:nonResidentHeaderSize]), appendRunList(nil, d.runs)...)
	le.PutUint32(b[attrLength:], uint32(len(b)))
	le.PutUint16(b[attrNameOffset:], nonResidentHeaderSize)
	le.PutUint16(b[attrMappingPairs:], nonResidentHeaderSize)
	le.PutUint64(b[attrHighestVCN:], uint64(d.clusters()-1))
	le.PutUint64(b[attrAllocated:], uint64(d.clusters()*clusterSize))
	le.PutUint64(b[attrDataSize:], uint64(d.size))
	le.PutUint64(b[attrInitialized:], uint64(d.size))
	return b
}

// renamed gives a non-resident attribute record without name a name and another
// instance number.
func renamed(raw []byte, name attrName, instance uint16) []byte {
	b := append(bytes.Clone(raw[:nonResidentHeaderSize]), name...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	pairs := len(b)
	b = append(b, raw[le.Uint16(raw[attrMappingPairs:]):]...)
	le.PutUint32(b[attrLength:], uint32(len(b)))
	b[attrNameLength] = byte(len(name.units()))
	le.PutUint16(b[attrNameOffset:], nonResidentHeaderSize)
	le.PutUint16(b[attrInstance:], instance)
	le.PutUint16(b[attrMappingPairs:], uint16(pairs))
	return b
}

// newAttrName encodes a name as the disk has it.
func newAttrName(units []uint16) attrName {
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = le.AppendUint16(b, u)
	}
	return attrName(b)
}

// setTimes sets when the contents and the record changed.
func (e *recordEdit) setTimes(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	a, ok := e.find(typeStandardInformation, "")
	if !ok || !a.resident() || len(a.value()) < siMinSize {
		return damaged(e.off, "$STANDARD_INFORMATION", fmt.Sprintf("at least %d resident bytes", siMinSize), "none")
	}
	le.PutUint64(a.value()[siModified:], ticks(t))
	le.PutUint64(a.value()[siChanged:], ticks(t))
	return nil
}

// ticks is the way back of filetime. The zero time is none.
func ticks(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.Unix()+secondsTo1970)*ticksPerSecond + uint64(t.Nanosecond()/100)
}

// prove reads the finished plan back, before anything of it is written: this
// package's reader and the other one have to find the data.
func (p *planner) prove(path string, check func(data *stream) error) error {
	v, err := p.view()
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	t, err := v.replaceTarget(path, "")
	if err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	if err := check(t.data); err != nil {
		return fmt.Errorf("the plan read back: %w", err)
	}
	return nil
}

// holdsAll proves that a stream is b and nothing else.
func holdsAll(s *stream, b []byte) error {
	if s.size != int64(len(b)) {
		return damaged(s.off, "$DATA: data size", len(b), s.size)
	}
	return holds(s, 0, b, ErrReadBack)
}
