package crashconfig

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// Reading is one thing that a rule looks at, and what it was on this machine.
type Reading struct {
	What    string // `SYSTEM, Control\CrashControl, CrashDumpEnabled`
	Value   string // "7", "absent"; empty where it is not known
	Known   bool
	Guessed bool   // inferred, not stated by the source
	Source  string // where it was found on this machine; of what is not known, why, if that can be said
}

// look takes what a rule looks at. Of no facts at all it still says what that is.
type look func(*windows.Facts) []Reading

// Readings are what the rule with this id looks at.
func Readings(id string, f *windows.Facts) []Reading {
	var out []Reading
	for _, r := range rules {
		if r.id != id {
			continue
		}
		for _, look := range r.reads {
			out = append(out, look(f)...)
		}
	}
	return out
}

// key is a registry key of the facts.
type key struct {
	hive, name string
	values     func(*windows.Facts) windows.Values
}

const (
	systemHive   = "SYSTEM"
	softwareHive = "SOFTWARE"
)

// The keys that rules look at. Those of SYSTEM lie in the control set that boots, but for Setup and Select.
var (
	crashControl = key{systemHive, `Control\CrashControl`, func(f *windows.Facts) windows.Values { return f.CrashControl }}
	guardedHost  = key{systemHive, `Control\CrashControl\ForceDumpsDisabled`, func(f *windows.Facts) windows.Values { return f.GuardedHost }}
	certificate1 = key{systemHive, `Control\CrashControl\EncryptionCertificates\Certificate.1`, func(f *windows.Facts) windows.Values { return f.Certificate }}
	fullReports  = key{systemHive, `Control\CrashControl\FullLiveKernelReports`, func(f *windows.Facts) windows.Values { return f.FullLiveReports }}
	memoryKey    = key{systemHive, `Control\Session Manager\Memory Management`, func(f *windows.Facts) windows.Values { return f.Memory }}
	fileSystem   = key{systemHive, `Control\FileSystem`, func(f *windows.Facts) windows.Values { return f.FileSystem }}
	powerKey     = key{systemHive, `Control\Power`, func(f *windows.Facts) windows.Values { return f.Power }}
	sessionPower = key{systemHive, `Control\Session Manager\Power`, func(f *windows.Facts) windows.Values { return f.SessionPower }}
	controlKey   = key{systemHive, `Control`, func(f *windows.Facts) windows.Values { return f.Control }}
	lsaKey       = key{systemHive, `Control\Lsa`, func(f *windows.Facts) windows.Values { return f.LSA }}
	deviceGuard  = key{systemHive, `Control\DeviceGuard`, func(f *windows.Facts) windows.Values { return f.DeviceGuard }}
	hvciKey      = key{systemHive, `Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity`, func(f *windows.Facts) windows.Values { return f.CodeIntegrity }}
	credGuard    = key{systemHive, `Control\DeviceGuard\Scenarios\CredentialGuard`, func(f *windows.Facts) windows.Values { return f.CredentialGuard }}
	sdbusKey     = key{systemHive, `Services\sdbus\Parameters`, func(f *windows.Facts) windows.Values { return f.SDBusParameter }}
	setupKey     = key{systemHive, `Setup`, func(f *windows.Facts) windows.Values { return f.SetupState }}
	reporting    = key{softwareHive, `Microsoft\Windows\Windows Error Reporting`, func(f *windows.Facts) windows.Values { return f.ErrorReporting }}
	reportPolicy = key{softwareHive, `Policies\Microsoft\Windows\Windows Error Reporting`, func(f *windows.Facts) windows.Values { return f.ErrorReportingPolicy }}
)

// value looks at values of the key.
func (k key) value(names ...string) look {
	return func(f *windows.Facts) []Reading {
		var out []Reading
		for _, name := range names {
			out = append(out, k.reading(k.values(f), name))
		}
		return out
	}
}

func (k key) reading(v windows.Values, name string) Reading {
	r := Reading{What: k.hive + ", " + k.name + ", " + name, Known: v.Key != ""}
	if r.Known {
		r.Source, r.Value = k.hive+`\`+v.Key, dataText(v, name)
	}
	return r
}

// maxDataText bounds what is shown of one value.
const maxDataText = 300

// dataText writes a value's data for people and programs.
func dataText(v windows.Values, name string) string {
	val, ok := v.Value(name)
	if !ok {
		return absent
	}
	var text string
	switch val.Type {
	case hive.DWORD:
		return valueText(v, name)
	case hive.SZ, hive.ExpandSZ:
		text = fmt.Sprintf("%q", val.Text())
	case hive.MultiSZ:
		text = fmt.Sprintf("%q", val.Strings())
	default:
		text = fmt.Sprintf("%s of %d bytes", val.Type, len(val.Data))
	}
	if len(text) > maxDataText {
		text = strings.ToValidUTF8(text[:maxDataText], "") + "…"
	}
	return text
}

const absent = "absent"

// readFact makes a look of a fact.
func readFact[T any](what string, of func(*windows.Facts) windows.Fact[T]) look {
	return func(f *windows.Facts) []Reading {
		fact := of(f)
		r := Reading{What: what, Known: fact.Known, Guessed: fact.Guessed, Source: fact.Source}
		if fact.Known {
			r.Value = fmt.Sprint(fact.Value)
		}
		return []Reading{r}
	}
}

// readState makes a look of something that was found out about the volume or its files; an empty text is not known.
func readState(what, source string, of func(*windows.Facts) string) look {
	return func(f *windows.Facts) []Reading {
		r := Reading{What: what, Value: of(f)}
		if r.Known = r.Value != ""; r.Known {
			r.Source = source
		}
		return []Reading{r}
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// onVolume is a state that only a volume has.
func onVolume(f *windows.Facts, text string) string {
	if !f.HasVolume {
		return ""
	}
	return text
}

const (
	fromVolume = "the Windows volume"
	fromEnum   = "SYSTEM, Enum: devices seen so far"
)

// Looks that several rules share.
var (
	buildRead    = readFact("Windows build", func(f *windows.Facts) windows.Fact[int] { return f.Version.Build })
	archRead     = readFact("processor architecture", func(f *windows.Facts) windows.Fact[string] { return f.Arch })
	roleRead     = readFact("client or server", func(f *windows.Facts) windows.Fact[windows.Role] { return f.Role })
	ramRead      = readFact("memory of the machine, bytes", func(f *windows.Facts) windows.Fact[int64] { return f.RAM })
	freeRead     = readFact("free space of the Windows volume, bytes", func(f *windows.Facts) windows.Fact[int64] { return f.Free })
	domainRead   = readFact("DNS domain", func(f *windows.Facts) windows.Fact[string] { return f.Domain })
	letterRead   = readFact("drive letter of the Windows volume", letterFact)
	pageFileRead = readState("page file on the Windows volume", fromVolume, func(f *windows.Facts) string { return onVolume(f, fileText(f.Files.PageFile)) })
	dumpFileRead = readState("dump file on the Windows volume", fromVolume, func(f *windows.Facts) string { return onVolume(f, fileText(f.Files.DumpFile)) })
	controlSets  = readState("SYSTEM, Select", "SYSTEM", selectText)
	bitLocker    = readState("BitLocker on the Windows volume", fromVolume, func(f *windows.Facts) string { return onVolume(f, yesNo(f.Volume.BitLocker || f.Volume.Locked)) })
)

func letterFact(f *windows.Facts) windows.Fact[string] {
	l := f.SystemLetter
	return windows.Fact[string]{Value: f.Letter(), Known: l.Known, Source: l.Source, Guessed: l.Guessed}
}

func fileText(f windows.File) string {
	if !f.Present {
		return absent
	}
	return fmt.Sprintf("%s, %d bytes", f.Path, f.Size)
}

func selectText(f *windows.Facts) string {
	c := f.ControlSet
	if c.Name == "" && c.Problem == "" {
		return ""
	}
	return fmt.Sprintf("Default %d, Current %d, Failed %d, LastKnownGood %d; in the hive: %s",
		c.Default, c.Current, c.Failed, c.LastKnownGood, strings.Join(c.All, ", "))
}

func platformRead(f *windows.Facts) []Reading {
	p := f.Platform
	return []Reading{{What: "kind of machine", Value: p.ID, Known: p.ID != windows.UnknownPlace, Guessed: p.Guessed, Source: p.Source}}
}

func drivesRead(f *windows.Facts) []Reading {
	r := Reading{What: "SYSTEM, MountedDevices: drive letters", Known: len(f.Drives) > 0}
	var letters []string
	for _, d := range f.Drives {
		text := string(rune(d.Letter)) + ":"
		if d.Removable() {
			text += " (removable)"
		}
		if d.FileSystem != "" {
			text += " (" + d.FileSystem + ")"
		}
		letters = append(letters, text)
	}
	if r.Known {
		r.Value, r.Source = strings.Join(letters, ", "), "SYSTEM"
	}
	return []Reading{r}
}

// readKeyboards looks at the same values of every keyboard driver.
func readKeyboards(names ...string) look {
	return func(f *windows.Facts) []Reading {
		var out []Reading
		for _, n := range windows.KeyboardNames {
			k := f.Keyboard(n.Service)
			for _, name := range names {
				out = append(out, keyboardReading(k, name))
			}
		}
		return out
	}
}

// Names of what a keyboard look can take beside the values of the registry.
const (
	keyboardStart = "Start"
	keyboardInUse = "seen"
	misplacedKeys = `Parameters\crashdump`
)

func keyboardReading(k windows.KeyboardDriver, name string) Reading {
	service := key{hive: systemHive, name: `Services\` + k.Service}
	switch name {
	case keyboardStart:
		return Reading{What: service.hive + ", " + service.name + ", Start", Known: k.Start.Known, Value: fmt.Sprint(k.Start.Value), Source: k.Start.Source}
	case keyboardInUse:
		return Reading{What: "a keyboard of " + k.Service + " was connected", Known: k.InUse.Known, Value: yesNo(k.InUse.Value), Guessed: true, Source: k.InUse.Source}
	case windows.CrashOnCtrlScroll:
		service.name += `\Parameters`
		return service.reading(k.Parameters, name)
	case misplacedKeys:
		service.name += `\` + misplacedKeys
		return service.reading(k.Misplaced, windows.Dump2Key)
	}
	service.name += `\crashdump`
	return service.reading(k.Dump, name)
}

// readServices looks at the Start of services.
func readServices(names ...string) look {
	return func(f *windows.Facts) []Reading {
		var out []Reading
		for _, name := range names {
			r := Reading{What: `SYSTEM, Services\` + name + ", Start", Known: f.Services != nil}
			if r.Known {
				r.Value, r.Source = absent, f.ControlSet.Key(`Services`)
				if n, ok := f.Services[name]; ok {
					r.Value = fmt.Sprint(n)
				}
			}
			out = append(out, r)
		}
		return out
	}
}

func controllersRead(f *windows.Facts) []Reading {
	r := Reading{What: "SYSTEM, Enum and Control\\Class: drivers of disk controllers", Guessed: true, Known: len(f.Storage.Controllers) > 0}
	var list []string
	for _, c := range f.Storage.Controllers {
		list = append(list, controllerText(c))
	}
	if r.Known {
		r.Value, r.Source = strings.Join(list, "; "), fromEnum
	}
	return []Reading{r}
}

func controllerText(c windows.Controller) string {
	parts := []string{c.Service, c.Version, c.Provider, c.Inf}
	if c.Boot {
		parts = append(parts, "loaded at boot")
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func disksRead(f *windows.Facts) []Reading {
	r := Reading{What: "SYSTEM, Enum: disks seen so far", Guessed: true, Known: f.Storage.SDDisks+f.Storage.FixedDisks > 0}
	if r.Known {
		r.Value, r.Source = fmt.Sprintf("%d on an SD or eMMC bus, %d on others but USB", f.Storage.SDDisks, f.Storage.FixedDisks), fromEnum
	}
	return []Reading{r}
}

// readBoot looks at elements of the entry of the boot store that starts the installation.
func readBoot(elements ...string) look {
	return func(f *windows.Facts) []Reading {
		var out []Reading
		for _, name := range elements {
			r := Reading{What: "boot store, " + name, Source: f.BootProblem}
			if f.Boot != nil {
				r.Value = bootText(f.Boot, name)
				r.Known, r.Source = r.Value != "", f.Boot.Store+", "+f.Boot.Entry
			}
			out = append(out, r)
		}
		return out
	}
}

// Elements of the boot store that rules look at.
const (
	elementDebug      = "debug"
	elementRecovery   = "recoveryenabled"
	elementPolicy     = "bootstatuspolicy"
	elementNoReboot   = "nocrashautoreboot"
	elementSafeBoot   = "safeboot"
	elementRemove     = "removememory"
	elementTruncate   = "truncatememory"
	elementHypervisor = "hypervisorlaunchtype"
)

func bootText(b *windows.BootSettings, name string) string {
	switch name {
	case elementDebug:
		return bootValueText(b.Debug)
	case elementRecovery:
		return bootValueText(b.RecoveryEnabled)
	case elementPolicy:
		return bootValueText(b.BootStatusPolicy)
	case elementNoReboot:
		return bootValueText(b.NoCrashAutoReboot)
	case elementSafeBoot:
		return bootValueText(b.SafeBoot)
	case elementRemove:
		return bootValueText(b.RemoveMemory)
	case elementTruncate:
		return bootValueText(b.TruncateMemory)
	case elementHypervisor:
		return bootValueText(b.HypervisorLaunchType)
	}
	return ""
}

// bootValueText writes a value with its origin, "1 (set)".
func bootValueText[T bool | uint64](v windows.BootValue[T]) string {
	if v.Origin == "" {
		return "set nowhere"
	}
	return fmt.Sprintf("%v (%s)", v.Value, v.Origin)
}

// What the rules about access read, in words; empty where it is not known.

func hibernationText(f *windows.Facts) string {
	if f.Volume.Hibernated {
		return f.Volume.HibernatedWhy
	}
	return onVolume(f, "holds no suspended Windows")
}

func dirtyText(f *windows.Facts) string {
	if f.Volume.DirtyWhy != "" {
		return f.Volume.DirtyWhy
	}
	return onVolume(f, "dirty: "+yesNo(f.Volume.Dirty))
}

func recoveryText(f *windows.Facts) string {
	if f.Recovery.Dirty {
		return "not written out; " + recovered(f.Recovery) + " taken from the logs"
	}
	return "written out"
}

func othersText(f *windows.Facts) string  { return fmt.Sprint(f.Other) }
func machineText(f *windows.Facts) string { return f.Machine.UUID }
func liveText(f *windows.Facts) string    { return f.Machine.LiveUUID }

func readOnlyText(f *windows.Facts) string {
	if f.Volume.ReadOnly {
		return f.Volume.ReadOnlyWhy
	}
	return "it can be written to"
}

func problemsText(f *windows.Facts) string {
	if len(f.Problems) == 0 {
		return "none"
	}
	return strings.Join(f.Problems[:min(len(f.Problems), maxProblems)], "; ")
}

// maxProblems bounds what is shown of a registry in ruins.
const maxProblems = 20

func missingFilters(f *windows.Facts) string {
	if len(f.Files.MissingFilters) == 0 {
		return onVolume(f, "none")
	}
	return strings.Join(f.Files.MissingFilters, ", ")
}

func dumpStackText(f *windows.Facts) string {
	if len(f.DumpStack.Lines) == 0 {
		return onVolume(f, "nothing readable")
	}
	return f.DumpStack.Path + ": " + strings.Join(f.DumpStack.Lines, " | ")
}

func waitingText(f *windows.Facts) string {
	return onVolume(f, fmt.Sprintf("%d and %d", len(f.Files.TempDumps), len(f.Files.Minidumps)))
}

func pageFileDumpText(f *windows.Facts) string {
	if f.Files.PageFileDump == "" {
		return onVolume(f, "none")
	}
	return f.Files.PageFileDump
}

func dynamicText(f *windows.Facts) string { return onVolume(f, yesNo(f.Volume.Dynamic)) }

func policiesText(f *windows.Facts) string {
	if len(f.Policies) == 0 {
		return onVolume(f, "none")
	}
	var list []string
	for _, p := range f.Policies {
		list = append(list, p.Source+": "+strings.Join(p.Names, ", "))
	}
	return strings.Join(list, "; ")
}
