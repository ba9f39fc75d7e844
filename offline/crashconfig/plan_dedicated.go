package crashconfig

import (
	"path"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

func (d *draft) dedicated() error {
	cc := &d.f.CrashControl
	if d.s.Dedicated == nil {
		if hasDedicated(d.f) && dedicatedProblem(d.f) != "" {
			d.remove(cc, windows.DedicatedDumpFile, "Windows cannot create it, and then writes no dump at all", "C22")
		}
		return nil
	}
	before, had := d.f.DedicatedDump()
	d.set(cc, hive.Value{Name: windows.DedicatedDumpFile, Type: hive.SZ, Data: hive.EncodeSZ(d.s.Dedicated.Path)},
		"the dump is written there instead of the page file", "P01", "P02", "P03", "P04", "C22")
	d.i.LookAtFiles(d.f)
	if p, ok := d.f.DedicatedDump(); ok && (!had || !samePath(before, p)) {
		if why := d.dedicatedOver(p); why != "" {
			return refuse(dedicatedFlag, "%s: %s", d.s.Dedicated.Path, why)
		}
	}
	mb, err := d.dedicatedSize()
	if err != nil {
		return err
	}
	d.set(cc, dword(windows.DumpFileSize, uint32(mb)), "room for the dump, in MB", "C25")
	return d.dedicatedPlace(mb)
}

// dedicatedName is the name hangkit proposes: a file of that name was made for a dump before.
const dedicatedName = "hangkit.dmp"

// dedicatedOver says what a new dedicated file would lie over.
func (d *draft) dedicatedOver(p windows.Path) string {
	there := d.f.Files.DedicatedDump
	if !d.onSystem(p.Letter) {
		elsewhere, _ := d.f.Elsewhere(p)
		there = elsewhere.File
	}
	if strings.EqualFold(path.Base(p.Name), dedicatedName) {
		there.Present = false
	}
	dump, _ := d.f.DumpFile()
	return d.occupied(p, there, dump)
}

const dedicatedFlag = "--dedicated-dump"

// dedicatedSize checks the request, which the facts show already, and returns the file's size in MB.
func (d *draft) dedicatedSize() (int64, error) {
	if d.f.Before(windows.BuildVista) {
		return 0, refuse(dedicatedFlag, "dedicated dump files need Windows Vista or Server 2008; this is %s", d.f.Version)
	}
	if why := dedicatedProblem(d.f); why != "" {
		return 0, refuse(dedicatedFlag, "%s: %s", d.s.Dedicated.Path, why)
	}
	t := judgedType(d.f)
	n, known := dumpNeed(d.f, t)
	mb := d.s.Dedicated.MB
	if mb == 0 && !known {
		return 0, refuse(dedicatedFlag, "say how large: the memory size is unknown (add :SIZE, or --ram SIZE)")
	}
	if mb == 0 {
		mb = n.OK
	}
	if mb < n.Min || mb > maxPageFileMB {
		return 0, refuse(dedicatedFlag, "%s is no usable size; %s dump takes at least %s", mbText(mb), t.article(), mbText(n.Min))
	}
	return mb, nil
}

// dedicatedPlace checks the drive the file is to lie on, and whether the dump can be copied to its place afterwards.
func (d *draft) dedicatedPlace(mb int64) error {
	p, _ := d.f.DedicatedDump()
	if err := d.checkDrive(dedicatedFlag, p.Letter, mb); err != nil {
		return err
	}
	if there, ok := d.f.Elsewhere(p); ok && (there.Dir || !there.Folder) {
		return refuse(dedicatedFlag, "%s: its folder is missing on %c:, or it is one", d.s.Dedicated.Path, p.Letter)
	}
	return d.checkSpace(dedicatedFlag, p.Letter)
}

// copyOfDedicated says where the dump will not fit that Windows copies out of a dedicated file.
func (d *draft) copyOfDedicated() error {
	from, dedicated := d.f.DedicatedDump()
	to, ok := d.f.DumpFile()
	if !ok || !dedicated || d.s.Dedicated == nil || to.Letter == from.Letter {
		return nil
	}
	have, known := d.available(to.Letter)
	have -= d.wanted(to.Letter)
	if want := dumpSize(d.f, judgedType(d.f)); known && have < want+spareMB {
		d.note(`Windows copies the dump, about %s, from %s to %s, where %s will be free: collect it before Windows starts again, or put it beside the file with --dump-file %c:\MEMORY.DMP.`,
			mbText(want), from, to, mbText(max(0, have)), from.Letter)
	}
	return nil
}
