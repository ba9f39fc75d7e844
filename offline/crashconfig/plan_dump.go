package crashconfig

import (
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
	d.set(cc, dword(dumpEnabled, t.enabled()), "a crash writes "+t.article()+" dump", "C01", "C02", "C03", "C04", "C05")
	if t == Active {
		d.set(cc, dword("FilterPages", 1), "turns the complete dump into an active one")
		return nil
	}
	d.remove(cc, "FilterPages", "belongs to active dumps", "C06", "C07")
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

// defaultType keeps a type that serves a hang and for which there is room; otherwise it is kernel before Windows 8 and
// automatic from then on.
func (d *draft) defaultType() DumpType {
	now := configuredType(d.f)
	switch {
	case now == Kernel:
		return Kernel
	case (now == Complete || now == Active) && d.roomFor(now):
		return now
	case d.f.AtLeast(windows.Build8):
		return Automatic
	}
	return Kernel
}

// roomFor reports whether the page file is known to hold a dump.
func (d *draft) roomFor(t DumpType) bool {
	n, known := dumpNeed(d.f, t)
	e, ok := dumpPageFile(d.f)
	if !known || !ok {
		return false
	}
	if e.Managed() {
		return d.f.Free.Known && room(d.f) >= n.OK
	}
	return e.Initial >= n.OK
}

func (d *draft) dumpFile() error {
	cc := &d.f.CrashControl
	if d.s.DumpFile != "" {
		p, ok := d.f.ExpandPath(d.s.DumpFile)
		if !ok {
			return refuse("--dump-file", `%q is no local path with a drive letter, such as D:\MEMORY.DMP`, d.s.DumpFile)
		}
		// The folder can be checked only where the facts have looked.
		if why := placeProblem(d.f, p, true); why != "" {
			return refuse("--dump-file", "%s: %s", d.s.DumpFile, why)
		}
		d.set(cc, expandSZ("DumpFile", d.s.DumpFile), "where the dump is put", "C11", "C12")
		return nil
	}
	for _, judge := range []func(*windows.Facts) (Finding, bool){ruleDumpFilePath, ruleDumpFilePlace} {
		if _, bad := judge(d.f); bad {
			d.set(cc, expandSZ("DumpFile", windows.DefaultDumpFile), "the present path cannot be written", "C11", "C12")
			d.f.Files.DumpDir = true
		}
	}
	return nil
}

func expandSZ(name, s string) hive.Value {
	return hive.Value{Name: name, Type: hive.ExpandSZ, Data: hive.EncodeSZ(s)}
}

func (d *draft) dedicated() error {
	cc := &d.f.CrashControl
	if d.s.Dedicated == nil {
		if hasDedicated(d.f) && dedicatedProblem(d.f) != "" {
			d.remove(cc, "DedicatedDumpFile", "Windows cannot create it, and then writes no dump at all", "C22")
		}
		return nil
	}
	mb, err := d.dedicatedSize()
	if err != nil {
		return err
	}
	path := d.s.Dedicated.Path
	d.set(cc, hive.Value{Name: "DedicatedDumpFile", Type: hive.SZ, Data: hive.EncodeSZ(path)}, "the dump is written there instead of the page file",
		"P01", "P02", "P03", "C22")
	d.set(cc, dword("DumpFileSize", uint32(mb)), "room for the dump, in MB", "C25")
	if p, ok := d.f.DedicatedDump(); ok && d.f.OnSystemVolume(p) {
		d.f.Files.DedicatedDir = true
		d.f.Files.DedicatedDump = windows.File{Path: p.Name}
	}
	return nil
}

// dedicatedSize checks the request and returns the file's size in MB.
func (d *draft) dedicatedSize() (int64, error) {
	const flag = "--dedicated-dump"
	want := *d.s.Dedicated
	p, ok := d.f.ExpandPath(want.Path)
	switch {
	case d.f.Before(windows.BuildVista):
		return 0, refuse(flag, "dedicated dump files need Windows Vista or Server 2008; this is %s", d.f.Version)
	case !ok || strings.Contains(want.Path, "%"):
		return 0, refuse(flag, "%q is no path with a drive letter", want.Path)
	case len(want.Path) > maxDedicatedPath:
		return 0, refuse(flag, "the path is longer than 150 characters")
	}
	if why := placeProblem(d.f, p, true); why != "" {
		return 0, refuse(flag, "%s: %s", want.Path, why)
	}
	n, known := dumpNeed(d.f, judgedType(d.f))
	if want.MB == 0 && !known {
		return 0, refuse(flag, "say how large: the memory size is unknown (add :SIZE, or --ram SIZE)")
	}
	mb := want.MB
	if mb == 0 {
		mb = n.OK
	}
	if mb < n.Min || mb > 1<<31 {
		return 0, refuse(flag, "%s is no usable size; %s dump takes at least %s", mbText(mb), configuredType(d.f).article(), mbText(n.Min))
	}
	if d.f.OnSystemVolume(p) && d.f.Free.Known && d.f.Free.Value/mib < mb+spareMB {
		return 0, refuse(flag, "%s are wanted and %s are free on %s", mbText(mb), bytesText(d.f.Free.Value), d.f.Letter())
	}
	return mb, nil
}

// keeping plans what happens to the dump and the machine after the crash.
func (d *draft) keeping() error {
	cc := &d.f.CrashControl
	if d.f.Files.DumpFile.Present && cc.Is("Overwrite", 0) {
		d.note("%s exists and the next dump will replace it: collect it first.", d.f.Files.DumpFile.Path)
	}
	d.setDefaulted(cc, "Overwrite", 1, 1, "a new dump replaces an old one", "C14")
	d.setDefaulted(cc, "LogEvent", 1, 1, "event 1001 after the crash", "C18")
	if d.s.AutoReboot == No {
		d.set(cc, dword("AutoReboot", 0), "the machine stays on the stop screen")
	} else {
		d.setDefaulted(cc, "AutoReboot", 1, 1, "the machine restarts after the dump", "C17")
	}
	return d.keepDump()
}

func (d *draft) keepDump() error {
	cc := &d.f.CrashControl
	switch {
	case d.s.KeepDump == No:
		if cc.Or("AlwaysKeepMemoryDump", 0) != 0 {
			d.set(cc, dword("AlwaysKeepMemoryDump", 0), "Windows may delete the dump when space is short")
		}
	case d.f.AtLeast(windows.Build7):
		d.set(cc, dword("AlwaysKeepMemoryDump", 1), "Windows does not delete the dump when space is short", "C16")
	case d.s.KeepDump == Yes:
		d.note("--keep-dump: %s keeps its dump anyway.", d.f.Version.Product)
	}
	return nil
}

// leftovers takes away what former advice left and what gets in the way.
func (d *draft) leftovers() error {
	cc := &d.f.CrashControl
	if cc.Has("DumpFileSize") && d.s.Dedicated == nil {
		switch _, bad := ruleDedicatedSize(d.f); {
		case !hasDedicated(d.f):
			d.remove(cc, "DumpFileSize", "there is no dedicated dump file", "C25")
		case bad:
			d.remove(cc, "DumpFileSize", "too small; Windows then sizes the file itself", "C25")
		}
	}
	e, ok := dumpPageFile(d.f)
	if cc.Is("IgnorePagefileSize", 1) && ok && d.f.RAM.Known && (e.Managed() || e.Initial >= ramMB(d.f)) {
		d.remove(cc, "IgnorePagefileSize", "no longer needed: the page file is large enough", "C26")
	}
	return nil
}

func (d *draft) fastStartup() error {
	v := &d.f.SessionPower
	if !d.f.AtLeast(windows.Build8) || (!v.Has("HiberbootEnabled") && d.f.IsServer()) {
		return nil
	}
	d.set(v, dword("HiberbootEnabled", 0), `"Shut down" ends the kernel, so that the next start reads these settings`, "R01")
	return nil
}

func (d *draft) sdDisk() error {
	if _, bad := ruleSDDisk(d.f); bad && d.f.ServiceActive("sdbus") {
		d.set(&d.f.SDBusParameter, dword("ForceF0State", 1), "full dumps on SD and eMMC disks", "C33")
	}
	return nil
}

// leaveAlone says what stands in the way and is not hangkit's to change.
func (d *draft) leaveAlone() {
	for _, judge := range []func(*windows.Facts) (Finding, bool){ruleGuardedHost, ruleEncryptionWithoutKey, ruleWriteFilter} {
		if finding, bad := judge(d.f); bad {
			d.note("%s. Left alone: %s.", finding.Title, finding.Fix)
		}
	}
}
