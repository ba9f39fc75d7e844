package crashconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// ErrNoControlSet says that the control set of the next boot cannot be found, so that nothing can be planned.
var ErrNoControlSet = errors.New("no control set to change")

// Change is one value to write or delete.
type Change struct {
	Key   string      // below the root of SYSTEM, `ControlSet001\Control\CrashControl`
	Name  string      //
	Old   *hive.Value // nil: absent
	New   *hive.Value // nil: delete
	Why   string
	Fixes []string // ids of the rules that complained before and do not after
}

// Edits are changes to a hive, in the order they are made. Nothing of them has happened yet.
type Edits struct {
	Changes []Change
	Notes   []string // what was left alone and why, what to keep in mind
	// RemoveKeys are keys to delete, which the changes leave empty, deepest first: those an arm created. Undo plans only.
	RemoveKeys []string
	// Conflicts are values that somebody changed since; they are left alone. Undo plans only.
	Conflicts []Conflict

	waiting bool // a key waits for the undo of a later arm
}

// Empty reports edits that change nothing.
func (e *Edits) Empty() bool { return len(e.Changes) == 0 && len(e.RemoveKeys) == 0 }

// Plan is what is to be changed in a SYSTEM hive, and in the boot store that starts its Windows.
type Plan struct {
	Edits
	ControlSet string
	// Boot is nil where nothing of the boot store is concerned.
	Boot *BootPlan
	// BootLeft says why the boot store cannot be put back, empty where it can. Undo plans only.
	BootLeft string
	// After are the facts as the changes will make them: Check(p.After) tells whether they suffice. Nil in an undo plan.
	After *windows.Facts

	forget string // id of the record in the hive that the plan takes back
}

// Empty reports a plan that changes nothing.
func (p *Plan) Empty() bool {
	return p.Edits.Empty() && p.forget == "" && (p.Boot == nil || p.Boot.Empty())
}

// LeftAlone counts the values that an undo leaves as somebody changed them.
func (p *Plan) LeftAlone() int {
	n := len(p.Conflicts)
	if p.Boot != nil {
		n += len(p.Boot.Conflicts)
	}
	return n
}

// PlanArm works out what to change so that the next boot is ready for a dump. Values that are right already are left
// alone. What cannot work on this Windows is a [*RefusedError]; nothing is written.
func PlanArm(i *windows.Installation, f *windows.Facts, s Settings) (*Plan, error) {
	if f.ControlSet.Name == "" {
		return nil, fmt.Errorf("%w: %s", ErrNoControlSet, f.ControlSet.Problem)
	}
	d := newDraft(i, f, s)
	if err := d.arm(); err != nil {
		return nil, err
	}
	if err := d.boot(); err != nil {
		return nil, err
	}
	d.leaveAlone()
	if s.AllControlSets {
		d.armOthers(f)
	}
	d.plan.After = d.f
	return d.plan, nil
}

// arm plans one control set.
func (d *draft) arm() error {
	before := d.f.Clone()
	for _, step := range []func(*draft) error{
		(*draft).consent, (*draft).dumpType, (*draft).dumpFile, (*draft).dedicated, (*draft).keeping, (*draft).pageFile,
		(*draft).copyOfDedicated, (*draft).leftovers, (*draft).nmi, (*draft).keyboard, (*draft).powerButton, (*draft).fastStartup, (*draft).sdDisk,
	} {
		if err := step(d); err != nil {
			return err
		}
	}
	d.keepTrueFixes(before)
	return nil
}

// armOthers plans the control sets that do not boot, each by its own facts: what is wrong in one need not be in another.
// A set for which the settings are refused is left alone.
func (d *draft) armOthers(f *windows.Facts) {
	for _, set := range f.ControlSet.All {
		if strings.EqualFold(set, f.ControlSet.Name) {
			continue
		}
		other := newDraft(d.i, d.i.FactsOf(f, set), d.asked)
		if err := other.arm(); err != nil {
			d.note("%s is left alone: %v.", set, err)
			continue
		}
		d.plan.Changes = append(d.plan.Changes, other.plan.Changes...)
		for _, n := range other.plan.Notes {
			if !slices.Contains(d.plan.Notes, n) {
				d.note("%s: %s", set, n)
			}
		}
	}
}

// draft is a plan in the making. Its facts already show what the plan changes, so that later steps see earlier ones.
type draft struct {
	i     *windows.Installation
	f     *windows.Facts
	asked Settings // by the user
	s     Settings // the same with what the profile adds
	plan  *Plan
}

func newDraft(i *windows.Installation, f *windows.Facts, s Settings) *draft {
	d := &draft{i: i, f: f.Clone(), asked: s, s: s.withProfile(), plan: &Plan{ControlSet: f.ControlSet.Name}}
	d.winPE()
	return d
}

func (d *draft) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(d.plan.Notes, text) {
		d.plan.Notes = append(d.plan.Notes, text)
	}
}

// keepTrueFixes reduces the rules a change may satisfy to those that complained, and are silent or milder now.
func (d *draft) keepTrueFixes(before *windows.Facts) {
	keepTrueFixes(before, d.f, d.plan.Changes)
}

// keepTrueFixes does so for changes that lead from one set of facts to the other.
func keepTrueFixes(before, after *windows.Facts, changes []Change) {
	was, is := Check(before), Check(after)
	for i := range changes {
		c := &changes[i]
		c.Fixes = slices.DeleteFunc(slices.Clone(c.Fixes), func(id string) bool {
			old, complained := was.Find(id)
			now, complains := is.Find(id)
			return !complained || complains && now.Verdict >= old.Verdict
		})
	}
}

// set plans a value, unless it is there already.
func (d *draft) set(v *windows.Values, val hive.Value, why string, fixes ...string) {
	old, ok := v.Value(val.Name)
	if ok {
		val.Name = old.Name // keep the case it is written in
	}
	if ok && old.Equal(val) {
		return
	}
	c := Change{Key: v.Key, Name: val.Name, New: &val, Why: why, Fixes: fixes}
	if ok {
		c.Old = &old
	}
	d.plan.Changes = append(d.plan.Changes, c)
	*v = v.With(val)
}

func dword(name string, n uint32) hive.Value {
	return hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(n)}
}

// setDefaulted plans a number, unless it is there already, or absent while it is what Windows assumes then.
func (d *draft) setDefaulted(v *windows.Values, name string, n, absent uint32, why string, fixes ...string) {
	if !v.Has(name) && n == absent {
		return
	}
	d.set(v, dword(name, n), why, fixes...)
}

// remove plans to delete a value, if it is there.
func (d *draft) remove(v *windows.Values, name, why string, fixes ...string) {
	old, ok := v.Value(name)
	if !ok {
		return
	}
	d.plan.Changes = append(d.plan.Changes, Change{Key: v.Key, Name: old.Name, Old: &old, Why: why, Fixes: fixes})
	*v = v.Without(name)
}

// valueAt returns a value of the hive, nil if it or its key is absent.
func valueAt(h *hive.Hive, key, name string) *hive.Value {
	k, err := h.Key(key)
	if err != nil {
		return nil
	}
	v, err := k.Value(name)
	if err != nil {
		return nil
	}
	return &v
}

// same compares values in type and data; nil is an absent value.
func same(a, b *hive.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Equal(*b)
}
