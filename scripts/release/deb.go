package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// writeDebs makes a package of each binary for Linux.
func (r *release) writeDebs(context.Context) error {
	for _, p := range r.platforms {
		if p.os != "linux" {
			continue
		}
		files, err := r.installed(p)
		if err != nil {
			return err
		}
		deb, err := r.packDeb(p, files)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("hangkit_%s_%s.deb", r.debVersion(), p.arch) // as every tool of Debian names them
		if err := os.WriteFile(filepath.Join(r.out, name), deb, plainMode); err != nil {
			return err
		}
	}
	return nil
}

// debVersion is the version as Debian orders them: 1.0.0-rc1 comes before 1.0.0.
func (r *release) debVersion() string { return strings.ReplaceAll(r.version, "-", "~") }

// docDir is the package's folder of documents (Debian policy, 12).
const docDir = "usr/share/doc/hangkit"

// installed are the files that a package installs.
func (r *release) installed(p platform) ([]entry, error) {
	var s fileSet
	s.read(filepath.Join(r.out, p.binary()), "usr/bin/hangkit", programMode)
	s.pack(filepath.Join(r.work, noticesFile), docDir)
	s.pack(filepath.Join(r.root, "README.md"), docDir)
	s.add(path.Join(docDir, "copyright"), plainMode, []byte(debCopyright))
	s.gzip(path.Join(docDir, "changelog.gz"), r.changelog())
	s.add("usr/share/lintian/overrides/hangkit", plainMode, []byte(debOverrides))
	for _, c := range completions {
		if c.installed != "" {
			s.read(filepath.Join(r.work, c.file), c.installed, plainMode)
		}
	}
	pages, err := r.manualPages()
	for _, file := range pages {
		s.pack(file, path.Join("usr/share/man", manualDir))
	}
	s.err = errors.Join(s.err, err)
	return s.sorted()
}

// pack adds a file of this machine as Debian wants documents: compressed.
func (s *fileSet) pack(file, dir string) {
	data, err := os.ReadFile(file)
	s.err = errors.Join(s.err, err)
	s.gzip(path.Join(dir, filepath.Base(file)+".gz"), data)
}

// gzip adds compressed data, without a name or a time in it.
func (s *fileSet) gzip(name string, data []byte) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(data)
		err = errors.Join(err, z.Close())
	}
	s.err = errors.Join(s.err, err)
	s.add(name, plainMode, b.Bytes())
}

// control is what dpkg is to know (Debian policy, 5).
func (r *release) control(p platform, files []entry) []byte {
	size := 0
	for _, e := range files {
		size += len(e.data)
	}
	return fmt.Appendf(nil, `Package: hangkit
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Section: admin
Priority: optional
Description: get a memory dump out of a Windows machine that hangs
 Opens the disk or disk image of a Windows machine that hangs, says whether
 the next hang will leave a memory dump and why not, sets that right for the
 next boot, tells how to crash that machine on purpose, and gets the dump out.
 It makes a live medium that does the same on the machine itself.
`, r.debVersion(), p.arch, r.maintainer, (size+1023)/1024)
}

func (r *release) changelog() []byte {
	return fmt.Appendf(nil, `hangkit (%[1]s) unstable; urgency=medium

  * Release %[1]s.

 -- %[2]s  %[3]s
`, r.debVersion(), r.maintainer, r.date.Format(time.RFC1123Z))
}

const debCopyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: hangkit
Comment: The licences of the libraries in the binary are in ` + noticesFile + `.gz.

Files: *
Copyright: 2026 The hangkit authors
License: Apache-2.0
 On Debian systems, the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
`

// debOverrides answers what lintian holds against every Go binary.
const debOverrides = `# One file that runs from any stick: it needs no library.
hangkit: statically-linked-binary [usr/bin/hangkit]
`

// packDeb is a package: an ar archive of the format's version, what dpkg is to know, and
// the files (deb(5)).
func (r *release) packDeb(p platform, files []entry) ([]byte, error) {
	var sums strings.Builder
	for _, e := range files {
		fmt.Fprintf(&sums, "%x  %s\n", md5.Sum(e.data), e.name)
	}
	control, controlErr := packTar([]entry{
		{"control", plainMode, r.control(p, files)}, {"md5sums", plainMode, []byte(sums.String())},
	}, "./", r.date)
	data, dataErr := packTar(files, "./", r.date)
	return packAr([]entry{
		{"debian-binary", plainMode, []byte("2.0\n")}, {"control.tar.gz", plainMode, control}, {"data.tar.gz", plainMode, data},
	}, r.date), errors.Join(controlErr, dataErr)
}

// An archive of ar(5) begins with these letters; the header of a file has a fixed length.
const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

// packAr is an archive in the common format of ar(5): every file begins at an even offset.
func packAr(entries []entry, date time.Time) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for _, e := range entries {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", e.name, date.Unix(), 0, 0, fmt.Sprintf("100%o", e.mode), len(e.data))
		b.Write(e.data)
		if b.Len()%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
