package windows

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/hive"
)

// Live is what only the caller can know: about the machine hangkit runs on, and about the volume below the files.
type Live struct {
	RAM       int64  // bytes of the machine that will boot; below MinRAM = unknown
	RAMSource string // "--ram", or ThisMachine
	SMBIOS    SMBIOS // of the machine hangkit runs on; zero = unknown
	Volume    VolumeState
	// Boot is what the boot store says about starting the installation; BootProblem why that is not known.
	Boot        *BootSettings
	BootProblem string
	// BootUnreadable: there is a boot store, or a partition for one, and it cannot be read.
	BootUnreadable bool
	// Neighbours are the other volumes in reach.
	Neighbours []Neighbour
	// OtherInstallations counts further Windows installations in reach.
	OtherInstallations int
	DumpStack          DumpStackLog
}

// DumpStackLog is what Windows wrote down about its last dump: the readable lines of DumpStack.log or DumpStack.log.tmp.
type DumpStackLog struct {
	Path  string
	Lines []string // printable ASCII
}

// MinRAM is what no machine has less of, in bytes: a smaller memory size counts as unknown.
const MinRAM = 1 << 20

// ThisMachine is the RAMSource of the machine hangkit runs on. It counts only while the disk has not moved.
const ThisMachine = "this machine"

// VolumeState is what the caller found out about the system volume itself, below its files.
type VolumeState struct {
	ID         VolumeID
	Serial     uint64 // volume serial number, 0 = unknown
	Dirty      bool   // chkdsk is due
	DirtyWhy   string
	Hibernated bool // a hibernation or Fast Startup image would be resumed
	// HibernatedWhy says what the image is: "hiberfil.sys begins with HIBR".
	HibernatedWhy string
	BitLocker     bool // the volume is encrypted
	Suspended     bool // it opens without a key
	Locked        bool // and has not been unlocked
	Dynamic       bool // it is part of a dynamic disk or a storage pool
	ReadOnly      bool
	ReadOnlyWhy   string
	// What the volume's last use left behind, in words, empty where it is not known.
	Journal, Mirror, BackupBoot          string
	JournalClean, MirrorOK, BackupBootOK bool
}

// Facts are everything the crash configuration is judged and planned by. Nothing is read after they are gathered.
type Facts struct {
	Root       string // system root in the volume, empty for a bare hive
	SystemPath string // slash path of the SYSTEM hive
	HasVolume  bool
	WinPE      bool // Windows PE, which runs from memory
	Recovery   hive.Recovery
	ControlSet ControlSet

	Version  Version
	Arch     Fact[string] // x86, amd64, arm64, ia64
	Role     Fact[Role]
	Name     Fact[string] // machine name
	Domain   Fact[string] // known only if there is a hint of one
	RAM      Fact[int64]  // bytes
	Machine  Machine      // the hardware the installation last ran on
	Platform Platform

	CrashControl   Values
	GuardedHost    Values // CrashControl\ForceDumpsDisabled
	Certificate    Values // CrashControl\EncryptionCertificates\Certificate.1
	LiveReports    Values // CrashControl\LiveKernelReports
	Memory         Values // Session Manager\Memory Management
	FileSystem     Values
	Power          Values
	SessionPower   Values // Session Manager\Power
	Control        Values // SystemStartOptions
	LSA            Values // CrashOnAuditFail
	DeviceGuard    Values // EnableVirtualizationBasedSecurity
	SetupState     Values // Setup, at the root of the hive
	SDBusParameter Values // Services\sdbus\Parameters

	CodeIntegrity   Values // DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity
	CredentialGuard Values // DeviceGuard\Scenarios\CredentialGuard
	// FullLiveReports is CrashControl\FullLiveKernelReports, or before Windows 10 1703 the key of SOFTWARE.
	FullLiveReports Values

	// What SOFTWARE says, empty for a bare hive.
	ErrorReporting       Values // Windows Error Reporting
	ErrorReportingPolicy Values // the same below Policies
	Policies             []Policy

	PageFiles    []PageFileEntry
	Drives       []Drive
	SystemLetter Fact[byte]
	Keyboards    []KeyboardDriver
	Devices      Devices
	Storage      Storage
	Watchdogs    []Watchdog
	LastRun      LastRun
	Services     map[string]uint32 // Start of the few services the rules ask for, by name

	// Boot is what the boot store says about starting the installation; nil where that is not known, and BootProblem
	// says why. Both are empty for a bare hive. BootUnreadable: there is a store, or a partition for one, and it cannot
	// be read.
	Boot           *BootSettings
	BootProblem    string
	BootUnreadable bool

	// LastDump is the newest dump of a crash that lies there, nil if none does.
	LastDump *LastDump

	Volume VolumeState
	Files  Files
	Free   Fact[int64] // bytes free on the system volume
	Other  int         // further installations in reach

	DumpStack DumpStackLog

	// Problems are keys that could not be read, with the reason.
	Problems []string

	neighbours []Neighbour
}

// Role is what the product was installed as.
type Role string

// Roles, by ProductOptions\ProductType.
const (
	Client           Role = "client"
	Server           Role = "server"
	DomainController Role = "domain controller"
)

// IsServer reports whether the role is known to be one of a server.
func (f *Facts) IsServer() bool { return f.Role.Value == Server || f.Role.Value == DomainController }

// AtLeast reports whether the build is this one or later; an unknown build is none.
func (f *Facts) AtLeast(build int) bool {
	return f.Version.Build.Known && f.Version.Build.Value >= build
}

// Before reports whether the build is known and earlier.
func (f *Facts) Before(build int) bool { return f.Version.Build.Known && f.Version.Build.Value < build }

// Is64Bit reports whether the installation is a 64-bit one; an unknown architecture counts as 64-bit, whose needs are
// the larger.
func (f *Facts) Is64Bit() bool { return f.Arch.Value != "x86" }

// IsARM64 reports an ARM64 installation.
func (f *Facts) IsARM64() bool { return f.Arch.Value == "arm64" }

// Facts reads the installation. Only a hive that cannot be walked at all is an error; single damaged keys are listed in
// Problems, and a control set that cannot be found leaves its facts empty.
func (i *Installation) Facts(live Live) (*Facts, error) {
	r := &reader{h: i.System}
	if r.key("") == nil {
		return nil, &HiveError{Path: i.SystemPath, Err: fmt.Errorf("read the root key: %s", strings.Join(r.problems, "; "))}
	}
	f := &Facts{
		Root: i.Root, SystemPath: i.SystemPath, HasVolume: i.Volume != nil,
		Recovery: i.System.Recovery(), ControlSet: ReadControlSet(i.System),
		Volume: live.Volume, Other: live.OtherInstallations, neighbours: live.Neighbours,
		Boot: live.Boot, BootProblem: live.BootProblem, BootUnreadable: live.BootUnreadable, DumpStack: live.DumpStack,
	}
	f.readSettings(r)
	f.readDevices(r)
	f.readStorage(r)
	f.readLastRun(r)
	i.readIdentity(f, r)
	if f.WinPE = isWinPE(f.Version, r); f.WinPE {
		f.Version.Product = peProduct // it names the Windows it was made of
	}
	i.readSoftware(f)
	f.readMachine(r, live.SMBIOS)
	f.readDrives(i.systemRoot(), live.Volume.ID)
	if live.RAM >= MinRAM && (live.RAMSource != ThisMachine || !f.Machine.Moved()) {
		f.RAM = sure(live.RAM, live.RAMSource)
	}
	i.LookAtFiles(f)
	f.Problems = r.problems
	return f, nil
}

// Clone returns facts that can be changed without changing these.
func (f *Facts) Clone() *Facts {
	out := *f
	out.Keyboards = slices.Clone(f.Keyboards)
	return &out
}

// FactsOf gathers what another control set of the installation says, for facts of the one that boots. What concerns the
// machine, the volume and the version stays as it is.
func (i *Installation) FactsOf(f *Facts, controlSet string) *Facts {
	r := &reader{h: i.System}
	out := *f
	out.ControlSet.Name = controlSet
	out.Watchdogs = nil
	out.readSettings(r)
	out.readDevices(r)
	out.readStorage(r)
	out.Name, out.Domain, out.Role = f.Name, f.Domain, f.Role
	i.LookAtFiles(&out)
	out.Problems = r.problems
	return &out
}

// readSettings takes the keys of the crash configuration as they are.
func (f *Facts) readSettings(r *reader) {
	in := func(below string) Values { return r.values(f.ControlSet.Key(below)) }
	f.CrashControl = in(`Control\CrashControl`)
	f.GuardedHost = in(`Control\CrashControl\ForceDumpsDisabled`)
	f.Certificate = in(`Control\CrashControl\EncryptionCertificates\Certificate.1`)
	f.LiveReports = in(`Control\CrashControl\LiveKernelReports`)
	f.Memory = in(`Control\Session Manager\Memory Management`)
	f.FileSystem = in(`Control\FileSystem`)
	f.Power = in(`Control\Power`)
	f.SessionPower = in(`Control\Session Manager\Power`)
	f.Control = in("Control")
	f.LSA = in(`Control\Lsa`)
	f.DeviceGuard = in(`Control\DeviceGuard`)
	f.CodeIntegrity = in(`Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity`)
	f.CredentialGuard = in(`Control\DeviceGuard\Scenarios\CredentialGuard`)
	f.FullLiveReports = in(`Control\CrashControl\FullLiveKernelReports`)
	f.SDBusParameter = in(`Services\sdbus\Parameters`)
	f.SetupState = r.values("Setup")
	raw, _ := f.Memory.Strings(PagingFiles)
	f.PageFiles = ParsePageFiles(raw)
	f.Drives = parseDrives(r.values("MountedDevices"))
	f.meetNeighbours()
	f.Name = nameFact(r, f.ControlSet)
	f.Domain = domainFact(in(`Services\Tcpip\Parameters`))
	f.Role = roleFact(in(`Control\ProductOptions`))
}

func (f *Facts) readDrives(systemRoot string, id VolumeID) {
	existing, _ := f.Memory.Strings(ExistingPageFiles)
	f.SystemLetter = systemLetter(f.Drives, id, systemRoot, existing)
}

// systemRoot is SOFTWARE's SystemRoot, "C:\Windows", or empty.
func (i *Installation) systemRoot() string {
	v, _ := i.currentVersion()
	s, _ := v.Text("SystemRoot")
	return s
}

func nameFact(r *reader, c ControlSet) Fact[string] {
	const key = `Control\ComputerName\ComputerName`
	if name := r.text(c.Key(key), "ComputerName"); name != "" {
		return sure(name, `SYSTEM, `+key)
	}
	return Fact[string]{}
}

// domainFact reports a DNS suffix, which a domain member has, though not only a member.
func domainFact(tcpip Values) Fact[string] {
	for _, name := range []string{"NV Domain", "Domain"} {
		if s, _ := tcpip.Text(name); s != "" {
			return guessed(s, `SYSTEM, Tcpip\Parameters, `+name)
		}
	}
	return Fact[string]{}
}

func roleFact(options Values) Fact[Role] {
	const source = `SYSTEM, Control\ProductOptions, ProductType`
	switch t, _ := options.Text("ProductType"); strings.ToLower(t) {
	case "winnt":
		return sure(Client, source)
	case "servernt":
		return sure(Server, source)
	case "lanmannt":
		return sure(DomainController, source)
	}
	return Fact[Role]{}
}

// Letter returns the drive letter of the system volume with its colon, "C:".
func (f *Facts) Letter() string { return string(rune(f.SystemLetter.Value)) + ":" }

// Drive returns a drive letter of the target.
func (f *Facts) Drive(letter byte) (Drive, bool) {
	for _, d := range f.Drives {
		if d.Letter == upper(letter) {
			return d, true
		}
	}
	return Drive{}, false
}
