package format_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hangkit/ntfs/format"
)

// windowsDisk is the tree of a Windows machine, with a page file of which only
// the start is ever written.
func windowsDisk(pageFile int64) []format.Entry {
	return []format.Entry{
		{Name: "Windows", Dir: []format.Entry{
			{Name: "System32", Dir: append(numbered(5000), format.Entry{Name: "config", Dir: []format.Entry{
				{Name: "SYSTEM", Data: noise(1, 16<<20)},
			}})},
		}},
		{
			Name: "pagefile.sys", Size: pageFile, Fragments: 5000,
			Content: pattern{pageFile}, Written: []format.Range{{Off: 0, Len: 64 << 20}},
		},
	}
}

// sparseBudget is what formatting and filling a sparse image of 64 GB may take.
const sparseBudget = 2 * time.Second

// TestSparseBudget makes a Windows disk of 64 GB with a page file in 20,000 pieces.
// The machine may have other things to do: one of a few tries has to be in time.
func TestSparseBudget(t *testing.T) {
	root := append(windowsDisk(20<<30), format.Populate(format.Population{Names: 3000, Pieces: []int{1000}})...)
	page := &root[1]
	page.Fragments, page.Content, page.Written = 20_000, nil, nil
	best := time.Hour
	for range 5 {
		img := newImage(t, 64e9)
		start := time.Now()
		if err := format.Write(img, format.Options{Root: root, ExtraRecords: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
		if err := errors.Join(img.Close(), os.Remove(img.Name())); err != nil {
			t.Fatal(err)
		}
		if best <= sparseBudget {
			t.Logf("%v", best)
			return
		}
	}
	t.Errorf("formatting and filling 64 GB took %v, want at most %v", best, sparseBudget)
}

func BenchmarkWrite(b *testing.B) {
	for _, gb := range []int64{1, 64, 500} {
		b.Run(fmt.Sprintf("%dGB", gb), func(b *testing.B) {
			entries := windowsDisk(gb << 30 / 3)
			for b.Loop() {
				path := filepath.Join(b.TempDir(), "volume.img")
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				if err := format.Write(image{f, gb << 30}, format.Options{Root: entries, ExtraRecords: gb << 12}); err != nil {
					b.Fatal(err)
				}
				_ = f.Close()
				_ = os.Remove(path)
			}
		})
	}
}
