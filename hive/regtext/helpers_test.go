package regtext

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ulikunitz/xz"

	"hangkit/hive"
)

// system is where the hives of these tests stand in the registry.
const system = `HKEY_LOCAL_MACHINE\SYSTEM`

// requireOracles says whether a missing sample or program is a failure.
func requireOracles() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// skipOrFail skips a test that lacks a sample or a program, or fails it in CI.
func skipOrFail(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if requireOracles() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// program finds a program that is not ours.
func program(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		skipOrFail(tb, "%s is not installed", name)
	}
	return path
}

// sample reads a hive sample, unpacked; name is below samples/hives and without ".xz".
func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "samples")
	}
	p, err := os.ReadFile(filepath.Join(dir, "hives", filepath.FromSlash(name)+".xz"))
	if err != nil {
		skipOrFail(tb, "sample %s: %v", name, err)
	}
	r, err := xz.NewReader(bytes.NewReader(p))
	if err != nil {
		tb.Fatalf("sample %s: %v", name, err)
	}
	if p, err = io.ReadAll(r); err != nil {
		tb.Fatalf("sample %s: %v", name, err)
	}
	return p
}

func mustOpen(tb testing.TB, primary []byte) *hive.Hive {
	tb.Helper()
	h, err := hive.Open(hive.Source{Primary: bytes.NewReader(primary)})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func mustKey(tb testing.TB, h *hive.Hive, path string) *hive.Key {
	tb.Helper()
	k, err := h.Key(path)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func mustExport(tb testing.TB, h *hive.Hive, e Encoding) []byte {
	tb.Helper()
	var out bytes.Buffer
	if _, err := Export(&out, mustKey(tb, h, ""), system, e); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func mustApply(tb testing.TB, h *hive.Hive, f *File) Summary {
	tb.Helper()
	sum, err := f.Apply(tb.Context(), h, Below(system))
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}
