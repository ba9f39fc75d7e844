package crashconfig

import (
	"cmp"
	"fmt"
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
	page, fixed := d.askedPageFile()
	switch asked := d.s.Dedicated; {
	case !known:
		return 0, false
	case asked != nil:
		return asked.MB, asked.MB != 0 && asked.MB < n.Min
	case hasDedicated(d.f) && dedicatedProblem(d.f) == "":
		return 0, false // of a size that arm corrects
	case fixed:
		return page.Initial, page.Initial < n.Min
	case n.Min > maxPageFile(d.f): // however much space there is
		return maxPageFile(d.f), true
	case !d.f.Free.Known:
		return 0, false
	}
	return room(d.f), room(d.f) < n.Min
}

func (d *draft) dumpFile() error {
	cc := &d.f.CrashControl
	if d.s.DumpFile != "" {
		return d.requestedDumpFile()
	}
	for _, judge := range []func(*windows.Facts) (Finding, bool){ruleDumpFilePath, ruleDumpFilePlace} {
		if _, bad := judge(d.f); bad {
			d.set(cc, expandSZ(windows.DumpFile, windows.DefaultDumpFile), "the present path cannot be written", "C11", "C12")
			d.i.LookAtFiles(d.f)
		}
	}
	return nil
}

// requestedDumpFile plans the place that was asked for. What lies there is replaced by the next dump, so it must be one.
func (d *draft) requestedDumpFile() error {
	const flag = "--dump-file"
	path := d.s.DumpFile
	if strings.EqualFold(path, DefaultPlace) {
		path = windows.DefaultDumpFile
	}
	before, had := d.f.DumpFile()
	d.set(&d.f.CrashControl, expandSZ(windows.DumpFile, path), "where the dump is put", "C11", "C12", "C13")
	d.i.LookAtFiles(d.f)
	p, ok := d.f.DumpFile()
	if !ok {
		return refuse(flag, `%q is no local path with a drive letter, such as D:\MEMORY.DMP`, d.s.DumpFile)
	}
	if why := cmp.Or(takenPlace(d.f, p), placeProblem(d.f, p, d.f.Files.DumpDir), d.elsewhereProblem(p)); why != "" {
		return refuse(flag, "%s: %s", d.s.DumpFile, why)
	}
	there := d.f.Files.DumpFile
	if elsewhere, ok := d.f.Elsewhere(p); ok {
		there = elsewhere.File
	}
	isDump := strings.HasSuffix(strings.ToLower(p.Name), ".dmp")
	if there.Present && !isDump && (!had || !samePath(before, p)) {
		return refuse(flag, "%s: there is a file of that name, which the dump would replace", d.s.DumpFile)
	}
	return nil
}

// elsewhereProblem says why Windows could not copy the dump to a path on another volume in reach.
func (d *draft) elsewhereProblem(p windows.Path) string {
	there, inReach := d.f.Elsewhere(p)
	if !inReach {
		return ""
	}
	letter, _ := d.f.Drive(p.Letter)
	size := dumpSize(d.f, judgedType(d.f))
	switch have := (letter.Free.Value + there.Size) / mib; {
	case there.Dir:
		return "it is a folder"
	case !there.Folder:
		return "its folder is missing"
	case letter.Free.Known && have < size:
		return fmt.Sprintf("the dump is about %s, and %s can be had there", mbText(size), mbText(have))
	case strings.HasPrefix(letter.FileSystem, "FAT") && size > fatFileMB:
		return fmt.Sprintf("the dump is about %s, and %s holds no file larger than %s", mbText(size), letter.FileSystem, mbText(fatFileMB))
	}
	return ""
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

// keeping plans what happens to the dump and the machine after the crash.
func (d *draft) keeping() error {
	cc := &d.f.CrashControl
	if d.f.Files.DumpFile.Present && cc.Is(windows.Overwrite, 0) {
		d.note("%s exists and the next dump will replace it: collect it first.", d.f.Files.DumpFile.Path)
	}
	d.yesOrNo(windows.Overwrite, d.s.Overwrite, [2]string{"an old dump is kept, and a new one has nowhere to go while it is there", "a new dump replaces an old one"}, "C14")
	d.yesOrNo(windows.LogEvent, d.s.LogEvent, [2]string{"no event after the crash", "event 1001 after the crash"}, "C18")
	d.yesOrNo(windows.AutoReboot, d.s.AutoReboot, [2]string{"the machine stays on the stop screen", "the machine restarts after the dump"}, "C17")
	if err := d.sinceWindows8(); err != nil {
		return err
	}
	return d.keepDump()
}

// yesOrNo plans a number of CrashControl that Windows takes for 1 when it is absent, and that is 1 by default.
func (d *draft) yesOrNo(name string, c Choice, why [2]string, fixes ...string) {
	if c == No {
		d.set(&d.f.CrashControl, dword(name, 0), why[0])
		return
	}
	d.setDefaulted(&d.f.CrashControl, name, 1, 1, why[1], fixes...)
}

// sinceWindows8 plans what Windows says about a dump: its log, and the parameters on the stop screen. Both are known
// from practice, and in no document of Microsoft's.
func (d *draft) sinceWindows8() error {
	for _, v := range []struct {
		name, flag string
		asked, c   Choice
		byDefault  bool
		why        [2]string
	}{
		{windows.EnableLogFile, "--dump-log", d.asked.DumpLog, d.s.DumpLog, !d.unarmed(),
			[2]string{"no DumpStack.log", "Windows writes down how far the dump got, in DumpStack.log (known from practice, not documented)"}},
		{windows.DisplayParameters, "--stop-parameters", d.asked.StopParameters, d.s.StopParameters, d.s.AutoReboot == No,
			[2]string{"the stop screen shows the stop code only", "the stop screen shows the four parameters as well (known from practice, not documented)"}},
	} {
		known := d.f.AtLeast(windows.Build8)
		switch {
		case v.asked == Yes && !known:
			return refuse(v.flag, "needs Windows 8 or Server 2012; this is %s", d.f.Version)
		case v.c == No && d.f.CrashControl.Or(v.name, 0) != 0:
			d.set(&d.f.CrashControl, dword(v.name, 0), v.why[0])
		case known && (v.c == Yes || v.c == ByDefault && v.byDefault):
			d.set(&d.f.CrashControl, dword(v.name, 1), v.why[1])
		}
	}
	return nil
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
	case d.asked.KeepDump == Yes:
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
			d.remove(cc, windows.DumpFileSize, "too small; without it Windows sizes the file (what 0 does is contested)", "C25")
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
	if d.s.KeepFastStartup {
		if v.Or(windows.HiberbootEnabled, 0) != 0 {
			d.note(`Fast Startup stays on: only Restart, not "Shut down", makes Windows read these settings.`)
		}
		return nil
	}
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

// consent plans what hangkit does only for those who ask for it: both settings were made to protect somebody.
func (d *draft) consent() error {
	if d.s.LiftGuardedHost {
		if _, guarded := ruleGuardedHost(d.f); guarded {
			d.set(&d.f.GuardedHost, dword(windows.GuardedHost, 0), "lifts the guarded host's ban on dumps, as asked", "C08")
		} else {
			d.note("--lift-guarded-host: there is no such ban.")
		}
	}
	if !d.s.DropBadEncryption {
		return nil
	}
	if _, encrypted := ruleEncrypted(d.f); encrypted {
		return refuse("--drop-dump-encryption", "the dump encryption has a usable key, and works; hangkit leaves it on")
	}
	if _, bad := ruleEncryptionWithoutKey(d.f); bad {
		d.set(&d.f.CrashControl, dword(windows.DumpEncryptionEnabled, 0), "there is no usable key, and Windows then writes no dump", "C09")
	} else {
		d.note("--drop-dump-encryption: dumps are not encrypted.")
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
