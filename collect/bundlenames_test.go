package collect_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/collect"
)

// TestNamesThatBecomeOne: where a folder and a file of the disk get one safe name in the
// bundle, both come out, whichever is first, also in a second run.
func TestNamesThatBecomeOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want []string }{
		{[]string{"logs/x_.log", "logs/x?.log/a", "logs/x?.log/b"}, []string{"logs/x_.log", "logs/x_-2.log/a", "logs/x_-2.log/b"}},
		{[]string{"logs/x?.log/a", "logs/x_.log", "logs/X_.log/b"}, []string{"logs/x_.log/a", "logs/x_-2.log", "logs/X_.log/b"}},
		{[]string{"logs/x", "logs/X/y/z", "logs/x-2", "logs/x/y"}, []string{"logs/x", "logs/X-2/y/z", "logs/x-2-2", "logs/x-2/y-2"}},
		{[]string{"logs/a/b", "logs/a/b/c/d", "logs/a/b/c"}, []string{"logs/a/b", "logs/a/b-2/c/d", "logs/a/b-2/c-2"}},
		{[]string{"logs", "logs/a"}, []string{"logs", "logs-2/a"}},
	} {
		first := newBundle(t, t.TempDir())
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			writeNames(t, first.Dir, c.names, c.want)
		}
	}
}

// writeNames writes files in a run of its own.
func writeNames(t *testing.T, dir string, from, want []string) {
	t.Helper()
	b, err := collect.ResumeBundle(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var got []string
	for _, name := range from {
		f, err := b.Write(t.Context(), name, strings.NewReader(name))
		if err != nil {
			t.Fatalf("%s of %q: %v", name, from, err)
		}
		got = append(got, f.Name)
		if text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Name))); err != nil || string(text) != name {
			t.Errorf("%s: %q, %v", f.Name, text, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q became %q, want %q", from, got, want)
	}
}
