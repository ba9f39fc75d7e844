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

	"hangkit/collect/dumpfile"
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
	rank(f.found)
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

// The names Windows uses where no setting says otherwise.
const (
	defaultDumpFile    = "MEMORY.DMP"
	defaultMinidumpDir = "Minidump"
	defaultPageFile    = "pagefile.sys"
	liveReportsDir     = "LiveKernelReports"
	taskManagerDumps   = "AppData/Local/Microsoft/Windows/TaskManager/LiveKernelDumps"
)

func (f *finder) place(p *Place) {
	if p.DumpFile != "" {
		f.file(p, p.DumpFile, SourceDumpFile)
	}
	f.glob(p, ".", isDumpTemp, SourceTemp)
	if p.SystemRoot != "" {
		f.file(p, path.Join(p.SystemRoot, defaultDumpFile), SourceDumpFile)
		f.glob(p, p.SystemRoot, isDumpTemp, SourceTemp)
		f.glob(p, path.Join(p.SystemRoot, defaultMinidumpDir), isDmp, SourceMinidump)
		f.tree(p, path.Join(p.SystemRoot, liveReportsDir), liveDepth)
		f.userLiveDumps(p)
	}
	if p.MinidumpDir != "" {
		f.glob(p, p.MinidumpDir, isDmp, SourceMinidump)
	}
	if p.DedicatedDump != "" {
		f.file(p, p.DedicatedDump, SourceDedicated)
	}
	for _, name := range p.PageFiles {
		f.file(p, name, SourcePageFile)
	}
	// Whatever the settings say, or where they cannot be read: a look costs
	// nothing and a dump may be there.
	f.file(p, defaultPageFile, SourcePageFile)
}

// isDumpTemp matches DUMP*.tmp, into which the session manager renames a
// page file, and DUMP*.DMP, which the kernel's hardware error code writes.
func isDumpTemp(name string) bool {
	if len(name) != len("DUMP0000.tmp") || !strings.EqualFold(name[:4], "DUMP") {
		return false
	}
	ext := path.Ext(name)
	return strings.EqualFold(ext, ".tmp") || strings.EqualFold(ext, ".dmp")
}

func isDmp(name string) bool { return strings.EqualFold(path.Ext(name), ".dmp") }

// glob takes the files of one folder whose names match.
func (f *finder) glob(p *Place, dir string, match func(string) bool, s Source) {
	for _, e := range f.readDir(p, dir, s) {
		if match(e.Name()) && !e.IsDir() {
			f.file(p, path.Join(dir, e.Name()), s)
		}
	}
}

// liveDepth is how deep LiveKernelReports nests: one folder per component.
const liveDepth = 3

// tree takes every dump below a folder.
func (f *finder) tree(p *Place, dir string, depth int) {
	for _, e := range f.readDir(p, dir, SourceLive) {
		name := path.Join(dir, e.Name())
		switch {
		case e.IsDir() && depth > 1:
			f.tree(p, name, depth-1)
		case isDmp(name) && !e.IsDir():
			f.file(p, name, SourceLive)
		}
	}
}

// userLiveDumps takes the live dumps that Task Manager made for users.
func (f *finder) userLiveDumps(p *Place) {
	const users = "Users"
	for _, e := range f.readDir(p, users, SourceLive) {
		if e.IsDir() {
			f.glob(p, path.Join(users, e.Name(), taskManagerDumps), isDmp, SourceLive)
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
	if f.ctx.Err() != nil || !fs.ValidPath(name) {
		return
	}
	name = resolve(p.Volume, name)
	info, err := p.Volume.Stat(name)
	if err != nil && absent(err) || !f.first(p, name) {
		return
	}
	c := &Candidate{Place: p, Path: name, Source: s}
	if err != nil {
		c.unreadable(err)
	} else {
		c.Modified = info.ModTime()
		c.examine()
	}
	f.found = append(f.found, c)
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

// examine opens the candidate and finds out what it is.
func (c *Candidate) examine() {
	src, err := c.openBest()
	if err != nil {
		c.unreadable(err)
		return
	}
	defer src.Close()
	c.FileSize = src.size
	kind, err := dumpfile.Identify(src, src.size)
	if err != nil {
		c.unreadable(err)
		return
	}
	c.classify(src, kind)
	if c.Header != nil {
		c.Stale = c.staleness()
	}
}

// openBest opens a page file raw, and any other file as the file system shows
// it unless its clusters hold more.
func (c *Candidate) openBest() (*source, error) {
	if c.Source.raw() {
		c.raw = true
		return c.open()
	}
	file, err := c.open()
	if err != nil {
		return nil, err
	}
	raw, err := openRaw(c.Place.Volume, c.Path)
	if err != nil || !preferRaw(file, raw) {
		return file, nil //nolint:nilerr // a file without clusters of its own is read as a file
	}
	c.raw = true
	c.problem(errors.New("the file system takes part of this file for unwritten; read from its clusters"))
	return &source{raw, file, file.size}, nil
}

func (c *Candidate) unreadable(err error) {
	c.State, c.Why = StateUnreadable, "it cannot be read"
	c.problem(fmt.Errorf("open %s: %w", c.Path, err))
}

// classify gives the candidate its state.
func (c *Candidate) classify(src *source, kind dumpfile.Kind) {
	switch kind {
	case dumpfile.KindKernel64, dumpfile.KindKernel32:
		c.kernelDump(src)
	case dumpfile.KindWiped64, dumpfile.KindWiped32:
		c.Layout = dumpfile.LayoutWiped(src, src.size, kind)
		c.measure()
		c.State, c.Why = StateHeaderWiped, "a later boot zeroed the first page of this dump; what follows is still there"
	case dumpfile.KindUser:
		c.takeFile(StateUserDump, "a dump of a program, not of the kernel")
	case dumpfile.KindFirmware, dumpfile.KindFirmwareEncrypted:
		c.takeFile(StateFirmware, "a dump written by the firmware")
	case dumpfile.KindEmpty:
		c.State, c.Why = StateEmpty, "it begins with zeros: no dump was written"
	default:
		c.State, c.Why = StateNotDump, "it does not begin with a dump header"
		if c.FileSize == 0 {
			c.State, c.Why = StateEmpty, "the file is empty"
		}
	}
}

func (c *Candidate) takeFile(s State, why string) {
	c.State, c.Why = s, why
	c.Length, c.Have = c.FileSize, c.FileSize
}

func (c *Candidate) kernelDump(src *source) {
	h, err := dumpfile.ParseHeader(src, src.size)
	if errors.Is(err, dumpfile.ErrTruncated) {
		c.takeFile(StatePartial, "it ends within its header")
		return
	}
	if err != nil {
		c.unreadable(err)
		return
	}
	c.Header = h
	c.Layout = h.Layout(src, src.size)
	c.Problems = append(c.Problems, c.Layout.Problems...)
	c.measure()
	c.State, c.Why = c.judge()
}

// measure sets Length, Have and Missing. A file is taken as a whole, a page
// file as far as the dump in it goes.
func (c *Candidate) measure() {
	c.Length = c.Layout.Need
	if c.Length == 0 || !c.Source.raw() {
		c.Length = max(c.Length, c.FileSize)
	}
	c.Have = min(c.Length, c.FileSize)
	m, err := c.Layout.Missing(c.Have)
	if err != nil {
		c.problem(err)
	}
	c.Missing = m
}

// judge tells the states of a dump with a readable header apart.
func (c *Candidate) judge() (State, string) {
	l, attr := c.Layout, c.Header.Attributes
	short := l.Format.Known && c.Have < l.Format.Bytes || !l.Format.Known && c.Missing.Bytes > 0
	switch {
	case short && c.Missing.SecondaryOnly:
		return StatePartial, "every page is there, but the secondary data behind them is cut short"
	case short:
		return StatePartial, fmt.Sprintf("%d of %d bytes are there: the file was too small for the dump", c.Have, c.Length)
	case attr.Known && attr.Value&dumpfile.AttrInsufficientFile != 0:
		return StatePartial, "the kernel noted that the file was too small for the dump"
	case c.Header.Encrypted():
		return StateEncrypted, "its contents are encrypted with the certificate of the machine's settings"
	case l.Need == 0:
		return StatePartial, "how long the dump is cannot be told: the whole file is taken"
	case len(l.Problems) > 0:
		return StateDamaged, l.Problems[0].Error()
	case c.Missing.Bytes > 0:
		return StateComplete, fmt.Sprintf("every page is there; up to %d bytes of secondary data may be missing", c.Missing.Bytes)
	}
	return StateComplete, "everything the header announces is there"
}
