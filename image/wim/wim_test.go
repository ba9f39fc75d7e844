package wim_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/image"
	"hangkit/image/wim"
)

func TestImages(t *testing.T) {
	t.Parallel()
	b := sample(t)
	a := open(t, b)
	if a.Images() != 2 || a.Boot() != 2 || a.Compression() != "none" || len(a.Warnings()) > 0 || a.Writable() != nil {
		t.Errorf("%d images, %d boots, compression %s, %q, %v", a.Images(), a.Boot(), a.Compression(), a.Warnings(), a.Writable())
	}
	if i := a.Info(1); i.Name != "Home <&>" || i.Version() != "10.0.22621.1" {
		t.Errorf("image 1: %+v", i)
	}
	if i := a.Info(2); i.Name != "PE" || i.Version() != "" {
		t.Errorf("image 2: %+v", i)
	}
	if err := fstest.TestFS(openImage(t, b, 1), systemPath, "empty", "Program Files/long name.txt", "link"); err != nil {
		t.Error(err)
	}
	if err := fstest.TestFS(openImage(t, b, 2), systemPath, "ÄRGER.txt"); err != nil {
		t.Error(err)
	}
	for _, n := range []int{-1, 0, 3} {
		if _, err := a.Image(n); err == nil {
			t.Errorf("there is an image %d", n)
		}
	}
}

// TestNames: the case of names does not matter, and short names find files.
func TestNames(t *testing.T) {
	t.Parallel()
	m := openImage(t, sample(t), 1)
	for name, want := range map[string]string{
		"PROGRAM FILES/LONG NAME.TXT": "text", "progra~1/longna~1.txt": "text", "one": "same file", "OTHER": "same file",
		"windows/Explorer.EXE": "MZ", "empty": "",
	} {
		if b, err := m.ReadFile(name); string(b) != want || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]error{
		"nothing": fs.ErrNotExist, "one/below": fs.ErrNotExist, "link/below": fs.ErrNotExist, "../one": fs.ErrInvalid, "": fs.ErrInvalid,
	} {
		if _, err := m.Open(name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if i, err := m.Stat("link"); err != nil || i.Mode().IsRegular() || i.IsDir() {
		t.Errorf("reparse point: %v, %v", i, err)
	}
	if i, err := m.Stat("windows/explorer.exe"); err != nil || i.Name() != "explorer.exe" || i.Size() != 2 || !i.ModTime().Equal(day) {
		t.Errorf("file: %v, %v", i, err)
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	m := openImage(t, sample(t), 1)
	f, err := m.OpenStream("Windows/explorer.exe", "zone")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); string(b) != "3" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := m.OpenStream("Windows/explorer.exe", "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such stream: %v", err)
	}
}

// Offsets of the header that tests damage.
const (
	versionOff, flagsOff, partsOff, imagesOff, tableOff, xmlOff = 12, 16, 42, 44, 48, 72
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patch func(b []byte)
		want  error
		words string
	}{
		"pipable":     {func(b []byte) { copy(b, "WLPWM") }, image.ErrUnsupported, "pipable"},
		"solid":       {func(b []byte) { le.PutUint32(b[versionOff:], 0xe00) }, image.ErrUnsupported, ".esd"},
		"version":     {func(b []byte) { le.PutUint32(b[versionOff:], 1) }, image.ErrUnsupported, "version 0x1"},
		"LZMS":        {func(b []byte) { le.PutUint32(b[flagsOff:], 0x80002) }, image.ErrUnsupported, "LZMS"},
		"split":       {func(b []byte) { b[partsOff] = 3 }, image.ErrUnsupported, "part 1 of 3"},
		"spanned":     {func(b []byte) { b[flagsOff] = 8 }, image.ErrUnsupported, "split"},
		"other":       {func(b []byte) { b[0] = 'X' }, image.ErrFormat, "magic"},
		"header size": {func(b []byte) { b[8] = 1 }, image.ErrFormat, "size"},
		"images":      {func(b []byte) { le.PutUint32(b[imagesOff:], 1<<20) }, image.ErrFormat, "images"},
		"one more":    {func(b []byte) { b[imagesOff] = 3 }, image.ErrFormat, "metadata resources"},
		"table size":  {func(b []byte) { b[tableOff]++; b[tableOff+16]++ }, image.ErrFormat, "multiple"},
		"table large": {func(b []byte) { b[tableOff+5] = 1 }, image.ErrTruncated, "cut short"},
		"table bomb":  {func(b []byte) { b[tableOff+7] = 4; b[tableOff+19] = 1; b[22] = 1 }, image.ErrFormat, "blob table"},
		"chunk size":  {func(b []byte) { b[tableOff+7] = 4; b[22] = 3 }, image.ErrUnsupported, "chunks of 196608 bytes"},
		"solid blob":  {func(b []byte) { b[tableOff+7] = 0x10 }, image.ErrUnsupported, "solid"},
		"split blob":  {func(b []byte) { b[tableOff+7] = 0x08 }, image.ErrUnsupported, "split"},
		"size 2^60":   {func(b []byte) { b[tableOff+23] = 0x10 }, image.ErrFormat, "56 bits"},
		"XML gone":    {func(b []byte) { b[xmlOff+14] = 1 }, image.ErrTruncated, "XML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sample(t)
			c.patch(b)
			_, err := wim.Open(strings.NewReader(string(b)), int64(len(b)))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %v and %q", err, c.want, c.words)
			}
			if u, ok := errors.AsType[*wim.UnsupportedError](err); ok && !strings.HasPrefix(u.Command, "wimlib-imagex ") {
				t.Errorf("command %q", u.Command)
			}
		})
	}
	if _, err := wim.Open(strings.NewReader("MSWIM"), 5); !errors.Is(err, image.ErrTruncated) {
		t.Errorf("five bytes: %v", err)
	}
}

// TestMarked: flags that forbid a change, and XML that cannot be read, forbid no reading.
func TestMarked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patch func(b []byte)
		want  error
		warns string
	}{
		"read-only":   {func(b []byte) { b[flagsOff] = 4 }, wim.ErrReadOnly, ""},
		"in progress": {func(b []byte) { b[flagsOff] = 0x40 }, wim.ErrInProgress, "being written"},
		"XML damaged": {func(b []byte) { copy(b[le.Uint64(b[xmlOff+8:])+4:], "<\x00") }, nil, "XML"},
	} {
		b := sample(t)
		c.patch(b)
		a := open(t, b)
		if err := a.Writable(); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Join(a.Warnings(), "; "); !strings.Contains(got, c.warns) || (c.warns == "") != (got == "") {
			t.Errorf("%s: warnings %q", name, got)
		}
		if _, err := openImage(t, b, 2).ReadFile("ÄRGER.txt"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamagedContents: a file and the metadata are compared with their SHA-1.
func TestDamagedContents(t *testing.T) {
	t.Parallel()
	b := sample(t)
	b[strings.Index(string(b), "umlaut")] = 'U'
	m := openImage(t, b, 2)
	if _, err := m.ReadFile("ÄRGER.txt"); !errors.Is(err, wim.ErrHash) {
		t.Errorf("file: %v", err)
	}
	b = sample(t)
	name := "e\x00x\x00p\x00l\x00o\x00r\x00e\x00r\x00"
	b[strings.Index(string(b), name)] = 'E'
	if _, err := open(t, b).Image(1); !errors.Is(err, wim.ErrHash) {
		t.Errorf("metadata: %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	for _, entries := range [][]wim.Entry{
		{{Path: "/a"}}, {{Path: "a/../b"}}, {{Path: "."}}, {{Path: ""}}, {{Path: "a"}, {Path: "a"}}, {{Path: "a"}, {Path: "a/b"}}, {{Path: "../a"}},
	} {
		if _, err := wim.Create([]wim.NewImage{{Entries: entries}}, wim.CreateOptions{}); err == nil {
			t.Errorf("%+v was taken", entries)
		}
	}
}

// TestOracleCreate: what we make, others read.
func TestOracleCreate(t *testing.T) {
	t.Parallel()
	name := writeFile(t, sample(t))
	run(t, "wimlib-imagex", "verify", name)
	run(t, "7zz", "t", name)
	if info := run(t, "wimlib-imagex", "info", name, "--check"); !strings.Contains(info, "Boot Index:     2") || !strings.Contains(info, "Home <&>") {
		t.Errorf("info:\n%s", info)
	}
	for n := 1; n <= 2; n++ {
		dir := t.TempDir()
		run(t, "wimlib-imagex", "apply", name, []string{"1", "2"}[n-1], dir)
		sameTree(t, openImage(t, sample(t), n), os.DirFS(dir), "link")
	}
}

// TestOracleRead: archives of wimlib, in each compression.
func TestOracleRead(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"LZX":           {"--compress=LZX", "--check"},
		"LZX 256 KiB":   {"--compress=LZX", "--chunk-size=262144"},
		"XPRESS":        {"--compress=XPRESS", "--boot"},
		"XPRESS 64 KiB": {"--compress=XPRESS", "--chunk-size=65536"},
		"none":          {"--compress=none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, 3)
			b := readFile(t, capture(t, dir, args...))
			m := openImage(t, b, 1)
			sameTree(t, m, os.DirFS(dir))
			if err := fstest.TestFS(m, systemPath); err != nil {
				t.Error(err)
			}
			if got := open(t, b).Compression(); !strings.HasPrefix(name, got) {
				t.Errorf("compression %s", got)
			}
		})
	}
}

// TestOracleRefusals: the forms of wimlib's archives that are not read.
func TestOracleRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words string
		args  []string
	}{
		"solid":   {".esd", []string{"--solid"}},
		"LZMS":    {".esd", []string{"--compress=LZMS"}}, // has the version of solid ones
		"pipable": {"pipable", []string{"--pipable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := readFile(t, capture(t, tree(t, 1), c.args...))
			_, err := wim.Open(strings.NewReader(string(b)), int64(len(b)))
			if !errors.Is(err, image.ErrUnsupported) || !strings.Contains(err.Error(), c.words) {
				t.Error(err)
			}
		})
	}
}
