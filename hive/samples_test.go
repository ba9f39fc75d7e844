package hive

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ulikunitz/xz"
)

// memFile is a hive file in memory.
type memFile struct{ *bytes.Reader }

func newMemFile(p []byte) File { return memFile{bytes.NewReader(p)} }

// requireOracles says whether a missing sample or program is a failure.
func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

func skipOrFail(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if requireOracles() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// samplesDir is HANGKIT_SAMPLES or ../shared/samples beside the repository.
func samplesDir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("HANGKIT_SAMPLES"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "samples")
		}
	}
	tb.Fatal("no go.mod above")
	return ""
}

// unpacked keeps the samples that a test has read: unpacking takes longer than most tests.
var unpacked sync.Map

// sample gives a hive sample, unpacked, for the caller to change; name is below samples/hives and
// without ".xz".
func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	p, ok := unpacked.Load(name)
	if !ok {
		p, _ = unpacked.LoadOrStore(name, readSample(tb, name))
	}
	return bytes.Clone(p.([]byte))
}

func readSample(tb testing.TB, name string) []byte {
	tb.Helper()
	path := filepath.Join(samplesDir(tb), "hives", filepath.FromSlash(name))
	if p, err := os.ReadFile(path); err == nil {
		return p
	}
	p, err := os.ReadFile(path + ".xz")
	if err != nil {
		skipOrFail(tb, "sample %s: %v", name, err)
	}
	if len(p) == 0 {
		return p
	}
	r, err := xz.NewReader(bytes.NewReader(p))
	if err != nil {
		tb.Fatalf("sample %s: %v", name, err)
	}
	p, err = io.ReadAll(r)
	if err != nil {
		tb.Fatalf("sample %s: %v", name, err)
	}
	return p
}

// files is the contents of a hive's files; nil means absent.
type files [3][]byte

func (f files) source() Source {
	var s Source
	for id, dst := range []*File{&s.Primary, &s.Log1, &s.Log2} {
		if f[id] != nil {
			*dst = newMemFile(f[id])
		}
	}
	return s
}

// sampleSet reads a primary and the logs beside it.
func sampleSet(tb testing.TB, primary string, logs ...string) files {
	tb.Helper()
	var f files
	f[Primary] = sample(tb, primary)
	for i, name := range logs {
		if name != "" {
			f[i+1] = sample(tb, name)
		}
	}
	return f
}

func mustOpen(tb testing.TB, f files) *Hive {
	tb.Helper()
	h, err := Open(f.source())
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func mustBytes(tb testing.TB, h *Hive) []byte {
	tb.Helper()
	p, err := h.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
