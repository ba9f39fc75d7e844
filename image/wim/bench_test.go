package wim_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"hangkit/image/wim"
)

// BenchmarkReadFile reads a hive of 8 MiB from an archive of each compression.
func BenchmarkReadFile(b *testing.B) {
	for _, codec := range []string{"none", "XPRESS", "LZX"} {
		b.Run(codec, func(b *testing.B) {
			data := benchHive()
			archive := readFile(b, capture(b, benchTree(b, data), "--compress="+codec))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := openImage(b, archive, 1).ReadFile("SYSTEM"); err != nil || len(got) != len(data) {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// BenchmarkPlan works out a change of a hive of 8 MiB, in memory.
func BenchmarkPlan(b *testing.B) {
	data := benchHive()
	archive := readFile(b, capture(b, benchTree(b, data), "--compress=none", "--check"))
	a := open(b, archive)
	changed := bytes.Clone(data)
	changed[0]++
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := a.Plan(1, []wim.NewContents{{Path: "SYSTEM", Data: changed}}, day); err != nil {
			b.Fatal(err)
		}
	}
}

func benchHive() []byte {
	b := make([]byte, 0, 8<<20)
	for i := 0; len(b) < cap(b)-64; i++ {
		b = le.AppendUint64(b, uint64(i*i))
		b = append(b, "value of a key"[:i%14]...)
	}
	return b
}

func benchTree(b *testing.B, data []byte) string {
	b.Helper()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "SYSTEM"), data, 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}
