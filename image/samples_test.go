package image_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
)

// samples is the folder of samples that are too large or too foreign for
// the repository: $HANGKIT_SAMPLES, else beside the repository.
func samples(t *testing.T, pattern string) []string {
	t.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join(root(t), "..", "shared", "samples")
	}
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		return found
	}
	reason := "no samples " + pattern + " in " + dir
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return nil
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// head is the beginning of a compressed file.
func head(t *testing.T, path string, size int) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(unpacked, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// Encrypted volumes that Windows made, each covering its disk.
func TestOracleBitLockerVolumes(t *testing.T) {
	t.Parallel()
	for _, path := range samples(t, "bitlocker/*.gz") {
		content := head(t, path, 64*kib)
		f := tempImage(t, content)
		table, err := image.ReadTable(f)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		want := 512
		if strings.Contains(path, "-4k") {
			want = 4096
		}
		if table.Scheme != image.None || len(table.Partitions) != 1 || table.Partitions[0].TypeName != image.VolumeBitLocker || f.SectorSize() != want {
			t.Errorf("%s: %+v, sectors of %d", filepath.Base(path), table, f.SectorSize())
		}
		packed, err := image.Open(path, false)
		if err == nil {
			packed.Close()
			t.Errorf("%s: a compressed image opened as %v", filepath.Base(path), packed.Format())
		}
	}
}
