package bitlocker_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hangkit/image"
)

// requireOracles says that a missing sample or program is a failure.
func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// skip skips a test, or fails it where nothing may be missing.
func skip(t *testing.T, reason string) {
	t.Helper()
	if requireOracles() {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// samplePath is a file among the samples that are too large or too foreign for the
// repository: $HANGKIT_SAMPLES, else beside the repository.
func samplePath(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "samples")
	}
	path := filepath.Join(dir, "bitlocker", name)
	if _, err := os.Stat(path); err != nil {
		skip(t, err.Error())
	}
	return path
}

func readSample(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(samplePath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// unpackPage is what is looked at for zeros, which take no room.
const unpackPage = 64 << 10

// unpack unpacks a sample into memory.
func unpack(t *testing.T, name string) image.Disk {
	t.Helper()
	f, err := os.Open(samplePath(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	const roomy = 1 << 40
	memory, size := image.NewMemory(roomy, 512), int64(0)
	page, zeros := make([]byte, unpackPage), make([]byte, unpackPage)
	for {
		n, err := io.ReadFull(z, page)
		if n > 0 && !bytes.Equal(page[:n], zeros[:n]) {
			if _, err := memory.WriteAt(page[:n], size); err != nil {
				t.Fatal(err)
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := image.Section(memory, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// program finds an oracle.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skip(t, err.Error())
	}
	return path
}
