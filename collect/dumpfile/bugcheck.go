package dumpfile

import "fmt"

// BugCheckInfo is what a stop code means to someone who looks for a hang.
type BugCheckInfo struct {
	Name string
	Hang bool   // the crash was made on purpose, or by something that watches for hangs
	Note string // "" or where such a crash comes from
	Live bool   // no crash: the machine went on
}

// Codes with this bit are a plain code with "_M" added to its name.
const bugCheckM = 0x10000000

// bugChecks follows the public bug check reference of the Windows driver
// documentation.
var bugChecks = map[uint32]BugCheckInfo{
	0xE2:       {"MANUALLY_INITIATED_CRASH", true, "the keyboard shortcut (CrashOnCtrlScroll), or .crash in a debugger", false},
	0xDEADDEAD: {"MANUALLY_INITIATED_CRASH1", true, "a tool or driver asked for it", false},
	0x80:       {"NMI_HARDWARE_FAILURE", true, "an NMI: button, management controller or hypervisor, or failing hardware", false},
	0x111:      {"RECURSIVE_NMI", true, "an NMI while another one was dealt with: sent twice, or failing hardware", false},
	0x9E:       {"USER_MODE_HEALTH_MONITOR", true, "a failover cluster's health monitor: programs no longer answered", false},
	0xC0000244: {"STATUS_AUDIT_FAILED", false, "the security log was full, and Windows is set to stop then (CrashOnAuditFail)", false},
	0x1C8:      {"MANUALLY_INITIATED_POWER_BUTTON_HOLD", true, "the power button was held", false},
	0x11C8:     {"MANUALLY_INITIATED_POWER_BUTTON_HOLD_LIVE_DUMP", true, "a live dump: the machine went on", true},
	0x21C8:     {"MANUALLY_INITIATED_BLACKSCREEN_HOTKEY_LIVE_DUMP", true, "a live dump: Ctrl+Shift+Win+B was pressed and the machine went on", true},
	0x161:      {"LIVE_SYSTEM_DUMP", false, "a live dump: taken on request, the machine went on", true},
	0x1CA:      {"SYNTHETIC_WATCHDOG_TIMEOUT", true, "the hypervisor's watchdog: no timer ticks, the system hung", false},
	0x1CF:      {"HARDWARE_WATCHDOG_TIMEOUT", true, "the hardware watchdog: no timer ticks, the system hung", false},
	0x101:      {"CLOCK_WATCHDOG_TIMEOUT", true, "a processor stopped answering", false},
	0x133:      {"DPC_WATCHDOG_VIOLATION", true, "a driver's deferred call ran too long", false},
	0x1D5:      {"DRIVER_PNP_WATCHDOG", true, "a driver did not finish starting: a hang at boot", false},
	0x9F:       {"DRIVER_POWER_STATE_FAILURE", true, "a driver holds up a change of power state", false},
	0x1DB:      {"IPI_WATCHDOG_TIMEOUT", true, "a processor did not answer another", false},
	0x1DF:      {"PROCESSOR_START_TIMEOUT", true, "a processor did not start", false},
	0x1D0:      {"ACPI_FIRMWARE_WATCHDOG_TIMEOUT", true, "the firmware did not return", false},
	0x14F:      {"PDC_WATCHDOG_TIMEOUT", true, "a component held up modern standby", false},
	0x1A0:      {"TTM_WATCHDOG_TIMEOUT", true, "the terminal topology manager hung", false},
	0xEA:       {"THREAD_STUCK_IN_DEVICE_DRIVER", true, "a driver loops, mostly a display driver", false},
	0xF4:       {"CRITICAL_OBJECT_TERMINATION", false, "", false},
	0xEF:       {"CRITICAL_PROCESS_DIED", false, "", false},
	0x0A:       {"IRQL_NOT_LESS_OR_EQUAL", false, "", false},
	0x1A:       {"MEMORY_MANAGEMENT", false, "", false},
	0x1E:       {"KMODE_EXCEPTION_NOT_HANDLED", false, "", false},
	0x24:       {"NTFS_FILE_SYSTEM", false, "", false},
	0x3B:       {"SYSTEM_SERVICE_EXCEPTION", false, "", false},
	0x4E:       {"PFN_LIST_CORRUPT", false, "", false},
	0x50:       {"PAGE_FAULT_IN_NONPAGED_AREA", false, "", false},
	0x74:       {"BAD_SYSTEM_CONFIG_INFO", false, "", false},
	0x77:       {"KERNEL_STACK_INPAGE_ERROR", false, "", false},
	0x7A:       {"KERNEL_DATA_INPAGE_ERROR", false, "", false},
	0x7B:       {"INACCESSIBLE_BOOT_DEVICE", false, "", false},
	0x7E:       {"SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", false, "", false},
	0x7F:       {"UNEXPECTED_KERNEL_MODE_TRAP", false, "", false},
	0x8E:       {"KERNEL_MODE_EXCEPTION_NOT_HANDLED", false, "", false},
	0xA0:       {"INTERNAL_POWER_ERROR", false, "", false},
	0xC1:       {"SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", false, "", false},
	0xC2:       {"BAD_POOL_CALLER", false, "", false},
	0xC4:       {"DRIVER_VERIFIER_DETECTED_VIOLATION", false, "", false},
	0xC5:       {"DRIVER_CORRUPTED_EXPOOL", false, "", false},
	0xD1:       {"DRIVER_IRQL_NOT_LESS_OR_EQUAL", false, "also what NotMyFault makes: on purpose if myfault.sys is loaded", false},
	0xFC:       {"ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY", false, "", false},
	0x109:      {"CRITICAL_STRUCTURE_CORRUPTION", false, "", false},
	0x116:      {"VIDEO_TDR_FAILURE", false, "", false},
	0x117:      {"VIDEO_TDR_TIMEOUT_DETECTED", false, "a live dump: the machine went on", true},
	0x119:      {"VIDEO_SCHEDULER_INTERNAL_ERROR", false, "", false},
	0x124:      {"WHEA_UNCORRECTABLE_ERROR", false, "", false},
	0x139:      {"KERNEL_SECURITY_CHECK_FAILURE", false, "", false},
	0x141:      {"VIDEO_ENGINE_TIMEOUT_DETECTED", false, "a live dump: the machine went on", true},
	0x144:      {"BUGCODE_USB3_DRIVER", false, "", false},
	0x154:      {"UNEXPECTED_STORE_EXCEPTION", false, "", false},
	0x5454414D: {"DumpIt ('MATT')", false, "taken by an acquisition tool, not a crash", true},
}

// LookupBugCheck looks a stop code up; ok is false where it is not in the table.
// Codes that begin with 0x1000 are looked up without that mark.
func LookupBugCheck(code uint32) (info BugCheckInfo, ok bool) {
	if info, ok = bugChecks[code]; ok {
		return info, true
	}
	if info, ok = bugChecks[code&^bugCheckM]; ok && code&0xFFFF0000 == bugCheckM {
		info.Name += "_M"
		return info, true
	}
	return BugCheckInfo{}, false
}

// BugCheckName is the symbolic name of a stop code, or its number.
func BugCheckName(code uint32) string {
	if info, ok := LookupBugCheck(code); ok {
		return info.Name
	}
	return fmt.Sprintf("bugcheck 0x%X", code)
}

// Purpose is whether somebody made a crash to get its dump.
type Purpose int

// The purposes. A debugger blames whatever made the crash, except where there is none.
const (
	NoPurpose        Purpose = iota // something failed, or nothing tells
	PurposeRequested                // keyboard, power button, debugger, or a tool
	PurposeNMI                      // an NMI: somebody sent it, or the hardware failed
	PurposeTest                     // NotMyFault, the tool that makes crashes
	PurposeLive                     // a dump taken on request; nothing crashed
)

// purposes are the stop codes of crashes made on purpose, and of dumps taken on request (bug check reference of the
// Windows driver documentation; 0x5454414D is DumpIt's).
var purposes = map[uint32]Purpose{
	0xE2: PurposeRequested, 0xDEADDEAD: PurposeRequested, 0x1C8: PurposeRequested,
	0x80: PurposeNMI, 0x111: PurposeNMI,
	0x161: PurposeLive, 0x11C8: PurposeLive, 0x21C8: PurposeLive, 0x5454414D: PurposeLive,
}

// notMyFault is the driver of Sysinternals NotMyFault. It is loaded only while that is used, and each of its crashes has
// another stop code, mostly 0xD1.
const notMyFault = "myfault.sys"

// Purpose tells whether the crash was made on purpose. m is the dump's memory, nil where it cannot be read.
func (b *BugCheck) Purpose(m *Memory) Purpose {
	if !b.Code.Known {
		return NoPurpose
	}
	code := b.Code.Value
	if p, ok := purposes[plainCode(code)]; ok {
		return p
	}
	if info, _ := LookupBugCheck(code); m.HasModule(notMyFault) && !info.Hang && !info.Live {
		return PurposeTest
	}
	return NoPurpose
}

// plainCode is a stop code without the mark that makes "_M" of its name.
func plainCode(code uint32) uint32 {
	if code&0xFFFF0000 == bugCheckM {
		return code &^ bugCheckM
	}
	return code
}

const ignoreCause = "ignore the cause that !analyze names, what the machine was doing is the question; begin with !analyze -v -hang, !locks and !vm"

// MadeOnPurpose says, in a sentence, that somebody made the crash to get the
// dump, "" where nothing tells of that. A debugger then blames whatever made
// it. m is the dump's memory, nil where it cannot be read.
func (b *BugCheck) MadeOnPurpose(m *Memory) string {
	switch b.Purpose(m) {
	case PurposeLive:
		return "Nothing crashed, it was taken on request: " + ignoreCause + "."
	case PurposeRequested:
		return "The crash was made on purpose: " + ignoreCause + "."
	case PurposeNMI:
		return "If somebody sent the NMI, the crash was made on purpose: " + ignoreCause + ". If nobody did, the hardware failed: look into the management controller's event log."
	case PurposeTest:
		return "The crash was made on purpose with NotMyFault (myfault.sys is loaded): " + ignoreCause + "."
	case NoPurpose:
	}
	return ""
}
