package collect_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"hangkit/collect"
	"hangkit/collect/dumptest"
)

// volume is a file system in memory with a layer of clusters beneath it.
type volume struct {
	fstest.MapFS
	raw    map[string][]byte // clusters where they differ from the file
	broken map[string]error  // what opening or listing gives
}

var errBadSector = errors.New("bad sector")

func (v *volume) OpenRaw(name string) (*io.SectionReader, error) {
	if err := v.broken[name]; err != nil {
		return nil, err
	}
	b, ok := v.raw[name]
	if !ok {
		f, ok := v.MapFS[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		b = f.Data
	}
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), nil
}

func (v *volume) Open(name string) (fs.File, error) {
	if err := v.broken[name]; err != nil {
		return nil, err
	}
	return v.MapFS.Open(name)
}

func (v *volume) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := v.broken[name]; err != nil {
		return nil, err
	}
	return v.MapFS.ReadDir(name)
}

// files makes a volume out of names and contents.
func files(m map[string][]byte) *volume {
	v := &volume{MapFS: fstest.MapFS{}, raw: map[string][]byte{}, broken: map[string]error{}}
	for name, b := range m {
		v.MapFS[name] = &fstest.MapFile{Data: b, ModTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	}
	return v
}

func build(tb testing.TB, s dumptest.Spec) []byte {
	tb.Helper()
	b, err := dumptest.Build(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// pad is b with noise behind it, as in a page file that was in use before.
func pad(b []byte, n int) []byte {
	return append(bytes.Clone(b), bytes.Repeat([]byte{0xD7}, n)...)
}

// windows is a place with the usual settings.
func windows(v collect.Volume) collect.Place {
	return collect.Place{Volume: v, Label: "C", SystemRoot: "Windows", PageFiles: []string{"pagefile.sys"}}
}

func find(tb testing.TB, places ...collect.Place) []*collect.Candidate {
	tb.Helper()
	found, err := collect.Find(tb.Context(), places)
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// findOne expects a single candidate.
func findOne(tb testing.TB, places ...collect.Place) *collect.Candidate {
	tb.Helper()
	found := find(tb, places...)
	if len(found) != 1 {
		for _, c := range found {
			tb.Logf("%s: %s (%s) %v", c.Name(), c.State, c.Why, c.Problems)
		}
		tb.Fatalf("%d candidates, want 1", len(found))
	}
	return found[0]
}

// sample reads one of the real dumps, which are not part of the repository.
func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "samples")
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
