package crashconfig

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// ErrPlatform says that a name is no platform hangkit knows.
var ErrPlatform = errors.New("unknown platform")

// Section is a part of the trigger guide.
type Section struct {
	ID    string
	Title string
	Steps []Step
	// Triggers marks the sections whose commands crash the machine, with a dump if it is armed for one.
	Triggers bool
	// Extra marks what is told on request only: other ways than the platform's.
	Extra bool
}

// TriggerGuide tells how to crash the machine on purpose, once it hangs.
type TriggerGuide struct {
	Platform string // id
	Name     string // of the platform
	Source   string // how it is known
	Guessed  bool
	Sections []Section
	// Others are the NMI sections of all other platforms, with their ids.
	Others []Section
	// Unarmed says that an NMI would now stop the machine without a dump, so that no command for one is offered.
	Unarmed bool
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

// Commands are the command lines that crash the machine, without the words around them. Most are alternatives.
func (g *TriggerGuide) Commands() []string {
	return commandsOf(slices.DeleteFunc(slices.Clone(g.Sections), func(s Section) bool { return s.Extra }))
}

// OtherCommands are those of all other platforms.
func (g *TriggerGuide) OtherCommands() []string { return commandsOf(g.Others) }

func commandsOf(sections []Section) []string {
	var out []string
	for _, s := range sections {
		for _, step := range s.Steps {
			crashes := s.Triggers && step.Command != "" && !strings.HasPrefix(step.Command, fixArm)
			if crashes && !slices.Contains(out, step.Command) {
				out = append(out, step.Command)
			}
		}
	}
	return out
}

// guide is a trigger guide in the making.
type guide struct {
	TriggerGuide
	f *windows.Facts
	p place
	// general says that no disk was looked at, so nothing is known about what is armed.
	general bool
}

// Guide writes the guide for a platform, or for the one the facts show if the name is empty. The name may also be one of
// the [Ways]. Without facts it is general advice.
func Guide(f *windows.Facts, name string) (*TriggerGuide, error) {
	g := &guide{f: f, general: f == nil}
	if g.general {
		g.f = &windows.Facts{}
	}
	g.Platform, g.Source, g.Guessed = g.f.Platform.ID, g.f.Platform.Source, g.f.Platform.Guessed
	w, isWay := findWay(name)
	if name != "" && !isWay {
		g.Platform, g.Source, g.Guessed = name, "--platform", false
	}
	var ok bool
	if g.p, ok = findPlace(g.Platform); !ok {
		return nil, fmt.Errorf("%w %q: want one of %s", ErrPlatform, name, platformIDs())
	}
	g.Platform, g.Name = g.p.id, g.p.name
	g.Unarmed = !g.general && !NMIArmed(g.f) && !g.f.IsARM64()
	if isWay {
		g.writeWay(w)
	} else {
		g.write()
	}
	for _, p := range places {
		if p.id != g.Platform && len(p.nmi) > 0 {
			g.Others = append(g.Others, Section{ID: p.id, Title: p.name, Steps: p.nmi, Triggers: !g.Unarmed, Extra: true})
		}
	}
	return &g.TriggerGuide, nil
}

func platformIDs() string {
	var ids []string
	for _, p := range slices.Concat(Platforms(), Ways()) {
		ids = append(ids, p.ID)
	}
	return strings.Join(ids, ", ")
}

func (g *guide) add(s Section) {
	if len(s.Steps) > 0 {
		g.Sections = append(g.Sections, s)
	}
}

func (g *guide) write() {
	g.add(Section{ID: "before", Title: "Before", Steps: g.before()})
	g.add(Section{ID: "nmi", Title: "Send an NMI", Steps: g.nmiSteps(), Triggers: !g.Unarmed})
	g.addWays(false)
	g.outcome(nil)
	g.addWays(true)
}

// addWays adds the ways that belong to every guide, or those that are told on request.
func (g *guide) addWays(extra bool) {
	for _, w := range ways {
		if w.extra == extra {
			g.add(Section{ID: w.id, Title: w.title(), Steps: w.steps(g), Triggers: w.triggers, Extra: extra})
		}
	}
}

// writeWay tells about one way alone.
func (g *guide) writeWay(w way) {
	if !w.live {
		g.add(Section{ID: "before", Title: "Before", Steps: g.before()})
	}
	steps := w.steps(g)
	if len(steps) == 0 {
		g.add(Section{ID: w.id, Title: w.name, Steps: []Step{{Text: w.none(g)}}})
		return
	}
	g.add(Section{ID: w.id, Title: w.name, Steps: steps, Triggers: w.triggers})
	if !w.live {
		g.outcome(&w)
	}
}

// outcome tells what follows the crash; after one way alone if one is given.
func (g *guide) outcome(w *way) {
	g.add(Section{ID: "see", Title: "You will see", Steps: g.seeSteps(w)})
	g.add(Section{ID: "wait", Title: "Wait", Steps: []Step{waitStep(g.f)}})
	g.add(Section{ID: "afterwards", Title: "Afterwards", Steps: g.afterwards()})
	g.add(Section{ID: "nothing", Title: "If nothing happens", Steps: g.nothingHappens(w)})
	g.add(Section{ID: "reading", Title: "Reading the dump", Steps: []Step{
		{Text: "The stop code is the trigger's, not the cause: ignore what !analyze blames. Begin with !analyze -v -hang, then !locks, !vm, !running -it, !stacks 2: who holds what, who waits, and what each processor does."},
	}})
}

func (g *guide) before() []Step {
	out := slices.Concat([]Step{{Text: g.armedText()}}, g.doubts())
	if len(g.f.Watchdogs) > 0 {
		out = append(out, Step{Text: "Installed here, and may reset the machine first: " + watchdogsText(g.f) + "."})
	}
	if g.f.ServiceActive("ClusSvc") {
		out = append(out, Step{Text: "This is a node of a failover cluster, which may end a hang itself (stop code 0x9E, cluster property HangRecoveryAction) or move its roles."})
	}
	for i, w := range g.p.watch {
		if i == 0 {
			w.Text = "Switch off what resets the machine. " + w.Text
		}
		out = append(out, w)
	}
	return append(out, Step{Text: "Trigger the crash exactly once: a second NMI while the dump is written spoils it."})
}

// doubts are reasons to look twice before something is sent.
func (g *guide) doubts() []Step {
	var out []Step
	if g.Guessed {
		out = append(out, Step{Text: "The kind of machine is a guess from " + g.Source + ": make sure before you send anything."})
	}
	if also := g.f.Platform.Also; len(also) > 0 && g.Source != "--platform" {
		out = append(out, Step{Text: "This Windows also saw devices of " + placeNames(also) + ". If it runs there now (a virtual machine may show its host's maker and model), take that platform's steps: an NMI to the host takes the host down.",
			Command: "hangkit trigger --platform " + also[0]})
	}
	switch {
	case g.virtual() && !g.cloud():
		out = append(out, Step{Text: "Crash the virtual machine, not its host: an NMI through the host's BMC takes down the host and all its guests."})
	case g.f.ServiceActive("vmms"):
		out = append(out, Step{Text: "This Windows is a Hyper-V host: the crash ends all its virtual machines. To crash one of them, see hangkit trigger --platform hyperv."})
	}
	return out
}

func (g *guide) virtual() bool { return windows.Platform{ID: g.Platform}.Virtual() }

// cloud reports a platform whose host is somebody else's.
func (g *guide) cloud() bool {
	return slices.Contains([]string{windows.Azure, windows.AWS, windows.AWSXen, windows.GCP, windows.OCI, windows.Alibaba}, g.Platform)
}

func placeNames(ids []string) string {
	var names []string
	for _, id := range ids {
		p, _ := findPlace(id)
		names = append(names, p.name)
	}
	return strings.Join(names, "; ")
}

// armedText says which triggers the next boot will honour, and which of them this machine has.
func (g *guide) armedText() string {
	if g.general {
		return "No disk was looked at. Name one to see what it is armed for, or to arm it: hangkit trigger DISK, hangkit arm DISK."
	}
	var armed []string
	if NMIArmed(g.f) {
		text := "NMI"
		if !(windows.Platform{ID: g.Platform}).HasNMI() && g.Platform != windows.UnknownPlace {
			text += " (but this machine has no usual way to send one)"
		}
		armed = append(armed, text)
	}
	for _, k := range ArmedKeyboards(g.f) {
		armed = append(armed, fmt.Sprintf("keyboard %s (%s)", k.Service, k.Keys.Flag()))
	}
	if PowerButtonArmed(g.f) {
		armed = append(armed, "power button")
	}
	if len(armed) == 0 {
		return "No trigger is armed. Run hangkit arm first, then restart."
	}
	return "Armed for the next start: " + strings.Join(armed, "; ") + "."
}

func (g *guide) nmiSteps() []Step {
	var first []Step
	switch {
	case g.f.IsARM64():
		return []Step{{Text: "ARM64 machines have no NMI."}}
	case len(g.p.nmi) == 0:
		return []Step{{Text: "No public way to send an NMI to this kind of machine is known. " + g.p.none}}
	case g.general:
		first = []Step{{Text: "Windows 8 and Server 2012 and later always crash on an NMI; older ones once they are armed."}}
	case g.Unarmed:
		first = []Step{{Text: "NOT ARMED: an NMI now stops this Windows WITHOUT a dump. Do not send one. Arm it, then restart; what follows is for then.", Command: fixArm}}
	}
	return append(first, g.p.nmi...)
}

func (g *guide) seeSteps(w *way) []Step {
	if w != nil {
		return []Step{{Text: "A stop screen with a percentage that counts up to 100."}, {Text: w.see}}
	}
	out := []Step{{Text: "A stop screen with a percentage that counts up to 100."}}
	if !g.f.IsARM64() && len(g.p.nmi) > 0 {
		out = append(out, Step{Text: "After an NMI: stop code 0x80 (NMI_HARDWARE_FAILURE)."})
	}
	for _, w := range ways {
		if !w.extra && len(w.steps(g)) > 0 {
			out = append(out, Step{Text: w.see})
		}
	}
	return out
}

func waitStep(f *windows.Facts) Step {
	mb := dumpSize(f, configuredType(f))
	if mb == 0 {
		return Step{Text: "Do not switch off until the percentage has reached 100: about one minute for 6 GB on a hard disk, 30 GB on an SSD. Send no second NMI."}
	}
	return Step{Text: fmt.Sprintf("The dump will be about %s: %s. Do not switch off, send no second NMI.", mbText(mb), writingTime(mb))}
}

func (g *guide) afterwards() []Step {
	var out []Step
	if g.virtual() {
		out = append(out, Step{Text: "Do not revert the virtual machine to a snapshot and do not move or redeploy it: the dump would be lost."})
	}
	if g.cloud() {
		out = append(out, Step{Text: "Where no medium can be started, attach the disk to another machine and run hangkit there."})
	}
	outside := Step{Text: "From outside Windows: the dump lies in the page file or in the dump file.", Where: "this medium", Command: fixCollect}
	undo := Step{Text: "When done, put the settings back.", Where: "this medium", Command: "hangkit undo"}
	if staysOnStopScreen(g.f) {
		return append(out, Step{Text: "The machine stays on the stop screen. At 100 %, switch it off and start this medium."}, outside, undo)
	}
	return append(out,
		Step{Text: fmt.Sprintf("The machine restarts by itself. Let it start once fully; the dump is then in %s.", dumpFileText(g.f))},
		Step{Text: "If it hangs again before that, or ends in automatic repair (which Windows starts after two failed starts), start this medium instead: the dump is still in the page file."},
		outside, undo)
}

// staysOnStopScreen: the boot store's element wins over the registry.
func staysOnStopScreen(f *windows.Facts) bool {
	return f.CrashControl.Or(windows.AutoReboot, 1) == 0 || f.Boot != nil && f.Boot.NoCrashAutoReboot.Value
}

func (g *guide) nothingHappens(w *way) []Step {
	var out []Step
	if w == nil && !g.f.IsARM64() && len(g.p.nmi) > 0 {
		out = append(out, Step{Text: "NMI: look for an option in the firmware or hypervisor that swallows it or resets on it, and into the BMC's event log."})
	}
	for i := range ways {
		if v := &ways[i]; v.nothing != "" && (w == nil && !v.extra && len(v.steps(g)) > 0 || w != nil && w.id == v.id) {
			out = append(out, Step{Text: v.nothing})
		}
	}
	out = append(out, Step{Text: "The settings count from the first full start after hangkit arm."})
	for i, m := range g.p.memory {
		if i == 0 {
			m.Text = "Last resort, without the help of Windows: " + m.Text
		}
		out = append(out, m)
	}
	return append(out, Step{Text: "If all fails, the hang lies below Windows: hardware, firmware, or a processor that answers no interrupt."})
}
