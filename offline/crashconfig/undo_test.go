package crashconfig_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// undo takes back the newest record stored in the hive.
func undo(tb testing.TB, h *hive.Hive, o crashconfig.UndoOptions) *crashconfig.Plan {
	tb.Helper()
	rec, err := crashconfig.LoadRecord(h)
	if err != nil {
		tb.Fatalf("LoadRecord: %v", err)
	}
	p, err := crashconfig.PlanUndo(h, rec, o)
	if err != nil {
		tb.Fatalf("PlanUndo: %v", err)
	}
	if _, err := p.Apply(h, nil); err != nil {
		tb.Fatalf("undo: %v", err)
	}
	return p
}

// roundTrip arms and undoes, and compares every key and value.
func roundTrip(t *testing.T, m machine, s crashconfig.Settings) {
	t.Helper()
	before := tree(t, m.i.System)
	m.arm(t, s)
	armed := tree(t, m.i.System)
	if cmp.Equal(before, armed) {
		t.Fatal("arming changed nothing")
	}
	if p := undo(t, m.i.System, crashconfig.NewUndoOptions(m.f)); len(p.Conflicts) > 0 {
		t.Errorf("conflicts: %v", p.Conflicts)
	}
	if diff := cmp.Diff(before, tree(t, m.i.System)); diff != "" {
		t.Errorf("after undo (-before +after):\n%s", diff)
	}
	if err := m.i.System.Validate(); err != nil {
		t.Errorf("hive: %v", err)
	}
}

func TestUndoRestoresEverything(t *testing.T) {
	t.Parallel()
	for name, preset := range presets {
		t.Run("default "+name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, newMachine(t, preset(), live), crashconfig.Settings{})
		})
	}
	for name, tt := range settingsCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, newMachine(t, tt.preset(), live), tt.s)
		})
	}
}

// Odd values come back as they were: wrong types, empty data, names in another case.
func TestUndoRestoresOddValues(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Server(), live)
	const cc = `ControlSet001\Control\CrashControl`
	for _, v := range []hive.Value{
		{Name: "CRASHDUMPENABLED", Type: hive.SZ, Data: []byte{'7'}},
		{Name: "AlwaysKeepMemoryDump", Type: hive.Type(0x1234), Data: nil},
		{Name: "DumpFile", Type: hive.Binary, Data: []byte{1, 2, 3}},
		{Name: "Overwrite", Type: hive.QWORD, Data: make([]byte, 8)},
	} {
		if err := m.i.System.SetValue(cc, v); err != nil {
			t.Fatal(err)
		}
	}
	m.f = windowstest.Facts(t, m.i, live)
	roundTrip(t, m, crashconfig.Settings{Keyboard: keys("rctrl+space")})
}

// Two arms are undone in order, the record is found in the written hive, and the first state comes back.
func TestUndoTwoArms(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	before := tree(t, m.i.System)
	first := m.arm(t, crashconfig.Settings{})
	between := tree(t, m.i.System)
	m.f = windowstest.Facts(t, m.i, live)
	second := m.arm(t, crashconfig.Settings{Dump: crashconfig.Complete, Keyboard: keys("lctrl+lalt+f12")})
	if first.ID == second.ID {
		t.Fatalf("two records with the id %s", first.ID)
	}
	h := reopen(t, m.i.System)
	list, err := crashconfig.Records(h)
	if err != nil || len(list) != 2 || list[0].ID != second.ID {
		t.Fatalf("records %v, %v; want two, newest first", list, err)
	}
	p, err := crashconfig.PlanUndo(h, first, crashconfig.UndoOptions{})
	if err != nil || len(p.Conflicts) == 0 || len(p.Notes) == 0 {
		t.Errorf("undoing the first of two: conflicts %v, notes %q, %v", p.Conflicts, p.Notes, err)
	}
	latest := undo(t, h, crashconfig.UndoOptions{})
	if want := "An earlier change (" + first.ID + ") is still in place: run undo again to take it back too."; !slices.Contains(latest.Notes, want) {
		t.Errorf("notes %q, want %q", latest.Notes, want)
	}
	if diff := cmp.Diff(between, tree(t, h)); diff != "" {
		t.Errorf("after the first undo (-want +got):\n%s", diff)
	}
	if p := undo(t, h, crashconfig.UndoOptions{}); len(p.Notes) > 0 {
		t.Errorf("notes %q though nothing else is in place", p.Notes)
	}
	if diff := cmp.Diff(before, tree(t, h)); diff != "" {
		t.Errorf("after both (-want +got):\n%s", diff)
	}
	if _, err := crashconfig.LoadRecord(h); !errors.Is(err, crashconfig.ErrNoRecord) {
		t.Errorf("LoadRecord = %v, want ErrNoRecord", err)
	}
}

// stackArms arms a machine three times: each arm changes values that the others changed, and keys that they made.
func stackArms(t *testing.T) (m machine, ids []string) {
	t.Helper()
	m = newMachine(t, sample.Client(), live)
	for i, s := range []crashconfig.Settings{
		{Keyboard: keys("rctrl+space"), Dump: crashconfig.Complete},
		{Keyboard: keys("lctrl+lalt+f12"), Dump: crashconfig.Automatic, AutoReboot: crashconfig.No},
		{Keyboard: keys("rctrl+scroll"), Dump: crashconfig.Complete, AutoReboot: crashconfig.Yes},
	} {
		rec := crashconfig.NewRecord(m.f, "hangkit test", now.AddDate(0, 0, i))
		if _, err := m.plan(t, s).Apply(m.i.System, rec); err != nil {
			t.Fatal(err)
		}
		m.f = windowstest.Facts(t, m.i, live)
		ids = append(ids, rec.ID)
	}
	return m, ids
}

// undoOnly takes back one of the arms stored in the hive, and reports whether it is gone.
func undoOnly(t *testing.T, h *hive.Hive, id string) (p *crashconfig.Plan, gone bool) {
	t.Helper()
	find := func() *crashconfig.Record {
		list, err := crashconfig.Records(h)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(r *crashconfig.Record) bool { return r.ID == id })
		if i < 0 {
			return nil
		}
		return list[i]
	}
	rec := find()
	if rec == nil {
		return &crashconfig.Plan{}, true
	}
	p, err := crashconfig.PlanUndo(h, rec, crashconfig.UndoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(h, nil); err != nil {
		t.Fatal(err)
	}
	return p, find() == nil
}

// Three arms are undone in every order. What a later one changed too waits for it, and nobody else is blamed; in the end
// everything is as it was, and no record is left.
func TestUndoInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			before := tree(t, newMachine(t, sample.Client(), live).i.System)
			m, ids := stackArms(t)
			h := m.i.System
			for _, n := range order {
				p, gone := undoOnly(t, h, ids[n])
				for _, c := range p.Conflicts {
					if c.Later == "" || c.Later <= ids[n] {
						t.Errorf("%s: %s of %s is said to be changed by %q", ids[n], c.Name, c.Key, c.Later)
					}
				}
				if isNewest := n == 2 || n == 1 && order[0] == 2; isNewest && !gone {
					t.Errorf("the newest arm %s is still there: conflicts %v, notes %q", ids[n], p.Conflicts, p.Notes)
				}
			}
			for range ids {
				if rec, err := crashconfig.LoadRecord(h); err == nil {
					undoOnly(t, h, rec.ID)
				}
			}
			if diff := cmp.Diff(before, tree(t, h)); diff != "" {
				t.Errorf("in the end (-want +got):\n%s", diff)
			}
		})
	}
}

// A value that a later arm set back to what it was first waits as well: the later undo would bring it back.
func TestUndoWaitsForLater(t *testing.T) {
	t.Parallel()
	m, ids := stackArms(t)
	p, gone := undoOnly(t, m.i.System, ids[1])
	i := slices.IndexFunc(p.Conflicts, func(c crashconfig.Conflict) bool { return c.Name == "CrashDumpEnabled" })
	if gone || i < 0 || p.Conflicts[i].Later != ids[2] {
		t.Errorf("gone %v, conflicts %+v", gone, p.Conflicts)
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, ids[2]) }) {
		t.Errorf("notes %q", p.Notes)
	}
}

// A later arm of which something is still in place holds back no value that was taken back already.
func TestUndoLaterHalfUndone(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	const key = `ControlSet001\a`
	set := func(name string, n uint32) {
		v := dword(name, n)
		if err := h.SetValue(key, v); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.CreateKey(key); err != nil {
		t.Fatal(err)
	}
	set("x", 1)
	set("y", 1)
	var ids []string
	for i, n := range []uint32{2, 3} {
		var changes []crashconfig.Change
		for _, name := range []string{"x", "y"} {
			old, to := dword(name, n-1), dword(name, n)
			changes = append(changes, crashconfig.Change{Key: key, Name: name, Old: &old, New: &to})
		}
		rec := crashconfig.NewRecord(m.f, "test", now.AddDate(0, 0, i))
		if _, err := (&crashconfig.Plan{Edits: crashconfig.Edits{Changes: changes}}).Apply(h, rec); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID)
	}
	set("y", 9) // so that the later arm is undone but for this
	if p, gone := undoOnly(t, h, ids[1]); gone || len(p.Conflicts) != 1 {
		t.Fatalf("gone %v, conflicts %+v", gone, p.Conflicts)
	}
	p, _ := undoOnly(t, h, ids[0])
	if len(p.Conflicts) != 1 || p.Conflicts[0].Name != "y" || len(p.Changes) != 1 || p.Changes[0].Name != "x" {
		t.Errorf("conflicts %+v, changes %+v", p.Conflicts, p.Changes)
	}
}

// A key that an arm made stays while a later arm has something in it, and goes with that one's undo.
func TestUndoKeyWaitsForLater(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	before := tree(t, h)
	const key = `ControlSet001\a`
	var ids []string
	for i, name := range []string{"x", "y"} {
		v := dword(name, 1)
		rec := crashconfig.NewRecord(m.f, "test", now.AddDate(0, 0, i))
		plan := &crashconfig.Plan{Edits: crashconfig.Edits{Changes: []crashconfig.Change{{Key: key, Name: name, New: &v}}}}
		if _, err := plan.Apply(h, rec); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rec.ID)
	}
	p, gone := undoOnly(t, h, ids[0])
	if gone || !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, "until the later change "+ids[1]) }) {
		t.Errorf("gone %v, notes %q", gone, p.Notes)
	}
	for _, id := range []string{ids[1], ids[0]} {
		if _, gone := undoOnly(t, h, id); !gone {
			t.Errorf("%s is still there", id)
		}
	}
	if diff := cmp.Diff(before, tree(t, h)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

// Windows ran in between: what it changed stays and is told as it is now, what it left goes back, and a key that it put
// something in stays.
func TestUndoAfterWindowsRan(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	before := tree(t, h)
	m.arm(t, crashconfig.Settings{})
	theirs := []put{
		paging(`C:\pagefile.sys 9000 9000`), {inSession, hive.Value{Name: "HiberbootEnabled", Type: hive.QWORD, Data: make([]byte, 8)}},
		{inCrash, hive.Value{Name: "LastCrashTime", Type: hive.QWORD, Data: make([]byte, 8)}}, text(inServices+`hyperkbd\Parameters`, "theirs", "x"),
	}
	for _, v := range theirs {
		if err := h.SetValue(`ControlSet001\`+v.key, v.Value); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.DeleteValue(`ControlSet001\`+inCrash, "AlwaysKeepMemoryDump"); err != nil {
		t.Fatal(err)
	}
	p := undo(t, h, crashconfig.UndoOptions{})
	got := map[string]string{}
	for _, c := range p.Conflicts {
		got[c.Name] = crashconfig.Describe(c.Now) + c.Later
	}
	want := map[string]string{"PagingFiles": `["C:\\pagefile.sys 9000 9000"]`, "HiberbootEnabled": "REG_QWORD, 8 bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	for _, v := range theirs {
		k, err := h.Key(`ControlSet001\` + v.key)
		if err != nil {
			t.Fatal(err)
		}
		if now, err := k.Value(v.Name); err != nil || !now.Equal(v.Value) {
			t.Errorf("%s is %s, %v: want it left alone", v.Name, crashconfig.Describe(&now), err)
		}
	}
	if _, err := crashconfig.LoadRecord(h); err != nil {
		t.Errorf("the record is gone though something is left: %v", err)
	}
	undo(t, h, crashconfig.UndoOptions{OverwriteChanged: true})
	for _, v := range []struct{ key, name string }{{inCrash, "LastCrashTime"}, {inServices + `hyperkbd\Parameters`, "theirs"}} {
		if err := h.DeleteValue(`ControlSet001\`+v.key, v.name); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.DeleteKey(`ControlSet001\` + inServices + `hyperkbd\Parameters`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, h)); diff != "" {
		t.Errorf("without theirs (-want +got):\n%s", diff)
	}
}

// Records are undone latest first, though the second arm came from a machine whose clock was behind.
func TestUndoWithAnotherClock(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	before := tree(t, m.i.System)
	m.arm(t, crashconfig.Settings{})
	m.f = windowstest.Facts(t, m.i, live)
	second := crashconfig.NewRecord(m.f, "hangkit test", now.AddDate(-3, 0, 0))
	if _, err := m.plan(t, crashconfig.Settings{Dump: crashconfig.Complete, AutoReboot: crashconfig.No}).Apply(m.i.System, second); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if p := undo(t, m.i.System, crashconfig.UndoOptions{}); len(p.Conflicts) > 0 {
			t.Errorf("conflicts: %v", p.Conflicts)
		}
	}
	if diff := cmp.Diff(before, tree(t, m.i.System)); diff != "" {
		t.Errorf("after both (-want +got):\n%s", diff)
	}
}

// A value somebody changed since is left alone and its record kept, until forced.
func TestUndoConflict(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Server(), live)
	h := m.i.System
	before := tree(t, h)
	m.arm(t, crashconfig.Settings{})
	const cc = `ControlSet001\Control\CrashControl`
	theirs := hive.Value{Name: "CrashDumpEnabled", Type: hive.DWORD, Data: hive.EncodeDWORD(3)}
	if err := h.SetValue(cc, theirs); err != nil {
		t.Fatal(err)
	}
	p := undo(t, h, crashconfig.UndoOptions{})
	if len(p.Conflicts) != 1 || p.Conflicts[0].Name != "CrashDumpEnabled" || !p.Conflicts[0].Now.Equal(theirs) {
		t.Errorf("conflicts %+v", p.Conflicts)
	}
	k, err := h.Key(cc)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := k.Value("CrashDumpEnabled"); err != nil || !v.Equal(theirs) {
		t.Errorf("CrashDumpEnabled %v, %v; want it left alone", v, err)
	}
	undo(t, h, crashconfig.UndoOptions{OverwriteChanged: true})
	if diff := cmp.Diff(before, tree(t, h)); diff != "" {
		t.Errorf("after a forced undo (-want +got):\n%s", diff)
	}
}

// A key the arm created stays while somebody else's value is in it.
func TestUndoKeepsForeignValues(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	rec := m.arm(t, crashconfig.Settings{})
	const key = `ControlSet001\Services\hyperkbd\Parameters`
	if err := h.SetValue(key, hive.Value{Name: "theirs", Type: hive.SZ, Data: hive.EncodeSZ("x")}); err != nil {
		t.Fatal(err)
	}
	p := undo(t, h, crashconfig.UndoOptions{})
	k, err := h.Key(key)
	if err != nil {
		t.Fatalf("the key is gone: %v", err)
	}
	if k.NumValues() != 1 {
		t.Errorf("%d values, want theirs only", k.NumValues())
	}
	if slices.Contains(p.RemoveKeys, key) {
		t.Errorf("the plan promises to remove %q", p.RemoveKeys)
	}
	if !slices.ContainsFunc(p.Notes, func(s string) bool { return strings.Contains(s, key+" stays") }) {
		t.Errorf("notes %q", p.Notes)
	}
	if p, err = crashconfig.PlanUndo(h, rec, crashconfig.UndoOptions{}); err != nil || !p.Empty() {
		t.Errorf("a second undo plans %+v, %v", p, err)
	}
}

// A created key stays while a key in it does, and goes with the keys the arm made below it.
func TestUndoNestedKeys(t *testing.T) {
	t.Parallel()
	const outer, inner = `ControlSet001\a`, `ControlSet001\a\b`
	for name, tt := range map[string]struct {
		theirs string // key somebody made
		want   []string
	}{
		"all gone":     {"", []string{inner, outer}},
		"inner stays":  {inner + `\c`, nil},
		"beside inner": {outer + `\c`, []string{inner}},
	} {
		m := newMachine(t, sample.Client(), live)
		h := m.i.System
		v := dword("x", 1)
		rec := crashconfig.NewRecord(m.f, "test", now)
		if _, err := (&crashconfig.Plan{Edits: crashconfig.Edits{Changes: []crashconfig.Change{{Key: inner, Name: "x", New: &v}}}}).Apply(h, rec); err != nil {
			t.Fatal(err)
		}
		if tt.theirs != "" {
			if _, err := h.CreateKey(tt.theirs); err != nil {
				t.Fatal(err)
			}
		}
		p := undo(t, h, crashconfig.UndoOptions{})
		if !slices.Equal(p.RemoveKeys, tt.want) {
			t.Errorf("%s: removes %q, want %q", name, p.RemoveKeys, tt.want)
		}
		for _, key := range p.RemoveKeys {
			if _, err := h.Key(key); !errors.Is(err, hive.ErrNotExist) {
				t.Errorf("%s: %s is still there: %v", name, key, err)
			}
		}
	}
}

// A record goes with its machine, its volume and its installation; what is unknown is not compared.
func TestUndoOtherTarget(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	rec := m.arm(t, crashconfig.Settings{})
	same := crashconfig.NewUndoOptions(m.f)
	for name, tt := range map[string]struct {
		change func(*crashconfig.UndoOptions)
		words  string // of the refusal; empty: accepted
	}{
		"the same":             {func(*crashconfig.UndoOptions) {}, ""},
		"nothing known":        {func(o *crashconfig.UndoOptions) { *o = crashconfig.UndoOptions{} }, ""},
		"bare hive":            {func(o *crashconfig.UndoOptions) { o.Serial, o.SystemPath = "", "" }, ""},
		"other case":           {func(o *crashconfig.UndoOptions) { o.Machine, o.Serial = "demo-pc", "ABCD" }, ""},
		"other machine":        {func(o *crashconfig.UndoOptions) { o.Machine = "OTHER" }, "machine DEMO-PC, this is OTHER"},
		"other volume":         {func(o *crashconfig.UndoOptions) { o.Serial = "abce" }, "serial number abcd, this is abce"},
		"other installation":   {func(o *crashconfig.UndoOptions) { o.SystemPath = "Windows.old/Windows/System32/config/SYSTEM" }, "this is Windows.old/"},
		"overwriting, another": {func(o *crashconfig.UndoOptions) { o.Machine, o.OverwriteChanged = "OTHER", true }, "machine DEMO-PC"},
		"accepted": {func(o *crashconfig.UndoOptions) {
			*o = crashconfig.UndoOptions{Machine: "OTHER", Serial: "1", SystemPath: "x", AcceptOther: true}
		}, ""},
	} {
		o := same
		tt.change(&o)
		switch _, err := crashconfig.PlanUndo(m.i.System, rec, o); {
		case tt.words == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.words != "" && (!errors.Is(err, crashconfig.ErrOtherTarget) || !strings.Contains(err.Error(), tt.words)):
			t.Errorf("%s: %v, want ErrOtherTarget with %q", name, err, tt.words)
		}
	}
}

// Accepting another machine's record does not overwrite what changed.
func TestUndoAcceptOtherKeepsChanges(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Server(), live)
	rec := m.arm(t, crashconfig.Settings{})
	theirs := hive.Value{Name: "CrashDumpEnabled", Type: hive.DWORD, Data: hive.EncodeDWORD(3)}
	if err := m.i.System.SetValue(`ControlSet001\Control\CrashControl`, theirs); err != nil {
		t.Fatal(err)
	}
	p, err := crashconfig.PlanUndo(m.i.System, rec, crashconfig.UndoOptions{AcceptOther: true})
	if err != nil || len(p.Conflicts) != 1 {
		t.Fatalf("conflicts %v, %v", p.Conflicts, err)
	}
	for _, c := range p.Changes {
		if c.Name == theirs.Name {
			t.Errorf("%s becomes %s", c.Name, crashconfig.Describe(c.New))
		}
	}
}

// A bare hive's record fits the volume it came from, whatever the file was called.
func TestUndoRecordOfBareHive(t *testing.T) {
	t.Parallel()
	bare := crashconfig.NewRecord(&windows.Facts{SystemPath: "SYSTEM"}, "test", now)
	m := newMachine(t, sample.Client(), live)
	if bare.System != "" {
		t.Errorf("system path %q of a bare hive", bare.System)
	}
	if _, err := crashconfig.PlanUndo(m.i.System, bare, crashconfig.NewUndoOptions(m.f)); err != nil {
		t.Error(err)
	}
}

// When Windows has switched to another control set since, undo says so.
func TestUndoAfterSwitch(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Windows7(), live)
	rec := m.arm(t, crashconfig.Settings{})
	p, err := crashconfig.PlanUndo(m.i.System, rec, crashconfig.UndoOptions{})
	if err != nil || len(p.Notes) > 0 {
		t.Fatalf("before the switch: notes %q, %v", p.Notes, err)
	}
	if err := m.i.System.SetValue("Select", hive.Value{Name: "Default", Type: hive.DWORD, Data: hive.EncodeDWORD(2)}); err != nil {
		t.Fatal(err)
	}
	p, err = crashconfig.PlanUndo(m.i.System, rec, crashconfig.UndoOptions{})
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "ControlSet002 boots now") {
		t.Errorf("notes %q, %v", p.Notes, err)
	}
}

// The record from the file does what the one in the hive does.
func TestRecordFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	before := tree(t, m.i.System)
	rec := m.arm(t, crashconfig.Settings{})
	b, err := rec.MarshalIndent()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "client.record.json", string(b))
	read, err := crashconfig.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rec, read); diff != "" {
		t.Errorf("record (-written +read):\n%s", diff)
	}
	p, err := crashconfig.PlanUndo(m.i.System, read, crashconfig.UndoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Apply(m.i.System, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, m.i.System)); diff != "" {
		t.Errorf("after undo:\n%s", diff)
	}
	if p, err = crashconfig.PlanUndo(m.i.System, read, crashconfig.UndoOptions{}); err != nil || !p.Empty() {
		t.Errorf("a second undo plans %+v, %v", p, err)
	}
}

// A hive without room for the record is armed all the same, and holds no trace of the attempt.
func TestNoRoomForRecord(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	p := m.plan(t, crashconfig.Settings{})
	fill(t, h, 2000)
	rec := crashconfig.NewRecord(m.f, strings.Repeat("x", 3000), now)
	stored, err := p.Apply(h, rec)
	if err != nil || stored {
		t.Fatalf("Apply: stored %v, %v; want it done and not stored", stored, err)
	}
	if _, err := h.Key("hangkit"); !errors.Is(err, hive.ErrNotExist) {
		t.Errorf("a trace of the record is left: %v", err)
	}
	undoPlan, err := crashconfig.PlanUndo(h, rec, crashconfig.UndoOptions{})
	if err != nil || len(undoPlan.Changes) != len(p.Changes) {
		t.Errorf("undo plan %+v, %v", undoPlan, err)
	}
}

// When even the attempt cannot be cleaned up, the hive is half changed, and that is an error.
func TestNoRoomToCleanUp(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	m.arm(t, crashconfig.Settings{})
	if err := h.DeleteValue("hangkit", "Latest"); err != nil {
		t.Fatal(err)
	}
	fill(t, h, 1)
	if stored, err := (&crashconfig.Plan{}).Apply(h, crashconfig.NewRecord(m.f, "test", now)); stored || !errors.Is(err, hive.ErrNoRoom) {
		t.Errorf("Apply: stored %v, %v; want ErrNoRoom from the clean-up", stored, err)
	}
}

// fill takes the free cells of a hive that values of this size and larger ones need.
func fill(t *testing.T, h *hive.Hive, smallest int) {
	t.Helper()
	h.AllowGrowth(0)
	for n, size := 0, 12_000; size >= smallest; n++ {
		v := hive.Value{Name: fmt.Sprint(n), Type: hive.Binary, Data: make([]byte, size)}
		if err := h.SetValue("filler", v); errors.Is(err, hive.ErrNoRoom) {
			size = min(size-1, size*9/10)
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// Damaged copies in the hive are passed over.
func TestRecordsPassOverDamage(t *testing.T) {
	t.Parallel()
	m := newMachine(t, sample.Client(), live)
	h := m.i.System
	for key, data := range map[string]string{"a": "{", "b": "", "c": `{"schema":"hangkit/undo-record/1","id":"other"}`} {
		if err := h.SetValue(`hangkit\`+key, hive.Value{Name: "Record", Type: hive.Binary, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := crashconfig.LoadRecord(h); !errors.Is(err, crashconfig.ErrNoRecord) {
		t.Errorf("LoadRecord = %v, want ErrNoRecord", err)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"nothing":      ``,
		"no object":    `[]`,
		"other schema": `{"schema":"hangkit/undo/2","id":"x"}`,
		"no id":        `{"schema":"hangkit/undo-record/1"}`,
		"id to steer":  "{\"schema\":\"hangkit/undo-record/1\",\"id\":\"a\\u001bb\"}",
		"id with path": `{"schema":"hangkit/undo-record/1","id":"a\\b"}`,
		"root key":     `{"schema":"hangkit/undo-record/1","id":"x","changes":[{"key":"","name":"a"}]}`,
		"empty part":   `{"schema":"hangkit/undo-record/1","id":"x","changes":[{"key":"a\\\\b","name":"a"}]}`,
		"bad hex":      `{"schema":"hangkit/undo-record/1","id":"x","changes":[{"key":"a","name":"a","old":{"type":1,"data":"0"}}]}`,
		"created root": `{"schema":"hangkit/undo-record/1","id":"x","created_keys":[""]}`,
		"huge":         `{"schema":"hangkit/undo-record/1","id":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		if r, err := crashconfig.ParseRecord([]byte(in)); !errors.Is(err, crashconfig.ErrRecord) {
			t.Errorf("%s: %+v, %v; want ErrRecord", name, r, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"schema":"hangkit/undo-record/1","id":"x","changes":[{"key":"a\\b","name":"n","old":null,"new":{"type":4,"data":"01000000"}}],"created_keys":["a"]}`))
	f.Add([]byte(`{}`))
	o := sample.Client()
	h, err := sample.System(o)
	if err != nil {
		f.Fatal(err)
	}
	hiveBytes, err := h.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := crashconfig.ParseRecord(b)
		if err != nil {
			return
		}
		out, err := r.MarshalIndent()
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		if _, err := crashconfig.ParseRecord(out); err != nil && len(out) < 1<<20 {
			t.Errorf("written record does not read: %v", err)
		}
		h, err := hive.Open(hive.Source{Primary: windowstest.File{Reader: bytes.NewReader(hiveBytes)}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := crashconfig.PlanUndo(h, r, crashconfig.UndoOptions{OverwriteChanged: true})
		if err != nil {
			return
		}
		if _, err := p.Apply(h, nil); err == nil {
			if err := h.Validate(); err != nil {
				t.Errorf("hive after undo: %v", err)
			}
		}
	})
}

// Real hives, the recovered dirty one too: armed and undone, every key and value is as before.
func TestOracleSampleRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"real/SYSTEM_B/SYSTEM_B":         "7",
		"real/SYSTEM_win7sp1_x86":        "2",
		"real/SYSTEM_winxpsp3_x86_m57":   "2",
		"real/SYSTEM_winxp_regsave_v1.3": "2",
		"real/SYSTEM_win2003dc_x86":      "2", // no page file of 32-bit Windows holds all of 4 GB
		"real/SYSTEM_win10_10240_small":  "7",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := windowstest.Sample(t, name)
			m := machine{i, windowstest.Facts(t, i, windows.Live{RAM: 4 << 30, RAMSource: "--ram"})}
			p := m.plan(t, crashconfig.Settings{})
			if v, ok := p.After.CrashControl.Value("CrashDumpEnabled"); !ok || crashconfig.Describe(&v) != want {
				t.Errorf("CrashDumpEnabled becomes %s, want %s", crashconfig.Describe(&v), want)
			}
			golden(t, "sample."+strings.ReplaceAll(strings.TrimPrefix(name, "real/"), "/", ".")+".plan.txt", planText(p))
			roundTrip(t, m, crashconfig.Settings{})
		})
	}
}
