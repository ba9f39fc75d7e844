package dumpfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

var le = binary.LittleEndian

const (
	fill32 = 0x45474150
	fill64 = 0x4547415045474150
)

func build(tb testing.TB, s dumptest.Spec) []byte {
	tb.Helper()
	b, err := dumptest.Build(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func parse(tb testing.TB, b []byte) *dumpfile.Header {
	tb.Helper()
	h, err := dumpfile.ParseHeader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func layout(tb testing.TB, b []byte) *dumpfile.Layout {
	tb.Helper()
	return parse(tb, b).Layout(bytes.NewReader(b), int64(len(b)))
}

func verify(b []byte) *dumpfile.Report {
	return dumpfile.Verify(bytes.NewReader(b), int64(len(b)))
}

// sample reads one of the real dumps, which are not part of the repository.
func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join(root(tb), "..", "shared", "samples")
	}
	b, err := os.ReadFile(filepath.Join(dir, "dumps", name))
	if errors.Is(err, os.ErrNotExist) && os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		tb.Skipf("sample %s is not here", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// edit is a copy of b with a change made to it.
func edit(b []byte, change func(b []byte)) []byte {
	b = slices.Clone(b)
	change(b)
	return b
}

// failing is a reader whose n-th read fails.
type failing struct {
	*bytes.Reader
	n int
}

var errBadSector = errors.New("bad sector")

func (f *failing) ReadAt(b []byte, off int64) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errBadSector
	}
	return f.Reader.ReadAt(b, off)
}

func hex(v int64) string { return fmt.Sprintf("%#x", v) }
