package ntfs

import (
	"errors"
	"math"
	"slices"
	"testing"

	"hangkit/ntfs/internal/alloctest"
)

func TestParseRunList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   []byte
		want RunList
		err  bool
	}{
		{"empty", []byte{0}, nil, false},
		{"one run", []byte{0x21, 0x18, 0x34, 0x56, 0}, RunList{{0x5634, 0x18}}, false},
		{"backwards", []byte{0x21, 0x10, 0x00, 0x01, 0x11, 0x08, 0xf0, 0}, RunList{{0x100, 0x10}, {0xf0, 8}}, false},
		{"hole between", []byte{0x11, 1, 5, 0x01, 7, 0x11, 1, 1, 0}, RunList{{5, 1}, {hole, 7}, {6, 1}}, false},
		{"$Boot, at cluster zero", []byte{0x11, 2, 0, 0}, RunList{{0, 2}}, false},
		{"widest fields", []byte{0x88, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0}, RunList{{2, 1}}, false},
		{"longest length", []byte{0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0}, RunList{{1, math.MaxInt64}}, false},
		{"nothing at all", nil, nil, true},
		{"no end", []byte{0x11, 1, 5}, nil, true},
		{"cut in a field", []byte{0x41, 1, 5, 0}, nil, true},
		{"no length field", []byte{0x10, 5, 0}, nil, true},
		{"length field of nine bytes", []byte{0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, nil, true},
		{"length zero", []byte{0x11, 0, 5, 0}, nil, true},
		{"length negative", []byte{0x11, 0x80, 5, 0}, nil, true},
		{"before the volume", []byte{0x11, 1, 0xff, 0}, nil, true},
		{"overflow", []byte{0x81, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x11, 1, 1, 0}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseRunList(c.in, 0)
			if c.err != errors.Is(err, ErrFormat) || !c.err && err != nil {
				t.Fatalf("error %v", err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestExtentMap(t *testing.T) {
	t.Parallel()
	m := &extentMap{clusterSize: 4096, clusters: 100}
	for _, run := range []Run{{10, 2}, {12, 3}, {hole, 1}, {hole, 4}, {15, 1}, {50, 50}} {
		if err := m.addRun(run, 0); err != nil {
			t.Fatal(err)
		}
	}
	want := []Extent{{0, 10 << 12, 5 << 12}, {5 << 12, hole, 5 << 12}, {10 << 12, 15 << 12, 1 << 12}, {11 << 12, 50 << 12, 50 << 12}}
	if !slices.Equal(m.extents, want) {
		t.Errorf("got %v, want %v", m.extents, want)
	}
	for _, run := range []Run{{99, 2}, {101, 1}, {hole, math.MaxInt64 / 4096}, {0, math.MaxInt64}} {
		if err := m.addRun(run, 0); !errors.Is(err, ErrFormat) {
			t.Errorf("%v: %v", run, err)
		}
	}
	for off, want := range map[int64]int{0: 0, 5<<12 - 1: 0, 5 << 12: 1, 10 << 12: 2, 11 << 12: 3, 61 << 12: 4} {
		if got := extentAt(m.extents, off); got != want {
			t.Errorf("extent at 0x%x: %d, want %d", off, got, want)
		}
	}
}

func FuzzRunList(f *testing.F) {
	f.Add([]byte{0x21, 0x18, 0x34, 0x56, 0})
	f.Add([]byte{0x11, 1, 5, 0x01, 7, 0x11, 1, 1, 0})
	f.Add([]byte{0x88, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var runs RunList
		var err error
		const perByte = 32 // a run of 16 bytes takes two on the disk; slices grow
		alloctest.Bound(t, perByte*len(b), func() { runs, err = parseRunList(b, 0) })
		if err != nil {
			return
		}
		m := &extentMap{clusterSize: 4096, clusters: 1 << 40}
		for _, run := range runs {
			if run.Length <= 0 || run.LCN < hole {
				t.Fatalf("run %v", run)
			}
			if err := m.addRun(run, 0); err != nil {
				return
			}
		}
		checkExtents(t, m)
	})
}

// checkExtents proves what every reader relies on.
func checkExtents(t *testing.T, m *extentMap) {
	t.Helper()
	var at int64
	for _, e := range m.extents {
		if e.FileOffset != at || e.Length <= 0 || e.DeviceOffset < hole || e.DeviceOffset != hole && e.DeviceOffset+e.Length > m.clusters*m.clusterSize {
			t.Fatalf("extent %v at %d", e, at)
		}
		at += e.Length
	}
	if at != int64(m.next)*m.clusterSize {
		t.Fatalf("%d bytes mapped, want %d", at, int64(m.next)*m.clusterSize)
	}
}
