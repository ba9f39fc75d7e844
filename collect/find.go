package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Find looks in every place a dump can be and returns what it found, the
// candidates worth taking first. A file or folder that cannot be read becomes
// a candidate with Problems and hides nothing else; only a cancelled ctx is an
// error, and what was found until then is returned with it.
func Find(ctx context.Context, places []Place) ([]*Candidate, error) {
	f := &finder{ctx: ctx, seen: map[string]bool{}}
	for i := range places {
		f.place(&places[i])
	}
	for i := range places {
		if places[i].SystemRoot != "" {
			f.former(&places[i]) // behind all that know more of their own dumps
		}
	}
	rank(f.found)
	noteLaterBoots(f.found)
	if err := ctx.Err(); err != nil {
		return f.found, fmt.Errorf("looking for dumps: %w", err)
	}
	return f.found, nil
}

type finder struct {
	ctx   context.Context
	seen  map[string]bool // label and folded path
	found []*Candidate
}

func (f *finder) place(p *Place) {
	if _, ok := p.Volume.(rawVolume); ok {
		f.partition(p)
		return
	}
	f.settings(p)
	f.root(p)
	if p.SystemRoot != "" {
		f.windows(p, p.SystemRoot)
	}
}

// named examines a file that a setting names, if there is a setting.
func (f *finder) named(p *Place, name string, s Source) {
	if name != "" {
		f.file(p, name, s)
	}
}

// glob takes the files of one folder whose names match.
func (f *finder) glob(p *Place, dir string, match func(string) bool, s Source) {
	for _, e := range f.readDir(p, dir, s) {
		if match(e.Name()) && !e.IsDir() {
			f.file(p, path.Join(dir, e.Name()), s)
		}
	}
}

// tree takes the files below a folder whose names match.
func (f *finder) tree(p *Place, d dumpFolder, match func(string) bool, s Source) {
	for _, e := range f.readDir(p, d.dir, s) {
		name := path.Join(d.dir, e.Name())
		switch {
		case e.IsDir() && d.depth > 1:
			f.tree(p, dumpFolder{name, d.depth - 1}, match, s)
		case match(e.Name()) && !e.IsDir():
			f.file(p, name, s)
		}
	}
}

// readDir lists a folder, which need not exist. One that cannot be listed
// whole is a candidate of its own: dumps may hide in it.
func (f *finder) readDir(p *Place, dir string, s Source) []fs.DirEntry {
	if f.ctx.Err() != nil {
		return nil
	}
	dir = resolve(p.Volume, dir)
	entries, err := p.Volume.ReadDir(dir)
	if err != nil && !absent(err) && f.first(p, dir) {
		f.found = append(f.found, &Candidate{
			Place: p, Path: dir, Source: s, State: StateUnreadable,
			Why:      "the folder cannot be listed",
			Problems: []error{fmt.Errorf("list %s: %w", dir, err)},
		})
	}
	return entries
}

// file examines one file, which need not exist, unless it was met before.
func (f *finder) file(p *Place, name string, s Source) {
	if f.ctx.Err() != nil || !fs.ValidPath(name) || slices.Contains(neverDumps, strings.ToLower(path.Base(name))) {
		return
	}
	name = resolve(p.Volume, name)
	info, err := p.Volume.Stat(name)
	if err != nil && absent(err) || !f.first(p, name) {
		return
	}
	c := &Candidate{Place: p, Path: name, Source: s}
	switch {
	case err != nil:
		c.unreadable(err)
	case info.Mode()&fs.ModeSymlink != 0:
		c.link()
	default:
		c.Modified = info.ModTime()
		c.examine()
	}
	f.found = append(f.found, c)
}

// link says where a link leads. It is not followed: that can be anywhere.
func (c *Candidate) link() {
	c.State, c.Why = StateNotDump, "it is a link, which is not followed"
	if v, ok := c.Place.Volume.(fs.ReadLinkFS); ok {
		if to, err := v.ReadLink(c.Path); err == nil {
			c.Why = fmt.Sprintf("it is a link to %s, which is not followed", to)
		}
	}
}

func (f *finder) first(p *Place, name string) bool {
	key := p.Label + "\x00" + strings.ToLower(name)
	if p.Label == "" {
		key = fmt.Sprintf("%p%s", p, key)
	}
	if f.seen[key] {
		return false
	}
	f.seen[key] = true
	return true
}

// absent reports whether a name is not there. A part of the path being a file
// says the same.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// resolve finds the spelling of name in a volume that distinguishes case (a
// Windows volume mounted elsewhere), because the registry does not.
func resolve(v Volume, name string) string {
	if _, err := v.Stat(name); err == nil || !fs.ValidPath(name) {
		return name
	}
	at := "."
	for part := range strings.SplitSeq(name, "/") {
		next := path.Join(at, part)
		if _, err := v.Stat(next); err != nil {
			entries, _ := v.ReadDir(at)
			i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), part) })
			if i < 0 {
				return name
			}
			next = path.Join(at, entries[i].Name())
		}
		at = next
	}
	return at
}
