package collect_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// extractAll copies a candidate and returns the bytes of the copy.
func extractAll(tb testing.TB, c *collect.Candidate) []byte {
	tb.Helper()
	res, err := collect.Extract(tb.Context(), c, collect.Options{Dir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(res.Path)
	if err != nil {
		tb.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(b)); res.SHA256 != want || res.Size != int64(len(b)) {
		tb.Errorf("result says %d bytes, %s; the file has %d, %s", res.Size, res.SHA256, len(b), want)
	}
	return b
}

// names lists what is in a folder.
func names(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestExtractEqualsTheHiddenDump hides every kind of dump in a page file and
// compares the copy with what was hidden.
func TestExtractEqualsTheHiddenDump(t *testing.T) {
	t.Parallel()
	for _, s := range []dumptest.Spec{
		{Type: dumpfile.TypeFull}, {Type: dumpfile.TypeSummary}, {Type: dumpfile.TypeBitmapFull}, {Type: dumpfile.TypeBitmapKernel},
		{Type: dumpfile.TypeTriage}, {Type: dumpfile.TypeFull, Bits: 32}, {Type: dumpfile.TypeSummary, Bits: 32}, {Type: dumpfile.TypeBitmapFull, Bits: 32},
	} {
		for _, blobs := range [][]int{nil, {77}} {
			s.Blobs = blobs
			dump := build(t, s)
			c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": pad(dump, 3<<20)})))
			if got := extractAll(t, c); !bytes.Equal(got, dump) {
				t.Errorf("type %d, %d bits: the copy differs", s.Type, s.Bits)
			}
		}
	}
}

// TestExtractSizes copies around the size of a chunk, with zeros in all places.
func TestExtractSizes(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 4095, 4096, 65536, collect.ChunkSize - 1, collect.ChunkSize, collect.ChunkSize + 1, 5*collect.ChunkSize + 3} {
		for _, zero := range []string{"none", "all", "head", "tail", "holes"} {
			b := bytes.Repeat([]byte("x"), size)
			switch zero {
			case "all":
				clear(b)
			case "head":
				clear(b[:size/2])
			case "tail":
				clear(b[size/2:])
			case "holes":
				for i := 0; i < size; i += 300000 {
					clear(b[i:min(size, i+150000)])
				}
			}
			c := collect.NewFileCandidate(bytes.NewReader(b), int64(size))
			if got := extractAll(t, c); !bytes.Equal(got, b) {
				t.Errorf("%d bytes, zeros %s: the copy differs", size, zero)
			}
		}
	}
}

func TestExtractIsSparse(t *testing.T) {
	t.Parallel()
	b := make([]byte, 16<<20)
	b[len(b)-1] = 1
	res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), collect.Options{Dir: t.TempDir()})
	if err != nil || res.Holes < int64(len(b))-(64<<10) {
		t.Fatalf("%d bytes of holes, %v", res.Holes, err)
	}
	info, err := os.Stat(res.Path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %o", mode)
	}
}

func TestExtractNamesAndMarks(t *testing.T) {
	t.Parallel()
	dump := build(t, dumptest.Spec{BugCheck: 0x1C8})
	dir := t.TempDir()
	extract := func(b []byte, name string) *collect.Result {
		t.Helper()
		c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": b})))
		res, err := collect.Extract(t.Context(), c, collect.Options{Dir: dir, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for _, c := range []struct {
		b       []byte
		name    string
		want    string
		partial bool
	}{
		{dump, "", "pagefile-20260304T050607Z-0x1C8.dmp", false},
		{dump, "", "pagefile-20260304T050607Z-0x1C8-2.dmp", false},
		{dump[:1<<20], "", "pagefile-20260304T050607Z-0x1C8.partial.dmp", true},
		{dump[:1<<20], "", "pagefile-20260304T050607Z-0x1C8.partial-2.dmp", true},
		{dump, "mine.dmp", "mine.dmp", false},
		{dump, "../../etc/passwd", "_.._etc_passwd", false},
		{build(t, dumptest.Spec{WipeFirst: true}), "", "pagefile.wiped.dmp", true},
	} {
		res := extract(c.b, c.name)
		if res.Name != c.want || res.Partial != c.partial || res.Path != filepath.Join(dir, c.want) {
			t.Errorf("%q became %q, partial %t; want %q, %t", c.name, res.Name, res.Partial, c.want, c.partial)
		}
	}
	if got := names(t, dir); len(got) != 7 || strings.HasPrefix(got[0], ".") {
		t.Errorf("left in the folder: %q", got)
	}
}

func TestExtractNeverReplaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := filepath.Join(dir, "a.dmp")
	if err := os.WriteFile(old, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := collect.NewFileCandidate(strings.NewReader("dump"), 4)
	res, err := collect.Extract(t.Context(), c, collect.Options{Dir: dir, Name: "a.dmp"})
	if err != nil || res.Name != "a-2.dmp" {
		t.Fatalf("%v, %v", res, err)
	}
	if b, _ := os.ReadFile(old); string(b) != "precious" {
		t.Errorf("the old file holds %q", b)
	}
}

func TestNamesWithoutLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := collect.RenameWhole(dir, "a", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := collect.RenameWhole(dir, "a", []byte("second")); !errors.Is(err, os.ErrExist) {
		t.Errorf("second file of the same name: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a"))
	if string(b) != "first" || err != nil || len(names(t, dir)) != 1 {
		t.Errorf("%q, %v; in the folder: %q", b, err, names(t, dir))
	}
}

// badSectors fails every read that touches a bad page.
type badSectors struct {
	io.ReaderAt
	bad []int64 // page numbers
}

func (r badSectors) ReadAt(b []byte, off int64) (int, error) {
	for _, page := range r.bad {
		if at := page * 4096; at < off+int64(len(b)) && off < at+4096 {
			n, _ := r.ReaderAt.ReadAt(b[:max(at-off, 0)], off)
			return n, errBadSector
		}
	}
	return r.ReaderAt.ReadAt(b, off)
}

func TestBadSectorsBecomeZeros(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte("0123456789abcdef"), (3*collect.ChunkSize+5000)/16)
	last := int64(len(b) / 4096)
	r := badSectors{bytes.NewReader(b), []int64{0, 1, 511, 512, 700, last}}
	dir := t.TempDir()
	res, err := collect.Extract(t.Context(), collect.NewFileCandidate(r, int64(len(b))), collect.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	tail := int64(len(b)) - last*4096
	want := []collect.Range{{Off: 0, Len: 8192}, {Off: 511 * 4096, Len: 8192}, {Off: 700 * 4096, Len: 4096}, {Off: last * 4096, Len: tail}}
	if !slices.Equal(res.BadRanges, want) || res.BadBytes != 5*4096+tail || !res.Partial || !strings.HasSuffix(res.Name, ".partial.dmp") {
		t.Errorf("%s: bad %v, %d bytes, partial %t", res.Name, res.BadRanges, res.BadBytes, res.Partial)
	}
	for _, w := range want {
		clear(b[w.Off : w.Off+w.Len])
	}
	if got, _ := os.ReadFile(res.Path); !bytes.Equal(got, b) {
		t.Error("the copy is not the dump with zeros in the bad places")
	}
}

// TestSourceEndsEarly: what lies in whole sectors before the end is taken.
func TestSourceEndsEarly(t *testing.T) {
	t.Parallel()
	c := collect.NewFileCandidate(shortReader{strings.NewReader(strings.Repeat("x", 10000))}, 20000)
	res, err := collect.Extract(t.Context(), c, collect.Options{Dir: t.TempDir()})
	if err != nil || res.BadBytes != 20000-9728 || !res.Partial {
		t.Errorf("%+v, %v", res, err)
	}
}

type shortReader struct{ io.ReaderAt }

// faultyFile fails at its n-th call of one method.
type faultyFile struct {
	collect.OutFile
	op  string
	n   *int
	err error
}

func (f faultyFile) fail(op string) error {
	if op != f.op {
		return nil
	}
	if *f.n--; *f.n >= 0 {
		return nil
	}
	return f.err
}

func (f faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fail("write"); err != nil {
		return 0, &os.PathError{Op: "write", Path: "x", Err: err}
	}
	return f.OutFile.WriteAt(b, off)
}

func (f faultyFile) Truncate(size int64) error {
	if err := f.fail("truncate"); err != nil {
		return err
	}
	return f.OutFile.Truncate(size)
}

func (f faultyFile) Sync() error {
	if err := f.fail("sync"); err != nil {
		return err
	}
	return f.OutFile.Sync()
}

func (f faultyFile) Close() error {
	return errors.Join(f.OutFile.Close(), f.fail("close"))
}

// TestTargetFaults fails each call of the output in turn: an error, the right
// one, and an empty folder.
func TestTargetFaults(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte("x"), 3*collect.ChunkSize+10)
	for _, c := range []struct {
		op    string
		calls int
		err   error
		want  error
	}{
		{"create", 1, syscall.EACCES, syscall.EACCES},
		{"write", 4, syscall.ENOSPC, collect.ErrTargetFull},
		{"write", 4, syscall.EIO, syscall.EIO},
		{"write", 4, syscall.EFBIG, collect.ErrFileTooBig},
		{"truncate", 1, syscall.ENOSPC, collect.ErrTargetFull},
		{"sync", 1, syscall.ENOSPC, collect.ErrTargetFull},
		{"close", 1, syscall.EIO, syscall.EIO},
	} {
		for n := range c.calls {
			dir := t.TempDir()
			left := n
			o := collect.Options{Dir: dir}.WithCreate(func(root *os.Root, name string) (collect.OutFile, error) {
				if c.op == "create" {
					return nil, c.err
				}
				f, err := collect.CreateFile(root, name)
				return faultyFile{f, c.op, &left, c.err}, err
			})
			_, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), o)
			if !errors.Is(err, c.want) || !errors.Is(err, c.err) {
				t.Errorf("%s %d: error %v, want %v", c.op, n, err, c.want)
			}
			if got := names(t, dir); len(got) != 0 {
				t.Errorf("%s %d: left behind %q", c.op, n, got)
			}
		}
	}
}

func TestNoRoomIsSeenBefore(t *testing.T) {
	t.Parallel()
	c := collect.NewFileCandidate(strings.NewReader("dump"), 4)
	for free, want := range map[int64]error{3: collect.ErrTargetFull, 4: nil} {
		o := collect.Options{Dir: t.TempDir(), FreeSpace: func(string) (int64, error) { return free, nil }}
		if _, err := collect.Extract(t.Context(), c, o); !errors.Is(err, want) {
			t.Errorf("%d bytes free: %v", free, err)
		}
	}
	o := collect.Options{Dir: t.TempDir(), FreeSpace: func(string) (int64, error) { return 0, syscall.EIO }}
	if _, err := collect.Extract(t.Context(), c, o); !errors.Is(err, syscall.EIO) {
		t.Errorf("free space unknown: %v", err)
	}
}

func TestNothingToExtract(t *testing.T) {
	t.Parallel()
	c := findOne(t, windows(files(map[string][]byte{"pagefile.sys": make([]byte, 1<<16)})))
	if _, err := collect.Extract(t.Context(), c, collect.Options{Dir: t.TempDir()}); !errors.Is(err, collect.ErrNothing) {
		t.Errorf("error %v", err)
	}
	if _, err := collect.Extract(t.Context(), collect.NewFileCandidate(strings.NewReader("x"), 1), collect.Options{Dir: "/no/such/folder"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// TestCancel stops the copy after each chunk.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := bytes.Repeat([]byte("x"), 6*collect.ChunkSize)
	for stop := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		dir := t.TempDir()
		calls := 0
		o := collect.Options{Dir: dir, Progress: func(done, total int64) {
			if calls++; calls > stop {
				cancel()
			}
			if total != int64(len(b)) || done != int64(calls)*collect.ChunkSize {
				t.Errorf("progress %d of %d at call %d", done, total, calls)
			}
		}}
		_, err := collect.Extract(ctx, collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), o)
		if stop < 5 && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d chunks: %v", stop, err)
		}
		if got := names(t, dir); err != nil && len(got) != 0 {
			t.Errorf("cancelled after %d chunks: left behind %q", stop, got)
		}
		cancel()
	}
}

func TestNoHash(t *testing.T) {
	t.Parallel()
	res, err := collect.Extract(t.Context(), collect.NewFileCandidate(strings.NewReader("dump"), 4), collect.Options{Dir: t.TempDir(), NoHash: true})
	if err != nil || res.SHA256 != "" || res.Size != 4 {
		t.Errorf("%+v, %v", res, err)
	}
}
