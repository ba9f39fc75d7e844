package windows

import (
	"path"
	"strings"
)

// Neighbour is another volume in reach of the caller, on the same disk as a rule: a page file or a dump may lie there.
type Neighbour struct {
	ID         VolumeID
	Volume     Volume // nil if its files cannot be read
	FileSystem string // for people: "NTFS", "FAT32", "BitLocker"
}

// meetNeighbours finds the neighbours that have a drive letter.
func (f *Facts) meetNeighbours() {
	for i := range f.Drives {
		d := &f.Drives[i]
		if n, ok := f.neighbour(d.ID); ok {
			d.FileSystem = n.FileSystem
			if n.Volume == nil {
				continue
			}
			if free, err := n.Volume.Free(); err == nil {
				d.Free = sure(free, "the free space of "+string(rune(d.Letter))+":")
			}
		}
	}
}

func (f *Facts) neighbour(id VolumeID) (Neighbour, bool) {
	for _, n := range f.neighbours {
		if n.ID.equal(id) {
			return n, true
		}
	}
	return Neighbour{}, false
}

// FileElsewhere is a file that a setting names on another volume than the system's.
type FileElsewhere struct {
	File
	Folder bool // its folder exists
}

// Elsewhere returns what lies at a path of another volume; false if that volume is not in reach, or no setting names the
// path.
func (f *Facts) Elsewhere(p Path) (FileElsewhere, bool) {
	file, ok := f.Files.elsewhere[pathKey(p)]
	return file, ok
}

func pathKey(p Path) string { return strings.ToUpper(p.String()) }

// lookElsewhere looks at the files that the settings name on neighbours.
func (f *Facts) lookElsewhere() map[string]FileElsewhere {
	named := f.PageFilePaths()
	for _, get := range []func() (Path, bool){f.DumpFile, f.DedicatedDump} {
		if p, ok := get(); ok {
			named = append(named, p)
		}
	}
	found := map[string]FileElsewhere{}
	for _, p := range named {
		d, _ := f.Drive(p.Letter)
		n, ok := f.neighbour(d.ID)
		if !ok || n.Volume == nil || f.OnSystemVolume(p) {
			continue
		}
		there := &Installation{Volume: n.Volume}
		found[pathKey(p)] = FileElsewhere{File: there.stat(p.Name), Folder: there.isDir(path.Dir(p.Name))}
	}
	return found
}
