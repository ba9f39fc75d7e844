package format

import (
	"bytes"
	"testing"
)

func TestBitset(t *testing.T) {
	t.Parallel()
	b := newBitset(70)
	b.setRange(3, 62)
	want := []byte{0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc1 &^ 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	want[8] = 0x01 | 0xc0 // bit 64, and the end of the volume at bit 70
	if got := b.bytes(); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	for _, c := range []struct{ from, limit, set, clear int64 }{
		{0, 70, 3, 0}, {3, 70, 3, 65}, {64, 70, 64, 65}, {65, 70, 70, 65}, {65, 68, 68, 65}, {4, 20, 4, 20}, {70, 70, 70, 70},
	} {
		if set, clear := b.nextSet(c.from, c.limit), b.nextClear(c.from, c.limit); set != c.set || clear != c.clear {
			t.Errorf("from %d to %d: set %d, clear %d, want %d, %d", c.from, c.limit, set, clear, c.set, c.clear)
		}
	}
}

func TestScatter(t *testing.T) {
	t.Parallel()
	for _, fragments := range []int{2, 3, 100, 999} {
		a := newAllocator(20_000, 1)
		runs, err := a.scatter(1000, 1, fragments)
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) != fragments || runs.clusters() != 1000 {
			t.Errorf("%d runs of %d clusters, want %d of 1000", len(runs), runs.clusters(), fragments)
		}
		for i := 1; i < len(runs); i++ {
			if int64(runs[i-1].lcn)+runs[i-1].len == int64(runs[i].lcn) {
				t.Errorf("%d fragments: runs %d and %d are one", fragments, i-1, i)
			}
		}
	}
}
