package format_test

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// TestReadBack has this module's own reader agree with the formatter.
func TestReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range []sizes{{512, 512}, {512, 4096}, {512, 2 << 20}, {4096, 4096}, {4096, 65536}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			entries := sampleTree(s.cluster)
			m := newMemory(max(128<<20, 4000*int64(s.cluster)))
			l := build(t, m, format.Options{
				SectorSize: s.sector, ClusterSize: s.cluster, Label: "Größe", Serial: 0x1234, Root: entries,
				MFTFragments: 2, VolumeFlags: format.VolumeMounted | format.VolumeDirty, Log: format.LogDirty,
			})
			v, err := ntfs.Open(m)
			if err != nil {
				t.Fatal(err)
			}
			if info := v.Info(); info.Label != "Größe" || info.Serial != 0x1234 || int(info.ClusterSize) != s.cluster || int(info.SectorSize) != s.sector {
				t.Errorf("volume is %+v", info)
			}
			state, err := v.State()
			if err != nil || !state.Dirty || !state.MirrorOK || state.Log.State != ntfs.LogDirtyV1 || state.BackupBoot != ntfs.BackupBootEqual {
				t.Errorf("state is %+v (%v)", state, err)
			}
			compareNames(t, v, ".", entries)
			walkEntries("", entries, func(path string, e *format.Entry) { compareFile(t, v, l.Files[path], path, e) })
		})
	}
}

// compareNames compares directories as they are listed: every entry, none of
// the deleted ones.
func compareNames(t *testing.T, v *ntfs.Volume, dir string, entries []format.Entry) {
	t.Helper()
	listed, err := v.ReadDir(dir)
	if err != nil {
		t.Errorf("%s: %v", dir, err)
	}
	var got, want []string
	for _, e := range listed {
		got = append(got, e.Name())
	}
	for i := range entries {
		want = append(want, entries[i].Name)
		if entries[i].Dir != nil {
			path := entries[i].Name
			if dir != "." {
				path = dir + "/" + path
			}
			compareNames(t, v, path, entries[i].Dir)
			for _, deleted := range entries[i].Deleted {
				if _, err := v.Stat(path + "/" + deleted); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("deleted %s/%s: %v", path, deleted, err)
				}
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d names, want %d", dir, len(got), len(want))
	}
}

func compareFile(t *testing.T, v *ntfs.Volume, f format.File, path string, e *format.Entry) {
	t.Helper()
	d, err := v.Detail(path)
	if err != nil {
		t.Errorf("%q: %v", path, err)
		return
	}
	links := 1
	if e.ShortName != "" {
		links = 2
	}
	if d.Record != uint64(f.Record) || d.Sequence != f.Sequence || d.Links != links || d.Directory != (e.Dir != nil) {
		t.Errorf("%q: is %+v", path, d)
	}
	if e.Dir != nil {
		return
	}
	if d.Resident != f.Resident || d.Compressed != e.Compressed || d.Sparse != (e.Holes != nil) || (d.ReparseTag != 0) != (e.Reparse != nil) {
		t.Errorf("%q: is %+v", path, d)
	}
	if !f.Resident {
		compareExtents(t, v, f, path)
	}
	if e.Reparse != nil {
		return // the reader refuses to follow it
	}
	if got, err := fs.ReadFile(v, path); err != nil || !bytes.Equal(got, visible(e)) {
		t.Errorf("%q differs (%v)", path, err)
	}
}

func compareExtents(t *testing.T, v *ntfs.Volume, f format.File, path string) {
	t.Helper()
	got, err := v.Extents(path)
	same := slices.EqualFunc(got, f.Extents, func(a ntfs.Extent, b format.Extent) bool { return format.Extent(a) == b })
	if err != nil || !same {
		t.Errorf("%q: extents %v, want %v (%v)", path, got, f.Extents, err)
	}
}
