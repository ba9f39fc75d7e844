package alloctest

import "testing"

// failing notes that a test failed instead of failing.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Fatalf(string, ...any) { f.failed = true }

var sink []byte // keeps the allocations on the heap

func TestBound(t *testing.T) {
	for name, c := range map[string]struct {
		limit, size int
		want        bool
	}{
		"within":        {8 << 20, 4 << 20, false},
		"nothing":       {0, 0, false},
		"beyond":        {1 << 20, 8 << 20, true},
		"far beyond it": {0, 256 << 20, true},
	} {
		f := &failing{TB: t}
		Bound(f, c.limit, func() { sink = make([]byte, c.size) })
		if f.failed != c.want {
			t.Errorf("%s: failed %t", name, f.failed)
		}
	}
	sink = nil
}
