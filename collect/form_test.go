package collect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"hangkit/collect"
)

// oracle finds a program that checks our work.
func oracle(tb testing.TB, name string) string {
	tb.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			tb.Fatal(err)
		}
		tb.Skipf("%s is not installed", name)
	}
	return program
}

// run runs an oracle and returns what it wrote.
func run(tb testing.TB, program string, args ...string) []byte {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), program, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s %q: %v\n%s%s", program, args, err, out, stderr.String())
	}
	return out
}

// memory is like the memory in a dump: text, zeros, and what cannot be packed.
func memory(n int) []byte {
	b := make([]byte, n)
	for at := 0; at < n; at += 4096 {
		page := b[at:min(at+4096, n)]
		switch at >> 12 % 7 {
		case 0, 1:
		case 2:
			sum := sha256.Sum256(fmt.Append(nil, at))
			for i := range page {
				page[i] = sum[i%32] + byte(i/32*7)
			}
		default:
			copy(page, strings.Repeat(fmt.Sprintf("page %d ", at), 500))
		}
	}
	return b
}

func identity(tb testing.TB) *age.X25519Identity {
	tb.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func recipient(tb testing.TB, id *age.X25519Identity) []collect.Recipient {
	tb.Helper()
	r, err := collect.ParseRecipient(id.Recipient().String())
	if err != nil {
		tb.Fatal(err)
	}
	return []collect.Recipient{r}
}

// readCopy reads a copy back with our own reader.
func readCopy(tb testing.TB, name string) []byte {
	tb.Helper()
	c, err := collect.OpenCopy(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close()
	b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestForms copies in every form and reads each back.
func TestForms(t *testing.T) {
	t.Parallel()
	id := identity(t)
	want := memory(3*collect.ChunkSize + 12345)
	for _, c := range []struct {
		o    collect.Options
		name string
		many bool
	}{
		{collect.Options{}, "a.dmp", false},
		{collect.Options{Compress: true}, "a.dmp.zst", false},
		{collect.Options{Recipients: recipient(t, id)}, "a.dmp.age", false},
		{collect.Options{Compress: true, Recipients: recipient(t, id)}, "a.dmp.zst.age", false},
		{collect.Options{PartSize: 1 << 20}, "a.dmp.parts", true},
		{collect.Options{PartSize: 1<<20 - 7}, "a.dmp.parts", true},
		{collect.Options{PartSize: 100000, Compress: true}, "a.dmp.zst.parts", true},
		{collect.Options{PartSize: 1 << 20, Recipients: recipient(t, id)}, "a.dmp.age.parts", true},
		{collect.Options{PartSize: 100000, Compress: true, Recipients: recipient(t, id)}, "a.dmp.zst.age.parts", true},
		{collect.Options{PartSize: int64(len(want))}, "a.dmp", false},
		{collect.Options{NoHash: true, Compress: true}, "a.dmp.zst", false},
		{collect.Options{NoHash: true, PartSize: 1 << 20}, "a.dmp.parts", true},
	} {
		c.o.Dir, c.o.Name = t.TempDir(), "a.dmp"
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(want), int64(len(want))), c.o)
		if err != nil || res.Name != c.name || (res.Parts > 1) != c.many {
			t.Errorf("%+v: %+v, %v", c.o, res, err)
			continue
		}
		checkModes(t, c.o.Dir)
		checkForm(t, c.o, res, id, want)
	}
}

func checkForm(t *testing.T, o collect.Options, res *collect.Result, id *age.X25519Identity, want []byte) {
	t.Helper()
	sum := sha256.Sum256(want)
	if res.SHA256 != hex.EncodeToString(sum[:]) && !o.NoHash {
		t.Errorf("%s: digest of the dump %s", res.Name, res.SHA256)
	}
	name := res.Path
	if res.Parts > 0 {
		joined, err := collect.Join(t.Context(), res.Path, "", nil)
		if err != nil {
			t.Errorf("%s: %v", res.Name, err)
			return
		}
		name = joined.Path
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sum = sha256.Sum256(file)
	if got := hex.EncodeToString(sum[:]); res.FileSize != int64(len(file)) || res.FileSHA256 != "" && res.FileSHA256 != got {
		t.Errorf("%s: %d bytes, %s; the result says %d, %s", res.Name, len(file), got, res.FileSize, res.FileSHA256)
	}
	if len(o.Recipients) > 0 {
		if bytes.Contains(file, []byte("page ")) {
			t.Errorf("%s: text in the clear", res.Name)
		}
		if _, err := collect.OpenCopy(name); !errors.Is(err, collect.ErrEncrypted) {
			t.Errorf("%s opened: %v", res.Name, err)
		}
		name = decrypt(t, name, id)
	}
	if got := readCopy(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: the copy differs", res.Name)
	}
	if len(o.Recipients) == 0 && !bytes.Equal(readCopy(t, res.Path), want) {
		t.Errorf("%s: the copy read in its parts differs", res.Name)
	}
}

func decrypt(t *testing.T, name string, id age.Identity) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := age.Decrypt(f, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return plain
}

// checkModes: nobody but the owner reads anything of a dump.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	id := identity(t)
	for _, bad := range []string{"", "age1", "age1xyz", id.String(), id.Recipient().String() + "x", "ssh-ed25519 AAAA", "a\n" + id.Recipient().String()} {
		if _, err := collect.ParseRecipient(bad); err == nil {
			t.Errorf("%q was taken for a recipient", bad)
		} else if strings.Contains(err.Error(), id.String()) {
			t.Errorf("the secret key is in the message: %v", err)
		}
	}
	if r, err := collect.ParseRecipient(" " + id.Recipient().String() + "\n"); err != nil || r.String() != id.Recipient().String() {
		t.Errorf("%s, %v", r, err)
	}
}

// TestJoinFaults breaks a folder of parts in every way: Join says so and leaves
// nothing behind.
func TestJoinFaults(t *testing.T) {
	t.Parallel()
	b := memory(3<<20 + 5)
	for name, spoil := range map[string]func(dir string) error{
		"last part missing":   func(dir string) error { return os.Remove(filepath.Join(dir, "part.0004")) },
		"middle part missing": func(dir string) error { return os.Remove(filepath.Join(dir, "part.0002")) },
		"part cut":            func(dir string) error { return os.Truncate(filepath.Join(dir, "part.0002"), 5) },
		"part longer":         func(dir string) error { return os.Truncate(filepath.Join(dir, "part.0001"), 2<<20) },
		"byte changed": func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "part.0003"), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte{0x55}, 77)
			return errors.Join(err, f.Close())
		},
		"no list":      func(dir string) error { return os.Remove(filepath.Join(dir, "parts.json")) },
		"list garbled": func(dir string) error { return os.WriteFile(filepath.Join(dir, "parts.json"), []byte("{"), 0o600) },
		"list hostile": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "parts.json"), []byte(`{"schema":"hangkit/parts/1","name":"../../x","size":9,"part_size":4}`), 0o600)
		},
		"list endless": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "parts.json"), []byte(`{"schema":"hangkit/parts/1","name":"x","size":9000000000000000000,"part_size":9000000000000000000}`), 0o600)
		},
		"list absurd": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "parts.json"), []byte(`{"schema":"hangkit/parts/1","name":"x","size":9223372036854775807,"part_size":1}`), 0o600)
		},
	} {
		dir := t.TempDir()
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), collect.Options{Dir: dir, Name: "a.dmp", PartSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if err := spoil(res.Path); err != nil {
			t.Fatal(err)
		}
		if _, err := collect.Join(t.Context(), res.Path, "", nil); err == nil {
			t.Errorf("%s: joined", name)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"a.dmp.parts"}) {
			t.Errorf("%s: in the folder: %q", name, got)
		}
	}
}

func TestTooManyParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(memory(20000)), 20000), collect.Options{Dir: dir, PartSize: 2})
	if !errors.Is(err, collect.ErrTooManyParts) || len(names(t, dir)) != 0 {
		t.Errorf("%v, left behind %q", err, names(t, dir))
	}
}

// TestOracleJoinScript joins with the shell script, under a name that is hostile to it.
func TestOracleJoinScript(t *testing.T) {
	t.Parallel()
	sh := oracle(t, "sh")
	oracle(t, "sha256sum")
	b := memory(3<<20 + 5)
	for _, name := range []string{"a.dmp", "-rf.dmp", "it's $(touch boo) `x` %PATH% & y.dmp", "ä ö.dmp"} {
		dir := t.TempDir()
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(b), int64(len(b))), collect.Options{Dir: dir, Name: name, PartSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		run(t, sh, filepath.Join(res.Path, "join.sh"))
		if got, err := os.ReadFile(filepath.Join(dir, collect.SafeName(name))); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%q: joined %d bytes, %v", name, len(got), err)
		}
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("%q: in the folder: %q", name, got)
		}
		if err := exec.CommandContext(t.Context(), sh, filepath.Join(res.Path, "join.sh")).Run(); err == nil {
			t.Errorf("%q: joined over an existing file", name)
		}
	}
}

// TestJoinCmd: the script for Windows, line by line. It was run under Wine.
func TestJoinCmd(t *testing.T) {
	t.Parallel()
	res, err := collect.Extract(t.Context(), collect.NewFileCandidate(strings.NewReader("0123456789"), 10),
		collect.Options{Dir: t.TempDir(), Name: "ä 100% & b.dmp", PartSize: 4})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(res.Path, "join.cmd"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`@echo off
rem Joins the parts in this folder.
cd /d "%~dp0"
if exist "..\_ 100_ _ b.dmp" goto there
if exist "..\_ 100_ _ b.dmp.map" goto there
copy /b part.0001+part.0002+part.0003 joining.tmp >nul
if errorlevel 1 goto failed
for %%f in (joining.tmp) do if not "%%~zf"=="10" goto failed
set "sum="
for /f "skip=1 delims=" %%h in ('certutil -hashfile joining.tmp SHA256') do if not defined sum set "sum=%%h"
if not defined sum goto proven
if /i not "%sum: =%"=="84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882" goto failed
:proven
if exist "%CD%.map" copy /b "%CD%.map" "..\_ 100_ _ b.dmp.map" >nul
move joining.tmp "..\_ 100_ _ b.dmp" >nul
if errorlevel 1 goto failed
if defined sum exit /b 0
echo Not proven: there is no certutil. The SHA-256 must be 84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882
exit /b 2
:there
echo "..\_ 100_ _ b.dmp" or its map is there already
exit /b 1
:failed
echo Joining failed: the parts are not whole
if exist joining.tmp del joining.tmp
exit /b 1
`, "\n", "\r\n")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// cutInParts makes a.dmp.parts with a mapfile, in a new folder.
func cutInParts(tb testing.TB, d *dump, o collect.Options) *collect.Result {
	tb.Helper()
	o.Dir, o.Name, o.PartSize = tb.TempDir(), "a.dmp", 1<<20
	res, err := collect.Extract(tb.Context(), d.candidate(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

// TestOracleJoinScriptFaults: a wrong digest is a failure, and leaves nothing.
func TestOracleJoinScriptFaults(t *testing.T) {
	t.Parallel()
	sh := oracle(t, "sh")
	oracle(t, "sha256sum")
	for what, spoil := range map[string]func(dir string) error{
		"byte changed": func(dir string) error { return flip(filepath.Join(dir, "part.0002"), 7) },
		"part gone":    func(dir string) error { return os.Remove(filepath.Join(dir, "part.0002")) },
		"part cut":     func(dir string) error { return os.Truncate(filepath.Join(dir, "part.0003"), 7) },
	} {
		res := cutInParts(t, &dump{b: memory(3<<20 + 5)}, collect.Options{})
		if err := spoil(res.Path); err != nil {
			t.Fatal(err)
		}
		if err := exec.CommandContext(t.Context(), sh, filepath.Join(res.Path, "join.sh")).Run(); err == nil {
			t.Errorf("%s: joined", what)
		}
		if got := names(t, filepath.Dir(res.Path)); !slices.Equal(got, []string{"a.dmp.parts"}) {
			t.Errorf("%s: in the folder: %q", what, got)
		}
		if _, err := os.Stat(filepath.Join(res.Path, "joining.tmp")); err == nil {
			t.Errorf("%s: joining.tmp is left", what)
		}
	}
}

// TestBadPlacesOfParts: what could not be read stays an error, however the folder is
// named, and after its parts are joined.
func TestBadPlacesOfParts(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(3<<20 + 5), bad: []int64{300}}
	res := cutInParts(t, d, collect.Options{})
	slash := res.Path + string(filepath.Separator)
	joined, err := collect.Join(t.Context(), slash, "", nil)
	if err != nil || joined.Map != "a.partial.dmp.map" {
		t.Fatalf("%+v, %v", joined, err)
	}
	byScript := filepath.Join(filepath.Dir(res.Path), "script.dmp")
	if sh, err := exec.LookPath("sh"); err == nil {
		aside := filepath.Join(t.TempDir(), "a.dmp")
		if err := errors.Join(os.Rename(joined.Path, aside), os.Rename(joined.Path+".map", aside+".map")); err != nil {
			t.Fatal(err)
		}
		run(t, sh, filepath.Join(res.Path, "join.sh"))
		if err := errors.Join(os.Rename(joined.Path, byScript), os.Rename(joined.Path+".map", byScript+".map"),
			os.Rename(aside, joined.Path), os.Rename(aside+".map", joined.Path+".map")); err != nil {
			t.Fatal(err)
		}
	} else {
		byScript = joined.Path
	}
	for _, name := range []string{res.Path, slash, joined.Path, byScript} {
		c, err := collect.OpenCopy(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ReadAt(make([]byte, 4096), 300*4096); err == nil {
			t.Errorf("%s: a place that was not read from the disk reads as zeros", name)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestJoinTargets: a folder takes the file, under the name it had.
func TestJoinTargets(t *testing.T) {
	t.Parallel()
	res := cutInParts(t, &dump{b: memory(3<<20 + 5)}, collect.Options{})
	into := t.TempDir()
	for _, c := range []struct{ target, want string }{
		{into, filepath.Join(into, "a.dmp")},
		{into + string(filepath.Separator), filepath.Join(into, "a-2.dmp")},
		{filepath.Join(into, "b.dmp"), filepath.Join(into, "b.dmp")},
	} {
		joined, err := collect.Join(t.Context(), res.Path, c.target, nil)
		if err != nil || joined.Path != c.want {
			t.Errorf("%s: %+v, %v", c.target, joined, err)
		}
	}
}

// TestJoinWithoutHash: the quick digest proves the parts too, and where there is none
// nothing is said to be proven.
func TestJoinWithoutHash(t *testing.T) {
	t.Parallel()
	res := cutInParts(t, &dump{b: memory(3<<20 + 5)}, collect.Options{NoHash: true})
	joined, err := collect.Join(t.Context(), res.Path, "", nil)
	if err != nil || len(joined.CRC32C) != 8 || joined.SHA256 != "" {
		t.Errorf("%+v, %v", joined, err)
	}
	if err := flip(filepath.Join(res.Path, "part.0002"), 7); err != nil {
		t.Fatal(err)
	}
	if _, err := collect.Join(t.Context(), res.Path, "", nil); !errors.Is(err, collect.ErrParts) {
		t.Errorf("an altered part: %v", err)
	}
	list := filepath.Join(res.Path, "parts.json")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, bytes.Replace(text, []byte("crc32c"), []byte("other"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if joined, err = collect.Join(t.Context(), res.Path, "", nil); err != nil || joined.CRC32C+joined.SHA256 != "" {
		t.Errorf("without a digest: %+v, %v", joined, err)
	}
}

// TestOracleForms reads every form with the programs an engineer has.
func TestOracleForms(t *testing.T) {
	t.Parallel()
	zstd, ageProgram := oracle(t, "zstd"), oracle(t, "age")
	id := identity(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := memory(2*collect.ChunkSize + 4321)
	for _, o := range []collect.Options{
		{Compress: true}, {Recipients: recipient(t, id)}, {Compress: true, Recipients: recipient(t, id)},
	} {
		o.Dir = t.TempDir()
		res, err := collect.Extract(t.Context(), collect.NewFileCandidate(bytes.NewReader(want), int64(len(want))), o)
		if err != nil {
			t.Fatal(err)
		}
		name := res.Path
		if len(o.Recipients) > 0 {
			out := filepath.Join(o.Dir, "plain")
			run(t, ageProgram, "-d", "-i", key, "-o", out, name)
			name = out
		}
		if o.Compress {
			run(t, zstd, "-q", "-d", name, "-o", filepath.Join(o.Dir, "unpacked"))
			name = filepath.Join(o.Dir, "unpacked")
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", res.Name, len(got), err)
		}
	}
}

func FuzzParseParts(f *testing.F) {
	f.Add([]byte(`{"schema":"hangkit/parts/1","name":"a.dmp","size":10,"part_size":4}`))
	f.Add([]byte(`{"schema":"hangkit/parts/1","name":"a","size":9000000000000000000,"part_size":9000000000000000000}`))
	f.Add([]byte(`{"schema":"hangkit/parts/1","name":"..","size":9223372036854775807,"part_size":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		size, part, name, err := collect.ParseParts(b)
		if err == nil && (size <= 0 || part <= 0 || size/part > 10000 || size > 1<<60 || !filepath.IsLocal(name) || filepath.Base(name) != name) {
			t.Fatalf("%d bytes of %q in parts of %d", size, name, part)
		}
	})
}
