package windows

// Names of the registry values that decide about crash dumps.
const (
	// CrashControl.
	CrashDumpEnabled      = "CrashDumpEnabled"
	FilterPages           = "FilterPages"
	DumpFile              = "DumpFile"
	MinidumpDir           = "MinidumpDir"
	DedicatedDumpFile     = "DedicatedDumpFile"
	DumpFileSize          = "DumpFileSize"
	DumpFilters           = "DumpFilters"
	DumpEncryptionEnabled = "DumpEncryptionEnabled"
	IgnorePagefileSize    = "IgnorePagefileSize"
	PageFileTooSmall      = "PageFileTooSmall"
	Overwrite             = "Overwrite"
	AutoReboot            = "AutoReboot"
	LogEvent              = "LogEvent"
	AlwaysKeepMemoryDump  = "AlwaysKeepMemoryDump"
	NMICrashDump          = "NMICrashDump"
	EnableLogFile         = "EnableLogFile"
	DisplayParameters     = "DisplayParameters"

	// CrashControl\ForceDumpsDisabled.
	GuardedHost = "GuardedHost"

	// Session Manager\Memory Management.
	PagingFiles             = "PagingFiles"
	ExistingPageFiles       = "ExistingPageFiles"
	ClearPageFileAtShutdown = "ClearPageFileAtShutdown"

	// Session Manager\Power, Power, and the parameters of sdbus.
	HiberbootEnabled    = "HiberbootEnabled"
	PowerButtonBugcheck = "PowerButtonBugcheck"
	ForceF0State        = "ForceF0State"

	// The keyboard drivers' keys Parameters and crashdump.
	CrashOnCtrlScroll = "CrashOnCtrlScroll"
	Dump1Keys         = "Dump1Keys"
	Dump2Key          = "Dump2Key"
)
