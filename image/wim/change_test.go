package wim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/imagetest"
	"hangkit/image/wim"
)

// room is what the disks of these tests have behind the archive.
const room = 512 << 10

// grown is a file that grows on a disk that does not.
type grown struct {
	image.Disk
	size int64
}

func newGrown(tb testing.TB, b []byte) *grown {
	tb.Helper()
	d := image.NewMemory(int64(len(b))+room, 512)
	if _, err := d.WriteAt(b, 0); err != nil {
		tb.Fatal(err)
	}
	return &grown{d, int64(len(b))}
}

func (g *grown) Size() int64 { return g.size }

func (g *grown) WriteAt(p []byte, off int64) (int, error) {
	n, err := g.Disk.WriteAt(p, off)
	g.size = max(g.size, off+int64(n))
	return n, err
}

func (g *grown) Truncate(size int64) error {
	g.size = size
	return nil
}

func (g *grown) bytes(tb testing.TB) []byte {
	tb.Helper()
	b := make([]byte, g.size)
	if n, err := g.ReadAt(b, 0); n < len(b) {
		tb.Fatal(err)
	}
	return b
}

// plan gives image 1 another hive, which is larger.
func plan(tb testing.TB, b []byte) *wim.Change {
	tb.Helper()
	c, err := open(tb, b).Plan(1, []wim.NewContents{{Path: strings.ToUpper(systemPath), Data: newSystem()}}, day.AddDate(1, 0, 0))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func newSystem() []byte { return append(system(77), "and one page more"...) }

func TestChange(t *testing.T) {
	t.Parallel()
	b := sample(t)
	f := newGrown(t, b)
	c := plan(t, b)
	if err := c.Run(f); err != nil {
		t.Fatal(err)
	}
	now := f.bytes(t)
	if int64(len(now)) != c.Offset()+c.Bytes() || !bytes.Equal(now[208:len(b)], b[208:]) {
		t.Error("something that was there before has changed")
	}
	m := openImage(t, now, 1)
	if got, err := m.ReadFile(systemPath); err != nil || !bytes.Equal(got, newSystem()) {
		t.Errorf("the hive of image 1: %d bytes, %v", len(got), err)
	}
	sameTree(t, m, openImage(t, b, 1), systemPath)
	sameTree(t, openImage(t, now, 2), openImage(t, b, 2)) // had the same hive
	if i, err := m.Stat(systemPath); err != nil || !i.ModTime().Equal(day.AddDate(1, 0, 0)) || i.Size() != int64(len(newSystem())) {
		t.Errorf("%v, %v", i, err)
	}
	was, is := open(t, b).Info(1), open(t, now).Info(1)
	if want := was.Size() + int64(len(newSystem())-len(system(1))); is.Size() != want || is.Size() == 0 || is.Name != was.Name {
		t.Errorf("XML: %+v", is)
	}
}

// TestChangeAgain: contents that nobody has any more leave the blob table, and those that
// the archive still has are not kept twice.
func TestChangeAgain(t *testing.T) {
	t.Parallel()
	b := sample(t)
	change := func(n int, data []byte) int64 {
		t.Helper()
		c, err := open(t, b).Plan(n, []wim.NewContents{{Path: systemPath, Data: data}}, day)
		if err != nil {
			t.Fatal(err)
		}
		f := newGrown(t, b)
		if err := c.Run(f); err != nil {
			t.Fatal(err)
		}
		b = f.bytes(t)
		return c.Bytes()
	}
	hive := int64(len(newSystem()))
	for i, step := range []struct {
		image int
		data  []byte
		large bool // the hive is appended
	}{
		{1, newSystem(), true}, {2, newSystem(), false}, {2, newSystem(), false}, {1, nil, false}, {1, newSystem(), false}, {2, system(1), true},
	} {
		if n := change(step.image, step.data); (n > hive) != step.large {
			t.Errorf("step %d: %d bytes appended", i, n)
		}
		if got, err := openImage(t, b, step.image).ReadFile(systemPath); err != nil || !bytes.Equal(got, step.data) {
			t.Errorf("step %d: %d bytes, %v", i, len(got), err)
		}
	}
	sameTree(t, openImage(t, b, 1), openImage(t, sample(t), 1), systemPath)
	sameTree(t, openImage(t, b, 2), openImage(t, sample(t), 2))
}

func TestChangeRefuses(t *testing.T) {
	t.Parallel()
	b := sample(t)
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"nothing there": {"nothing", os.ErrNotExist}, "a hard link": {"one", wim.ErrShared}, "a reparse point": {"link", nil}, "a folder": {"Windows", nil},
	} {
		_, err := open(t, b).Plan(1, []wim.NewContents{{Path: c.path}}, day)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for flag, want := range map[byte]error{4: wim.ErrReadOnly, 0x40: wim.ErrInProgress} {
		marked := bytes.Clone(b)
		marked[flagsOff] = flag
		if _, err := open(t, marked).Plan(1, nil, day); !errors.Is(err, want) {
			t.Errorf("flag %x: %v", flag, err)
		}
	}
	for name, f := range map[string]*grown{"longer": newGrown(t, append(bytes.Clone(b), 0)), "other header": newGrown(t, append([]byte("X"), b[1:]...))} {
		before := f.bytes(t)
		if err := plan(t, b).Run(f); !errors.Is(err, wim.ErrChanged) || !errors.Is(err, wim.ErrUntouched) || !bytes.Equal(f.bytes(t), before) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestXMLOddities: what cannot be changed in the XML stays as it is.
func TestXMLOddities(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		"<WIM><TOTALBYTES/><IMAGE INDEX=\"1\"><TOTALBYTES>many</TOTALBYTES></IMAGE></WIM>",
		"<WIM><IMAGE><TOTALBYTES>1</TOTALBYTES></IMAGE></WIM>", "<WIM>", "",
	} {
		if got := wim.ChangedXML(doc, 1, day); got != doc && got != "" {
			t.Errorf("%s became %s", doc, got)
		}
	}
	doc := `<?xml version="1.0"?><WIM><X>é</X><TOTALBYTES>1</TOTALBYTES><IMAGE INDEX="1"><TOTALBYTES>5</TOTALBYTES><LASTMODIFICATIONTIME><HIGHPART>0x0</HIGHPART><LOWPART>0x1</LOWPART></LASTMODIFICATIONTIME></IMAGE><IMAGE INDEX="2"><TOTALBYTES>5</TOTALBYTES></IMAGE></WIM>`
	want := strings.NewReplacer("</X><TOTALBYTES>1<", "</X><TOTALBYTES>1000<", `"1"><TOTALBYTES>5<`, `"1"><TOTALBYTES>15<`, ">0x0<", ">0x01DCAB94<", ">0x1<", ">0x9BB34980<").Replace(doc)
	if got := wim.ChangedXML(doc, 1, day); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestCuts: whatever part of the writes reached the disk, the archive is the old one or
// the new one, and the way back leads to the old bytes.
func TestCuts(t *testing.T) {
	t.Parallel()
	b := sample(t)
	base := newGrown(t, b)
	rec := image.NewRecorder(base.Disk)
	c := plan(t, b)
	if err := c.Run(&grown{rec, base.size}); err != nil {
		t.Fatal(err)
	}
	ops, states := rec.Ops(), map[string]int{}
	for cut, d := range imagetest.Cuts(newGrown(t, b).Disk, ops, 4096) {
		size := min(int64(len(b))+cut.Total, c.Offset()+c.Bytes())
		states[checkState(t, cut.String(), &grown{d, size}, b)]++
		states[checkState(t, cut.String()+", full length", &grown{d, c.Offset() + c.Bytes()}, b)]++
		checkRestore(t, cut.String(), c.Undo(), &grown{d, size}, b)
	}
	for i, d := range imagetest.Reorders(newGrown(t, b).Disk, ops) {
		states[checkState(t, fmt.Sprint("reordered write ", i), &grown{d, c.Offset() + c.Bytes()}, b)]++
	}
	if states["old"] < 20 || states["new"] < 3 {
		t.Errorf("states seen: %v", states)
	}
}

func checkState(t *testing.T, name string, f *grown, old []byte) string {
	t.Helper()
	b := f.bytes(t)
	got, err := openImage(t, b, 1).ReadFile(systemPath)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	other, err := openImage(t, b, 2).ReadFile(systemPath)
	if err != nil || !bytes.Equal(other, system(1)) {
		t.Fatalf("%s: the other image: %v", name, err)
	}
	switch {
	case bytes.Equal(got, system(1)) && bytes.Equal(b[:208], old[:208]):
		return "old"
	case bytes.Equal(got, newSystem()):
		return "new"
	}
	t.Fatalf("%s: neither old nor new", name)
	return ""
}

func checkRestore(t *testing.T, name string, u wim.Undo, f *grown, old []byte) {
	t.Helper()
	if err := u.Restore(f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !bytes.Equal(f.bytes(t), old) {
		t.Fatalf("%s: the way back leads elsewhere", name)
	}
}

// TestRestoreCuts: the way back may be cut off, and walked again.
func TestRestoreCuts(t *testing.T) {
	t.Parallel()
	b := sample(t)
	f := newGrown(t, b)
	c := plan(t, b)
	if err := c.Run(f); err != nil {
		t.Fatal(err)
	}
	done := f.bytes(t)
	rec := image.NewRecorder(f.Disk)
	if err := c.Undo().Restore(&grown{rec, f.size}); err != nil {
		t.Fatal(err)
	}
	base := image.NewMemory(int64(len(done)), 512)
	if _, err := base.WriteAt(done, 0); err != nil {
		t.Fatal(err)
	}
	for cut, d := range imagetest.Cuts(base, rec.Ops(), 512) {
		checkState(t, cut.String(), &grown{d, int64(len(done))}, b)
		checkRestore(t, cut.String(), c.Undo(), &grown{d, int64(len(done))}, b)
	}
}

// TestRestoreRefuses: what somebody else changed since is left alone.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	b := sample(t)
	c := plan(t, b)
	f := newGrown(t, b)
	if err := c.Run(f); err != nil {
		t.Fatal(err)
	}
	u := c.Undo()
	done := f.bytes(t)
	for name, now := range map[string][]byte{
		"longer": append(bytes.Clone(done), 0), "shorter": done[:len(done)-1], "other header": append([]byte("X"), done[1:]...), "before": b[:len(b)-1], "nothing": nil,
	} {
		f := newGrown(t, now)
		f.size = int64(len(now))
		if err := u.Restore(f); err == nil || !bytes.Equal(f.bytes(t), now) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, damage := range map[string]func(u *wim.Undo){
		"header": func(u *wim.Undo) { u.Header = append([]byte("X"), u.Header[1:]...) },
		"table":  func(u *wim.Undo) { u.Header = bytes.Clone(u.Header); u.Header[48]++ },
		"size":   func(u *wim.Undo) { u.Size = 1000 },
		"sign":   func(u *wim.Undo) { u.Size = -u.Size },
	} {
		for _, now := range [][]byte{done, b} { // carried out, and cut off before
			u, f := u, newGrown(t, now)
			f.size = int64(len(now))
			damage(&u)
			if err := u.Restore(f); !errors.Is(err, wim.ErrUntouched) || !bytes.Equal(f.bytes(t), now) {
				t.Errorf("%s of the record is damaged: %v", name, err)
			}
		}
	}
	u.Header = u.Header[:10]
	if err := u.Restore(f); !errors.Is(err, wim.ErrChanged) {
		t.Errorf("a record cut short: %v", err)
	}
}

// TestFaults: each call fails once. What says that the archive is as it was must be right.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := sample(t)
	c := plan(t, b)
	for n := 0; ; n++ {
		f := newGrown(t, b)
		faulty := imagetest.NewFaulty(f.Disk, n, imagetest.Any)
		g := &grown{faulty, f.size}
		err := c.Run(g)
		if !faulty.Failed() {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		f.size = g.size
		checkState(t, fmt.Sprint("fault ", n), f, b)
		if err == nil || errors.Is(err, wim.ErrUntouched) && !bytes.Equal(f.bytes(t), b) {
			t.Errorf("fault %d: %v", n, err)
		}
	}
}

// onDisk is an archive in a file.
type onDisk struct{ *os.File }

func (f onDisk) Size() int64 {
	info, err := f.Stat()
	if err != nil {
		return -1
	}
	return info.Size()
}

// TestOracleChange: archives of wimlib with a new hive, judged by others.
func TestOracleChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, more []string
		image      int
	}{
		"LZX, integrity table, boots": {[]string{"--compress=LZX", "--check", "--boot"}, nil, 1},
		"XPRESS":                      {[]string{"--compress=XPRESS"}, nil, 1},
		"none, integrity table":       {[]string{"--compress=none", "--check"}, nil, 1},
		"two images, the first":       {[]string{"--compress=LZX"}, []string{"--boot", "--check"}, 1},
		"two images, the second":      {[]string{"--compress=LZX", "--check"}, []string{"--boot", "--check"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, 5)
			archive := capture(t, dir, c.args...)
			if c.more != nil {
				run(t, "wimlib-imagex", append([]string{"append", dir, archive, "second"}, c.more...)...)
			}
			before := readFile(t, archive)
			undo := changeFile(t, archive, c.image)
			approve(t, archive, open(t, before).Images(), c.image, dir)

			optimized := writeFile(t, readFile(t, archive))
			run(t, "wimlib-imagex", "optimize", optimized)
			approve(t, optimized, open(t, before).Images(), c.image, dir)

			f, err := os.OpenFile(archive, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := undo.Restore(onDisk{f}); err != nil || !bytes.Equal(readFile(t, archive), before) {
				t.Errorf("the way back: %v", err)
			}
		})
	}
}

// changeFile gives an image of an archive in a file a new hive.
func changeFile(t *testing.T, archive string, n int) wim.Undo {
	t.Helper()
	c, err := open(t, readFile(t, archive)).Plan(n, []wim.NewContents{{Path: systemPath, Data: newSystem()}}, day)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(archive, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.Run(onDisk{f}); err != nil {
		t.Fatal(err)
	}
	return c.Undo()
}

// approve has others read the archive: only the hive of the changed image may differ from
// the folder.
func approve(t *testing.T, archive string, images, changed int, dir string) {
	t.Helper()
	run(t, "wimlib-imagex", "verify", archive)
	run(t, "wimlib-imagex", "info", archive, "--check")
	run(t, "7zz", "t", archive)
	for n := 1; n <= images; n++ {
		out := t.TempDir()
		run(t, "wimlib-imagex", "apply", archive, fmt.Sprint(n), out)
		want := system(5)
		if n == changed {
			want = newSystem()
		}
		if got := readFile(t, filepath.Join(out, filepath.FromSlash(systemPath))); !bytes.Equal(got, want) {
			t.Errorf("image %d: the hive is another", n)
		}
		sameTree(t, os.DirFS(out), os.DirFS(dir), systemPath)
		sameTree(t, openImage(t, readFile(t, archive), n), os.DirFS(out))
	}
}

// TestOracleCuts: archives that a cut left behind, judged by wimlib.
func TestOracleCuts(t *testing.T) {
	t.Parallel()
	b := sample(t)
	base := newGrown(t, b)
	rec := image.NewRecorder(base.Disk)
	c := plan(t, b)
	if err := c.Run(&grown{rec, base.size}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for cut, d := range imagetest.Cuts(newGrown(t, b).Disk, rec.Ops(), 40_000) {
		name := writeFile(t, (&grown{d, min(int64(len(b))+cut.Total, c.Offset()+c.Bytes())}).bytes(t))
		run(t, "wimlib-imagex", "verify", name)
		run(t, "wimlib-imagex", "info", name, "--check")
		n++
	}
	if n < 5 {
		t.Errorf("%d cuts", n)
	}
}
