package collect

import (
	"path"
	"strings"
)

// The names Windows uses where no setting says otherwise.
const (
	defaultDumpFile    = "MEMORY.DMP"
	defaultMinidumpDir = "Minidump"
	defaultPageFile    = "pagefile.sys"
	liveReportsDir     = "LiveKernelReports"
	usersDir           = "Users"
	localAppData       = "AppData/Local"
	taskManagerDumps   = localAppData + "/Microsoft/Windows/TaskManager/LiveKernelDumps"
)

// neverDumps are files that begin with something else whatever they hold behind it:
// the image of a hibernated Windows, and of its store apps.
var neverDumps = []string{"hiberfil.sys", "swapfile.sys"}

// Where dumps of programs lie, and now and then one of the kernel: below the local
// application data of an account, below a Windows folder, and beside it.
var (
	accountDumps = []dumpFolder{
		{"CrashDumps", 3}, {"Temp", 1},
		{"Microsoft/Windows/WER/ReportQueue", 2}, {"Microsoft/Windows/WER/ReportArchive", 2}, {"Microsoft/Windows/WER/Temp", 1},
	}
	systemDumps = []dumpFolder{{"Temp", 1}}
	serviceData = []string{
		"System32/config/systemprofile/" + localAppData,
		"ServiceProfiles/LocalService/" + localAppData, "ServiceProfiles/NetworkService/" + localAppData,
	}
	machineDumps = []dumpFolder{
		{"ProgramData/Microsoft/Windows/WER/ReportQueue", 2}, {"ProgramData/Microsoft/Windows/WER/ReportArchive", 2},
		{"ProgramData/Microsoft/Windows/WER/Temp", 1},
	}
)

// dumpFolder is a folder that is searched so many levels deep.
type dumpFolder struct {
	dir   string
	depth int
}

// settings looks where the settings of a Windows point to.
func (f *finder) settings(p *Place) {
	f.named(p, p.DumpFile, SourceDumpFile)
	f.named(p, p.DedicatedDump, SourceDedicated)
	for _, name := range p.PageFiles {
		f.named(p, name, SourcePageFile)
	}
	if p.MinidumpDir != "" {
		f.glob(p, p.MinidumpDir, isDmp, SourceMinidump)
	}
	if p.LiveReports != "" {
		f.tree(p, dumpFolder{p.LiveReports, liveDepth}, isDmp, SourceLive)
	}
	for _, dir := range p.ProgramDumps {
		f.tree(p, dumpFolder{dir, 1}, isProgramDump, SourceProgram)
	}
}

// root looks where dumps lie on any volume, whatever the settings say, or where they
// cannot be read: a look costs nothing and a dump may be there.
func (f *finder) root(p *Place) {
	f.dumpNames(p, ".")
	f.file(p, defaultPageFile, SourcePageFile)
}

// liveDepth is how deep LiveKernelReports nests: one folder per component.
const liveDepth = 3

// windows looks in a Windows folder and in the profiles beside it.
func (f *finder) windows(p *Place, root string) {
	f.file(p, path.Join(root, defaultDumpFile), SourceDumpFile)
	f.dumpNames(p, root)
	f.glob(p, path.Join(root, defaultMinidumpDir), isDmp, SourceMinidump)
	f.tree(p, dumpFolder{path.Join(root, liveReportsDir), liveDepth}, isDmp, SourceLive)
	f.programs(p, root, systemDumps)
	for _, dir := range serviceData {
		f.programs(p, path.Join(root, dir), accountDumps)
	}
	beside := path.Dir(root)
	f.programs(p, beside, machineDumps)
	f.users(p, path.Join(beside, usersDir))
}

// users looks into every profile: Task Manager puts the live dumps it makes there.
func (f *finder) users(p *Place, users string) {
	for _, e := range f.readDir(p, users, SourceLive) {
		if e.IsDir() {
			home := path.Join(users, e.Name())
			f.glob(p, path.Join(home, taskManagerDumps), isDmp, SourceLive)
			f.programs(p, path.Join(home, localAppData), accountDumps)
		}
	}
}

func (f *finder) programs(p *Place, base string, folders []dumpFolder) {
	for _, d := range folders {
		f.tree(p, dumpFolder{path.Join(base, d.dir), d.depth}, isProgramDump, SourceProgram)
	}
}

// former looks into what upgrades set aside, which has the form of a volume.
func (f *finder) former(p *Place) {
	for _, e := range f.readDir(p, ".", SourceDumpFile) {
		if e.IsDir() && isFormer(e.Name()) {
			f.windows(p, path.Join(e.Name(), "Windows"))
		}
	}
}

// isFormer reports whether a path leads into what an upgrade set aside: Windows.old,
// Windows.old.000.
func isFormer(name string) bool {
	return strings.HasPrefix(strings.ToLower(name), "windows.old")
}

// dumpNames takes the files of a folder that Windows names by itself: DUMP*.tmp, into
// which the session manager renames a page file, and DUMP*.DMP, which the kernel's
// hardware error code writes.
func (f *finder) dumpNames(p *Place, dir string) {
	for _, e := range f.readDir(p, dir, SourceTemp) {
		switch name := path.Join(dir, e.Name()); {
		case e.IsDir():
		case isDumpName(e.Name(), ".tmp"):
			f.file(p, name, SourceTemp)
		case isDumpName(e.Name(), ".dmp"):
			f.file(p, name, SourceHardware)
		}
	}
}

func isDumpName(name, ext string) bool {
	const stem = "DUMP"
	return len(name) == len("DUMP0000.tmp") && strings.EqualFold(name[:len(stem)], stem) && strings.EqualFold(path.Ext(name), ext)
}

func isDmp(name string) bool { return strings.EqualFold(path.Ext(name), ".dmp") }

// isProgramDump matches the names that Windows Error Reporting gives to minidumps
// and to dumps with the heap, too.
func isProgramDump(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".dmp", ".mdmp", ".hdmp":
		return true
	}
	return false
}
