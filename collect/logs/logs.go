// Package logs finds what on a disk tells about a crash without being a dump: event
// logs, the logs of boot, setup, updates and repair, and error reports.
//
//	table.go  which files, of which kind, and why
//	logs.go   Find: looks for them, within limits
//
// Nothing is opened here but folders: sizes are known before anything is copied.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"hangkit/collect"
)

// File is a file worth taking.
type File struct {
	Place    *collect.Place
	Path     string // slash path inside the volume
	Kind     Kind
	Why      string // what it tells
	Size     int64
	Modified time.Time
}

// Left is a file that is not taken, or a folder that could not be looked into.
type Left struct {
	Place *collect.Place
	Path  string
	Size  int64
	Err   error
}

// Reasons to leave a file.
var (
	ErrTooLarge = errors.New("it is larger than a log is taken here")
	ErrTooMany  = errors.New("there are too many logs")
	ErrLink     = errors.New("it is a link, which is not followed")
)

// Limits bound what is taken.
type Limits struct {
	File  int64 // bytes of one file
	Total int64 // bytes of all
	Files int   // how many
	// Folders bounds how many folders are looked into, Entries how many entries they
	// have together.
	Folders, Entries int
}

// DefaultLimits take everything of an ordinary machine, whose WinSxS alone may have
// 100,000 entries.
var DefaultLimits = Limits{File: 256 << 20, Total: 1 << 30, Files: 4000, Folders: 20_000, Entries: 500_000}

// maxLeft bounds the list of what is left.
const maxLeft = 200

// Listing is what there is to take.
type Listing struct {
	Files []File
	Left  []Left
	// MoreLeft counts what is left beside the first of them in Left.
	MoreLeft int
}

// Size is the size of all files.
func (l *Listing) Size() (size int64) {
	for _, f := range l.Files {
		size += f.Size
	}
	return size
}

// Find looks for the logs of all places. A file or folder that cannot be read is named
// in Left and hides nothing else; only a cancelled ctx is an error.
func Find(ctx context.Context, places []collect.Place, limits Limits) (*Listing, error) {
	f := &finder{ctx: ctx, limits: limits, listing: &Listing{}, seen: map[string]bool{}, listed: map[string][]fs.DirEntry{}}
	for _, r := range rules {
		for i := range places {
			f.rule(&places[i], r)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("looking for logs: %w", err)
	}
	return f.listing, nil
}

type finder struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one search
	limits  Limits
	listing *Listing
	seen    map[string]bool // label and path in lower case
	folders int
	size    int64

	listed  map[string][]fs.DirEntry // folders that were looked into: many rules name one
	entries int                      // in listed

	found []File // by the rule under way
}

// rule takes the files of one rule in one place, the newest first.
func (f *finder) rule(p *collect.Place, r rule) {
	pattern := r.pattern
	if below, ok := strings.CutPrefix(pattern, "{Windows}/"); ok {
		if p.SystemRoot == "" {
			return
		}
		f.search(p, r, p.SystemRoot, strings.Split(below, "/"), 0)
	} else {
		f.search(p, r, ".", strings.Split(pattern, "/"), 0)
	}
	slices.SortStableFunc(f.found, func(a, b File) int { return b.Modified.Compare(a.Modified) })
	for _, file := range f.found {
		f.take(file)
	}
	f.found = nil
}

// take lists a file, or says why it is left.
func (f *finder) take(file File) {
	switch {
	case file.Size > f.limits.File:
		f.leave(file.Place, file.Path, file.Size, ErrTooLarge)
	case len(f.listing.Files) >= f.limits.Files || file.Size > f.limits.Total-f.size:
		f.leave(file.Place, file.Path, file.Size, ErrTooMany)
	default:
		f.size += file.Size
		f.listing.Files = append(f.listing.Files, file)
	}
}

func (f *finder) leave(p *collect.Place, name string, size int64, why error) {
	if len(f.listing.Left) == maxLeft {
		f.listing.MoreLeft++
		return
	}
	f.listing.Left = append(f.listing.Left, Left{p, name, size, why})
}

// search finds the files below dir that match the elements of a pattern. Volumes match
// names in any case, as Windows does; patterns do here.
func (f *finder) search(p *collect.Place, r rule, dir string, elements []string, depth int) {
	for len(elements) > 1 && !strings.ContainsAny(elements[0], "*?[") {
		dir, elements = path.Join(dir, elements[0]), elements[1:]
	}
	if len(elements) == 1 && !strings.ContainsAny(elements[0], "*?[") {
		f.file(p, r, path.Join(dir, elements[0]))
		return
	}
	for _, e := range f.readDir(p, dir) {
		f.entry(p, r, dir, elements, e, depth)
	}
}

// maxDepth is how deep ** goes.
const maxDepth = 8

// entry goes on with one entry of a folder.
func (f *finder) entry(p *collect.Place, r rule, dir string, elements []string, e fs.DirEntry, depth int) {
	name := path.Join(dir, e.Name())
	switch {
	case elements[0] == "**":
		if e.IsDir() && depth < maxDepth {
			f.search(p, r, name, elements, depth+1)
		}
		f.entry(p, r, dir, elements[1:], e, depth)
	case !matches(elements[0], e.Name()):
	case len(elements) == 1:
		f.matched(p, r, name, e)
	case e.IsDir():
		f.search(p, r, name, elements[1:], depth)
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(name))
	return ok && err == nil
}

// foundPerTaken is how many files are found, for each that may be taken, before the
// rest is only counted: enough to have newer and older ones to choose from.
const foundPerTaken = 4

// matched takes an entry that the whole pattern fits.
func (f *finder) matched(p *collect.Place, r rule, name string, e fs.DirEntry) {
	if e.IsDir() || f.seen[nameKey(p, name)] {
		return
	}
	if len(f.seen) >= foundPerTaken*f.limits.Files {
		f.leave(p, name, 0, ErrTooMany)
		return
	}
	info, err := e.Info()
	f.add(p, r, name, info, err)
}

// file takes the file of this name, if there is one.
func (f *finder) file(p *collect.Place, r rule, name string) {
	if f.ctx.Err() != nil {
		return
	}
	info, err := p.Volume.Stat(name)
	if absent(err) || err == nil && info.IsDir() {
		return
	}
	f.add(p, r, name, info, err)
}

func (f *finder) add(p *collect.Place, r rule, name string, info fs.FileInfo, err error) {
	if !f.first(p, name) {
		return
	}
	switch {
	case err != nil:
		f.leave(p, name, 0, fmt.Errorf("%s: %w", name, err))
	case !info.Mode().IsRegular():
		f.leave(p, name, 0, ErrLink)
	default:
		f.found = append(f.found, File{p, name, r.kind, r.why, info.Size(), info.ModTime()})
	}
}

// readDir lists a folder, which need not exist, once for all rules.
func (f *finder) readDir(p *collect.Place, dir string) []fs.DirEntry {
	if f.ctx.Err() != nil {
		return nil
	}
	key := nameKey(p, dir)
	entries, ok := f.listed[key]
	if !ok {
		entries = f.list(p, dir)
		f.listed[key] = entries
		f.entries += len(entries)
	}
	return entries
}

func (f *finder) list(p *collect.Place, dir string) []fs.DirEntry {
	room := f.limits.Entries - f.entries
	if f.folders++; f.folders > f.limits.Folders || room == 0 {
		f.leave(p, dir, 0, ErrTooMany)
		return nil
	}
	entries, err := p.Volume.ReadDir(dir)
	if err != nil && !absent(err) {
		f.leave(p, dir, 0, fmt.Errorf("list %s: %w", dir, err))
	}
	if len(entries) > room {
		f.leave(p, dir, 0, ErrTooMany)
		entries = slices.Clone(entries[:room]) // the rest is not held
	}
	return entries
}

// first tells whether a name was not met before: two rules may fit one file.
func (f *finder) first(p *collect.Place, name string) bool {
	key := nameKey(p, name)
	if f.seen[key] {
		return false
	}
	f.seen[key] = true
	return true
}

// nameKey is the same for all spellings of a name of one volume.
func nameKey(p *collect.Place, name string) string {
	key := p.Label + "\x00" + strings.ToLower(name)
	if p.Label == "" {
		key = fmt.Sprintf("%p%s", p, key)
	}
	return key
}

// absent reports whether a name is not there. A part of the path being a file says the
// same.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
