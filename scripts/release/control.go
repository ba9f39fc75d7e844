package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"hangkit/image/live"
)

// control has the fields of a package's control file, by their names.
type control map[string]string

// errPackage says that a file is no Debian package.
var errPackage = errors.New("no Debian package")

func controlOf(ctx context.Context, store *live.Store, lock *live.Lock, pkg live.Package) (control, error) {
	f, err := store.Open(ctx, lock, pkg)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readControl(bufio.NewReader(f))
}

// readControl reads the second member of a package, control.tar with its compression's
// name behind (deb(5)).
func readControl(r io.Reader) (control, error) {
	header := make([]byte, len(arMagic)+arHeader+len("2.0\n")+arHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	second := header[len(header)-arHeader:]
	size, err := strconv.ParseInt(strings.TrimSpace(string(second[48:58])), 10, 64)
	if err != nil || string(header[:len(arMagic)]) != arMagic {
		return nil, errPackage
	}
	name := strings.TrimRight(string(second[:16]), " /")
	plain, err := unpacked(path.Ext(name), io.LimitReader(r, size))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for files := tar.NewReader(plain); ; {
		h, err := files.Next()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if path.Clean(h.Name) == "control" {
			return parseControl(files)
		}
	}
}

func unpacked(ext string, r io.Reader) (io.Reader, error) {
	switch ext {
	case ".xz":
		return xz.NewReader(r)
	case ".zst":
		return zstd.NewReader(r)
	case ".gz":
		return gzip.NewReader(r)
	}
	return nil, errPackage
}

// parseControl reads fields; a line that begins with a space goes on with the last one.
func parseControl(r io.Reader) (control, error) {
	c, last := control{}, ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
			last = name
			c[name] = strings.TrimSpace(value)
		} else {
			c[last] += line
		}
	}
	return c, lines.Err()
}

// sourceItem is an item of Built-Using: linux (= 6.12.107-1).
var sourceItem = regexp.MustCompile(`^(\S+) \(=? ?(\S+)\)$`)

// sources are the source packages of a package, with their versions: its own, which is
// named only where it differs, and those whose parts are in it (Debian policy, 7.8).
func (c control) sources() []string {
	own := c["Source"]
	if own == "" {
		own = c["Package"]
	}
	if !strings.Contains(own, " ") {
		own += " (" + c["Version"] + ")"
	}
	var list []string
	for item := range strings.SplitSeq(own+","+c["Built-Using"], ",") {
		if m := sourceItem.FindStringSubmatch(strings.TrimSpace(item)); m != nil {
			list = append(list, m[1]+" "+m[2])
		}
	}
	return list
}
