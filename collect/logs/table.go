package logs

// Kind is what a file tells about, in words.
type Kind string

// The kinds, in the order of the bundle's lists.
const (
	DumpStack Kind = "dump stack"
	Events    Kind = "event log"
	Boot      Kind = "boot"
	Repair    Kind = "repair"
	Setup     Kind = "setup"
	Servicing Kind = "servicing"
	Devices   Kind = "devices"
	Network   Kind = "network"
	Reports   Kind = "error report"
	Traces    Kind = "trace"
)

// rule says which files are worth taking.
//
// A pattern is a slash path. {Windows} at its start stands for the system root,
// everything else begins at the root of a volume. Each element is matched as
// path.Match does, in any case; ** stands for any folders, or none.
type rule struct {
	kind    Kind
	pattern string
	why     string
}

const (
	winevt = "{Windows}/System32/winevt/Logs/"
	wer    = "ProgramData/Microsoft/Windows/WER/"
	users  = "Users/*/AppData/Local/Microsoft/Windows/WER/"
	bt     = "$WINDOWS.~BT/Sources/"
)

// rules are the files, those that matter most first: where there are too many, the
// last are left.
//
// Files that hold secrets by their purpose are not among them: registry hives, answer
// files of setup.
var rules = []rule{
	{DumpStack, "DumpStack.log", "how the last dump was written, by the code that wrote it"},
	{DumpStack, "DumpStack.log.tmp", "the same, of the Windows that ran last"},
	{Events, winevt + "System.evtx", "boots, shutdowns, crashes, drivers and services"},
	{Events, winevt + "Application.evtx", "programs that crashed or hung"},
	{Events, winevt + "Setup.evtx", "updates and features"},
	{Boot, "{Windows}/ntbtlog.txt", "which drivers the boot loaded, where that is logged"},
	{Boot, "{Windows}/bootstat.dat", "whether the last boots came to their end"},
	{Boot, "Boot/BCD", "how Windows is started"},
	{Boot, "Boot/bootstat.dat", "whether the last boots came to their end"},
	{Boot, "EFI/Microsoft/Boot/BCD", "how Windows is started"},
	{Repair, "{Windows}/System32/LogFiles/Srt/SrtTrail.txt", "what automatic repair found and tried"},
	{Repair, "{Windows}/System32/LogFiles/Srt/*.log", "what automatic repair found and tried"},
	{Repair, "System Volume Information/Chkdsk/*.log", "what chkdsk found and mended"},
	{Servicing, "{Windows}/WinSxS/pending.xml*", "updates that wait for the next boot"},
	{Servicing, "{Windows}/WinSxS/poqexec.log", "what the last boots did of such updates"},
	{Servicing, "{Windows}/Logs/CBS/*.log", "updates and features"},
	{Servicing, "{Windows}/Logs/DISM/*.log", "changes to the image"},
	{Devices, "{Windows}/INF/setupapi.*.log", "devices and drivers that were installed"},
	{Events, winevt + "Microsoft-Windows-Kernel-Boot%4*.evtx", "how the boots went"},
	{Events, winevt + "Microsoft-Windows-Kernel-IO%4*.evtx", "disks and dumps"},
	{Events, winevt + "Microsoft-Windows-Kernel-LiveDump%4*.evtx", "dumps of the running machine"},
	{Events, winevt + "Microsoft-Windows-Crashdump%4*.evtx", "how dumps were set up and written"},
	{Events, winevt + "Microsoft-Windows-Kernel-WHEA%4*.evtx", "faults of the hardware"},
	{Events, winevt + "Microsoft-Windows-Kernel-Power%4*.evtx", "sleep, wake and shutdown"},
	{Events, winevt + "Microsoft-Windows-Kernel-PnP%4*.evtx", "devices that were started or failed to"},
	{Events, winevt + "Microsoft-Windows-Diagnostics-Performance%4*.evtx", "what made boots and shutdowns slow"},
	{Events, winevt + "Microsoft-Windows-WER-*.evtx", "error reporting"},
	{Events, winevt + "Microsoft-Windows-Winlogon%4*.evtx", "logons that hung"},
	{Events, winevt + "Microsoft-Windows-User Profile Service%4*.evtx", "profiles that would not load"},
	{Events, winevt + "Microsoft-Windows-GroupPolicy%4*.evtx", "policies that hold a logon up"},
	{Events, winevt + "Microsoft-Windows-Ntfs%4*.evtx", "the file system"},
	{Events, winevt + "Microsoft-Windows-Storage-Storport%4*.evtx", "disks that did not answer"},
	{Events, winevt + "Microsoft-Windows-StorageSpaces*.evtx", "storage pools"},
	{Events, winevt + "Microsoft-Windows-BitLocker*.evtx", "encryption of volumes"},
	{Events, winevt + "Microsoft-Windows-CodeIntegrity%4*.evtx", "drivers that were refused"},
	{Events, winevt + "Microsoft-Windows-DriverFrameworks-UserMode%4*.evtx", "drivers that run as programs"},
	{Events, winevt + "Microsoft-Windows-WindowsUpdateClient%4*.evtx", "updates"},
	{Events, winevt + "Microsoft-Windows-Servicing*.evtx", "updates"},
	{Setup, "{Windows}/Panther/**/*.log", "the installation or upgrade"},
	{Setup, "{Windows}/Panther/**/diag*.xml", "the installation or upgrade"},
	{Setup, bt + "Panther/**/*.log", "an upgrade that was not finished"},
	{Setup, bt + "Panther/**/diag*.xml", "an upgrade that was not finished"},
	{Setup, bt + "Rollback/**/*.log", "an upgrade that was undone"},
	{Setup, bt + "Rollback/**/*.txt", "an upgrade that was undone"},
	{Setup, "{Windows}/Logs/MoSetup/*.log", "an upgrade"},
	{Network, "{Windows}/Debug/NetSetup.LOG", "joining and leaving a domain"},
	{Reports, wer + "Report*/*/*.wer", "crashes and hangs that were reported"},
	{Reports, wer + "Report*/*/*.txt", "what was sent with a report"},
	{Reports, wer + "Report*/*/*.xml", "what was sent with a report"},
	{Reports, users + "Report*/*/*.wer", "crashes and hangs of a user's programs"},
	{Servicing, "{Windows}/Logs/CBS/*.cab", "older logs of updates"},
	{Servicing, "{Windows}/WindowsUpdate.log", "updates"},
	{Traces, "{Windows}/Logs/WindowsUpdate/*.etl", "updates"},
	{Traces, "{Windows}/Logs/NetSetup/*.etl", "joining and leaving a domain"},
	{Traces, bt + "Rollback/**/*.etl", "an upgrade that was undone"},
	{Traces, "{Windows}/System32/LogFiles/WMI/*.etl", "traces of the running system"},
}
