package verify_test

import (
	"fmt"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// BenchmarkCheck checks volumes whose files all have a record, a name, and an
// entry in a directory of a thousand.
func BenchmarkCheck(b *testing.B) {
	for _, directories := range []int{1, 100} {
		var root []format.Entry
		for i := range directories {
			root = append(root, format.Entry{Name: fmt.Sprintf("directory %d", i), Dir: numbered("name of a file", 1000)})
		}
		m := build(b, 2<<30, format.Options{Root: root})
		b.Run(fmt.Sprintf("%d files", directories*1000), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := verify.Check(b.Context(), m, m.size, verify.Options{})
				if err != nil || len(r.Counts) > 0 {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(directories*1000)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
