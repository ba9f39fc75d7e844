package format_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

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
