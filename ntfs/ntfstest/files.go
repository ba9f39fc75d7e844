package ntfstest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Compare fails the test where others see another tree than we do. What they cannot
// read, such as a file behind a reparse point they do not know, is not compared.
func Compare(tb testing.TB, ours, theirs fs.FS) {
	tb.Helper()
	seen, err := readAll(theirs)
	if err != nil {
		tb.Errorf("they: %v", err)
	}
	compare(tb, ours, seen)
}

func compare(tb testing.TB, ours fs.FS, theirs files) {
	tb.Helper()
	read, err := readAll(ours)
	if err != nil {
		tb.Errorf("we: %v", err)
	}
	for _, d := range read.differences(theirs) {
		tb.Error(d)
	}
}

// files says what each file of a tree is: its size and digest, or that it is a
// directory or nothing to be read, such as a link.
type files map[string]string

const (
	directory  = "directory"
	unreadable = "no plain file"
)

// readAll reads every file of a tree.
func readAll(fsys fs.FS) (files, error) {
	all := files{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case d.IsDir():
			all[name] = directory
		case !d.Type().IsRegular():
			all[name] = unreadable
		default:
			all[name], err = digest(fsys, name)
		}
		return err
	})
	return all, err
}

func digest(fsys fs.FS, name string) (string, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return fmt.Sprintf("%d bytes, %x", n, h.Sum(nil)), err
}

// String lists the files by name.
func (f files) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintf(&b, "%q: %s\n", name, f[name])
	}
	return b.String()
}

// differences says what others see differently.
func (f files) differences(others files) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		seen, found := others[name]
		switch {
		case !found:
			all = append(all, fmt.Sprintf("%q is not seen by others", name))
		case seen != f[name] && seen != unreadable:
			all = append(all, fmt.Sprintf("%q is %s for others, and %s for us", name, seen, f[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		if _, found := f[name]; !found {
			all = append(all, fmt.Sprintf("%q is seen by others only", name))
		}
	}
	return all
}
