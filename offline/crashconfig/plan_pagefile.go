package crashconfig

import (
	"hangkit/hive"
	"hangkit/offline/windows"
)

// spareMB is the room left on the volume besides page file and dump.
const spareMB = 1024

// pageFileRules are the rules that a larger or a new page file satisfies.
var pageFileRules = []func(*windows.Facts) (Finding, bool){
	ruleNoPageFile, rulePageFileElsewhere, rulePageFileSize, ruleInitialSize, ruleManagedAutomatic, rulePageFileMalformed,
	ruleIgnorePageFileSize, ruleCompleteNeedsRAM, ruleWasTooSmall, rulePageFileRoom,
}

// pageFileFixes are those rules' ids.
var pageFileFixes = []string{"P01", "P02", "P03", "P05", "P06", "P11", "C26", "C27", "C29"}

func (d *draft) pageFile() error {
	if d.s.PageFile != nil {
		return d.requestedPageFile(*d.s.PageFile)
	}
	worst := d.pageFileVerdict()
	if worst < Risk || hasDedicated(d.f) || configuredType(d.f) == NoDump {
		return nil
	}
	if d.fixedPageFile(worst) {
		return nil
	}
	if worst == Block {
		d.managedPageFile("a crash needs a page file to write the dump to")
	}
	return nil
}

// pageFileVerdict is the gravest of the rules a page file can satisfy.
func (d *draft) pageFileVerdict() Verdict {
	worst := OK
	for _, judge := range pageFileRules {
		if finding, ok := judge(d.f); ok {
			worst = max(worst, finding.Verdict)
		}
	}
	return worst
}

// fixedPageFile plans a page file of the size the dump can need, if memory size, drive letter and space allow. Where the
// present one is far too small and there is less space, the usual size of the dump has to do.
func (d *draft) fixedPageFile(worst Verdict) bool {
	t := configuredType(d.f)
	n, known := dumpNeed(d.f, t)
	switch {
	case !known:
		d.note("The page file is left to Windows: the memory size is unknown (--ram SIZE).")
		return false
	case !d.f.Free.Known || !d.letterKnown():
		d.note("The page file is left to Windows: the free space on its volume is unknown (--pagefile SIZE).")
		return false
	}
	beside := dumpSize(d.f, t) + spareMB
	sizes := []int64{n.OK}
	if usual := dumpSize(d.f, t) + kernelExtra64; worst >= Loss && usual < n.OK {
		sizes = append(sizes, usual)
	}
	for _, size := range sizes {
		if room(d.f) >= size+beside {
			d.setPageFile(windows.PageFile{Drive: d.f.SystemLetter.Value, Path: d.pageFilePath(), Initial: size, Maximum: size},
				"the dump must fit into the page file")
			return true
		}
	}
	d.note("The page file is left to Windows: %s would need %s with the dump beside it, and %s are there. Free space, or use --dedicated-dump on another drive.",
		mbText(n.OK), mbText(n.OK+beside), mbText(room(d.f)))
	return false
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

// requestedPageFile plans the page file the user asked for.
func (d *draft) requestedPageFile(want PageFileSize) error {
	const flag = "--pagefile"
	if want == (PageFileSize{}) {
		if e, ok := dumpPageFile(d.f); !ok || !e.Managed() {
			d.managedPageFile("Windows sizes the page file")
		}
		return nil
	}
	if !d.letterKnown() {
		return refuse(flag, "the drive letter of the Windows volume is unknown")
	}
	if d.f.Free.Known && room(d.f) < want.Initial+spareMB {
		return refuse(flag, "%s are wanted; page file and free space on %s are %s", mbText(want.Initial), d.f.Letter(), mbText(room(d.f)))
	}
	d.setPageFile(windows.PageFile{
		Drive: d.f.SystemLetter.Value, Path: d.pageFilePath(), Initial: want.Initial, Maximum: want.Maximum,
	}, "as asked")
	return nil
}

// pageFilePath keeps the name of the page file in use.
func (d *draft) pageFilePath() string {
	if e, ok := dumpPageFile(d.f); ok {
		return e.Path
	}
	return `\pagefile.sys`
}

// setPageFile replaces the entries for the system volume and for any drive, and those Windows cannot read. Page files
// on other volumes stay.
func (d *draft) setPageFile(p windows.PageFile, why string) {
	list := []string{p.String()}
	for _, e := range d.f.PageFiles {
		if e.Err == nil && e.Drive != windows.AnyDrive && e.Drive != d.f.SystemLetter.Value {
			list = append(list, e.Raw)
		}
	}
	d.set(&d.f.Memory, hive.Value{Name: "PagingFiles", Type: hive.MultiSZ, Data: hive.EncodeMultiSZ(list)}, why, pageFileFixes...)
	d.f.PageFiles = windows.ParsePageFiles(list)
}
