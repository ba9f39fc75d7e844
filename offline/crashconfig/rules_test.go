package crashconfig

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// ready is a machine on which no rule finds fault: Windows 10 on ESXi, 8 GB of memory, a page file for all of it.
func ready() *windows.Facts {
	cs := func(below string, list ...hive.Value) windows.Values {
		return windows.NewValues(`ControlSet001\`+below, list...)
	}
	absent := func(below string) windows.Values { return windows.Values{Key: `ControlSet001\` + below} }
	return &windows.Facts{
		Root: "Windows", SystemPath: "Windows/System32/config/SYSTEM", HasVolume: true,
		ControlSet: windows.ControlSet{Name: "ControlSet001", Default: 1, Current: 1, LastKnownGood: 1, All: []string{"ControlSet001"}},
		Version:    windows.Version{Build: known(19045), Product: "Windows 10 Pro"},
		Arch:       known("amd64"), Role: known(windows.Client), Name: known("PC"), RAM: known(8 * gib),
		Platform: windows.Platform{ID: windows.Cisco, Source: "test"},
		CrashControl: cs(`Control\CrashControl`, dword("CrashDumpEnabled", 7), expandSZ("DumpFile", windows.DefaultDumpFile),
			dword("Overwrite", 1), dword("AlwaysKeepMemoryDump", 1), multi("DumpFilters", "dumpfve.sys")),
		GuardedHost:    absent(`Control\CrashControl\ForceDumpsDisabled`),
		Certificate:    absent(`Control\CrashControl\EncryptionCertificates\Certificate.1`),
		Memory:         cs(`Control\Session Manager\Memory Management`, multi("PagingFiles", `C:\pagefile.sys 9000 9000`)),
		FileSystem:     cs(`Control\FileSystem`),
		Power:          cs(`Control\Power`),
		SessionPower:   cs(`Control\Session Manager\Power`, dword("HiberbootEnabled", 0)),
		SDBusParameter: absent(`Services\sdbus\Parameters`),
		PageFiles:      windows.ParsePageFiles([]string{`C:\pagefile.sys 9000 9000`}),
		Drives:         []windows.Drive{{Letter: 'C', ID: windows.VolumeID{MBRSignature: 1}}, {Letter: 'D', Device: `\??\SCSI#CdRom&Ven`}, {Letter: 'E', ID: windows.VolumeID{MBRSignature: 2}}},
		SystemLetter:   known(byte('C')),
		Keyboards: []windows.KeyboardDriver{
			keyboard(windows.PS2Keyboard, dword(windows.CrashOnCtrlScroll, 1)),
			keyboard(windows.HIDKeyboard, dword(windows.CrashOnCtrlScroll, 1)),
			{Service: windows.HyperVKeyboard},
		},
		Services: map[string]uint32{},
		Storage:  windows.Storage{FixedDisks: 1, Controllers: []windows.Controller{{Service: "storahci", Boot: true, Inf: "mshdc.inf"}}},
		Files:    windows.Files{PageFile: windows.File{Path: "pagefile.sys", Present: true, Size: 9000 * mib}, DumpDir: true},
		Free:     known(100 * gib),
	}
}

func known[T any](v T) windows.Fact[T] { return windows.Fact[T]{Value: v, Known: true, Source: "test"} }

func multi(name string, list ...string) hive.Value {
	return hive.Value{Name: name, Type: hive.MultiSZ, Data: hive.EncodeMultiSZ(list)}
}

func sz(name, s string) hive.Value {
	return hive.Value{Name: name, Type: hive.SZ, Data: hive.EncodeSZ(s)}
}

func keyboard(service string, parameters ...hive.Value) windows.KeyboardDriver {
	key := `ControlSet001\Services\` + service
	return windows.KeyboardDriver{
		Service: service, Kind: service + " keyboards", Installed: true, Start: known(3),
		Parameters: windows.NewValues(key+`\Parameters`, parameters...),
		Dump:       windows.Values{Key: key + `\crashdump`}, Misplaced: windows.Values{Key: key + `\Parameters\crashdump`},
	}
}

// Changes to the ready machine.
type change func(*windows.Facts)

func crash(list ...hive.Value) change {
	return func(f *windows.Facts) {
		for _, v := range list {
			f.CrashControl = f.CrashControl.With(v)
		}
	}
}

func without(name string) change {
	return func(f *windows.Facts) { f.CrashControl = f.CrashControl.Without(name) }
}

func memory(list ...hive.Value) change {
	return func(f *windows.Facts) {
		for _, v := range list {
			f.Memory = f.Memory.With(v)
		}
	}
}

func pages(list ...string) change {
	return func(f *windows.Facts) {
		f.Memory = f.Memory.With(multi("PagingFiles", list...))
		f.PageFiles = windows.ParsePageFiles(list)
	}
}

func build(n int) change { return func(f *windows.Facts) { f.Version.Build = known(n) } }

func pack(name string) change { return func(f *windows.Facts) { f.Version.Pack = name } }

func server(f *windows.Facts) { f.Role = known(windows.Server) }

func platform(id string) change { return func(f *windows.Facts) { f.Platform.ID = id } }

func power(name string, n uint32) change {
	return func(f *windows.Facts) { f.Power = f.Power.With(dword(name, n)) }
}

func service(name string, start uint32) change {
	return func(f *windows.Facts) { f.Services[name] = start }
}

func free(n int64) change { return func(f *windows.Facts) { f.Free = known(n) } }
func ram(n int64) change  { return func(f *windows.Facts) { f.RAM = known(n) } }

// noRAM is a machine of unknown memory size.
func noRAM(f *windows.Facts) { f.RAM = windows.Fact[int64]{} }

// noKeys takes the combination off every keyboard.
func noKeys(f *windows.Facts) {
	for i := range f.Keyboards {
		f.Keyboards[i].Parameters = f.Keyboards[i].Parameters.Without(windows.CrashOnCtrlScroll)
	}
}

// x86Complete is 32-bit Windows that writes complete dumps.
func x86Complete(f *windows.Facts) {
	f.Arch = known("x86")
	crash(dword("CrashDumpEnabled", 1))(f)
}

// inUse is a machine whose only keyboard so far was one of this driver.
func inUse(service string) change {
	return func(f *windows.Facts) {
		for i := range f.Keyboards {
			f.Keyboards[i].InUse = known(f.Keyboards[i].Service == service)
		}
	}
}

// custom sets values in the first driver's sub-key crashdump.
func custom(list ...hive.Value) change {
	return func(f *windows.Facts) {
		for _, v := range list {
			f.Keyboards[0].Dump = f.Keyboards[0].Dump.With(v)
		}
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	r := Check(ready())
	if !r.Ready {
		t.Error("not ready")
	}
	for _, f := range r.Findings {
		if f.Verdict > Note {
			t.Errorf("%s %s: %s. %s", f.ID, f.Verdict, f.Title, f.Detail)
		}
	}
	if _, ok := r.Find("R15"); !ok {
		t.Error("the limit of what can be dumped is not said")
	}
}

type ruleCase struct {
	name    string
	change  []change
	id      string
	verdict Verdict
	words   string // part of title and detail
}

// ruleCases changes the ready machine and says which rule must speak, how gravely, and with which words.
var ruleCases = []ruleCase{
	{"bitlocker locked", []change{func(f *windows.Facts) { f.Volume.Locked = true }}, "A01", Block, "locked by BitLocker"},
	{"bitlocker suspended", []change{func(f *windows.Facts) { f.Volume.BitLocker, f.Volume.Suspended = true, true }}, "A01", Note, "protection is suspended"},
	{"bitlocker unlocked", []change{func(f *windows.Facts) { f.Volume.BitLocker = true }}, "A01", Note, "encrypted with BitLocker"},
	{"hibernated", []change{func(f *windows.Facts) {
		f.Volume.Hibernated, f.Volume.HibernatedWhy = true, "hiberfil.sys begins with HIBR"
	}}, "A02", Block, "Hiberfil.sys begins with HIBR. "},
	{"dirty volume", []change{func(f *windows.Facts) { f.Volume.Dirty = true }}, "A03", Risk, "dirty"},
	{"clean hive", nil, "A04", OK, "cleanly"},
	{"replayed hive", []change{func(f *windows.Facts) { f.Recovery = hive.Recovery{Dirty: true, Entries: 24} }}, "A04", Note, "24 entries"},
	{"replayed old hive", []change{func(f *windows.Facts) { f.Recovery = hive.Recovery{Dirty: true, Pages: 7} }}, "A04", Note, "7 pages"},
	{"control set", nil, "A05", OK, "ControlSet001"},
	{"control set missing", []change{func(f *windows.Facts) {
		f.ControlSet.Name, f.ControlSet.Problem = "", `Select\Default names ControlSet003, which is not in the hive`
	}}, "A05", Block, "ControlSet003"},
	{"control set guessed", []change{func(f *windows.Facts) { f.ControlSet.Guessed = true }}, "A05", Risk, "no value Default"},
	{"fell back", []change{func(f *windows.Facts) { f.ControlSet.Failed = 1 }}, "A06", Note, "Failed 1"},
	{"other set", []change{func(f *windows.Facts) { f.ControlSet.All = []string{"ControlSet001", "ControlSet002"} }}, "A07", Note, "ControlSet002 would"},
	{"setup running", []change{func(f *windows.Facts) { f.SetupState = windows.NewValues("Setup", dword("OOBEInProgress", 1)) }}, "A08", Risk, "OOBEInProgress is 1"},
	{"two windows", []change{func(f *windows.Facts) { f.Other = 1 }}, "A09", Note, "1 more"},
	{"moved disk", []change{func(f *windows.Facts) { f.Machine.UUID, f.Machine.LiveUUID = "{a}", "b" }}, "A10", Risk, "this one is b"},
	{"build unknown", []change{func(f *windows.Facts) { f.Version.Build = windows.Fact[int]{} }}, "A11", Unknown, "version is unknown"},
	{"build guessed", []change{func(f *windows.Facts) { f.Version.Build.Guessed = true }}, "A11", Unknown, "At least build 19045"},
	{"journal clean", []change{func(f *windows.Facts) { f.Volume.Journal, f.Volume.JournalClean = "journal is empty", true }}, "A14", OK, "Journal is empty."},
	{"journal in use", []change{func(f *windows.Facts) { f.Volume.Journal = "journal is in use" }}, "A14", Note, "--reset-journal"},
	{"mirror agrees", []change{func(f *windows.Facts) { f.Volume.Mirror, f.Volume.MirrorOK = "both agree", true }}, "A15", OK, "Both agree."},
	{"mirror differs", []change{func(f *windows.Facts) { f.Volume.Mirror = "records [3] differ" }}, "A15", Risk, "Records [3] differ. "},
	{"backup boot sector", []change{func(f *windows.Facts) { f.Volume.BackupBoot, f.Volume.BackupBootOK = "it is intact", true }}, "A16", OK, "It is intact."},
	{"boot store torn", []change{func(f *windows.Facts) {
		f.BootProblem, f.BootUnreadable = "EFI/Microsoft/Boot/BCD: hive is dirty", true
	}}, "A17", Risk, "EFI/Microsoft/Boot/BCD: hive is dirty. "},
	{"no backup boot sector", []change{func(f *windows.Facts) { f.Volume.BackupBoot = "it differs" }}, "A16", Note, "It differs. "},
	{"read-only", []change{func(f *windows.Facts) { f.Volume.ReadOnly = true }}, "A12", Risk, "Nothing can be written"},
	{"unreadable keys", []change{func(f *windows.Facts) { f.Problems = []string{"Enum: damaged", "x"} }}, "A13", Risk, "(and 1 more)"},

	{"dump off", []change{crash(dword("CrashDumpEnabled", 0))}, "C01", Block, "CrashDumpEnabled is 0"},
	{"dump type absent", []change{without("CrashDumpEnabled")}, "C01", Block, "absent"},
	{"automatic", nil, "C01", OK, "writes an automatic dump"},
	{"active", []change{crash(dword("CrashDumpEnabled", 1), dword("FilterPages", 1))}, "C01", OK, "writes an active dump"},
	{"dump type a string", []change{crash(sz("CrashDumpEnabled", "7"))}, "C02", Block, "REG_SZ"},
	{"minidump", []change{crash(dword("CrashDumpEnabled", 3))}, "C03", Loss, "minidump only"},
	{"automatic on 7", []change{build(7601)}, "C04", Risk, "Windows 8"},
	{"type 5", []change{crash(dword("CrashDumpEnabled", 5))}, "C05", Risk, "is 5"},
	{"type 99", []change{crash(dword("CrashDumpEnabled", 99))}, "C05", Risk, "is 99"},
	{"filter pages idle", []change{crash(dword("FilterPages", 1))}, "C06", Note, "no effect"},
	{"active on 8.1", []change{build(9600), crash(dword("FilterPages", 1), dword("CrashDumpEnabled", 1))}, "C07", Risk, "Server 2016"},
	{"guarded host", []change{func(f *windows.Facts) { f.GuardedHost = windows.NewValues("k", dword("GuardedHost", 1)) }}, "C08", Block, "guarded-host"},
	{"encryption without key", []change{crash(dword("DumpEncryptionEnabled", 1))}, "C09", Block, "1207"},
	{"encryption with a short key", []change{crash(dword("DumpEncryptionEnabled", 1)), certificate(1024)}, "C09", Block, "1207"},
	{"encryption", []change{crash(dword("DumpEncryptionEnabled", 1)), certificate(2048)}, "C10", Note, "ABCDEF"},
	{"dump file UNC", []change{crash(expandSZ("DumpFile", `\\server\share\x.dmp`))}, "C11", Block, `\\server`},
	{"dump file a number", []change{crash(dword("DumpFile", 1))}, "C11", Block, "a REG_DWORD"},
	{"dump file on no drive", []change{crash(sz("DumpFile", `X:\x.dmp`))}, "C12", Block, "no drive X:"},
	{"dump file on a CD", []change{crash(sz("DumpFile", `D:\x.dmp`))}, "C12", Block, "removable"},
	{"dump file is the page file", []change{crash(sz("DumpFile", `C:\PAGEFILE.SYS`))}, "C12", Block, "something else"},
	{"dump file is hiberfil.sys", []change{crash(sz("DumpFile", `c:\hiberfil.sys`))}, "C12", Block, "something else"},
	{"dump file is a folder", []change{func(f *windows.Facts) { f.Files.DumpFile = windows.File{Dir: true} }}, "C12", Block, "a folder"},
	{"dump file's folder", []change{func(f *windows.Facts) { f.Files.DumpDir = false }}, "C12", Block, "folder is missing"},
	{"dump file on Azure's temporary disk", []change{crash(sz("DumpFile", `D:\x.dmp`)), fixedDrive('D'), platform(windows.Azure)}, "C13", Risk, "Azure"},
	{"dump file elsewhere", []change{crash(sz("DumpFile", `E:\x.dmp`))}, "C13", Risk, "another volume"},
	{"no overwrite, old dump", []change{crash(dword("Overwrite", 0)), func(f *windows.Facts) {
		f.Files.DumpFile = windows.File{Present: true, Size: gib}
	}}, "C14", Loss, "Overwrite is 0"},
	{"no overwrite", []change{crash(dword("Overwrite", 0))}, "C14", Note, "Only one"},
	{"no room for dump and page file", []change{free(8 * gib)}, "C15", Loss, "8192 MB are free"},
	{"stays on stop screen", []change{crash(dword("AutoReboot", 0))}, "C17", Note, "stop screen"},
	{"no event", []change{crash(dword("LogEvent", 0))}, "C18", Note, "1001"},
	{"filter file missing", []change{func(f *windows.Facts) { f.Files.MissingFilters = []string{"acme.sys"} }}, "C19", Block, `acme.sys, which is not in System32\drivers`},
	{"foreign filter", []change{crash(multi("DumpFilters", "dumpfve.sys", "acme.sys"))}, "C20", Risk, "acme.sys"},
	{"bitlocker without filter", []change{crash(multi("DumpFilters")), func(f *windows.Facts) { f.Volume.BitLocker = true }}, "C21", Risk, "dumpfve.sys"},
	{"dedicated", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`))}, "C22", OK, `E:\x.sys`},
	{"dedicated before Vista", []change{build(3790), crash(sz("DedicatedDumpFile", `E:\x.sys`))}, "C22", Note, "Vista"},
	{"page file beside a dedicated file before Vista", []change{build(3790), crash(sz("DedicatedDumpFile", `E:\x.sys`)), pages()}, "P01", Block, "nowhere"},
	{"dedicated expand", []change{crash(expandSZ("DedicatedDumpFile", `E:\x.sys`))}, "C22", Block, "wants a REG_SZ"},
	{"dedicated UNC", []change{crash(sz("DedicatedDumpFile", `\\a\b\x.sys`))}, "C22", Block, "no path"},
	{"dedicated on a CD", []change{crash(sz("DedicatedDumpFile", `D:\x.sys`))}, "C22", Block, "removable"},
	{"dedicated long", []change{crash(sz("DedicatedDumpFile", `E:\`+strings.Repeat("x", 150)))}, "C22", Block, "150"},
	{"dedicated without room", []change{free(gib), crash(sz("DedicatedDumpFile", `C:\x.sys`)), func(f *windows.Facts) { f.Files.DedicatedDir = true }}, "C23", Block, "1024 MB are free"},
	{"dedicated tiny", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 2))}, "C25", Block, "2 MB"},
	{"dedicated tiny, 32 bits", []change{func(f *windows.Facts) { f.Arch = known("x86") }, crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 300))}, "C25", Block, "at least 512 MB"},
	{"dedicated small", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 1024))}, "C25", Loss, "about 2730 MB"},
	{"dedicated too small for complete", []change{crash(dword("CrashDumpEnabled", 1), sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 8300))}, "C25", Loss, "8492 MB"},
	{"dump file size without file", []change{crash(dword("DumpFileSize", 2))}, "C25", Note, "no dedicated"},
	{"last crash", []change{crash(hive.Value{Name: "LastCrashTime", Type: hive.Binary})}, "C28", Note, "four weeks"},
	{"dumps waiting", []change{func(f *windows.Facts) {
		f.Files.DumpFile = windows.File{Path: "Windows/MEMORY.DMP", Present: true, Size: 3 * gib}
		f.Files.TempDumps = []windows.File{{Path: "DUMP1.tmp"}}
		f.Files.Minidumps = make([]windows.File, 2)
	}}, "C31", Note, "Windows/MEMORY.DMP (3072 MB, 0001-01-01), DUMP1.tmp (0 MB), 2 minidumps"},
	{"dump in page file", []change{func(f *windows.Facts) { f.Files.PageFileDump = "PAGEDU64" }}, "C32", Note, "PAGEDU64"},
	{"dedicated without room on another drive", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveFree('E', gib)}, "C23", Block, "free on E:"},
	{"dump file without room on another drive", []change{crash(sz("DumpFile", `E:\x.dmp`)), driveFree('E', gib)}, "C15", Loss, "about 2730 MB"},
	{"dedicated on BitLocker", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveKind('E', "BitLocker")}, "C24", Risk, "unlocked too late"},
	{"dedicated on FAT", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveKind('E', "FAT32")}, "C24", Risk, "FAT32"},
	{"dedicated on an unknown file system", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveKind('E', "other")}, "C24", Risk, "Drive E: holds no NTFS;"},
	{"dedicated on Azure's temporary disk", []change{crash(sz("DedicatedDumpFile", `D:\x.sys`)), fixedDrive('D'), platform(windows.Azure)}, "C24", Risk, "Azure"},
	{"dedicated on a cluster", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), service("ClusDisk", 0)}, "C24", Risk, "cluster"},
	{"dedicated beside a storage pool", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), func(f *windows.Facts) { f.Storage.Spaces = true }}, "C24", Risk, "storage pool"},
	{"log of the dump stack", []change{func(f *windows.Facts) {
		f.DumpStack = windows.DumpStackLog{Path: "DumpStack.log", Lines: []string{"a", "b", "c", "d"}}
	}}, "C30", Note, "b | c | d"},
	{"SD disk only", []change{func(f *windows.Facts) { f.Storage = windows.Storage{SDDisks: 1} }}, "C33", Loss, "no other fixed disk"},
	{"SD disk among others", []change{func(f *windows.Facts) { f.Storage.SDDisks = 1 }}, "C33", Risk, "ForceF0State"},
	{"vendor's disk driver", []change{controller(windows.Controller{Service: "iaStorVD", Boot: true, Inf: "oem7.inf", Version: "18.1", Provider: "Intel"})}, "C34", Risk, `"iaStorVD" version "18.1" of "Intel"`},
	{"Windows To Go", []change{control(dword("PortableOperatingSystem", 1))}, "C35", Risk, "Windows To Go"},
	{"start from USB", []change{service("USBSTOR", 0)}, "C35", Risk, "from USB"},
	{"start from iSCSI", []change{service("iScsiPrt", 0)}, "C35", Risk, "from iSCSI"},
	{"dynamic disk", []change{func(f *windows.Facts) { f.Volume.Dynamic = true }}, "C35", Risk, "dynamic disk"},
	{"old VirtIO", []change{controller(windows.Controller{Service: "vioscsi", Boot: true, Inf: "oem2.inf", Version: "100.91.104.22100"})}, "C37", Risk, "before 222"},
	{"VirtIO without version", []change{controller(windows.Controller{Service: "viostor"})}, "C37", Risk, `"viostor": builds`},
	{"no reporting, dump elsewhere", []change{crash(sz("DumpFile", `E:\x.dmp`)), func(f *windows.Facts) {
		f.ErrorReportingPolicy = windows.NewValues("k", dword("Disabled", 1))
	}}, "C38", Risk, `E:\x.dmp`},
	{"no live dumps", []change{liveReports(dword("FullLiveReportsMax", 0))}, "C39", Note, "none is kept"},
	{"live dumps throttled", []change{liveReports(dword("SystemThrottleThreshold", 24))}, "C39", Note, "is 24"},
	{"write filter", []change{service("uwfvol", 0)}, "C36", Loss, "uwfvol"},

	{"no page file", []change{pages()}, "P01", Block, "nowhere"},
	{"page file of a wrong type", []change{pages(), memory(sz("PagingFiles", "x"))}, "P01", Block, "REG_MULTI_SZ"},
	{"page file elsewhere", []change{pages(`E:\pagefile.sys 9000 9000`)}, "P02", Block, "on C:"},
	{"page file elsewhere by choice of Windows", []change{pages(`?:\pagefile.sys`), noPageFile, memory(multi("ExistingPageFiles", `\??\E:\pagefile.sys`))}, "P02", Risk, "another volume"},
	{"tiny page file", []change{pages(`C:\pagefile.sys 256 256`)}, "P03", Block, "256 MB"},
	{"tiny page file while dumps are off", []change{crash(dword("CrashDumpEnabled", 0)), pages(`C:\pagefile.sys 256 256`)}, "P03", Block, "a kernel dump"},
	{"tiny page file for a complete dump, RAM unknown", []change{noRAM, crash(dword("CrashDumpEnabled", 1)), pages(`C:\pagefile.sys 16 16`)}, "P03", Block, "a complete dump takes at least 512 MB"},
	{"tiny page file, RAM unknown", []change{noRAM, pages(`C:\pagefile.sys 256 256`)}, "P03", Block, "256 MB"},
	{"small page file", []change{pages(`C:\pagefile.sys 2000 2000`)}, "P04", Loss, "about 2730 MB"},
	{"page file of a large server", []change{ram(512 * gib), free(2000 * gib), pages(`C:\pagefile.sys 65536 65536`)}, "P04", Risk, "up to 512.1 GB"},
	{"page file of a third", []change{pages(`C:\pagefile.sys 4000 4000`)}, "P04", Risk, "up to 8320 MB"},
	{"page file short for complete", []change{crash(dword("CrashDumpEnabled", 1)), pages(`C:\pagefile.sys 8300 8300`)}, "P04", Loss, "8492 MB"},
	{"page file for complete", []change{crash(dword("CrashDumpEnabled", 1))}, "P04", OK, "holds the dump"},
	{"initial smaller than maximum", []change{pages(`C:\pagefile.sys 4000 9000`)}, "P05", Risk, "initial 4000 MB"},
	{"managed, automatic", []change{pages(`?:\pagefile.sys`), func(f *windows.Facts) { f.Files.PageFile.Size = gib }}, "P06", Risk, "has 1024 MB now"},
	{"managed, automatic, large", []change{pages(`?:\pagefile.sys`)}, "P06", OK, "large enough"},
	{"managed, kernel", []change{pages(`C:\pagefile.sys 0 0`), crash(dword("CrashDumpEnabled", 2))}, "P06", OK, "sizes the page file"},
	{"managed, full disk", []change{pages(`?:\pagefile.sys`), free(0), func(f *windows.Facts) { f.Files.PageFile.Size = gib }}, "P07", Loss, "are 1024 MB"},
	{"managed, disk a little full", []change{pages(`?:\pagefile.sys`), free(5 * gib), func(f *windows.Facts) { f.Files.PageFile.Size = gib }}, "P07", Risk, "are 6144 MB"},
	{"managed, no room at all", []change{pages(`?:\pagefile.sys`), free(0), func(f *windows.Facts) { f.Files.PageFile.Size = 0 }}, "P07", Block, "too full for a dump"},
	{"managed, no room for a complete dump", []change{pages(`?:\pagefile.sys`), crash(dword("CrashDumpEnabled", 1)), free(5 * gib), func(f *windows.Facts) { f.Files.PageFile.Size = gib }}, "P07", Block, "too full for a dump"},
	{"fixed, full disk", []change{free(0), func(f *windows.Facts) { f.Files.PageFile.Size = gib }}, "P08", Block, "cannot be created"},
	{"page file missing", []change{func(f *windows.Facts) { f.Files.PageFile.Present = false }}, "P09", Risk, "not there"},
	{"temporary page file", []change{memory(dword("TempPageFile", 1))}, "P10", Risk, "temporary"},
	{"malformed", []change{pages(`pagefile.sys 1 2`)}, "P11", Block, "malformed"},
	{"malformed beside a good one", []change{pages(`C:\pagefile.sys 9000 9000`, `E:\x 5 2`)}, "P11", Risk, "maximum is smaller"},
	{"unknown drive", []change{pages(`C:\pagefile.sys 9000 9000`, `Z:\pagefile.sys 1 1`)}, "P12", Risk, "no drive Z:"},
	{"removable drive", []change{pages(`C:\pagefile.sys 9000 9000`, `D:\pagefile.sys 1 1`)}, "P13", Risk, "removable"},
	{"temporary disk", []change{platform(windows.Azure), pages(`C:\pagefile.sys 9000 9000`, `D:\pagefile.sys 1 1`), fixedDrive('D')}, "P13", Risk, "temporary disk"},
	{"cleared", []change{memory(dword("ClearPageFileAtShutdown", 1))}, "P14", Note, "not affected"},
	{"encrypted page file", []change{func(f *windows.Facts) { f.FileSystem = f.FileSystem.With(dword("NtfsEncryptPagingFile", 1)) }}, "P15", Risk, "EFS"},
	{"many page files", []change{pages(append(strings.Split(strings.Repeat(`E:\p.sys 1 1,`, 16), ",")[:16], `C:\pagefile.sys 9000 9000`)...)}, "P16", Risk, "17 entries"},
	{"RAM unknown", []change{noRAM}, "P17", Unknown, "memory size is unknown"},
	{"complete on 32 bits", []change{crash(dword("CrashDumpEnabled", 1)), func(f *windows.Facts) { f.Arch = known("x86") }}, "P18", Risk, "32-bit"},
	{"slow dump", []change{ram(1 << 40), crash(dword("CrashDumpEnabled", 1))}, "P19", Note, "175 minutes on a hard disk, 35 minutes on an SSD"},
	{"ignored size", []change{crash(dword("IgnorePagefileSize", 1)), pages(`C:\pagefile.sys 4000 4000`)}, "C26", Loss, "cut short"},
	{"complete in a small page file", []change{crash(dword("CrashDumpEnabled", 1)), pages(`C:\pagefile.sys 4000 4000`)}, "C27", Block, "event 49"},
	{"was too small", []change{crash(hive.Value{Name: "PageFileTooSmall", Type: hive.QWORD})}, "C29", Risk, "did not fit"},

	{"no trigger", []change{noKeys, build(7601)}, "T01", Block, "No trigger is armed"},
	{"no trigger on a laptop", []change{noKeys, platform(windows.Laptop)}, "T01", Block, "no usual way"},
	{"keyboard in a cloud that has none", []change{platform(windows.AWSXen)}, "T01", Block, "no console with a keyboard is known in this cloud; and this kind of machine has no usual way"},
	{"keyboard in a cloud that has none, ARM64", []change{platform(windows.Azure), func(f *windows.Facts) { f.Arch = known("arm64") }}, "T01", Block, "no NMI on ARM64"},
	{"armed driver of no keyboard", []change{build(2600), platform(windows.PC), inUse(windows.HIDKeyboard)}, "T01", Block, "connected so far"},
	{"button of a desktop", []change{noKeys, platform(windows.PC), power("PowerButtonBugcheck", 1)}, "T01", Risk, "power button is the only"},
	{"NMI only, machine unknown", []change{noKeys, platform("")}, "T01", Risk, "only trigger"},
	{"NMI off", []change{build(7601)}, "T02", Risk, "NMICrashDump is absent"},
	{"NMI a string", []change{build(7601), crash(sz("NMICrashDump", "1"))}, "T02", Risk, "a REG_SZ"},
	{"NMI on", nil, "T03", OK, "0x80"},
	{"NMI on, 2003", []change{build(3790), crash(dword("NMICrashDump", 1))}, "T03", OK, "0x80"},
	{"NMI on a laptop", []change{platform(windows.Laptop)}, "T03", Note, "jumper"},
	{"ARM64", []change{func(f *windows.Facts) { f.Arch = known("arm64") }}, "T04", Note, "ARM64"},
	{"keyboard on", nil, "T05", OK, "Hold right Ctrl, press Scroll Lock twice (i8042prt, kbdhid). Stop"},
	{"keyboard in a cloud that has none", []change{platform(windows.Azure)}, "T05", Note, "no console"},
	{"keyboard off", []change{noKeys}, "T05", Risk, "No installed"},
	{"custom keys", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 61))}, "T05", OK, "press Space twice"},
	{"custom keys ignored", []change{custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 61))}, "T06", Risk, "ignored"},
	{"key out of table", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 134))}, "T07", Risk, "134"},
	{"key a modifier", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 58))}, "T07", Risk, "58"},
	{"key without code", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 126))}, "T07", Risk, "126"},
	{"key absent", []change{noKeys, custom(dword(windows.Dump1Keys, 2))}, "T07", Risk, "absent"},
	{"no key to hold", []change{noKeys, custom(dword(windows.Dump1Keys, 0), dword(windows.Dump2Key, 61))}, "T08", Risk, "is 0"},
	{"undefined bit", []change{noKeys, custom(dword(windows.Dump1Keys, 8), dword(windows.Dump2Key, 61))}, "T08", Risk, "is 8"},
	{"keys misplaced", []change{func(f *windows.Facts) { f.Keyboards[0].Misplaced = windows.NewValues("k", dword(windows.Dump1Keys, 2)) }}, "T09", Risk, "beside Parameters"},
	{"keys of a wrong type", []change{noKeys, custom(sz(windows.Dump1Keys, "2"), dword(windows.Dump2Key, 61))}, "T10", Risk, "Dump1Keys is a REG_SZ"},
	{"USB on XP", []change{build(2600)}, "T11", Note, "PS/2 keyboards only"},
	{"USB on XP x64", []change{build(3790), pack("Service Pack 2")}, "T11", Note, "PS/2 keyboards only"},
	{"USB on 2003", []change{build(3790), server}, "T11", Note, "PS/2 keyboards only"},
	{"USB on 2003 SP1", []change{build(3790), server, pack("Service Pack 1")}, "T11", Note, "PS/2 keyboards only"},
	{"Hyper-V keyboard early", []change{build(17763), func(f *windows.Facts) {
		f.Keyboards[2] = keyboard(windows.HyperVKeyboard)
		f.Keyboards[2].InUse = known(true)
	}}, "T12", Note, "1903"},
	{"keyboard disabled", []change{func(f *windows.Facts) { f.Keyboards[0].Start = known(4) }}, "T13", Risk, "Start 4"},
	{"keyboard gap", []change{func(f *windows.Facts) {
		f.Keyboards[1] = keyboard(windows.HIDKeyboard)
		f.Keyboards[1].InUse = known(true)
	}}, "T14", Risk, "kbdhid"},
	{"power button early", []change{power("PowerButtonBugcheck", 1), build(17134)}, "T15", Note, "1809"},
	{"power button on a server", []change{power("PowerButtonBugcheck", 1)}, "T16", Note, "tablets"},
	{"power button twice", []change{power("PowerButtonBugcheck", 1), power("PowerButtonLiveDump", 0x23)}, "T17", Note, "wins"},
	{"watchdog", []change{func(f *windows.Facts) {
		f.Watchdogs = []windows.Watchdog{{Service: "ams", Vendor: "HPE ASR"}, {Service: "x", Vendor: "HPE ASR"}}
	}}, "T18", Risk, "(ams, x)"},
	{"KVM", []change{platform(windows.KVM)}, "T19", Risk, "hv-crash"},
	{"KVM with pvpanic", []change{platform(windows.KVM), service("pvpanic", 0)}, "T19", Risk, "on_crash"},
	{"VMware", []change{platform(windows.VMware)}, "T20", Note, "suspend it"},
	{"cluster", []change{service("ClusSvc", 2)}, "T21", Risk, "0x9E"},
	{"Hyper-V host", []change{service("vmms", 2)}, "T22", Note, "takes them all down"},
	{"debugger", []change{bootEntry(func(b *windows.BootSettings) { b.Debug = flagSet })}, "T23", Risk, "wait for a debugger"},
	{"unknown machine", []change{platform("")}, "T24", Note, "general terms"},

	{"not kept", []change{without("AlwaysKeepMemoryDump"), free(20 * gib)}, "C16", Loss, "20.0 GB on C:"},
	{"not kept on another drive", []change{without("AlwaysKeepMemoryDump"), crash(sz("DumpFile", `E:\x.dmp`)), driveFree('E', 20*gib)}, "C16", Loss, "20.0 GB on E:"},
	{"not kept, perhaps in a domain", []change{without("AlwaysKeepMemoryDump"), free(20 * gib), func(f *windows.Facts) { f.Domain = known("corp.example") }}, "C16", Risk, "corp.example"},
	{"not kept, free space unknown", []change{without("AlwaysKeepMemoryDump"), func(f *windows.Facts) { f.Free.Known = false }}, "C16", Unknown, "25 GB"},
	{"fast startup", []change{func(f *windows.Facts) { f.SessionPower = f.SessionPower.With(dword("HiberbootEnabled", 1)) }}, "R01", Risk, "HiberbootEnabled is 1"},
	{"domain", []change{func(f *windows.Facts) { f.Domain = known("corp.example") }}, "R08", Note, "corp.example"},
	{"verifier", []change{memory(sz("VerifyDrivers", "*"))}, "R10", Note, "watches *"},
	{"automatic repair", []change{bootEntry(func(b *windows.BootSettings) { b.RecoveryEnabled = flagSet })}, "R02", Note, "while it starts"},
	{"automatic repair after a failed boot", []change{control(dword("LastBootSucceeded", 0)), bootEntry(func(b *windows.BootSettings) { b.RecoveryEnabled = flagSet })}, "R02", Risk, "The last boot failed"},
	{"stop screen stays by the boot store", []change{bootEntry(func(b *windows.BootSettings) { b.NoCrashAutoReboot = flagSet })}, "R03", Note, "overrides AutoReboot"},
	{"next start in safe mode", []change{bootEntry(func(b *windows.BootSettings) { b.SafeBoot = windows.BootValue[uint64]{Value: 1, Origin: windows.Set} })}, "R04", Note, "with network"},
	{"a safe mode nobody knows", []change{bootEntry(func(b *windows.BootSettings) { b.SafeBoot = windows.BootValue[uint64]{Value: 9, Origin: windows.Set} })}, "R04", Note, "safeboot: 9"},
	{"memory removed", []change{bootEntry(func(b *windows.BootSettings) {
		b.RemoveMemory = windows.BootValue[uint64]{Value: 2048, Origin: windows.Set}
	})}, "R05", Note, "6144 MB of 8192 MB"},
	{"more memory removed than there is", []change{bootEntry(func(b *windows.BootSettings) {
		b.RemoveMemory = windows.BootValue[uint64]{Value: 8192, Origin: windows.Set}
	})}, "R05", Note, "removememory or truncatememory"},
	{"all memory truncated", []change{bootEntry(func(b *windows.BootSettings) {
		b.TruncateMemory = windows.BootValue[uint64]{Value: 1000, Origin: windows.Set}
	})}, "R05", Note, "removememory or truncatememory"},
	{"memory truncated", []change{bootEntry(func(b *windows.BootSettings) {
		b.TruncateMemory = windows.BootValue[uint64]{Value: 4 << 30, Origin: windows.Set}
	})}, "R05", Note, "4096 MB of 8192 MB"},
	{"memory removed of an unknown size", []change{noRAM, bootEntry(func(b *windows.BootSettings) {
		b.RemoveMemory = windows.BootValue[uint64]{Value: 2048, Origin: windows.Set}
	})}, "R05", Note, "removememory or truncatememory"},
	{"VBS", []change{vbs}, "R06", Note, "secure kernel"},
	{"HVCI", []change{func(f *windows.Facts) { f.CodeIntegrity = windows.NewValues("k", dword("Enabled", 1)) }}, "R06", Note, "secure kernel"},
	{"Credential Guard", []change{func(f *windows.Facts) { f.LSA = windows.NewValues("k", dword("LsaCfgFlags", 1)) }}, "R06", Note, "secure kernel"},
	{"VBS without a hypervisor", []change{vbs, bootEntry(func(b *windows.BootSettings) { b.HypervisorLaunchType = windows.BootValue[uint64]{Origin: windows.Set} })}, "R06", Note, "cannot start"},
	{"host of guests", []change{service("vmcompute", 2)}, "R07", Note, "memory of all of them"},
	{"policy", []change{func(f *windows.Facts) {
		f.Policies = []windows.Policy{{Source: "ntuser.pol", Names: []string{"PagingFiles"}}}
	}}, "R09", Risk, `"ntuser.pol" (PagingFiles)`},
	{"failed boot", []change{control(dword("LastBootSucceeded", 0))}, "R12", Note, "did not succeed"},
	{"no shutdown", []change{control(dword("LastBootShutdown", 0))}, "R12", Note, "not shut down"},
	{"dirty shutdowns", []change{control(dword("DirtyShutdownCount", 3))}, "R12", Note, "3 times"},
	{"nothing to write", nil, "R16", OK, "right already"},
	{"audit", []change{func(f *windows.Facts) { f.LSA = windows.NewValues("k", dword("CrashOnAuditFail", 1)) }}, "R11", Note, "0xC0000244"},
	{"audit failed", []change{func(f *windows.Facts) { f.LSA = windows.NewValues("k", dword("CrashOnAuditFail", 2)) }}, "R11", Note, "is 2"},
	{"safe mode", []change{func(f *windows.Facts) {
		f.Control = windows.NewValues("k", sz("SystemStartOptions", " SAFEBOOT:MINIMAL NOEXECUTE=OPTIN"))
	}}, "R13", Note, "SAFEBOOT:MINIMAL"},
	{"secrets", nil, "R14", Note, "passwords"},
	{"a crash made on purpose", []change{lastDump("The crash was made on purpose.")}, "R17", Note, "made on purpose"},
	{"an NMI", []change{lastDump("If somebody sent it."), func(f *windows.Facts) { f.LastDump.NMI = true }}, "R17", Note, "If somebody sent it."},
	{"another crash", []change{lastDump("")}, "R17", Note, "2026-03-04 05:06:07 UTC."},
	{"scope", nil, "R15", Note, "before the page file opens"},
}

func lastDump(purpose string) change {
	return func(f *windows.Facts) {
		f.LastDump = &windows.LastDump{Path: "Windows/MEMORY.DMP", Code: "0xE2 MANUALLY_INITIATED_CRASH",
			At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Purpose: purpose}
	}
}

// flagSet is an element of the boot store that is on.
var flagSet = windows.BootValue[bool]{Value: true, Origin: windows.Set}

func bootEntry(set func(*windows.BootSettings)) change {
	return func(f *windows.Facts) {
		f.Boot = &windows.BootSettings{Store: "BCD", Entry: "{1}"}
		set(f.Boot)
	}
}

func vbs(f *windows.Facts) {
	f.DeviceGuard = windows.NewValues("k", dword("EnableVirtualizationBasedSecurity", 1))
}

func control(list ...hive.Value) change {
	return func(f *windows.Facts) { f.Control = windows.NewValues("k", list...) }
}

func liveReports(list ...hive.Value) change {
	return func(f *windows.Facts) { f.FullLiveReports = windows.NewValues("k", list...) }
}

func controller(c windows.Controller) change {
	return func(f *windows.Facts) { f.Storage.Controllers = append(f.Storage.Controllers, c) }
}

// onDrive changes what is known of a drive letter.
func onDrive(letter byte, set func(*windows.Drive)) change {
	return func(f *windows.Facts) {
		for i := range f.Drives {
			if f.Drives[i].Letter == letter {
				set(&f.Drives[i])
			}
		}
	}
}

func driveFree(letter byte, n int64) change {
	return onDrive(letter, func(d *windows.Drive) { d.Free = known(n) })
}

func driveKind(letter byte, fs string) change {
	return onDrive(letter, func(d *windows.Drive) { d.FileSystem = fs })
}

func fixedDrive(letter byte) change {
	return onDrive(letter, func(d *windows.Drive) { d.Device = "" })
}

func certificate(bits uint16) change {
	return func(f *windows.Facts) {
		key := append([]byte("RSA1"), byte(bits), byte(bits>>8), 0, 0, 3, 0, 0, 0)
		f.Certificate = windows.NewValues("k", hive.Value{Name: "PublicKey", Type: hive.Binary, Data: key}, sz("Thumbprint", "ABCDEF"))
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range ruleCases {
		t.Run(tt.id+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			f := ready()
			for _, c := range tt.change {
				c(f)
			}
			r := Check(f)
			got, ok := r.Find(tt.id)
			if !ok {
				t.Fatalf("%s says nothing", tt.id)
			}
			text := got.Title + " " + got.Detail
			if !strings.Contains(text, tt.words) {
				t.Errorf("%q lacks %q", text, tt.words)
			}
			if got.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s: %s", got.Verdict, tt.verdict, text)
			}
			if tt.verdict >= Loss && r.Ready {
				t.Error("ready all the same")
			}
			if got.Title == "" || got.Detail == "" || strings.HasSuffix(got.Title, ".") || !strings.HasSuffix(got.Detail, ".") {
				t.Errorf("title without full stop and detail with one: %q, %q", got.Title, got.Detail)
			}
		})
	}
}

// What depends on the version.
func TestVersionDependent(t *testing.T) {
	t.Parallel()
	unknownBuild := func(f *windows.Facts) { f.Version.Build = windows.Fact[int]{} }
	for _, tt := range []struct {
		name   string
		change []change
		armed  func(*windows.Facts) bool
		want   bool
	}{
		{"USB on 2003 SP2", []change{build(3790), server, pack("Service Pack 2")}, usbArmed, true},
		{"USB on XP x64 SP2", []change{build(3790), pack("Service Pack 2")}, usbArmed, false},
		{"USB on 2003 RTM", []change{build(3790), server}, usbArmed, false},
		{"USB on Vista SP1", []change{build(6001)}, usbArmed, true},
		{"power button on a laptop", []change{power("PowerButtonBugcheck", 1), platform(windows.Laptop)}, PowerButtonArmed, true},
		{"power button, build unknown", []change{power("PowerButtonBugcheck", 1), platform(windows.Laptop), unknownBuild}, PowerButtonArmed, false},
	} {
		f := ready()
		for _, c := range tt.change {
			c(f)
		}
		if got := tt.armed(f); got != tt.want {
			t.Errorf("%s: armed %v, want %v", tt.name, got, tt.want)
		}
	}
}

func usbArmed(f *windows.Facts) bool {
	return slices.ContainsFunc(ArmedKeyboards(f), func(k ArmedKeyboard) bool { return k.Service == windows.HIDKeyboard })
}

// The fix of a small page file asks for what arm cannot find out, and does not promise room that is not there.
func TestPageFileFix(t *testing.T) {
	t.Parallel()
	small := pages(`C:\pagefile.sys 4000 4000`)
	unknownFree := func(f *windows.Facts) { f.Free.Known = false }
	for want, change := range map[string]change{
		"hangkit arm":                  func(*windows.Facts) {},
		"hangkit arm --ram SIZE":       noRAM,
		"hangkit arm --pagefile 8320M": unknownFree,
		`free space on C:, or hangkit arm --dedicated-dump "E:\hangkit.dmp"`: func(f *windows.Facts) {
			f.Free, f.Files.PageFile.Size = known(gib), gib
		},
	} {
		f := ready()
		small(f)
		change(f)
		if got := pageFileFix(f); got != want {
			t.Errorf("fix %q, want %q", got, want)
		}
	}
}

// The dedicated dump file is offered a place on a plain drive only.
func TestDedicatedPlace(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change []change
		avoid  []byte
		want   string
	}{
		"not the CD":             {nil, nil, `hangkit arm --dedicated-dump "E:\hangkit.dmp:SIZE"`},
		"a fixed disk":           {[]change{fixedDrive('D')}, nil, `hangkit arm --dedicated-dump "D:\hangkit.dmp:SIZE"`},
		"Azure's temporary disk": {[]change{fixedDrive('D'), platform(windows.Azure)}, nil, `hangkit arm --dedicated-dump "E:\hangkit.dmp:SIZE"`},
		"FAT":                    {[]change{driveKind('E', "FAT32")}, nil, "add a disk for a dedicated dump file"},
		"found wanting":          {nil, []byte{'E'}, "add a disk for a dedicated dump file"},
	} {
		f := ready()
		for _, c := range tt.change {
			c(f)
		}
		if got := dedicatedOn(f, ":SIZE", tt.avoid...); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Commands that are offered go through any shell unchanged.
func TestFixesCanBePasted(t *testing.T) {
	t.Parallel()
	for _, tt := range ruleCases {
		f := ready()
		for _, c := range tt.change {
			c(f)
		}
		for _, finding := range Check(f).Findings {
			_, command, _ := strings.Cut(finding.Fix, "hangkit ")
			if strings.ContainsAny(command, "%$'`") || strings.Count(command, `\`) != strings.Count(command, `"E:\`) {
				t.Errorf("%s: %s", finding.ID, finding.Fix)
			}
		}
	}
}

// What Windows recorded of a page file that is large enough by now, arm takes away, however full the disk is.
func TestPageFileFixWhenEnough(t *testing.T) {
	t.Parallel()
	f := ready()
	crash(hive.Value{Name: "PageFileTooSmall", Type: hive.QWORD})(f)
	free(0)(f)
	if finding, _ := ruleWasTooSmall(f); finding.Fix != "hangkit arm" {
		t.Errorf("fix %q", finding.Fix)
	}
}

// A finding that blocks or loses the dump says what to do, unless nothing can be done.
func TestGraveFindingsHaveFixes(t *testing.T) {
	t.Parallel()
	for _, tt := range ruleCases {
		f := ready()
		for _, c := range tt.change {
			c(f)
		}
		for _, finding := range Check(f).Findings {
			if finding.Verdict >= Loss && finding.Fix == "" && finding.ID != "A05" {
				t.Errorf("%s: %s has no fix", finding.ID, finding.Title)
			}
		}
	}
}

// Every rule has an id of its own, fires in one test and is silent in another.
func TestRuleTable(t *testing.T) {
	t.Parallel()
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, tt := range ruleCases {
		fires[tt.id] = true
	}
	for _, tt := range silentCases {
		silent[tt.id] = true
	}
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.id] {
			t.Errorf("rule %s twice", r.id)
		}
		seen[r.id] = true
		if !fires[r.id] {
			t.Errorf("rule %s fires in no test", r.id)
		}
		if !silent[r.id] && alwaysSaid[r.id] == "" {
			t.Errorf("rule %s is silent in no test", r.id)
		}
		if len(r.reads) == 0 && alwaysSaid[r.id] == "" && r.weigh == nil {
			t.Errorf("rule %s does not say what it reads", r.id)
		}
	}
	for _, ids := range []map[string]bool{fires, silent} {
		for id := range ids {
			if !seen[id] {
				t.Errorf("%s is tested and is no rule", id)
			}
		}
	}
}

// Each name leads to one platform or way.
func TestPlatformAliases(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, p := range slices.Concat(Platforms(), Ways()) {
		for _, name := range append([]string{p.ID}, p.Also...) {
			if other, twice := seen[name]; twice || name != strings.ToLower(name) {
				t.Errorf("%q stands for %s and for %s", name, p.ID, other)
			}
			seen[name] = p.ID
		}
	}
}

// Programs get ids, people get words.
func TestGroupIDs(t *testing.T) {
	t.Parallel()
	want := []string{"access", "dump", "page_file", "trigger", "keeping"}
	for i, g := range Groups() {
		if g.ID() != want[i] {
			t.Errorf("%q has the id %s, want %s", g, g.ID(), want[i])
		}
	}
}

// No facts at all must not break a rule.
func TestRulesOnNothing(t *testing.T) {
	t.Parallel()
	r := Check(&windows.Facts{})
	if r.Ready {
		t.Error("ready without a single fact")
	}
}
