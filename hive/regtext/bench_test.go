package regtext

import (
	"io"
	"testing"

	"hangkit/hive"
)

const benchSample = "real/SYSTEM_win7sp1_x86"

func BenchmarkExport(b *testing.B) {
	k := mustKey(b, mustOpen(b, sample(b, benchSample)), "")
	for _, e := range []Encoding{UTF16, UTF8} {
		b.Run([]string{"UTF16", "UTF8"}[e], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Export(io.Discard, k, system, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := mustExport(b, mustOpen(b, sample(b, benchSample)), UTF16)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyToNewHive(b *testing.B) {
	f, err := Parse(mustExport(b, mustOpen(b, sample(b, benchSample)), UTF8))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		mustApply(b, hive.New(hive.NewOptions{}), f)
	}
}

func BenchmarkApplyNoChange(b *testing.B) {
	h := mustOpen(b, sample(b, benchSample))
	f, err := Parse(mustExport(b, h, UTF8))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if sum := mustApply(b, h, f); sum.Keys+sum.Values != 0 {
			b.Fatalf("%+v", sum)
		}
	}
}
