package ntfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/internal/crashsim"
	"hangkit/ntfs/verify"
)

// TestCreateRefuses: where no file can be made, and why; nothing is written.
func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	m := refusingVolume(t)
	for _, c := range []struct {
		path string
		want error
	}{
		{".", fs.ErrInvalid},
		{"/a", fs.ErrInvalid},
		{"a/../b", fs.ErrInvalid},
		{"dir/con.txt", ntfs.ErrName},
		{"dir/a:b", ntfs.ErrName},
		{`dir/a\b`, ntfs.ErrName},
		{"dir/a<b", ntfs.ErrName},
		{"dir/<0041>", ntfs.ErrName}, // no escape of ours
		{"dir/file 00000.dat", fs.ErrExist},
		{"DIR/FILE 00000.DAT", ntfs.ErrExists},
		{"dir", ntfs.ErrExists},
		{"$mft", ntfs.ErrExists},
		{"$Extend/new", ntfs.ErrDirectory},
		{"none/new", fs.ErrNotExist},
		{"dir/file 00000.dat/new", fs.ErrNotExist},
		{"link/new", ntfs.ErrUnsupported},
		{"System Volume Information/new", ntfs.ErrProtected},
		{"SYSTEM VOLUME INFORMATION/below/new", ntfs.ErrProtected},
		{"straddles its sectors " + strings.Repeat("x", 200) + "/new", ntfs.ErrNotSingleSector},
	} {
		if _, err := open(t, m).PlanCreate(c.path, []byte("x"), ntfs.CreateOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.path, err, c.want)
		}
	}
	_, err := open(t, m).PlanCreate("dir/new", []byte("x"), ntfs.CreateOptions{SecurityOf: "dir/none"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("security of a missing file: %v", err)
	}
	_, err = open(t, m).PlanCreate("dir/new", make([]byte, 17<<20), ntfs.CreateOptions{})
	if !errors.Is(err, ntfs.ErrNoSpace) {
		t.Errorf("more than there is room for: %v", err)
	}
	if len(m.writes) > 0 {
		t.Errorf("planning wrote %v", m.writes)
	}
}

func refusingVolume(t *testing.T) *memory {
	t.Helper()
	m, _ := build(t, 16<<20, format.Options{Root: []format.Entry{
		{Name: "dir", Dir: evenFiles(3)},
		{Name: "link", Dir: []format.Entry{}, Reparse: &format.Reparse{Tag: tagMountPoint, Data: patterned(16)}},
		{Name: "System Volume Information", Dir: []format.Entry{{Name: "below", Dir: []format.Entry{}}}},
		{Name: "straddles its sectors " + strings.Repeat("x", 200), Dir: []format.Entry{}},
		{Name: "pieces", Data: patterned(9000), Fragments: 2},
		{Name: "streams", Data: patterned(10), Streams: []format.Stream{{Name: "s", Data: patterned(10)}}},
		{Name: "long name", ShortName: "LONGNA~1", Data: patterned(10)},
		{Name: "sparse", Size: 1 << 20, Holes: []format.Range{{Off: 0, Len: 64 << 10}}},
	}})
	return m
}

// TestRemoveRefuses: which files are not removed, and why; nothing is written.
func TestRemoveRefuses(t *testing.T) {
	t.Parallel()
	m := refusingVolume(t)
	for _, c := range []struct {
		path, reason string
		want         error
	}{
		{".", "", fs.ErrInvalid},
		{"none", "", fs.ErrNotExist},
		{"dir", "directory", ntfs.ErrNotRemovable},
		{"link", "", ntfs.ErrNotRemovable},
		{"$Bitmap", "NTFS itself", ntfs.ErrNotRemovable},
		{"$Extend/$ObjId", "NTFS itself", ntfs.ErrDirectory},
		{"streams", "more than its contents", ntfs.ErrNotRemovable},
		{"long name", "more than one name", ntfs.ErrNotRemovable},
		{"LONGNA~1", "more than one name", ntfs.ErrNotRemovable},
		{"sparse", "sparse", ntfs.ErrNotRemovable},
		{"System Volume Information/below", "", ntfs.ErrProtected},
	} {
		_, err := open(t, m).PlanRemove(c.path, ntfs.RemoveOptions{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %v", c.path, err, c.want)
		}
	}
	if len(m.writes) > 0 {
		t.Errorf("planning wrote %v", m.writes)
	}
	mustRemove(t, m, "pieces")
	sound(t, m)
}

// TestCreateRefusesVolume: what the volume holds against a new file.
func TestCreateRefusesVolume(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		options format.Options
		want    error
		reset   error // with the journal reset
	}{
		{"dirty", format.Options{VolumeFlags: format.VolumeDirty}, ntfs.ErrVolumeDirty, nil},
		{"journal dirty", format.Options{Log: format.LogDirty}, ntfs.ErrJournal, nil},
		{"journal of Windows 8", format.Options{Log: format.LogV2}, ntfs.ErrJournal, nil},
		{"chkdsk under way", format.Options{VolumeFlags: format.VolumeChkdskUnderway}, ntfs.ErrVolumeFlags, ntfs.ErrVolumeFlags},
		{"hibernated", format.Options{Root: []format.Entry{{Name: "hiberfil.sys", Data: append([]byte("hibr"), make([]byte, 9000)...)}}},
			ntfs.ErrHibernated, ntfs.ErrHibernated},
	} {
		m, _ := build(t, 16<<20, c.options)
		for _, reset := range []bool{false, true} {
			want := c.want
			if reset {
				want = c.reset
			}
			if _, err := open(t, m).PlanCreate("new", nil, ntfs.CreateOptions{ResetJournal: reset}); !errors.Is(err, want) {
				t.Errorf("%s, reset %v: %v, want %v", c.name, reset, err, want)
			}
		}
	}
	m, _ := build(t, 16<<20, format.Options{})
	if _, err := open(t, readOnly{m}).PlanCreate("new", nil, ntfs.CreateOptions{}); !errors.Is(err, ntfs.ErrReadOnly) {
		t.Errorf("read-only device: %v", err)
	}
}

// TestCreateUsesUpRecords makes files until no MFT record is free.
func TestCreateUsesUpRecords(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 16<<20, format.Options{ExtraRecords: 3})
	free := open(t, m).Info().Records
	for i := 0; ; i++ {
		c, err := open(t, m).PlanCreate(strings.Repeat("x", i+1), []byte{1}, ntfs.CreateOptions{})
		if errors.Is(err, ntfs.ErrNoSpace) && i >= 3 {
			break
		}
		if err != nil || int64(i) > free {
			t.Fatalf("file %d of at most %d: %v", i, free, err)
		}
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, m)
}

// TestCreateNeedsSoundRecords: a record in use that $MFT's bitmap says is free
// shows a volume nothing is to be written to, and a torn one is passed over.
func TestCreateNeedsSoundRecords(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	mustCreate(t, p.memory, "new", nil)
	d, err := open(t, p).Detail("new")
	if err != nil {
		t.Fatal(err)
	}
	mustRemove(t, p.memory, "new")
	const flags, recordSize = 0x16, 1024
	at := p.layout.Files["$MFT"].Extents[0].DeviceOffset + int64(d.Record)*recordSize
	torn := p.clone()
	torn.patch(at+recordSize-1, torn.peek(at+recordSize-1, 1)[0]^0xff)
	mustCreate(t, torn.memory, "new", nil)
	if e, err := open(t, torn).Detail("new"); err != nil || e.Record == d.Record {
		t.Errorf("made in the torn record %d (%v)", e.Record, err)
	}
	p.patch(at+flags, 1)
	if _, err := open(t, p).PlanCreate("new", nil, ntfs.CreateOptions{}); !errors.Is(err, ntfs.ErrFormat) {
		t.Errorf("with a record in use that is free in the bitmap: %v", err)
	}
}

// TestCreateTakesSequence: a record that was used gets the sequence number it
// was freed with, so that old references do not lead to the new file.
func TestCreateTakesSequence(t *testing.T) {
	t.Parallel()
	m, _ := build(t, 16<<20, format.Options{ExtraRecords: 1})
	var last ntfs.FileDetail
	for i := range 3 {
		mustCreate(t, m, "new", patterned(5000))
		d, err := open(t, m).Detail("new")
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && (d.Record != last.Record || d.Sequence != last.Sequence+1) {
			t.Errorf("record %d-%d behind %d-%d", d.Record, d.Sequence, last.Record, last.Sequence)
		}
		last = d
		mustRemove(t, m, "new")
	}
}

// TestCreatePutBack takes a new file back by the old bytes: the volume's
// metadata is then what it was, byte by byte.
func TestCreatePutBack(t *testing.T) {
	t.Parallel()
	for _, n := range namings() {
		t.Run(n.String(), func(t *testing.T) {
			t.Parallel()
			m, c := n.prepare(t, geometries[1])
			before := m.clone()
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			back, err := open(t, m).PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{ResetJournal: n.reset})
			if err != nil {
				t.Fatal(err)
			}
			if err := back.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, s := range c.Sectors() {
				if !n.reset && !bytes.Equal(m.peek(s.Offset, 512), before.peek(s.Offset, 512)) {
					t.Errorf("sector 0x%x is not what it was", s.Offset)
				}
			}
			if worst, _ := check(t, m).Worst(verify.VolumeFlags, verify.LogFile); worst > verify.Note {
				t.Error(worst)
			}
		})
	}
}

// TestFaultCreate lets each read, write and flush fail in turn: what the error
// says has been changed is what has been.
func TestFaultCreate(t *testing.T) {
	t.Parallel()
	for i, n := range namings() {
		if i%4 > 1 && !requireOracles() {
			continue
		}
		t.Run(n.String(), func(t *testing.T) {
			t.Parallel()
			m, plan := n.prepare(t, geometries[1])
			seen := map[ntfs.Outcome]int{}
			for call, step := 0, faultStep(plan); ; call += step {
				r, failed := failAt(t, m, plan, call)
				if failed == nil {
					break
				}
				seen[failed.Outcome]++
				checkNaming(t, r, n, failed.Outcome, call)
			}
			t.Logf("untouched %d, before %d, either %d, after %d", seen[ntfs.Untouched], seen[ntfs.Before], seen[ntfs.Either], seen[ntfs.After])
			if seen[ntfs.Untouched] == 0 || seen[ntfs.Before] == 0 || seen[ntfs.After] == 0 && faultStep(plan) == 1 && finishes(plan) {
				t.Error("the faults miss an outcome")
			}
		})
	}
}

// finishes says whether a change has anything left to do behind its commit.
func finishes(c *ntfs.Change) bool {
	return slices.ContainsFunc(c.Steps(), func(s ntfs.Step) bool { return s.Kind == ntfs.StepFinish })
}

// faultStep skips calls where there are many.
func faultStep(c *ntfs.Change) int {
	if requireOracles() {
		return 1
	}
	return 1 + len(c.Sectors())/8
}

// checkNaming compares what a fault left with what was said of it.
func checkNaming(t *testing.T, r *crashsim.Recorder, n naming, o ntfs.Outcome, call int) {
	t.Helper()
	_, err := fs.Stat(open(t, r), n.path())
	there := err == nil
	if was := n.remove; o != ntfs.Either && there != (was == (o != ntfs.After)) {
		t.Errorf("call %d: %s, but the file is there: %v", call, o.Words(), there)
	}
	for _, f := range check(t, r).Findings {
		if f.Severity() > verify.Leak && f.Kind != verify.LogFile && f.Kind != verify.VolumeFlags && f.Kind != verify.Mirror {
			t.Errorf("call %d: %v", call, f)
		}
	}
}
