package windows_test

import (
	"testing"

	"hangkit/offline/windows"
	"hangkit/offline/windows/windowstest"
)

// BenchmarkFacts opens a real SYSTEM hive of 12 MB, recovers it and gathers the facts. The bytes are what was read of
// the hive.
func BenchmarkFacts(b *testing.B) {
	for _, name := range []string{"real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_win7sp1_x86"} {
		b.Run(name, func(b *testing.B) {
			src := windowstest.SampleSource(b, name)
			b.ReportAllocs()
			for b.Loop() {
				i, err := windows.FromHive(src)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := i.Facts(windows.Live{}); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(i.System.BytesRead())
			}
		})
	}
}
