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

// partsList is what the parts of a folder make together.
type partsList struct {
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	PartSize int64  `json:"part_size"`
	SHA256   string `json:"sha256,omitempty"`
}

func partCount(size, part int64) int { return int(max(size+part-1, 1) / part) }

// describeParts writes beside the parts what they are, and how to join them where
// there is no hangkit.
func (o *output) describeParts(name string, res *Result, sum []byte, id copyID) error {
	list := partsList{Schema: PartsSchema, Name: name, Size: res.FileSize, PartSize: id.PartSize}
	if id.Digest == digestSHA256 {
		list.SHA256 = hex.EncodeToString(sum)
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

// shell is a script for Unix that joins the parts and proves the result. It needs
// no right to be executed: FAT knows none.
func (l *partsList) shell() string {
	name := "'../" + strings.ReplaceAll(l.Name, "'", `'\''`) + "'"
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\n# Joins the parts in this folder: sh %s\nset -eu\ncd \"$(dirname \"$0\")\"\n", joinShell)
	fmt.Fprintf(&b, "[ ! -e %s ] || { echo %s is there already >&2; exit 1; }\numask 077\ncat", name, name)
	for i := range partCount(l.Size, l.PartSize) {
		b.WriteString(" " + partName(i))
	}
	fmt.Fprintf(&b, " >%s\n", name)
	if l.SHA256 != "" {
		fmt.Fprintf(&b, "printf '%%s  %%s\\n' %s %s | sha256sum -c -\n", l.SHA256, name)
	}
	return b.String()
}

// cmdParts is how many parts one command line of Windows joins: it ends at 8191
// characters.
const cmdParts = 400

// cmd is the same for Windows. Its parts are named one by one: in a folder of FAT
// they may lie in any order. The size tells whether it worked, and the name is
// plain, because the code page of a console is anybody's.
func (l *partsList) cmd() string {
	name := `"..\` + strings.ReplaceAll(plainName(l.Name), "%", "%%") + `"`
	lines := []string{"@echo off", "rem Joins the parts in this folder.", `cd /d "%~dp0"`, "if exist " + name + " goto there"}
	count := partCount(l.Size, l.PartSize)
	for i := 0; i < count; i += cmdParts {
		var from []string
		if i > 0 {
			from = []string{name}
		}
		for n := i; n < min(i+cmdParts, count); n++ {
			from = append(from, partName(n))
		}
		lines = append(lines, fmt.Sprintf("copy /b %s %s >nul", strings.Join(from, "+"), name))
	}
	lines = append(lines, fmt.Sprintf("for %%%%f in (%s) do if not \"%%%%~zf\"==\"%d\" goto failed", name, l.Size))
	if l.SHA256 != "" {
		lines = append(lines, "certutil -hashfile "+name+" SHA256", "echo The digest must be "+l.SHA256)
	}
	lines = append(lines, "exit /b 0",
		":there", "echo "+name+" is there already", "exit /b 1",
		":failed", "echo Joining failed", "exit /b 1", "")
	return strings.Join(lines, "\r\n")
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
	f, err := root.Open(partsFile)
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
	case l.Size <= 0 || l.PartSize <= 0 || (l.Size-1)/l.PartSize >= maxParts || SafeName(l.Name) != l.Name:
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
		if want := min(l.PartSize, l.Size-int64(i)*l.PartSize); info.Size() != want {
			return fmt.Errorf("%w: %s has %d bytes instead of %d", ErrParts, partName(i), info.Size(), want)
		}
	}
	return nil
}

// openParts opens a folder of parts as the one file they make.
func openParts(dir string) (*partsReader, *partsList, error) {
	root, err := os.OpenRoot(dir)
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

// Join joins the parts in dir to a new file beside the folder, or called target if
// that is not empty, and proves that it is what was cut. Like Extract it replaces
// nothing and leaves nothing behind after an error.
func Join(ctx context.Context, dir, target string, progress func(done, total int64)) (_ *Result, err error) {
	parts, list, err := openParts(dir)
	if err != nil {
		return nil, err
	}
	defer parts.Close()
	if target == "" {
		target = filepath.Join(filepath.Dir(filepath.Clean(dir)), list.Name)
	}
	out, err := newOutput(filepath.Dir(target), 0, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	cp := &copier{src: parts, size: list.Size, sink: &plainSink{out: out.file}, digest: newDigest(digestSHA256), progress: progress}
	if err := cp.run(ctx); err != nil {
		return nil, fmt.Errorf("join %s: %w", dir, targetError(err))
	}
	res := &Result{Size: list.Size, FileSize: list.Size, SHA256: hex.EncodeToString(cp.digest.Sum(nil)), Holes: cp.sink.(*plainSink).holes}
	if cp.bad.bytes > 0 || list.SHA256 != "" && list.SHA256 != res.SHA256 {
		return nil, fmt.Errorf("join %s: %w: the digest is %s, not %s", dir, ErrParts, res.SHA256, list.SHA256)
	}
	if err := out.flush(); err != nil {
		return nil, targetError(err)
	}
	if res.Name, err = out.commit(filepath.Base(target), "", func(string) {}); err != nil {
		return nil, targetError(err)
	}
	res.Path = out.path(res.Name)
	return res, nil
}
