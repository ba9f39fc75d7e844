package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name string // with slashes
	mode int64
	data []byte
}

// fileSet collects the files of an archive, and what went wrong on the way.
type fileSet struct {
	entries []entry
	err     error
}

func (s *fileSet) add(name string, mode int64, data []byte) {
	s.entries = append(s.entries, entry{name, mode, data})
}

// read adds a file of this machine.
func (s *fileSet) read(file, name string, mode int64) {
	data, err := os.ReadFile(file)
	s.err = errors.Join(s.err, err)
	s.add(name, mode, data)
}

// sorted are the files in the order of their names.
func (s *fileSet) sorted() ([]entry, error) {
	slices.SortFunc(s.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return s.entries, s.err
}

const (
	plainMode   = 0o644
	programMode = 0o755
)

// manualDir has the manual pages, which the program that is released makes itself.
const manualDir = "man1"

// writeManual has the program write its manual pages and completions.
func (r *release) writeManual(ctx context.Context) error {
	if _, err := output(ctx, r.work, r.host, "man", "-o", manualDir); err != nil {
		return err
	}
	for _, c := range completions {
		script, err := output(ctx, r.work, r.host, "completion", c.shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.work, c.file), []byte(script+"\n"), plainMode); err != nil {
			return err
		}
	}
	return nil
}

// completions are the scripts by the names under which the shells look for them, and the
// folders where a Debian package puts them; PowerShell has none.
var completions = []struct{ shell, file, installed string }{
	{"bash", "hangkit.bash", "usr/share/bash-completion/completions/hangkit"},
	{"zsh", "_hangkit", "usr/share/zsh/vendor-completions/_hangkit"},
	{"fish", "hangkit.fish", "usr/share/fish/vendor_completions.d/hangkit.fish"},
	{"powershell", "hangkit.ps1", ""},
}

// manualPages are the files that writeManual had written.
func (r *release) manualPages() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(r.work, manualDir, "*.1"))
	if err == nil && len(files) == 0 {
		err = errors.New("no manual pages")
	}
	return files, err
}

// contents are the files of an archive: what somebody needs who has nothing else.
func (r *release) contents(p platform) ([]entry, error) {
	var s fileSet
	s.read(filepath.Join(r.out, p.binary()), p.program(), programMode)
	s.read(filepath.Join(r.root, "README.md"), "README.md", plainMode)
	s.read(filepath.Join(r.root, "LICENSE"), "LICENSE", plainMode)
	s.read(filepath.Join(r.work, noticesFile), noticesFile, plainMode)
	for _, c := range completions {
		s.read(filepath.Join(r.work, c.file), path.Join("completions", c.file), plainMode)
	}
	for _, f := range winPEFiles {
		s.read(filepath.Join(r.root, "scripts", winPEDir, f.name), path.Join(winPEDir, f.name), f.mode)
	}
	pages, err := r.manualPages()
	for _, file := range pages {
		s.read(file, path.Join("man", manualDir, filepath.Base(file)), plainMode)
	}
	s.err = errors.Join(s.err, err)
	return s.sorted()
}

// winPEFiles make media of Windows PE. In their folder they find hangkit.exe above it.
var winPEFiles = []struct {
	name string
	mode int64
}{{"winpe", programMode}, {"winpe.ps1", plainMode}, {"startnet.cmd", plainMode}, {"winpeshl.ini", plainMode}}

// winPEDir has them, in archives and below scripts.
const winPEDir = "winpe"

// name is what is released for a platform, or of another kind, with the version.
func (r *release) name(what string) string { return "hangkit-" + r.version + "-" + what }

func (r *release) writeArchives(context.Context) error {
	for _, p := range r.platforms {
		entries, err := r.contents(p)
		if err != nil {
			return err
		}
		folder := r.name(p.String())
		for i := range entries {
			entries[i].name = path.Join(folder, entries[i].name)
		}
		data, ending, err := p.pack(entries, r.date)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.out, folder+ending), data, plainMode); err != nil {
			return err
		}
	}
	return nil
}

// pack makes the archive that people of a platform expect.
func (p platform) pack(entries []entry, date time.Time) (data []byte, ending string, err error) {
	if p.os == "windows" {
		data, err = packZip(entries, date)
		return data, ".zip", err
	}
	data, err = packTar(entries, "", date)
	return data, ".tar.gz", err
}

// tarball is a compressed archive of entries, owned by root, all of one date.
type tarball struct {
	*tar.Writer
	before  string // every name, "./" in a Debian package
	date    time.Time
	folders map[string]bool // that are in it
}

func packTar(entries []entry, before string, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tarball{tar.NewWriter(z), before, date, map[string]bool{".": true}}
	var err error
	for _, e := range entries {
		err = errors.Join(err, t.addFolders(path.Dir(e.name)), t.addFile(e))
	}
	err = errors.Join(err, t.Close(), z.Close())
	return b.Bytes(), err
}

// addFolders adds a folder and those above it, once each.
func (t *tarball) addFolders(dir string) error {
	if t.folders[dir] {
		return nil
	}
	t.folders[dir] = true
	if err := t.addFolders(path.Dir(dir)); err != nil {
		return err
	}
	return t.addHeader(tar.TypeDir, dir+"/", programMode, 0)
}

func (t *tarball) addFile(e entry) error {
	if err := t.addHeader(tar.TypeReg, e.name, e.mode, len(e.data)); err != nil {
		return err
	}
	_, err := t.Write(e.data)
	return err
}

func (t *tarball) addHeader(kind byte, name string, mode int64, size int) error {
	return t.WriteHeader(&tar.Header{
		Typeflag: kind, Name: t.before + name, Mode: mode, Size: int64(size), ModTime: t.date,
		Uname: "root", Gname: "root", Format: tar.FormatGNU,
	})
}

func packZip(entries []entry, date time.Time) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: date}
		header.SetMode(os.FileMode(e.mode))
		f, err := w.CreateHeader(header)
		if err == nil {
			_, err = io.Copy(f, bytes.NewReader(e.data))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
