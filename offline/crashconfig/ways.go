package crashconfig

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// way is a way to crash a machine of any kind, or to look into it.
type way struct {
	id    string
	also  string // other names
	name  string
	steps func(*guide) []Step
	// none says why there are no steps, for a way that not every machine has.
	none func(*guide) string
	see  string // what follows, if the machine crashes
	// nothing is what to try if it does not.
	nothing  string
	triggers bool // its commands crash the machine
	extra    bool // told on request
	live     bool // nothing crashes
}

// ways lists them: those that work on a hung machine, then those that help before or beside it.
var ways = []way{
	{id: "keyboard", also: "keys crashonctrlscroll", name: "Use the keyboard", steps: (*guide).keyboardSteps, triggers: true,
		see:     "After the keyboard: stop code 0xE2 (MANUALLY_INITIATED_CRASH).",
		nothing: "Keyboard: another port, a PS/2 keyboard; hold the first keys all the time; try twice. A processor stuck at a high IRQL sees no key."},
	{id: "power-button", also: "powerbutton button", name: "Hold the power button", steps: (*guide).powerButtonSteps, none: (*guide).noPowerButton,
		see:     "After the power button: a black screen that asks to let go, then a percentage; stop code 0x1C8.",
		nothing: "Power button: it must be wired to Windows, as on most tablets, laptops with modern standby and ARM64 machines; on others holding it only cuts the power."},
	{id: "notmyfault", also: "test", name: "Test the settings while Windows runs", steps: notMyFaultSteps, triggers: true, extra: true,
		see: "Stop code 0xD1, or that of the crash chosen, with myfault.sys on the screen or in the dump."},
	{id: "debugger", also: "windbg kd crash sac", name: "With a kernel debugger or a serial console", steps: debuggerSteps, triggers: true, extra: true,
		see: "Stop code 0xE2 (MANUALLY_INITIATED_CRASH)."},
	{id: "live-dump", also: "task-manager taskmgr livekd livedump", name: "Without a crash, while Windows still answers", steps: liveSteps, extra: true, live: true},
	{id: "host-memory", also: "memory vmss2core win-dmp", name: "The memory, taken by the host", steps: memorySteps, none: noMemory, extra: true, live: true},
}

// title is what the way is called in a guide: those on every machine stand beside the NMI.
func (w way) title() string {
	if w.extra {
		return w.name
	}
	return "Or " + strings.ToLower(w.name[:1]) + w.name[1:]
}

func findWay(name string) (way, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	i := slices.IndexFunc(ways, func(w way) bool { return w.id == name || slices.Contains(strings.Fields(w.also), name) })
	if i < 0 {
		return way{}, false
	}
	return ways[i], true
}

// keyboardSteps tells the combination that this machine is armed for, and how to send just that one to a console.
func (g *guide) keyboardSteps() []Step {
	out, combinations := g.combinations()
	for _, c := range combinations {
		console := g.consoles(c)
		if len(combinations) > 1 && len(console) > 0 {
			console[0].Text = fmt.Sprintf("For %s: %s", c.Flag(), console[0].Text)
		}
		out = append(out, console...)
	}
	if len(combinations) == 0 {
		return out
	}
	const swallow = "KVM switches and viewers may swallow right Ctrl or Scroll Lock. Remote Desktop and the on-screen keyboard cannot do it."
	if g.virtual() {
		return append(out, Step{Text: swallow})
	}
	return append(out, Step{Text: "Consoles of BMCs are USB keyboards (kbdhid). " + swallow})
}

// combinations are what the drivers are armed for, in words and once each.
func (g *guide) combinations() ([]Step, []Combination) {
	if g.general {
		return []Step{{Text: fmt.Sprintf("Once armed, and if no other keys were chosen: %s.", DefaultCombination)}}, []Combination{DefaultCombination}
	}
	var out []Step
	var list []Combination
	for _, k := range ArmedKeyboards(g.f) {
		out = append(out, Step{Text: fmt.Sprintf("%s (%s): %s.", k.Kind, k.Service, k.Keys)})
		if !slices.Contains(list, k.Keys) {
			list = append(list, k.Keys)
		}
	}
	if len(list) == 0 {
		out = append(out, Step{Text: "NOT ARMED: no keyboard can crash this Windows. Arm it, then restart.", Command: fixArm})
	}
	return out, list
}

// consoles are the steps for the platform's console; for those of all platforms where it is not known.
func (g *guide) consoles(c Combination) []Step {
	if g.Platform != windows.UnknownPlace {
		return slices.Clone(consoleKeys(g.Platform, c))
	}
	if !g.general {
		return nil
	}
	var out []Step
	for _, id := range consolePlatforms {
		out = append(out, consoleKeys(id, c)...)
	}
	return out
}

// powerButtonSteps: "Forcing a system crash with the power button", Microsoft.
func (g *guide) powerButtonSteps() []Step {
	hold := []Step{
		{Text: "Hold the power button for 7 seconds and let go before 10, when the firmware cuts the power and the dump is lost. On ARM64 let go right after 7."},
		{Text: "The screen turns black and asks to release the button; then a percentage is shown."},
	}
	switch {
	case PowerButtonArmed(g.f):
		return hold
	case g.general && (g.portable() || g.Platform == windows.PC || g.Platform == windows.UnknownPlace):
		return append([]Step{{Text: "Windows 10 1809, Server 2019 and later, where armed (hangkit arm --power-button) and the button is wired to Windows."}}, hold...)
	case g.f.AtLeast(windows.Build1809) && g.portable():
		return append([]Step{{Text: "NOT ARMED: this Windows does not watch the button. Arm it, then restart.", Command: fixArm + " --power-button"}}, hold...)
	}
	return nil
}

func (g *guide) noPowerButton() string {
	const not = "This machine's button does not crash Windows: "
	switch {
	case g.virtual():
		return not + "a virtual machine has none."
	case !g.general && !g.f.AtLeast(windows.Build1809):
		return not + "only Windows 10 1809, Server 2019 and later watch it."
	}
	return not + "only tablets, laptops with modern standby and ARM64 machines hand theirs to Windows. If this is one, arm it with --power-button."
}

func (g *guide) portable() bool { return windows.Platform{ID: g.Platform}.Portable() }

// notMyFaultSteps: Sysinternals' documentation of NotMyFault.
func notMyFaultSteps(*guide) []Step {
	return []Step{{Text: "Sysinternals NotMyFault crashes it on the spot: a dump that appears proves the settings. It needs a session, so it is no help in a hang.",
		Where: "the armed Windows, as administrator", Command: "notmyfaultc64 crash 0x01"}}
}

// debuggerSteps: "Forcing a system crash from the debugger", Microsoft.
func debuggerSteps(*guide) []Step {
	return []Step{
		{Text: "Attached before the hang, with debugging switched on in the boot store: break in (Ctrl+Break), then crash it. The only way to see a hang before the page file opens.", Where: "kernel debugger", Command: ".crash"},
		{Text: "Windows Server with Emergency Management Services, at the serial console's SAC prompt; in Azure through the Serial console.", Where: "SAC", Command: "crashdump", Manual: true},
	}
}

// liveSteps: "Task Manager live memory dump" and "LiveKD", Microsoft.
func liveSteps(*guide) []Step {
	const where = "the running Windows, elevated PowerShell"
	return []Step{
		{Text: "Task Manager (Windows 11 build 22621.1992 and later): Details, the process System, right click, Create live kernel memory dump file. Stop code 0x161; nothing crashes."},
		{Text: "Sysinternals LiveKD (Windows 8.1 and later).", Where: where, Command: "livekd64 -ml -o <file.dmp>"},
		{Text: "Windows' own command, where it has Storage Spaces' module.", Where: where, Command: "Get-StorageDiagnosticInfo -StorageSubSystemFriendlyName <name> -DestinationPath <folder> -IncludeLiveDump", Manual: true},
		{Text: "The power button, where PowerButtonLiveDump is set (build 22000 and later): hold it for 7 seconds; live dump 0x11C8."},
		{Text: "None of them works in a hard hang."},
	}
}

// memorySteps are what the platform's host can do, or every platform's where it is not known.
func memorySteps(g *guide) []Step {
	if g.Platform != windows.UnknownPlace {
		return g.p.memory
	}
	var out []Step
	for _, p := range places {
		for _, m := range p.memory {
			m.Text = p.name + ": " + m.Text
			out = append(out, m)
		}
	}
	return out
}

func noMemory(g *guide) string {
	return "No way to take the memory of this kind of machine from outside is known: " + g.p.name + "."
}
