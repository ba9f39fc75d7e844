package crashconfig

import (
	"errors"
	"fmt"
	"strings"

	"hangkit/offline/windows"
)

// ErrPlatform says that a name is no platform hangkit knows.
var ErrPlatform = errors.New("unknown platform")

// Section is a part of the trigger guide.
type Section struct {
	ID    string // before, nmi, keyboard, power-button, see, wait, afterwards, nothing, reading
	Title string
	Steps []Step
}

// TriggerGuide tells how to crash the machine on purpose, once it hangs.
type TriggerGuide struct {
	Platform string // id
	Name     string // of the platform
	Source   string // how it is known
	Guessed  bool
	Sections []Section
}

// Section returns a part of the guide by its id.
func (g *TriggerGuide) Section(id string) (Section, bool) {
	for _, s := range g.Sections {
		if s.ID == id {
			return s, true
		}
	}
	return Section{}, false
}

func (g *TriggerGuide) add(id, title string, steps ...Step) {
	if len(steps) > 0 {
		g.Sections = append(g.Sections, Section{ID: id, Title: title, Steps: steps})
	}
}

// Guide writes the guide for a platform, or for the one the facts show if the name is empty.
func Guide(f *windows.Facts, platform string) (*TriggerGuide, error) {
	g := &TriggerGuide{Platform: f.Platform.ID, Source: f.Platform.Source, Guessed: f.Platform.Guessed}
	if platform != "" {
		g.Platform, g.Source, g.Guessed = platform, "--platform", false
	}
	p, ok := findPlace(g.Platform)
	if !ok {
		return nil, fmt.Errorf("%w %q: want one of %s", ErrPlatform, platform, platformIDs())
	}
	g.Platform, g.Name = p.id, p.name
	g.add("before", "Before", before(f, p)...)
	g.add("nmi", "Send an NMI", nmiSteps(f, p)...)
	g.add("keyboard", "Or use the keyboard", keyboardSteps(f, p)...)
	g.add("power-button", "Or hold the power button", powerButtonSteps(f)...)
	g.add("see", "You will see", seeSteps(f)...)
	g.add("wait", "Wait", waitStep(f))
	g.add("afterwards", "Afterwards", afterwards(f)...)
	g.add("nothing", "If nothing happens", nothingHappens()...)
	g.add("reading", "Reading the dump", Step{Text: "The stop code is that of the trigger, not the cause. Look for locks, pending I/O and stuck threads on all processors."})
	return g, nil
}

func platformIDs() string {
	var ids []string
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return strings.Join(ids, ", ")
}

func before(f *windows.Facts, p place) []Step {
	steps := []Step{{Text: armedText(f)}}
	if len(f.Watchdogs) > 0 {
		steps = append(steps, Step{Text: "Watchdogs that may reset the machine first are installed: " + watchdogsText(f) + "."})
	}
	for _, w := range p.watch {
		steps = append(steps, Step{Text: "Switch off: " + w + "."})
	}
	return append(steps,
		Step{Text: "To test the settings without a hang, while Windows runs: Sysinternals NotMyFault crashes it on the spot.",
			Where: "the armed Windows, as administrator", Command: "notmyfaultc64 crash 0x01"},
		Step{Text: "Trigger the crash exactly once: a second NMI while the dump is written spoils it."})
}

// armedText says which triggers the next boot will honour.
func armedText(f *windows.Facts) string {
	var armed []string
	if NMIArmed(f) {
		armed = append(armed, "NMI")
	}
	for _, k := range ArmedKeyboards(f) {
		armed = append(armed, fmt.Sprintf("keyboard %s (%s)", k.Service, k.Keys.Flag()))
	}
	if PowerButtonArmed(f) {
		armed = append(armed, "power button")
	}
	if len(armed) == 0 {
		return "No trigger is armed. Run hangkit arm first, then restart."
	}
	return "Armed for the next start: " + strings.Join(armed, "; ") + "."
}

func nmiSteps(f *windows.Facts, p place) []Step {
	switch {
	case f.IsARM64():
		return []Step{{Text: "ARM64 machines have no NMI."}}
	case len(p.nmi) == 0:
		return []Step{{Text: "No public way to send an NMI is known for this kind of machine; use the keyboard."}}
	case !NMIArmed(f):
		return append([]Step{{Text: "This Windows does not crash on an NMI yet: run hangkit arm, then restart."}}, p.nmi...)
	}
	return p.nmi
}

func keyboardSteps(f *windows.Facts, p place) []Step {
	var steps []Step
	usesDefault := false
	for _, k := range ArmedKeyboards(f) {
		steps = append(steps, Step{Text: fmt.Sprintf("%s: %s.", k.Kind, k.Keys)})
		usesDefault = usesDefault || k.Keys == DefaultCombination
	}
	if len(steps) == 0 {
		return []Step{{Text: "No keyboard is armed."}}
	}
	if usesDefault {
		steps = append(steps, consoleKeys(p.id)...)
	}
	return append(steps, Step{Text: "Consoles of BMCs are USB keyboards; KVM switches and viewers may swallow right Ctrl or Scroll Lock."})
}

// consoleKeys tells how to send right Ctrl and twice Scroll Lock to a virtual machine without a keyboard.
func consoleKeys(platform string) []Step {
	switch platform {
	case windows.VirtualBox:
		return []Step{{Text: "Right Ctrl is VirtualBox' own host key; send the codes instead.", Where: "VirtualBox host",
			Command: "VBoxManage controlvm <vm> keyboardputscancode e0 1d 46 c6 46 c6 e0 9d"}}
	case windows.KVM:
		return []Step{{Text: "QMP input-send-event: ctrl_r down, scroll_lock down and up twice, ctrl_r up. sendkey and virsh send-key let go of Ctrl each time and do not work.", Manual: true}}
	case windows.HyperV:
		return []Step{{Text: "WMI, class Msvm_Keyboard: PressKey right Ctrl, TypeKey Scroll Lock twice, ReleaseKey.", Manual: true}}
	}
	return nil
}

func powerButtonSteps(f *windows.Facts) []Step {
	if !PowerButtonArmed(f) {
		return nil
	}
	return []Step{
		{Text: "Hold the power button for 7 seconds and let go before 10, when the firmware cuts the power."},
		{Text: "The screen turns black and asks to release the button; then a percentage is shown."},
	}
}

func seeSteps(f *windows.Facts) []Step {
	steps := []Step{{Text: "A stop screen with a percentage that counts up to 100."}}
	if !f.IsARM64() {
		steps = append(steps, Step{Text: "Stop code 0x80 (NMI_HARDWARE_FAILURE) after an NMI."})
	}
	steps = append(steps, Step{Text: "Stop code 0xE2 (MANUALLY_INITIATED_CRASH) after the keyboard."})
	if PowerButtonArmed(f) {
		steps = append(steps, Step{Text: "Stop code 0x1C8 after the power button."})
	}
	return steps
}

func waitStep(f *windows.Facts) Step {
	mb := dumpSize(f, configuredType(f))
	if mb == 0 {
		return Step{Text: "Do not switch off until the percentage has reached 100: about one minute for 6 GB on a hard disk, 30 GB on an SSD."}
	}
	return Step{Text: fmt.Sprintf("The dump will be about %s: %s. Do not switch off, send no second NMI.", mbText(mb), writingTime(mb))}
}

func afterwards(f *windows.Facts) []Step {
	outside := Step{Text: "From outside Windows: the dump lies in the page file or in the dump file.", Where: "this medium", Command: fixCollect}
	if f.CrashControl.Or(windows.AutoReboot, 1) == 0 {
		return []Step{{Text: "The machine stays on the stop screen. At 100 %, switch it off and start this medium."}, outside}
	}
	return []Step{
		{Text: fmt.Sprintf("The machine restarts by itself. Let it start once fully; the dump is then in %s.", dumpFileText(f))},
		{Text: "If it hangs again before that, or ends in automatic repair (which Windows starts after two failed starts), start this medium instead: the dump is still in the page file."},
		outside,
		{Text: "When done, put the settings back.", Where: "this medium", Command: "hangkit undo"},
	}
}

func nothingHappens() []Step {
	return []Step{
		{Text: "NMI: look for an option in the firmware or hypervisor that swallows it or resets on it, and into the BMC's event log."},
		{Text: "Keyboard: another port, a PS/2 keyboard; hold the first keys all the time; try twice."},
		{Text: "The settings count from the first full start after hangkit arm."},
		{Text: "If all fails, the hang lies below Windows: hardware, firmware, or a processor that answers no interrupt."},
	}
}
