package crashconfig

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// BootPlan is what is to be changed in the boot store: elements of the entry that starts the installation.
type BootPlan struct {
	Edits
	Entry string // its ID
}

// ErrBootElement says that a change of the boot store concerns something else than the few elements that may be changed.
var ErrBootElement = errors.New("this part of the boot store is never changed")

// guard refuses every change but those of elements that neither BitLocker nor Secure Boot watches. It judges by where a
// change goes, not by who planned it: an undo record comes from a disk or a file, and either may be anybody's.
func (e *Edits) guard(entry string) error {
	for _, c := range e.Changes {
		if !windows.MayChangeBoot(entry, c.Key) || c.Name != windows.ElementValue {
			return fmt.Errorf(`%w: %s\%s`, ErrBootElement, c.Key, c.Name)
		}
	}
	for _, key := range e.RemoveKeys {
		if !windows.MayChangeBoot(entry, key) {
			return fmt.Errorf("%w: %s", ErrBootElement, key)
		}
	}
	return nil
}

// Apply makes the changes in the hive of the store in memory. Given a record, it fills that in, but for where the store
// lies. After any error the hive is half changed and must be thrown away.
func (p *BootPlan) Apply(h *hive.Hive, rec *Record) error {
	if err := p.guard(p.Entry); err != nil {
		return err
	}
	created, err := p.make(h)
	if err != nil || rec == nil {
		return err
	}
	if rec.Boot == nil {
		rec.Boot = &BootRecord{}
	}
	rec.Boot.Entry, rec.Boot.Changes, rec.Boot.Created = p.Entry, recordedChanges(p.Changes), created
	return rec.Boot.check()
}

// BootRecord is the part of an undo record that is about the boot store.
type BootRecord struct {
	Path    string           `json:"path"`                    // slash path of the store on its volume
	Serial  string           `json:"volume_serial,omitempty"` // hex
	Entry   string           `json:"entry"`                   // ID of the entry
	Changes []RecordedChange `json:"changes"`
	Created []string         `json:"created_keys,omitempty"` // parents first
}

func (r *BootRecord) check() error {
	if r == nil {
		return nil
	}
	e := Edits{RemoveKeys: r.Created}
	for _, c := range r.Changes {
		e.Changes = append(e.Changes, Change{Key: c.Key, Name: c.Name})
	}
	if err := e.guard(r.Entry); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

// undoBoot plans the boot store back.
func (p *Plan) undoBoot(r *BootRecord, later arms, o UndoOptions) error {
	switch {
	case r == nil:
		return nil
	case o.Boot == nil:
		p.BootLeft = o.BootProblem
		return nil
	case !keyExists(o.Boot, windows.EntryKey(r.Entry)):
		p.Notes = append(p.Notes, "The boot entry that arm changed is gone: the boot store was made anew since, and is left as it is.")
		return nil
	}
	p.Boot = &BootPlan{Entry: r.Entry}
	return p.Boot.takeBack(o.Boot, r.Changes, r.Created, later.elements(o.Boot, r), o.OverwriteChanged)
}

// bootWish is an element as it is wanted.
type bootWish struct {
	element windows.ElementType
	data    []byte
	why     string
	fixes   []string
}

// bootFlag is a boolean element as bcdedit writes it: one byte.
func bootFlag(t windows.ElementType, on bool, why string, fixes ...string) bootWish {
	data := []byte{0}
	if on {
		data[0] = 1
	}
	return bootWish{t, data, why, fixes}
}

// bootNumber is an integer element: eight bytes.
func bootNumber(t windows.ElementType, n uint64, why string, fixes ...string) bootWish {
	return bootWish{t, binary.LittleEndian.AppendUint64(nil, n), why, fixes}
}

// Values of bootstatuspolicy ("BcdOSLoaderElementTypes", BootStatusPolicy).
const (
	displayAllFailures = 0
	ignoreAllFailures  = 1
)

// boot plans the changes of the boot store, which is the same whatever control set boots.
func (d *draft) boot() error {
	if d.f.Boot == nil {
		return d.noBootStore()
	}
	before := d.f.Clone()
	after := *d.f.Boot
	d.f.Boot = &after
	wishes := slices.Concat(d.wishBootLog(&after), d.wishAutoRepair(&after), d.wishAutoReboot(&after))
	if len(wishes) == 0 {
		return nil
	}
	p := &BootPlan{Entry: after.Entry}
	for _, w := range wishes {
		p.Changes = append(p.Changes, w.change(&after))
	}
	d.plan.Boot = p
	p.noteWhatElse(d.f)
	keepTrueFixes(before, d.f, p.Changes)
	return nil
}

// change is what makes a wish true in the entry.
func (w bootWish) change(s *windows.BootSettings) Change {
	c := Change{
		Key: windows.ElementKey(s.Entry, w.element), Name: windows.ElementValue, Why: w.why, Fixes: w.fixes,
		New: &hive.Value{Name: windows.ElementValue, Type: hive.Binary, Data: w.data},
	}
	if el, ok := s.Own(w.element); ok {
		c.Old = &hive.Value{Name: windows.ElementValue, Type: el.Raw.Type, Data: slices.Clone(el.Raw.Data)}
	}
	return c
}

// noteWhatElse says what a change of the store means on this machine.
func (p *BootPlan) noteWhatElse(f *windows.Facts) {
	note := func(format string, args ...any) { p.Notes = append(p.Notes, fmt.Sprintf(format, args...)) }
	if n := f.Boot.Others; n > 0 {
		note("Further entries of the boot store that start this Windows, and are left alone: %d.", n)
	}
	if !f.Boot.Default {
		note("The boot manager does not start this entry by itself: choose it in the menu.")
	}
	if f.Boot.Loose {
		note("The entry names no partition; it was taken because it starts %s.", f.Root)
	}
	if f.Volume.BitLocker {
		note("BitLocker does not watch these settings unless a policy says so: have the recovery key at hand.")
	}
}

// noBootStore refuses what was asked for and cannot be, and passes over what only a profile adds.
func (d *draft) noBootStore() error {
	why := d.f.BootProblem
	if why == "" {
		why = "from a bare hive, or an image in an archive, no boot configuration store is in reach"
	}
	if d.f.Before(windows.BuildVista) {
		why = "this Windows is older than the boot configuration store"
	}
	for _, c := range []struct {
		flag  string
		asked Choice
	}{{"--boot-log", d.asked.BootLog}, {"--no-auto-repair", d.asked.AutoRepair}} {
		if c.asked != ByDefault {
			return refuse(c.flag, "%s", why)
		}
	}
	known := d.f.BootProblem != "" && d.s.AutoReboot != ByDefault
	if d.s.BootLog != ByDefault || d.s.AutoRepair != ByDefault || known {
		d.note("The boot store is left alone: %s.", why)
	}
	return nil
}

// wishBootLog plans bootlog.
func (d *draft) wishBootLog(after *windows.BootSettings) []bootWish {
	on := d.s.BootLog == Yes
	if d.s.BootLog == ByDefault || after.BootLog.Value == on {
		return nil
	}
	after.BootLog = windows.BootValue[bool]{Value: on, Origin: windows.Set}
	if !on {
		return []bootWish{bootFlag(windows.ElementBootLog, false, "the start lists no drivers")}
	}
	return []bootWish{bootFlag(windows.ElementBootLog, true, `the start lists every driver it loads in %SystemRoot%\ntbtlog.txt`)}
}

// wishAutoRepair plans automatic repair. Two starts that failed lead into it, also where they were crashed on purpose,
// and before the session manager has saved the dump: so neither may the boot manager start it nor count the failures.
func (d *draft) wishAutoRepair(after *windows.BootSettings) (wishes []bootWish) {
	enabled, policy := after.RecoveryEnabled, after.BootStatusPolicy
	want := windows.BootValue[bool]{Value: d.s.AutoRepair == Yes, Origin: windows.Set}
	switch d.s.AutoRepair {
	case No:
		if enabled.Value || !enabled.IsSet() {
			after.RecoveryEnabled = want
			wishes = append(wishes, bootFlag(windows.ElementRecoveryEnabled, false, "after crashed starts Windows starts again and saves the dump, rather than repair itself", "R02"))
		}
		if policy.Value != ignoreAllFailures {
			after.BootStatusPolicy = windows.BootValue[uint64]{Value: ignoreAllFailures, Origin: windows.Set}
			wishes = append(wishes, bootNumber(windows.ElementBootStatusPolicy, ignoreAllFailures, "the boot manager does not count a crash as a failed start", "R02"))
		}
	case Yes:
		if enabled.IsSet() && !enabled.Value {
			after.RecoveryEnabled = want
			wishes = append(wishes, bootFlag(windows.ElementRecoveryEnabled, true, "automatic repair starts after failed starts"))
		}
		if policy.Value == ignoreAllFailures {
			after.BootStatusPolicy = windows.BootValue[uint64]{Value: displayAllFailures, Origin: windows.Set}
			wishes = append(wishes, bootNumber(windows.ElementBootStatusPolicy, displayAllFailures, "failed starts count again"))
		}
	default:
	}
	return wishes
}

// wishAutoReboot keeps nocrashautoreboot, which beats AutoReboot, from saying the opposite.
func (d *draft) wishAutoReboot(after *windows.BootSettings) []bootWish {
	stay := d.s.AutoReboot == No
	if d.s.AutoReboot == ByDefault || after.NoCrashAutoReboot.Value == stay {
		return nil
	}
	after.NoCrashAutoReboot = windows.BootValue[bool]{Value: stay, Origin: windows.Set}
	why := "the boot store lets the machine restart after the dump, too"
	if stay {
		why = "the machine stays on the stop screen, whatever AutoReboot becomes"
	}
	return []bootWish{bootFlag(windows.ElementNoCrashAutoReboot, stay, why)}
}
