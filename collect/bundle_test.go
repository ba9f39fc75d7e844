package collect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"filippo.io/age"

	"hangkit/collect"
)

// begun is when the bundles of these tests were begun.
var begun = time.Date(2026, 11, 21, 21, 14, 3, 5, time.FixedZone("", 3600))

func newBundle(tb testing.TB, dir string, to ...collect.Recipient) *collect.Bundle {
	tb.Helper()
	return bundleOf(tb, dir, collect.BundleID{Computer: "SRV", Begun: begun}, to...)
}

func bundleOf(tb testing.TB, dir string, id collect.BundleID, to ...collect.Recipient) *collect.Bundle {
	tb.Helper()
	b, err := collect.NewBundle(dir, id, to)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.Close() })
	return b
}

// TestBundleNames: whatever a computer claims to be called, its bundle is one folder
// below the output folder, and its time stays in the name.
func TestBundleNames(t *testing.T) {
	t.Parallel()
	for computer, want := range map[string]string{
		"SRV-2022":                 "hangkit-SRV-2022-20261121T201403Z",
		"":                         "hangkit-unknown-20261121T201403Z",
		"\t":                       "hangkit-unknown-20261121T201403Z",
		`..\..\evil`:               "hangkit-.._.._evil-20261121T201403Z",
		"../../evil":               "hangkit-.._.._evil-20261121T201403Z",
		"/etc":                     "hangkit-_etc-20261121T201403Z",
		"a\x1b[31mred\n":           "hangkit-a_[31mred-20261121T201403Z",
		"<script>alert(1)":         "hangkit-_script_alert(1)-20261121T201403Z",
		"\u202egpj":                "hangkit-_gpj-20261121T201403Z",
		"CON":                      "hangkit-CON-20261121T201403Z",
		"\xff\xfe":                 "hangkit-_-20261121T201403Z",
		strings.Repeat("long", 99): "hangkit-" + strings.Repeat("long", 16)[:63] + "-20261121T201403Z",
	} {
		parent := t.TempDir()
		b := bundleOf(t, filepath.Join(parent, "deep", "out"), collect.BundleID{Computer: computer, Begun: begun})
		if got := filepath.Base(b.Dir); got != want {
			t.Errorf("%q: %q, want %q", computer, got, want)
		}
		if got := names(t, parent); !slices.Equal(got, []string{"deep"}) {
			t.Errorf("%q: beside the folder: %q", computer, got)
		}
		st, err := os.Stat(b.Dir)
		if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o700 {
			t.Errorf("%q: %v, %v", computer, st.Mode(), err)
		}
	}
}

// TestBundlesAreNew: a second collection in the same second gets its own folder.
func TestBundlesAreNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := newBundle(t, dir), newBundle(t, dir)
	if a.Dir == b.Dir || len(names(t, dir)) != 2 {
		t.Errorf("%s and %s", a.Dir, b.Dir)
	}
}

// TestBundleWrite writes files of every name the disk can hold.
func TestBundleWrite(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	for _, c := range []struct{ name, want string }{
		{"logs/Windows/System32/winevt/Logs/System.evtx", "logs/Windows/System32/winevt/Logs/System.evtx"},
		{"logs/windows/system32/winevt/logs/SYSTEM.EVTX", "logs/windows/system32/winevt/logs/SYSTEM-2.EVTX"},
		{"logs/../../../etc/passwd", "logs/dump/dump/dump/etc/passwd"},
		{`logs/..\..\evil.log`, "logs/_.._evil.log"},
		{"logs/CON.log", "logs/_CON.log"},
		{"logs/<script>.log", "logs/_script_.log"},
		{"logs/a\nb.log", "logs/a_b.log"},
		{"/logs//double.log", "logs/dump/double.log"},
		{"report.txt", "report.txt"},
		{"report.txt", "report-2.txt"},
		{".hangkit-unfinished.json", "hangkit-unfinished.json"},
	} {
		f, err := b.Write(t.Context(), c.name, strings.NewReader(c.name))
		if err != nil {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		sum := sha256.Sum256([]byte(c.name))
		want := collect.BundleFile{Name: c.want, Size: int64(len(c.name)), SHA256: hex.EncodeToString(sum[:])}
		if *f != want {
			t.Errorf("%q became %+v, want %+v", c.name, *f, want)
		}
		got, err := os.ReadFile(filepath.Join(b.Dir, filepath.FromSlash(f.Name)))
		if err != nil || string(got) != c.name {
			t.Errorf("%q: %q, %v", c.name, got, err)
		}
	}
}

// TestBundleEncrypts: what is written for somebody can be read by them, and its
// digests are told.
func TestBundleEncrypts(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, t.TempDir(), recipient(t, id)...)
	secret := bytes.Repeat([]byte("secret"), 50_000)
	f, err := b.Write(t.Context(), "logs/a.evtx", bytes.NewReader(secret))
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(b.Dir, "logs", "a.evtx.age"))
	if err != nil || bytes.Contains(written, []byte("secret")) {
		t.Fatalf("in the clear, or %v", err)
	}
	content, cipher := sha256.Sum256(secret), sha256.Sum256(written)
	want := collect.BundleFile{
		Name: "logs/a.evtx.age", Size: int64(len(secret)), SHA256: hex.EncodeToString(content[:]),
		FileSize: int64(len(written)), FileSHA256: hex.EncodeToString(cipher[:]),
	}
	if *f != want {
		t.Errorf("%+v, want %+v", *f, want)
	}
	r, err := age.Decrypt(bytes.NewReader(written), id)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestBundleFaults fails each call of an output in turn: the right error, and nothing
// but what had been there.
func TestBundleFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op        string
		err, want error
	}{
		{"create", syscall.EROFS, collect.ErrReadOnly},
		{"create", syscall.ENOSPC, collect.ErrTargetFull},
		{"write", syscall.ENOSPC, collect.ErrTargetFull},
		{"write", syscall.EIO, collect.ErrTargetGone},
		{"sync", syscall.EIO, collect.ErrTargetGone},
		{"close", syscall.ENOSPC, collect.ErrTargetFull},
	} {
		b := newBundle(t, t.TempDir())
		if _, err := b.Write(t.Context(), "logs/old.log", strings.NewReader("old")); err != nil {
			t.Fatal(err)
		}
		n := 0
		b.SetCreate(func(root *os.Root, name string) (collect.OutFile, error) {
			if c.op == "create" {
				return nil, &os.PathError{Op: "open", Path: name, Err: c.err}
			}
			f, err := collect.CreateFile(root, name)
			return faultyFile{f, c.op, &n, c.err}, err
		})
		_, err := b.Write(t.Context(), "logs/new.log", strings.NewReader("new"))
		if !errors.Is(err, c.want) {
			t.Errorf("%s, %v: %v", c.op, c.err, err)
		}
		if got := names(t, filepath.Join(b.Dir, "logs")); !slices.Equal(got, []string{"old.log"}) {
			t.Errorf("%s, %v: in the folder: %q", c.op, c.err, got)
		}
	}
}

// TestBundleUnreadable: what goes wrong with the disk is told from what goes wrong with
// the target, and leaves nothing.
func TestBundleUnreadable(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	broken := io.MultiReader(strings.NewReader("the beginning"), iotest.ErrReader(syscall.EIO))
	_, err := b.Write(t.Context(), "logs/a.log", broken)
	if !errors.Is(err, collect.ErrUnreadable) || errors.Is(err, collect.ErrTargetGone) {
		t.Errorf("%v", err)
	}
	if got := names(t, filepath.Join(b.Dir, "logs")); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

// TestUnfinishedBundles finds the bundles of the right machine, the newest first.
func TestUnfinishedBundles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	add := func(computer, volume string, hours int) string {
		id := collect.BundleID{Computer: computer, Begun: begun.Add(time.Duration(hours) * time.Hour)}
		if volume != "" {
			id.Volumes = []string{"efi", volume}
		}
		return bundleOf(t, dir, id).Dir
	}
	older, newest, other := add("SRV", "v1", 1), add("SRV", "", 3), add("SRV", "v2", 4)
	add("PC", "v1", 5)
	nameless := add("", "v1", 6)
	finished := bundleOf(t, dir, collect.BundleID{Computer: "SRV", Begun: begun.Add(7 * time.Hour)})
	if _, err := finished.WriteManifest(manifest(t)); err != nil {
		t.Fatal(err)
	}
	if collect.IsFinished(finished.Dir) {
		t.Error("finished before its end")
	}
	if err := finished.Finish(); err != nil || !collect.IsFinished(finished.Dir) {
		t.Errorf("not finished: %v", err)
	}
	for _, c := range []struct {
		id   collect.BundleID
		want []string
	}{
		{collect.BundleID{Computer: "SRV", Volumes: []string{"v1"}}, []string{newest, older}},
		{collect.BundleID{Computer: "SRV", Volumes: []string{"v2"}}, []string{other, newest}},
		{collect.BundleID{Computer: "SRV"}, []string{other, newest, older}},
		{collect.BundleID{Volumes: []string{"v1"}}, []string{nameless}},
		{collect.BundleID{Computer: "NEW"}, nil},
	} {
		left, err := collect.UnfinishedBundles(dir, c.id)
		var got []string
		for _, l := range left {
			got = append(got, l.Dir)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q (%v)", c.id, got, c.want, err)
		}
	}
	left, err := collect.UnfinishedBundles(older, collect.BundleID{Computer: "SRV"})
	if err != nil || len(left) != 1 || left[0].Dir != older {
		t.Errorf("named itself: %+v, %v", left, err)
	}
	if _, err := collect.UnfinishedBundles(older, collect.BundleID{Computer: "PC"}); !errors.Is(err, collect.ErrOtherMachine) {
		t.Errorf("another machine's: %v", err)
	}
	if left, err := collect.UnfinishedBundles(filepath.Join(dir, "none"), collect.BundleID{}); err != nil || left != nil {
		t.Errorf("nothing there: %+v, %v", left, err)
	}
}

// TestSameMachine: what has no name is nobody's until a volume says whose.
func TestSameMachine(t *testing.T) {
	t.Parallel()
	id := func(computer string, volumes ...string) *collect.BundleID {
		return &collect.BundleID{Computer: computer, Volumes: volumes}
	}
	for _, c := range []struct {
		a, b *collect.BundleID
		want bool
	}{
		{id("SRV"), id("SRV"), true},
		{id("SRV", "v1"), id("SRV"), true},
		{id("SRV", "v1"), id("SRV", "v2"), false},
		{id("SRV", "v1", "v2"), id("SRV", "v2"), true},
		{id("SRV", "v1"), id("PC", "v1"), false},
		{id("", "v1"), id("", "v1"), true},
		{id("", "v1"), id(""), false},
		{id(""), id(""), false},
	} {
		if c.a.SameMachine(c.b) != c.want || c.b.SameMachine(c.a) != c.want {
			t.Errorf("%+v and %+v: want %v", c.a, c.b, c.want)
		}
	}
	dir := bundleOf(t, t.TempDir(), collect.BundleID{Begun: begun}).Dir
	if left, err := collect.UnfinishedBundles(dir, collect.BundleID{}); err != nil || len(left) != 1 {
		t.Errorf("named itself: %v, %v", left, err)
	}
	if left, err := collect.UnfinishedBundles(filepath.Dir(dir), collect.BundleID{}); err != nil || len(left) != 0 {
		t.Errorf("taken for another's: %v, %v", left, err)
	}
}

// TestResumeBundle goes on for the same eyes only, and replaces what the run before it
// wrote.
func TestResumeBundle(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	first := newBundle(t, t.TempDir(), recipient(t, id)...)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := collect.ResumeBundle(first.Dir, recipient(t, id))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Write(t.Context(), "logs/a.log", strings.NewReader("a")); err != nil {
			t.Error(err)
		}
		b.Close()
	}
	if got := names(t, filepath.Join(first.Dir, "logs")); !slices.Equal(got, []string{"a.log.age"}) {
		t.Errorf("in the folder: %q", got)
	}
	_, err = collect.ResumeBundle(first.Dir, nil)
	other, ok := errors.AsType[*collect.OtherRecipientsError](err)
	if !ok || !slices.Equal(other.EncryptTo, []string{id.Recipient().String()}) {
		t.Errorf("in the clear: %v", err)
	}
}

// TestOneWriter: a bundle has one writer at a time, and none once it is finished.
func TestOneWriter(t *testing.T) {
	t.Parallel()
	first := newBundle(t, t.TempDir())
	if _, err := collect.ResumeBundle(first.Dir, nil); !errors.Is(err, collect.ErrBundleBusy) {
		t.Fatalf("while it is begun: %v", err)
	}
	if left, err := collect.UnfinishedBundles(first.Dir, first.ID); err != nil || len(left) != 1 {
		t.Errorf("a locked one is not seen: %v, %v", left, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := collect.ResumeBundle(first.Dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := collect.ResumeBundle(first.Dir, nil); !errors.Is(err, collect.ErrBundleBusy) {
		t.Errorf("while it is gone on with: %v", err)
	}
	if err := second.Finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := collect.ResumeBundle(first.Dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("finished: %v", err)
	}
}

// TestReplacedUnderWrite: a file that another program put in the place of an unfinished
// one neither gets the last name nor is removed.
func TestReplacedUnderWrite(t *testing.T) {
	t.Parallel()
	const theirs = "somebody else's"
	replacing := func(root *os.Root, name string) (collect.OutFile, error) {
		f, err := collect.CreateFile(root, name)
		return replacedFile{f, func() error { return errors.Join(root.Remove(name), root.WriteFile(name, []byte(theirs), 0o600)) }}, err
	}
	check := func(what, name string, err error) {
		t.Helper()
		if !errors.Is(err, collect.ErrReplaced) {
			t.Errorf("%s: %v", what, err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != theirs {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	b := newBundle(t, t.TempDir())
	b.SetCreate(replacing)
	_, err := b.Write(t.Context(), "a.log", strings.NewReader("a"))
	check("a file", filepath.Join(b.Dir, ".hangkit-write.tmp"), err)
	for temp, part := range map[string]int64{".hangkit-0.tmp": 0, ".hangkit-0.tmp/part.0002": 4 * collect.ChunkSize} {
		o := collect.Options{Dir: t.TempDir(), PartSize: part}.WithCreate(replacing)
		_, err := collect.Extract(t.Context(), (&dump{b: memory(5 * collect.ChunkSize)}).candidate(), o)
		check(temp, filepath.Join(o.Dir, filepath.FromSlash(temp)), err)
		if got := names(t, o.Dir); len(got) != 1 {
			t.Errorf("%s: in the folder: %q", temp, got)
		}
	}
}

// replacedFile is replaced by another while it is flushed.
type replacedFile struct {
	collect.OutFile
	replace func() error
}

func (f replacedFile) Sync() error { return errors.Join(f.OutFile.Sync(), f.replace()) }

// TestDiscard removes an empty bundle, and nothing else.
func TestDiscard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, full := newBundle(t, dir), newBundle(t, dir)
	for _, b := range []*collect.Bundle{empty, full} {
		if _, err := b.Folder(collect.DumpsFolder); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(full.Dir, collect.DumpsFolder, "kept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(empty.Discard(), full.Discard()); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); len(got) != 1 || got[0] != filepath.Base(full.Dir) {
		t.Errorf("left: %q", got)
	}
	if left, err := collect.UnfinishedBundles(dir, full.ID); err != nil || len(left) != 1 {
		t.Errorf("not to be gone on with: %v, %v", left, err)
	}
}

// TestLinksInTheBundle: links that stand where a bundle's own files go are replaced or
// refused, never followed.
func TestLinksInTheBundle(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights")
	}
	outside := t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, t.TempDir())
	for name, to := range map[string]string{"report.txt": precious, ".hangkit-write.tmp": precious, "logs": outside} {
		if err := os.Symlink(to, filepath.Join(b.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Write(t.Context(), "report.txt", strings.NewReader("ours")); err != nil {
		t.Error(err)
	}
	if _, err := b.Write(t.Context(), "logs/a.log", strings.NewReader("ours")); err == nil {
		t.Error("a log went through a link")
	}
	if got, err := os.ReadFile(precious); err != nil || string(got) != "precious" {
		t.Errorf("%q, %v", got, err)
	}
	if got := names(t, outside); len(got) != 1 {
		t.Errorf("outside: %q", got)
	}
}

// FuzzSafePath: no path from a disk leaves the folder it is put into.
func FuzzSafePath(f *testing.F) {
	for _, s := range []string{"", "/", "a/b", "../../x", `..\x`, "a//b", "./.", "CON/nul.txt", "\x00", "\u202e/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := collect.SafePath(s)
		if !filepath.IsLocal(p) || strings.ContainsAny(p, "\\:\x00\n\x1b") {
			t.Errorf("%q became %q", s, p)
		}
		if again := collect.SafePath(p); again != p {
			t.Errorf("%q became %q, and that %q", s, p, again)
		}
	})
}

// TestFinishSweeps: what a kill left before its journal began goes; what can be gone on
// with, and what is no copy, stays.
func TestFinishSweeps(t *testing.T) {
	t.Parallel()
	b := newBundle(t, t.TempDir())
	dir, err := b.Folder(collect.DumpsFolder)
	if err != nil {
		t.Fatal(err)
	}
	d := &dump{b: memory(5 * collect.ChunkSize)}
	o := collect.Options{Dir: dir, Journal: true}.WithInterval(collect.ChunkSize)
	if _, ok := errors.AsType[*collect.KeptError](d.interrupt(t, o, 3*collect.ChunkSize)); !ok {
		t.Fatal("nothing was kept")
	}
	kept := names(t, dir)
	for name, text := range map[string]string{
		".hangkit-7.tmp": "a copy", ".hangkit-8.tmp": "a copy", ".hangkit-8.journal": "torn", ".hangkit-9.journal": "", "a.dmp": "a dump",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parts := filepath.Join(dir, ".hangkit-6.tmp")
	if err := errors.Join(os.Mkdir(parts, 0o700), os.WriteFile(filepath.Join(parts, "part.0001"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := b.Finish(); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, dir), slices.Concat(kept, []string{"a.dmp"}); !slices.Equal(got, want) {
		t.Errorf("in the folder: %q, want %q", got, want)
	}
}
