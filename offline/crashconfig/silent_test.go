package crashconfig

import (
	"slices"
	"testing"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// alwaysSaid are the rules that no facts keep silent, and why.
var alwaysSaid = map[string]string{
	"R14": "every dump holds secrets",
	"R15": "no setting helps against a hang before the page file is open",
}

// silentCases change the ready machine so that a rule is nearly met, and must say nothing, or nothing but that all is well.
var silentCases = []struct {
	id     string
	change []change
}{
	{"A01", nil},
	{"A02", []change{func(f *windows.Facts) { f.Volume.HibernatedWhy = "hiberfil.sys begins with wake" }}},
	{"A03", []change{func(f *windows.Facts) { f.Volume.DirtyWhy = "0x0080" }}},
	{"A04", []change{func(f *windows.Facts) { f.Recovery = hive.Recovery{Entries: 3} }}},
	{"A05", []change{func(f *windows.Facts) { f.ControlSet.LastKnownGood = 2 }}},
	{"A06", []change{func(f *windows.Facts) { f.ControlSet.LastKnownGood = 2 }}},
	{"A07", []change{func(f *windows.Facts) { f.ControlSet.All = []string{"CONTROLSET001"} }}},
	{"A08", []change{func(f *windows.Facts) { f.SetupState = windows.NewValues("Setup", dword("SetupType", 0)) }}},
	{"A09", nil},
	{"A10", []change{func(f *windows.Facts) { f.Machine.UUID, f.Machine.LiveUUID = "{ab}", "AB" }}},
	{"A10", []change{func(f *windows.Facts) { f.Machine.UUID = "{ab}" }}},
	{"A11", []change{build(2195)}},
	{"A12", []change{func(f *windows.Facts) { f.Volume.ReadOnlyWhy = "x" }}},
	{"A13", nil},
	{"A14", []change{func(f *windows.Facts) { f.Volume.Journal, f.Volume.JournalClean = "journal is empty", true }}},
	{"A15", []change{func(f *windows.Facts) { f.Volume.Mirror, f.Volume.MirrorOK = "both agree", true }}},
	{"A16", []change{func(f *windows.Facts) { f.Volume.BackupBoot, f.Volume.BackupBootOK = "intact", true }}},
	{"A17", []change{func(f *windows.Facts) { f.BootProblem = "no store lies on this disk" }}},

	{"C01", []change{crash(dword("CrashDumpEnabled", 2))}},
	{"C01", []change{crash(dword("CrashDumpEnabled", 3))}},
	{"C02", []change{without("CrashDumpEnabled")}},
	{"C03", []change{crash(dword("CrashDumpEnabled", 2))}},
	{"C04", []change{build(9200)}},
	{"C05", []change{crash(dword("CrashDumpEnabled", 1))}},
	{"C06", []change{crash(dword("FilterPages", 1), dword("CrashDumpEnabled", 1))}},
	{"C06", []change{crash(dword("FilterPages", 0))}},
	{"C07", []change{build(10240), crash(dword("FilterPages", 1), dword("CrashDumpEnabled", 1))}},
	{"C07", []change{build(9600), crash(dword("CrashDumpEnabled", 1))}},
	{"C08", []change{func(f *windows.Facts) { f.GuardedHost = windows.NewValues("k", dword("GuardedHost", 0)) }}},
	{"C09", []change{crash(dword("DumpEncryptionEnabled", 1)), certificate(2048)}},
	{"C09", []change{certificate(1024)}},
	{"C10", []change{certificate(2048)}},
	{"C11", []change{without("DumpFile")}},
	{"C11", []change{crash(sz("DumpFile", `\\server\x.dmp`), dword("CrashDumpEnabled", 3))}},
	{"C12", []change{crash(sz("DumpFile", `E:\x.dmp`))}},
	{"C13", []change{crash(sz("DumpFile", `C:\dumps\x.dmp`))}},
	{"C14", []change{func(f *windows.Facts) { f.Files.DumpFile = windows.File{Present: true, Size: gib} }}},
	{"C15", []change{free(9000 * mib)}},
	{"C15", []change{crash(sz("DumpFile", `E:\x.dmp`)), driveFree('E', 2730*mib)}},
	{"C17", []change{crash(dword("AutoReboot", 1))}},
	{"C18", []change{crash(dword("LogEvent", 1))}},
	{"C19", nil},
	{"C20", []change{crash(multi("DumpFilters", "DUMPFVE.SYS"))}},
	{"C21", []change{func(f *windows.Facts) { f.Volume.BitLocker = true }}},
	{"C21", []change{crash(multi("DumpFilters"))}},
	{"C22", nil},
	{"C23", []change{build(3790), free(0), crash(sz("DedicatedDumpFile", `C:\x.sys`))}},
	{"C24", []change{build(3790), crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveKind('E', "FAT32")}},
	{"C25", []change{ram(700 * gib), crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 65536))}},
	{"C23", []change{free(8320 * mib), crash(sz("DedicatedDumpFile", `C:\x.sys`))}},
	{"C23", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveFree('E', 8320*mib)}},
	{"C24", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), driveKind('E', "NTFS")}},
	{"C24", []change{service("ClusDisk", 0)}},
	{"C25", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`), dword("DumpFileSize", 8320))}},
	{"C25", []change{crash(dword("DumpFileSize", 0))}},
	{"C26", []change{crash(dword("IgnorePagefileSize", 1)), pages(`C:\pagefile.sys 8192 8192`)}},
	{"C27", []change{crash(dword("CrashDumpEnabled", 1)), pages(`C:\pagefile.sys 8193 8193`)}},
	{"C27", []change{crash(dword("CrashDumpEnabled", 1), dword("IgnorePagefileSize", 1)), pages(`C:\pagefile.sys 4000 4000`)}},
	{"C28", []change{crash(hive.Value{Name: "LastCrashTime", Type: hive.Binary}, dword("CrashDumpEnabled", 2))}},
	{"C29", nil},
	{"C30", []change{func(f *windows.Facts) { f.DumpStack.Path = "DumpStack.log" }}},
	{"C31", nil},
	{"C32", nil},
	{"C33", []change{func(f *windows.Facts) {
		f.Storage.SDDisks = 1
		f.SDBusParameter = windows.NewValues("k", dword("ForceF0State", 1))
	}}},
	{"C34", []change{controller(windows.Controller{Service: "x", Inf: "oem1.inf"})}},
	{"C34", []change{controller(windows.Controller{Service: "LSI_SAS", Boot: true, Inf: "lsi_sas.inf"})}},
	{"C34", []change{controller(windows.Controller{Service: "vioscsi", Boot: true, Inf: "oem1.inf", Version: "100.94.104.24900"})}},
	{"C35", []change{service("USBSTOR", 3), control(dword("PortableOperatingSystem", 0))}},
	{"C36", []change{service("uwfvol", 4)}},
	{"C37", []change{controller(windows.Controller{Service: "vioscsi", Version: "100.92.104.22200"})}},
	{"C38", []change{func(f *windows.Facts) { f.ErrorReporting = windows.NewValues("k", dword("Disabled", 1)) }}},
	{"C38", []change{crash(sz("DumpFile", `E:\x.dmp`))}},
	{"C39", []change{liveReports(dword("FullLiveReportsMax", 1), dword("SystemThrottleThreshold", 0))}},
	{"C39", []change{build(15063), liveReports(dword("FullLiveReportsMax", 0))}},

	{"P01", []change{pages(), crash(sz("DedicatedDumpFile", `E:\x.sys`))}},
	{"P02", []change{pages(`?:\pagefile.sys`)}},
	{"P02", []change{pages(`E:\pagefile.sys 9000 9000`), crash(sz("DedicatedDumpFile", `E:\x.sys`))}},
	{"P02", []change{pages(`?:\pagefile.sys`), memory(multi("ExistingPageFiles", `\??\E:\pagefile.sys`))}},
	{"P03", []change{pages(`C:\pagefile.sys 512 512`)}},
	{"P04", []change{pages(`C:\pagefile.sys 8320 8320`)}},
	{"P04", []change{pages(`C:\pagefile.sys 511 511`)}},
	{"P04", []change{x86Complete, pages(`C:\pagefile.sys 4095 4095`)}},
	{"P04", []change{x86Complete, server, pages(`C:\pagefile.sys 9000 9000`)}},
	{"C27", []change{x86Complete, pages(`C:\pagefile.sys 4095 4095`)}},
	{"P05", []change{pages(`C:\pagefile.sys 8320 9000`)}},
	{"P05", []change{pages(`C:\pagefile.sys 4000 8319`)}},
	{"P06", []change{pages(`C:\pagefile.sys 4000 4000`)}},
	{"P06", []change{pages(`?:\pagefile.sys`), crash(dword("CrashDumpEnabled", 2))}},
	{"P07", []change{pages(`?:\pagefile.sys`), free(0), pageFileOf(8320 * mib)}},
	{"P08", []change{free(0)}},
	{"P09", []change{pages(`?:\pagefile.sys`), memory(multi("ExistingPageFiles", `\??\E:\pagefile.sys`)), noPageFile}},
	{"P09", []change{crash(sz("DedicatedDumpFile", `E:\x.sys`)), noPageFile}},
	{"P10", []change{memory(dword("TempPageFile", 0))}},
	{"P11", []change{pages(`C:\page file.sys 9000 9000`)}},
	{"P12", []change{pages(`C:\pagefile.sys 9000 9000`, `E:\pagefile.sys 1 1`)}},
	{"P13", []change{pages(`C:\pagefile.sys 9000 9000`, `E:\pagefile.sys 1 1`), platform(windows.Azure)}},
	{"P14", []change{memory(dword("ClearPageFileAtShutdown", 0))}},
	{"P15", []change{func(f *windows.Facts) { f.FileSystem = f.FileSystem.With(dword("NtfsEncryptPagingFile", 0)) }}},
	{"P16", []change{pages(slices.Repeat([]string{`C:\pagefile.sys 9000 9000`}, 16)...)}},
	{"P17", []change{ram(windows.MinRAM)}},
	{"P18", []change{crash(dword("CrashDumpEnabled", 1)), ram((4095 - completeExtra) * mib), func(f *windows.Facts) { f.Arch = known("x86") }}},
	{"P18", []change{crash(dword("CrashDumpEnabled", 1))}},
	{"P19", []change{crash(dword("CrashDumpEnabled", 1)), ram(175 * gib)}},

	{"T01", []change{noKeys, platform(windows.VMware)}},
	{"T01", []change{platform("")}},
	{"T01", []change{platform(windows.Azure)}},
	{"T01", []change{platform(windows.PC), inUse(windows.HIDKeyboard)}},
	{"T01", []change{noKeys, platform(windows.Laptop), power("PowerButtonBugcheck", 1)}},
	{"T01", []change{noKeys, platform(""), power("PowerButtonBugcheck", 1)}},
	{"T02", []change{build(9200)}},
	{"T02", []change{build(7601), crash(dword("NMICrashDump", 1))}},
	{"T03", []change{build(7601)}},
	{"T04", []change{func(f *windows.Facts) { f.Arch = known("arm") }}},
	{"T05", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 61))}},
	{"T06", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 61))}},
	{"T07", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 133))}},
	{"T07", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 124))}},
	{"T08", []change{noKeys, custom(dword(windows.Dump1Keys, 0x77), dword(windows.Dump2Key, 61))}},
	{"T09", []change{noKeys, custom(dword(windows.Dump1Keys, 2), dword(windows.Dump2Key, 61))}},
	{"T10", []change{custom(dword(windows.Dump1Keys, 2))}},
	{"T11", []change{build(3790), server, pack("Service Pack 2")}},
	{"T12", []change{build(18362), func(f *windows.Facts) {
		f.Keyboards[2] = keyboard(windows.HyperVKeyboard)
		f.Keyboards[2].InUse = known(true)
	}}},
	{"T13", []change{func(f *windows.Facts) { f.Keyboards[0].Start = known(3) }}},
	{"T14", []change{func(f *windows.Facts) { f.Keyboards[1] = keyboard(windows.HIDKeyboard) }}},
	{"T15", []change{power("PowerButtonBugcheck", 1), build(17763)}},
	{"T16", []change{power("PowerButtonBugcheck", 1), platform(windows.Laptop)}},
	{"T17", []change{power("PowerButtonBugcheck", 1), power("PowerButtonLiveDump", 0x22)}},
	{"T18", nil},
	{"T19", []change{platform(windows.VMware), service("pvpanic", 0)}},
	{"T20", []change{platform(windows.VirtualBox)}},
	{"T21", []change{service("ClusSvc", 4)}},
	{"T22", []change{service("vmms", 2), platform(windows.HyperV)}},
	{"T23", []change{bootEntry(func(b *windows.BootSettings) { b.BootDebug = flagSet })}},
	{"T24", []change{platform(windows.PC)}},

	{"C16", []change{free(1), without("AlwaysKeepMemoryDump"), server}},
	{"C16", []change{free(25*gib + 1), without("AlwaysKeepMemoryDump")}},
	{"C16", []change{build(6002), free(1), without("AlwaysKeepMemoryDump")}},
	{"R01", nil},
	{"R02", []change{bootEntry(func(b *windows.BootSettings) {
		b.RecoveryEnabled, b.BootStatusPolicy = flagSet, windows.BootValue[uint64]{Value: 1, Origin: windows.Set}
	})}},
	{"R02", []change{bootEntry(func(*windows.BootSettings) {})}},
	{"R03", []change{bootEntry(func(*windows.BootSettings) {}), crash(dword("AutoReboot", 0))}},
	{"R04", []change{bootEntry(func(*windows.BootSettings) {})}},
	{"R05", []change{bootEntry(func(*windows.BootSettings) {})}},
	{"R06", []change{func(f *windows.Facts) {
		f.DeviceGuard = windows.NewValues("k", dword("EnableVirtualizationBasedSecurity", 0))
	}}},
	{"R07", []change{service("vmms", 2), crash(dword("CrashDumpEnabled", 1), dword("FilterPages", 1))}},
	{"R08", nil},
	{"R09", nil},
	{"R10", []change{memory(sz("VerifyDrivers", ""))}},
	{"R11", []change{func(f *windows.Facts) { f.LSA = windows.NewValues("k", dword("CrashOnAuditFail", 0)) }}},
	{"R12", []change{control(dword("LastBootSucceeded", 1), dword("LastBootShutdown", 1), dword("DirtyShutdownCount", 2))}},
	{"R13", []change{control(sz("SystemStartOptions", " NOEXECUTE=OPTIN  FVEBOOT=2670592"))}},
	{"R17", []change{func(f *windows.Facts) { f.Files.DumpFile.Present = true }}}, // a file that is no dump
	{"R16", []change{noKeys}},
}

func pageFileOf(n int64) change {
	return func(f *windows.Facts) { f.Files.PageFile.Size = n }
}

func noPageFile(f *windows.Facts) { f.Files.PageFile.Present = false }

func TestRulesSilent(t *testing.T) {
	t.Parallel()
	for _, tt := range silentCases {
		f := ready()
		for _, c := range tt.change {
			c(f)
		}
		got, ok := Check(f).Find(tt.id)
		if ok && (got.Verdict != OK || onlyOK(tt.id)) {
			t.Errorf("%s speaks (%s): %s. %s", tt.id, got.Verdict, got.Title, got.Detail)
		}
	}
}

// onlyOK reports a rule that has nothing to say but that all is well: silence is silence then.
func onlyOK(id string) bool {
	return !slices.ContainsFunc(ruleCases, func(c ruleCase) bool { return c.id == id && c.verdict != OK })
}
