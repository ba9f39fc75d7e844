package collect_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// TestHostileNames takes dumps with every kind of name a disk can hold, and settings
// that point anywhere: all copies land in the output folder, and nothing else.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	content := map[string][]byte{}
	for i, name := range []string{
		`..\..\evil.dmp`, `C:\Windows\x.dmp`, `CON.dmp`, `nul.dmp`, `COM1.dmp`, `aux.x.dmp`, `.hidden.dmp`, `.hangkit-0.tmp.dmp`, `trailing .dmp`,
		"new\nline.dmp", "a\u202Epmd.dmp", `<script>alert(1)<script>.dmp`, `$(touch x).dmp`, `a:stream.dmp`, strings.Repeat("long", 60) + ".dmp",
		`.dmp`, `..dmp`, `%TEMP%.dmp`, `hangkit-manifest.json.dmp`,
	} {
		content["Windows/Minidump/"+name] = build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: uint32(i + 1)})
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "deep", "out")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	place := windows(files(content))
	place.DumpFile, place.DedicatedDump, place.MinidumpDir = "../../etc/passwd", "/etc/shadow", `..\..`
	place.PageFiles = []string{"../pagefile.sys", "Windows/../../x"}
	taken := 0
	for _, c := range find(t, place) {
		if !c.Wanted() {
			t.Logf("left alone: %q: %s, %s", c.Path, c.State, c.Why)
			continue
		}
		res, err := collect.Extract(t.Context(), c, collect.Options{Dir: dir, Journal: true})
		if err != nil {
			t.Errorf("%q: %v", c.Path, err)
			continue
		}
		taken++
		delete(content, c.Path)
		if filepath.Dir(res.Path) != dir || collect.SafeName(res.Name) != res.Name {
			t.Errorf("%q became %q", c.Path, res.Path)
		}
	}
	for name := range content {
		t.Errorf("%q was not taken", name)
	}
	if err := collect.Forget(dir); err != nil || len(names(t, dir)) != taken {
		t.Errorf("%v, in the folder: %q", err, names(t, dir))
	}
	if got := names(t, parent); len(got) != 1 {
		t.Errorf("beside the folder: %q", got)
	}
}

// TestLinksInTheOutput: links that stand where an output would go are not followed.
func TestLinksInTheOutput(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights")
	}
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".hangkit-0.tmp", ".hangkit-1.journal", "a.dmp", "a-2.dmp.map"} {
		if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []int64{0, 4096} {
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(memory(9000)), 9000),
			collect.Options{Dir: dir, Name: "a.dmp", Journal: true, PartSize: part})
		if err != nil || part == 0 && res.Name != "a-3.dmp" {
			t.Errorf("%+v, %v", res, err)
		}
	}
	if b, _ := os.ReadFile(outside); string(b) != "precious" {
		t.Errorf("the file outside holds %q", b)
	}
}

// TestAbsurdSizes: what the header claims allocates nothing and copies nothing that
// is not there.
func TestAbsurdSizes(t *testing.T) {
	t.Parallel()
	for _, space := range []uint64{1 << 63, 1<<63 - 1, 1<<64 - 1, 1 << 62} {
		d := build(t, dumptest.Spec{})
		for i := range 8 {
			d[0xFA0+i] = byte(space >> (8 * i)) // RequiredDumpSpace
		}
		c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": pad(d, 1<<20)})))
		if c.Have > c.FileSize || c.Length < 0 || c.Have <= 0 {
			t.Fatalf("%#x: length %d, have %d of %d", space, c.Length, c.Have, c.FileSize)
		}
		got := extractAll(t, c)
		if !bytes.HasPrefix(pad(d, 1<<20), got) || len(got) < len(d) {
			t.Errorf("%#x: %d bytes, which are not the dump's %d", space, len(got), len(d))
		}
	}
}
