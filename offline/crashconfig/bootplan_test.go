package crashconfig_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// bootMachine is a machine whose boot store has these elements in the entry of its Windows.
type bootMachine struct {
	machine
	store *hive.Hive
}

var bootVolume = windows.VolumeID{PartitionGUID: "09931F21-7FAF-44A9-81D8-1E73C14B9EAF"}

func newBootMachine(tb testing.TB, elements sample.BCDElements) *bootMachine {
	tb.Helper()
	h, err := sample.BCD(sample.BCDOptions{EFI: true, Volume: bootVolume, Elements: elements, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	h.AllowGrowth(1 << 20)
	b, err := windows.OpenBCD(h)
	if err != nil {
		tb.Fatal(err)
	}
	settings, ok := b.BootSettings(bootVolume, "Windows")
	if !ok {
		tb.Fatal("no entry")
	}
	l := live
	l.Boot = settings
	return &bootMachine{newMachine(tb, sample.Client(), l), h}
}

// elements are those of the loader's entry, in words.
func (m *bootMachine) elements(tb testing.TB) map[string]string {
	tb.Helper()
	b, err := windows.OpenBCD(m.store)
	if err != nil {
		tb.Fatal(err)
	}
	list := map[string]string{}
	for _, e := range b.Entries {
		for _, el := range e.Elements {
			list[e.ID+" "+el.Name] = fmt.Sprint(el.Raw)
		}
	}
	return list
}

func (m *bootMachine) arm(tb testing.TB, s crashconfig.Settings) *crashconfig.Record {
	tb.Helper()
	p, rec := m.plan(tb, s), crashconfig.NewRecord(m.f, "hangkit test", now)
	if p.Boot != nil {
		if err := p.Boot.Apply(m.store, rec); err != nil {
			tb.Fatal(err)
		}
	}
	if stored, err := p.Apply(m.i.System, rec); err != nil || !stored {
		tb.Fatalf("Apply: stored %v, %v", stored, err)
	}
	return rec
}

func (m *bootMachine) planUndo(tb testing.TB, rec *crashconfig.Record, o crashconfig.UndoOptions) *crashconfig.Plan {
	tb.Helper()
	p, err := crashconfig.PlanUndo(m.i.System, rec, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// element is a change of an element in words: "bootlog absent Yes".
func elementChanges(p *crashconfig.BootPlan) (list []string) {
	if p == nil {
		return nil
	}
	for _, c := range p.Changes {
		name, old := windows.LoaderElement(c.Key, c.Old)
		_, renewed := windows.LoaderElement(c.Key, c.New)
		list = append(list, strings.Join([]string{name, old, renewed}, ","))
	}
	return list
}

const (
	recoveryEnabled   = windows.ElementRecoveryEnabled
	bootStatusPolicy  = windows.ElementBootStatusPolicy
	noCrashAutoReboot = windows.ElementNoCrashAutoReboot
	bootLog           = windows.ElementBootLog
)

// What is asked for is planned where it is not so already, and nothing without being asked for.
func TestBootPlan(t *testing.T) {
	t.Parallel()
	type s = crashconfig.Settings
	const yes, no = crashconfig.Yes, crashconfig.No
	for name, tt := range map[string]struct {
		elements sample.BCDElements
		settings s
		want     []string
	}{
		"nothing":              {nil, s{}, nil},
		"boot log":             {nil, s{BootLog: yes}, []string{"bootlog,,Yes"}},
		"boot log was off":     {sample.BCDElements{bootLog: false}, s{BootLog: yes}, []string{"bootlog,No,Yes"}},
		"boot log is on":       {sample.BCDElements{bootLog: true}, s{BootLog: yes}, nil},
		"two bytes are on too": {sample.BCDElements{bootLog: []byte{1, 0}}, s{BootLog: yes}, nil},
		"no boot log":          {sample.BCDElements{bootLog: true}, s{BootLog: no}, []string{"bootlog,Yes,No"}},
		"no boot log there":    {nil, s{BootLog: no}, nil},
		"no repair":            {nil, s{AutoRepair: no}, []string{"recoveryenabled,Yes,No", "bootstatuspolicy,,IgnoreAllFailures"}},
		"no repair, unset":     {sample.BCDElements{recoveryEnabled: nil}, s{AutoRepair: no}, []string{"recoveryenabled,,No", "bootstatuspolicy,,IgnoreAllFailures"}},
		"no repair already":    {sample.BCDElements{recoveryEnabled: false, bootStatusPolicy: 1}, s{AutoRepair: no}, nil},
		"other policy":         {sample.BCDElements{recoveryEnabled: false, bootStatusPolicy: 2}, s{AutoRepair: no}, []string{"bootstatuspolicy,IgnoreShutdownFailures,IgnoreAllFailures"}},
		"repair":               {sample.BCDElements{recoveryEnabled: false, bootStatusPolicy: 1}, s{AutoRepair: yes}, []string{"recoveryenabled,No,Yes", "bootstatuspolicy,IgnoreAllFailures,DisplayAllFailures"}},
		"repair, unset":        {sample.BCDElements{recoveryEnabled: nil}, s{AutoRepair: yes}, nil},
		"stay":                 {nil, s{AutoReboot: no}, []string{"nocrashautoreboot,,Yes"}},
		"stays already":        {sample.BCDElements{noCrashAutoReboot: true}, s{AutoReboot: no}, nil},
		"restart":              {sample.BCDElements{noCrashAutoReboot: true}, s{AutoReboot: yes}, []string{"nocrashautoreboot,Yes,No"}},
		"restart, unset":       {nil, s{AutoReboot: yes}, nil},
		"unreadable":           {sample.BCDElements{bootLog: []byte{}}, s{BootLog: yes}, []string{"bootlog, (a value of 0 bytes is no boolean),Yes"}},
		"one shot": {nil, s{Profile: crashconfig.OneShot},
			[]string{"bootlog,,Yes", "recoveryenabled,Yes,No", "bootstatuspolicy,,IgnoreAllFailures", "nocrashautoreboot,,Yes"}},
		"all control sets": {nil, s{BootLog: yes, AllControlSets: true}, []string{"bootlog,,Yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newBootMachine(t, tt.elements)
			p := m.plan(t, tt.settings)
			if got := elementChanges(p.Boot); !slices.Equal(got, tt.want) {
				t.Fatalf("%q, want %q", got, tt.want)
			}
			if _, complains := crashconfig.Check(p.After).Find("R02"); complains && tt.settings.AutoRepair == no {
				t.Error("armed, and R02 complains")
			}
			before := m.elements(t)
			m.arm(t, tt.settings)
			after := m.elements(t)
			for key, v := range before {
				changed := p.Boot != nil && slices.ContainsFunc(elementChanges(p.Boot), func(c string) bool { return strings.HasPrefix(c, key[strings.LastIndexByte(key, ' ')+1:]+",") })
				if isOurs := changed && strings.HasPrefix(key, sample.LoaderID); after[key] != v && !isOurs {
					t.Errorf("%s: %s, was %s", key, after[key], v)
				}
			}
			again, err := windows.OpenBCD(m.store)
			if err != nil {
				t.Fatal(err)
			}
			m.f.Boot, _ = again.BootSettings(bootVolume, "Windows")
			if rest := m.plan(t, tt.settings).Boot; rest != nil {
				t.Errorf("armed, and yet %q is planned", elementChanges(rest))
			}
		})
	}
}

// Values are stored as bcdedit stores them.
func TestBootValues(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	for i, c := range m.plan(t, crashconfig.Settings{BootLog: crashconfig.Yes, AutoRepair: crashconfig.No}).Boot.Changes {
		if want := [][]byte{{1}, {0}, {1, 0, 0, 0, 0, 0, 0, 0}}[i]; c.New.Type != hive.Binary || !slices.Equal(c.New.Data, want) || c.New.Name != "Element" {
			t.Errorf("%s: %v, want %x", c.Key, c.New, want)
		}
	}
}

// What a change means on this machine is said with it.
func TestBootNotes(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	if p := m.plan(t, crashconfig.Settings{BootLog: crashconfig.Yes}); len(p.Boot.Notes) != 0 {
		t.Errorf("notes %q", p.Boot.Notes)
	}
	m.f.Boot.Others, m.f.Boot.Default, m.f.Boot.Loose, m.f.Volume.BitLocker = 2, false, true, true
	notes := strings.Join(m.plan(t, crashconfig.Settings{BootLog: crashconfig.Yes}).Boot.Notes, "\n")
	for _, want := range []string{"left alone: 2.", "choose it in the menu", "names no partition", "recovery key"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %q", want, notes)
		}
	}
}

// Without a store what was asked for is refused, and what a profile adds passed over.
func TestNoBootStore(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	m.f.BootProblem = "the store is damaged"
	for flag, s := range map[string]crashconfig.Settings{
		"--boot-log": {BootLog: crashconfig.Yes}, "--no-auto-repair": {AutoRepair: crashconfig.No},
	} {
		_, err := crashconfig.PlanArm(m.i, m.f, s)
		if r, ok := errors.AsType[*crashconfig.RefusedError](err); !ok || r.Flag != flag || r.Why != m.f.BootProblem {
			t.Errorf("%s: %v", flag, err)
		}
	}
	p := m.plan(t, crashconfig.Settings{Profile: crashconfig.OneShot})
	if p.Boot != nil || !slices.Contains(p.Notes, "The boot store is left alone: the store is damaged.") {
		t.Errorf("%+v, notes %q", p.Boot, p.Notes)
	}
	if p := m.plan(t, crashconfig.Settings{AutoReboot: crashconfig.No}); p.Boot != nil {
		t.Errorf("%+v", p.Boot)
	}
}

// The record leads back, and is read and written without loss.
func TestBootUndo(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, sample.BCDElements{recoveryEnabled: true})
	before := m.elements(t)
	rec := m.arm(t, crashconfig.Settings{Profile: crashconfig.OneShot})
	if len(rec.Boot.Created) != 3 {
		t.Errorf("created %q", rec.Boot.Created)
	}
	text, err := json.Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err = crashconfig.ParseRecord(text); err != nil {
		t.Fatal(err)
	}
	p := m.planUndo(t, rec, crashconfig.UndoOptions{Boot: m.store})
	if err := p.Boot.Apply(m.store, nil); err != nil {
		t.Fatal(err)
	}
	if after := m.elements(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v\nwas %v", after, before)
	}
	for _, key := range rec.Boot.Created {
		if _, err := m.store.Key(key); err == nil {
			t.Errorf("%s is still there", key)
		}
	}
	if p := m.planUndo(t, rec, crashconfig.UndoOptions{Boot: m.store}); !p.Boot.Empty() || p.LeftAlone() != 0 {
		t.Errorf("undone, and yet %+v", p.Boot)
	}
}

// What somebody else changed since stays, and the record with it, unless told otherwise.
func TestBootConflict(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	rec := m.arm(t, crashconfig.Settings{Profile: crashconfig.OneShot})
	key := windows.ElementKey(sample.LoaderID, bootStatusPolicy)
	if err := m.store.SetValue(key, hive.Value{Name: "Element", Type: hive.Binary, Data: []byte{3, 0, 0, 0, 0, 0, 0, 0}}); err != nil {
		t.Fatal(err)
	}
	p := m.planUndo(t, rec, crashconfig.UndoOptions{Boot: m.store})
	if p.LeftAlone() != 1 || len(p.Boot.Changes) != 3 || !slices.Contains(p.Boot.RemoveKeys, windows.ElementKey(sample.LoaderID, bootLog)) {
		t.Errorf("%+v", p.Boot)
	}
	if _, err := p.Apply(m.i.System, nil); err != nil {
		t.Fatal(err)
	}
	if list, err := crashconfig.Records(m.i.System); err != nil || len(list) != 1 {
		t.Errorf("%d records, %v", len(list), err)
	}
	p = m.planUndo(t, rec, crashconfig.UndoOptions{Boot: m.store, OverwriteChanged: true})
	if err := p.Boot.Apply(m.store, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.Key(key); err == nil {
		t.Error("the element is still there")
	}
}

// An entry that is gone is not made anew, whatever may be overwritten: nothing is left to put back.
func TestBootEntryGone(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	rec := m.arm(t, crashconfig.Settings{Profile: crashconfig.OneShot})
	if err := m.store.DeleteKey(windows.EntryKey(sample.LoaderID)); err != nil {
		t.Fatal(err)
	}
	p := m.planUndo(t, rec, crashconfig.UndoOptions{Boot: m.store, OverwriteChanged: true})
	if p.Boot != nil || p.LeftAlone() != 0 || !strings.Contains(strings.Join(p.Notes, "\n"), "made anew") {
		t.Errorf("%+v", p)
	}
	if _, err := p.Apply(m.i.System, nil); err != nil {
		t.Fatal(err)
	}
	if list, err := crashconfig.Records(m.i.System); err != nil || len(list) != 0 {
		t.Errorf("%d records, %v", len(list), err)
	}
}

// A store that is out of reach is said, and the record stays for when it is not.
func TestBootLeft(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	rec := m.arm(t, crashconfig.Settings{BootLog: crashconfig.Yes})
	p := m.planUndo(t, rec, crashconfig.UndoOptions{BootProblem: "no ESP"})
	if p.BootLeft != "no ESP" || p.Boot != nil {
		t.Errorf("%+v", p)
	}
	if _, err := p.Apply(m.i.System, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := crashconfig.LoadRecord(m.i.System); err != nil {
		t.Error(err)
	}
}

// A record that names anything but the four elements of its entry is none, wherever it comes from.
func TestBootRecordGuard(t *testing.T) {
	t.Parallel()
	m := newBootMachine(t, nil)
	rec := m.arm(t, crashconfig.Settings{BootLog: crashconfig.Yes})
	key := windows.ElementKey(sample.LoaderID, bootLog)
	for name, damage := range map[string]func(*crashconfig.BootRecord){
		"another element":  func(r *crashconfig.BootRecord) { r.Changes[0].Key = windows.ElementKey(r.Entry, 0x16000049) },
		"another entry":    func(r *crashconfig.BootRecord) { r.Changes[0].Key = windows.ElementKey(sample.RecoveryID, bootLog) },
		"another value":    func(r *crashconfig.BootRecord) { r.Changes[0].Name = "Type" },
		"a created object": func(r *crashconfig.BootRecord) { r.Created = []string{`Objects\` + r.Entry} },
		"no entry":         func(r *crashconfig.BootRecord) { r.Entry = "" },
		"the whole store":  func(r *crashconfig.BootRecord) { r.Created = []string{"Objects"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := *rec
			bad.Boot = &crashconfig.BootRecord{
				Entry: rec.Boot.Entry, Changes: slices.Clone(rec.Boot.Changes), Created: slices.Clone(rec.Boot.Created),
			}
			damage(bad.Boot)
			text, err := json.Marshal(bad)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := crashconfig.ParseRecord(text); !errors.Is(err, crashconfig.ErrRecord) || !errors.Is(err, crashconfig.ErrBootElement) {
				t.Errorf("%v", err)
			}
			if _, err := crashconfig.PlanUndo(m.i.System, &bad, crashconfig.UndoOptions{Boot: m.store}); !errors.Is(err, crashconfig.ErrBootElement) {
				t.Errorf("planned: %v", err)
			}
		})
	}
	v := hive.Value{Name: "Element", Type: hive.Binary, Data: []byte{1}}
	for _, c := range []crashconfig.Change{
		{Key: windows.ElementKey(sample.LoaderID, 0x260000a0), Name: "Element", New: &v}, {Key: key, Name: "Other", New: &v},
	} {
		p := crashconfig.BootPlan{Entry: sample.LoaderID, Edits: crashconfig.Edits{Changes: []crashconfig.Change{c}}}
		if err := p.Apply(m.store, nil); !errors.Is(err, crashconfig.ErrBootElement) {
			t.Errorf("%s: %v", c.Key, err)
		}
	}
}
