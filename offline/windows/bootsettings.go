package windows

// BootSettings are what the boot configuration store says about starting one installation: those
// elements of its entry that decide whether a crash is dumped, and how much memory there is to dump.
type BootSettings struct {
	Store   string // where the store lies, for people: "EFI/Microsoft/Boot/BCD (disk.img, partition 1)"
	Entry   string // ID of the entry that starts the installation
	Name    string // its name in the menu
	Default bool   // the boot manager starts it by itself
	Others  int    // further entries that start the same installation
	// Loose says that the entry names no partition, but a place to look for: it fits by its system root alone.
	Loose bool

	Debug             BootValue[bool] // the kernel debugger: a crash may wait for one
	BootDebug         BootValue[bool] // the same for the loader
	NoCrashAutoReboot BootValue[bool] // beats AutoReboot
	RecoveryEnabled   BootValue[bool] // automatic repair after failed starts
	BootLog           BootValue[bool]
	EMS               BootValue[bool]
	LastKnownGood     BootValue[bool]
	WinPE             BootValue[bool]
	HypervisorDebug   BootValue[bool]

	BootStatusPolicy     BootValue[uint64] // 1 ignores every failure: no automatic repair
	SafeBoot             BootValue[uint64] // 0 minimal, 1 network, 2 directory repair
	RemoveMemory         BootValue[uint64] // MB that Windows leaves alone
	TruncateMemory       BootValue[uint64] // address above which Windows leaves memory alone
	HypervisorLaunchType BootValue[uint64] // 0 off, 1 auto
	NumProc              BootValue[uint64]

	entry *Entry
}

// Own returns an element that is set in the entry itself.
func (s *BootSettings) Own(t ElementType) (Element, bool) {
	if s.entry == nil {
		return Element{}, false
	}
	return s.entry.ownType(t)
}

// BootValue is what counts for an entry: its own setting, one it inherits, or the documented default.
type BootValue[T bool | uint64] struct {
	Value  T
	Origin Origin // empty: set nowhere, and no default is documented
}

// IsSet tells a value that stands in the store from a default.
func (v BootValue[T]) IsSet() bool { return v.Origin == Set || v.Origin == Inherited }

// What [BootSettings] has of an element that is set nowhere and whose default is undocumented is its
// zero value.
func bootFlag(e *Entry, name string) BootValue[bool] {
	el, ok := e.Element(name)
	if !ok || el.Err != nil {
		return BootValue[bool]{}
	}
	return BootValue[bool]{el.Bool, el.Origin}
}

func bootNumber(e *Entry, name string) BootValue[uint64] {
	el, ok := e.Element(name)
	if !ok || el.Err != nil {
		return BootValue[uint64]{}
	}
	return BootValue[uint64]{el.Integer, el.Origin}
}

// BootSettings returns what the store says about starting the installation with this system root on
// this partition; false if none of its entries starts it.
func (b *BCD) BootSettings(id VolumeID, root string) (*BootSettings, bool) {
	fit, loose := b.loadersOf(id, root)
	if len(fit) == 0 {
		return nil, false
	}
	l := fit[0]
	e := l.Entry
	return &BootSettings{
		Entry: l.ID, Name: l.Description(), Default: l.Default, Others: len(fit) - 1, Loose: loose, entry: e,

		Debug: bootFlag(e, "debug"), BootDebug: bootFlag(e, "bootdebug"),
		NoCrashAutoReboot: bootFlag(e, "nocrashautoreboot"), RecoveryEnabled: bootFlag(e, "recoveryenabled"),
		BootLog: bootFlag(e, "bootlog"), EMS: bootFlag(e, "ems"), LastKnownGood: bootFlag(e, "lastknowngood"),
		WinPE: bootFlag(e, "winpe"), HypervisorDebug: bootFlag(e, "hypervisordebug"),

		BootStatusPolicy: bootNumber(e, "bootstatuspolicy"), SafeBoot: bootNumber(e, "safeboot"),
		RemoveMemory: bootNumber(e, "removememory"), TruncateMemory: bootNumber(e, "truncatememory"),
		HypervisorLaunchType: bootNumber(e, "hypervisorlaunchtype"), NumProc: bootNumber(e, "numproc"),
	}, true
}
