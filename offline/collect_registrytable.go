package offline

// registryRule names one value, or all values of a key, that decide about crashes,
// hangs and their dumps, or date them.
type registryRule struct {
	hive    string                      // "SYSTEM", "SOFTWARE"
	key     string                      // {Set} stands for the control set of the next boot
	name    string                      // anyValue for all that no other rule names
	show    func(v registryData) string // nil for the data as they are
	meaning string
	absent  string // what it means that there is none; empty where that is not worth telling
}

// anyValue stands for every value of a key, or for the name of every sub-key.
const anyValue = "*"

const (
	controlKey    = `{Set}\Control`
	crashKey      = controlKey + `\CrashControl`
	sessionKey    = controlKey + `\Session Manager`
	memoryKey     = sessionKey + `\Memory Management`
	servicesKey   = `{Set}\Services`
	currentKey    = `Microsoft\Windows NT\CurrentVersion`
	errorsKey     = `Microsoft\Windows\Windows Error Reporting`
	startMeaning  = "when the driver is loaded: 0 boot, 1 system, 2 automatic, 3 on demand, 4 never"
	heldMeaning   = "the keys to hold: bits for Shift, Ctrl and Alt, left and right"
	secondMeaning = "the key to press twice, as a place on the keyboard"
)

// registryRules are the values, key by key.
//
// What is secret by its purpose is left out on purpose: product keys, accounts,
// passwords, certificates' keys.
var registryRules = []registryRule{
	{"SYSTEM", "Select", "Default", nil, "the control set of the next boot", "the next boot cannot choose a control set"},
	{"SYSTEM", "Select", "Current", nil, "the control set of the last boot", ""},
	{"SYSTEM", "Select", "LastKnownGood", nil, "the control set of the last boot that came to a logon", ""},
	{"SYSTEM", "Select", "Failed", nil, "the control set Windows gave up on; 0 is none", ""},

	{"SYSTEM", crashKey, "CrashDumpEnabled", nil, "kind of dump: 0 none, 1 complete, 2 kernel, 3 small, 7 automatic", "Windows takes its default"},
	{"SYSTEM", crashKey, "FilterPages", nil, "1 with a complete dump makes it an active dump", ""},
	{"SYSTEM", crashKey, "CrashDumpEnabled.New", nil, "kind of dump from the next boot on", ""},
	{"SYSTEM", crashKey, "CrashDumpEnabled.Old", nil, "kind of dump before Windows changed it for a while", ""},
	{"SYSTEM", crashKey, "DumpFile", nil, "where the dump goes", `%SystemRoot%\MEMORY.DMP`},
	{"SYSTEM", crashKey, "MinidumpDir", nil, "where small dumps go", `%SystemRoot%\Minidump`},
	{"SYSTEM", crashKey, "MinidumpsCount", nil, "how many small dumps are kept", ""},
	{"SYSTEM", crashKey, "Overwrite", nil, "0: a dump that is there keeps the next one from being saved", ""},
	{"SYSTEM", crashKey, "AlwaysKeepMemoryDump", nil, "1: the dump is kept though the volume has little space", "Windows may delete the dump where less than 25 GB are free"},
	{"SYSTEM", crashKey, "LogEvent", nil, "1: a crash is written to the event log", ""},
	{"SYSTEM", crashKey, "AutoReboot", nil, "1: the machine restarts after a crash", ""},
	{"SYSTEM", crashKey, "DedicatedDumpFile", nil, "the dump is written there and not to the page file", "the dump is written to the page file"},
	{"SYSTEM", crashKey, "DumpFileSize", nil, "size of the dedicated dump file, in MB", ""},
	{"SYSTEM", crashKey, "IgnorePagefileSize", nil, "1: a dump is written to a page file smaller than the memory", ""},
	{"SYSTEM", crashKey, "DumpFilters", nil, "drivers between the dump and the disk; dumpfve.sys is BitLocker's", ""},
	{"SYSTEM", crashKey, "NMICrashDump", nil, "1: a non-maskable interrupt crashes the machine; Windows 8 and later always do", ""},
	{"SYSTEM", crashKey, "LastCrashTime", dateOf, "when the page file was last too small for an automatic dump", ""},
	{"SYSTEM", crashKey, "PagefileTooSmall", dateOf, "when a dump last did not fit into the page file", ""},
	{"SYSTEM", crashKey, "DumpEncryptionEnabled", nil, "1: dumps are encrypted with the certificate below", ""},
	{"SYSTEM", crashKey, "SavePageFileContents", nil, "1: the contents of the page file are saved with the dump", ""},
	{"SYSTEM", crashKey, "EnableLogFile", nil, "1: the writing of a dump is told in DumpStack.log", ""},
	{"SYSTEM", crashKey, "DumpLogLevel", nil, "1: DumpStack.log tells more", ""},
	{"SYSTEM", crashKey, anyValue, nil, "", ""},
	{"SYSTEM", crashKey + `\EncryptionCertificates\Certificate.1`, "Thumbprint", nil, "whose private key opens an encrypted dump", ""},
	{"SYSTEM", crashKey + `\ForceDumpsDisabled`, anyValue, nil, "guarded hosts turn dumps off here", ""},
	{"SYSTEM", crashKey + `\LiveKernelReports`, anyValue, nil, "live dumps", ""},
	{"SYSTEM", crashKey + `\FullLiveKernelReports`, anyValue, nil, "live dumps", ""},

	{"SYSTEM", memoryKey, "PagingFiles", nil, "page files to make: path, least and largest MB; 0 0 is up to Windows", "no page file is made, and no dump without a dedicated file"},
	{"SYSTEM", memoryKey, "ExistingPageFiles", nil, "page files of the last boot, where the next one looks for a dump", "it is not known which page files the last boot had"},
	{"SYSTEM", memoryKey, "TempPageFile", nil, "1: there was no usable page file at the last boot", ""},
	{"SYSTEM", memoryKey, "ClearPageFileAtShutdown", nil, "1: a shutdown overwrites the page file", ""},
	{"SYSTEM", memoryKey, "VerifyDrivers", nil, "drivers under the driver verifier", ""},
	{"SYSTEM", memoryKey, "VerifyDriverLevel", nil, "what the driver verifier checks", ""},
	{"SYSTEM", memoryKey + `\PrefetchParameters`, "BootId", nil, "counts the boots, as the header of a dump does", "boots and dumps cannot be matched by number"},
	{"SYSTEM", sessionKey, "BootExecute", nil, "programs of the early boot, such as autochk", ""},
	{"SYSTEM", sessionKey, "SetupExecute", nil, "programs of the early boot that finish an update", ""},
	{"SYSTEM", sessionKey, "PendingFileRenameOperations", renamesOf, "files to be replaced at the next boot", ""},
	{"SYSTEM", sessionKey, "PendingFileRenameOperations2", renamesOf, "files to be replaced at the next boot", ""},
	{"SYSTEM", sessionKey + `\Power`, "HiberbootEnabled", nil, "1: a shutdown is a Fast Startup, which keeps the kernel's state", ""},

	{"SYSTEM", controlKey + `\Power`, "PowerButtonBugcheck", nil, "1: a long press of the power button crashes the machine", ""},
	{"SYSTEM", controlKey + `\Power`, "PowerButtonLiveDump", nil, "1: a long press of the power button makes a live dump", ""},
	{"SYSTEM", controlKey + `\Power`, "HibernateEnabled", nil, "1: the machine may hibernate", ""},
	{"SYSTEM", controlKey + `\Windows`, "ShutdownTime", dateOf, "when Windows last shut down cleanly, by the machine's clock", "no clean shutdown is known"},
	{"SYSTEM", controlKey, "LastBootSucceeded", nil, "1: the last boot came to its end", ""},
	{"SYSTEM", controlKey, "LastBootShutdown", nil, "1: the last boot was shut down", ""},
	{"SYSTEM", controlKey, "SystemStartOptions", nil, "options of the boot that wrote this", ""},
	{"SYSTEM", controlKey + `\ComputerName\ComputerName`, "ComputerName", nil, "name of the machine", ""},
	{"SYSTEM", controlKey + `\ProductOptions`, "ProductType", nil, "WinNT a client, ServerNT a server, LanmanNT a domain controller", ""},
	{"SYSTEM", controlKey + `\TimeZoneInformation`, "TimeZoneKeyName", nil, "time zone", ""},
	{"SYSTEM", controlKey + `\TimeZoneInformation`, "ActiveTimeBias", minutesOf, "minutes from local time to UTC", ""},
	{"SYSTEM", controlKey + `\TimeZoneInformation`, "RealTimeIsUniversal", nil, "1: the hardware's clock runs in UTC", ""},
	{"SYSTEM", controlKey + `\DeviceGuard`, "EnableVirtualizationBasedSecurity", nil, "1: a part of the memory is not in dumps", ""},
	{"SYSTEM", "Setup", "SystemSetupInProgress", nil, "1: Windows is being installed or upgraded", ""},

	{"SYSTEM", servicesKey + `\i8042prt`, "Start", nil, startMeaning, "there is no driver for PS/2 keyboards"},
	{"SYSTEM", servicesKey + `\i8042prt\Parameters`, "CrashOnCtrlScroll", nil, "1: right Ctrl and Scroll Lock twice crash the machine, PS/2 keyboards", "right Ctrl and Scroll Lock crash nothing"},
	{"SYSTEM", servicesKey + `\i8042prt\crashdump`, "Dump1Keys", nil, heldMeaning, ""},
	{"SYSTEM", servicesKey + `\i8042prt\crashdump`, "Dump2Key", nil, secondMeaning, ""},
	{"SYSTEM", servicesKey + `\kbdhid`, "Start", nil, startMeaning, "there is no driver for USB keyboards"},
	{"SYSTEM", servicesKey + `\kbdhid\Parameters`, "CrashOnCtrlScroll", nil, "1: right Ctrl and Scroll Lock twice crash the machine, USB keyboards", "right Ctrl and Scroll Lock crash nothing"},
	{"SYSTEM", servicesKey + `\kbdhid\crashdump`, "Dump1Keys", nil, heldMeaning, ""},
	{"SYSTEM", servicesKey + `\kbdhid\crashdump`, "Dump2Key", nil, secondMeaning, ""},
	{"SYSTEM", servicesKey + `\hyperkbd`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\hyperkbd\Parameters`, "CrashOnCtrlScroll", nil, "1: right Ctrl and Scroll Lock twice crash the machine, Hyper-V keyboards", ""},
	{"SYSTEM", servicesKey + `\hyperkbd\crashdump`, "Dump1Keys", nil, heldMeaning, ""},
	{"SYSTEM", servicesKey + `\hyperkbd\crashdump`, "Dump2Key", nil, secondMeaning, ""},
	{"SYSTEM", servicesKey + `\volmgr`, "Start", nil, startMeaning, "without it no dump is set up"},
	{"SYSTEM", servicesKey + `\crashdmp`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\dumpfve`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\fvevol`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\disk`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\storahci`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\stornvme`, "Start", nil, startMeaning, ""},
	{"SYSTEM", servicesKey + `\WerSvc`, "Start", nil, "when error reporting is started, which takes small dumps out of large ones", ""},

	{"SOFTWARE", currentKey, "ProductName", nil, "name of the product; Windows 11 calls itself 10 here", ""},
	{"SOFTWARE", currentKey, "EditionID", nil, "edition", ""},
	{"SOFTWARE", currentKey, "InstallationType", nil, "client or server", ""},
	{"SOFTWARE", currentKey, "DisplayVersion", nil, "release", ""},
	{"SOFTWARE", currentKey, "ReleaseId", nil, "release, up to 2009", ""},
	{"SOFTWARE", currentKey, "CurrentBuildNumber", nil, "build", ""},
	{"SOFTWARE", currentKey, "UBR", nil, "number of the update behind the build", ""},
	{"SOFTWARE", currentKey, "BuildLabEx", nil, "build, as a debugger names it", ""},
	{"SOFTWARE", currentKey, "InstallDate", unixDateOf, "when this Windows was installed or upgraded", ""},
	{"SOFTWARE", errorsKey, "Disabled", nil, "1: error reporting is off", ""},
	{"SOFTWARE", errorsKey + `\LocalDumps`, "DumpFolder", nil, "where dumps of programs go", ""},
	{"SOFTWARE", errorsKey + `\LocalDumps`, "DumpType", nil, "kind of programs' dumps: 0 custom, 1 mini, 2 full", ""},
	{"SOFTWARE", errorsKey + `\KernelFaults\Queue`, anyValue, nil, "a small dump that waits to be reported", ""},
}
