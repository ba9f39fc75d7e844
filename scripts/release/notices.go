package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// library is a module whose code is in a binary.
type library struct {
	path, version string
	licence       string              // SPDX expression
	texts         map[string]string   // its licence files, by their names in the module
	platforms     map[string]struct{} // whose binaries have it
}

// noticesFile holds the licences of the libraries: most ask to go along with the binary.
const noticesFile = "THIRD-PARTY-NOTICES.txt"

// goLibrary stands for the standard library and the runtime.
const goLibrary = "stdlib"

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// errLicence says that a licence is none of those that were read and found to suit.
var errLicence = errors.New("unknown licence: read it, and say whether it suits")

func (r *release) writeNotices(ctx context.Context) error {
	libraries := map[string]*library{}
	for _, p := range r.platforms {
		if err := r.addLibraries(ctx, p, libraries); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(libraries)) {
		l := libraries[path]
		if err := l.classify(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		r.libraries = append(r.libraries, *l)
	}
	var b strings.Builder
	b.WriteString("hangkit is under the Apache License 2.0. Its binaries contain parts of the following,\neach under its own licence.\n")
	for _, l := range r.libraries {
		l.write(&b)
	}
	return os.WriteFile(filepath.Join(r.work, noticesFile), []byte(b.String()), 0o644)
}

func (l library) write(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n%s %s\n%s\n", strings.Repeat("=", 80), l.path, l.version, l.licence)
	for _, name := range slices.Sorted(maps.Keys(l.texts)) {
		fmt.Fprintf(w, "\n--- %s\n\n%s\n", name, strings.TrimRight(l.texts[name], "\n"))
	}
}

// goPackage is what go list says of a package.
type goPackage struct {
	Dir      string
	Standard bool
	Root     string // of the standard library
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// addLibraries adds the modules whose packages are linked for a platform.
func (r *release) addLibraries(ctx context.Context, p platform, libraries map[string]*library) error {
	text, err := outputOf(r.goTool(ctx, p, "list", "-deps", "-json=Dir,Standard,Root,Module", "."))
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(strings.NewReader(text)); ; {
		var pkg goPackage
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		path, version, dir, root := goLibrary, r.toolchain, pkg.Root, pkg.Root
		if !pkg.Standard {
			if pkg.Module.Main {
				continue
			}
			path, version, dir, root = pkg.Module.Path, pkg.Module.Version, pkg.Dir, pkg.Module.Dir
		}
		l := libraries[path]
		if l == nil {
			l = &library{path: path, version: version, texts: map[string]string{}, platforms: map[string]struct{}{}}
			libraries[path] = l
		}
		l.platforms[p.String()] = struct{}{}
		if err := l.addTexts(dir, root); err != nil {
			return err
		}
	}
}

// addTexts adds the licence files of a folder and of those above it in the module: a part
// that came from elsewhere has its own beside it.
func (l *library) addTexts(dir, root string) error {
	for ; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			name := filepath.Join(dir, e.Name())
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			l.texts[filepath.ToSlash(rel)] = string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		}
		if dir == root || len(dir) < len(root) {
			return nil
		}
	}
}

// licences are those of the libraries, each by a sentence that no other one has.
var licences = []struct{ id, sentence string }{
	{"Apache-2.0", "Apache License Version 2.0, January 2004"},
	{"Apache-2.0", "Licensed under the Apache License, Version 2.0"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
	{"BSD-3-Clause", "be used to endorse or promote products"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose"},
	{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
}

func licencesIn(text string) []string {
	text = strings.Join(strings.Fields(text), " ")
	var ids []string
	for _, l := range licences {
		if strings.Contains(text, l.sentence) {
			ids = append(ids, l.id)
		}
	}
	if slices.Contains(ids, "BSD-3-Clause") { // which begins like the one of two clauses
		ids = slices.DeleteFunc(ids, func(id string) bool { return id == "BSD-2-Clause" })
	}
	return ids
}

func (l *library) classify() error {
	var ids []string
	for name, text := range l.texts {
		found := licencesIn(text)
		if len(found) == 0 && strings.HasPrefix(strings.ToUpper(filepath.Base(name)), "LICEN") { // not a notice or a grant of patents
			return fmt.Errorf("%s: %w", name, errLicence)
		}
		ids = append(ids, found...)
	}
	if len(ids) == 0 {
		return errLicence
	}
	slices.Sort(ids)
	l.licence = strings.Join(slices.Compact(ids), " AND ")
	return nil
}
