package crashconfig

import "hangkit/offline/windows"

// rule looks at one thing. It returns false when it has nothing to say. What it means is told in its [Story].
type rule struct {
	id    string
	group Group
	judge func(*windows.Facts) (Finding, bool)
	reads looks
	weigh func(*Report) (Finding, bool) // instead of judge: looks at what the rules before it found
}

// looks are what a rule reads.
type looks []look

// rules is every rule, in the order of its group's findings.
var rules = []rule{
	{id: "A01", group: Access, judge: ruleBitLocker, reads: looks{bitLocker}},
	{id: "A02", group: Access, judge: ruleHibernated, reads: looks{readState("hiberfil.sys", fromVolume, hibernationText)}},
	{id: "A03", group: Access, judge: ruleDirtyVolume, reads: looks{readState("flags of $Volume", fromVolume, dirtyText)}},
	{id: "A04", group: Access, judge: ruleHiveRecovered, reads: looks{readState("SYSTEM and its logs", "SYSTEM", recoveryText)}},
	{id: "A05", group: Access, judge: ruleControlSet, reads: looks{controlSets}},
	{id: "A06", group: Access, judge: ruleFellBack, reads: looks{controlSets}},
	{id: "A07", group: Access, judge: ruleOtherControlSets, reads: looks{controlSets}},
	{id: "A08", group: Access, judge: ruleSetupRunning, reads: looks{setupKey.value("SystemSetupInProgress", "OOBEInProgress", "SetupType")}},
	{id: "A09", group: Access, judge: ruleOtherInstallations, reads: looks{readState("further Windows installations in reach", "the disks in reach", othersText)}},
	{id: "A10", group: Access, judge: ruleMoved, reads: looks{readState("machine of the last boot", "SYSTEM, HardwareConfig", machineText), readState("this machine", "its firmware", liveText)}},
	{id: "A11", group: Access, judge: ruleBuildKnown, reads: looks{buildRead}},
	{id: "A12", group: Access, judge: ruleReadOnly, reads: looks{readState("why nothing can be written", "the target", readOnlyText)}},
	{id: "A13", group: Access, judge: ruleUnreadableKeys, reads: looks{readState("keys that could not be read", "the registry", problemsText)}},
	{id: "A14", group: Access, judge: ruleJournal, reads: looks{readState("$LogFile", fromVolume, func(f *windows.Facts) string { return f.Volume.Journal })}},
	{id: "A15", group: Access, judge: ruleMirror, reads: looks{readState("$MFT and $MFTMirr", fromVolume, func(f *windows.Facts) string { return f.Volume.Mirror })}},
	{id: "A16", group: Access, judge: ruleBackupBoot, reads: looks{readState("boot sector and its copy", fromVolume, func(f *windows.Facts) string { return f.Volume.BackupBoot })}},
	{id: "A17", group: Access, judge: ruleBootStoreUnreadable, reads: looks{readState("why the boot store cannot be read", "the disk", bootUnreadableText)}},

	{id: "C01", group: Dump, judge: ruleDumpOn, reads: looks{crashControl.value(windows.CrashDumpEnabled, windows.FilterPages)}},
	{id: "C02", group: Dump, judge: ruleDumpTypeDWORD, reads: looks{crashControl.value(windows.CrashDumpEnabled)}},
	{id: "C03", group: Dump, judge: ruleSmallDump, reads: looks{crashControl.value(windows.CrashDumpEnabled)}},
	{id: "C04", group: Dump, judge: ruleAutomaticTooEarly, reads: looks{crashControl.value(windows.CrashDumpEnabled), buildRead}},
	{id: "C05", group: Dump, judge: ruleUndocumentedType, reads: looks{crashControl.value(windows.CrashDumpEnabled)}},
	{id: "C06", group: Dump, judge: ruleFilterPagesIdle, reads: looks{crashControl.value(windows.FilterPages, windows.CrashDumpEnabled)}},
	{id: "C07", group: Dump, judge: ruleFilterPagesTooEarly, reads: looks{crashControl.value(windows.FilterPages, windows.CrashDumpEnabled), buildRead}},
	{id: "C08", group: Dump, judge: ruleGuardedHost, reads: looks{guardedHost.value("GuardedHost")}},
	{id: "C09", group: Dump, judge: ruleEncryptionWithoutKey, reads: looks{crashControl.value(windows.DumpEncryptionEnabled), certificate1.value("PublicKey")}},
	{id: "C10", group: Dump, judge: ruleEncrypted, reads: looks{crashControl.value(windows.DumpEncryptionEnabled), certificate1.value("PublicKey", "Thumbprint")}},
	{id: "C11", group: Dump, judge: ruleDumpFilePath, reads: looks{crashControl.value(windows.DumpFile)}},
	{id: "C12", group: Dump, judge: ruleDumpFilePlace, reads: looks{crashControl.value(windows.DumpFile), drivesRead, dumpFileRead}},
	{id: "C13", group: Dump, judge: ruleDumpFileElsewhere, reads: looks{crashControl.value(windows.DumpFile), letterRead, platformRead}},
	{id: "C14", group: Dump, judge: ruleOverwrite, reads: looks{crashControl.value(windows.Overwrite), dumpFileRead}},
	{id: "C15", group: Dump, judge: ruleRoomForDump, reads: looks{crashControl.value(windows.DumpFile), memoryKey.value(windows.PagingFiles), freeRead, ramRead}},
	{id: "C17", group: Dump, judge: ruleAutoReboot, reads: looks{crashControl.value(windows.AutoReboot)}},
	{id: "C18", group: Dump, judge: ruleLogEvent, reads: looks{crashControl.value(windows.LogEvent)}},
	{id: "C19", group: Dump, judge: ruleFilterFiles, reads: looks{crashControl.value(windows.DumpFilters), readState("filter drivers missing in System32\\drivers", fromVolume, missingFilters)}},
	{id: "C20", group: Dump, judge: ruleForeignFilter, reads: looks{crashControl.value(windows.DumpFilters)}},
	{id: "C21", group: Dump, judge: ruleBitLockerFilter, reads: looks{crashControl.value(windows.DumpFilters), bitLocker}},
	{id: "C22", group: Dump, judge: ruleDedicatedPath, reads: looks{crashControl.value(windows.DedicatedDumpFile), drivesRead, buildRead}},
	{id: "C23", group: Dump, judge: ruleDedicatedRoom, reads: looks{crashControl.value(windows.DedicatedDumpFile, windows.DumpFileSize), freeRead, ramRead}},
	{id: "C24", group: Dump, judge: ruleDedicatedVolume, reads: looks{crashControl.value(windows.DedicatedDumpFile), drivesRead, readServices("ClusDisk", "ClusSvc"), disksRead, platformRead}},
	{id: "C25", group: Dump, judge: ruleDedicatedSize, reads: looks{crashControl.value(windows.DumpFileSize, windows.DedicatedDumpFile), ramRead}},
	{id: "C28", group: Dump, judge: ruleLastCrash, reads: looks{crashControl.value("LastCrashTime", windows.CrashDumpEnabled)}},
	{id: "C30", group: Dump, judge: ruleDumpStack, reads: looks{readState("DumpStack.log, DumpStack.log.tmp", fromVolume, dumpStackText)}},
	{id: "C31", group: Dump, judge: ruleDumpsWaiting, reads: looks{dumpFileRead, readState("DUMP*.tmp and minidumps", fromVolume, waitingText)}},
	{id: "C32", group: Dump, judge: ruleDumpInPageFile, reads: looks{pageFileRead, readState("dump at the beginning of the page file", fromVolume, pageFileDumpText)}},
	{id: "C33", group: Dump, judge: ruleSDDisk, reads: looks{disksRead, sdbusKey.value(windows.ForceF0State), readServices("sdbus")}},
	{id: "C34", group: Dump, judge: ruleForeignController, reads: looks{controllersRead}},
	{id: "C35", group: Dump, judge: ruleUnusualBoot, reads: looks{controlKey.value("PortableOperatingSystem"), readServices("USBSTOR", "UASPStor", "iScsiPrt"), readState("dynamic disk or storage pool", fromVolume, dynamicText)}},
	{id: "C36", group: Dump, judge: ruleWriteFilter, reads: looks{readServices(writeFilters...)}},
	{id: "C37", group: Dump, judge: ruleVirtIO, reads: looks{controllersRead}},
	{id: "C38", group: Dump, judge: ruleReportingOff, reads: looks{reporting.value("Disabled"), reportPolicy.value("Disabled"), crashControl.value(windows.DumpFile)}},
	{id: "C39", group: Dump, judge: ruleLiveDumps, reads: looks{fullReports.value(fullReportsMax, systemThrottle, componentThrottle), buildRead}},

	{id: "P01", group: PageFile, judge: ruleNoPageFile, reads: looks{memoryKey.value(windows.PagingFiles), crashControl.value(windows.DedicatedDumpFile)}},
	{id: "P02", group: PageFile, judge: rulePageFileElsewhere, reads: looks{memoryKey.value(windows.PagingFiles, windows.ExistingPageFiles), letterRead, pageFileRead}},
	{id: "P03", group: PageFile, judge: rulePageFileFarTooSmall, reads: looks{memoryKey.value(windows.PagingFiles), crashControl.value(windows.CrashDumpEnabled), ramRead}},
	{id: "P04", group: PageFile, judge: rulePageFileSize, reads: looks{memoryKey.value(windows.PagingFiles), crashControl.value(windows.CrashDumpEnabled), ramRead, archRead}},
	{id: "P05", group: PageFile, judge: ruleInitialSize, reads: looks{memoryKey.value(windows.PagingFiles), ramRead}},
	{id: "P06", group: PageFile, judge: ruleManagedAutomatic, reads: looks{memoryKey.value(windows.PagingFiles), crashControl.value(windows.CrashDumpEnabled), pageFileRead, ramRead}},
	{id: "P07", group: PageFile, judge: ruleManagedRoom, reads: looks{memoryKey.value(windows.PagingFiles), freeRead, pageFileRead, ramRead}},
	{id: "P08", group: PageFile, judge: rulePageFileRoom, reads: looks{memoryKey.value(windows.PagingFiles), freeRead, pageFileRead}},
	{id: "P09", group: PageFile, judge: rulePageFileMissing, reads: looks{memoryKey.value(windows.PagingFiles, windows.ExistingPageFiles), pageFileRead}},
	{id: "P10", group: PageFile, judge: ruleTempPageFile, reads: looks{memoryKey.value("TempPageFile")}},
	{id: "P11", group: PageFile, judge: rulePageFileMalformed, reads: looks{memoryKey.value(windows.PagingFiles)}},
	{id: "P12", group: PageFile, judge: rulePageFileLetter, reads: looks{memoryKey.value(windows.PagingFiles), drivesRead}},
	{id: "P13", group: PageFile, judge: rulePageFileVanishes, reads: looks{memoryKey.value(windows.PagingFiles), drivesRead, platformRead}},
	{id: "P14", group: PageFile, judge: ruleClearAtShutdown, reads: looks{memoryKey.value(windows.ClearPageFileAtShutdown)}},
	{id: "P15", group: PageFile, judge: ruleEncryptedPageFile, reads: looks{fileSystem.value("NtfsEncryptPagingFile")}},
	{id: "P16", group: PageFile, judge: ruleManyPageFiles, reads: looks{memoryKey.value(windows.PagingFiles)}},
	{id: "P17", group: PageFile, judge: ruleRAMKnown, reads: looks{ramRead}},
	{id: "P18", group: PageFile, judge: ruleComplete32, reads: looks{archRead, ramRead, crashControl.value(windows.CrashDumpEnabled)}},
	{id: "P19", group: PageFile, judge: ruleSlowDump, reads: looks{ramRead, crashControl.value(windows.CrashDumpEnabled)}},
	{id: "C26", group: PageFile, judge: ruleIgnorePageFileSize, reads: looks{crashControl.value(windows.IgnorePagefileSize), memoryKey.value(windows.PagingFiles), ramRead}},
	{id: "C27", group: PageFile, judge: ruleCompleteNeedsRAM, reads: looks{crashControl.value(windows.IgnorePagefileSize, windows.CrashDumpEnabled), memoryKey.value(windows.PagingFiles), ramRead}},
	{id: "C29", group: PageFile, judge: ruleWasTooSmall, reads: looks{crashControl.value(windows.PageFileTooSmall)}},

	{id: "T01", group: Trigger, judge: ruleAnyTrigger, reads: looks{buildRead, crashControl.value(windows.NMICrashDump), readKeyboards(windows.CrashOnCtrlScroll), powerKey.value(windows.PowerButtonBugcheck), platformRead}},
	{id: "T02", group: Trigger, judge: ruleNMIOff, reads: looks{crashControl.value(windows.NMICrashDump), buildRead, archRead}},
	{id: "T03", group: Trigger, judge: ruleNMIOn, reads: looks{crashControl.value(windows.NMICrashDump), buildRead, platformRead}},
	{id: "T04", group: Trigger, judge: ruleNMIOnARM, reads: looks{archRead}},
	{id: "T05", group: Trigger, judge: ruleKeyboard, reads: looks{readKeyboards(windows.CrashOnCtrlScroll, windows.Dump1Keys, windows.Dump2Key), buildRead}},
	{id: "T06", group: Trigger, judge: ruleKeysIgnored, reads: looks{readKeyboards(windows.CrashOnCtrlScroll, windows.Dump1Keys, windows.Dump2Key)}},
	{id: "T07", group: Trigger, judge: ruleDump2Key, reads: looks{readKeyboards(windows.Dump2Key)}},
	{id: "T08", group: Trigger, judge: ruleDump1Keys, reads: looks{readKeyboards(windows.Dump1Keys)}},
	{id: "T09", group: Trigger, judge: ruleKeysMisplaced, reads: looks{readKeyboards(misplacedKeys)}},
	{id: "T10", group: Trigger, judge: ruleKeyTypes, reads: looks{readKeyboards(windows.CrashOnCtrlScroll, windows.Dump1Keys, windows.Dump2Key)}},
	{id: "T11", group: Trigger, judge: ruleHIDTooEarly, reads: looks{buildRead, roleRead, readKeyboards(keyboardStart)}},
	{id: "T12", group: Trigger, judge: ruleHyperVTooEarly, reads: looks{buildRead, readKeyboards(keyboardInUse)}},
	{id: "T13", group: Trigger, judge: ruleKeyboardDisabled, reads: looks{readKeyboards(keyboardStart)}},
	{id: "T14", group: Trigger, judge: ruleKeyboardGap, reads: looks{readKeyboards(keyboardInUse, windows.CrashOnCtrlScroll)}},
	{id: "T15", group: Trigger, judge: rulePowerButtonTooEarly, reads: looks{powerKey.value(windows.PowerButtonBugcheck), buildRead}},
	{id: "T16", group: Trigger, judge: rulePowerButtonHardware, reads: looks{powerKey.value(windows.PowerButtonBugcheck), platformRead}},
	{id: "T17", group: Trigger, judge: rulePowerButtonTwice, reads: looks{powerKey.value(windows.PowerButtonBugcheck, "PowerButtonLiveDump")}},
	{id: "T18", group: Trigger, judge: ruleWatchdogs, reads: looks{readState("services of watchdogs", "SYSTEM, Services", watchdogsText)}},
	{id: "T19", group: Trigger, judge: ruleKVMHost, reads: looks{platformRead, readServices("pvpanic")}},
	{id: "T20", group: Trigger, judge: ruleHAHost, reads: looks{platformRead}},
	{id: "T21", group: Trigger, judge: ruleCluster, reads: looks{readServices("ClusSvc")}},
	{id: "T22", group: Trigger, judge: ruleHyperVHost, reads: looks{readServices("vmms"), platformRead}},
	{id: "T23", group: Trigger, judge: ruleBootDebug, reads: looks{readBoot(elementDebug)}},
	{id: "T24", group: Trigger, judge: rulePlatformKnown, reads: looks{platformRead}},

	{id: "C16", group: Keeping, judge: ruleKeepDump, reads: looks{crashControl.value(windows.AlwaysKeepMemoryDump, windows.DumpFile), roleRead, domainRead, freeRead, buildRead}},
	{id: "R01", group: Keeping, judge: ruleFastStartup, reads: looks{sessionPower.value(windows.HiberbootEnabled)}},
	{id: "R02", group: Keeping, judge: ruleAutoRepair, reads: looks{readBoot(elementRecovery, elementPolicy), controlKey.value(lastBootSucceeded)}},
	{id: "R03", group: Keeping, judge: ruleNoCrashReboot, reads: looks{readBoot(elementNoReboot), crashControl.value(windows.AutoReboot)}},
	{id: "R04", group: Keeping, judge: ruleSafeBoot, reads: looks{readBoot(elementSafeBoot)}},
	{id: "R05", group: Keeping, judge: ruleLessMemory, reads: looks{readBoot(elementRemove, elementTruncate), ramRead}},
	{id: "R06", group: Keeping, judge: ruleVBS, reads: looks{deviceGuard.value(vbsEnabled), hvciKey.value("Enabled"), credGuard.value("Enabled"), lsaKey.value(lsaFlags), readBoot(elementHypervisor)}},
	{id: "R07", group: Keeping, judge: ruleGuests, reads: looks{readServices("vmms", "vmcompute"), crashControl.value(windows.CrashDumpEnabled, windows.FilterPages)}},
	{id: "R08", group: Keeping, judge: ruleDomain, reads: looks{domainRead}},
	{id: "R09", group: Keeping, judge: rulePolicies, reads: looks{readState("policies that name crash settings", "SOFTWARE and the policy files", policiesText)}},
	{id: "R10", group: Keeping, judge: ruleVerifier, reads: looks{memoryKey.value("VerifyDrivers")}},
	{id: "R11", group: Keeping, judge: ruleAuditFail, reads: looks{lsaKey.value("CrashOnAuditFail")}},
	{id: "R12", group: Keeping, judge: ruleLastBoots, reads: looks{controlKey.value(lastBootSucceeded, lastBootShutdown, dirtyShutdowns)}},
	{id: "R13", group: Keeping, judge: ruleStartOptions, reads: looks{controlKey.value("SystemStartOptions")}},
	{id: "R14", group: Keeping, judge: ruleSecrets},
	{id: "R17", group: Keeping, judge: ruleLastDump, reads: looks{lastDumpRead}},
	{id: "R15", group: Keeping, judge: ruleScope},
	{id: "R16", group: Keeping, weigh: ruleNothingToWrite},
}

// nothing is what a rule returns that has nothing to say.
func nothing() (Finding, bool) { return Finding{}, false }

func say(v Verdict, title, detail, fix string) (Finding, bool) {
	return Finding{Verdict: v, Title: title, Detail: detail, Fix: fix}, true
}

// Commands that fix a finding.
const (
	fixArm     = "hangkit arm"
	fixRAM     = "hangkit check --ram SIZE"
	fixCollect = "hangkit collect -o DIR"
)
