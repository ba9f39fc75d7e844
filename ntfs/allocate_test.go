package ntfs

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestAppendRunList: what is written is what the reader reads, in as few bytes
// as the format allows.
func TestAppendRunList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs RunList
		want []byte
	}{
		{RunList{{LCN: 0, Length: 1}}, []byte{0x11, 1, 0, 0, 0, 0, 0, 0}},
		{RunList{{LCN: 127, Length: 127}}, []byte{0x11, 127, 127, 0, 0, 0, 0, 0}},
		{RunList{{LCN: 128, Length: 128}}, []byte{0x22, 128, 0, 128, 0, 0, 0, 0}},
		{RunList{{LCN: 300, Length: 1}, {LCN: 172, Length: 2}}, []byte{0x21, 1, 44, 1, 0x11, 2, 0x80, 0}},
		{RunList{{LCN: 300, Length: 1}, {LCN: 171, Length: 2}}, []byte{0x21, 1, 44, 1, 0x21, 2, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}},
		{RunList{{LCN: hole, Length: 16}, {LCN: 5, Length: 1}}, []byte{0x01, 16, 0x11, 1, 5, 0, 0, 0}},
	} {
		got := appendRunList(nil, c.runs)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got % x, want % x", c.runs, got, c.want)
		}
		if back, err := parseRunList(got, 0); err != nil || !slices.Equal(back, c.runs) {
			t.Errorf("%v: read back as %v (%v)", c.runs, back, err)
		}
	}
}

func FuzzAppendRunList(f *testing.F) {
	f.Add(uint64(1), 10)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		rng := rand.New(rand.NewPCG(seed, 0))
		runs := make(RunList, 1+max(0, n)%100)
		for i := range runs {
			runs[i] = Run{LCN: LCN(rng.Int64() >> rng.IntN(63)), Length: 1 + rng.Int64N(math.MaxInt64)>>rng.IntN(63)}
		}
		if back, err := parseRunList(appendRunList(nil, runs), 0); err != nil || !slices.Equal(back, runs) {
			t.Errorf("%v: read back as %v (%v)", runs, back, err)
		}
	})
}

func TestFreeRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bits     []byte
		clusters int64
		want     []Run
	}{
		{[]byte{0xff, 0xff}, 16, nil},
		{[]byte{0, 0}, 16, []Run{{0, 16}}},
		{[]byte{0, 0}, 11, []Run{{0, 11}}},
		{[]byte{0x0f, 0xf0}, 16, []Run{{4, 8}}},
		{[]byte{0x55, 0xff}, 16, []Run{{1, 1}, {3, 1}, {5, 1}, {7, 1}}},
		{[]byte{0xfe, 0x7f}, 16, []Run{{0, 1}, {15, 1}}},
		{[]byte{0xff, 0, 0xff}, 24, []Run{{8, 8}}},
	} {
		var got []Run
		w := runWalk{clusters: c.clusters, found: func(r Run) { got = append(got, r) }}
		for i, b := range c.bits {
			w.eight(int64(i)*8, b)
		}
		w.used(w.clusters)
		if !slices.Equal(got, c.want) {
			t.Errorf("% x: got %v, want %v", c.bits, got, c.want)
		}
	}
}

// TestChooseRuns: few pieces before small ones, the tightest fit before others.
func TestChooseRuns(t *testing.T) {
	t.Parallel()
	free := []Run{{10, 5}, {20, 100}, {200, 8}, {300, 30}, {400, 8}}
	for _, c := range []struct {
		need int64
		want RunList
	}{
		{1, RunList{{10, 1}}},
		{6, RunList{{200, 6}}},
		{8, RunList{{200, 8}}},
		{9, RunList{{300, 9}}},
		{100, RunList{{20, 100}}},
		{101, RunList{{20, 100}, {300, 1}}},
		{138, RunList{{20, 100}, {200, 8}, {300, 30}}},
		{139, RunList{{20, 100}, {200, 8}, {300, 30}, {400, 1}}},
		{151, RunList{{10, 5}, {20, 100}, {200, 8}, {300, 30}, {400, 8}}},
		{152, nil},
	} {
		s := &freeSearch{need: c.need}
		for _, r := range free {
			s.found(r)
		}
		got, err := s.choose()
		if !slices.Equal(got, c.want) || (c.want == nil) != errors.Is(err, ErrNoSpace) {
			t.Errorf("%d: got %v (%v), want %v", c.need, got, err, c.want)
		}
	}
}

// TestChooseFromManyPieces keeps the largest ones only.
func TestChooseFromManyPieces(t *testing.T) {
	t.Parallel()
	s := &freeSearch{need: 4 * maxPieces}
	for i := range LCN(100_000) {
		s.found(Run{LCN: 10 * i, Length: int64(1 + i%4)})
	}
	runs, err := s.choose()
	if err != nil || len(runs) != maxPieces || slices.ContainsFunc(runs, func(r Run) bool { return r.Length != 4 }) {
		t.Errorf("%d pieces (%v)", len(runs), err)
	}
	s = &freeSearch{need: 5 * maxPieces}
	for i := range LCN(100_000) {
		s.found(Run{LCN: 10 * i, Length: 4})
	}
	if _, err := s.choose(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("more pieces than a record can name: %v", err)
	}
}
