package crashconfig

import "hangkit/offline/windows"

// rule looks at one thing. It returns false when it has nothing to say.
type rule struct {
	id    string
	group Group
	judge func(*windows.Facts) (Finding, bool)
}

// rules is every rule, in the order of its group's findings.
var rules = []rule{
	{"A01", Access, ruleBitLocker},
	{"A02", Access, ruleHibernated},
	{"A03", Access, ruleDirtyVolume},
	{"A04", Access, ruleHiveRecovered},
	{"A05", Access, ruleControlSet},
	{"A06", Access, ruleFellBack},
	{"A07", Access, ruleOtherControlSets},
	{"A08", Access, ruleSetupRunning},
	{"A09", Access, ruleOtherInstallations},
	{"A10", Access, ruleMoved},
	{"A11", Access, ruleBuildKnown},
	{"A12", Access, ruleReadOnly},
	{"A13", Access, ruleUnreadableKeys},
	{"A14", Access, ruleJournal},
	{"A15", Access, ruleMirror},
	{"A16", Access, ruleBackupBoot},

	{"C01", Dump, ruleDumpOn},
	{"C02", Dump, ruleDumpTypeDWORD},
	{"C03", Dump, ruleSmallDump},
	{"C04", Dump, ruleAutomaticTooEarly},
	{"C05", Dump, ruleUndocumentedType},
	{"C06", Dump, ruleFilterPagesIdle},
	{"C07", Dump, ruleFilterPagesTooEarly},
	{"C08", Dump, ruleGuardedHost},
	{"C09", Dump, ruleEncryptionWithoutKey},
	{"C10", Dump, ruleEncrypted},
	{"C11", Dump, ruleDumpFilePath},
	{"C12", Dump, ruleDumpFilePlace},
	{"C13", Dump, ruleDumpFileElsewhere},
	{"C14", Dump, ruleOverwrite},
	{"C15", Dump, ruleRoomForDump},
	{"C17", Dump, ruleAutoReboot},
	{"C18", Dump, ruleLogEvent},
	{"C19", Dump, ruleFilterFiles},
	{"C20", Dump, ruleForeignFilter},
	{"C21", Dump, ruleBitLockerFilter},
	{"C22", Dump, ruleDedicatedPath},
	{"C23", Dump, ruleDedicatedRoom},
	{"C25", Dump, ruleDedicatedSize},
	{"C28", Dump, ruleLastCrash},
	{"C31", Dump, ruleDumpsWaiting},
	{"C32", Dump, ruleDumpInPageFile},
	{"C33", Dump, ruleSDDisk},
	{"C36", Dump, ruleWriteFilter},

	{"P01", PageFile, ruleNoPageFile},
	{"P02", PageFile, rulePageFileElsewhere},
	{"P03", PageFile, rulePageFileSize},
	{"P05", PageFile, ruleInitialSize},
	{"P06", PageFile, ruleManagedAutomatic},
	{"P07", PageFile, ruleManagedRoom},
	{"P08", PageFile, rulePageFileRoom},
	{"P09", PageFile, rulePageFileMissing},
	{"P10", PageFile, ruleTempPageFile},
	{"P11", PageFile, rulePageFileMalformed},
	{"P12", PageFile, rulePageFileLetter},
	{"P14", PageFile, ruleClearAtShutdown},
	{"P15", PageFile, ruleEncryptedPageFile},
	{"P16", PageFile, ruleManyPageFiles},
	{"P17", PageFile, ruleRAMKnown},
	{"P18", PageFile, ruleComplete32},
	{"P19", PageFile, ruleSlowDump},
	{"C26", PageFile, ruleIgnorePageFileSize},
	{"C27", PageFile, ruleCompleteNeedsRAM},
	{"C29", PageFile, ruleWasTooSmall},

	{"T01", Trigger, ruleAnyTrigger},
	{"T02", Trigger, ruleNMIOff},
	{"T03", Trigger, ruleNMIOn},
	{"T04", Trigger, ruleNMIOnARM},
	{"T05", Trigger, ruleKeyboard},
	{"T06", Trigger, ruleKeysIgnored},
	{"T07", Trigger, ruleDump2Key},
	{"T08", Trigger, ruleDump1Keys},
	{"T09", Trigger, ruleKeysMisplaced},
	{"T10", Trigger, ruleKeyTypes},
	{"T11", Trigger, ruleHIDTooEarly},
	{"T12", Trigger, ruleHyperVTooEarly},
	{"T13", Trigger, ruleKeyboardDisabled},
	{"T14", Trigger, ruleKeyboardGap},
	{"T15", Trigger, rulePowerButtonTooEarly},
	{"T16", Trigger, rulePowerButtonHardware},
	{"T17", Trigger, rulePowerButtonTwice},
	{"T18", Trigger, ruleWatchdogs},
	{"T19", Trigger, ruleKVMHost},
	{"T20", Trigger, ruleHAHost},
	{"T21", Trigger, ruleCluster},
	{"T22", Trigger, ruleHyperVHost},
	{"T24", Trigger, rulePlatformKnown},

	{"C16", Keeping, ruleKeepDump},
	{"R01", Keeping, ruleFastStartup},
	{"R06", Keeping, ruleVBS},
	{"R08", Keeping, ruleDomain},
	{"R10", Keeping, ruleVerifier},
	{"R11", Keeping, ruleAuditFail},
	{"R13", Keeping, ruleStartOptions},
	{"R14", Keeping, ruleSecrets},
	{"R15", Keeping, ruleScope},
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
