package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
	"hangkit/ntfs/verify"
)

// The oracles are mkntfs and ntfs-3g, on whose volumes nothing may be found,
// and the checkers others have written, whose findings must be ours, too.

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func mkntfs(t *testing.T, size int64, sector, cluster int) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "volume.img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, size); err != nil {
		t.Fatal(err)
	}
	run(t, "mkntfs", "-F", "-Q", "-q", "-s", fmt.Sprint(sector), "-c", fmt.Sprint(cluster), "-p", "0", "-H", "16", "-S", "63", img)
	return img
}

// live does to a volume what years do: files come and go, grow and shrink.
func live(t *testing.T, dir string, files int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := func(format string, args ...any) string { return filepath.Join(dir, fmt.Sprintf(format, args...)) }
	must(os.MkdirAll(at("busy/below/far below"), 0o755))
	for i := range files {
		must(os.WriteFile(at("busy/file number %d of many.dat", i), noise(i*37%9000), 0o600))
	}
	for i := 0; i < files; i += 3 {
		must(os.Remove(at("busy/file number %d of many.dat", i)))
	}
	for i := 1; i < files; i += 10 {
		if i%3 == 0 {
			continue
		}
		must(os.Link(at("busy/file number %d of many.dat", i), at("busy/below/link %d", i)))
		must(os.Rename(at("busy/file number %d of many.dat", i), at("busy/below/far below/moved %d", i)))
	}
	must(os.Mkdir(at("gone"), 0o755))
	must(os.Remove(at("gone")))
	must(os.WriteFile(at("shrunk"), noise(700_000), 0o600))
	must(os.Truncate(at("shrunk"), 12_345))
	must(os.Truncate(at("shrunk"), 200_000))
	must(os.WriteFile(at("with streams"), noise(10), 0o600))
	for _, name := range []string{"b", "A", "c Stream", "Big", "Ä", "ä2"} {
		must(os.WriteFile(at("with streams:%s", name), noise(len(name)*9000), 0o600))
	}
	must(os.WriteFile(at("sparse"), nil, 0o600))
	must(os.Truncate(at("sparse"), 5<<20))
	f, err := os.OpenFile(at("sparse"), os.O_RDWR, 0)
	must(err)
	for i := range int64(40) {
		_, err := f.WriteAt(noise(5000), i*100_000)
		must(err)
	}
	must(f.Close())
	must(os.Symlink("shrunk", at("a link")))
	interleave(t, at("first"), at("second"))
}

// interleave makes two files of many pieces by writing them in turn.
func interleave(t *testing.T, names ...string) {
	t.Helper()
	for range 60 {
		for _, name := range names {
			f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Write(noise(9000))
			if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// checkImage checks an image file.
func checkImage(t *testing.T, img string) *verify.Report {
	t.Helper()
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Check(t.Context(), f, info.Size(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOracleClean proves that nothing is found on volumes that mkntfs made,
// before and after ntfs-3g has lived on them.
func TestOracleClean(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs", "ntfs-3g", "umount")
	for _, g := range [][2]int{{512, 512}, {512, 1024}, {512, 4096}, {512, 65536}, {512, 131072}, {512, 2 << 20}, {4096, 4096}} {
		t.Run(fmt.Sprint(g), func(t *testing.T) {
			t.Parallel()
			img := mkntfs(t, max(48<<20, 512*int64(g[1])), g[0], g[1])
			spotless(t, checkImage(t, img))
			ntfstest.Mounted(t, img, "rw,compression,streams_interface=windows", func(dir string) { live(t, dir, min(300, 100_000_000/g[1])) })
			spotless(t, checkImage(t, img))
		})
	}
}

// TestOracleCleanAfterFormat lets ntfs-3g live on our own volume.
func TestOracleCleanAfterFormat(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "ntfs-3g", "umount")
	img := filepath.Join(t.TempDir(), "volume.img")
	save(t, build(t, 64<<20, format.Options{Root: household(4096)}), img)
	ntfstest.Mounted(t, img, "rw,compression,streams_interface=windows", func(dir string) { live(t, dir, 300) })
	spotless(t, checkImage(t, img))
}

// save writes a volume to a file, sparse.
func save(t *testing.T, m *memory, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Truncate(m.size)
	for n, page := range m.pages {
		_, werr := f.WriteAt(page[:min(pageSize, m.size-n*pageSize)], n*pageSize)
		err = errors.Join(err, werr)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// load reads an image file into memory, without its zeros.
func load(t *testing.T, name string) *memory {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(int64(len(b)))
	zero := make([]byte, pageSize)
	for at := 0; at < len(b); at += pageSize {
		if page := b[at:min(at+pageSize, len(b))]; !bytes.Equal(page, zero[:len(page)]) {
			_, _ = m.WriteAt(page, int64(at))
		}
	}
	return m
}

// mark is X where a checker fails, d where only its words differ.
func mark(o, healthy ntfstest.Opinion) string {
	switch {
	case o.Complains:
		return "X"
	case o.Words != healthy.Words:
		return "d"
	}
	return "."
}

// ours is our verdict as the matrix shows it.
func ours(r *verify.Report) string {
	switch worst, found := r.Worst(); {
	case !found && r.Incomplete == "":
		return "."
	case found && worst == verify.Note:
		return "note"
	case found && worst == verify.Leak:
		return "leak"
	}
	return "X"
}

// TestOracleMatrix makes each corruption on a volume of our own and on one of
// mkntfs, filled by ntfs-3g, and asks everybody. What any of the others calls an
// error we must find; -v shows who finds what.
func TestOracleMatrix(t *testing.T) {
	t.Parallel()
	ntfstest.Need(t, "mkntfs")
	t.Run("format", func(t *testing.T) {
		t.Parallel()
		askAll(t, newPatient(t, build(t, 32<<20, format.Options{Root: sickroom()})))
	})
	t.Run("mkntfs", func(t *testing.T) {
		t.Parallel()
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
			t.Skip("the same again, for a full run")
		}
		img := mkntfs(t, 32<<20, 512, 4096)
		ntfstest.Mounted(t, img, "rw", func(dir string) { ntfstest.Admit(t, dir, sickroom()) })
		askAll(t, newPatient(t, load(t, img)))
	})
}

func askAll(t *testing.T, healthy *patient) {
	t.Helper()
	spotless(t, check(t, healthy))
	img := filepath.Join(t.TempDir(), "patient.img")
	save(t, healthy.memory, img)
	asked := ntfstest.Judges(t, healthy.cluster)
	baseline := make([]ntfstest.Opinion, len(asked))
	header := []string{"corruption", "verify"}
	for i, j := range asked {
		header = append(header, j.Name)
		if baseline[i] = j.Ask(t, img); baseline[i].Complains {
			t.Errorf("%s complains about a healthy volume:\n%s", j.Name, baseline[i].Words)
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 1, 2, ' ', 0)
	row := func(cells []string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row(header)
	for _, d := range matrix {
		p := healthy.clone()
		d.do(p)
		save(t, p.memory, img)
		r := check(t, p)
		verdict(t, d, r)
		cells := []string{d.name, ours(r)}
		for i, j := range asked {
			o := j.Ask(t, img)
			if cells = append(cells, mark(o, baseline[i])); o.Complains && ours(r) == "." {
				t.Errorf("%s: %s finds what we miss:\n%s", d.name, j.Name, o.Words)
			}
		}
		row(cells)
	}
	_ = w.Flush()
	t.Logf("X error, d other words, . nothing\n%s", table.String())
}
