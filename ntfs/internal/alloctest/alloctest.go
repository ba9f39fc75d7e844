// Package alloctest proves in tests that a parser of damaged input takes memory
// by what it was given and not by what a length field claims.
package alloctest

import (
	"runtime/metrics"
	"testing"
)

const (
	allocated = "/gc/heap/allocs:bytes"
	// slack is what the runtime books in advance and what others allocate meanwhile.
	slack = 1 << 20
)

// Bound fails the test if do allocates more than limit bytes, freed ones
// included. Nothing else may allocate at the same time, which holds in fuzz
// targets: they run after all tests, one input at a time.
func Bound(tb testing.TB, limit int, do func()) {
	tb.Helper()
	before := total()
	do()
	if grown := total() - before; grown > uint64(limit)+slack {
		tb.Fatalf("%d bytes allocated, want at most %d", grown, limit)
	}
}

// total is the number of bytes allocated since the program began.
func total() uint64 {
	sample := []metrics.Sample{{Name: allocated}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
