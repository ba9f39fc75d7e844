package crashconfig

import (
	"cmp"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

func (d *draft) dumpType() error {
	t, err := d.chooseType()
	if err != nil {
		return err
	}
	cc := &d.f.CrashControl
	d.set(cc, dword(windows.CrashDumpEnabled, t.enabled()), dumpWords(t), "C01", "C02", "C03", "C04", "C05")
	if t == Active {
		d.set(cc, dword(windows.FilterPages, 1), "turns the complete dump into an active one")
		return nil
	}
	d.remove(cc, windows.FilterPages, "belongs to active dumps", "C06", "C07")
	return nil
}

// chooseType returns the type asked for, if this Windows has it, or the default one.
func (d *draft) chooseType() (DumpType, error) {
	switch t := d.s.Dump; {
	case t == Unspecified:
		return d.defaultType(), nil
	case t == Active && d.f.Before(windows.Build10):
		return 0, refuse("--dump active", "active dumps need Windows 10 or Server 2016; this is %s", d.f.Version)
	case t == Active && !d.f.Version.Build.Known:
		return 0, refuse("--dump active", "active dumps need Windows 10 or Server 2016, and the version is unknown")
	case t == Automatic && d.f.Before(windows.Build8):
		return 0, refuse("--dump automatic", "automatic dumps need Windows 8 or Server 2012; take kernel on %s", d.f.Version)
	default:
		return t, nil
	}
}

// defaultType keeps a type that serves a hang, unless it is known not to fit; otherwise it is kernel before Windows 8 and
// automatic from then on.
func (d *draft) defaultType() DumpType {
	preferred := Kernel
	if d.f.AtLeast(windows.Build8) {
		preferred = Automatic
	}
	now := configuredType(d.f)
	switch {
	case now == Kernel:
		return Kernel
	case now != Complete && now != Active:
		return preferred
	}
	if have, tooSmall := d.knownTooSmall(now); tooSmall {
		n, _ := dumpNeed(d.f, now)
		d.note("The dump type was %s: such a dump takes at least %s, and there are %s for it. It becomes %s; --dump %s keeps it.",
			now, mbText(n.Min), mbText(have), preferred, now)
		return preferred
	}
	return now
}

// knownTooSmall reports that a dump of the type certainly does not fit where it will be written, and what there is, in
// MB. The page file counts with all it can become.
func (d *draft) knownTooSmall(t DumpType) (have int64, tooSmall bool) {
	n, known := dumpNeed(d.f, t)
	switch asked := d.s.Dedicated; {
	case !known:
		return 0, false
	case asked != nil:
		return asked.MB, asked.MB != 0 && asked.MB < n.Min
	case hasDedicated(d.f) && dedicatedProblem(d.f) == "":
		return 0, false // of a size that arm corrects
	case d.s.PageFile != nil && *d.s.PageFile != PageFileSize{}:
		return d.s.PageFile.Initial, d.s.PageFile.Initial < n.Min
	case !d.f.Free.Known:
		return 0, false
	}
	return room(d.f), room(d.f) < n.Min
}

func (d *draft) dumpFile() error {
	cc := &d.f.CrashControl
	if d.s.DumpFile != "" {
		path := d.s.DumpFile
		if strings.EqualFold(path, DefaultPlace) {
			path = windows.DefaultDumpFile
		}
		d.set(cc, expandSZ(windows.DumpFile, path), "where the dump is put", "C11", "C12", "C13")
		d.i.LookAtFiles(d.f)
		p, ok := d.f.DumpFile()
		if !ok {
			return refuse("--dump-file", `%q is no local path with a drive letter, such as D:\MEMORY.DMP`, d.s.DumpFile)
		}
		if why := cmp.Or(takenPlace(d.f, p), placeProblem(d.f, p, d.f.Files.DumpDir)); why != "" {
			return refuse("--dump-file", "%s: %s", d.s.DumpFile, why)
		}
		return nil
	}
	for _, judge := range []func(*windows.Facts) (Finding, bool){ruleDumpFilePath, ruleDumpFilePlace} {
		if _, bad := judge(d.f); bad {
			d.set(cc, expandSZ(windows.DumpFile, windows.DefaultDumpFile), "the present path cannot be written", "C11", "C12")
			d.i.LookAtFiles(d.f)
		}
	}
	return nil
}

func dumpWords(t DumpType) string {
	if t == NoDump {
		return "a crash writes no dump"
	}
	return "a crash writes " + t.article() + " dump"
}

func expandSZ(name, s string) hive.Value {
	return hive.Value{Name: name, Type: hive.ExpandSZ, Data: hive.EncodeSZ(s)}
}

func (d *draft) dedicated() error {
	cc := &d.f.CrashControl
	if d.s.Dedicated == nil {
		if hasDedicated(d.f) && dedicatedProblem(d.f) != "" {
			d.remove(cc, windows.DedicatedDumpFile, "Windows cannot create it, and then writes no dump at all", "C22")
		}
		return nil
	}
	d.set(cc, hive.Value{Name: windows.DedicatedDumpFile, Type: hive.SZ, Data: hive.EncodeSZ(d.s.Dedicated.Path)},
		"the dump is written there instead of the page file", "P01", "P02", "P03", "C22")
	d.i.LookAtFiles(d.f)
	mb, err := d.dedicatedSize()
	if err != nil {
		return err
	}
	d.set(cc, dword(windows.DumpFileSize, uint32(mb)), "room for the dump, in MB", "C25")
	return nil
}

// dedicatedSize checks the request, which the facts show already, and returns the file's size in MB.
func (d *draft) dedicatedSize() (int64, error) {
	const flag = "--dedicated-dump"
	if d.f.Before(windows.BuildVista) {
		return 0, refuse(flag, "dedicated dump files need Windows Vista or Server 2008; this is %s", d.f.Version)
	}
	if why := dedicatedProblem(d.f); why != "" {
		return 0, refuse(flag, "%s: %s", d.s.Dedicated.Path, why)
	}
	t := judgedType(d.f)
	n, known := dumpNeed(d.f, t)
	mb := d.s.Dedicated.MB
	if mb == 0 && !known {
		return 0, refuse(flag, "say how large: the memory size is unknown (add :SIZE, or --ram SIZE)")
	}
	if mb == 0 {
		mb = n.OK
	}
	if mb < n.Min || mb > maxPageFileMB {
		return 0, refuse(flag, "%s is no usable size; %s dump takes at least %s", mbText(mb), t.article(), mbText(n.Min))
	}
	p, _ := d.f.DedicatedDump()
	have := (d.f.Free.Value + d.f.Files.DedicatedDump.Size) / mib
	if d.f.OnSystemVolume(p) && d.f.Free.Known && have < mb+spareMB {
		return 0, refuse(flag, "%s are wanted and %s are free on %s", mbText(mb), mbText(have), d.f.Letter())
	}
	return mb, nil
}

// keeping plans what happens to the dump and the machine after the crash.
func (d *draft) keeping() error {
	cc := &d.f.CrashControl
	if d.f.Files.DumpFile.Present && cc.Is(windows.Overwrite, 0) {
		d.note("%s exists and the next dump will replace it: collect it first.", d.f.Files.DumpFile.Path)
	}
	d.setDefaulted(cc, windows.Overwrite, 1, 1, "a new dump replaces an old one", "C14")
	d.setDefaulted(cc, windows.LogEvent, 1, 1, "event 1001 after the crash", "C18")
	if d.s.AutoReboot == No {
		d.set(cc, dword(windows.AutoReboot, 0), "the machine stays on the stop screen")
	} else {
		d.setDefaulted(cc, windows.AutoReboot, 1, 1, "the machine restarts after the dump", "C17")
	}
	return d.keepDump()
}

func (d *draft) keepDump() error {
	cc := &d.f.CrashControl
	switch {
	case d.s.KeepDump == No:
		if cc.Or(windows.AlwaysKeepMemoryDump, 0) != 0 {
			d.set(cc, dword(windows.AlwaysKeepMemoryDump, 0), "Windows may delete the dump when space is short")
		}
	case d.f.AtLeast(windows.Build7):
		d.set(cc, dword(windows.AlwaysKeepMemoryDump, 1), "Windows does not delete the dump when space is short", "C16")
	case d.s.KeepDump == Yes:
		d.note("--keep-dump: %s keeps its dump anyway.", d.f.Version.Product)
	}
	return nil
}

// leftovers takes away what former advice left and what gets in the way.
func (d *draft) leftovers() error {
	cc := &d.f.CrashControl
	if cc.Has(windows.DumpFileSize) && d.s.Dedicated == nil {
		switch _, bad := ruleDedicatedSize(d.f); {
		case !hasDedicated(d.f):
			d.remove(cc, windows.DumpFileSize, "there is no dedicated dump file", "C25")
		case bad:
			d.remove(cc, windows.DumpFileSize, "too small; Windows then sizes the file itself", "C25")
		}
	}
	n, known := dumpNeed(d.f, judgedType(d.f))
	if size := pageFileMB(d.f); cc.Is(windows.IgnorePagefileSize, 1) && known && d.f.RAM.Known && size >= max(ramMB(d.f), n.Min) {
		d.remove(cc, windows.IgnorePagefileSize, "no longer needed: the page file is large enough", "C26")
	}
	if d.enough() {
		d.remove(cc, windows.PageFileTooSmall, "the page file is large enough now", "C29")
	}
	return nil
}

func (d *draft) fastStartup() error {
	v := &d.f.SessionPower
	// Servers do not have the value; whoever has it knows Fast Startup.
	if !v.Has(windows.HiberbootEnabled) && (!d.f.AtLeast(windows.Build8) || d.f.IsServer()) {
		return nil
	}
	d.set(v, dword(windows.HiberbootEnabled, 0), `"Shut down" ends the kernel, so that the next start reads these settings`, "R01")
	return nil
}

func (d *draft) sdDisk() error {
	if _, bad := ruleSDDisk(d.f); bad && d.f.ServiceActive("sdbus") {
		d.set(&d.f.SDBusParameter, dword(windows.ForceF0State, 1), "full dumps on SD and eMMC disks", "C33")
	}
	return nil
}

// leaveAlone says what stands in the way and is not hangkit's to change, and what the next start would destroy.
func (d *draft) leaveAlone() {
	if d.f.Files.PageFileDump != "" {
		d.note("A dump lies unsaved in %s: collect it before the machine starts again (hangkit collect -o DIR).", d.f.Files.PageFile.Path)
	}
	for _, judge := range []func(*windows.Facts) (Finding, bool){ruleGuardedHost, ruleEncryptionWithoutKey, ruleWriteFilter} {
		if finding, bad := judge(d.f); bad {
			d.note("%s. Left alone: %s.", finding.Title, finding.Fix)
		}
	}
}
