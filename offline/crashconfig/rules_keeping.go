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
	free, letter := dumpVolume(f)
	switch {
	case f.Domain.Known && (!free.Known || free.Value <= keepLimit):
		return say(Risk, "Windows may delete the dump",
			fmt.Sprintf("It keeps the dump of a domain member; the machine has the DNS suffix %s, which does not prove that it is one.", f.Domain.Value), fixArm)
	case !free.Known:
		return say(Unknown, "Windows may delete the dump", "It does so on a client outside a domain with 25 GB or less free; the free space is unknown here.", fixArm)
	case free.Value > keepLimit:
		return nothing()
	}
	return say(Loss, "Windows will delete the dump",
		fmt.Sprintf("A client outside a domain with 25 GB or less free (%s on %s) removes the dump after reporting it.", bytesText(free.Value), letter), fixArm)
}

// dumpVolume is the free space of the volume that the dump file lies on, and its letter.
func dumpVolume(f *windows.Facts) (free windows.Fact[int64], letter string) {
	if p, ok := f.DumpFile(); ok && !f.OnSystemVolume(p) {
		d, _ := f.Drive(p.Letter)
		return d.Free, fmt.Sprintf("%c:", p.Letter)
	}
	return f.Free, f.Letter()
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

// Values that switch virtualization-based security on.
const (
	vbsEnabled = "EnableVirtualizationBasedSecurity"
	lsaFlags   = "LsaCfgFlags" // Credential Guard
)

func ruleVBS(f *windows.Facts) (Finding, bool) {
	on := f.DeviceGuard.Or(vbsEnabled, 0) != 0 || f.CodeIntegrity.Or("Enabled", 0) != 0 ||
		f.CredentialGuard.Or("Enabled", 0) != 0 || f.LSA.Or(lsaFlags, 0) != 0
	switch {
	case !on:
		return nothing()
	case f.Boot != nil && f.Boot.HypervisorLaunchType.IsSet() && f.Boot.HypervisorLaunchType.Value == 0:
		return say(Note, "Virtualization-based security is set, but cannot start",
			"The boot store has hypervisorlaunchtype off. A dump is not affected.", "")
	}
	return say(Note, "Virtualization-based security is on",
		"Dumps work; the memory of the secure kernel is not in them. Drivers in the dump path must be fit for it.", "")
}

func ruleGuests(f *windows.Facts) (Finding, bool) {
	if !f.ServiceActive("vmms") && !f.ServiceActive("vmcompute") || configuredType(f) == Active {
		return nothing()
	}
	return say(Note, "This machine can run virtual machines",
		"A complete dump holds the memory of all of them; an active dump leaves it out.", activeFix(f))
}

// activeFix offers an active dump where Windows knows it.
func activeFix(f *windows.Facts) string {
	if !f.AtLeast(windows.Build10) {
		return ""
	}
	return fixArm + " --dump active"
}

func rulePolicies(f *windows.Facts) (Finding, bool) {
	if len(f.Policies) == 0 {
		return nothing()
	}
	var list []string
	for _, p := range f.Policies {
		list = append(list, fmt.Sprintf("%q (%s)", p.Source, strings.Join(p.Names, ", ")))
	}
	return say(Risk, "A policy sets crash settings",
		fmt.Sprintf("Named in %s: what is set from outside may be changed back once Windows runs.", strings.Join(list, "; ")),
		"change the policy as well, or tell who manages it")
}

// What Windows notes about its last boots, below Control.
const (
	lastBootSucceeded = "LastBootSucceeded"
	lastBootShutdown  = "LastBootShutdown"
	dirtyShutdowns    = "DirtyShutdownCount"
)

// manyDirtyShutdowns is from how many on they are told.
const manyDirtyShutdowns = 3

// bootFailed reports that Windows noted its last boot as failed.
func bootFailed(f *windows.Facts) bool { return f.Control.Is(lastBootSucceeded, 0) }

func ruleLastBoots(f *windows.Facts) (Finding, bool) {
	var signs []string
	if bootFailed(f) {
		signs = append(signs, "the last boot did not succeed")
	}
	if f.Control.Is(lastBootShutdown, 0) {
		signs = append(signs, "Windows was not shut down after it")
	}
	if n := f.Control.Or(dirtyShutdowns, 0); n >= manyDirtyShutdowns {
		signs = append(signs, fmt.Sprintf("%d times Windows ended without a shutdown", n))
	}
	if len(signs) == 0 {
		return nothing()
	}
	return say(Note, "There are signs of hangs or power cuts", sentence(strings.Join(signs, "; "))+"Windows noted that itself.", "")
}

// ruleAutoRepair: automatic repair starts after two failed starts in a row, before Windows has saved the dump. That
// matters where the hang is at boot.
func ruleAutoRepair(f *windows.Facts) (Finding, bool) {
	b := f.Boot
	if b == nil || !b.RecoveryEnabled.Value || b.BootStatusPolicy.IsSet() && b.BootStatusPolicy.Value == ignoreAllFailures {
		return nothing()
	}
	detail := "After two failed starts Windows starts its repair instead, and the dump stays in the page file."
	if bootFailed(f) {
		return say(Risk, "Automatic repair may start before the dump is saved", "The last boot failed. "+detail, fixArm+" --no-auto-repair")
	}
	return say(Note, "Automatic repair is on", "It matters where Windows hangs while it starts. "+detail, fixArm+" --no-auto-repair")
}

func ruleNoCrashReboot(f *windows.Facts) (Finding, bool) {
	if f.Boot == nil || !f.Boot.NoCrashAutoReboot.Value {
		return nothing()
	}
	return say(Note, "The boot store keeps the stop screen",
		"It has nocrashautoreboot, which overrides AutoReboot: somebody has to reset the machine after the dump.", "")
}

var safeModes = map[uint64]string{0: "minimal", 1: "with network", 2: "directory services repair"}

func ruleSafeBoot(f *windows.Facts) (Finding, bool) {
	if f.Boot == nil || !f.Boot.SafeBoot.IsSet() {
		return nothing()
	}
	n := f.Boot.SafeBoot.Value
	mode := safeModes[n]
	if mode == "" {
		mode = fmt.Sprint(n)
	}
	return say(Note, "The next start is in safe mode",
		fmt.Sprintf("The boot store has safeboot: %s. Many drivers are absent then, and with them perhaps the hang.", mode), "")
}

func ruleLessMemory(f *windows.Facts) (Finding, bool) {
	if f.Boot == nil || !f.Boot.RemoveMemory.IsSet() && !f.Boot.TruncateMemory.IsSet() {
		return nothing()
	}
	detail := "The boot store has removememory or truncatememory."
	if f.RAM.Known && ramMB(f) < installedMB(f) {
		detail = fmt.Sprintf("The boot store leaves it %s of %s; sizes are judged by that.", mbText(ramMB(f)), mbText(installedMB(f)))
	}
	return say(Note, "Windows uses less than the memory there is", detail, "")
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

// ruleNothingToWrite weighs what the other rules found.
func ruleNothingToWrite(r *Report) (Finding, bool) {
	for _, f := range r.Findings {
		if f.Verdict >= Risk && strings.HasPrefix(f.Fix, fixArm) {
			return nothing()
		}
	}
	return say(OK, "The settings are right already", "No rule asks for a change that hangkit arm makes.", "")
}

func ruleSecrets(*windows.Facts) (Finding, bool) {
	return say(Note, "A dump holds passwords and keys",
		"Handle it like the machine itself, and disarm the machine afterwards.", "hangkit undo")
}

func ruleScope(*windows.Facts) (Finding, bool) {
	return say(Note, "A hang before the page file opens cannot be dumped",
		"Until Windows has started its session manager there is nowhere to write to. Such a hang needs a kernel debugger.", "")
}
