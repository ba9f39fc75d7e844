package crashconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// UndoOptions describe the installation at hand and say how far an undo may go. What is empty is unknown and not compared
// with the record.
type UndoOptions struct {
	Machine          string // its name
	Serial           string // of its volume, as [Record] has it
	SystemPath       string // slash path of its SYSTEM hive
	OverwriteChanged bool   // put back values that somebody changed since, too
	AcceptOther      bool   // take the record of another machine or volume

	Boot        *hive.Hive // the boot store that the record names; nil if it cannot be changed
	BootProblem string     // why not
}

// NewUndoOptions describes an installation; nothing is overwritten, no other record accepted.
func NewUndoOptions(f *windows.Facts) UndoOptions {
	return UndoOptions{Machine: f.Name.Value, Serial: serialText(f), SystemPath: systemPath(f)}
}

// checkTarget makes sure that the record belongs to the installation at hand.
func (o UndoOptions) checkTarget(r *Record) error {
	for _, c := range []struct{ what, record, here string }{
		{"machine", r.Machine, o.Machine}, {"the volume with serial number", r.Serial, o.Serial}, {"the registry", r.System, o.SystemPath},
	} {
		known := c.record != "" && c.here != ""
		if known && !strings.EqualFold(c.record, c.here) && !o.AcceptOther {
			return fmt.Errorf("%w: it is of %s %s, this is %s", ErrOtherTarget, c.what, c.record, c.here)
		}
	}
	return nil
}

// Conflict is a value that holds neither what the arm wrote nor what was there before, or that a later arm changed too:
// then it waits for the undo of that one, which puts back what this one wrote.
type Conflict struct {
	Key, Name string
	Wrote     *hive.Value // by the arm; nil: deleted
	Now       *hive.Value // nil: absent
	Later     string      // id of the later arm; empty if somebody else changed it
}

// PlanUndo works out how to take an arm back: every value, type and absence as it was, and created keys gone. What
// somebody changed since is left alone and reported, unless it may be overwritten. The record of another installation is
// [ErrOtherTarget]. Several arms are undone latest first, or in any order: what a later one changed too waits for it.
func PlanUndo(h *hive.Hive, rec *Record, o UndoOptions) (*Plan, error) {
	if err := rec.check(); err != nil {
		return nil, err
	}
	if err := o.checkTarget(rec); err != nil {
		return nil, err
	}
	later, err := laterRecords(h, rec)
	if err != nil {
		return nil, err
	}
	p := &Plan{ControlSet: rec.ControlSet}
	if err := p.takeBack(h, rec.Changes, rec.Created, later.values(h), o.OverwriteChanged); err != nil {
		return nil, err
	}
	if err := p.undoBoot(rec.Boot, later, o); err != nil {
		return nil, err
	}
	// A record of which something is left to undo stays.
	isWhole := p.BootLeft == "" && !p.waits()
	if isWhole && keyExists(h, recordRoot+`\`+rec.ID) {
		p.forget = rec.ID
	}
	p.noteOthers(h, rec)
	p.noteOtherSet(h, rec)
	return p, nil
}

// waits reports that something is left to undo.
func (p *Plan) waits() bool {
	return p.LeftAlone() > 0 || p.waiting || p.Boot != nil && p.Boot.waiting
}

// takeBack plans values back, the last one first, and the removal of keys that were created for them.
func (e *Edits) takeBack(h *hive.Hive, changes []RecordedChange, created []string, later laterChanges, overwrite bool) error {
	for _, c := range slices.Backward(changes) {
		e.undo(h, c, later.of(c.Key, c.Name), overwrite)
	}
	return e.removeCreated(h, created, later)
}

// undo plans one value back. later is the arm that changed it since, if one did.
func (e *Edits) undo(h *hive.Hive, c RecordedChange, later string, overwrite bool) {
	now, wrote, before := valueAt(h, c.Key, c.Name), c.New.value(c.Name), c.Old.value(c.Name)
	why := "as it was before"
	switch changed := later != "" || !same(now, before) && !same(now, wrote); {
	case changed && !overwrite:
		e.Conflicts = append(e.Conflicts, Conflict{Key: c.Key, Name: c.Name, Wrote: wrote, Now: now, Later: later})
		return
	case changed:
		why += fmt.Sprintf("; it was changed since: arm had written %s", Describe(wrote))
	}
	if !same(now, before) {
		e.Changes = append(e.Changes, Change{Key: c.Key, Name: c.Name, Old: now, New: before, Why: why})
	}
}

// removeCreated plans to delete the keys that the arm created, as far as the undo leaves them empty.
func (e *Edits) removeCreated(h *hive.Hive, created []string, later laterChanges) error {
	for _, key := range slices.Backward(created) {
		empty, err := e.empties(h, key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("look into key %s: %w", key, err)
		case empty:
			e.RemoveKeys = append(e.RemoveKeys, key)
		case later.below(key) != "":
			e.waiting = true
			e.Notes = append(e.Notes, fmt.Sprintf("The key %s stays until the later change %s is undone.", key, later.below(key)))
		default:
			e.Notes = append(e.Notes, fmt.Sprintf("The key %s stays: arm created it, but somebody else put something in.", key))
		}
	}
	return nil
}

// empties reports whether nothing is left in a key once the plan's values and keys are gone.
func (e *Edits) empties(h *hive.Hive, key string) (bool, error) {
	k, err := h.Key(key)
	if err != nil {
		return false, err
	}
	for v, err := range k.Values() {
		if err != nil || !e.deletes(key, v.Name) {
			return false, err
		}
	}
	for sub, err := range k.Subkeys() {
		if err != nil || !containsFold(e.RemoveKeys, key+`\`+sub.Name()) {
			return false, err
		}
	}
	return !slices.ContainsFunc(e.Changes, func(c Change) bool { return c.New != nil && strings.EqualFold(c.Key, key) }), nil
}

func (e *Edits) deletes(key, name string) bool {
	return slices.ContainsFunc(e.Changes, func(c Change) bool {
		return c.New == nil && strings.EqualFold(c.Key, key) && strings.EqualFold(c.Name, name)
	})
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(t string) bool { return strings.EqualFold(s, t) })
}

// noteOthers says which other arms are still in place: a later one, which should have gone first, or an earlier one.
func (p *Plan) noteOthers(h *hive.Hive, rec *Record) {
	list, err := Records(h)
	if err != nil || len(list) == 0 {
		return
	}
	if compareIDs(list[0].ID, rec.ID) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("A later change (%s) is still in place; undo that one first.", list[0].ID))
		return
	}
	for _, r := range list {
		if compareIDs(r.ID, rec.ID) < 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("An earlier change (%s) is still in place: run undo again to take it back too.", r.ID))
			return
		}
	}
}

// noteOtherSet says that another control set boots by now: it may be a copy that Windows made of the armed one.
func (p *Plan) noteOtherSet(h *hive.Hive, rec *Record) {
	boots := valueAt(h, "Select", "Default")
	if boots == nil {
		return
	}
	n, ok := boots.Uint32()
	if set := fmt.Sprintf("ControlSet%03d", n); ok && !strings.EqualFold(set, rec.ControlSet) {
		p.Notes = append(p.Notes, fmt.Sprintf("%s boots now; %s was armed and is put back. Look at the other one with hangkit check.", set, rec.ControlSet))
	}
}

// Describe writes a value for people: `2`, `"C:\pagefile.sys"`, `absent`.
func Describe(v *hive.Value) string {
	if v == nil {
		return "absent"
	}
	if n, ok := v.Uint32(); ok && v.Type == hive.DWORD {
		return strconv.FormatUint(uint64(n), 10)
	}
	switch v.Type {
	case hive.SZ, hive.ExpandSZ:
		return strconv.Quote(v.Text())
	case hive.MultiSZ:
		return fmt.Sprintf("%q", v.Strings())
	default:
	}
	return fmt.Sprintf("%s, %d bytes", v.Type, len(v.Data))
}
