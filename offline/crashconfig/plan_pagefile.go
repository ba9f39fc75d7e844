package crashconfig

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// spareMB is the room left on the volume besides page file and dump.
const spareMB = 1024

// pageFileRules are the rules that a larger or a new page file satisfies.
var pageFileRules = []string{"P01", "P02", "P03", "P04", "P05", "P06", "P08", "P11", "C26", "C27", "C29"}

func (d *draft) pageFile() error {
	switch {
	case len(d.s.PageFiles) > 0:
		return d.requestedPageFiles()
	case d.s.Profile == OneShot && !hasDedicated(d.f):
		return d.oneShotPageFile()
	}
	d.defaultPageFile()
	return nil
}

// defaultPageFile changes the page file only where a dump might not fit.
func (d *draft) defaultPageFile() {
	worst := d.pageFileVerdict()
	if worst < Risk || hasDedicated(d.f) || d.unarmed() {
		return
	}
	switch {
	case d.enough():
		d.dropMalformed()
	case d.fixedPageFile(worst):
	case worst == Block && !d.unmakeable32():
		d.managedPageFile("a crash needs a page file to write the dump to, by Microsoft's documents where Windows is")
	default:
		d.dropMalformed()
	}
}

// enough reports whether the page file is sure to hold any dump of the type, and can be made.
func (d *draft) enough() bool {
	_, unmakeable := rulePageFileRoom(d.f)
	return pageFileEnough(d.f) && !unmakeable
}

// pageFileVerdict is the gravest of the rules a page file can satisfy.
func (d *draft) pageFileVerdict() Verdict {
	worst := OK
	for _, r := range rules {
		if !slices.Contains(pageFileRules, r.id) {
			continue
		}
		if finding, ok := r.judge(d.f); ok {
			worst = max(worst, finding.Verdict)
		}
	}
	return worst
}

// fixedPageFile plans a page file of the size the dump can need, if memory size, drive letter and space allow. Where the
// present one is far too small and there is less space, the usual size of the dump has to do.
func (d *draft) fixedPageFile(worst Verdict) bool {
	n, _ := dumpNeed(d.f, configuredType(d.f))
	if why := d.unsized(); why != "" {
		d.noteUnsized(why)
		return false
	}
	type choice struct {
		size int64
		why  string
	}
	sizes := []choice{{n.OK, "the dump must fit into the page file: " + d.needWords()}}
	if usual := d.usual(); worst >= Loss && usual < n.OK {
		sizes = append(sizes, choice{usual, "the dump must fit into the page file: it is usually " + mbText(usual) + " at most"})
	}
	most := d.most()
	for _, c := range sizes {
		if p, ok := d.grown(c.size, most); ok {
			if old, bad := rulePageFileRoom(d.f); bad {
				d.note("%s. It is made smaller: %s", old.Title, old.Detail)
			}
			d.setPageFile(p, c.why)
			return true
		}
	}
	if d.noteTooLarge(n.OK) {
		return false
	}
	d.note("The page file is not enlarged: %s would need %s with the dump beside it, and %s are there. Free space, or use --dedicated-dump on another drive.",
		mbText(n.OK), mbText(n.OK+room(d.f)-most), mbText(room(d.f)))
	return false
}

// noteTooLarge says that this Windows makes no page file of a size, if so.
func (d *draft) noteTooLarge(size int64) bool {
	most := maxPageFile(d.f)
	if size <= most {
		return false
	}
	d.note("The page file stays as it is: %s would need one of %s, and without PAE 32-bit Windows takes %s at most (--dump kernel needs less).",
		configuredType(d.f).article()+" dump", mbText(size), mbText(most))
	return true
}

// unmakeable32 reports that there is a page file, and that none which is sure to be large enough can be made.
func (d *draft) unmakeable32() bool {
	n, known := dumpNeed(d.f, configuredType(d.f))
	_, ok := dumpPageFile(d.f)
	return ok && known && n.OK > maxPageFile(d.f)
}

// unsized says why no size can be set; empty if one can.
func (d *draft) unsized() string {
	n, known := dumpNeed(d.f, configuredType(d.f))
	switch {
	case !known:
		return "the memory size is unknown (--ram SIZE)"
	case !d.letterKnown():
		return fmt.Sprintf("the drive letter of the Windows volume is unknown (--pagefile C:%dM, if it is C:)", n.OK)
	case !d.f.Free.Known:
		return fmt.Sprintf("the free space on its volume is unknown (--pagefile %dM, if there is room)", n.OK)
	}
	return ""
}

func (d *draft) noteUnsized(why string) { d.note("No size is set for the page file: %s.", why) }

// most is what the page file may take of its volume at once, in MB: the dump that is made of it must fit beside the next
// one.
func (d *draft) most() int64 { return room(d.f) - dumpSize(d.f, configuredType(d.f)) - spareMB }

// usual is the page file that a dump of the type usually fits into, in MB.
func (d *draft) usual() int64 { return dumpSize(d.f, configuredType(d.f)) + kernelExtra64 }

// needWords say where the size of a page file comes from.
func (d *draft) needWords() string {
	switch t := configuredType(d.f); {
	case t == Complete || t == Active:
		return fmt.Sprintf("memory and %d MB, the largest of Microsoft's differing figures", completeExtra)
	case t == Small:
		return "the largest of Microsoft's differing figures"
	case d.f.Is64Bit():
		return fmt.Sprintf("memory and %d MB is the most it can need", kernelExtra64)
	}
	return "the most a 32-bit kernel dump can need"
}

// grown is the page file with at least this size, of which at most so much may be taken from the volume at once. It is
// never smaller than the present one, unless that one cannot be made at all. False if there is no room, nothing to gain,
// or this Windows makes none so large.
func (d *draft) grown(size, most int64) (windows.PageFile, bool) {
	p := windows.PageFile{Drive: d.f.SystemLetter.Value, Path: d.pageFilePath(), Initial: size, Maximum: size}
	e, ok := dumpPageFile(d.f)
	switch _, unmakeable := rulePageFileRoom(d.f); {
	case !ok:
	case e.Managed():
		p.Initial = max(size, min(presentPageFile(d.f), most, maxPageFile(d.f)))
		size = p.Initial
		p.Maximum = max(size, min(managedMaximum*ramMB(d.f), most, maxPageFile(d.f)))
	case unmakeable:
		p.Maximum = max(size, e.Maximum)
	default:
		p.Initial, p.Maximum = max(size, e.Initial), max(size, e.Maximum)
	}
	gain := !ok || p.Initial != e.Initial || p.Maximum != e.Maximum
	return p, gain && p.Initial <= most && size <= maxPageFile(d.f)
}

// presentPageFile is the size of the page file that the last start made, in MB.
func presentPageFile(f *windows.Facts) int64 { return f.Files.PageFile.Size / mib }

// managedMaximum is how far Windows lets the page file grow that it manages, in multiples of memory.
const managedMaximum = 3

// maxPageFile32 is the largest page file of 32-bit Windows without PAE, in MB.
const maxPageFile32 = 4095

func maxPageFile(f *windows.Facts) int64 {
	if f.Is64Bit() {
		return maxPageFileMB
	}
	return maxPageFile32
}

// letterKnown reports whether the system volume's letter is sure enough to name it.
func (d *draft) letterKnown() bool {
	_, ok := d.f.Drive(d.f.SystemLetter.Value)
	return ok || !d.f.SystemLetter.Guessed
}

func (d *draft) managedPageFile(why string) {
	p := windows.PageFile{Drive: windows.AnyDrive, Path: d.pageFilePath()}
	if d.letterKnown() {
		p.Drive = d.f.SystemLetter.Value
	}
	d.setPageFile(p, why)
}

// pageFilePath keeps the name of the page file in use.
func (d *draft) pageFilePath() string {
	if e, ok := dumpPageFile(d.f); ok {
		return e.Path
	}
	return `\pagefile.sys`
}

// setPageFile replaces the page file a dump is written through, and drops entries for any drive and those Windows
// cannot read. Other page files stay.
func (d *draft) setPageFile(p windows.PageFile, why string) {
	old, _ := dumpPageFile(d.f)
	list := []string{p.String()}
	for _, e := range d.f.PageFiles {
		same := e.Raw == old.Raw || (e.Drive == p.Drive && strings.EqualFold(e.Path, p.Path))
		if e.Err == nil && e.Drive != windows.AnyDrive && !same {
			list = append(list, e.Raw)
		}
	}
	d.setPageFiles(list, why)
}

// dropMalformed drops the entries Windows cannot read, if others remain.
func (d *draft) dropMalformed() {
	var list []string
	for _, e := range d.f.PageFiles {
		if e.Err == nil {
			list = append(list, e.Raw)
		}
	}
	if len(list) > 0 && len(list) < len(d.f.PageFiles) {
		d.setPageFiles(list, "Windows ignores the malformed entry")
	}
}

func (d *draft) setPageFiles(list []string, why string) {
	d.set(&d.f.Memory, multiSZ(windows.PagingFiles, list), why, pageFileRules...)
	d.f.PageFiles = windows.ParsePageFiles(list)
	d.i.LookAtFiles(d.f)
}

func multiSZ(name string, list []string) hive.Value {
	return hive.Value{Name: name, Type: hive.MultiSZ, Data: hive.EncodeMultiSZ(list)}
}
