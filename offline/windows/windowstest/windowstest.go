// Package windowstest gives tests installations to look at: made-up ones on volumes in memory, and real hives from the
// samples that lie outside the repository.
package windowstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/ulikunitz/xz"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
)

// Volume is a volume out of a map of files. Other than NTFS it tells upper from lower case, as a directory mounted
// elsewhere may.
type Volume struct {
	fstest.MapFS
	FreeBytes int64
}

// Free returns FreeBytes.
func (v Volume) Free() (int64, error) { return v.FreeBytes, nil }

// OpenRaw reads a file whole.
func (v Volume) OpenRaw(name string) (*io.SectionReader, error) {
	b, err := v.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), nil
}

// NewVolume puts a sample installation on a volume with 100 GB free and a page file of one page.
func NewVolume(tb testing.TB, o sample.Options) Volume {
	tb.Helper()
	return Volume{FreeBytes: 100 << 30, MapFS: fstest.MapFS{
		"Windows/System32/config/SYSTEM":   {Data: HiveBytes(tb, sample.System, o)},
		"Windows/System32/config/SOFTWARE": {Data: HiveBytes(tb, sample.Software, o)},
		"pagefile.sys":                     {Data: make([]byte, 4096)},
	}}
}

// HiveBytes builds a sample hive as its file has it.
func HiveBytes(tb testing.TB, build func(sample.Options) (*hive.Hive, error), o sample.Options) []byte {
	tb.Helper()
	h, err := build(o)
	if err != nil {
		tb.Fatalf("build hive: %v", err)
	}
	b, err := h.Bytes()
	if err != nil {
		tb.Fatalf("write hive: %v", err)
	}
	return b
}

// Open opens an installation for the length of the test.
func Open(tb testing.TB, v windows.Volume, root string) *windows.Installation {
	tb.Helper()
	i, err := windows.Open(v, root)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := i.Close(); err != nil {
			tb.Error(err)
		}
	})
	return i
}

// Facts gathers the facts of an installation.
func Facts(tb testing.TB, i *windows.Installation, live windows.Live) *windows.Facts {
	tb.Helper()
	f, err := i.Facts(live)
	if err != nil {
		tb.Fatalf("Facts: %v", err)
	}
	return f
}

// File is a hive file in memory.
type File struct{ *bytes.Reader }

// NewFile returns a file with these contents.
func NewFile(b []byte) File { return File{bytes.NewReader(b)} }

// Size is the length of the file.
func (f File) Size() int64 { return f.Reader.Size() }

// Sample opens a real SYSTEM hive, given as the path of its compressed primary below samples/hives, with the logs
// published beside it.
func Sample(tb testing.TB, name string) *windows.Installation {
	tb.Helper()
	i, err := windows.FromHive(SampleSource(tb, name))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return i
}

// SampleSource reads the files of a sample hive. Without samples the test is skipped, or fails where oracles are
// required.
func SampleSource(tb testing.TB, name string) hive.Source {
	tb.Helper()
	src := hive.Source{Primary: NewFile(SampleFile(tb, name+".xz"))}
	if log, ok := sampleFile(tb, name+".LOG1.xz"); ok {
		src.Log1 = NewFile(log)
	}
	if log, ok := sampleFile(tb, name+".LOG2.xz"); ok {
		src.Log2 = NewFile(log)
	}
	return src
}

// SampleFile reads and unpacks one sample.
func SampleFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, ok := sampleFile(tb, name)
	if ok {
		return b
	}
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		tb.Fatalf("sample %s is missing", name)
	}
	tb.Skipf("sample %s is missing", name)
	return nil
}

// unpacked keeps what was read: several tests look at the same hive, and unpacking takes longer than most of them.
var unpacked sync.Map

func sampleFile(tb testing.TB, name string) ([]byte, bool) {
	tb.Helper()
	path := filepath.Join(samplesDir(tb), "hives", filepath.FromSlash(name))
	unpack, _ := unpacked.LoadOrStore(path, sync.OnceValues(func() ([]byte, error) { return unpackFile(path) }))
	b, err := unpack.(func() ([]byte, error))()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b, true
}

func unpackFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r, err := xz.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(r)
}

// samplesDir is HANGKIT_SAMPLES, or ../shared/samples seen from the module's root.
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
			return filepath.Join(filepath.Dir(dir), "shared", "samples")
		}
	}
	tb.Fatal("no go.mod above the test")
	return ""
}
