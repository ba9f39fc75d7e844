package wim_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hangkit/image/wim"
)

var le = binary.LittleEndian

// oracle skips the test where a program is missing, and fails it where it must not be.
func oracle(tb testing.TB, program string) {
	tb.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			tb.Fatalf("%s is missing", program)
		}
		tb.Skipf("%s is missing", program)
	}
}

// run runs a program that must succeed.
func run(tb testing.TB, program string, args ...string) string {
	tb.Helper()
	oracle(tb, program)
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

func open(tb testing.TB, b []byte) *wim.Archive {
	tb.Helper()
	a, err := wim.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func openImage(tb testing.TB, b []byte, n int) *wim.Image {
	tb.Helper()
	m, err := open(tb, b).Image(n)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

const systemPath = "Windows/System32/config/SYSTEM"

var day = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// system stands for a hive: larger than a chunk, and nothing like it elsewhere.
func system(seed byte) []byte {
	b := bytes.Repeat([]byte("regf and what follows. "), 4000)
	b[5] = seed
	return b
}

// sample has two images that share their hive, the second of which boots.
func sample(tb testing.TB) []byte {
	tb.Helper()
	b, err := wim.Create(sampleImages(), wim.CreateOptions{Boot: 2, Integrity: true, GUID: [16]byte{1}})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func sampleImages() []wim.NewImage {
	return []wim.NewImage{
		{Name: "Home <&>", Windows: "10.0.22621.1", Entries: []wim.Entry{
			{Path: systemPath, Data: system(1), Modified: day},
			{Path: "Windows/explorer.exe", Data: []byte("MZ"), Modified: day, Streams: []wim.NewStream{{Name: "Zone", Data: []byte("3")}}},
			{Path: "Program Files", Dir: true, ShortName: "PROGRA~1", Modified: day},
			{Path: "Program Files/long name.txt", ShortName: "LONGNA~1.TXT", Data: []byte("text"), Modified: day},
			{Path: "empty", Modified: day},
			{Path: "link", Attributes: 0x400, Data: []byte("reparse data"), Modified: day},
			{Path: "one", HardLink: 7, Data: []byte("same file"), Modified: day},
			{Path: "other", HardLink: 7, Data: []byte("same file"), Modified: day},
		}},
		{Name: "PE", Entries: []wim.Entry{
			{Path: systemPath, Data: system(1), Modified: day},
			{Path: "ÄRGER.txt", Data: []byte("umlaut"), Modified: day},
		}},
	}
}

// sameTree compares what two file systems hold.
func sameTree(tb testing.TB, got, want fs.FS, except ...string) {
	tb.Helper()
	g, w := contents(tb, got), contents(tb, want)
	for _, name := range except {
		delete(g, name)
		delete(w, name)
	}
	for name, data := range w {
		if have, ok := g[name]; !ok || have != data {
			tb.Errorf("%s: there %v, %d bytes; want %d", name, ok, len(have), len(data))
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			tb.Errorf("%s is too much", name)
		}
	}
}

// contents are the files of a file system, and its folders with a slash behind.
func contents(tb testing.TB, f fs.FS) map[string]string {
	tb.Helper()
	found := map[string]string{}
	err := fs.WalkDir(f, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			found[name+"/"] = ""
		case d.Type().IsRegular():
			b, err := fs.ReadFile(f, name)
			found[name] = string(b)
			return err
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// tree is a folder as a Windows, for wimlib to capture.
func tree(tb testing.TB, seed byte) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, data := range map[string][]byte{
		systemPath: system(seed), "Windows/System32/config/SOFTWARE": system(9),
		"Windows/a.dll": bytes.Repeat([]byte{0xe8, 1, 2, 3, 4, 5, seed}, 30_000), "empty": nil,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// capture has wimlib make an archive of a folder.
func capture(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "install.wim")
	run(tb, "wimlib-imagex", append([]string{"capture", dir, name, "--threads=1", "--no-acls"}, args...)...)
	return name
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func writeFile(tb testing.TB, b []byte) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "written.wim")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}
