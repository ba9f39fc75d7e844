package crashconfig

import (
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// Story is everything there is to know about one rule.
type Story struct {
	ID        string
	Group     Group
	Subject   string    // what the rule is about, in a few words
	Text      string    // what it means, in two to six sentences
	Verdicts  []Verdict // those it can come to, mildest first; none when it has nothing to say
	Fix       string    // what settles it; may be empty
	Sources   []string  // public documents, by title and owner; what no document states says so
	Contested string    // where documents contradict each other: which one is followed, and why
	Reads     []string  // what it looks at
}

// story is a [Story] as it is written down; the rest is in the table of rules.
type story struct {
	id, subject, text string
	verdicts          []Verdict
	fix               string
	sources           []string
	contested         string
}

// Explain tells the story of a rule, whatever the case of its id.
func Explain(id string) (Story, bool) {
	id = strings.ToUpper(strings.TrimSpace(id))
	at := slices.IndexFunc(rules, func(r rule) bool { return r.id == id })
	for _, s := range stories() {
		if s.id == id && at >= 0 {
			return Story{
				ID: id, Group: rules[at].group, Subject: s.subject, Text: s.text, Verdicts: s.verdicts,
				Fix: s.fix, Sources: s.sources, Contested: s.contested, Reads: readNames(id),
			}, true
		}
	}
	return Story{}, false
}

func stories() []story {
	return slices.Concat(accessStories, dumpStories, storageStories, pageFileStories, triggerStories, keepingStories)
}

// readNames are what a rule looks at, without any machine.
func readNames(id string) []string {
	var names []string
	for _, r := range Readings(id, &windows.Facts{}) {
		if !slices.Contains(names, r.What) {
			names = append(names, r.What)
		}
	}
	return names
}

// RuleIDs are the ids of all rules, in the order of their findings.
func RuleIDs() []string {
	var ids []string
	for _, g := range Groups() {
		for _, r := range rules {
			if r.group == g {
				ids = append(ids, r.id)
			}
		}
	}
	return ids
}

// GroupOf is the group of a rule; empty for an id that is none.
func GroupOf(id string) Group {
	for _, r := range rules {
		if r.id == id {
			return r.group
		}
	}
	return ""
}

// The public documents that the stories cite, each by its title and its owner.
const (
	docKeyboard   = `"Forcing a system crash from the keyboard" (Microsoft, Windows drivers)`
	docKeyboard1  = `"Forcing a System Crash from the Keyboard", older edition (Microsoft, MSDN ff545499)`
	docPower      = `"Forcing a system crash with the power button" (Microsoft, Windows drivers)`
	docActive     = `"Active memory dump" (Microsoft, Windows drivers)`
	docAuto       = `"Automatic memory dump" (Microsoft, Windows drivers)`
	docComplete   = `"Complete memory dump" (Microsoft, Windows drivers)`
	docKernel     = `"Kernel memory dump" (Microsoft, Windows drivers)`
	docSmall      = `"Small memory dump" (Microsoft, Windows drivers)`
	docLive       = `"Kernel live dump code reference" (Microsoft, Windows drivers)`
	docFilters    = `"Crash dump filter drivers" (Microsoft, Windows drivers, storage)`
	docFast       = `"Distinguishing fast startup from wake-from-hibernation" (Microsoft, Windows drivers)`
	docPageSize   = `"How to determine the appropriate page file size for 64-bit versions of Windows" (Microsoft)`
	docPageIntro  = `"Introduction to the page file" (Microsoft)`
	docRecovery   = `"Configure system failure and recovery options in Windows" (Microsoft)`
	docGenerate   = `"Generate a kernel or complete crash dump" (Microsoft)`
	docFreeze     = `"Windows-based computer freeze troubleshooting" (Microsoft)`
	docTablet     = `KB 3135462, "Tablet device creates minidump file" (Microsoft)`
	docNMI        = `KB 2750146, "NMI hardware failure error" (Microsoft)`
	docNMI2000    = `"NMICrashDump", registry reference for Windows 2000 and Server 2003 (Microsoft, TechNet)`
	docNMIBlog    = `"NMI Crash Dumps" (deusexmachina.uk)`
	docHowTo      = `"How to Force a Diagnostic Memory Dump When a Computer Hangs" (Microsoft, TechNet blogs)`
	docOptions    = `KB 254649, "Overview of memory dump file options for Windows" (Microsoft)`
	docEvent46    = `KB 2756313, "Event ID 46 when you start a computer" (Microsoft)`
	docEvent49    = `KB 949052, "Kernel memory dump files may not be generated" (Microsoft)`
	docBest       = `"Troubleshoot Stop errors: best practices and dump configuration recommendations" (Microsoft, 2026)`
	docVerifier   = `"Use Driver Verifier to identify issues" (Microsoft)`
	docClear      = `"Windows shuts down slowly when it is set to clear the virtual memory page file" (Microsoft)`
	docKB969028   = `KB 969028, "How to generate a kernel or a complete memory dump file in Windows Server 2008" (Microsoft)`
	docCore       = `"Server Core memory dump" (Microsoft, Windows Server)`
	docEncryption = `"About dump encryption" (Microsoft, Windows Server)`
	docBCD        = `"BCDEdit /set" (Microsoft, Windows drivers)`
	docBCDTypes   = `"BcdOSLoaderElementTypes" and "BcdLibraryElementTypes" (Microsoft, Win32)`
	docBCDLocker  = `"BCD settings and BitLocker" (Microsoft)`
	docBoot       = `"Windows boot issues troubleshooting" (Microsoft)`
	docVBS        = `"Enable virtualization-based protection of code integrity" (Microsoft)`
	docDedicated  = `"How to use the DedicatedDumpFile registry value to overcome space limitations" (Microsoft, ntdebugging blog, 2010)`
	docAutoBlog   = `"Automatic Memory Dump" (Microsoft, Ask the Core Team blog, 2012)`
	docWERBlog    = `"Kernel dump storage and clean up behavior in Windows 7" (Microsoft, WER blog, 2009)`
	docCrashBlog  = `"Understanding Crash Dump Files" (Microsoft, Ask the Performance Team blog, 2008)`
	docEWF        = `"EWF and Crash dumps" (Microsoft, embedded blog)`
	docWER        = `"WER Settings" (Microsoft, Win32)`
	docPageUsage  = `"Win32_PageFileUsage" (Microsoft, Win32)`
	docPageSet    = `"Win32_PageFileSetting" (Microsoft, Win32)`
	docBugChecks  = `"Bug check code reference", 0x80, 0xE2, 0x111, 0x1C8 and 0x9E (Microsoft, Windows drivers)`
	docInternals  = `"Windows Internals", 6th edition, part 2, crash dumps (Microsoft Press)`
	docAzureDump  = `win-dumpconfigurator.ps1 (Azure repair-script-library)`
	docAzureNMI   = `"Serial console for Windows on Azure" (Microsoft)`
	docVirtIO     = `kvm-guest-drivers-windows, issue 809 and the source of its drivers (virtio-win project)`
	docQEMU       = `"Hyper-V Enlightenments" (QEMU)`
	docDriver     = `keyboard sample driver pnpi8042 of the Windows Driver Kit (Microsoft), secondary`
	docLKG        = `KB 4016731, "Start a VM on last known good configuration" (Microsoft)`
	docNTFS3G     = `ntfs-3g, source of its hibernation check`
	docSMBIOS     = `systemd, its table of virtual machines' firmware strings; SMBIOS chassis types (DMTF)`
	docRegf       = `registry format specification by Maxim Suhanov`

	observed  = "seen in registries of real machines; no document was found"
	knowledge = "general knowledge; no document was found"
	inferred  = "follows from how dumps are written; no document states it"
)

var (
	block   = []Verdict{Block}
	loss    = []Verdict{Loss}
	risk    = []Verdict{Risk}
	note    = []Verdict{Note}
	noteOK  = []Verdict{OK, Note}
	unknown = []Verdict{Unknown}
)
