package crashconfig

import (
	"fmt"
	"strings"

	"hangkit/offline/windows"
)

// keepLimit is the free space up to which Windows deletes the dump of a client that is in no domain.
const keepLimit = 25 * gib

func ruleKeepDump(f *windows.Facts) (Finding, bool) {
	if f.Before(windows.Build7) || f.CrashControl.Is(windows.AlwaysKeepMemoryDump, 1) || f.Role.Value != windows.Client {
		return nothing()
	}
	switch {
	case f.Domain.Known && (!f.Free.Known || f.Free.Value <= keepLimit):
		return say(Risk, "Windows may delete the dump",
			fmt.Sprintf("It keeps the dump of a domain member; the machine has the DNS suffix %s, which does not prove that it is one.", f.Domain.Value), fixArm)
	case !f.Free.Known:
		return say(Unknown, "Windows may delete the dump", "It does so on a client outside a domain with 25 GB or less free; the free space is unknown here.", fixArm)
	case f.Free.Value > keepLimit:
		return nothing()
	}
	return say(Loss, "Windows will delete the dump",
		fmt.Sprintf("A client outside a domain with 25 GB or less free (%s on %s) removes the dump after reporting it.", bytesText(f.Free.Value), f.Letter()), fixArm)
}

func ruleFastStartup(f *windows.Facts) (Finding, bool) {
	if f.SessionPower.Or(windows.HiberbootEnabled, 0) == 0 {
		return nothing()
	}
	return say(Risk, "Fast Startup is on",
		`HiberbootEnabled is 1: "Shut down" keeps the old kernel session, so new settings may not take effect until a restart.`, fixArm)
}

func ruleDomain(f *windows.Facts) (Finding, bool) {
	if !f.Domain.Known {
		return nothing()
	}
	return say(Note, "Group Policy may change the settings back",
		fmt.Sprintf("The machine seems to belong to the domain %s.", f.Domain.Value), "tell the domain's administrator")
}

func ruleVerifier(f *windows.Facts) (Finding, bool) {
	drivers, _ := f.Memory.Text("VerifyDrivers")
	if drivers == "" {
		return nothing()
	}
	return say(Note, "Driver Verifier is on", fmt.Sprintf("It watches %s; the crash may come by itself, with another stop code.", drivers), "")
}

func ruleVBS(f *windows.Facts) (Finding, bool) {
	if f.DeviceGuard.Or("EnableVirtualizationBasedSecurity", 0) == 0 {
		return nothing()
	}
	return say(Note, "Virtualization-based security is on", "Dumps work; the memory of the secure kernel is not in them.", "")
}

func ruleAuditFail(f *windows.Facts) (Finding, bool) {
	switch f.LSA.Or("CrashOnAuditFail", 0) {
	case 1:
		return say(Note, "Windows stops when the security log is full", "CrashOnAuditFail is 1: a stop 0xC0000244 can come before the hang.", "")
	case 2:
		return say(Note, "Windows stopped because the security log was full", "CrashOnAuditFail is 2: only administrators can sign in until it is reset.", "")
	}
	return nothing()
}

func ruleStartOptions(f *windows.Facts) (Finding, bool) {
	options, _ := f.Control.Text("SystemStartOptions")
	for _, word := range []string{"SAFEBOOT", "DEBUG"} {
		if strings.Contains(strings.ToUpper(options), word) {
			return say(Note, "The last start was a special one", fmt.Sprintf("Its options were %q; with a debugger attached a crash waits for it.", strings.TrimSpace(options)), "")
		}
	}
	return nothing()
}

func ruleSecrets(*windows.Facts) (Finding, bool) {
	return say(Note, "A dump holds passwords and keys",
		"Handle it like the machine itself, and disarm the machine afterwards.", "hangkit undo")
}

func ruleScope(*windows.Facts) (Finding, bool) {
	return say(Note, "A hang before the page file opens cannot be dumped",
		"Until Windows has started its session manager there is nowhere to write to. Such a hang needs a kernel debugger.", "")
}
