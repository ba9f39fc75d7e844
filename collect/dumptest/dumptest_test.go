package dumptest_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// specs are all the kinds of dump this package makes.
func specs() map[string]dumptest.Spec {
	m := map[string]dumptest.Spec{
		"64-bit type 4": {Type: dumpfile.TypeTriage, Blobs: []int{100}},
		"32-bit type 4": {Type: dumpfile.TypeTriage, Bits: 32},
	}
	for _, t := range []dumpfile.Type{dumpfile.TypeFull, dumpfile.TypeSummary, dumpfile.TypeBitmapFull, dumpfile.TypeBitmapKernel} {
		m[fmt.Sprintf("64-bit type %d", t)] = dumptest.Spec{Type: t}
		if t != dumpfile.TypeBitmapKernel {
			m[fmt.Sprintf("32-bit type %d", t)] = dumptest.Spec{Type: t, Bits: 32, Blobs: []int{24, 0, 13}}
		}
	}
	return m
}

func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	for name, s := range specs() {
		a, err := dumptest.Build(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, _ := dumptest.Build(s)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two builds differ", name)
		}
		s.Seed++
		if c, _ := dumptest.Build(s); bytes.Equal(a, c) && s.Type != dumpfile.TypeTriage {
			t.Errorf("%s: the seed changes nothing", name)
		}
	}
}

func TestReadAtAgreesWithWriteTo(t *testing.T) {
	t.Parallel()
	for name, s := range specs() {
		d, err := dumptest.NewReader(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var whole bytes.Buffer
		if n, err := d.WriteTo(&whole); err != nil || n != d.Size() {
			t.Fatalf("%s: WriteTo: %d bytes of %d, %v", name, n, d.Size(), err)
		}
		b := make([]byte, 5000)
		for off := int64(0); off < d.Size(); off += 4999 {
			n, _ := d.ReadAt(b, off)
			if !bytes.Equal(b[:n], whole.Bytes()[off:off+int64(n)]) {
				t.Fatalf("%s: ReadAt at %#x differs", name, off)
			}
		}
	}
}

func TestBadSpecs(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]dumptest.Spec{
		"runs descend":       {Runs: []dumpfile.Run{{Base: 0x1A0, Count: 32}, {Base: 0x1A0, Count: 1}}},
		"no system pages":    {Runs: []dumpfile.Run{{Base: 1, Count: 1}}},
		"32-bit kernel":      {Bits: 32, Type: dumpfile.TypeBitmapKernel},
		"type not on disk":   {Type: dumpfile.TypeAutomatic},
		"too many full runs": {Type: dumpfile.TypeFull, Runs: manyRuns(43)},
	} {
		if _, err := dumptest.NewReader(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func manyRuns(n uint64) []dumpfile.Run {
	runs := []dumpfile.Run{{Base: 0x1A0, Count: 32}}
	for i := uint64(1); i < n; i++ {
		runs = append(runs, dumpfile.Run{Base: 0x1000 + 2*i, Count: 1})
	}
	return runs
}

// TestOracleFile asks file(1) what it sees in the header.
func TestOracleFile(t *testing.T) {
	if _, err := exec.LookPath("file"); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatal("file(1) is required and not installed")
		}
		t.Skip("file(1) is not installed")
	}
	for name, s := range specs() {
		b, err := dumptest.Build(s)
		if err != nil {
			t.Fatal(err)
		}
		dump := filepath.Join(t.TempDir(), "a.dmp")
		if err := os.WriteFile(dump, b, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "file", "-b", dump).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := "MS Windows " + name[:2] + "bit crash dump"
		details := []string{}
		if s.Bits == 32 {
			details = append(details, ", PAE")
		}
		if s.Type == dumpfile.TypeFull {
			details = append(details, ", full dump, 1024 pages")
		}
		for _, detail := range append(details, want) {
			if !strings.Contains(string(out), detail) {
				t.Errorf("%s: file says %q, want %q", name, out, detail)
			}
		}
		t.Logf("%s: %s", name, out)
	}
}

func BenchmarkReader(b *testing.B) {
	d, err := dumptest.NewReader(dumptest.Spec{Pages: 64 << 20 / 4096})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(d.Size())
	for b.Loop() {
		if _, err := d.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
