package ntfs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// TestPutBackFromEveryCut: wherever a replacement was cut, putting its old bytes
// back leaves the metadata as it was before, to the byte, and the old contents.
func TestPutBackFromEveryCut(t *testing.T) {
	t.Parallel()
	for _, w := range writings {
		if w.plan != nil {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			m, plan := w.prepare(t, geometries[1])
			r, c := record(m, plan)
			before := contents(t, r, hivePath)
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			kept := journaled(t, c)
			n := 0
			for s := range r.States(cuts()) {
				n++
				back, err := open(t, s).PlanPutBack(kept.Steps, kept.Freed, ntfs.PutBackOptions{ResetJournal: w.replace.ResetJournal})
				if err == nil {
					err = back.Run(t.Context())
				}
				if err != nil {
					t.Fatalf("flush %d, %s: %v", s.Epoch, s.Words, err)
				}
				if !bytes.Equal(contents(t, s, hivePath), before) {
					t.Errorf("flush %d, %s: other contents than before", s.Epoch, s.Words)
				}
				sameMetadata(t, s, c)
			}
			t.Logf("%d states put back", n)
		})
	}
}

// kept is what a caller keeps of a change outside of the volume.
type keptChange struct {
	Steps []ntfs.Step
	Freed ntfs.Contents
}

// journaled is what comes back from a file: the metadata, without the contents.
func journaled(t *testing.T, c *ntfs.Change) (k keptChange) {
	t.Helper()
	k.Freed = c.Freed()
	for _, s := range c.Steps() {
		step := ntfs.Step{Kind: s.Kind, What: s.What}
		for _, w := range s.Writes {
			if w.Old != nil {
				step.Writes = append(step.Writes, w)
			}
		}
		k.Steps = append(k.Steps, step)
	}
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	var back keptChange
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// sameMetadata proves that every sector a change overwrote is as it was, but for
// the dirty flag.
func sameMetadata(t *testing.T, dev ntfs.Device, c *ntfs.Change) {
	t.Helper()
	dirtied := map[int64]bool{}
	for _, s := range c.Steps() {
		for _, w := range s.Writes {
			dirtied[w.Offset] = dirtied[w.Offset] || s.Kind == ntfs.StepJournal
		}
	}
	for _, s := range c.Sectors() {
		b := make([]byte, len(s.Versions[0]))
		if _, err := dev.ReadAt(b, s.Offset); err != nil {
			t.Fatal(err)
		}
		if !dirtied[s.Offset] && !bytes.Equal(b, s.Versions[0]) {
			t.Errorf("the sector at 0x%x is not as it was", s.Offset)
		}
	}
}

// TestPutBackRefuses what was written to since, and what is no journal of this volume.
func TestPutBackRefuses(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{})
	k := journaled(t, replaceNow(t, m, 50_000, ntfs.ReplaceOptions{Time: changeTime}))
	for _, c := range []struct {
		name   string
		volume func(m *memory)
		kept   func(k *keptChange)
	}{
		{"the clusters that were freed", func(m *memory) { m.patch(k.Freed.Extents[0].DeviceOffset+7, 1) }, nil},
		{"a sector", func(m *memory) { w := lastWrite(k); m.patch(w.Offset+100, w.New[100]+1) }, nil},
		{"a journal beyond the volume", nil, func(k *keptChange) { k.Steps[len(k.Steps)-1].Writes[0].Offset = 16 << 20 }},
		{"a journal before the volume", nil, func(k *keptChange) { k.Steps[len(k.Steps)-1].Writes[0].Offset = -512 }},
		{"half a sector", nil, func(k *keptChange) { k.Steps[len(k.Steps)-1].Writes[0].Offset++ }},
		{"old and new of different length", nil, func(k *keptChange) { k.Steps[len(k.Steps)-1].Writes[0].New = nil }},
		{"freed clusters beyond the volume", nil, func(k *keptChange) { k.Freed.Extents[0].DeviceOffset = 1 << 60 }},
		{"freed clusters of no length", nil, func(k *keptChange) { k.Freed.Extents[0].Length = -1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, k := m.clone(), journaledAgain(t, k)
			if c.volume != nil {
				c.volume(m)
			}
			if c.kept != nil {
				c.kept(&k)
			}
			if _, err := open(t, m).PlanPutBack(k.Steps, k.Freed, ntfs.PutBackOptions{}); !errors.Is(err, ntfs.ErrChanged) {
				t.Errorf("got %v", err)
			}
			if len(m.writes) > 0 {
				t.Errorf("planning wrote %v", m.writes)
			}
		})
	}
}

// journaledAgain is a copy that can be changed.
func journaledAgain(t *testing.T, k keptChange) (c keptChange) {
	t.Helper()
	b, err := json.Marshal(k)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lastWrite(k keptChange) ntfs.Write {
	writes := k.Steps[len(k.Steps)-1].Writes
	return writes[len(writes)-1]
}

// TestPutBackIsForDirtyVolumesToo, if asked for.
func TestPutBackIsForDirtyVolumesToo(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{})
	c := replaceNow(t, m, 50_000, ntfs.ReplaceOptions{ResetJournal: true})
	if _, err := open(t, m).PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{}); !errors.Is(err, ntfs.ErrVolumeDirty) {
		t.Errorf("got %v", err)
	}
	back, err := open(t, m).PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{ResetJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if worst, _ := check(t, m).Worst(verify.VolumeFlags); worst != verify.Note || !bytes.Equal(contents(t, m, hivePath), patterned(40_000)) {
		t.Errorf("%v", check(t, m).Findings)
	}
}

// TestPutBackLeavesTheFlag: a change that marks the volume dirty meanwhile is taken back
// with the journal emptied, so that the flag is set and stays.
func TestPutBackLeavesTheFlag(t *testing.T) {
	t.Parallel()
	for _, g := range geometries {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			m := hiveVolume(t, g.size, g.options, format.Entry{})
			c, err := open(t, m).PlanCreate("NEW", patterned(5000), ntfs.CreateOptions{Time: changeTime, SecurityOf: hivePath})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			back, err := open(t, m).PlanPutBack(c.Steps(), c.Freed(), ntfs.PutBackOptions{ResetJournal: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := back.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			s, err := open(t, m).State()
			if err != nil || !s.Dirty || !s.MirrorOK || s.Log.State != ntfs.LogEmpty {
				t.Errorf("left as %v (%v)", s.Words(), err)
			}
			if _, err := open(t, m).Detail("NEW"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the file is still there: %v", err)
			}
			if worst, _ := check(t, m).Worst(verify.VolumeFlags); worst != verify.Note {
				t.Errorf("%v", check(t, m).Findings)
			}
		})
	}
}

// TestTakeBack gives the old contents back and leaves no stream behind.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	m := hiveVolume(t, 16<<20, format.Options{}, format.Entry{Streams: []format.Stream{{Name: "short", Data: []byte("resident")}}})
	replaceNow(t, m, 50_000, ntfs.ReplaceOptions{KeepAs: kept})
	v := open(t, m)
	for _, c := range []struct {
		stream string
		o      ntfs.ReplaceOptions
		want   error
	}{
		{"none", ntfs.ReplaceOptions{}, fs.ErrNotExist},
		{"", ntfs.ReplaceOptions{}, fs.ErrInvalid},
		{kept, ntfs.ReplaceOptions{KeepAs: "x"}, fs.ErrInvalid},
		{"short", ntfs.ReplaceOptions{}, ntfs.ErrNotReplaceable},
	} {
		if _, err := v.PlanTakeBack(hivePath, c.stream, c.o); !errors.Is(err, c.want) {
			t.Errorf("%q, %+v: got %v, want %v", c.stream, c.o, err, c.want)
		}
	}
	c, err := v.PlanTakeBack(hivePath, "KEPT", ntfs.ReplaceOptions{Time: changeTime}) // case does not count
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	streams, err := open(t, m).Streams(hivePath)
	if err != nil || len(streams) != 1 || streams[0].Name != "short" {
		t.Errorf("%v (%v)", streams, err)
	}
	if r := check(t, m); len(r.Findings) > 0 || !bytes.Equal(contents(t, m, hivePath), patterned(40_000)) {
		t.Errorf("%v", r.Findings)
	}
	if d, err := open(t, m).Detail(hivePath); err != nil || !d.Times.Modified.Equal(changeTime) || !d.Times.Changed.Equal(changeTime) {
		t.Errorf("times %+v (%v)", d.Times, err)
	}
}
