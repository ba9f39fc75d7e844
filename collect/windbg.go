package collect

import (
	"fmt"
	"strings"

	"hangkit/collect/dumpfile"
)

// Command is a command of WinDbg and what it shows.
type Command struct{ Command, Why string }

// Stage is how far the machine had come when it was stopped, as its processes
// tell.
type Stage int

// The stages, in the order of a start.
const (
	StageUnknown Stage = iota
	StageDrivers       // no session manager: the drivers start
	StageSession       // the session manager and what it starts
	StageLogon         // Winlogon, and no desktop
	StageDesktop       // someone was logged on
)

// Cause is what the stop code says of a hang.
type Cause int

// The causes.
const (
	CauseUnknown     Cause = iota
	CauseRequested         // a dump was asked for: by keyboard, button, NMI or a tool
	CauseDeferred          // deferred calls, or a raised IRQL, took too long
	CauseProcessor         // a processor, or all of them, stopped
	CauseDriverStart       // a device did not finish starting
	CausePower             // a change of power state did not end
	CauseDisplay           // the display driver
	CauseLive              // a live dump
	CauseCrash             // no hang: something failed
)

// Hang is the kind of hang that a dump shows.
type Hang struct {
	Stage   Stage
	Cause   Cause
	purpose dumpfile.Purpose
	code    dumpfile.BugCheck
}

// The kinds of hang that stop codes name (bug check reference of the Windows
// driver documentation). Which crashes were made on purpose dumpfile knows, and which
// dumps are live Candidate.Live.
var causes = map[uint32]Cause{
	0x133: CauseDeferred,
	0x101: CauseProcessor, 0x1CA: CauseProcessor, 0x1CF: CauseProcessor, 0x1DB: CauseProcessor, 0x1DF: CauseProcessor,
	0x1D5: CauseDriverStart,
	0x9F:  CausePower, 0x14F: CausePower, 0x1A0: CausePower, 0x1D0: CausePower, 0xA0: CausePower,
	0x9E: CauseUnknown, // a cluster's view of a hang
	0xEA: CauseDisplay, 0x116: CauseDisplay, 0x119: CauseDisplay,
}

// Hang tells the kind of hang from the dump's header and place, and from its
// memory where that could be followed.
func (c *Candidate) Hang(m *dumpfile.Memory) Hang {
	h := Hang{code: c.Header.BugCheck, purpose: c.Header.BugCheck.Purpose(m)}
	if m != nil {
		h.Stage = stageOf(m)
	}
	if code := h.code.Code; code.Known {
		h.Cause = CauseCrash
		if cause, ok := causes[plainCode(code.Value)]; ok {
			h.Cause = cause
		}
	}
	switch {
	case c.Live():
		h.Cause = CauseLive
	case h.purpose != dumpfile.NoPurpose:
		h.Cause = CauseRequested
	}
	return h
}

// MaybeHardware reports whether an NMI stopped the machine: failing hardware sends
// one as well as somebody who asks for a dump.
func (h Hang) MaybeHardware() bool { return h.purpose == dumpfile.PurposeNMI }

// plainCode is a stop code without the mark that makes "_M" of its name.
func plainCode(code uint32) uint32 {
	const mark, marked = 0x10000000, 0xFFFF0000
	if code&marked == mark {
		return code &^ mark
	}
	return code
}

// stageOf looks for the processes that a start brings one after the other. A list
// that breaks off says nothing of what does not run.
func stageOf(m *dumpfile.Memory) Stage {
	runs := map[string]bool{}
	for _, p := range m.Processes.Value {
		runs[strings.ToLower(p.Name)] = true
	}
	switch {
	case runs["explorer.exe"]:
		return StageDesktop
	case m.Processes.Err != nil || !runs["system"]:
		return StageUnknown
	case runs["winlogon.exe"]:
		return StageLogon
	case runs["smss.exe"]:
		return StageSession
	}
	return StageDrivers
}

// Words names the kind of hang, and what says so.
func (h Hang) Words() (title, how string) {
	stage, seen := h.Stage.words()
	switch h.Cause {
	case CauseRequested:
		if h.MaybeHardware() {
			return stage, "If somebody sent the NMI, the stop code says nothing about the cause; if nobody did, the hardware failed. " + seen
		}
		return stage, "The dump was asked for, so its stop code says nothing about the cause. " + seen
	case CauseUnknown:
		return stage, seen
	default:
	}
	title, how = h.Cause.words()
	return title, how + " " + seen
}

func (s Stage) words() (title, how string) {
	switch s {
	case StageDrivers:
		return "hang at boot, before smss.exe", "No session manager (smss.exe) runs yet: boot and system drivers are being started."
	case StageSession:
		return "hang at boot, in the session manager's part", "smss.exe runs and winlogon.exe does not: the disk check, page files, the registry's hives, services or win32k are being started."
	case StageLogon:
		return "hang at the logon screen, or before it", "winlogon.exe runs and explorer.exe does not: nobody's desktop is up."
	case StageDesktop:
		return "hang of a running system", "explorer.exe runs: somebody had logged on."
	default:
		return "hang", "How far the start had come cannot be told: the dump has no whole list of processes."
	}
}

func (c Cause) words() (title, how string) {
	switch c {
	case CauseDeferred:
		return "DPC watchdog", "A deferred procedure call, or code at DISPATCH_LEVEL or above, ran too long."
	case CauseProcessor:
		return "processor hang", "A processor, or the clock of all of them, stopped answering."
	case CauseDriverStart:
		return "hang at the start of a driver", "The plug and play watchdog waited for a device or service that did not start."
	case CausePower:
		return "power transition hang", "A change of power state did not end."
	case CauseDisplay:
		return "display hang", "The display driver or its hardware did not answer."
	case CauseLive:
		return "live dump", "It was taken from a running system, which went on: nothing crashed."
	default:
		return "crash", "Something failed: look at the cause first."
	}
}

// Commands are those to begin with for this kind of hang, in the order to try them.
func (h Hang) Commands() []Command {
	var list []Command
	switch h.Cause {
	case CauseCrash, CauseDisplay:
		list = append(list, Command{"!analyze -v", "what failed, and in which module"})
	case CauseLive:
		list = append(list, Command{"!analyze -v", "why Windows took it"}, Command{"!analyze -v -hang", "who waits for whom"})
	case CauseUnknown, CauseRequested:
		if h.MaybeHardware() {
			list = append(list, Command{"!analyze -v", "what the hardware reported, if nobody sent the NMI"})
		}
		list = append(list, Command{"!analyze -v -hang", "who waits for whom; its bugcheck part only repeats that a dump was asked for"},
			Command{"!locks", "resources that are held, and who waits for them"}, Command{"!vm", "whether memory had run out"})
	default:
		list = append(list, Command{"!analyze -v", "the watchdog's own view"}, Command{"!analyze -v -hang", "who waits for whom"})
	}
	list = append(list, h.causeCommands()...)
	return without(append(list, h.Stage.commands()...), nil)
}

// FurtherCommands are those for any hang, which follow.
func (h Hang) FurtherCommands() []Command { return without(general, h.Commands()) }

// without leaves out of a list what came before, in it or in another one.
func without(list, before []Command) []Command {
	seen := map[string]bool{}
	for _, c := range before {
		seen[c.Command] = true
	}
	var out []Command
	for _, c := range list {
		if !seen[c.Command] {
			out = append(out, c)
		}
		seen[c.Command] = true
	}
	return out
}

// causeCommands are those that the stop code and its parameters lead to.
func (h Hang) causeCommands() []Command {
	switch h.Cause {
	case CauseDeferred:
		return []Command{
			{"!running -it", "what every processor was doing, with stacks"},
			{"!dpcs", "deferred calls that wait"},
			{"!timer", "timers that should have fired"},
			{"!irql", "the level the processor was at"},
		}
	case CauseProcessor:
		return append(h.withParameter(0x101, 3, "~%ds; k", "the processor that hangs"),
			Command{"!running -it", "what every processor was doing, with stacks"},
			Command{"!ipi", "what processors asked each other"},
			Command{"!pcr", "the control region of the current processor"},
			Command{"!timer", "timers that should have fired"})
	case CauseDriverStart:
		return append(h.withParameter(0x1D5, 2, "!thread %#x 17", "the thread that waits, with its stack"),
			Command{"!pnptriage", "devices that did not start and the queues that wait"},
			Command{"!devnode 0 1", "the device tree: look for a node that is still starting"},
			Command{"!blackboxpnp", "what plug and play was doing last"},
			Command{"!irpfind", "requests that never came back"})
	case CausePower:
		return h.powerCommands()
	case CauseDisplay:
		return append(h.withParameter(0xEA, 0, "!thread %#x 17", "the thread that is stuck"),
			Command{"!running -it", "what every processor was doing, with stacks"})
	default:
		return nil
	}
}

func (h Hang) powerCommands() []Command {
	var list []Command
	switch h.code.Parameters[0].Value {
	case 3:
		list = append(h.withParameter(0x9F, 1, "!devstack %#x", "the device whose request is held"),
			h.withParameter(0x9F, 3, "!irp %#x", "the request that is held")...)
	case 4:
		list = h.withParameter(0x9F, 2, "!thread %#x 17", "the thread that holds the plug and play lock")
	}
	return append(list,
		Command{"!poaction", "the power transition under way and whom it waits for"},
		Command{"!pnptriage", "devices and the queues that wait"},
		Command{"!irpfind", "requests that never came back"})
}

// withParameter is a command about a parameter of one stop code, where the dump
// has it.
func (h Hang) withParameter(code uint32, i int, format, why string) []Command {
	p := h.code.Parameters[i]
	if h.code.Code.Value != code || !p.Known {
		return nil
	}
	return []Command{{fmt.Sprintf(format, p.Value), why}}
}

// commands are those for the part of the start that did not end.
func (s Stage) commands() []Command {
	switch s {
	case StageDrivers:
		return []Command{
			{"!process 0 17 System", "every thread of the only process: look for a driver's start routine that waits"},
			{"!pnptriage", "devices that did not start and the queues that wait"},
			{"!devnode 0 1", "the device tree: look for a node that is still starting"},
			{"!blackboxbsd", "how far the boot had come"},
			{"!blackboxpnp", "what plug and play was doing last"},
			{"!irpfind", "requests that never came back from a disk or filter"},
		}
	case StageSession:
		return []Command{
			{"!process 0 17 smss.exe", "what the session manager waits for"},
			{"!process 0 17 autochk.exe", "whether the disk is being checked"},
			{"!process 0 17 csrss.exe", "whether win32k and the display started"},
			{"!process 0 17 services.exe", "which service is being started"},
			{"!blackboxbsd", "how far the boot had come"},
			{"!irpfind", "requests that never came back from a disk or filter"},
		}
	case StageLogon:
		return []Command{
			{"!process 0 17 winlogon.exe", "what the logon waits for"},
			{"!process 0 17 LogonUI.exe", "the logon screen's threads"},
			{"!process 0 17 lsass.exe", "whether authentication waits, often for the network"},
			{"!process 0 17 services.exe", "which service is being started"},
			{"!blackboxwinlogon", "what Winlogon was doing last"},
			{"!alpc /lpp", "who waits for an answer of which process"},
		}
	default:
		return nil
	}
}

// general are the commands for any hang.
var general = []Command{
	{".bugcheck", "the stop code with its parameters"},
	{"!sysinfo machineid", "maker, model and firmware"},
	{"!running -it", "what every processor was doing, with stacks"},
	{"!locks", "resources that are held, and who waits for them"},
	{"!stacks 2", "every thread of the kernel in a line"},
	{"!process 0 7", "every process with its threads"},
	{"!dpcs", "deferred calls that wait"},
	{"!timer", "timers that should have fired"},
	{"!exqueue f", "worker threads: are all of them busy?"},
	{"!vm", "whether memory had run out"},
	{"!irpfind", "requests that never came back"},
	{"!pnptriage", "devices and the queues that wait"},
	{"!devnode 0 1", "the device tree"},
	{"!poaction", "a power transition under way"},
	{"!blackboxbsd", "how far the boot had come"},
	{"!blackboxpnp", "what plug and play was doing last"},
	{"!blackboxwinlogon", "what Winlogon was doing last"},
}

// HangCommands are the WinDbg commands an analysis of any hang begins with, in
// the order to try them.
func HangCommands() []string {
	list := []string{"!analyze -v -hang"}
	for _, c := range general {
		list = append(list, c.Command)
	}
	return list
}
