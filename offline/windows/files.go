package windows

import (
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// File is a file of the system volume.
type File struct {
	Path     string // slash path; also set when the file is absent, if a setting names it
	Present  bool
	Dir      bool // there is a folder of that name instead
	Size     int64
	Modified time.Time
}

// Files are the files of the system volume that matter for dumps.
type Files struct {
	PageFile      File   // the one on this volume that PagingFiles names, or \pagefile.sys
	PageFileDump  string // "PAGEDU64" or "PAGEDUMP" when the page file begins with a dump, else empty
	DumpFile      File
	DumpDir       bool // the directory of DumpFile exists
	DedicatedDump File
	DedicatedDir  bool
	TempDumps     []File // DUMP*.tmp in the root directory
	Minidumps     []File
	// MissingFilters are drivers that DumpFilters names and that System32\drivers lacks.
	MissingFilters []string

	elsewhere map[string]FileElsewhere // by path, in upper case
}

// Path is a Windows path, taken apart.
type Path struct {
	Letter byte   // upper case drive letter
	Name   string // slash path inside the volume, "Windows/MEMORY.DMP"
}

// String is the path as Windows writes it.
func (p Path) String() string {
	return string(rune(p.Letter)) + `:\` + strings.ReplaceAll(p.Name, "/", `\`)
}

// Defaults of the crash settings when the value is absent.
const (
	DefaultDumpFile    = `%SystemRoot%\MEMORY.DMP`
	DefaultMinidumpDir = `%SystemRoot%\Minidump`
)

// ExpandPath resolves a path of the target: %SystemRoot%, %windir% and %SystemDrive% stand for the installation's own.
// It returns false for a path that is relative, empty, UNC or refers to anything else.
func (f *Facts) ExpandPath(s string) (Path, bool) {
	root := f.Root
	if root == "" {
		root = "Windows"
	}
	for _, v := range []struct{ name, value string }{
		{"%SystemRoot%", f.Letter() + `\` + root}, {"%windir%", f.Letter() + `\` + root}, {"%SystemDrive%", f.Letter()},
	} {
		if len(s) >= len(v.name) && strings.EqualFold(s[:len(v.name)], v.name) {
			s = v.value + s[len(v.name):]
		}
	}
	letter, ok := letterOf(s)
	if !ok || len(s) < 4 || s[2] != '\\' || strings.ContainsAny(s[2:], `%:*?"<>|`+"\x00") {
		return Path{}, false
	}
	name := path.Clean(strings.ReplaceAll(strings.Trim(s[2:], `\`), `\`, "/"))
	if !fs.ValidPath(name) || name == "." {
		return Path{}, false
	}
	return Path{Letter: letter, Name: name}, true
}

// DumpFile is where the crash settings put the dump; false if they name no usable local path.
func (f *Facts) DumpFile() (Path, bool) {
	s := DefaultDumpFile
	if f.CrashControl.Has(DumpFile) {
		s, _ = f.CrashControl.Text(DumpFile)
	}
	return f.ExpandPath(s)
}

// MinidumpDir is where small dumps go.
func (f *Facts) MinidumpDir() (Path, bool) {
	s := DefaultMinidumpDir
	if f.CrashControl.Has(MinidumpDir) {
		s, _ = f.CrashControl.Text(MinidumpDir)
	}
	return f.ExpandPath(s)
}

// DedicatedDump is the dedicated dump file; false if there is none or its path is unusable.
func (f *Facts) DedicatedDump() (Path, bool) {
	s, ok := f.CrashControl.Text(DedicatedDumpFile)
	if !ok {
		return Path{}, false
	}
	return f.ExpandPath(s)
}

// PageFilePaths are the page files that may exist on any volume, configured ones and those of the last boot, each once.
func (f *Facts) PageFilePaths() []Path {
	var out []Path
	add := func(s string) {
		p, ok := f.ExpandPath(s)
		if !ok {
			return
		}
		for _, have := range out {
			if have.Letter == p.Letter && strings.EqualFold(have.Name, p.Name) {
				return
			}
		}
		out = append(out, p)
	}
	existing, _ := f.Memory.Strings(ExistingPageFiles)
	for _, s := range existing {
		add(strings.TrimPrefix(s, `\??\`))
	}
	for _, e := range f.PageFiles {
		switch {
		case e.Err != nil:
		case e.Drive == AnyDrive:
			add(f.Letter() + e.Path)
		default:
			add(string(rune(e.Drive)) + ":" + e.Path)
		}
	}
	return out
}

// OnSystemVolume reports whether a path lies on the volume of the installation.
func (f *Facts) OnSystemVolume(p Path) bool { return p.Letter == f.SystemLetter.Value }

// LookAtFiles looks at the files on the system volume that the facts' settings name, and at its free space. It can be
// asked again for facts whose settings were changed.
func (i *Installation) LookAtFiles(f *Facts) {
	if i.Volume == nil {
		return
	}
	f.Files = Files{}
	if free, err := i.Volume.Free(); err == nil {
		f.Free = sure(free, "the volume's free space")
	}
	s := &f.Files
	s.elsewhere = f.lookElsewhere()
	s.PageFile = i.stat(f.systemPageFile())
	s.PageFileDump = i.pageFileSignature(s.PageFile)
	if p, ok := f.DumpFile(); ok && f.OnSystemVolume(p) {
		s.DumpFile, s.DumpDir = i.stat(p.Name), i.isDir(path.Dir(p.Name))
	}
	if p, ok := f.DedicatedDump(); ok && f.OnSystemVolume(p) {
		s.DedicatedDump, s.DedicatedDir = i.stat(p.Name), i.isDir(path.Dir(p.Name))
	}
	if p, ok := f.MinidumpDir(); ok && f.OnSystemVolume(p) {
		s.Minidumps = i.list(p.Name, ".dmp")
	}
	s.TempDumps = i.tempDumps()
	filters, _ := f.CrashControl.Strings(DumpFilters)
	s.MissingFilters = i.missingDrivers(filters)
}

// missingDrivers returns the drivers that are not there. A volume without the folder at all tells nothing.
func (i *Installation) missingDrivers(names []string) []string {
	dir, ok := lookup(i.Volume, i.Root, "System32", "drivers")
	if !ok {
		return nil
	}
	var missing []string
	for _, name := range names {
		if _, ok := lookup(i.Volume, dir, name); !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// systemPageFile is the page file of the system volume.
func (f *Facts) systemPageFile() string {
	for _, p := range f.PageFilePaths() {
		if f.OnSystemVolume(p) {
			return p.Name
		}
	}
	return "pagefile.sys"
}

func (i *Installation) stat(name string) File {
	found, ok := lookupPath(i.Volume, name)
	if !ok {
		return File{Path: name}
	}
	info, err := i.Volume.Stat(found)
	if err != nil || info.IsDir() {
		return File{Path: name, Dir: err == nil}
	}
	return File{Path: found, Present: true, Size: info.Size(), Modified: info.ModTime()}
}

func (i *Installation) isDir(name string) bool {
	if name == "." {
		return true
	}
	found, ok := lookupPath(i.Volume, name)
	if !ok {
		return false
	}
	info, err := i.Volume.Stat(found)
	return err == nil && info.IsDir()
}

// maxListed bounds the files reported of one directory.
const maxListed = 1000

func (i *Installation) list(dir, suffix string) []File {
	found, ok := lookupPath(i.Volume, dir)
	if !ok {
		return nil
	}
	entries, err := i.Volume.ReadDir(found)
	if err != nil {
		return nil
	}
	var out []File
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(strings.ToLower(e.Name()), suffix) && len(out) < maxListed {
			out = append(out, i.stat(path.Join(found, e.Name())))
		}
	}
	return out
}

// tempDumps lists DUMP*.tmp: whole dumps that Windows did not get to copy.
func (i *Installation) tempDumps() []File {
	var out []File
	for _, f := range i.list(".", ".tmp") {
		if strings.HasPrefix(strings.ToUpper(path.Base(f.Path)), "DUMP") && !strings.EqualFold(path.Base(f.Path), "DumpStack.log.tmp") {
			out = append(out, f)
		}
	}
	return out
}

// Signatures of a crash dump at the beginning of a page file, 64-bit and 32-bit.
const (
	dumpSignature64 = "PAGEDU64"
	dumpSignature32 = "PAGEDUMP"
)

func (i *Installation) pageFileSignature(f File) string {
	if !f.Present {
		return ""
	}
	raw, err := i.Volume.OpenRaw(f.Path)
	if err != nil {
		return ""
	}
	var b [len(dumpSignature64)]byte
	if _, err := io.ReadFull(raw, b[:]); err != nil {
		return ""
	}
	if s := string(b[:]); s == dumpSignature64 || s == dumpSignature32 {
		return s
	}
	return ""
}
