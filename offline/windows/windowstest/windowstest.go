// Package windowstest gives tests installations to look at: made-up ones on volumes in memory, and real hives from the
// samples that lie outside the repository.
package windowstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
func NewVolume(t testing.TB, o sample.Options) Volume {
	t.Helper()
	return Volume{FreeBytes: 100 << 30, MapFS: fstest.MapFS{
		"Windows/System32/config/SYSTEM":   {Data: HiveBytes(t, sample.System, o)},
		"Windows/System32/config/SOFTWARE": {Data: HiveBytes(t, sample.Software, o)},
		"pagefile.sys":                     {Data: make([]byte, 4096)},
	}}
}

// HiveBytes builds a sample hive as its file has it.
func HiveBytes(t testing.TB, build func(sample.Options) (*hive.Hive, error), o sample.Options) []byte {
	t.Helper()
	h, err := build(o)
	if err != nil {
		t.Fatalf("build hive: %v", err)
	}
	b, err := h.Bytes()
	if err != nil {
		t.Fatalf("write hive: %v", err)
	}
	return b
}

// Open opens an installation for the length of the test.
func Open(t testing.TB, v windows.Volume, root string) *windows.Installation {
	t.Helper()
	i, err := windows.Open(v, root)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// Facts gathers the facts of an installation.
func Facts(t testing.TB, i *windows.Installation, live windows.Live) *windows.Facts {
	t.Helper()
	f, err := i.Facts(live)
	if err != nil {
		t.Fatalf("Facts: %v", err)
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
func Sample(t testing.TB, name string) *windows.Installation {
	t.Helper()
	i, err := windows.FromHive(SampleSource(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return i
}

// SampleSource reads the files of a sample hive. Without samples the test is skipped, or fails where oracles are
// required.
func SampleSource(t testing.TB, name string) hive.Source {
	t.Helper()
	src := hive.Source{Primary: NewFile(SampleFile(t, name+".xz"))}
	if log, ok := sampleFile(t, name+".LOG1.xz"); ok {
		src.Log1 = NewFile(log)
	}
	if log, ok := sampleFile(t, name+".LOG2.xz"); ok {
		src.Log2 = NewFile(log)
	}
	return src
}

// SampleFile reads and unpacks one sample.
func SampleFile(t testing.TB, name string) []byte {
	t.Helper()
	b, ok := sampleFile(t, name)
	if ok {
		return b
	}
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatalf("sample %s is missing", name)
	}
	t.Skipf("sample %s is missing", name)
	return nil
}

func sampleFile(t testing.TB, name string) ([]byte, bool) {
	t.Helper()
	f, err := os.Open(filepath.Join(samplesDir(t), "hives", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := xz.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b, true
}

// samplesDir is HANGKIT_SAMPLES, or ../shared/samples seen from the module's root.
func samplesDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HANGKIT_SAMPLES"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "samples")
		}
	}
	t.Fatal("no go.mod above the test")
	return ""
}
