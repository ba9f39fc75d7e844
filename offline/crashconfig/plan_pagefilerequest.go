package crashconfig

import (
	"slices"
	"strings"

	"hangkit/offline/windows"
)

const pageFileFlag = "--pagefile"

// askedPageFile is the page file of a fixed size that was asked for where Windows is.
func (d *draft) askedPageFile() (PageFileRequest, bool) {
	for _, r := range d.s.PageFiles {
		if r.Initial > 0 && (r.Drive == 0 || d.onSystem(r.Drive)) {
			return r, true
		}
	}
	return PageFileRequest{}, false
}

// requestedPageFiles plans the page files the user asked for. Those of other drives stay.
func (d *draft) requestedPageFiles() error {
	list := d.f.PageFiles
	var seen []byte
	for _, r := range d.s.PageFiles {
		drive, err := d.requestedDrive(r)
		if err != nil {
			return err
		}
		if slices.Contains(seen, drive) {
			return refuse(pageFileFlag, "%c: is named twice", drive)
		}
		seen = append(seen, drive)
		list = d.withPageFile(list, r, drive)
	}
	if len(list) > maxPageFiles {
		return refuse(pageFileFlag, "there would be %d page files; Windows takes %d", len(list), maxPageFiles)
	}
	d.replacePageFiles(list)
	return d.checkRequested(seen)
}

// requestedDrive is the drive letter that a request means.
func (d *draft) requestedDrive(r PageFileRequest) (byte, error) {
	switch {
	case r.Drive != 0:
		return r.Drive, d.checkDrive(pageFileFlag, r.Drive, r.Initial)
	case d.letterKnown():
		return d.f.SystemLetter.Value, nil
	case r.managed():
		return windows.AnyDrive, nil
	}
	return 0, refuse(pageFileFlag, "the drive letter of the Windows volume is unknown: name it, as in C:8G")
}

// withPageFile puts one request into a list of entries. What Windows cannot read goes; an entry for any drive becomes one
// of the Windows volume, which is where Windows would put it.
func (d *draft) withPageFile(list []windows.PageFileEntry, r PageFileRequest, drive byte) []windows.PageFileEntry {
	var out []windows.PageFileEntry
	path := `\pagefile.sys`
	for _, e := range list {
		switch {
		case e.Err != nil:
			continue
		case e.Drive == windows.AnyDrive && d.letterKnown():
			e.Drive = d.f.SystemLetter.Value
			e.Raw = e.String()
		}
		if e.Drive != drive {
			out = append(out, e)
		} else if path = e.Path; r.managed() && e.Managed() {
			return list // it is that already
		}
	}
	if r.None {
		return out
	}
	if maximum := maxPageFile(d.f); r.Maximum > maximum {
		d.note("%s: without PAE 32-bit Windows takes page files of %s at most.", pageFileFlag, mbText(maximum))
	}
	p := windows.PageFile{Drive: drive, Path: path, Initial: r.Initial, Maximum: r.Maximum}
	entry := windows.PageFileEntry{Raw: p.String(), PageFile: p}
	if d.onSystem(drive) {
		return append([]windows.PageFileEntry{entry}, out...)
	}
	return append(out, entry)
}

// replacePageFiles plans the list, unless it says what is there already.
func (d *draft) replacePageFiles(list []windows.PageFileEntry) {
	var now, then []string
	for _, e := range d.f.PageFiles {
		now = append(now, e.Raw)
	}
	for _, e := range list {
		then = append(then, e.Raw)
	}
	if !slices.EqualFunc(now, then, strings.EqualFold) {
		d.setPageFiles(then, d.pageFileWhy())
	}
}

// pageFileWhy says who wants the page files.
func (d *draft) pageFileWhy() string {
	if len(d.asked.PageFiles) == 0 {
		return "Windows PE has no page file on a disk, and a dump needs one"
	}
	return "as asked"
}

// checkRequested makes sure that there is room, and that a dump has somewhere to go.
func (d *draft) checkRequested(drives []byte) error {
	for _, drive := range drives {
		if drive == windows.AnyDrive || d.wanted(drive) == 0 {
			continue
		}
		if err := d.checkSpace(pageFileFlag, drive); err != nil {
			return err
		}
	}
	e, ok := dumpPageFile(d.f)
	if !ok && !hasDedicated(d.f) && !d.unarmed() {
		return refuse(pageFileFlag, "there would be no page file on %s, where Windows is. Microsoft's documents want one there for the dump (others say that any drive will do): "+
			"add %ssystem, or %s PATH", d.f.Letter(), d.f.Letter(), dedicatedFlag)
	}
	if n, known := dumpNeed(d.f, judgedType(d.f)); ok && known && !hasDedicated(d.f) && !e.Managed() && e.Initial < n.OK {
		d.note("The page file of %s is smaller than the %s that %s dump can need.", mbText(e.Initial), mbText(n.OK), judgedType(d.f).article())
	}
	return nil
}
