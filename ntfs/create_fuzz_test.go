package ntfs_test

import (
	"maps"
	"slices"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// FuzzCreate damages the metadata of a volume and plans to make and to remove a
// file on it. No plan may panic, hang or write. A plan that is made is carried
// out, and then both its own check and a fresh look at the volume find the file.
func FuzzCreate(f *testing.F) {
	healthy, layout := build(f, 16<<20, format.Options{ExtraRecords: 4, Root: []format.Entry{
		{Name: "small", Dir: evenFiles(2)},
		{Name: "large", Dir: evenFiles(150)},
	}})
	mustCreate(f, healthy, "large/to remove", patterned(5000))
	record := func(name string) uint32 {
		return uint32(layout.Files["$MFT"].Extents[0].DeviceOffset + layout.Files[name].Record*1024)
	}
	for _, name := range []string{"small", "large", "$MFT", "$Bitmap", "$Volume", "."} {
		for _, at := range []uint32{0x10, 0x14, 0x16, 0x18, 0xa0, 0x120, 0x150, 0x160, 0x1b0} {
			f.Add(le.AppendUint32(nil, record(name)+at), byte(0xff))
		}
	}
	for _, page := range slices.Sorted(maps.Keys(healthy.pages)) {
		if string(healthy.pages[page][:4]) != "INDX" {
			continue
		}
		for _, field := range []uint32{0x10, 0x18, 0x1c, 0x48, 0x4a, 0x4c, 0x58, 0x90, 0x92, 0xc0, 0x100} {
			f.Add(le.AppendUint32(nil, uint32(page*pageSize)+field), byte(0x7f))
		}
	}
	f.Fuzz(func(t *testing.T, places []byte, value byte) {
		m := healthy.clone()
		for len(places) >= 4 {
			m.patch(int64(le.Uint32(places))%m.size, value)
			places = places[4:]
			value = value*31 + 7
		}
		v, err := ntfs.Open(m)
		if err != nil {
			return
		}
		for _, name := range []string{"small/new", "large/file 00101.dat", "new"} {
			m.writes = nil
			c, err := v.PlanCreate(name, patterned(3000), ntfs.CreateOptions{})
			carryOut(t, m, c, err)
		}
		m.writes = nil
		c, err := v.PlanRemove("large/to remove", ntfs.RemoveOptions{})
		carryOut(t, m, c, err)
	})
}

// carryOut runs a plan, if there is one, behind making sure that planning wrote nothing.
func carryOut(t *testing.T, m *memory, c *ntfs.Change, err error) {
	t.Helper()
	if len(m.writes) > 0 {
		t.Errorf("planning wrote %v", m.writes)
	}
	if err != nil {
		return
	}
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
