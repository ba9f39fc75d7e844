package crashconfig

import (
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// fatFileMB is the largest file FAT holds, in MB: a byte less than 4 GB.
const fatFileMB = 4095

// onDrive reports whether a file of a drive counts as one of the Windows volume.
func (d *draft) onSystem(drive byte) bool { return drive == d.f.SystemLetter.Value }

// available is what page files and dump files may take on a drive, in MB: its free space, and what the present ones have
// there already. False if that is not known.
func (d *draft) available(drive byte) (mb int64, known bool) {
	if d.onSystem(drive) {
		return (d.f.Free.Value + d.f.Files.PageFile.Size + d.f.Files.DedicatedDump.Size) / mib, d.f.Free.Known
	}
	letter, _ := d.f.Drive(drive)
	total := letter.Free.Value
	for _, p := range d.placesOn(drive) {
		file, _ := d.f.Elsewhere(p)
		total += file.Size
	}
	return total / mib, letter.Free.Known
}

// placesOn are the page files and the dedicated dump file of a drive, each once.
func (d *draft) placesOn(drive byte) []windows.Path {
	list := d.f.PageFilePaths()
	if p, ok := d.f.DedicatedDump(); ok {
		list = append(list, p)
	}
	return slices.DeleteFunc(list, func(p windows.Path) bool { return p.Letter != drive })
}

// wanted is what the settings, as planned so far, will take on a drive, in MB.
func (d *draft) wanted(drive byte) int64 {
	total := int64(0)
	for _, e := range d.f.PageFiles {
		if e.Err == nil && e.Drive == drive {
			total += e.Initial
		}
	}
	if p, ok := d.f.DedicatedDump(); ok && p.Letter == drive {
		total += int64(d.f.CrashControl.Or(windows.DumpFileSize, 0))
	}
	return total
}

// checkSpace refuses what a drive cannot hold. Where its space is not known, that is said.
func (d *draft) checkSpace(flag string, drive byte) error {
	have, known := d.available(drive)
	want := d.wanted(drive)
	switch {
	case !known && d.f.HasVolume:
		d.note("%s: the free space of %c: is not known here, so nobody checked that %s fit.", flag, drive, mbText(want))
	case known && have < want+spareMB:
		return refuse(flag, "%s are wanted on %c:, and %s can be had there with %s left over: free space and the present files of that kind together are %s",
			mbText(want), drive, mbText(max(0, have-spareMB)), mbText(spareMB), mbText(have))
	}
	return nil
}

// checkDrive refuses a drive that Windows cannot put a page file or a dump file of that size on.
func (d *draft) checkDrive(flag string, drive byte, mb int64) error {
	if d.onSystem(drive) || len(d.f.Drives) == 0 {
		return nil
	}
	letter, ok := d.f.Drive(drive)
	switch {
	case !ok:
		return refuse(flag, "this Windows has no drive %c: (it has %s)", drive, driveLetters(d.f))
	case letter.Removable():
		return refuse(flag, "drive %c: is removable, and not there early enough", drive)
	case strings.HasPrefix(letter.FileSystem, "FAT") && mb > fatFileMB:
		return refuse(flag, "%c: is a %s volume, where no file is larger than %s", drive, letter.FileSystem, mbText(fatFileMB))
	case letter.FileSystem == "BitLocker":
		d.note("%c: is encrypted with BitLocker: should Windows unlock it only after its start, there is no file there to dump to.", drive)
	}
	return nil
}

// driveLetters lists the letters the target gives its volumes.
func driveLetters(f *windows.Facts) string {
	var list []string
	for _, l := range f.Drives {
		list = append(list, string(rune(l.Letter))+":")
	}
	return strings.Join(list, ", ")
}

// roomiest is the fixed NTFS drive beside the Windows volume with the most free space; false if there is none.
func (d *draft) roomiest() (drive byte, mb int64, ok bool) {
	for _, l := range d.f.Drives {
		if d.onSystem(l.Letter) || l.Removable() || l.FileSystem != "NTFS" {
			continue
		}
		if have, known := d.available(l.Letter); known && have > mb {
			drive, mb, ok = l.Letter, have, true
		}
	}
	return drive, mb, ok
}

// samePath compares paths as Windows does.
func samePath(a, b windows.Path) bool {
	return a.Letter == b.Letter && strings.EqualFold(a.Name, b.Name)
}

// hibernation is the file that Windows keeps its hibernated self in.
const hibernation = "hiberfil.sys"

// occupied says what a new file of Windows' would overwrite at a path: one that is there and serves something else.
func (d *draft) occupied(p windows.Path, there windows.File, others ...windows.Path) string {
	others = append(others, d.f.PageFilePaths()...)
	others = append(others, windows.Path{Letter: d.f.SystemLetter.Value, Name: hibernation})
	switch {
	case there.Dir:
		return "it is a folder"
	case there.Present:
		return "there is a file of that name, which Windows would overwrite"
	case slices.ContainsFunc(others, func(o windows.Path) bool { return samePath(o, p) }):
		return "Windows uses that file for something else"
	}
	return ""
}
