package offline

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/offline/internal/cmdline"
)

// testManual are the pages of a release that never was.
func testManual(t *testing.T) []cmdline.Page {
	t.Helper()
	return cmdline.Manual{Root: modelOf(t, nil), Version: "1.2.3", Date: "2026-11-22", Environment: environment}.Pages()
}

// TestMan: every command has its page, one of them as it was read and found good.
func TestMan(t *testing.T) {
	t.Parallel()
	pages := map[string]string{}
	for _, p := range testManual(t) {
		pages[p.Name] = p.Text
	}
	leaves := leavesOf(modelOf(t, nil))
	for _, n := range leaves {
		name := "hangkit-" + strings.ReplaceAll(n.Path(), " ", "-")
		if pages[name] == "" {
			t.Errorf("no page for %s", n.Path())
		}
	}
	golden(t, filepath.Join("testdata", "man", "hangkit-man.1"), []byte(pages["hangkit-man"]))
}

func TestManFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	var out, errOut bytes.Buffer
	if status := Main([]string{"man", "-o", dir}, nil, &out, &errOut); status != 0 {
		t.Fatalf("exit status %d: %s", status, &errOut)
	}
	files, err := filepath.Glob(filepath.Join(dir, "hangkit*.1"))
	if err != nil || len(files) != len(testManual(t)) || len(files) != strings.Count(out.String(), "\n") {
		t.Errorf("%d files (%v), said %s", len(files), err, &out)
	}
	if status := Main([]string{"man", "-o", dir}, nil, &out, &errOut); status != 1 {
		t.Errorf("exit status %d where the pages are already", status)
	}
}

// TestOracleMan: both readers of manual pages take them without a word.
func TestOracleMan(t *testing.T) {
	needPrograms(t, "man", "groff", "mandoc")
	dir := t.TempDir()
	var files []string
	for _, p := range testManual(t) {
		name := filepath.Join(dir, p.Name+".1")
		if err := os.WriteFile(name, []byte(p.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	if out, err := exec.CommandContext(t.Context(), "mandoc", append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	for _, name := range files {
		cmd := exec.CommandContext(t.Context(), "man", "--warnings", "-E", "UTF-8", "-l", name)
		var said bytes.Buffer
		cmd.Stderr = &said
		if text, err := cmd.Output(); err != nil || said.Len() > 0 || len(text) == 0 {
			t.Errorf("man %s: %v\n%s", filepath.Base(name), err, &said)
		}
	}
}
