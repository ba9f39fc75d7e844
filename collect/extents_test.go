package collect_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

// located is a volume that says where its files lie: every page of a file twice as far
// from the next as it is long, and every third one nowhere.
type located struct {
	*volume
	start  int64
	pieces int64 // of a file, where it is not as long as its data
}

const page = 4096

func (v located) EachExtent(name string, each func(file, volume, length int64)) error {
	if err := v.broken["extents of "+name]; err != nil {
		return err
	}
	size := max(int64(len(v.MapFS[name].Data)), int64(len(v.raw[name])), v.pieces*page)
	for off := int64(0); off < size; off += page {
		place := 1<<20 + 2*off
		if off/page%3 == 2 {
			place = -1
		}
		each(off, place, page)
	}
	return nil
}

func (v located) DiskOffset() int64 { return v.start }

// TestExtents lists where the bytes of a dump lie, and none behind its end.
func TestExtents(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})[:3*page+100]
	for _, c := range []struct {
		what  string
		start int64
		disk  *int64
	}{{"on a disk", 7 << 20, new(int64(8 << 20))}, {"on some disk", -1, nil}} {
		v := located{files(map[string][]byte{"pagefile.sys": pad(dump, 5*page)}), c.start, 0}
		got, more, err := collect.NewLocatedCandidate(v, "pagefile.sys", int64(len(dump))).Extents(9)
		if err != nil || len(got) != 4 || more != 0 {
			t.Fatalf("%s: %+v, %v", c.what, got, err)
		}
		want := collect.Extent{Len: page, Volume: new(int64(1 << 20)), Disk: c.disk}
		if !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: %+v, want %+v", c.what, got[0], want)
		}
		if hole := (collect.Extent{Off: 2 * page, Len: page}); got[2] != hole {
			t.Errorf("%s: a hole is %+v", c.what, got[2])
		}
		if got[3].Len != 100 {
			t.Errorf("%s: the last has %d bytes", c.what, got[3].Len)
		}
	}
}

// TestManyExtents: what is not kept is counted, and neither is done for a dump that
// nobody wants.
func TestManyExtents(t *testing.T) {
	t.Parallel()
	const pieces = 1_000_000
	v := located{files(map[string][]byte{"pagefile.sys": {}}), 0, pieces}
	c := collect.NewLocatedCandidate(v, "pagefile.sys", pieces*page)
	first, more, err := c.Extents(10)
	if err != nil || cap(first) > 32 || len(first) != 10 || more != pieces-10 {
		t.Errorf("%d of room for %d, %d more: %v", len(first), cap(first), more, err)
	}
	v.broken["extents of pagefile.sys"] = errBadSector
	m := collect.NewManifest("", dumptest.DefaultTime, nil)
	m.Add(c, nil, nil)
	if d := m.Dumps[0]; len(d.Problems) != 0 || len(d.Extents) != 0 {
		t.Errorf("not wanted: %q, %d extents", d.Problems, len(d.Extents))
	}
}

// TestNoExtents: where the clusters hold another form of the file, or nobody knows
// them, there are none.
func TestNoExtents(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{})
	v := located{files(map[string][]byte{"Windows/MEMORY.DMP": dump}), 0, 0}
	one := func(v collect.Volume) *collect.Candidate { return find(t, windows(v))[0] }
	if got, _, err := one(v).Extents(9); err != nil || len(got) == 0 {
		t.Errorf("as it is: %d, %v", len(got), err)
	}
	v.raw["Windows/MEMORY.DMP"] = bytes.Repeat([]byte("packed"), len(dump)/6)
	if _, _, err := one(v).Extents(9); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("compressed: %v", err)
	}
	delete(v.raw, "Windows/MEMORY.DMP")
	if _, _, err := one(v.volume).Extents(9); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("on a volume that does not know: %v", err)
	}
	v.broken["extents of Windows/MEMORY.DMP"] = errBadSector
	m := collect.NewManifest("", dumptest.DefaultTime, nil)
	m.Add(one(v), nil, errBadSector)
	if p := m.Dumps[0].Problems; len(p) != 1 || m.Dumps[0].Extents != nil {
		t.Errorf("in the manifest: %q, %+v", p, m.Dumps[0].Extents)
	}
}
