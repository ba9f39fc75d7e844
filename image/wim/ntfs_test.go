package wim_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/wim"
	"hangkit/ntfs/format"
)

// TestOracleNTFS: what wimlib takes from an NTFS volume, with short names and streams.
func TestOracleNTFS(t *testing.T) {
	t.Parallel()
	oracle(t, "wimlib-imagex")
	disk := image.NewMemory(32<<20, 512)
	_, err := format.Build(disk, format.Options{Seed: 1, Root: []format.Entry{
		{Name: "Long folder name", ShortName: "LONGFO~1", Dir: []format.Entry{
			{Name: "Long file name.txt", ShortName: "LONGFI~1.TXT", Data: []byte("text"), Streams: []format.Stream{{Name: "Zone", Data: []byte("3")}, {Name: "empty"}}},
		}},
		{Name: "folder", Dir: []format.Entry{}, Streams: []format.Stream{{Name: "of a folder", Data: bytes.Repeat([]byte("data"), 5000)}}},
		{Name: "SYSTEM", Data: system(4)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(t.TempDir(), "volume.img")
	b := make([]byte, disk.Size())
	if _, err := disk.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := os.WriteFile(volume, b, 0o600); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "ntfs.wim")
	run(t, "wimlib-imagex", "capture", volume, archive, "--threads=1", "--compress=XPRESS")

	before := readFile(t, archive)
	checkNTFS(t, openImage(t, before, 1))
	c, err := open(t, before).Plan(1, []wim.NewContents{{Path: "system", Data: newSystem()}, {Path: "longfo~1/longfi~1.txt", Data: []byte("other")}}, day)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(archive, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Run(onDisk{f}); err != nil {
		t.Fatal(err)
	}
	run(t, "wimlib-imagex", "verify", archive)
	said := run(t, "wimlib-imagex", "dir", archive, "1", "--detailed", "--path=/Long folder name/Long file name.txt")
	if !strings.Contains(said, "Zone") {
		t.Errorf("the stream is gone:\n%s", said)
	}
	out := t.TempDir()
	run(t, "wimlib-imagex", "extract", archive, "1", "/Long folder name/Long file name.txt", "/SYSTEM", "--dest-dir="+out)
	if got := readFile(t, filepath.Join(out, "Long file name.txt")); string(got) != "other" {
		t.Errorf("%q", got)
	}
	if got := readFile(t, filepath.Join(out, "SYSTEM")); !bytes.Equal(got, newSystem()) {
		t.Error("another hive")
	}
}

func checkNTFS(t *testing.T, m *wim.Image) {
	t.Helper()
	if b, err := m.ReadFile("longfo~1/LONGFI~1.txt"); string(b) != "text" || err != nil {
		t.Errorf("by short names: %q, %v", b, err)
	}
	for _, c := range []struct{ file, stream, want string }{
		{"Long folder name/Long file name.txt", "zone", "3"}, {"Long folder name/Long file name.txt", "empty", ""},
		{"folder", "of a folder", strings.Repeat("data", 5000)},
	} {
		f, err := m.OpenStream(c.file, c.stream)
		if err != nil {
			t.Errorf("%s:%s: %v", c.file, c.stream, err)
			continue
		}
		if b, err := io.ReadAll(f); string(b) != c.want || err != nil {
			t.Errorf("%s:%s: %d bytes, %v", c.file, c.stream, len(b), err)
		}
	}
}
