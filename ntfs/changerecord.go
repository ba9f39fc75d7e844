package ntfs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// ErrNotSingleSector says that a change of a record or an index block does not
// fit one sector, so that a cut could leave half of it.
var ErrNotSingleSector = errors.New("the change does not fit one sector")

// recordEdit is an MFT record being changed: unsealed, cut into attributes.
type recordEdit struct {
	*record
}

// replace puts raw, a whole attribute record, in the place of attribute i.
func (e *recordEdit) replace(i int, raw []byte) error {
	return e.lay(slices.Replace(e.raws(), i, i+1, raw))
}

// insert puts raw, a whole attribute record, before attribute i.
func (e *recordEdit) insert(i int, raw []byte) error {
	return e.lay(slices.Insert(e.raws(), i, raw))
}

// remove takes attribute i out.
func (e *recordEdit) remove(i int) error {
	return e.lay(slices.Delete(e.raws(), i, i+1))
}

// raws copies the attributes.
func (e *recordEdit) raws() [][]byte {
	raws := make([][]byte, len(e.attrs))
	for i, a := range e.attrs {
		raws[i] = bytes.Clone(a.raw)
	}
	return raws
}

const endMarkerSize = 8 // the marker and four bytes nobody reads

// ErrRecordFull says that an MFT record has no room for what is to be put there.
var ErrRecordFull = errors.New("the MFT record has no room")

// lay writes the attributes and the end marker behind each other. What lay
// behind the marker stays there: nothing reads it, and Windows leaves other bytes
// than zeros, which would be a change of one more sector.
func (e *recordEdit) lay(raws [][]byte) error {
	start := int(le.Uint16(e.raw[recordAttributes:]))
	used := start + endMarkerSize
	for _, raw := range raws {
		used += len(raw)
	}
	if used > len(e.raw) {
		return fmt.Errorf("%w: %d bytes are needed, it has %d", ErrRecordFull, used, len(e.raw))
	}
	pos := start
	for _, raw := range raws {
		pos += copy(e.raw[pos:], raw)
	}
	le.PutUint32(e.raw[pos:], typeEnd)
	le.PutUint32(e.raw[recordBytesInUse:], uint32(used))
	attrs, err := parseAttributes(e.raw[:used], start, e.off)
	e.attrs = attrs
	return err
}

// index returns the place of an attribute, and the one it would have if it is
// not there: attributes are in the order of type and folded name.
func (e *recordEdit) index(kind uint32, name attrName, fold upCase) (i int, found bool) {
	for i, a := range e.attrs {
		order := fold.compare(a.name().units(), name.units())
		switch {
		case a.kind() == kind && a.named(name):
			return i, true
		case a.kind() > kind, a.kind() == kind && order > 0:
			return i, false
		}
	}
	return len(e.attrs), false
}

// takeInstance hands out the next instance number of the record.
func (e *recordEdit) takeInstance() (uint16, error) {
	next := le.Uint16(e.raw[recordNextInstance:])
	if next >= maxInstance {
		return 0, fmt.Errorf("%w: its instance numbers are used up", ErrRecordFull)
	}
	le.PutUint16(e.raw[recordNextInstance:], next+1)
	return next, nil
}

const (
	recordNextInstance = 0x28
	// maxInstance is where chkdsk begins to number the attributes anew.
	maxInstance = 0xf000
)

// editRecord plans a change of an MFT record as one that a single sector makes:
// with that sector, in the current step, it is there, without it it is not.
//
// Bytes behind those in use are nobody's: what the record needs there is put
// into a StepPrepare before, and what it leaves there is not touched. Everything
// else that would need a second sector is ErrNotSingleSector.
func (p *planner) editRecord(number uint64, edit func(e *recordEdit) error) error {
	c, err := p.recordChange(p.v.mft.extents, number, edit)
	if err != nil {
		return err
	}
	if err := p.commit(c); err != nil {
		return fmt.Errorf("MFT record %d: %w", number, err)
	}
	return nil
}

// editRecordLoosely plans a change of an MFT record of which every mixture of
// old and new sectors is harmless: times, or sizes nobody relies on.
func (p *planner) editRecordLoosely(number uint64, edit func(e *recordEdit) error) error {
	c, err := p.recordChange(p.v.mft.extents, number, edit)
	if err != nil {
		return err
	}
	return p.metadataAt(c.extents, c.after, c.off)
}

// recordChange edits a record of $MFT, or of its mirror, as the steps so far
// leave it.
func (p *planner) recordChange(table []Extent, number uint64, edit func(e *recordEdit) error) (*blockChange, error) {
	size := p.v.boot.recordSize
	c := &blockChange{extents: table, off: int64(number) * size, before: make([]byte, size)}
	if _, err := readExtents(&p.dev, c.extents, c.before, c.off); err != nil {
		return nil, err
	}
	r, err := parseRecord(bytes.Clone(c.before), number, deviceOffset(c.extents, c.off))
	if err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	c.used = int64(le.Uint32(r.raw[recordBytesInUse:]))
	if err := edit(&recordEdit{r}); err != nil {
		return nil, fmt.Errorf("MFT record %d: %w", number, err)
	}
	c.after = r.raw
	reseal(c.after, c.before)
	return c, nil
}

// blockChange is a sealed structure and what is to become of it, both as the
// device has them.
type blockChange struct {
	extents       []Extent // of the stream it is part of
	off           int64    // there
	before, after []byte
	used          int64 // bytes in use before; those behind are nobody's
}

// commit plans a change so that one sector makes it. It looks at pieces of 512
// bytes on longer sectors too, so that as little as possible depends on these
// being written whole.
func (p *planner) commit(c *blockChange) error {
	early, late := c.pieces()
	for _, at := range late {
		if p.sectorOf(c, at) != p.sectorOf(c, late[0]) {
			return fmt.Errorf("%w: the pieces at %d of it are to change together", ErrNotSingleSector, late)
		}
	}
	if err := p.before(early, c); err != nil {
		return err
	}
	return p.piecesOf(c, late)
}

// pieces says where the pieces that change begin: those of which no byte in use
// changes, and the others.
func (c *blockChange) pieces() (early, late []int64) {
	for at := int64(0); at < int64(len(c.before)); at += fixupStride {
		end := at + fixupStride
		inUse := min(max(c.used, at), end)
		switch {
		case bytes.Equal(c.before[at:end], c.after[at:end]):
		case bytes.Equal(c.before[at:inUse], c.after[at:inUse]):
			early = append(early, at)
		default:
			late = append(late, at)
		}
	}
	return early, late
}

func (p *planner) sectorOf(c *blockChange, at int64) int64 {
	return deviceOffset(c.extents, c.off+at) / p.v.boot.sectorSize
}

// piecesOf plans pieces of a change into the current step.
func (p *planner) piecesOf(c *blockChange, pieces []int64) error {
	for _, at := range pieces {
		if err := p.metadataAt(c.extents, c.after[at:at+fixupStride], c.off+at); err != nil {
			return err
		}
	}
	return nil
}

// before plans pieces of a change into the StepPrepare before the current step.
func (p *planner) before(pieces []int64, c *blockChange) error {
	if len(pieces) == 0 {
		return nil
	}
	last := len(p.steps) - 1
	current := p.steps[last]
	p.steps = p.steps[:last]
	if last == 0 || p.steps[last-1].Kind != StepPrepare {
		p.step(StepPrepare, "fill the part of the record that is not in use")
	}
	err := p.piecesOf(c, pieces)
	p.steps = append(p.steps, current)
	return err
}

// reseal puts the seal of a structure as it lies on the device on a changed,
// unsealed one: the number stays, the displaced bytes follow the change.
func reseal(b, sealed []byte) {
	start := int(le.Uint16(sealed[fixupOffset:]))
	usn, displaced := sealed[start:start+2], b[start+2:]
	for i := range len(b) / fixupStride {
		tail := b[(i+1)*fixupStride-2 : (i+1)*fixupStride]
		copy(displaced[2*i:2*i+2], tail)
		copy(tail, usn)
	}
}
