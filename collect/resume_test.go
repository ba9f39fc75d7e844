package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"hangkit/collect"
)

// interval is how far apart the checkpoints of these tests are.
const interval = 2 * collect.ChunkSize

// resumable are the forms of a copy that can go on.
var resumable = []collect.Options{
	{Name: "plain.dmp"},
	{Name: "packed.dmp", Compress: true},
	{Name: "cut.dmp", PartSize: 3<<20 + 77},
	{Name: "both.dmp", Compress: true, PartSize: 1<<20 + 3},
	{Name: "quick.dmp", NoHash: true},
	{Name: "quickpacked.dmp", NoHash: true, Compress: true},
}

// thorough tells whether there is time for all of it.
func thorough() bool { return os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" }

// counted counts the bytes that are read, and fails on bad pages.
type counted struct {
	badSectors
	n *int64
}

func (c counted) ReadAt(b []byte, off int64) (int, error) {
	*c.n += int64(len(b))
	return c.badSectors.ReadAt(b, off)
}

// dump is a dump in memory with bad pages, and how much of it was read.
type dump struct {
	b    []byte
	bad  []int64
	read int64
}

func (d *dump) candidate() *collect.Candidate {
	return collect.NewFileCandidate(counted{badSectors{bytes.NewReader(d.b), d.bad}, &d.read}, int64(len(d.b)))
}

// whole is what a copy of the dump has to hold.
func (d *dump) whole() []byte {
	b := bytes.Clone(d.b)
	for _, page := range d.bad {
		clear(b[page*4096 : page*4096+4096])
	}
	return b
}

// interrupt copies until so many bytes are done, and returns the error.
func (d *dump) interrupt(tb testing.TB, o collect.Options, at int64) error {
	tb.Helper()
	return interrupt(tb, d.candidate(), o, at)
}

func interrupt(tb testing.TB, c *collect.Candidate, o collect.Options, at int64) error {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	o.Progress = func(done, _ int64) {
		if done >= at {
			cancel()
		}
	}
	_, err := collect.Extract(ctx, c, o)
	return err
}

// checkWhole compares a finished copy with the dump, and the folder with what
// should be left in it.
func (d *dump) checkWhole(tb testing.TB, what string, o collect.Options, res *collect.Result) {
	tb.Helper()
	want := d.whole()
	var got []byte
	if res.Map != "" {
		// The reader of copies would not show the zeros.
		if err := os.Rename(filepath.Join(o.Dir, res.Map), filepath.Join(o.Dir, "aside")); err != nil {
			tb.Fatal(err)
		}
	}
	if got = readCopy(tb, res.Path); !bytes.Equal(got, want) {
		tb.Errorf("%s: the copy differs", what)
	}
	if err := collect.Forget(o.Dir); err != nil {
		tb.Errorf("%s: %v", what, err)
	}
	for _, name := range names(tb, o.Dir) {
		if strings.HasPrefix(name, ".") {
			tb.Errorf("%s: left in the folder: %q", what, names(tb, o.Dir))
			break
		}
	}
}

// TestResume interrupts every form of a copy at every chunk, and goes on.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, o := range resumable {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			d := &dump{b: memory(7*collect.ChunkSize + 999), bad: []int64{3, 600, 1024, 1700}}
			fresh := *d
			o = o.WithInterval(interval)
			o.Dir, o.Journal = t.TempDir(), true
			want, err := collect.Extract(t.Context(), fresh.candidate(), o)
			if err != nil {
				t.Fatal(err)
			}
			for chunk := range int64(8) {
				if chunk%3 != 2 && !thorough() {
					continue
				}
				o.Dir, o.Resume = t.TempDir(), false
				err := d.interrupt(t, o, (chunk+1)*collect.ChunkSize)
				kept, ok := errors.AsType[*collect.KeptError](err)
				if err == nil {
					continue // the interrupt came too late
				}
				if !errors.Is(err, context.Canceled) || ok && kept.Done%interval != 0 {
					t.Fatalf("chunk %d: %v", chunk, err)
				}
				if left := names(t, o.Dir); ok != (len(left) > 0) {
					t.Errorf("chunk %d: kept is %t, left %q", chunk, ok, left)
				}
				d.read, o.Resume = 0, true
				res, err := collect.Extract(t.Context(), d.candidate(), o)
				if err != nil {
					t.Fatal(err)
				}
				if ok && d.read >= fresh.read {
					t.Errorf("chunk %d: %d bytes read, as if nothing had been there", chunk, d.read)
				}
				res.Path = want.Path
				if !reflect.DeepEqual(res, want) {
					t.Errorf("chunk %d: result\n%+v, in one go\n%+v", chunk, res, want)
				}
				res.Path = filepath.Join(o.Dir, res.Name)
				d.checkWhole(t, fmt.Sprint("chunk ", chunk), o, res)
			}
		})
	}
}

// TestResumeDone: what is finished is proven and not copied again, until it is
// spoiled or gone.
func TestResumeDone(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(3*collect.ChunkSize + 5), bad: []int64{1}}
	for _, o := range append([]collect.Options{{Name: "secret.dmp", Recipients: recipient(t, identity(t))}}, resumable...) {
		o = o.WithInterval(interval)
		o.Dir, o.Resume = t.TempDir(), true
		first, err := collect.Extract(t.Context(), d.candidate(), o)
		if err != nil {
			t.Fatal(err)
		}
		d.read = 0
		again, err := collect.Extract(t.Context(), d.candidate(), o)
		if err != nil || !reflect.DeepEqual(first, again) || d.read > collect.ChunkSize {
			t.Errorf("%s: %+v, %v, %d bytes read", o.Name, again, err, d.read)
		}
		spoiled := first.Path
		if first.Parts > 0 {
			spoiled = filepath.Join(first.Path, "part.0001")
		}
		if err := flip(spoiled, 100); err != nil {
			t.Fatal(err)
		}
		other, err := collect.Extract(t.Context(), d.candidate(), o)
		if err != nil || other.Name == first.Name {
			t.Errorf("%s: spoiled, and %+v, %v", o.Name, other, err)
		}
	}
}

// flip changes a byte of a file.
func flip(name string, at int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	if err == nil {
		b[0] ^= 0xFF
		_, err = f.WriteAt(b[:], at)
	}
	return errors.Join(err, f.Close())
}

// TestResumeSpoiled spoils what an interrupted copy left, in every way a crash, a
// failing stick or a person could: the next copy is right all the same.
func TestResumeSpoiled(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(5*collect.ChunkSize + 999), bad: []int64{3}}
	cuts := 3
	if thorough() {
		cuts = 20
	}
	for form, o := range resumable {
		if form%3 != 0 && !thorough() {
			continue
		}
		o = o.WithInterval(collect.ChunkSize)
		o.Journal = true
		temp := ".hangkit-0.tmp"
		if o.PartSize > 0 {
			temp += "/part.0002"
		}
		journal := readLeft(t, d, o, ".hangkit-0.journal")
		spoils := map[string]func(dir string) error{
			"output cut":     func(dir string) error { return os.Truncate(filepath.Join(dir, temp), 1000) },
			"output longer":  func(dir string) error { return os.Truncate(filepath.Join(dir, temp), 64<<20) },
			"output changed": func(dir string) error { return flip(filepath.Join(dir, temp), 5000) },
			"output gone":    func(dir string) error { return os.RemoveAll(filepath.Join(dir, ".hangkit-0.tmp")) },
			"journal gone":   func(dir string) error { return os.Remove(filepath.Join(dir, ".hangkit-0.journal")) },
		}
		for cut := 0; cut < len(journal); cut += max(1, len(journal)/cuts) {
			spoils[fmt.Sprintf("journal cut at %d", cut)] = func(dir string) error {
				return os.Truncate(filepath.Join(dir, ".hangkit-0.journal"), int64(cut))
			}
			spoils[fmt.Sprintf("journal changed at %d", cut)] = func(dir string) error {
				return flip(filepath.Join(dir, ".hangkit-0.journal"), int64(cut))
			}
		}
		for what, spoil := range spoils {
			o.Dir, o.Resume = memoryDir(t), false
			if err := d.interrupt(t, o, 4*collect.ChunkSize); err == nil {
				t.Fatal("not interrupted")
			}
			if err := spoil(o.Dir); err != nil {
				t.Fatal(what, err)
			}
			o.Resume = true
			res, err := collect.Extract(t.Context(), d.candidate(), o)
			if err != nil {
				t.Errorf("%s, %s: %v", o.Name, what, err)
				continue
			}
			if got := readWithoutMap(t, res.Path); !bytes.Equal(got, d.whole()) {
				t.Errorf("%s, %s: the copy differs", o.Name, what)
			}
		}
	}
}

func readLeft(t *testing.T, d *dump, o collect.Options, name string) []byte {
	t.Helper()
	o.Dir = t.TempDir()
	if err := d.interrupt(t, o, 4*collect.ChunkSize); err == nil {
		t.Fatal("not interrupted")
	}
	b, err := os.ReadFile(filepath.Join(o.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readWithoutMap(t *testing.T, name string) []byte {
	t.Helper()
	os.Remove(name + collect.MapSuffix)
	return readCopy(t, name)
}

// TestResumeOther: a journal of another dump, or of the same one copied otherwise,
// is left alone.
func TestResumeOther(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(5 * collect.ChunkSize)}
	dir := t.TempDir()
	o := collect.Options{Dir: dir, Journal: true}.WithInterval(interval)
	if err := d.interrupt(t, o, 4*collect.ChunkSize); err == nil {
		t.Fatal("not interrupted")
	}
	if got, err := collect.Unfinished(dir); err != nil || !slices.Equal(got, []collect.Leftover{{Path: "pagefile.sys", Journal: ".hangkit-0.journal"}}) {
		t.Errorf("unfinished: %+v, %v", got, err)
	}
	left := names(t, dir)
	other := &dump{b: memory(5*collect.ChunkSize + 1)}
	for _, c := range []struct {
		d   *dump
		o   collect.Options
		why string
	}{
		{other, o, "of another dump"},
		{d, collect.Options{Dir: dir, Compress: true}, "made with other options"},
		{d, collect.Options{Dir: dir, NoHash: true}, "made with other options"},
	} {
		c.o = c.o.WithInterval(interval)
		c.o.Resume = true
		said := ""
		c.o.Notice = func(text string) { said += text }
		c.d.read = 0
		if _, err := collect.Extract(t.Context(), c.d.candidate(), c.o); err != nil || c.d.read < int64(len(c.d.b)) {
			t.Errorf("%v, %d bytes read", err, c.d.read)
		}
		if !strings.Contains(said, c.why) || !strings.Contains(said, ".hangkit-0.journal") {
			t.Errorf("said %q, not %q", said, c.why)
		}
	}
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// TestResumeBesideOlder: the machine crashed again since the copy was finished. Both
// dumps are there then, and it is said.
func TestResumeBesideOlder(t *testing.T) {
	t.Parallel()
	o := collect.Options{Dir: t.TempDir(), Journal: true, Resume: true}.WithInterval(interval)
	first, err := collect.Extract(t.Context(), (&dump{b: memory(collect.ChunkSize)}).candidate(), o)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	o.Notice = func(text string) { said += text }
	second, err := collect.Extract(t.Context(), (&dump{b: memory(2 * collect.ChunkSize)}).candidate(), o)
	if err != nil || second.Name == first.Name || !strings.Contains(said, first.Name+", which") {
		t.Errorf("%v; %v beside %s: %q", err, second, first.Name, said)
	}
}

// TestResumeChanged: a dump that was written over between the runs, but for its
// beginning, is copied anew, whether the first copy was interrupted or not.
func TestResumeChanged(t *testing.T) {
	t.Parallel()
	secret := collect.Options{Name: "secret.dmp", Recipients: recipient(t, identity(t))}
	for _, o := range append([]collect.Options{secret}, resumable...) {
		for _, at := range []int64{4 * collect.ChunkSize, 0} {
			if at > 0 && len(o.Recipients) > 0 {
				continue // it begins anew in any case
			}
			d := &dump{b: memory(5*collect.ChunkSize + 99), bad: []int64{700}}
			o = o.WithInterval(interval)
			o.Dir, o.Journal, o.Resume = memoryDir(t), true, false
			if at > 0 {
				if _, ok := errors.AsType[*collect.KeptError](d.interrupt(t, o, at)); !ok {
					t.Fatal("nothing was kept")
				}
			} else if _, err := collect.Extract(t.Context(), d.candidate(), o); err != nil {
				t.Fatal(err)
			}
			for i := range d.b[1<<20 : 3<<20] {
				d.b[1<<20+i] ^= 0x55
			}
			said := ""
			o.Resume, o.Notice = true, func(text string) { said += text }
			res, err := collect.Extract(t.Context(), d.candidate(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(said, "has changed") {
				t.Errorf("%s: said %q", o.Name, said)
			}
			if len(o.Recipients) == 0 {
				d.checkWhole(t, o.Name, o, res)
			}
		}
	}
}

// TestResumeOnAWrittenVolume: where the volume was written to, a single page that changed
// is found, and a copy of which nothing changed is gone on with.
func TestResumeOnAWrittenVolume(t *testing.T) {
	t.Parallel()
	secret := collect.Options{Name: "secret.dmp", Recipients: recipient(t, identity(t))}
	for i, o := range append([]collect.Options{secret}, resumable...) {
		if i > 2 && !thorough() {
			continue
		}
		for _, at := range []int64{4 * collect.ChunkSize, 0} {
			for _, changes := range []bool{false, true} {
				if at > 0 && len(o.Recipients) > 0 {
					continue // it begins anew in any case
				}
				d := &dump{b: memory(5*collect.ChunkSize + 99), bad: []int64{700}}
				o = o.WithInterval(interval)
				o.Dir, o.Journal, o.Resume, o.Notice = memoryDir(t), true, false, nil
				candidate := d.candidate()
				collect.SetLog(candidate, "as it was")
				if at > 0 {
					if _, ok := errors.AsType[*collect.KeptError](interrupt(t, candidate, o, at)); !ok {
						t.Fatal("nothing was kept")
					}
				} else if _, err := collect.Extract(t.Context(), candidate, o); err != nil {
					t.Fatal(err)
				}
				if changes {
					d.b[1<<20+5<<12+7] ^= 1
				}
				said := ""
				o.Resume, o.Notice = true, func(text string) { said += text }
				collect.SetLog(candidate, "as Windows left it")
				res, err := collect.Extract(t.Context(), candidate, o)
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(said, "compared") || strings.Contains(said, "has changed") != changes {
					t.Errorf("%s, changes %t: said %q", o.Name, changes, said)
				}
				if len(o.Recipients) == 0 {
					d.checkWhole(t, o.Name, o, res)
				}
			}
		}
	}
}

// TestResumeModified: a file that was modified is another one.
func TestResumeModified(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(5 * collect.ChunkSize)}
	o := collect.Options{Dir: t.TempDir(), Journal: true}.WithInterval(interval)
	if err := d.interrupt(t, o, 4*collect.ChunkSize); err == nil {
		t.Fatal("not interrupted")
	}
	for what, change := range map[string]func(c *collect.Candidate){
		"time": func(c *collect.Candidate) { c.Modified = c.Modified.Add(1) },
		"size": func(c *collect.Candidate) { c.FileSize++ },
	} {
		said, c := "", d.candidate()
		change(c)
		d.read, o.Resume, o.Notice = 0, true, func(text string) { said += text }
		if _, err := collect.Extract(t.Context(), c, o); err != nil || d.read < int64(len(d.b)) || !strings.Contains(said, "another dump") {
			t.Errorf("%s: %v, %d bytes read, said %q", what, err, d.read, said)
		}
	}
}

// TestResumeOtherKey: a copy for one key is none for another.
func TestResumeOtherKey(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(collect.ChunkSize)}
	one, two := identity(t), identity(t)
	o := collect.Options{Dir: t.TempDir(), Name: "a.dmp", Resume: true, Recipients: recipient(t, one)}
	if _, err := collect.Extract(t.Context(), d.candidate(), o); err != nil {
		t.Fatal(err)
	}
	o.Recipients = recipient(t, two)
	res, err := collect.Extract(t.Context(), d.candidate(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := readCopy(t, decrypt(t, res.Path, two)); !bytes.Equal(got, d.b) {
		t.Error("the copy differs")
	}
	both := append(recipient(t, one), recipient(t, two)...)
	o.Recipients = both
	first, err := collect.Extract(t.Context(), d.candidate(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Recipients = []collect.Recipient{both[1], both[0]}
	again, err := collect.Extract(t.Context(), d.candidate(), o)
	if err != nil || again.Name != first.Name {
		t.Errorf("the same keys in another order: %+v, %v", again, err)
	}
}

// TestKeptGrows: what is kept after a second interrupt counts the first one's too.
func TestKeptGrows(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(20 * collect.ChunkSize)}
	o := collect.Options{Dir: t.TempDir(), Resume: true}.WithInterval(collect.ChunkSize)
	before := int64(0)
	for _, at := range []int64{9, 15} {
		kept, ok := errors.AsType[*collect.KeptError](d.interrupt(t, o, at*collect.ChunkSize))
		if !ok || kept.Done <= before || kept.Done < (at-5)*collect.ChunkSize {
			t.Fatalf("kept %+v, before %d", kept, before)
		}
		before = kept.Done
	}
}

// TestReadOnlyTarget: a target that never could be written was not taken away.
func TestReadOnlyTarget(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("other error numbers")
	}
	d := &dump{b: memory(5000)}
	o := collect.Options{Dir: t.TempDir()}.WithCreate(func(*os.Root, string) (collect.OutFile, error) {
		return nil, &os.PathError{Op: "openat", Path: "x", Err: syscall.EROFS}
	})
	_, err := collect.Extract(t.Context(), d.candidate(), o)
	if !errors.Is(err, collect.ErrReadOnly) || errors.Is(err, collect.ErrTargetGone) {
		t.Error(err)
	}
}

// TestResumeIntoALink: what stands in the place of the unfinished output is not
// written through.
func TestResumeIntoALink(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(5 * collect.ChunkSize)}
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := collect.Options{Dir: dir, Journal: true}.WithInterval(interval)
	if err := d.interrupt(t, o, 4*collect.ChunkSize); err == nil {
		t.Fatal("not interrupted")
	}
	temp := filepath.Join(dir, ".hangkit-0.tmp")
	if err := errors.Join(os.Remove(temp), os.Symlink(outside, temp)); err != nil {
		t.Skip(err)
	}
	o.Resume = true
	if _, err := collect.Extract(t.Context(), d.candidate(), o); err == nil {
		t.Error("went on through a link")
	}
	if b, _ := os.ReadFile(outside); string(b) != "precious" {
		t.Errorf("the file outside holds %q", b)
	}
}

// TestFullTargetIsGoneOnWith: what fitted stays, and is used when there is room.
func TestFullTargetIsGoneOnWith(t *testing.T) {
	t.Parallel()
	d := &dump{b: bytes.Repeat([]byte("x"), 7*collect.ChunkSize)}
	o := collect.Options{Dir: t.TempDir(), Journal: true}.WithInterval(interval)
	left := 5
	full := o.WithCreate(func(root *os.Root, name string) (collect.OutFile, error) {
		f, err := collect.CreateFile(root, name)
		return faultyFile{f, "write", &left, syscall.ENOSPC}, err
	})
	_, err := collect.Extract(t.Context(), d.candidate(), full)
	kept, ok := errors.AsType[*collect.KeptError](err)
	if !errors.Is(err, collect.ErrTargetFull) || !ok || kept.Done != 2*interval {
		t.Fatalf("%v, kept %+v", err, kept)
	}
	d.read, o.Resume = 0, true
	res, err := collect.Extract(t.Context(), d.candidate(), o)
	if err != nil || d.read > int64(len(d.b))-kept.Done+collect.ChunkSize {
		t.Fatalf("%v, %d bytes read", err, d.read)
	}
	d.checkWhole(t, "full", o, res)
}

// TestDevicesTakenAway: a device that has gone is an error, not a dump of zeros.
func TestDevicesTakenAway(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("other error numbers")
	}
	b := bytes.Repeat([]byte("x"), 12*collect.ChunkSize)
	gone := goneReader{bytes.NewReader(b), 10 * collect.ChunkSize}
	o := collect.Options{Dir: t.TempDir(), Journal: true}.WithInterval(collect.ChunkSize)
	_, err := collect.Extract(t.Context(), collect.NewFileCandidate(gone, int64(len(b))), o)
	if _, kept := errors.AsType[*collect.KeptError](err); !errors.Is(err, collect.ErrSourceGone) || !kept {
		t.Errorf("the source: %v", err)
	}
	n := 2
	o = collect.Options{Dir: t.TempDir()}.WithCreate(func(root *os.Root, name string) (collect.OutFile, error) {
		f, err := collect.CreateFile(root, name)
		return faultyFile{f, "write", &n, syscall.ENODEV}, err
	})
	if _, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), o); !errors.Is(err, collect.ErrTargetGone) {
		t.Errorf("the target: %v", err)
	}
}

// goneReader is a device that is taken away behind an offset.
type goneReader struct {
	io.ReaderAt
	at int64
}

func (g goneReader) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > g.at {
		return 0, &os.PathError{Op: "read", Path: "disk", Err: syscall.ENXIO}
	}
	return g.ReaderAt.ReadAt(b, off)
}

// The environment of a child that is to kill itself.
const (
	killDir  = "HANGKIT_TEST_KILL_DIR"
	killAt   = "HANGKIT_TEST_KILL_AT"
	killForm = "HANGKIT_TEST_KILL_FORM"
)

const killChunks = 12

func killedDump() *dump {
	return &dump{b: memory(killChunks*collect.ChunkSize + 77), bad: []int64{5, 2000}}
}

// TestKillChild is the child: it goes on with the copy and kills itself.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("run by TestKill")
	}
	at, _ := strconv.ParseInt(os.Getenv(killAt), 10, 64)
	form, _ := strconv.Atoi(os.Getenv(killForm))
	o := resumable[form].WithInterval(collect.ChunkSize)
	o.Dir, o.Resume = dir, true
	o.Progress = func(done, _ int64) {
		if done >= at*collect.ChunkSize {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
	}
	_, err := collect.Extract(t.Context(), killedDump().candidate(), o)
	t.Fatalf("not killed: %v", err)
}

// TestKill kills a copy ten times, each time a chunk further on (kill -9), and ends
// with the whole dump.
func TestKill(t *testing.T) {
	t.Parallel()
	for form, o := range resumable {
		if form%3 != 0 && !thorough() {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			o = o.WithInterval(collect.ChunkSize)
			o.Dir, o.Resume = t.TempDir(), true
			for at := 1; at <= 10; at++ {
				child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillChild$")
				child.Env = append(os.Environ(), killDir+"="+o.Dir, killAt+"="+strconv.Itoa(at), killForm+"="+strconv.Itoa(form))
				if out, err := child.CombinedOutput(); err == nil || bytes.Contains(out, []byte("not killed")) {
					t.Fatalf("kill %d: %v\n%s", at, err, out)
				}
				for _, name := range names(t, o.Dir) {
					if !strings.HasPrefix(name, ".hangkit-") {
						t.Errorf("kill %d: %s has its last name already", at, name)
					}
				}
			}
			d := killedDump()
			res, err := collect.Extract(t.Context(), d.candidate(), o)
			if err != nil {
				t.Fatal(err)
			}
			// The last child was killed after ten of twelve chunks were written; four
			// of them may not have been hashed yet.
			if d.read > 7*collect.ChunkSize {
				t.Errorf("%d bytes read after the last kill", d.read)
			}
			d.checkWhole(t, "killed ten times", o, res)
		})
	}
}

// TestForget: nothing of a copy that has its name stays behind, however far it got with
// saying so, and nothing that has no name yet goes.
func TestForget(t *testing.T) {
	t.Parallel()
	const temp, journal = ".hangkit-0.tmp", ".hangkit-0.journal"
	for what, c := range map[string]struct {
		spoil func(dir string, res *collect.Result) error
		left  int // beside the copy
	}{
		"finished": {func(string, *collect.Result) error { return nil }, 0},
		"said by nothing": {func(dir string, _ *collect.Result) error {
			name := filepath.Join(dir, journal)
			b, err := os.ReadFile(name)
			return errors.Join(err, os.WriteFile(name, b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1], 0o600))
		}, 0},
		"with both names": {func(dir string, res *collect.Result) error { return os.Link(res.Path, filepath.Join(dir, temp)) }, 0},
		"with its place kept": {func(dir string, res *collect.Result) error {
			return errors.Join(os.Rename(res.Path, filepath.Join(dir, temp)), os.WriteFile(res.Path, nil, 0o600))
		}, 2},
	} {
		o := collect.Options{Dir: t.TempDir(), Journal: true, Compress: true, Name: strings.Repeat("long", 60)}
		res, err := collect.Extract(t.Context(), (&dump{b: memory(collect.ChunkSize)}).candidate(), o)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.spoil(o.Dir, res), collect.Forget(o.Dir)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := names(t, o.Dir); len(got) != 1+c.left {
			t.Errorf("%s: in the folder: %q", what, got)
		}
	}
}
