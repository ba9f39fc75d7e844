package dumpfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"hangkit/collect/dumpfile"
)

// naivePages lists the set bits one by one.
func naivePages(b []byte, bits uint64) []uint64 {
	var pfns []uint64
	for n := range bits {
		if b[n/8]&(1<<(n%8)) != 0 {
			pfns = append(pfns, n)
		}
	}
	return pfns
}

func bitmaps() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 70000) // more than one chunk
	for i := range random {
		random[i] = byte(rnd.Uint32() | rnd.Uint32()>>8)
	}
	return map[string][]byte{
		"one":      {0x01},
		"last":     {0x00, 0x80},
		"ones":     bytes.Repeat([]byte{0xFF}, 1000),
		"zeros":    make([]byte, 100),
		"stripes":  bytes.Repeat([]byte{0xAA, 0x55, 0xF0}, 333),
		"random":   random,
		"boundary": append(bytes.Repeat([]byte{0xFF}, 1<<16), 0x07),
	}
}

func TestBitmapRuns(t *testing.T) {
	t.Parallel()
	for name, b := range bitmaps() {
		for _, cut := range []uint64{0, 1, 7} {
			bits := uint64(len(b))*8 - cut
			t.Run(fmt.Sprintf("%s-%d", name, cut), func(t *testing.T) {
				t.Parallel()
				set := dumpfile.NewBitmapPages(bytes.NewReader(b), bits)
				want := naivePages(b, bits)
				var got []uint64
				end := uint64(0)
				for run, err := range set.Runs() {
					if err != nil {
						t.Fatal(err)
					}
					if run.Count == 0 || len(got) > 0 && run.Base <= end {
						t.Fatalf("run %+v behind %d is empty or not merged", run, end)
					}
					end = run.End()
					for pfn := run.Base; pfn < end; pfn++ {
						got = append(got, pfn)
					}
				}
				if !slices.Equal(got, want) || set.Count != uint64(len(want)) {
					t.Fatalf("%d pages, counted %d, want %d", len(got), set.Count, len(want))
				}
				checkOffsets(t, set, want)
				checkMissing(t, set, want)
			})
		}
	}
}

func checkOffsets(t *testing.T, set *dumpfile.PageSet, pfns []uint64) {
	t.Helper()
	step := len(pfns)/50 + 1
	for i := 0; i < len(pfns); i += step {
		off, ok, err := set.Offset(pfns[i])
		if want := set.First + int64(i)*4096; !ok || err != nil || off != want {
			t.Fatalf("page %d is at %#x, %t, %v; want %#x", pfns[i], off, ok, err, want)
		}
		if i > 0 && pfns[i]-pfns[i-1] > 1 {
			if _, ok, _ := set.Offset(pfns[i] - 1); ok {
				t.Fatalf("page %d is not in the dump", pfns[i]-1)
			}
		}
	}
}

func checkMissing(t *testing.T, set *dumpfile.PageSet, pfns []uint64) {
	t.Helper()
	for _, stored := range []int{0, 1, len(pfns) / 2, len(pfns) - 1, len(pfns)} {
		if stored < 0 || stored > len(pfns) {
			continue
		}
		for _, extra := range []int64{0, 1, 4095} {
			m, err := set.MissingFrom(set.First + int64(stored)*4096 + extra)
			if err != nil || m.Pages != uint64(len(pfns)-stored) {
				t.Fatalf("%d stored: %d missing, %v", stored, m.Pages, err)
			}
			if m.Pages > 0 && m.Ranges[0].Base != pfns[stored] {
				t.Fatalf("%d stored: missing from %d, want %d", stored, m.Ranges[0].Base, pfns[stored])
			}
		}
	}
	if m, _ := set.MissingFrom(0); m.Pages != uint64(len(pfns)) || len(m.Ranges) > 64 {
		t.Fatalf("nothing stored: %d missing in %d ranges", m.Pages, len(m.Ranges))
	}
}

func TestBitmapReadFails(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte{0x55}, 200000)
	for n := range 4 {
		set := dumpfile.NewBitmapPages(bytes.NewReader(b), uint64(len(b))*8)
		bad := dumpfile.NewBitmapPages(&failing{bytes.NewReader(b), n}, uint64(len(b))*8)
		if bad.Count != 0 && n < 4 {
			t.Errorf("read %d fails: counted %d of %d", n, bad.Count, set.Count)
		}
		if _, err := bad.MissingFrom(0); err == nil {
			t.Errorf("read %d fails: no error", n)
		}
	}
}

func BenchmarkBitmapRuns(b *testing.B) {
	// The bitmap of a 64 GiB machine, half of it in use.
	m := make([]byte, 64<<30/4096/8)
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range m {
		m[i] = byte(rnd.Uint32())
	}
	set := dumpfile.NewBitmapPages(bytes.NewReader(m), uint64(len(m))*8)
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		for range set.Runs() {
		}
	}
}
