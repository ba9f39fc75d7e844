package collect_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// manifest collects from a volume with one of everything.
func manifest(t *testing.T, to ...collect.Recipient) *collect.Manifest {
	t.Helper()
	dump := build(t, dumptest.Spec{BugCheck: 0x9F, Parameters: [4]uint64{3, 1 << 63, 0, 0}})
	older := build(t, dumptest.Spec{Time: dumptest.DefaultTime.Add(-time.Hour), BootID: 6, Space: dumptest.SpaceFill})
	v := files(map[string][]byte{
		"Windows/MEMORY.DMP": dump, "DUMP0001.tmp": dump, "pagefile.sys": older[:1<<20],
		"Windows/Minidump/user.dmp": []byte("MDMP user"),
	})
	v.broken["Windows/LiveKernelReports"] = errBadSector
	m := collect.NewManifest("hangkit test", time.Date(2026, 5, 6, 7, 8, 9, 10, time.FixedZone("", 3600)), to)
	for _, c := range find(t, windows(v)) {
		var res *collect.Result
		if c.Wanted() {
			var err error
			if res, err = collect.Extract(t.Context(), c, collect.Options{Dir: t.TempDir()}); err != nil {
				t.Fatal(err)
			}
		}
		m.Add(c, res, nil)
	}
	return m
}

func TestManifestGolden(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	name, err := b.WriteManifest(manifest(t))
	if err != nil || filepath.Base(name) != collect.ManifestName {
		t.Fatalf("%q, %v", name, err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "manifest.golden.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the manifest differs from %s:\n%s", golden, got)
	}
}

func TestManifestIsReadBack(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	if _, err := b.WriteManifest(collect.NewManifest("the one of a run before", time.Now(), nil)); err != nil {
		t.Fatal(err)
	}
	m := manifest(t)
	name, err := b.WriteManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := collect.ReadManifest(name)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(m)
	if b, _ := json.Marshal(back); string(a) != string(b) {
		t.Errorf("wrote %s\nread  %s", a, b)
	}
	other := filepath.Join(b.Dir, "other.json")
	if err := os.WriteFile(other, []byte(`{"schema":"something/1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := collect.ReadManifest(other); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("another schema: %v", err)
	}
}

// TestManifestOfStrangeFiles: a time that JSON cannot say and a name that a terminal
// would obey cost nothing else.
func TestManifestOfStrangeFiles(t *testing.T) {
	t.Parallel()
	const name = "Windows/Minidump/\u009b2J\u202epmd.dmp"
	v := files(map[string][]byte{"Windows/MEMORY.DMP": build(t, dumptest.Spec{}), name: build(t, dumptest.Spec{Type: dumpfile.TypeTriage})})
	v.MapFS["Windows/MEMORY.DMP"].ModTime = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	m := collect.NewManifest("", time.Now(), nil)
	for _, c := range find(t, windows(v)) {
		m.Add(c, nil, nil)
	}
	file, err := newBundle(t, t.TempDir()).WriteManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.ContainsAny(string(text), "\u009b\u202e") {
		t.Errorf("%q, %v", text, err)
	}
	back, err := collect.ReadManifest(file)
	if err != nil || len(back.Dumps) != 2 {
		t.Fatalf("%+v, %v", back, err)
	}
	for _, d := range back.Dumps {
		if (d.Modified == nil) != (d.Path == "Windows/MEMORY.DMP") || d.Modified != nil && d.Path != name {
			t.Errorf("%q: %v", d.Path, d.Modified)
		}
	}
}

func TestManifestTime(t *testing.T) {
	t.Parallel()
	for year, told := range map[int]bool{-1: false, 0: true, 1601: true, 2026: true, 9999: true, 10000: false, 60056: false} {
		got := collect.ManifestTime(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC))
		if _, err := json.Marshal(got); err != nil || (got != nil) != told {
			t.Errorf("%d: %v, %v", year, got, err)
		}
	}
	end := time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -2*3600))
	if collect.ManifestTime(time.Time{}) != nil || collect.ManifestTime(end) != nil {
		t.Error("no time, or one past the last in UTC")
	}
}

func TestManifestOnAFullTarget(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "sync", "close"} {
		dir, n := t.TempDir(), 0
		_, err := collect.WriteWhole(dir, "m.json", []byte("{}"), func(root *os.Root, name string) (collect.OutFile, error) {
			f, err := collect.CreateFile(root, name)
			return faultyFile{f, op, &n, syscall.ENOSPC}, err
		})
		if !errors.Is(err, collect.ErrTargetFull) || len(names(t, dir)) != 0 {
			t.Errorf("%s: %v, left behind %q", op, err, names(t, dir))
		}
	}
}

func TestHangCommandsBeginWithAnalyze(t *testing.T) {
	t.Parallel()
	if c := collect.HangCommands(); !strings.HasPrefix(c[0], "!analyze") {
		t.Errorf("begins with %q", c[0])
	}
}

// TestManifestOfARebuiltDump says where each field of the header is from.
func TestManifestOfARebuiltDump(t *testing.T) {
	t.Parallel()
	c := collect.NewFileCandidate(strings.NewReader("dump"), 4)
	c.Rebuilt = &dumpfile.Rebuilt{Origins: []dumpfile.Origin{{Field: "BugCheckCode", From: "KiBugCheckData"}}}
	m := collect.NewManifest("", time.Now(), nil)
	m.Add(c, nil, errors.New("the target is full"))
	got := m.Dumps[0]
	if len(got.Rebuilt) != 1 || got.Rebuilt[0] != (collect.ManifestOrigin{Field: "BugCheckCode", From: "KiBugCheckData"}) || got.Failed != "the target is full" {
		t.Errorf("%+v", got)
	}
}

// TestSealedManifest keeps what was read from the memory out of a manifest that
// everybody can read.
func TestSealedManifest(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	res := func() *collect.Result {
		return &collect.Result{Name: "a.dmp.age", SHA256: "digest", Verified: &dumpfile.Report{Reasons: []string{"evil.sys lacks a page"}}}
	}
	c := find(t, windows(files(map[string][]byte{"Windows/MEMORY.DMP": build(t, dumptest.Spec{Parameters: [4]uint64{0xFEEDFACE}})})))[0]
	for _, sealed := range []bool{false, true} {
		var to []collect.Recipient
		if sealed {
			to = recipient(t, id)
		}
		m := collect.NewManifest("", time.Now(), to)
		m.Add(c, res(), nil)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"0xFEEDFACE", "evil.sys"} {
			if strings.Contains(string(text), secret) == sealed {
				t.Errorf("sealed is %t: %s in %s", sealed, secret, text)
			}
		}
		for _, told := range []string{"MEMORY.DMP", "a.dmp.age", "digest", `"state":"complete"`, `"verdict":`, "system_time", `"have":`} {
			if !strings.Contains(string(text), told) {
				t.Errorf("sealed is %t: no %s in %s", sealed, told, text)
			}
		}
	}
}
