package crashconfig

import (
	"encoding/binary"
	"fmt"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

func ruleDumpOn(f *windows.Facts) (Finding, bool) {
	val, ok := f.CrashControl.Value(windows.CrashDumpEnabled)
	switch {
	case !ok:
		return say(Block, "A crash writes no dump", "CrashDumpEnabled is absent.", fixArm)
	case val.Type != hive.DWORD:
		return nothing() // C02
	}
	t := configuredType(f)
	if t == NoDump {
		return say(Block, "A crash writes no dump", "CrashDumpEnabled is 0.", fixArm)
	}
	if t == Small || t == Unspecified {
		return nothing() // C03, C05
	}
	return say(OK, "A crash writes "+t.article()+" dump", dumpContents[t], "")
}

var dumpContents = map[DumpType]string{
	Kernel:    "All kernel memory: what a driver or kernel hang needs.",
	Automatic: "All kernel memory, like a kernel dump.",
	Active:    "Kernel and user memory in use.",
	Complete:  "All memory.",
	Small:     "One thread and the list of drivers.",
}

// article puts the right article in front of the type's name.
func (t DumpType) article() string {
	if t == Automatic || t == Active {
		return "an " + t.String()
	}
	return "a " + t.String()
}

func ruleDumpTypeDWORD(f *windows.Facts) (Finding, bool) {
	val, ok := f.CrashControl.Value(windows.CrashDumpEnabled)
	if !ok || val.Type == hive.DWORD {
		return nothing()
	}
	return say(Block, "The dump type has the wrong data type",
		fmt.Sprintf("CrashDumpEnabled is a %s; Windows reads a REG_DWORD only, so no dump is written.", val.Type), fixArm)
}

func ruleSmallDump(f *windows.Facts) (Finding, bool) {
	if configuredType(f) != Small {
		return nothing()
	}
	return say(Loss, "A crash writes a minidump only",
		"CrashDumpEnabled is 3: one thread and the list of drivers, too little to explain a hang.", fixArm)
}

func ruleAutomaticTooEarly(f *windows.Facts) (Finding, bool) {
	if configuredType(f) != Automatic || !f.Before(windows.Build8) {
		return nothing()
	}
	return say(Risk, "The dump type is newer than this Windows",
		fmt.Sprintf("CrashDumpEnabled is 7 (automatic), which came with Windows 8; this is %s.", f.Version), fixArm+" --dump kernel")
}

func ruleUndocumentedType(f *windows.Facts) (Finding, bool) {
	n, ok := f.CrashControl.DWORD(windows.CrashDumpEnabled)
	if !ok || configuredType(f) != Unspecified {
		return nothing()
	}
	return say(Risk, "The dump type is undocumented", fmt.Sprintf("CrashDumpEnabled is %d.", n), fixArm)
}

func ruleFilterPagesIdle(f *windows.Facts) (Finding, bool) {
	if !f.CrashControl.Is(windows.FilterPages, 1) || f.CrashControl.Is(windows.CrashDumpEnabled, enabledComplete) {
		return nothing()
	}
	return say(Note, "FilterPages has no effect", "It turns a complete dump into an active one; the dump type is another.", "")
}

func ruleFilterPagesTooEarly(f *windows.Facts) (Finding, bool) {
	if !f.CrashControl.Is(windows.FilterPages, 1) || !f.CrashControl.Is(windows.CrashDumpEnabled, enabledComplete) || !f.Before(windows.Build10) {
		return nothing()
	}
	return say(Risk, "Active dumps are newer than this Windows",
		fmt.Sprintf("FilterPages is 1, which Windows 10 and Server 2016 introduced; this is %s.", f.Version), fixArm+" --dump complete")
}

func ruleGuardedHost(f *windows.Facts) (Finding, bool) {
	n := f.GuardedHost.Or("GuardedHost", 0)
	if n == 0 {
		return nothing()
	}
	return say(Block, "The guarded-host policy switches all crash dumps off",
		fmt.Sprintf(`CrashControl\ForceDumpsDisabled\GuardedHost is %d. hangkit leaves it: it protects other people's virtual machines.`, n),
		"agree with the security team, then "+fixArm+" --lift-guarded-host")
}

const (
	rsaPublicMagic = "RSA1" // BCRYPT_RSAKEY_BLOB (bcrypt.h): Magic, then BitLength
	rsaBits        = 2048   // the only length dump encryption takes
)

// validDumpKey reports whether the certificate's key is one Windows can encrypt dumps with.
func validDumpKey(cert windows.Values) bool {
	key, ok := cert.Value("PublicKey")
	return ok && key.Type == hive.Binary && len(key.Data) > 8 && string(key.Data[:4]) == rsaPublicMagic &&
		binary.LittleEndian.Uint32(key.Data[4:]) == rsaBits
}

func ruleEncryptionWithoutKey(f *windows.Facts) (Finding, bool) {
	if f.CrashControl.Or(windows.DumpEncryptionEnabled, 0) == 0 || validDumpKey(f.Certificate) {
		return nothing()
	}
	return say(Block, "Dump encryption is on without a usable key",
		`DumpEncryptionEnabled is 1, but EncryptionCertificates\Certificate.1 holds no RSA key of 2048 bits; Windows then switches dumps off (event 1207).`,
		"install the certificate, or agree on "+fixArm+" --drop-dump-encryption")
}

func ruleEncrypted(f *windows.Facts) (Finding, bool) {
	if f.CrashControl.Or(windows.DumpEncryptionEnabled, 0) == 0 || !validDumpKey(f.Certificate) {
		return nothing()
	}
	thumb, _ := f.Certificate.Text("Thumbprint")
	return say(Note, "The dump will be encrypted",
		fmt.Sprintf("Reading it takes KernelDumpDecrypt and the private key of certificate %s.", orDash(thumb)), "")
}

func orDash(s string) string {
	if s == "" {
		return "(no thumbprint)"
	}
	return s
}

// dumpFileText is DumpFile as it stands.
func dumpFileText(f *windows.Facts) string {
	val, ok := f.CrashControl.Value(windows.DumpFile)
	switch {
	case !ok:
		return windows.DefaultDumpFile
	case val.Type != hive.SZ && val.Type != hive.ExpandSZ:
		return "a " + val.Type.String()
	}
	return val.Text()
}

func usesDumpFile(f *windows.Facts) bool {
	t := configuredType(f)
	return t != Small && t != NoDump
}

func ruleDumpFilePath(f *windows.Facts) (Finding, bool) {
	if _, ok := f.DumpFile(); ok || !usesDumpFile(f) {
		return nothing()
	}
	return say(Block, "The dump file's path is unusable",
		fmt.Sprintf("DumpFile is %s; it must be a path with a drive letter on a local disk.", dumpFileText(f)), fixArm)
}

func ruleDumpFilePlace(f *windows.Facts) (Finding, bool) {
	p, ok := f.DumpFile()
	if !ok || !usesDumpFile(f) {
		return nothing()
	}
	if why := takenPlace(f, p); why != "" {
		return say(Block, "The dump file's place is taken", fmt.Sprintf("DumpFile is %s: %s.", dumpFileText(f), why), fixArm)
	}
	if why := placeProblem(f, p, f.Files.DumpDir); why != "" {
		return say(Block, "The dump file's place does not exist", fmt.Sprintf("DumpFile is %s: %s.", dumpFileText(f), why), fixArm)
	}
	return nothing()
}

// takenPlace says what else a path names that the dump would be written over.
func takenPlace(f *windows.Facts, p windows.Path) string {
	if f.OnSystemVolume(p) && f.Files.DumpFile.Dir {
		return "it is a folder"
	}
	others := f.PageFilePaths()
	if d, ok := f.DedicatedDump(); ok {
		others = append(others, d)
	}
	for _, o := range append(others, windows.Path{Letter: f.SystemLetter.Value, Name: "hiberfil.sys"}) {
		if o.Letter == p.Letter && strings.EqualFold(o.Name, p.Name) {
			return "Windows uses that file for something else"
		}
	}
	return ""
}

// placeProblem says why a file cannot be made at a path; dirThere counts for the system volume only.
func placeProblem(f *windows.Facts, p windows.Path, dirThere bool) string {
	if f.OnSystemVolume(p) {
		if f.HasVolume && !dirThere {
			return "its folder is missing"
		}
		return ""
	}
	d, ok := f.Drive(p.Letter)
	switch {
	case len(f.Drives) == 0:
		return ""
	case !ok:
		return fmt.Sprintf("this Windows has no drive %c:", p.Letter)
	case d.Removable():
		return fmt.Sprintf("drive %c: is removable", p.Letter)
	}
	return ""
}

func ruleDumpFileElsewhere(f *windows.Facts) (Finding, bool) {
	p, ok := f.DumpFile()
	if !ok || !usesDumpFile(f) || f.OnSystemVolume(p) {
		return nothing()
	}
	why := "The dump stays in DUMP*.tmp until Windows has started far enough to copy it."
	if azureTemporaryDisk(f, p.Letter) {
		why = "That is Azure's temporary disk: a dump there is lost when Azure moves the machine."
	}
	return say(Risk, "The dump file is on another volume", fmt.Sprintf("DumpFile is %s. %s", dumpFileText(f), why),
		fixArm+" --dump-file "+DefaultPlace)
}

func ruleOverwrite(f *windows.Facts) (Finding, bool) {
	if f.CrashControl.Or(windows.Overwrite, 1) != 0 || !usesDumpFile(f) {
		return nothing()
	}
	if old := oldDump(f); old.Present {
		return say(Loss, "An old dump would not be replaced",
			fmt.Sprintf("Overwrite is 0 and %s exists (%s, %s).", dumpFileText(f), bytesText(old.Size),
				old.Modified.UTC().Format("2006-01-02")), "hangkit collect, then hangkit arm")
	}
	return say(Note, "Only one dump will be kept", "Overwrite is 0: a second crash does not replace the first dump.", "")
}

// oldDump is what lies where the next dump is to be.
func oldDump(f *windows.Facts) windows.File {
	if p, ok := f.DumpFile(); ok && !f.OnSystemVolume(p) {
		file, _ := f.Elsewhere(p)
		return file.File
	}
	return f.Files.DumpFile
}

// ruleRoomForDump: on the system volume the dump takes over the page file's space, and a new page file must fit beside
// it; to another volume the dump is copied.
func ruleRoomForDump(f *windows.Facts) (Finding, bool) {
	p, ok := f.DumpFile()
	switch {
	case !ok || !usesDumpFile(f):
		return nothing()
	case !f.OnSystemVolume(p):
		return roomElsewhere(f, p)
	case !f.Free.Known:
		return nothing()
	}
	entry, ok := dumpPageFile(f)
	if !ok || entry.Managed() {
		return nothing()
	}
	if free := f.Free.Value / mib; free < entry.Initial {
		return say(Loss, "No room for the dump and a new page file",
			fmt.Sprintf("At the next start the page file becomes the dump and a new one of %s must fit; %s are free on %s.",
				mbText(entry.Initial), mbText(free), f.Letter()), "free space on "+f.Letter())
	}
	return nothing()
}

// spaceAt is what a file can take at a path of another volume in reach, in MB: free space and what is there already.
func spaceAt(f *windows.Facts, p windows.Path) (int64, bool) {
	d, _ := f.Drive(p.Letter)
	have, _ := f.Elsewhere(p)
	return (d.Free.Value + have.Size) / mib, d.Free.Known
}

func roomElsewhere(f *windows.Facts, p windows.Path) (Finding, bool) {
	have, known := spaceAt(f, p)
	want := dumpSize(f, configuredType(f))
	if !known || have >= want {
		return nothing()
	}
	return say(Loss, "No room for the dump where it is copied to",
		fmt.Sprintf("The dump is usually about %s; %s are free on %c:.", mbText(want), mbText(have), p.Letter),
		fmt.Sprintf("free space on %c:, or %s --dump-file %s", p.Letter, fixArm, DefaultPlace))
}

func ruleAutoReboot(f *windows.Facts) (Finding, bool) {
	if f.CrashControl.Or(windows.AutoReboot, 1) != 0 {
		return nothing()
	}
	return say(Note, "The machine stays on the stop screen",
		"AutoReboot is 0: somebody has to reset it after the dump is written. Good for reading the dump from outside.", "")
}

func ruleLogEvent(f *windows.Facts) (Finding, bool) {
	if f.CrashControl.Or(windows.LogEvent, 1) != 0 {
		return nothing()
	}
	return say(Note, "No event will be logged", "LogEvent is 0: no event 1001 after the crash.", fixArm)
}

const bitLockerFilter = "dumpfve.sys"

func ruleForeignFilter(f *windows.Facts) (Finding, bool) {
	filters, _ := f.CrashControl.Strings(windows.DumpFilters)
	var foreign []string
	for _, s := range filters {
		if !strings.EqualFold(s, bitLockerFilter) {
			foreign = append(foreign, s)
		}
	}
	if len(foreign) == 0 {
		return nothing()
	}
	return say(Risk, "Another vendor's driver sits in the dump path",
		fmt.Sprintf("DumpFilters names %s; if it fails, no dump is written.", strings.Join(foreign, ", ")), "ask its vendor; test once")
}

func ruleFilterFiles(f *windows.Facts) (Finding, bool) {
	if len(f.Files.MissingFilters) == 0 {
		return nothing()
	}
	return say(Block, "A driver of the dump path is missing",
		fmt.Sprintf("DumpFilters names %s, which is not in System32\\drivers; a filter that cannot load stops every dump.", strings.Join(f.Files.MissingFilters, ", ")),
		"install the product again, or take the name out of DumpFilters by hand")
}

func ruleBitLockerFilter(f *windows.Facts) (Finding, bool) {
	filters, _ := f.CrashControl.Strings(windows.DumpFilters)
	if !f.Volume.BitLocker {
		return nothing()
	}
	for _, s := range filters {
		if strings.EqualFold(s, bitLockerFilter) {
			return nothing()
		}
	}
	return say(Risk, "The BitLocker dump filter is missing",
		"DumpFilters lacks dumpfve.sys on an encrypted volume; a dump may not be written or not be readable.", "add dumpfve.sys to DumpFilters")
}

const maxDedicatedPath = 150

// hasDedicated reports whether a dedicated dump file is set, usable or not: Windows then takes no page file instead.
// Before Vista there was none.
func hasDedicated(f *windows.Facts) bool {
	return f.CrashControl.Has(windows.DedicatedDumpFile) && !f.Before(windows.BuildVista)
}

// dedicatedProblem says why Windows could not create the dedicated dump file.
func dedicatedProblem(f *windows.Facts) string {
	val, _ := f.CrashControl.Value(windows.DedicatedDumpFile)
	if val.Type != hive.SZ {
		return "it is a " + val.Type.String() + "; Windows wants a REG_SZ"
	}
	p, ok := f.DedicatedDump()
	switch {
	case !ok || strings.Contains(val.Text(), "%"):
		return fmt.Sprintf("%q is no path with a drive letter", val.Text())
	case len(val.Text()) > maxDedicatedPath:
		return "its path is longer than 150 characters"
	}
	return placeProblem(f, p, f.Files.DedicatedDir)
}

func ruleDedicatedPath(f *windows.Facts) (Finding, bool) {
	val, ok := f.CrashControl.Value(windows.DedicatedDumpFile)
	switch {
	case !ok:
		return nothing()
	case !hasDedicated(f):
		return say(Note, "DedicatedDumpFile has no effect", "It works from Windows Vista on; the dump goes through the page file.", "")
	}
	if why := dedicatedProblem(f); why != "" {
		return say(Block, "The dedicated dump file cannot be created",
			fmt.Sprintf("DedicatedDumpFile: %s. Windows does not fall back to the page file.", why), fixArm)
	}
	return say(OK, "The dump goes into a dedicated file", fmt.Sprintf("%s, instead of the page file.", val.Text()), "")
}

// dedicatedSpace is what the dedicated file can take, in MB; false where that cannot be told.
func dedicatedSpace(f *windows.Facts, p windows.Path) (int64, bool) {
	if f.OnSystemVolume(p) {
		return (f.Free.Value + f.Files.DedicatedDump.Size) / mib, f.Free.Known
	}
	return spaceAt(f, p)
}

func ruleDedicatedRoom(f *windows.Facts) (Finding, bool) {
	p, ok := f.DedicatedDump()
	if !ok || !hasDedicated(f) {
		return nothing()
	}
	have, known := dedicatedSpace(f, p)
	want := int64(f.CrashControl.Or(windows.DumpFileSize, 0))
	if want == 0 {
		n, ok := dumpNeed(f, judgedType(f))
		if !ok {
			return nothing()
		}
		want = n.OK
	}
	if !known || have >= want {
		return nothing()
	}
	return say(Block, "No room for the dedicated dump file",
		fmt.Sprintf("It needs %s and %s are free on %c:; Windows says nothing and writes no dump.", mbText(want), mbText(have), p.Letter),
		"free space, or "+dedicatedOn(f, ":SIZE", p.Letter))
}

// ruleDedicatedVolume: the file must lie on a disk that is there, unlocked, before anything else runs.
func ruleDedicatedVolume(f *windows.Facts) (Finding, bool) {
	p, ok := f.DedicatedDump()
	if !ok || !hasDedicated(f) || f.OnSystemVolume(p) {
		return nothing()
	}
	d, _ := f.Drive(p.Letter)
	why := ""
	switch {
	case azureTemporaryDisk(f, p.Letter):
		why = "is Azure's temporary disk, and what is on it is lost when Azure moves the machine"
	case d.FileSystem == bitLockerVolume:
		why = "is encrypted with BitLocker, and a data volume may be unlocked too late"
	case d.FileSystem == unknownVolume:
		why = "holds no NTFS"
	case d.FileSystem != "" && d.FileSystem != ntfsVolume:
		why = "holds no NTFS, but " + d.FileSystem
	case f.ServiceActive("ClusDisk"):
		why = "may be a disk of the cluster this machine belongs to"
	case f.Storage.Spaces:
		why = "may lie in a storage pool, as this machine has one"
	default:
		return nothing()
	}
	return say(Risk, "The dedicated dump file lies on a doubtful volume",
		fmt.Sprintf("Drive %c: %s; Windows wants a fixed local disk that is there early.", p.Letter, why),
		"on a plain local disk: "+dedicatedOn(f, "", p.Letter))
}

// What is said of volumes: what dump files want, one that is locked, and any other without a file system that can be read.
const (
	ntfsVolume      = "NTFS"
	bitLockerVolume = "BitLocker"
	unknownVolume   = "other"
)

func ruleDedicatedSize(f *windows.Facts) (Finding, bool) {
	size := int64(f.CrashControl.Or(windows.DumpFileSize, 0))
	n, known := dumpNeed(f, judgedType(f))
	if size == 0 {
		return nothing()
	}
	if !hasDedicated(f) {
		return say(Note, "DumpFileSize has no effect", fmt.Sprintf("It is %d MB, but no dedicated dump file is used.", size), fixArm)
	}
	switch least := max(n.Min, min(kernelMin64, n.OK)); {
	case size < least:
		return say(Block, "The dedicated dump file is far too small",
			fmt.Sprintf("DumpFileSize is %d MB; a dump of this type takes at least %s.", size, mbText(least)), fixArm)
	case known && size < n.OK && configuredType(f) == Complete:
		return say(Loss, "The dedicated dump file is too small",
			fmt.Sprintf("DumpFileSize is %s; the dump may need %s.", mbText(size), mbText(n.OK)), fixArm)
	case known && size < dumpSize(f, judgedType(f)):
		return say(Loss, "The dedicated dump file is small",
			fmt.Sprintf("DumpFileSize is %s; a dump of this machine is about %s.", mbText(size), mbText(dumpSize(f, judgedType(f)))), fixArm)
	}
	return nothing()
}

func ruleLastCrash(f *windows.Facts) (Finding, bool) {
	if !f.CrashControl.Has("LastCrashTime") || configuredType(f) != Automatic {
		return nothing()
	}
	return say(Note, "An earlier dump did not fit",
		"LastCrashTime is set: Windows keeps the page file as large as memory for four weeks after that crash.", "")
}

func ruleDumpsWaiting(f *windows.Facts) (Finding, bool) {
	var have []string
	if d := f.Files.DumpFile; d.Present {
		have = append(have, fmt.Sprintf("%s (%s, %s)", d.Path, bytesText(d.Size), d.Modified.UTC().Format("2006-01-02")))
	}
	for _, d := range f.Files.TempDumps {
		have = append(have, fmt.Sprintf("%s (%s)", d.Path, bytesText(d.Size)))
	}
	if n := len(f.Files.Minidumps); n > 0 {
		have = append(have, fmt.Sprintf("%d minidumps", n))
	}
	if len(have) == 0 {
		return nothing()
	}
	return say(Note, "There are dumps here already", sentence(strings.Join(have, ", "))+"Look at these first.", fixCollect)
}

func ruleDumpInPageFile(f *windows.Facts) (Finding, bool) {
	if f.Files.PageFileDump == "" {
		return nothing()
	}
	return say(Note, "A dump lies unsaved in the page file",
		fmt.Sprintf("%s begins with %s. Starting Windows may destroy it: copy it first.", f.Files.PageFile.Path, f.Files.PageFileDump),
		fixCollect)
}

// ruleDumpStack shows the end of the log that the crash dump code writes. Its format is not public, so what is readable
// in it is shown and not judged.
func ruleDumpStack(f *windows.Facts) (Finding, bool) {
	lines := f.DumpStack.Lines
	if len(lines) == 0 {
		return nothing()
	}
	return say(Note, "Windows wrote a log about an earlier dump",
		fmt.Sprintf("%s ends with: %s.", f.DumpStack.Path, strings.Join(lines[max(len(lines)-dumpStackTail, 0):], " | ")), "")
}

// dumpStackTail is how many lines of the log are shown.
const dumpStackTail = 3
