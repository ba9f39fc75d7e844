package ntfs_test

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"testing"
	"time"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

const hivePath = "Windows/System32/config/SYSTEM"

// hiveVolume is a small volume with a hive and its neighbours.
func hiveVolume(tb testing.TB, size int64, o format.Options, hive format.Entry) *memory {
	tb.Helper()
	hive.Name = "SYSTEM"
	if hive.Data == nil && hive.Content == nil {
		hive.Data = patterned(40_000)
	}
	o.Root = append(o.Root, format.Entry{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: []format.Entry{{
		Name: "config", Dir: []format.Entry{hive, {Name: "SOFTWARE", Data: patterned(20_000)}, {Name: "SYSTEM.LOG1", Data: patterned(9000)}},
	}}}}})
	m, _ := build(tb, size, o)
	return m
}

func check(tb testing.TB, dev ntfs.Device) *verify.Report {
	tb.Helper()
	r, err := verify.Check(tb.Context(), dev, dev.Size(), verify.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func contents(tb testing.TB, dev ntfs.Device, path string) []byte {
	tb.Helper()
	b, err := fs.ReadFile(open(tb, dev), path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

var changeTime = time.Date(2026, time.November, 21, 12, 0, 0, 1234500, time.UTC)

func TestReplace(t *testing.T) {
	t.Parallel()
	for _, g := range geometries {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			m := hiveVolume(t, g.size, g.options, format.Entry{})
			for _, size := range []int{40_000 + 4096, 300_000, 1, 40_000} {
				want := slices.Clone(patterned(int64(size)))
				want[0] ^= byte(size)
				c, err := open(t, m).PlanReplace(hivePath, want, ntfs.ReplaceOptions{Time: changeTime})
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Run(context.Background()); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(contents(t, m, hivePath), want) {
					t.Errorf("%d bytes: other contents than were written", size)
				}
				if r := check(t, m); len(r.Findings) > 0 {
					t.Errorf("%d bytes: %v", size, r.Findings)
				}
			}
		})
	}
}

// TestReplaceBesideWindowsMarker: Windows leaves other bytes than zeros behind the end
// marker of a record. They stay, so that a record of two sectors changes in one.
func TestReplaceBesideWindowsMarker(t *testing.T) {
	t.Parallel()
	stream := format.Stream{Name: "second", Data: patterned(220)}
	m, l := build(t, 16<<20, format.Options{Root: []format.Entry{{Name: "SYSTEM", Data: patterned(40_000), Streams: []format.Stream{stream}}}})
	record := l.Files["$MFT"].Extents[0].DeviceOffset + l.Files["SYSTEM"].Record*int64(l.RecordSize)
	end := record + int64(le.Uint32(m.peek(record+0x18, 4)))
	if end < record+512 {
		t.Fatal("the record ends in its first sector")
	}
	behind := []byte{0x82, 0x79, 0x47, 0x11}
	m.patch(end-4, behind...)
	replacePath(t, m, "SYSTEM")
	if got := m.peek(end-4, 4); !bytes.Equal(got, behind) {
		t.Errorf("behind the marker: % x", got)
	}
	if r := check(t, m); len(r.Findings) > 0 {
		t.Errorf("%v", r.Findings)
	}
}

// volumeGeometry is a volume as the formatter makes it.
type volumeGeometry struct {
	name    string
	size    int64
	options format.Options
}

func (g volumeGeometry) cluster() int { return g.options.ClusterSize }

var geometries = []volumeGeometry{
	{"512", 16 << 20, format.Options{ClusterSize: 512}},
	{"4K", 16 << 20, format.Options{ClusterSize: 4096}},
	{"64K", 32 << 20, format.Options{ClusterSize: 64 << 10}},
	{"2M", 128 << 20, format.Options{ClusterSize: 2 << 20}},
	{"4Kn", 32 << 20, format.Options{SectorSize: 4096, ClusterSize: 4096}},
}

// TestReplaceShowsSizes: every name of a file shows its new size and times,
// whether the directory keeps it in its root or in a block.
func TestReplaceShowsSizes(t *testing.T) {
	t.Parallel()
	entry := format.Entry{Name: "Long name.dat", ShortName: "LONGNA~1.DAT", Data: patterned(9000)}
	for _, c := range []struct {
		name  string
		among []format.Entry
	}{{"in the root", nil}, {"in a block", numbered(400)}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, _ := build(t, 16<<20, format.Options{Root: []format.Entry{{Name: "dir", Dir: append(c.among, entry)}}})
			plan, err := open(t, m).PlanReplace("dir/longna~1.dat", other(70_000), ntfs.ReplaceOptions{Time: changeTime})
			if err != nil {
				t.Fatal(err)
			}
			shown := 0
			for _, s := range plan.Steps() {
				if s.Kind == ntfs.StepFinish {
					shown = len(s.Writes)
				}
			}
			if err := plan.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r := check(t, m); len(r.Findings) > 0 || shown == 0 {
				t.Errorf("%d sectors of the directory written: %v", shown, r.Findings)
			}
			if !bytes.Equal(contents(t, m, "dir/Long name.dat"), other(70_000)) {
				t.Error("other contents than were written")
			}
		})
	}
}
