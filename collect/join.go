package collect

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// PartsSchema names the form of parts.json.
const PartsSchema = "hangkit/parts/1"

// The files beside the parts.
const (
	partsFile  = "parts.json"
	joinShell  = "join.sh"
	joinCmd    = "join.cmd"
	maxPartsOf = 64 << 10 // a parts.json is short
)

// ErrParts means a folder whose parts are not what its parts.json says.
var ErrParts = errors.New("the parts are not whole")

// partsList is what the parts of a folder make together. One of the digests is there,
// of all of them together.
type partsList struct {
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	PartSize int64  `json:"part_size"`
	SHA256   string `json:"sha256,omitempty"`
	CRC32C   string `json:"crc32c,omitempty"`
}

// maxJoined is more than any volume of Windows holds.
const maxJoined = 1 << 53

func partCount(size, part int64) int { return int((max(size, 1)-1)/part + 1) }

// describeParts writes beside the parts what they are, and how to join them where
// there is no hangkit.
func (o *output) describeParts(name string, res *Result, sum []byte, id copyID) error {
	list := partsList{Schema: PartsSchema, Name: name, Size: res.FileSize, PartSize: id.PartSize}
	if id.Digest == digestSHA256 {
		list.SHA256 = hex.EncodeToString(sum)
	} else {
		list.CRC32C = hex.EncodeToString(sum)
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("parts: %w", err)
	}
	for name, text := range map[string]string{partsFile: string(text) + "\n", joinShell: list.shell(), joinCmd: list.cmd()} {
		if err := o.writePlain(path.Join(o.temp(), name), text); err != nil {
			return err
		}
	}
	return syncDir(o.root, o.temp())
}

func (o *output) writePlain(name, text string) error {
	f, err := o.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// joining is the name, in the folder of parts, under which the scripts join them. The
// result gets its own when it is proven.
const joining = "joining.tmp"

// shell is a script for Unix that joins the parts and proves the result. It needs
// no right to be executed: FAT knows none.
func (l *partsList) shell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# Joins the parts in this folder: sh %s\nset -eu\ncd \"$(dirname \"$0\")\"\n", joinShell)
	fmt.Fprintf(&b, "to='../%s'\n", strings.ReplaceAll(l.Name, "'", `'\''`))
	b.WriteString(`for there in "$to" "$to` + MapSuffix + `"; do
  [ ! -e "$there" ] || { echo "$there is there already" >&2; exit 1; }
done
umask 077
trap 'rm -f ` + joining + `' EXIT
trap 'exit 1' HUP INT TERM
cat`)
	for i := range partCount(l.Size, l.PartSize) {
		b.WriteString(" " + partName(i))
	}
	fmt.Fprintf(&b, " >%s\n[ $(wc -c <%s) -eq %d ] || { echo Joining failed >&2; exit 1; }\n", joining, joining, l.Size)
	if l.SHA256 != "" {
		fmt.Fprintf(&b, "printf '%%s  %%s\\n' %s %s | sha256sum -c -\n", l.SHA256, joining)
	} else {
		b.WriteString("echo \"" + notProven + "\"\n")
	}
	fmt.Fprintf(&b, "[ ! -e \"$PWD%s\" ] || cp \"$PWD%s\" \"$to%s\"\nmv %s \"$to\"\n", MapSuffix, MapSuffix, MapSuffix, joining)
	return b.String()
}

// notProven is what the scripts say of a copy that has no SHA-256.
const notProven = "Not proven: there is no SHA-256 to compare with, only the size is right."

// cmdParts is how many parts one command line of Windows joins: it ends at 8191
// characters.
const cmdParts = 400

// cmd is the same for Windows. Its parts are named one by one: in a folder of FAT
// they may lie in any order. The name is plain, because the code page of a console is
// anybody's. Older forms of certutil print the digest with spaces in it, and WinPE
// has none: there only the size tells whether it worked, and the exit status is 2.
func (l *partsList) cmd() string {
	plain := strings.ReplaceAll(plainName(l.Name), "%", "%%")
	name, mapName := `"..\`+plain+`"`, `"..\`+plain+MapSuffix+`"`
	lines := []string{
		"@echo off", "rem Joins the parts in this folder.", `cd /d "%~dp0"`,
		"if exist " + name + " goto there", "if exist " + mapName + " goto there",
	}
	lines = append(lines, l.cmdCopies()...)
	lines = append(lines, fmt.Sprintf("for %%%%f in (%s) do if not \"%%%%~zf\"==\"%d\" goto failed", joining, l.Size))
	if l.SHA256 != "" {
		lines = append(lines,
			`set "sum="`,
			fmt.Sprintf(`for /f "skip=1 delims=" %%%%h in ('certutil -hashfile %s SHA256') do if not defined sum set "sum=%%%%h"`, joining),
			"if not defined sum goto proven",
			`if /i not "%sum: =%"=="`+l.SHA256+`" goto failed`,
			":proven")
	}
	lines = append(lines,
		fmt.Sprintf(`if exist "%%CD%%%s" copy /b "%%CD%%%s" %s >nul`, MapSuffix, MapSuffix, mapName),
		"move "+joining+" "+name+" >nul", "if errorlevel 1 goto failed")
	if l.SHA256 != "" {
		lines = append(lines, "if defined sum exit /b 0", "echo Not proven: there is no certutil. The SHA-256 must be "+l.SHA256, "exit /b 2")
	} else {
		lines = append(lines, "echo "+notProven, "exit /b 0")
	}
	lines = append(lines,
		":there", "echo "+name+" or its map is there already", "exit /b 1",
		":failed", "echo Joining failed: the parts are not whole", "if exist "+joining+" del "+joining, "exit /b 1", "")
	return strings.Join(lines, "\r\n")
}

// cmdCopies are the lines that join the parts, so many with each.
func (l *partsList) cmdCopies() []string {
	var lines []string
	count := partCount(l.Size, l.PartSize)
	for i := 0; i < count; i += cmdParts {
		var from []string
		if i > 0 {
			from = []string{joining}
		}
		for n := i; n < min(i+cmdParts, count); n++ {
			from = append(from, partName(n))
		}
		lines = append(lines, fmt.Sprintf("copy /b %s %s >nul", strings.Join(from, "+"), joining), "if errorlevel 1 goto failed")
	}
	return lines
}

// plainName is a name in ASCII.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '_'
		}
		return r
	}, name)
}

// readParts reads what a folder of parts says of itself.
func readParts(root *os.Root) (*partsList, error) {
	f, err := openRegular(root, partsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPartsOf))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", partsFile, err)
	}
	return parseParts(b)
}

func parseParts(b []byte) (*partsList, error) {
	l := new(partsList)
	if err := json.Unmarshal(b, l); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", partsFile, ErrParts, err)
	}
	switch {
	case l.Schema != PartsSchema:
		return nil, fmt.Errorf("%s: schema %q: %w", partsFile, l.Schema, errors.ErrUnsupported)
	case l.Size <= 0 || l.Size > maxJoined || l.PartSize <= 0 || (l.Size-1)/l.PartSize >= maxParts || !isOutputName(l.Name):
		return nil, fmt.Errorf("%s: %w: %d bytes of %q in parts of %d", partsFile, ErrParts, l.Size, l.Name, l.PartSize)
	}
	return l, nil
}

// check compares the sizes of the parts with what they should be.
func (l *partsList) check(root *os.Root) error {
	for i := range partCount(l.Size, l.PartSize) {
		info, err := root.Stat(partName(i))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrParts, err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s: %w", ErrParts, partName(i), errNotRegular)
		}
		if want := min(l.PartSize, l.Size-int64(i)*l.PartSize); info.Size() != want {
			return fmt.Errorf("%w: %s has %d bytes instead of %d", ErrParts, partName(i), info.Size(), want)
		}
	}
	return nil
}

// openParts opens a folder of parts as the one file they make.
func openParts(dir string) (*partsReader, *partsList, error) {
	root, err := openFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	l, err := readParts(root)
	if err == nil {
		err = l.check(root)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", dir, err), root.Close())
	}
	return &partsReader{root: root, owned: true, part: l.PartSize, size: l.Size}, l, nil
}

// Joined is what Join made. Without a digest in the list of the parts nothing but its
// size is proven, and both are empty.
type Joined struct {
	Path   string
	Size   int64
	SHA256 string
	CRC32C string // of a copy that was made without SHA-256
	Map    string // name of the mapfile, if the copy has one
}

// Join joins the parts in dir to a new file beside the folder, or called target, or in
// the folder target, if that is not empty, and proves that it is what was cut. The
// mapfile of the parts becomes that of the file. Like Extract it replaces nothing and
// leaves nothing behind after an error.
func Join(ctx context.Context, dir, target string, progress func(done, total int64)) (_ *Joined, err error) {
	dir = filepath.Clean(dir)
	parts, list, err := openParts(dir)
	if err != nil {
		return nil, err
	}
	defer parts.Close()
	mapText, _, err := readMap(dir + MapSuffix)
	if err != nil {
		return nil, err
	}
	target = list.target(dir, target)
	out, err := newOutput(filepath.Dir(target), 0, nil)
	if err != nil {
		return nil, targetError(err)
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	res, err := list.join(ctx, parts, out, progress)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", dir, targetError(err))
	}
	name, err := out.commit(filepath.Base(target), "", func(string) {})
	if err != nil {
		return nil, targetError(err)
	}
	res.Path = out.path(name)
	if mapText != nil {
		if res.Map, err = writeWhole(out.dir, name+MapSuffix, mapText, nil); err != nil {
			return nil, fmt.Errorf("mapfile: %w", err)
		}
	}
	return res, nil
}

// target is where the parts in dir are to be joined.
func (l *partsList) target(dir, wish string) string {
	if wish == "" {
		return filepath.Join(filepath.Dir(dir), l.Name)
	}
	if info, err := os.Stat(wish); err == nil && info.IsDir() {
		return filepath.Join(wish, l.Name)
	}
	return wish
}

// join writes the parts into out and proves what was read.
func (l *partsList) join(ctx context.Context, parts io.ReaderAt, out *output, progress func(done, total int64)) (*Joined, error) {
	name, want := digestSHA256, l.SHA256
	if want == "" {
		name, want = digestCRC, l.CRC32C
	}
	cp := &copier{src: parts, size: l.Size, sink: &plainSink{out: out.file}, digest: newDigest(name), progress: progress}
	if err := cp.run(ctx); err != nil {
		return nil, err
	}
	got := hex.EncodeToString(cp.digest.Sum(nil))
	if cp.bad.bytes > 0 {
		return nil, fmt.Errorf("%w: %d bytes of them cannot be read", ErrParts, cp.bad.bytes)
	}
	if want != "" && want != got {
		return nil, fmt.Errorf("%w: the digest is %s, not %s", ErrParts, got, want)
	}
	return &Joined{Size: l.Size, SHA256: l.SHA256, CRC32C: l.CRC32C}, out.flush()
}
